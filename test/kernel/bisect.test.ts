import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Git } from '@kbisect/shared/git';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clone, debianLinux, demoDirectory } from '../../deploy/dist/demo/debian-linux.js';
import type { History } from '../../deploy/dist/demo/history.js';
import { Farm } from '../../deploy/dist/demo/kbisect.js';
import { bisect, hardlinks, subject, symlinks, type Result } from './job.js';

let history: History;
let farm: Farm;

const say = (line: string) => process.stdout.write(`${line}\n`);

beforeAll(async () => {
  history = await debianLinux(demoDirectory(), say);
  farm = await Farm.start(join(clone, '.kbisect/kernel-test'), 2, say);
  await farm.cancelUnfinished();
});
afterAll(() => farm.stop());

const ask = (reproducer: string) => {
  const ends = ['--good', 'upstream', '--bad', 'debian'];
  return bisect(farm, ['--repo', history.git.directory, ...ends, '--reproducer', reproducer]);
};

describe("Debian's patches on Linux 6.1, bisected by two agents that build and boot the real kernel", () => {
  let first: Result;

  test('a C reproducer finds the patch that enables link restrictions', async () => {
    const { status, result } = await ask(symlinks);
    expect(result).toMatchObject({ state: 'found', culprit: { subject } });
    expect(status).toBe(0);
    // Both ends and at least the culprit and its parent were booted.
    expect(result.trials).toBeGreaterThanOrEqual(4);
    first = result;
  });

  test('a second job with another reproducer finds it in the same images and builds nothing', async () => {
    const { status, result } = await ask(hardlinks);
    expect(result).toMatchObject({ state: 'found', culprit: first.culprit, builds: 0 });
    expect(result.cacheHits).toBeGreaterThanOrEqual(4);
    expect(status).toBe(0);
  });

  test('git replays the log of the job to the same commit', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'replay-'));
    try {
      const work = join(directory, 'work');
      const git = new Git(work);
      const args = ['clone', '--quiet', '--shared', '--no-checkout', '--', history.git.directory, work];
      await new Git(directory).text(args);
      // git bisect checks each commit out; the files of the top directory are enough.
      await git.text(['sparse-checkout', 'set', '--cone']);
      const log = join(directory, 'log');
      await writeFile(log, await farm.text(['log', first.job]));
      expect(await git.text(['bisect', 'replay', log])).toContain(
        `${first.culprit?.commit ?? ''} is the first bad commit`,
      );
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  test('a reproducer that sees no difference ends the job with a reason, and builds nothing', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'reproducer-'));
    try {
      const always = join(directory, 'always.sh');
      await writeFile(always, '#!/bin/sh\ntrue\n');
      const { status, result } = await ask(always);
      expect(result).toMatchObject({ state: 'no-difference', culprit: null, builds: 0 });
      expect(status).toBe(3);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
