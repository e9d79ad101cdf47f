import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import { jobId } from '@kbisect/shared/ids';
import { natsIsInstalled, startNats } from '../nats-under-test.js';
import { EmbeddedJournal } from './embedded-journal.js';
import { JetStreamJournal } from './jetstream-journal.js';
import type { Journal } from './journal.js';

/** An engine of the journal: it keeps what it has while journals are opened and closed on it. */
interface Engine {
  readonly open: () => Promise<Journal>;
  readonly end: () => Promise<void>;
}

async function embedded(): Promise<Engine> {
  const directory = await mkdtemp(join(tmpdir(), 'kbisect-journal-'));
  return {
    open: () => Promise.resolve(new EmbeddedJournal(join(directory, 'journal.mdb'))),
    end: () => rm(directory, { recursive: true }),
  };
}

async function jetStream(): Promise<Engine> {
  const { connection, stop } = await startNats();
  return { open: () => JetStreamJournal.open(connection, 1), end: stop };
}

const engines: { name: string; start: () => Promise<Engine> }[] = [
  { name: 'embedded', start: embedded },
  ...(natsIsInstalled ? [{ name: 'JetStream', start: jetStream }] : []),
];

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
