import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readJobFile, writeJobFile } from './job-file.js';
import { withJobFile } from './with-job-file.js';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'job-file-'));
  path = join(directory, 'kbisect.yaml');
});
afterEach(() => rm(directory, { recursive: true }));

async function read(text: string, ...given: string[]): Promise<string[]> {
  await writeFile(path, text);
  return readJobFile(path, new Set(given));
}

describe('a job file', () => {
  it('stands for options, with paths beside it', async () => {
    const text =
      'repo: https://git.example.org/linux\ngood: [v6.6, v6.5]\nbad: v6.7\nreproducer: [a.c, /etc/b]\nmemory: 512M\n' +
      'runs: 3\nfirst-parent: true\nnetwork: false\ncertify: false\nqemu-arg: [-s, -S]\n' +
      'minimise-config: true\nrequire: [site=basement, gpu=]\npriority: low\n';
    expect(await read(text)).toEqual([
      ...['--repo=https://git.example.org/linux', '--good', 'v6.6', 'v6.5', '--bad=v6.7', '--first-parent'],
      ...[
        '--reproducer',
        join(directory, 'a.c'),
        '/etc/b',
        '--memory=512M',
        '--qemu-arg=-s',
        '--qemu-arg=-S',
      ],
      ...['--require', 'site=basement', 'gpu=', '--priority=low'],
      ...['--runs=3', '--minimise-config', '--no-certify'],
    ]);
    expect(await read('minimise-config: 30\n')).toEqual(['--minimise-config=30']);
  });

  it('gives way to the command line', async () => {
    await writeFile(path, 'bad: v6.7\nruns: 3\ncertify: false\n');
    expect(await withJobFile(['bisect', '-f', path, '--runs', '5', '--certify'])).toEqual([
      ...['bisect', '-f', path, '--bad=v6.7', '--runs', '5', '--certify'],
    ]);
    expect(await withJobFile(['jobs', '-f', path])).toEqual(['jobs', '-f', path]);
  });

  it.each([
    ['good: v1\nbda: v2\n', /kbisect.yaml:2:1: there is no "bda" in a job file; did you mean bad\?/],
    ['xylophone: 1\n', /kbisect.yaml:1:1: there is no "xylophone" in a job file$/],
    ['good: v1\nbad: [v2]\n', /kbisect.yaml:2:6: bad: must be one text or number/],
    ['good: v1\n  bad: v2\n', /kbisect.yaml:\d+:\d+: /],
    ['- good\n', /kbisect.yaml:1:1: a job file: /],
  ])('that is wrong is refused with the place: %j', async (text, message) => {
    await expect(read(text)).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(message) as string,
    });
  });

  it('to start from is made once, and is one', async () => {
    await writeJobFile(path);
    await expect(writeJobFile(path)).rejects.toMatchObject({ code: 'failed-precondition' });
    const options = await readJobFile(path, new Set());
    expect(options).toEqual([
      `--repo=${directory}`,
      '--good',
      'v6.6',
      '--bad=v6.7',
      '--reproducer',
      join(directory, 'reproducer.c'),
    ]);
    // What is commented out is right, too.
    const all = (await readFile(path, 'utf8')).replaceAll(/^# ([a-z-]+: )/gm, '$1');
    await writeFile(path, all);
    expect(Object.keys(parse(all) as object).length).toBeGreaterThan(8);
    expect((await readJobFile(path, new Set())).length).toBeGreaterThan(12);
  });
});
