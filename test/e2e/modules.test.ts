import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from './lab.js';
import { reproduced } from './reproduced.js';
import { straight, tinyJob } from './tiny-job.js';

const HARDLINKS = 'fs/protected_hardlinks';

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.open();
  await lab.startCoordinator();
  lab.startAgent('one', 2);
});
afterAll(() => lab.close());

describe('a culprit that changes nothing but a module', () => {
  it('is found, though all images are the same, and its script loads the modules that the job loads', async () => {
    const tiny = await tinyJob(lab.directory, 'module', straight(5, { 3: { kind: 'module', value: 1 } }));
    const ends = ['--repo', tiny.repo, '--good', 'c0', '--bad', 'main'];
    const fragment = await tiny.file('modules.config', 'CONFIG_MODULES=y\n');
    const id = await lab.submit(
      ...[...ends, '--reproducer', await tiny.reads(HARDLINKS, 0), '--config-fragment', fragment],
      // In the order in which they cannot be loaded: the first depends on the second.
      ...['--module', 'modules/feature.ko', 'modules/base.ko'],
    );
    expect(await lab.result(id)).toMatchObject({ state: 'found', culprit: { commit: tiny.ids.get('c3') } });
    expect(await reproduced(lab, id, tiny.repo)).toEqual([
      `parent ${tiny.ids.get('c2')!}: PASS`,
      `culprit ${tiny.ids.get('c3')!}: FAIL`,
    ]);
  });
});
