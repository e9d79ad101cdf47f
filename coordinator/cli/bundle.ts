import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { KbisectError } from '@kbisect/shared/errors';
import { run, commandFailed } from '@kbisect/shared/process';
import { systemClock } from '@kbisect/shared/clock';
import type { Job } from '@kbisect/shared/gen/kbisect/v1/farm';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { BundleFiles } from './bundle/bundle-files.js';
import { withConnection } from './connection.js';
import { interruption } from './interruption.js';
import { isOver } from '../src/scheduler/job-state.js';
import { count } from './words.js';
import { watchJob } from './watch-job.js';

/**
 * Writes all evidence of a job that is over to a .tar.zst, with a script that shows the finding without a farm.
 * @throws KbisectError `failed-precondition` when the job still runs; `missing-tool` without tar or zstd
 */
export async function bundle(coordinator: string, job: string, output: string): Promise<void> {
  const target = resolve(output);
  const place = await mkdtemp(join(tmpdir(), 'kbisect-bundle-'));
  try {
    await withConnection(coordinator, async (connection) => {
      const signal = interruption();
      const known = await connection.call<Job>((...rest) => connection.farm.getJob({ job }, ...rest));
      if (!isOver(known.state)) {
        throw new KbisectError(
          'failed-precondition',
          `job ${job} still runs; 'kbisect watch ${job}' waits for its end`,
        );
      }
      const events: JobEvent[] = [];
      for await (const message of watchJob(connection.farm, job, systemClock, signal))
        if (message.$case === 'event') events.push(message.value);
      const directory = join(place, `kbisect-${job}`);
      await mkdir(directory);
      const files = new BundleFiles(connection, job, events, directory, signal);
      await files.write();
      await archive(place, basename(directory), target, signal);
      const { size } = await stat(target);
      process.stdout.write(`${output}: ${count(files.written, 'file')}, ${Math.ceil(size / 1024)} KiB\n`);
    });
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/** Packs a directory, the same bytes from the same files; nothing of it is seen before it is whole. */
async function archive(place: string, name: string, target: string, signal: AbortSignal): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const temporary = `${target}.${process.pid}`;
  const same = [
    '--sort=name',
    '--mtime=@0',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mode=u+rwX,go=rX',
  ];
  const command = {
    program: 'tar',
    args: ['--create', '--zstd', ...same, '--file', temporary, '-C', place, '--', name],
    signal,
  };
  try {
    const done = await run(command);
    if (done.status !== 0) throw commandFailed(command, done);
    await rename(temporary, target);
  } finally {
    await rm(temporary, { force: true });
  }
}
