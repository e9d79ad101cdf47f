import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kbisect, repositoryOf, temporaryFolder } from './program-under-test.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let repo: string;
let reproducer: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  repo = join(folder.path, 'repo');
  reproducer = join(folder.path, 'check.sh');
  await repositoryOf(repo, 9);
  await writeFile(reproducer, 'true\n');
});
afterAll(() => folder.remove());

const ends = ['--good', 'v1', '--bad', 'v9'];
const run = ['--run', 'true'];

describe('a wrong command line ends with status 2 and one line that says what to do', () => {
  it.each<[string, () => string[], RegExp]>([
    ['no such command', () => ['bisekt'], /unknown command 'bisekt' \(Did you mean bisect\?\)/],
    ['no such option', () => ['jobs', '--all'], /unknown option '--all'/],
    ['an argument is missing', () => ['watch'], /missing required argument 'id'/],
    ['an address without a port', () => ['jobs', '--coordinator', 'farm'], /must be host:port/],
    ['a label without a value', () => ['agent', '--label', 'fast'], /must be KEY=VALUE/],
    [
      'a required label without a value',
      () => ['bisect', '--repo', repo, ...ends, ...run, '--require', 'fast'],
      /must be KEY=VALUE/,
    ],
    [
      'labels of agents that have none',
      () => ['bisect', '--repo', repo, ...ends, ...run, '--local', '--require', 'site=basement'],
      /--require and --local do not go together/,
    ],
    [
      'a priority of another name',
      () => ['bisect', '--repo', repo, ...ends, ...run, '--priority', 'urgent'],
      /Allowed choices are low, normal, high/,
    ],
    ['no repository', () => ['bisect', ...ends, ...run], /'--repo <path\|url>' not specified/],
    ['no ends', () => ['bisect', '--repo', repo, ...run], /say where to look: --good REV/],
    ['one end', () => ['bisect', '--repo', repo, '--good', 'v1', ...run], /--good needs --bad REV/],
    [
      'the other end',
      () => ['bisect', '--repo', repo, '--fixed', 'v1', ...run],
      /--fixed needs --broken REV/,
    ],
    [
      'ends of two kinds',
      () => ['bisect', '--repo', repo, ...ends, '--new', 'v9', ...run],
      /--good\/--bad and --old\/--new do not go together/,
    ],
    ['no test', () => ['bisect', '--repo', repo, ...ends], /say how to test: --reproducer FILE, or --run/],
    [
      'two tests',
      () => ['bisect', '--repo', repo, ...ends, ...run, '--reproducer', reproducer, '--config', 'x'],
      /--run needs no kernel: leave out --reproducer, --config/,
    ],
    [
      'no trials',
      () => ['bisect', '--repo', repo, ...ends, ...run, '--runs', '0'],
      /whole number from 1 to 1000/,
    ],
    ['no time', () => ['bisect', '--repo', repo, ...ends, ...run, '--timeout', '1s'], /from 1 to 86400/],
    [
      'an unknown architecture',
      () => ['bisect', '--repo', repo, ...ends, '--reproducer', reproducer, '--arch', 'vax'],
      /--arch vax is not known here; known: x86_64/,
    ],
    [
      'a wrong --new-when',
      () => ['bisect', '--repo', repo, ...ends, '--reproducer', reproducer, '--new-when', 'output'],
      /--new-when output: it is fail, crash, hang, crash=REGEX or output=REGEX/,
    ],
    [
      'a pattern that is none',
      () => ['bisect', '--repo', repo, ...ends, '--reproducer', reproducer, '--new-when', 'crash=('],
      /"\(" is not a regular expression/,
    ],
    [
      'a module by its name alone',
      () => ['bisect', '--repo', repo, ...ends, '--reproducer', reproducer, '--module', 'sg'],
      /--module sg: it is the path in the tree/,
    ],
    [
      'too little memory',
      () => ['bisect', '--repo', repo, ...ends, '--reproducer', reproducer, '--memory', '1M'],
      /It must be an amount like 512M or 2G/,
    ],
    [
      'a guest for a command',
      () => ['bisect', '--repo', repo, ...ends, ...run, '--memory', '1G', '--needs', '/dev/sg0'],
      /--run needs no kernel: leave out --needs, --memory/,
    ],
    ['agents of no farm', () => ['bisect', '--repo', repo, ...ends, ...run, '--agents', '3'], /add --local/],
    [
      'a farm that goes',
      () => ['bisect', '--repo', repo, ...ends, ...run, '--local', '--detach'],
      /do not go/,
    ],
    [
      'a fragment that is not there',
      () => [
        'bisect',
        '--repo',
        repo,
        ...ends,
        '--reproducer',
        reproducer,
        '--config-fragment',
        'none.config',
      ],
      /--config-fragment none\.config: no such file/,
    ],
  ])('%s', async (_what, args, reason) => {
    const { status, stderr, stdout } = await kbisect(args());
    expect(stderr).toMatch(reason);
    expect(stderr).toMatch(/^kbisect: [^\n]*\n$/);
    expect(stdout).toBe('');
    expect(status).toBe(2);
  });
});

