import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import { jobId, type JobId } from '@kbisect/shared/ids';
import { EmbeddedJournal } from './embedded-journal.js';
import { engines, type Engine } from './engines-under-test.js';
import type { Journal, StreamEnd } from './journal.js';

const job = jobId('a1');
const judged = (n: number): JobEvent => ({
  at: new Date(1000 * n),
  fact: {
    $case: 'judged',
    value: { commit: n.toString(16).padStart(40, '0'), verdict: Verdict.VERDICT_OLD, reason: `no ${n}` },
  },
});

describe.each(engines)('the $name journal', ({ start }) => {
  let engine: Engine;
  let journal: Journal;

  beforeEach(async () => {
    engine = await start();
    journal = await engine.open();
  });
  afterEach(async () => {
    await journal.close();
    await engine.end();
  });

  it('gives back what was appended, in order, also after it was opened again', async () => {
    await journal.append(job, 0, [judged(0), judged(1)]);
    await journal.append(job, 2, [judged(2)]);
    await journal.close();
    journal = await engine.open();
    expect(await journal.read(job)).toEqual([judged(0), judged(1), judged(2)]);
    expect(await journal.read(job, 2)).toEqual([judged(2)]);
  });

  it('keeps the streams of jobs apart and lists them', async () => {
    await journal.append(jobId('a'), 0, [judged(1)]);
    await journal.append(jobId('a-1'), 0, [judged(2)]);
    await journal.append(jobId('b'), 0, [judged(3)]);
    await journal.append(jobId('a'), 1, [judged(4)]);
    const all: [string, JobEvent[]][] = [];
    for await (const [job, events] of journal.readAll()) all.push([job, events]);
    expect(all).toEqual([
      ['a', [judged(1), judged(4)]],
      ['a-1', [judged(2)]],
      ['b', [judged(3)]],
    ]);
    expect(await journal.read(jobId('a'))).toEqual([judged(1), judged(4)]);
    expect(await journal.read(jobId('c'))).toEqual([]);
  });

  it('says where each stream ends, and reads those that are asked for', async () => {
    expect(await ends()).toEqual([]);
    const jobs = Array.from({ length: 120 }, (_, n) => jobId(`j${String(n).padStart(3, '0')}`));
    await Promise.all(jobs.map((job, n) => journal.append(job, 0, [judged(n)])));
    await journal.append(jobs[7]!, 1, [judged(1), judged(2)]);
    // What begins a term is no job's.
    await journal.fence(1);
    expect(await ends()).toEqual(
      jobs.map((job, n) =>
        n === 7 ? { job, version: 3, last: judged(2) } : { job, version: 1, last: judged(n) },
      ),
    );
    for (const count of [0, 2, 110]) {
      const asked = jobs.slice(6, 6 + count);
      const read: JobId[] = [];
      for await (const [job, events] of journal.readAll(new Set(asked))) {
        read.push(job);
        expect(events).toEqual(await journal.read(job));
      }
      expect(read).toEqual(asked);
    }
  });

  async function ends(): Promise<StreamEnd[]> {
    const all: StreamEnd[] = [];
    for await (const end of journal.ends()) all.push(end);
    return all;
  }

  it('refuses a writer that has not seen the latest event, and writes nothing of it', async () => {
    await journal.append(job, 0, [judged(0)]);
    await expect(journal.append(job, 0, [judged(1), judged(2)])).rejects.toMatchObject({
      code: 'failed-precondition',
    });
    expect(await journal.read(job)).toEqual([judged(0)]);
  });

  it('refuses a writer that another one has overtaken, and takes what it has read up', async () => {
    await journal.append(job, 0, [judged(0)]);
    const other = await engine.open();
    if (other instanceof EmbeddedJournal) return other.close(); // a file has one owner
    await other.append(job, 1, [judged(1)]);
    await expect(journal.append(job, 1, [judged(2)])).rejects.toMatchObject({ code: 'failed-precondition' });
    await journal.append(job, 2, [judged(2)]);
    expect(await other.read(job)).toEqual([judged(0), judged(1), judged(2)]);
  });

  it('takes nothing from a writer whose term is over, of no job, whatever that one has seen', async () => {
    await journal.fence(7);
    await journal.append(job, 0, [judged(0)]);
    const successor = await engine.open();
    if (successor instanceof EmbeddedJournal) return successor.close(); // a file has one owner
    await successor.fence(8);
    // Neither to a job that the successor has not written to, nor to one that it does not know of.
    await expect(journal.append(job, 1, [judged(1)])).rejects.toMatchObject({ code: 'failed-precondition' });
    await expect(journal.append(jobId('new'), 0, [judged(1)])).rejects.toMatchObject({
      code: 'failed-precondition',
    });
    await expect(journal.fence(7)).rejects.toMatchObject({ code: 'failed-precondition' });
    await Promise.all([
      successor.append(job, 1, [judged(2)]),
      successor.append(jobId('b'), 0, [judged(3)]),
      successor.append(jobId('c'), 0, [judged(4)]),
    ]);
    expect(await successor.read(job)).toEqual([judged(0), judged(2)]);
    expect(await successor.read(jobId('new'))).toEqual([]);
  });

  it('takes the same events of one writer twice only if they are meant twice', async () => {
    await journal.append(job, 0, [judged(0)]);
    await journal.append(job, 1, [judged(0)]);
    expect(await journal.read(job)).toEqual([judged(0), judged(0)]);
  });

  it('lets one of two rival writers win', async () => {
    const results = await Promise.allSettled([
      journal.append(job, 0, [judged(1)]),
      journal.append(job, 0, [judged(2)]),
    ]);
    expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await journal.read(job)).toHaveLength(1);
  });

  it('hands a subscriber the past, then the present, until it leaves', async () => {
    await journal.append(job, 0, [judged(0)]);
    const leave = new AbortController();
    const seen: JobEvent[] = [];
    const subscriber = (async () => {
      for await (const events of journal.subscribe(job, leave.signal)) {
        expect(events).not.toHaveLength(0);
        seen.push(...events);
        if (seen.length === 3) leave.abort();
      }
    })();
    await journal.append(job, 1, [judged(1)]);
    await journal.append(job, 2, [judged(2)]);
    await subscriber;
    expect(seen).toEqual([judged(0), judged(1), judged(2)]);
  });
});
