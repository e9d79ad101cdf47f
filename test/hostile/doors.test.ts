import { connect as connectPlain } from 'node:net';
import { connect } from 'node:tls';
import { Client, Metadata, status } from '@grpc/grpc-js';
import { FarmClient, type SubmitRequest } from '@kbisect/shared/gen/kbisect/v1/farm';
import { JobSpec, Mode, Reproducer_Kind } from '@kbisect/shared/gen/kbisect/v1/job';
import { channelOptions, personChannel } from '@kbisect/shared/identity/secure-channel';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CALLS } from '@kbisect/coordinator/identity/access';
import { CacheServer } from '../cache/cache-server.js';
import { GuardedFarm } from '../identity/guarded-farm.js';

// What is sent to a coordinator's doors, by who is let in: refused in words, and the daemon serves on.

let farm: GuardedFarm;
let plain: CacheServer;
let people: FarmClient;
beforeAll(async () => {
  farm = await GuardedFarm.start();
  plain = await CacheServer.start();
  const channel = personChannel(farm.grpc, farm.owner.authority, farm.owner.secret);
  people = new FarmClient(farm.grpc, channel, channelOptions(farm.grpc));
  // Of the jobs below nothing but what is hostile in them is refused.
  expect(await submit(good)).toMatchObject({ code: status.OK });
});
afterAll(async () => {
  people.close();
  await farm.close();
  await plain.close();
});
// After each of them it answers as before.
afterEach(async () => {
  const jobs = await new Promise((resolve, reject) => {
    people.listJobs({}, (error, answer) => (error ? reject(error) : resolve(answer.jobs)));
  });
  expect(jobs).toHaveLength(1);
});

const COMMIT = '1'.repeat(40);
const BLOB = { digest: 'a'.repeat(64), size: 1 };
const boot = (value: object) => ({ $case: 'boot' as const, value });
const reproducer = (more: object) => ({
  kind: Reproducer_Kind.KIND_SHELL,
  entry: 'test.sh',
  files: [{ name: 'test.sh', blob: BLOB, executable: true }],
  sources: [],
  system: [],
  ...more,
});
const good = {
  mode: Mode.MODE_REGRESSION,
  olds: [COMMIT],
  new: '2'.repeat(40),
  runs: 1,
  timeoutSeconds: 60,
  title: 'a job',
  test: boot({ arch: 'x86_64', reproducer: reproducer({}) }),
};

async function submit(spec: object, repoUrl = ''): Promise<{ code: status; details: string }> {
  const request = { spec: JobSpec.fromPartial(spec), repoUrl } as SubmitRequest;
  return new Promise((resolve) => {
    people.submit(request, new Metadata(), { deadline: Date.now() + 30_000 }, (error) =>
      resolve(error ?? { code: status.OK, details: '' }),
    );
  });
}

