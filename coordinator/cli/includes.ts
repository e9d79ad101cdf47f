import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The files that `#include "..."` finds beside a C file; the compiler knows where the others are, if anyone. */
export async function localIncludes(file: string, source: Buffer): Promise<string[]> {
  const found: string[] = [];
  for (const [, name = ''] of source
    .toString('latin1')
    .matchAll(/^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"/gm)) {
    if (name.startsWith('/')) continue;
    const path = join(dirname(file), Buffer.from(name, 'latin1').toString('utf8'));
    const about = await stat(path).catch(() => undefined);
    if (about?.isFile()) found.push(path);
  }
  return found;
}