describe('ends that cannot be searched are told before a coordinator is asked', () => {
  it.each<[string, () => string[], RegExp]>([
    ['an unknown revision', () => ['--repo', repo, '--good', 'v0', '--bad', 'v9'], /unknown revision "v0"/],
    ['equal ends', () => ['--repo', repo, '--good', 'v3', '--bad', 'v3^{commit}'], /are the same commit/],
    [
      'the wrong way round',
      () => ['--repo', repo, '--good', 'v9', '--bad', 'v1'],
      /--bad v1 is an ancestor of --good v9: the ends are the wrong way round.*--broken and --fixed/,
    ],
    [
      'a second old end that is wrong',
      () => ['--repo', repo, '--old', 'v1', 'v9', '--new', 'v5'],
      /--old v9/,
    ],
    ['no repository', () => ['--repo', join(repo, 'none'), ...ends], /none: no such directory/],
    ['a file URL', () => ['--repo', `file://${repo}`, ...ends], /give the path instead/],
    ['a URL that runs commands', () => ['--repo', 'ext::sh -c id', ...ends], /not by ext/],
    ["scp's way to write an address", () => ['--repo', 'git@host:linux', ...ends], /ssh:\/\/HOST\/PATH/],
  ])('%s', async (_what, args, reason) => {
    const { status, stderr } = await kbisect(['bisect', ...run, ...args()]);
    expect(stderr).toMatch(reason);
    expect(status).toBe(2);
  });
});

describe('a coordinator that is not there', () => {
  it('is an error within seconds that says how to start one', async () => {
    const startedAt = Date.now();
    const { status, stderr } = await kbisect(['jobs'], { KBISECT_COORDINATOR: '127.0.0.1:1' });
    expect(stderr).toMatch(/^kbisect: no coordinator answers at 127\.0\.0\.1:1; .*'kbisect up'[^\n]*\n$/);
    expect(status).toBe(1);
    expect(Date.now() - startedAt).toBeLessThan(10_000);
  });
});

describe('help', () => {
  it.each('up coordinator agent bisect jobs job watch log report console cancel agents doctor'.split(' '))(
    'tells what %s does, with an example',
    async (command) => {
      const { status, stdout } = await kbisect([command, '--help']);
      expect(stdout).toContain(`Usage: kbisect ${command}`);
      expect(stdout).toContain(`Example:\n  $ kbisect ${command}`);
      expect(status).toBe(0);
    },
  );
});

describe('doctor', () => {
  it('names a program that is missing, and the package that has it', async () => {
    // A machine that has nothing but what starts programs.
    const bin = join(folder.path, 'bin');
    await mkdir(bin);
    await symlink('/usr/bin/setpriv', join(bin, 'setpriv'));
    const { status, stdout } = await kbisect(['doctor'], { PATH: bin });
    expect(stdout).toMatch(/^missing +flex +in the package flex$/m);
    expect(stdout).toMatch(/^apt-get install .*\bbinutils\b/m);
    expect(status).toBe(1);
  });
});
