import { afterAll, beforeAll, expect, it } from 'vitest';
import { request } from 'node:https';
import { GuardedFarm } from './guarded-farm.js';

// The dashboard of a farm that asks who calls.

let farm: GuardedFarm;
beforeAll(async () => {
  farm = await GuardedFarm.start();
});
afterAll(() => farm.close());

/** As a browser asks. */
async function ask(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body = '',
): Promise<{ status: number; location: string; cookie: string; text: string }> {
  return new Promise((resolve, reject) => {
    const options = { method, headers, ca: farm.owner.authority, agent: false as const };
    const asked = request(`https://${farm.http}${path}`, options, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
      response.on('end', () => {
        const { location = '', 'set-cookie': cookies = [] } = response.headers;
        resolve({ status: response.statusCode ?? 0, location, cookie: cookies[0] ?? '', text });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

it('sends a browser to log in, and takes a token for a cookie that no script and no other site can use', async () => {
  expect(await ask('GET', '/', { accept: 'text/html' })).toMatchObject({ status: 303, location: '/login' });
  const page = await ask('GET', '/login', { accept: 'text/html' });
  expect(page).toMatchObject({ status: 200 });
  expect(page.text).toContain('<form id="login"');
  const { token } = await farm.token({ role: 'viewer', name: 'sam' });
  const guard = { 'x-kbisect': '1' };
  const entered = await ask('POST', '/login', guard, JSON.stringify({ token }));
  expect(entered).toMatchObject({ status: 200, text: '{"name":"sam","role":"viewer"}' });
  expect(entered.cookie).toMatch(/^__Host-kbisect=.*; Secure; HttpOnly; SameSite=Strict$/);
  const cookie = entered.cookie.split(';')[0] ?? '';
  expect(await ask('GET', '/api/jobs', { cookie })).toMatchObject({ status: 200, text: '{"jobs":[]}' });
  expect((await ask('GET', '/', { cookie, accept: 'text/html' })).status).toBe(200);
  expect((await ask('POST', '/api/jobs/none/cancel', { cookie, ...guard }, '{}')).status).toBe(403);
  const foreign = { cookie, ...guard, 'sec-fetch-site': 'cross-site' };
  expect((await ask('POST', '/logout', foreign)).status).toBe(403);
});

it('says of a wrong token that it is none', async () => {
  const wrong = await ask('POST', '/login', { 'x-kbisect': '1' }, '{"token":"kbisect.x"}');
  expect(wrong).toMatchObject({ status: 401, text: '{"error":"that is not a token"}', cookie: '' });
  expect((await ask('POST', '/login', { 'x-kbisect': '1' }, '{}')).status).toBe(400);
});
