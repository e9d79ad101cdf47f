import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { JobSnapshot } from '@kbisect/shared/gen/kbisect/v1/snapshot';
import { jobId, type JobId } from '@kbisect/shared/ids';
import { engines, type Engine } from '../journal/engines-under-test.js';
import type { Journal } from '../journal/journal.js';
import type { Snapshots } from '../journal/snapshots.js';
import { commit, FAIL, PASS, Rig, straightRange, straightSpec } from '../scheduler/rig.js';
import { FORMAT, makeSnapshot } from './make-snapshot.js';
import { readJobs } from './read-jobs.js';
import { SnapshotKeeper } from './snapshot-keeper.js';
import { encodeSnapshot } from './stored-snapshots.js';

const log = pino({ level: 'silent' });
const never = new AbortController().signal;

/** The events of a job that is over. */
function eventsOf(name: string): JobEvent[] {
  const rig = new Rig();
  rig.hello('one');
  rig.submit(name, straightSpec(5), straightRange(5));
  rig.run((tested) => (tested >= commit(3) ? FAIL : PASS));
  return rig.journal.get(jobId(name)) ?? [];
}

describe.each(engines)('jobs in the $name journal', ({ start }) => {
  let engine: Engine;
  let journal: Journal;
  let snapshots: Snapshots;
  const job = jobId('job');
  const events = eventsOf('job');

  beforeEach(async () => {
    engine = await start();
    [journal, snapshots] = [await engine.open(), await engine.openSnapshots()];
    await journal.append(job, 0, events);
  });
  afterEach(async () => {
    await snapshots.close();
    await journal.close();
    await engine.end();
  });

  /** By what each job is found. */
  async function found(from = snapshots): Promise<[JobId, 'snapshot' | number][]> {
    const all: [JobId, 'snapshot' | number][] = [];
    for await (const one of readJobs(journal, from, log))
      all.push([one.job, one.snapshot ? 'snapshot' : one.events.length]);
    return all;
  }
  const snapshot = (change: Partial<JobSnapshot> = {}) =>
    encodeSnapshot({ ...makeSnapshot(job, events)!, ...change });

  it('that are over are found by the snapshots that were made of them, the others by their events', async () => {
    expect(await found()).toEqual([[job, events.length]]);
    await journal.append(jobId('a'), 0, events.slice(0, 3));
    await journal.append(jobId('z'), 0, eventsOf('z'));
    const kept: JobId[] = [];
    const keeper = new SnapshotKeeper(journal, snapshots, (one) => kept.push(one), log, never);
    for (const one of [job, jobId('z'), jobId('a')]) keeper.keep(one); // the last is not over
    await keeper.settled();
    expect(kept).toEqual([job, jobId('z')]);
    expect(await found()).toEqual([
      [jobId('a'), 3],
      [job, 'snapshot'],
      [jobId('z'), 'snapshot'],
    ]);
  });

  it.each<[string, (good: Uint8Array) => Uint8Array]>([
    ['of another format', () => snapshot({ format: FORMAT + 1 })],
    ['of events of another schema', () => snapshot({ schema: 0 })],
    ['of a shorter stream', () => snapshot({ version: events.length - 1 })],
    ['of a stream that ended otherwise', () => snapshot({ last: Buffer.alloc(32) })],
    ['that is damaged', (good) => Buffer.from(good).fill(1, good.length / 2, good.length / 2 + 1)],
    ['that is cut off', (good) => good.subarray(0, -1)],
    ['that is empty', () => Buffer.alloc(0)],
  ])('are replayed in spite of a snapshot %s', async (_what, make) => {
    await snapshots.put(job, snapshot());
    expect(await found()).toEqual([[job, 'snapshot']]);
    await snapshots.put(job, make(snapshot()));
    expect(await found()).toEqual([[job, events.length]]);
  });

  it('are replayed when their stream has gone on since', async () => {
    await snapshots.put(job, snapshot());
    await journal.append(job, events.length, events.slice(-1));
    expect(await found()).toEqual([[job, events.length + 1]]);
  });

  it('are replayed when snapshots cannot be read at all; one without a stream is nobody’s', async () => {
    await snapshots.put(jobId('other'), snapshot());
    expect(await found()).toEqual([[job, events.length]]);
    const broken: Snapshots = {
      put: () => Promise.resolve(),
      close: () => Promise.resolve(),
      // eslint-disable-next-line require-yield
      readAll: async function* () {
        await Promise.reject(new Error('the disk is broken'));
      },
    };
    expect(await found(broken)).toEqual([[job, events.length]]);
  });
});