describe('a job', () => {
  const file = (name: string) => ({
    test: boot({
      arch: 'x86_64',
      reproducer: reproducer({ files: [{ name, blob: BLOB, executable: true }], entry: name }),
    }),
  });
  const test = (more: object) => ({ test: boot({ arch: 'x86_64', reproducer: reproducer({}), ...more }) });
  it.each<[string, object]>([
    ['of no mode', { mode: 'MODE_UNSPECIFIED' }],
    ['without a test', { test: undefined }],
    ['with an empty command', { test: { $case: 'run', value: { command: '' } } }],
    ['with an endless command', { test: { $case: 'run', value: { command: 'x'.repeat(70_000) } } }],
    ['without an old end', { olds: [] }],
    ['with a hundred and one old ends', { olds: Array(101).fill(COMMIT) }],
    ['whose new end is an option', { new: '--output=/tmp/x' }],
    ['whose old end is an option', { olds: ['-x'] }],
    ['whose end is empty', { new: '' }],
    ['whose end is of two lines', { new: `${COMMIT}\n${COMMIT}` }],
    ['whose end ends with a NUL', { new: `${COMMIT}\0` }],
    ['whose end is no commit id', { new: 'main' }],
    ['whose end is a range', { new: 'a..b' }],
    ['with a title without end', { title: 'x'.repeat(10_000) }],
    ['with too many runs', { runs: 1001 }],
    ['with a timeout of a year', { timeoutSeconds: 31_536_000 }],
    ['with an empty pathspec', { pathspecs: [''] }],
    ['with an endless pathspec', { pathspecs: ['x'.repeat(5000)] }],
    ['with too many pathspecs', { pathspecs: Array(1001).fill('x') }],
    ['with a suspect of no weight', { suspects: [{ path: 'a', weight: 0 }] }],
    ['with a suspect of infinite weight', { suspects: [{ path: 'a', weight: Infinity }] }],
    ['with an audit of NaN', { audit: NaN }],
    ['with an audit above one', { audit: 1.5 }],
    ['with a pattern that is none', { newWhen: { kind: 'KIND_CRASH', pattern: '(' } }],
    ['with an endless pattern', { newWhen: { kind: 'KIND_CRASH', pattern: 'x'.repeat(2000) } }],
    ['with an output that is not said', { newWhen: { kind: 'KIND_OUTPUT', pattern: '' } }],
    ['with a backreference', { newWhen: { kind: 'KIND_OUTPUT', pattern: '(a)\\1' } }],
    ['with a branch without a name', { backportTo: [{ name: '', commit: COMMIT }] }],
    ['with a branch that is an option', { backportTo: [{ name: 'x', commit: '--all' }] }],
    ['for an unknown architecture', test({ arch: 'vax' })],
    ['for an architecture that is a path', test({ arch: '../x86' })],
    ['with an absolute file', file('/etc/passwd')],
    ['with a file above', file('../x')],
    ['with a file above, hidden', file('a/../../x')],
    ['with a file of an option', file('-rf/../..')],
    ['with a file without a name', file('')],
    ['with a file with a newline', file('a\nb')],
    ['with a file with a NUL', file('a\0b')],
    ['with a file with a space', file('a b')],
    ['with a file with a quote', file("a'b")],
    ['with a file with a dollar', file('$(id)')],
    ['with a file with a bidi override', file('a\u202eb')],
    ['whose entry is none of its files', test({ reproducer: reproducer({ entry: 'other.sh' }) })],
    [
      'whose blob is none',
      test({
        reproducer: reproducer({
          files: [{ name: 'test.sh', blob: { digest: 'x', size: 1 }, executable: true }],
        }),
      }),
    ],
    [
      'whose blob has upper case',
      test({
        reproducer: reproducer({
          files: [{ name: 'test.sh', blob: { digest: 'A'.repeat(64), size: 1 }, executable: true }],
        }),
      }),
    ],
    [
      'whose blob is a path',
      test({
        reproducer: reproducer({
          files: [{ name: 'test.sh', blob: { digest: '../../etc/passwd', size: 1 }, executable: true }],
        }),
      }),
    ],
    [
      'whose blob is a terabyte',
      test({
        reproducer: reproducer({
          files: [{ name: 'test.sh', blob: { ...BLOB, size: 2 ** 40 }, executable: true }],
        }),
      }),
    ],
    [
      'whose libraries are anywhere',
      test({ reproducer: reproducer({ system: [{ name: '/lib/../../x', blob: BLOB, executable: true }] }) }),
    ],
    ['whose kind is unknown', test({ reproducer: reproducer({ kind: 'KIND_UNSPECIFIED' }) })],
    ['with a module that is none', test({ modules: ['a.txt'] })],
    ['with a module above', test({ modules: ['../a.ko'] })],
    ['with a module that is an option', test({ modules: ['--eval=x.ko;'] })],
    ['with a command line of two lines', test({ append: 'a\nb' })],
    ['with a command line without end', test({ append: 'x'.repeat(3000) })],
    ['with an argument of QEMU of two lines', test({ qemuArgs: ['a\nb'] })],
    ['with an empty argument of QEMU', test({ qemuArgs: [''] })],
    ['with a need of control characters', test({ needs: ['\x1b[2J'] })],
    ['with a petabyte of memory', test({ memoryMib: 2 ** 30 })],
    ['with a thousand processors', test({ smp: 1000 })],
    ['with a million repeats', test({ repeat: 1_000_000 })],
    ['with a label without a key', { requiredLabels: [{ key: '', value: 'x' }] }],
    ['with a label of two lines', { requiredLabels: [{ key: 'site', value: 'a\nb' }] }],
    ['with a label without end', { requiredLabels: [{ key: 'site', value: 'x'.repeat(257) }] }],
    [
      'with two values of one label',
      {
        requiredLabels: [
          { key: 'site', value: 'a' },
          { key: 'site', value: 'b' },
        ],
      },
    ],
    [
      'with too many labels',
      { requiredLabels: Array.from({ length: 65 }, (_, n) => ({ key: `k${n}`, value: '' })) },
    ],
    ['with a priority that is none', { priority: 'PRIORITY_UNSPECIFIED' }],
    ['with a toolchain that is a command', test({ toolchain: 'gcc;id' })],
    ['with a fix-up that is an option', test({ fixups: [{ commit: '-n', after: '', until: '' }] })],
    [
      'with a fragment of a gigabyte',
      test({ fragments: [{ name: 'x', blob: { ...BLOB, size: 2 ** 30 }, executable: false }] }),
    ],
    [
      'with too many fragments',
      test({ fragments: Array(101).fill({ name: 'x', blob: BLOB, executable: false }) }),
    ],
  ])('%s is refused', async (_what, change) => {
    expect(await submit({ ...good, ...change })).toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it.each([
    'ext::sh -c id',
    'file:///etc',
    '/etc/passwd',
    '--upload-pack=id',
    'ssh://-oProxyCommand=id/x',
    'http://127.0.0.1:1/\n',
    'fd::0',
  ])('from the repository %j is refused', async (url) => {
    expect(await submit(good, url)).toMatchObject({ code: status.INVALID_ARGUMENT });
  });
});

describe('bytes that are no message', () => {
  const bytes = (value: Buffer) => value;
  const methods = [...CALLS.keys()].filter(
    (path) => path.startsWith('/kbisect.v1.Farm/') || path.startsWith('/kbisect.v1.Identity/'),
  );
  it.each(methods)('are refused by %s', async (path) => {
    const channel = personChannel(farm.grpc, farm.owner.authority, farm.owner.secret);
    const client = new Client(farm.grpc, channel, channelOptions(farm.grpc));
    for (const garbage of [
      Buffer.alloc(64, 0xff),
      Buffer.from('0affffffff7f', 'hex'),
      Buffer.from('0a05616263', 'hex'),
      Buffer.alloc(1, 0x0b),
    ]) {
      const error = await new Promise<{ code: status }>((resolve) => {
        const call = client.makeBidiStreamRequest(path, bytes, bytes, { deadline: Date.now() + 10_000 });
        call
          .on('error', () => undefined)
          .on('status', resolve)
          .resume();
        call.write(garbage);
        call.end();
      });
      expect([
        status.INTERNAL,
        status.INVALID_ARGUMENT,
        status.NOT_FOUND,
        status.UNAUTHENTICATED,
        status.PERMISSION_DENIED,
        status.RESOURCE_EXHAUSTED,
      ]).toContain(error.code);
    }
    client.close();
  });

  it('of more than 16 MiB are refused', async () => {
    const channel = personChannel(farm.grpc, farm.owner.authority, farm.owner.secret);
    const client = new Client(farm.grpc, channel, channelOptions(farm.grpc));
    const error = await new Promise<{ code: status } | null>((resolve) =>
      client.makeUnaryRequest('/kbisect.v1.Farm/GetJob', bytes, bytes, Buffer.alloc(17 * 2 ** 20), resolve),
    );
    expect(error?.code).toBe(status.RESOURCE_EXHAUSTED);
    client.close();
  });
});

/** The status line that raw bytes get. */
async function raw(bytes: string, how: 'tls' | 'plain' = 'tls'): Promise<string> {
  const [host, port = ''] =
    how === 'tls' ? farm.http.split(':') : plain.url.replace('http://', '').split(':');
  const at = { host: host ?? '', port: Number(port) };
  const socket = how === 'tls' ? connect({ ...at, ca: farm.owner.authority }) : connectPlain(at);
  return new Promise((resolve, reject) => {
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('close', () => resolve(answer.split('\r\n')[0] ?? ''));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      answer || error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(answer) : reject(error),
    );
    socket.write(bytes, 'latin1');
  });
}

describe('an HTTP request', () => {
  const H = 'Host: localhost\r\nConnection: close\r\n';
  it.each<[string, RegExp]>([
    ['GET\r\n\r\n', /400/],
    ['\0\0\0\0\r\n\r\n', /400/],
    ['GET /healthz HTTP/9.9\r\n\r\n', /400|505/],
    ['GET /healthz HTTP/1.1\r\n\r\n', /400/],
    [`GET /healthz HTTP/1.1\r\n${H}X: ${'x'.repeat(100_000)}\r\n\r\n`, /431/],
    [`GET /${'x'.repeat(100_000)} HTTP/1.1\r\n${H}\r\n`, /431/],
    [`PUT /ac/x HTTP/1.1\r\n${H}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, /400/],
    [`PUT /ac/x HTTP/1.1\r\n${H}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde`, /400/],
    [`PUT /ac/x HTTP/1.1\r\n${H}Content-Length: -1\r\n\r\n`, /400/],
    [`PUT /ac/x HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, /400|401/],
    [`PUT /ac/x HTTP/1.1\r\n${H}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, /400|401|501/],
    [`GET /healthz HTTP/1.1\r\n${H}X\x0b: y\r\n\r\n`, /400/],
    [`GET /healthz HTTP/1.1\r\n${H} folded: y\r\n\r\n`, /400/],
    [`GET /cas/../../identity/owner.json HTTP/1.1\r\n${H}\r\n`, /401/],
    [`GET /cas/..%2f..%2fidentity%2fowner.json HTTP/1.1\r\n${H}\r\n`, /401/],
    [`GET /cas/%00 HTTP/1.1\r\n${H}\r\n`, /401/],
    [`GET //healthz HTTP/1.1\r\n${H}\r\n`, /400|401/],
    [`GET http://evil.example/metrics HTTP/1.1\r\n${H}\r\n`, /401/],
    [`GET /metrics HTTP/1.1\r\n${H}Authorization: Basic YWRtaW46YWRtaW4=\r\n\r\n`, /401/],
    [`GET /metrics HTTP/1.1\r\n${H}Authorization: Bearer\r\n\r\n`, /401/],
    [
      `GET /metrics HTTP/1.1\r\n${H}Authorization: Bearer kbisect.0123456789.${'a'.repeat(43)}\r\n\r\n`,
      /401/,
    ],
    [`GET /metrics HTTP/1.1\r\n${H}Cookie: __Host-kbisect=x; __Host-kbisect=y\r\n\r\n`, /401/],
    [`GET /metrics HTTP/1.1\r\n${H}Cookie: ${'a=b; '.repeat(2000)}\r\n\r\n`, /401/],
    [
      `POST /git/git-receive-pack HTTP/1.1\r\n${H}Content-Length: 0\r\nOrigin: https://evil.example\r\n\r\n`,
      /403/,
    ],
    [`POST /git/git-receive-pack HTTP/1.1\r\n${H}Content-Length: 0\r\nOrigin: null\r\n\r\n`, /403/],
    [`PUT /ac/x HTTP/1.1\r\n${H}Content-Length: 0\r\nSec-Fetch-Site: cross-site\r\n\r\n`, /403/],
    [`PUT /ac/x HTTP/1.1\r\n${H}Content-Length: 0\r\nSec-Fetch-Site: same-site\r\n\r\n`, /403/],
    [
      `OPTIONS /ac/x HTTP/1.1\r\n${H}Origin: https://evil.example\r\nAccess-Control-Request-Method: PUT\r\n\r\n`,
      /401/,
    ],
    [`CONNECT evil.example:443 HTTP/1.1\r\n${H}\r\n`, /^$/],
    [`TRACE /healthz HTTP/1.1\r\n${H}\r\n`, /401/],
    [`GET /healthz HTTP/1.1\r\n${H}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`, /200|401|^$/],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /400|^$/],
    ['\x16\x03\x01\x00\x05hello', /400/],
  ])('%j gets what it deserves', async (bytes, expected) => {
    expect(await raw(bytes)).toMatch(expected);
  });

  it.each([
    'evil.example',
    'evil.example:7421',
    'localhost.evil.example',
    '10.0.0.1',
    '127.0.0.1.evil.example',
    '[::2]',
    '0.0.0.0',
    '',
  ])('to a farm on loopback by the name %j of somebody else is refused', async (host) => {
    expect(await raw(`GET /metrics HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, 'plain')).toMatch(
      /40[03]/,
    );
  });

  it.each(['localhost', '127.0.0.1:1234', '[::1]:80'])(
    'to a farm on loopback by its own name %j is answered',
    async (host) => {
      expect(
        await raw(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, 'plain'),
      ).toMatch(/200/);
    },
  );

  it('over no TLS at all gets nothing', async () => {
    const [host = '', port] = farm.http.split(':');
    const socket = connectPlain({ host, port: Number(port) });
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      socket.on('error', () => undefined).on('close', () => resolve(text));
      socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
    });
    expect(answer).not.toContain('HTTP/1.1 200');
  });
});
