import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { writeDurably } from '@kbisect/shared/cache/durable-file';
import { readIfThere } from '@kbisect/shared/read-if-there';

/** The id of the coordinator whose directory this is; given once. */
export async function coordinatorId(state: string): Promise<string> {
  const path = join(state, 'coordinator-id');
  const known = (await readIfThere(path))?.trim();
  if (known) return known;
  const id = randomUUID();
  await writeDurably(path, Buffer.from(`${id}\n`), state);
  return id;
}
