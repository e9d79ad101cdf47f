import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@kbisect/shared/clock';
import { KbisectError } from '@kbisect/shared/errors';
import type { Job } from '@kbisect/shared/gen/kbisect/v1/farm';
import { withConnection, type Connection } from './connection.js';
import { LocalFarm } from './local-farm.js';
import { printable } from './printable.js';

/** How long a cancelled job may take to end before its farm is taken down all the same. */
const CANCEL_MS = 10_000;
const ANY_PORT = '127.0.0.1:0';

/**
 * Runs one job on a farm that is started for it and taken down afterwards, whatever happens. Without a state
 * directory nothing is left. When `interrupted` is aborted, the job is cancelled first.
 * @param work gets a signal that ends it, and says which job it submitted
 */
export async function withFarmOfOwn<Result>(
  options: { readonly agents: number; readonly state: string | undefined },
  interrupted: AbortSignal,
  work: (connection: Connection, signal: AbortSignal, onJob: (job: string) => void) => Promise<Result>,
): Promise<Result> {
  const temporary = options.state === undefined ? await mkdtemp(join(tmpdir(), 'kbisect-')) : undefined;
  const state = options.state ?? temporary ?? '';
  const say = (line: string) => process.stderr.write(`kbisect: ${printable(line)}\n`);
  try {
    const farm = await LocalFarm.start(
      { agents: options.agents, state, listen: ANY_PORT, http: ANY_PORT },
      say,
      interrupted,
    );
    try {
      return await withConnection(farm.address, async (connection) => {
        const stop = new AbortController();
        let job: string | undefined;
        const onInterrupt = () => void giveUp(connection, job, stop);
        interrupted.addEventListener('abort', onInterrupt, { once: true });
        try {
          const signal = AbortSignal.any([stop.signal, farm.lost]);
          return await work(connection, signal, (submitted) => {
            job = submitted;
            if (interrupted.aborted) onInterrupt();
          });
        } finally {
          interrupted.removeEventListener('abort', onInterrupt);
          stop.abort();
        }
      });
    } finally {
      await farm.close();
    }
  } finally {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Cancels the job, so that its end is seen as any other; stops the work when that fails or takes too long. */
async function giveUp(connection: Connection, job: string | undefined, stop: AbortController): Promise<void> {
  if (job !== undefined) {
    try {
      await connection.call<Job>((...rest) => connection.farm.cancel({ job }, ...rest), {
        limitMs: CANCEL_MS,
      });
      await systemClock.sleep(CANCEL_MS, stop.signal);
    } catch {
      // It is over already, or cannot be told: stopping is all that is left.
    }
  }
  stop.abort(new KbisectError('cancelled', 'interrupted'));
}
