import { hostname, userInfo } from 'node:os';
import type { MarkResponse, RerunResponse } from '@kbisect/shared/gen/kbisect/v1/farm';
import { shortId } from '@kbisect/shared/ids';
import { MARKS } from '../src/by-hand.js';
import { withConnection } from './connection.js';

/** Gives the verdict on a commit. */
export async function mark(
  coordinator: string,
  job: string,
  commit: string,
  word: keyof typeof MARKS,
): Promise<void> {
  const request = { job, commit, verdict: MARKS[word], by: whoami() };
  const marked = await withConnection(coordinator, (connection) =>
    connection.call<MarkResponse>((...rest) => connection.farm.mark(request, ...rest)),
  );
  process.stdout.write(`${shortId(marked.commit)} is marked ${word}\n`);
}

/** Has a commit tried again. */
export async function rerun(coordinator: string, job: string, commit: string): Promise<void> {
  const request = { job, commit, by: whoami() };
  const again = await withConnection(coordinator, (connection) =>
    connection.call<RerunResponse>((...rest) => connection.farm.rerun(request, ...rest)),
  );
  process.stdout.write(`${shortId(again.commit)} is tried again\n`);
}

function whoami(): string {
  return `${userInfo().username}@${hostname()}`;
}
