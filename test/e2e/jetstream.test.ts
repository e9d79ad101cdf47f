import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { natsIsInstalled, startNats, type NatsUnderTest } from '../../coordinator/src/nats-under-test.js';
import { Lab } from './lab.js';
import { straight, tinyJob } from './tiny-job.js';

const SYMLINKS = 'fs/protected_symlinks';

describe.skipIf(!natsIsInstalled)('a coordinator whose journal and cache are in NATS JetStream', () => {
  let nats: NatsUnderTest;
  let lab: Lab;

  beforeAll(async () => {
    nats = await startNats();
    const { servers } = nats;
    lab = await Lab.open({ journal: { servers }, cache: { jetstream: { servers } } });
    await lab.startCoordinator();
    lab.startAgent('one');
  });
  afterAll(async () => {
    await lab.close();
    await nats.stop();
  });

  it('goes on where it stood when it is killed in mid-job, with nothing of the job in its own directory', async () => {
    const job = await tinyJob(
      lab.directory,
      'killed',
      straight(20, { 13: { kind: 'sysctl', path: SYMLINKS, value: 1 } }),
    );
    const range = ['--repo', job.repo, '--good', 'c0', '--bad', 'main'];
    const id = await lab.submit(...range, '--reproducer', await job.reads(SYMLINKS, 0));
    let verdicts = 0;
    for await (const kind of lab.watch(id)) {
      if (kind.$case === 'event' && kind.value.fact?.$case === 'judged' && ++verdicts > 1) break;
    }
    await lab.killCoordinator();
    await lab.startCoordinator();
    expect(await lab.result(id)).toMatchObject({ state: 'found', culprit: { commit: job.ids.get('c13') } });
    const built = await lab.finishedBuilds(id);
    expect(new Set(built).size).toBe(built.length);
    await expect(access(join(lab.directory, 'state/journal.mdb'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
