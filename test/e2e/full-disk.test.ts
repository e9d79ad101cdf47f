import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LeaseEnd } from '@kbisect/shared/gen/kbisect/v1/job';
import { run, runText } from '@kbisect/shared/process';
import { Lab } from './lab.js';
import { straight, tinyJob } from './tiny-job.js';

const SYMLINKS = 'fs/protected_symlinks';

let lab: Lab;
let state: string;
let mounted = false;

beforeAll(async () => {
  lab = await Lab.open();
  state = join(lab.directory, 'state');
  await mkdir(state);
  const args = ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', state];
  mounted = (await run({ program: 'mount', args })).status === 0;
});
afterAll(async () => {
  await lab.stop();
  if (mounted) await runText({ program: 'umount', args: ['--lazy', state] });
  await lab.close();
});

it('waits while the coordinator’s disk is full, and then carries on with nothing lost', async ({ skip }) => {
  if (!mounted) skip('a tmpfs cannot be mounted here');
  await lab.startCoordinator();
  lab.startAgent('one');
  const job = await tinyJob(
    lab.directory,
    'full',
    straight(20, { 13: { kind: 'sysctl', path: SYMLINKS, value: 1 } }),
  );
  const reproducer = await job.reads(SYMLINKS, 0);
  const ends = ['--repo', job.repo, '--good', 'c0', '--bad', 'main'];
  const id = await lab.submit(...ends, '--reproducer', reproducer);
  const filler = join(state, 'filler');
  let filled = false;
  for await (const kind of lab.watch(id)) {
    if (kind.$case !== 'event' || kind.value.fact?.$case !== 'judged') continue;
    const { bavail, bsize } = await statfs(state);
    await writeFile(filler, Buffer.alloc(bavail * bsize)).catch(() => undefined);
    filled = true;
    break;
  }
  expect(filled).toBe(true);
  // The agent finds out when it brings its next result.
  await expect.poll(() => lab.hasLogged('one', /disk is full/)).toBe(true);
  await rm(filler);

  expect(await lab.result(id)).toMatchObject({ state: 'found', culprit: { commit: job.ids.get('c13') } });
  const reasons = (await lab.events(id)).flatMap((fact) =>
    fact.$case === 'leaseEnded' ? [fact.value.reason] : [],
  );
  expect(reasons).not.toContain(LeaseEnd.LEASE_END_RETURNED);
});
