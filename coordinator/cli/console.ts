import { blobName } from '@kbisect/shared/cache/blob-name';
import type { GetConsoleResponse, GetConsoleResponse_Console } from '@kbisect/shared/gen/kbisect/v1/farm';
import { shortId } from '@kbisect/shared/ids';
import { describeOutcome } from '../src/scheduler/oracle.js';
import { withConnection, type Connection } from './connection.js';
import { printable, printableLines } from './printable.js';

/** Prints the consoles of a commit's trials, those that still run included; `commit` may be a prefix. */
export async function consoles(coordinator: string, job: string, commit: string): Promise<void> {
  await withConnection(coordinator, async (connection) => {
    const found = await connection.call<GetConsoleResponse>((...rest) =>
      connection.farm.getConsole({ job, commit }, ...rest),
    );
    if (found.consoles.length === 0) {
      process.stderr.write(`no console of ${shortId(found.commit)} was kept: it was not booted\n`);
    }
    for (const [index, one] of found.consoles.entries()) {
      const what = one.outcome ? describeOutcome(one.outcome) : `runs on ${one.agent}`;
      const head = `trial ${index + 1} of ${found.consoles.length}, ${shortId(found.commit)}: ${printable(what)}`;
      process.stderr.write(`--- ${head}\n`);
      await print(connection, one);
    }
  });
}

/** On a terminal without control characters, elsewhere byte for byte. */
async function print(connection: Connection, { blob, live }: GetConsoleResponse_Console): Promise<void> {
  const parts = blob ? connection.blobs.get(blobName(blob.digest, blob.size)) : [live];
  if (!process.stdout.isTTY) {
    for await (const part of parts) process.stdout.write(part);
    return;
  }
  const decoder = new TextDecoder();
  let rest = '';
  for await (const part of parts) {
    const lines = (rest + decoder.decode(part, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) process.stdout.write(`${printableLines(line)}\n`);
  }
  if (rest !== '') process.stdout.write(`${printableLines(rest)}\n`);
}
