import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KbisectError } from '@kbisect/shared/errors';
import { run } from '@kbisect/shared/process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryOf, Running } from '../../coordinator/cli/program-under-test.js';
import { readNatsAccess } from '../../coordinator/src/nats-access.js';
import { natsIsInstalled, startNats, type NatsUnderTest } from '../../coordinator/src/nats-under-test.js';
import { answered } from './callers.js';
import { GuardedFarm } from './guarded-farm.js';

const CULPRIT = 23;
const LAST = 40;

describe.skipIf(!natsIsInstalled)('several coordinators over TLS', () => {
  let nats: NatsUnderTest;
  let directory: string;
  let agent: Running;
  let leader: GuardedFarm;
  let others: GuardedFarm[];
  let addresses: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kbisect-several-'));
    const [user, password] = ['farm', randomBytes(8).toString('hex')];
    const passwordFile = join(directory, 'password');
    await writeFile(passwordFile, password);
    nats = await startNats(
      ['--user', user, '--pass', password],
      await readNatsAccess({ user, passwordFile }),
    );
    const secretFile = join(directory, 'secret');
    await writeFile(secretFile, randomBytes(32).toString('hex'));
    const { servers } = nats;
    const config = {
      nats: { user, passwordFile },
      identity: { secretFile },
      journal: { servers },
      cache: { jetstream: { servers } },
      events: { servers },
    };
    leader = await GuardedFarm.start(config);
    others = await Promise.all([GuardedFarm.start(config), GuardedFarm.start(config)]);
    addresses = [leader, ...others].map(({ grpc }) => grpc).join(',');
    const { token } = await leader.token({ role: 'agent', uses: 1 });
    // The one that leads is not the first that is asked.
    const everywhere = [...others, leader].map(({ grpc }) => grpc).join(',');
    const where = ['--coordinator', everywhere, 'agent', '--name', 'worker', '--slots', '1'];
    agent = new Running([...where, '--workdir', join(directory, 'worker')], { KBISECT_TOKEN: token });
    await agent.says(/"connected"/);
  });
  afterAll(async () => {
    await agent.stop();
    for (const farm of [leader, ...others]) await farm.close();
    await nats.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** What a coordinator's HTTP door says to who shows this token. */
  const metricsWith = async (token: string, farm: GuardedFarm) => {
    const bearer = token.split('.').slice(0, 3).join('.');
    return answered(farm, { who: 'viewer', principal: { kind: 'nobody' }, bearer }, 'GET', '/metrics');
  };

  it('refuse at each what was revoked at the one that leads', async () => {
    const { token, id } = await leader.token({ role: 'viewer' });
    for (const farm of [leader, ...others]) await expect.poll(() => metricsWith(token, farm)).toBe(200);
    await leader.revoke(id);
    for (const farm of [leader, ...others]) await expect.poll(() => metricsWith(token, farm)).toBe(401);
  });

  it('let each other have commits, and nothing else', async () => {
    const [one] = others;
    const file = async (name: string) => readFile(join(leader.state, 'identity', name), 'utf8');
    const shown = {
      certificate: await file('peer-certificate.pem'),
      key: await file('peer-key.pem'),
      authority: await file('peers.pem'),
    };
    const caller = { who: 'the one that leads', principal: { kind: 'coordinator' }, shown } as const;
    expect(await answered(one!, caller, 'GET', '/git/info/refs?service=git-upload-pack')).toBe(200);
    expect(await answered(one!, caller, 'GET', '/git/info/refs?service=git-receive-pack')).toBe(200);
    expect(await answered(one!, caller, 'GET', '/metrics')).toBe(403);
  });

  it('go on with a job, the agent and all who came in when the one that leads is killed', async () => {
    const repo = join(directory, 'repo');
    await repositoryOf(repo, LAST);
    const [person, home] = [await leader.token({ role: 'submitter', name: 'ann' }), join(directory, 'ann')];
    const as = async (...args: string[]) =>
      leader.kbisect(['--coordinator', addresses, ...args], { XDG_CONFIG_HOME: home });
    // Logged in where another one leads.
    const login = await leader.kbisect(['login', others.map(({ grpc }) => grpc).join(',')], {
      XDG_CONFIG_HOME: home,
      KBISECT_TOKEN: person.token,
    });
    expect(login).toMatchObject({ status: 0, stderr: '' });
    const revoked = await leader.token({ role: 'agent', uses: 5 });
    await leader.revoke(revoked.id);
    const valid = await leader.token({ role: 'agent', uses: 1 });

    const words = ['--repo', repo, '--good', 'v1', '--bad', `v${LAST}`, '--no-certify'];
    const slow = `sleep 1; test $(cat number) -lt ${CULPRIT}`;
    const submitted = await as('bisect', ...words, '--run', slow, '--detach');
    expect(submitted).toMatchObject({ status: 0, stderr: '' });
    const job = submitted.stdout.toString('utf8').trim();
    const tip = (await run({ program: 'git', args: ['-C', repo, 'rev-parse', `v${LAST}`] })).stdout
      .toString('utf8')
      .trim();
    for (const farm of others) {
      const args = ['-C', join(farm.state, 'git'), 'cat-file', '-e', `${tip}^{commit}`];
      expect(await run({ program: 'git', args })).toMatchObject({ status: 0 });
    }
    await leader.stop('SIGKILL');

    const done = await as('watch', job, '--json');
    const result = JSON.parse(done.stdout.toString('utf8').trim().split('\n').at(-1) ?? '') as unknown;
    const culprit = await run({ program: 'git', args: ['-C', repo, 'rev-parse', `v${CULPRIT}`] });
    const commit = culprit.stdout.toString('utf8').trim();
    expect(result).toMatchObject({ state: 'found', culprit: { commit } });

    const [one, other] = others;
    const next = (await codeOf(one!.token({ role: 'viewer' }))) === 'let in' ? one! : other!;
    expect(await codeOf(next.join('another', revoked.token))).toBe('unauthenticated');
    expect(await codeOf(next.join('another', valid.token))).toBe('let in');
    expect(await codeOf(next.join('yet-another', valid.token))).toBe('unauthenticated');
  });
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'let in',
    (error: unknown) => (error instanceof KbisectError ? error.code : String(error)),
  );
}
