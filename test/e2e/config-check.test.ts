import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kbisect } from '../../coordinator/cli/program-under-test.js';
import { makeTinyHistory } from '../fixtures/tiny-history.js';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'config-check-'));
  await makeTinyHistory(join(directory, 'linux.git'), [
    { name: 'old' },
    { name: 'new', change: { kind: 'docs', line: 'more' } },
  ]);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function check(fragment: string, ...more: string[]) {
  const path = join(directory, 'asked.config');
  await writeFile(path, fragment);
  const range = ['--repo', join(directory, 'linux.git'), '--good', 'old', '--bad', 'new'];
  return kbisect(['config', 'check', ...range, '--config-fragment', path, ...more]);
}

describe('kbisect config check', () => {
  it('says which symbols survive at both ends, and what the others depend on', async () => {
    const { status, stdout, stderr } = await check(
      'CONFIG_EXPERT=y\nCONFIG_TMPFS=y\nCONFIG_UNWINDER_GUESS=y\n# CONFIG_SMP is not set\n',
    );
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^asked +old {2}new$/m);
    expect(stdout).toMatch(/^CONFIG_TMPFS=y +y +y$/m);
    expect(stdout).toMatch(/^CONFIG_SMP=n +n +n$/m);
    expect(status).toBe(0);
  });

  it('ends with status 1 and the reasons when one does not', async () => {
    const asked = 'CONFIG_LOCALVERSION_AUTO=y\n# CONFIG_EXPERT is not set\nCONFIG_NO_SUCH=y\n';
    const { status, stdout } = await check(asked);
    expect(stdout).toMatch(/^CONFIG_LOCALVERSION_AUTO=y +n +n +needs EXPERT \(n\)$/m);
    expect(stdout).toMatch(/^CONFIG_NO_SUCH=y +n +n +no such symbol$/m);
    expect(status).toBe(1);

    const json = JSON.parse((await check(asked, '--json')).stdout) as { symbols: unknown[] };
    expect(json.symbols).toContainEqual({
      symbol: 'CONFIG_NO_SUCH',
      asked: 'y',
      ends: ['old', 'new'].map((revision) => ({ revision, value: 'n', reasons: ['no such symbol'] })),
    });
  });

  it('refuses to check nothing', async () => {
    const { status, stderr } = await check('');
    expect(stderr).toMatch(/nothing is asked for: give --config-fragment FILE or --profile NAME/);
    expect(status).toBe(2);
  });
});
