import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '@kbisect/shared/digest';
import type { Call, Route } from '../router.js';

const WEB = join(import.meta.dirname, '../../../../web');
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/** The pages, and below `/static/` what they are made of. */
const PAGES = {
  '/': 'farm.html',
  '/jobs': 'jobs.html',
  '/jobs/:job': 'job.html',
  '/cache': 'cache.html',
  '/login': 'login.html',
} as const;

/** Routes of the dashboard's files, which are read once. */
export async function pageRoutes(): Promise<Route[]> {
  const files = new Map<string, { readonly bytes: Buffer; readonly etag: string; readonly type: string }>();
  for (const directory of ['static', 'dist']) {
    for (const name of await readdir(join(WEB, directory))) {
      const type = TYPES[name.split('.').at(-1) ?? ''];
      if (type === undefined) continue;
      const bytes = await readFile(join(WEB, directory, name));
      files.set(name, { bytes, etag: `"${digestOf(bytes)}"`, type });
    }
  }
  const send = (name: string, { request, response }: Call) => {
    const file = files.get(name);
    if (file === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('there is no such page\n');
      return;
    }
    const head = { etag: file.etag, 'cache-control': 'no-cache' };
    if (request.headers['if-none-match'] === file.etag) response.writeHead(304, head).end();
    else response.writeHead(200, { ...head, 'content-type': file.type }).end(file.bytes);
  };
  const pages = Object.entries(PAGES).map(([path, name]): Route => ({
    method: 'GET',
    path,
    serve: (call) => send(name, call),
  }));
  return [
    ...pages,
    { method: 'GET', path: '/favicon.ico', serve: (call) => send('icon.svg', call) },
    { method: 'GET', path: '/static/:file', serve: (call) => send(call.param('file'), call) },
  ];
}
