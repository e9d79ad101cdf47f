import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { status, type ServiceError } from '@grpc/grpc-js';
import { becomeMember } from '@kbisect/agent/identity/membership';
import type { Clock } from '@kbisect/shared/clock';
import { KbisectError } from '@kbisect/shared/errors';
import { login } from '@kbisect/coordinator/identity/login';
import {
  FarmClient,
  GetReportRequest_Format,
  type ListJobsResponse,
} from '@kbisect/shared/gen/kbisect/v1/farm';
import { AgentSessionClient, Hello, type AgentMessage } from '@kbisect/shared/gen/kbisect/v1/session';
import { channelOptions, personChannel, type Shown } from '@kbisect/shared/identity/secure-channel';
import { agentName } from '@kbisect/shared/ids';
import { unaryCall } from '@kbisect/shared/status';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryOf, Running } from '../../coordinator/cli/program-under-test.js';
import { answered } from './callers.js';
import { GuardedFarm } from './guarded-farm.js';

let farm: GuardedFarm;

beforeAll(async () => {
  farm = await GuardedFarm.start();
});
afterAll(() => farm.close());

const log = pino({ level: 'silent' });

/** A session that says hello as some agent; gives how it ends. */
function session(shown: Shown, name: string) {
  const client = new AgentSessionClient(farm.grpc, farm.channelOf(shown), channelOptions(farm.grpc));
  const call = client.connect();
  const said: string[] = [];
  call.on('data', (message: { kind?: { $case: string } }) => said.push(message.kind?.$case ?? ''));
  call.on('error', () => undefined);
  const ended = new Promise<{ code: number; details: string }>((resolve) => call.on('status', resolve));
  const say = (kind: NonNullable<AgentMessage['kind']>) => call.write({ kind });
  say({ $case: 'hello', value: Hello.fromPartial({ name, incarnation: '1', slots: 1, protocol: 1 }) });
  return {
    said,
    ended,
    say,
    close: () => {
      call.cancel();
      client.close();
    },
  };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'let in',
    (error: unknown) => (error instanceof KbisectError ? error.code : String(error)),
  );
}

describe('a token', () => {
  it('lets one agent join, and is refused when it is replayed', async () => {
    const { token } = await farm.token({ role: 'agent', uses: 1 });
    await farm.join('joins-once', token);
    expect(await codeOf(farm.join('joins-again', token))).toBe('unauthenticated');
    await farm.stop('SIGKILL');
    await farm.startCoordinator();
    expect(await codeOf(farm.join('joins-again', token))).toBe('unauthenticated');
  });

  it('counts once when it is used twice at the same moment', async () => {
    const { token } = await farm.token({ role: 'agent', uses: 1 });
    const both = await Promise.all(['side', 'by'].map((name) => codeOf(farm.join(name, token))));
    expect(both.sort()).toEqual(['let in', 'unauthenticated']);
  });

  it('is nowhere on the disk or in the log; its hash is', async () => {
    const { token, id } = await farm.token({ role: 'viewer', name: 'kim' });
    const [, , secret = ''] = token.split('.');
    const login = await farm.kbisect(['login', farm.grpc], { KBISECT_TOKEN: token });
    expect(login.stderr).toBe('');
    const places = join(farm.state, 'identity');
    for (const name of await readdir(places)) {
      const text = await readFile(join(places, name), 'utf8');
      expect(text, name).not.toContain(secret);
      expect((await stat(join(places, name))).mode & 0o077, name).toBe(0);
    }
    expect(await readFile(join(places, 'credentials.json'), 'utf8')).toContain(id);
    expect(farm.log).toContain(id);
    expect(farm.log).not.toContain(secret);
  });

  it('for one name lets only that agent join, and replaces it; another for any name does not', async () => {
    await farm.join('unique');
    expect(await codeOf(farm.join('unique'))).toBe('permission-denied');
    const { token } = await farm.token({ role: 'agent', name: 'unique', uses: 2 });
    expect(await codeOf(farm.join('other', token))).toBe('invalid-argument');
    expect(await codeOf(farm.join('unique', token))).toBe('let in');
  });

  it("of a person's is none of an agent's, and the other way round", async () => {
    const person = await farm.token({ role: 'admin' });
    expect(await codeOf(farm.join('no-person', person.token))).toBe('invalid-argument');
    const agent = await farm.token({ role: 'agent' });
    const login = await farm.kbisect(['login', farm.grpc], { KBISECT_TOKEN: agent.token });
    expect(login.stderr).toContain('lets an agent join');
    expect(login.status).not.toBe(0);
  });
});

describe('somebody in between', () => {
  let impostor: GuardedFarm;
  beforeAll(async () => {
    impostor = await GuardedFarm.start();
  });
  afterAll(() => impostor.close());

  it('with another certificate gets neither a token nor a login', async () => {
    const { token } = await farm.token({ role: 'admin' });
    const done = await farm.kbisect(['login', impostor.grpc], { KBISECT_TOKEN: token });
    expect(done.status).not.toBe(0);
    expect(done.stderr).toContain('is not the coordinator that the token is from');
    expect(done.stderr).toContain('Nothing was sent');
    expect(done.stderr).not.toContain(token);
    expect(impostor.log).not.toContain('logged in');
  });

  it('with another certificate gets no agent, before it has joined or after', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kbisect-member-'));
    try {
      const { token } = await farm.token({ role: 'agent', uses: 1 });
      const joining = { name: agentName('faithful'), directory, token };
      const clock: Clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
      const at = (coordinator: string) => becomeMember({ ...joining, coordinator }, clock, log);
      expect(await codeOf(at(impostor.grpc))).toBe('unauthenticated');
      await at(farm.grpc);
      // From now on it is a member: led astray, it does not even say hello.
      const { credentialsFor } = await at(impostor.grpc);
      const channel = credentialsFor(impostor.grpc);
      const client = new AgentSessionClient(impostor.grpc, channel, channelOptions(impostor.grpc));
      const call = client.connect();
      call.on('error', () => undefined);
      const ended = await new Promise<ServiceError>((resolve) => call.on('error', resolve));
      client.close();
      expect(ended.code).toBe(status.UNAVAILABLE);
      expect(ended.details).toContain('certificate');
      expect((await stat(join(directory, 'key.pem'))).mode & 0o077).toBe(0);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe('an agent', () => {
  it('is cut off within a second of being revoked, and not let in again', async () => {
    const { token, id } = await farm.token({ role: 'agent', uses: 1 });
    const shown = await farm.join('to-be-revoked', token);
    const live = session(shown, 'to-be-revoked');
    await expect.poll(() => live.said).toContain('welcome');
    const before = Date.now();
    expect(await farm.revoke(id)).toHaveLength(2);
    expect((await live.ended).code).toBe(status.UNAUTHENTICATED);
    expect(Date.now() - before).toBeLessThan(1000);
    live.close();
    const again = session(shown, 'to-be-revoked');
    expect((await again.ended).code).toBe(status.UNAUTHENTICATED);
    again.close();
  });

  it('that is replaced is cut off', async () => {
    const { token } = await farm.token({ role: 'agent', name: 'reinstalled', uses: 2 });
    const first = session(await farm.join('reinstalled', token), 'reinstalled');
    await expect.poll(() => first.said).toContain('welcome');
    await farm.join('reinstalled', token);
    expect((await first.ended).code).toBe(status.UNAUTHENTICATED);
    first.close();
  });

  it('speaks for itself alone', async () => {
    const call = session(await farm.join('honest'), 'somebody-else');
    expect(await call.ended).toMatchObject({ code: status.PERMISSION_DENIED });
    call.close();
  });

  it('reports on no lease that it does not hold', async () => {
    const live = session(await farm.join('liar'), 'liar');
    await expect.poll(() => live.said).toContain('welcome');
    const lease = { lease: 'abc', epoch: 1 };
    live.say({ $case: 'heartbeat', value: { leases: [lease], trees: [] } });
    await expect.poll(() => live.said).toContain('cancel');
    live.close();
  });

  it('whose certificate was stolen is not believed from another address', async () => {
    const shown = await farm.join('robbed');
    const caller = { who: 'thief', principal: { kind: 'nobody' }, shown } as const;
    const path = '/ac/some/key';
    expect(await answered(farm, caller, 'GET', path)).toBe(404);
    expect(await answered(farm, caller, 'GET', path, { localAddress: '127.0.0.2' })).toBe(401);
    expect(await grpcStatusFrom('127.0.0.2', shown)).toBe(status.UNAUTHENTICATED);
    expect(await grpcStatusFrom('127.0.0.1', shown)).not.toBe(status.UNAUTHENTICATED);
  });

  it('renews its certificate by itself, with the key that it has', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kbisect-member-'));
    const stop = new AbortController();
    try {
      const { token } = await farm.token({ role: 'agent', uses: 1 });
      let [slept, sleeps] = [0, 0];
      const clock: Clock = {
        now: () => Date.now() + slept,
        sleep: (ms, signal) => {
          slept += ms;
          if (++sleeps > 8) stop.abort();
          return signal?.aborted ? Promise.reject(new Error('stopped')) : Promise.resolve();
        },
      };
      const joining = { coordinator: farm.grpc, name: agentName('lasting'), directory, token };
      const member = await becomeMember(joining, clock, log);
      const [first, key] = [member.shown(), await readFile(join(directory, 'key.pem'), 'utf8')];
      await member.keep(stop.signal);
      expect(member.shown()?.certificate).not.toBe(first?.certificate);
      expect(await readFile(join(directory, 'certificate.pem'), 'utf8')).toBe(member.shown()?.certificate);
      expect(await readFile(join(directory, 'key.pem'), 'utf8')).toBe(key);
      // The token was good for one time only: this is the certificate at work.
      await becomeMember({ ...joining, token: undefined }, { ...clock, now: () => Date.now() }, log);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('has a key of the right kind, or gets no certificate', async () => {
    const { token } = await farm.token({ role: 'agent', uses: 1 });
    const client = farm.identity();
    const refused = await new Promise<ServiceError | null>((resolve) =>
      client.join({ token, agent: 'keyless', publicKey: Buffer.from('none') }, resolve),
    );
    client.close();
    expect(refused?.code).toBe(status.INVALID_ARGUMENT);
    // Nothing was written: the token is as good as before.
    await farm.join('keyless', token);
  });
});

describe('guessing', () => {
  it('is slowed down, and does not keep those out who are in', async () => {
    const own = await GuardedFarm.start();
    try {
      const { token } = await own.token({ role: 'viewer' });
      const wrong = token.replace(/\.[A-Za-z0-9_-]{43}\./, `.${'A'.repeat(43)}.`);
      const client = own.identity();
      const codes: status[] = [];
      for (let n = 0; n < 15; n++) {
        codes.push(
          await new Promise((resolve) =>
            client.logIn({ token: wrong }, (error) => resolve(error?.code ?? status.OK)),
          ),
        );
      }
      client.close();
      expect(codes.slice(0, 10).every((code) => code === status.UNAUTHENTICATED)).toBe(true);
      expect(codes.slice(10).every((code) => code === status.RESOURCE_EXHAUSTED)).toBe(true);
      expect((await own.kbisect(['token', 'list', '--state', own.state])).status).toBe(0);
    } finally {
      await own.close();
    }
  });
});

describe('a farm of several people', () => {
  let agent: Running;
  let repo: string;
  const people = new Map<string, NodeJS.ProcessEnv>();
  const as = (name: string, ...args: string[]) => farm.kbisect(args, people.get(name));

  beforeAll(async () => {
    repo = join(farm.directory, 'repo');
    await repositoryOf(repo, 20);
    for (const [name, role] of Object.entries({ ann: 'submitter', ben: 'submitter', olga: 'operator' })) {
      const { token } = await farm.token({ role, name });
      people.set(name, { XDG_CONFIG_HOME: join(farm.directory, name) });
      const done = await farm.kbisect(['login', farm.grpc], { ...people.get(name), KBISECT_TOKEN: token });
      expect(done.stderr).toBe('');
    }
    const { token } = await farm.token({ role: 'agent', uses: 1 });
    const where = ['--coordinator', farm.grpc, 'agent', '--name', 'worker'];
    agent = new Running([...where, '--workdir', join(farm.directory, 'worker')], { KBISECT_TOKEN: token });
    await agent.says(/"connected"/);
  });
  afterAll(() => agent.stop());

  const words = () => [
    'bisect',
    '--repo',
    repo,
    '--good',
    'v1',
    '--bad',
    'v20',
    '--run',
    'test $(cat number) -lt 7',
  ];

  const farmAs = async (name: string) => {
    const path = join(farm.directory, name, 'kbisect/logins', `${encodeURIComponent(farm.grpc)}.json`);
    const { authority, secret } = login.parse(JSON.parse(await readFile(path, 'utf8')));
    return new FarmClient(farm.grpc, personChannel(farm.grpc, authority, secret), channelOptions(farm.grpc));
  };

  it('bisects over TLS, commits and all', async () => {
    const done = await as('ann', ...words(), '--no-certify', '--json');
    expect(done.stderr).toBe('');
    const result = JSON.parse(done.stdout.toString().trim().split('\n').at(-1) ?? '') as { state: string };
    expect(result.state).toBe('found');
    const others = await as('ben', 'jobs');
    expect(others.stdout.toString()).toContain('repo v1..v20');
  });

  it('keeps a private job between its submitter and those who run the farm', async () => {
    const job = (await as('ann', ...words(), '--private', '--detach')).stdout.toString().trim();
    expect(job).toMatch(/^[0-9a-f]+$/);
    const ben = await farmAs('ben');
    const refused = { code: status.NOT_FOUND };
    expect(await new Promise((done) => ben.getJob({ job }, done))).toMatchObject(refused);
    expect(await new Promise((done) => ben.getLog({ job }, done))).toMatchObject(refused);
    expect(await new Promise((done) => ben.cancel({ job }, done))).toMatchObject(refused);
    const format = GetReportRequest_Format.FORMAT_TEXT;
    expect(await new Promise((done) => ben.getReport({ job, format }, done))).toMatchObject(refused);
    expect(await new Promise((done) => ben.getConsole({ job, commit: 'a' }, done))).toMatchObject(refused);
    expect(await new Promise((done) => ben.watch({ job, together: true }).on('error', done))).toMatchObject(
      refused,
    );
    const jobs = async (client: FarmClient) =>
      (await unaryCall<ListJobsResponse>((done) => client.listJobs({}, done))).jobs.map(({ id }) => id);
    expect(await jobs(ben)).not.toContain(job);
    const ann = await farmAs('ann');
    expect(await jobs(ann)).toContain(job);
    for (const client of [ann, ben]) client.close();
    const olga = await farmAs('olga');
    expect(await jobs(olga)).toContain(job);
    olga.close();
    expect((await as('ann', 'cancel', job)).status).toBe(0);
  });

  it("lets nobody but an operator change another's job", async () => {
    const job = (await as('ann', ...words(), '--detach')).stdout.toString().trim();
    const refused = await as('ben', 'cancel', job);
    expect(refused.stderr).toContain(`job ${job} is ann's`);
    expect((await as('olga', 'cancel', job)).status).toBe(0);
  });

  it('tells who is not logged in what to do', async () => {
    const done = await farm.kbisect(['--coordinator', 'farm.example:7420', 'jobs']);
    expect(done.stderr).toContain('kbisect login farm.example:7420 --token TOKEN');
  });
});

/** The gRPC status that a call gets whose connection comes from this address. */
async function grpcStatusFrom(localAddress: string, shown: Shown): Promise<number> {
  const [host = '', port] = farm.grpc.split(':');
  const socket = connectTls({
    host,
    port: Number(port),
    ca: shown.authority,
    cert: shown.certificate,
    key: shown.key,
    ALPNProtocols: ['h2'],
    ...{ localAddress },
  });
  const http2 = connectHttp2(`https://${farm.grpc}`, { createConnection: () => socket });
  try {
    const call = http2.request({
      ':method': 'POST',
      ':path': '/build.bazel.remote.execution.v2.Capabilities/GetCapabilities',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const found = new Promise<number>((resolve, reject) => {
      const take = (headers: Record<string, unknown>) => {
        if (headers['grpc-status'] !== undefined) resolve(Number(headers['grpc-status']));
      };
      call.on('response', take).on('trailers', take).on('error', reject);
    });
    call.end(Buffer.alloc(5));
    call.resume();
    return await found;
  } finally {
    http2.close();
    socket.destroy();
  }
}
