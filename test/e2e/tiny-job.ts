import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTinyHistory, type TinyCommit } from '../fixtures/tiny-history.js';

const READ = (path: string, expected: number) => `#include "boot-test.h"
#include <stdio.h>
enum test_result do_test(void)
{
	int value = -1;
	FILE *file = fopen("/proc/sys/${path}", "r");
	if (!file || fscanf(file, "%d", &value) != 1)
		return TEST_FAIL;
	printf("it is %d", value);
	return value == ${expected} ? TEST_PASS : TEST_FAIL;
}
`;

/** The miniature kernel's history and reproducers for it, as a user has them on disk. */
export interface TinyJob {
  readonly repo: string;
  /** Commit ids by name. */
  readonly ids: ReadonlyMap<string, string>;
  /** Writes a C reproducer that passes when a sysctl reads as expected, and gives its path. */
  reads(path: string, expected: number): Promise<string>;
  /** Writes any file and gives its path. */
  file(name: string, text: string): Promise<string>;
}

export async function tinyJob(
  directory: string,
  name: string,
  commits: readonly TinyCommit[],
): Promise<TinyJob> {
  const repo = join(directory, `${name}.git`);
  const ids = await makeTinyHistory(repo, commits);
  const place = join(directory, `${name}.files`);
  await mkdir(place, { recursive: true });
  const file = async (fileName: string, text: string) => {
    await writeFile(join(place, fileName), text);
    return join(place, fileName);
  };
  return {
    repo,
    ids,
    file,
    reads: (path, expected) => file(`${path.replaceAll('/', '-')}.c`, READ(path, expected)),
  };
}

/** A straight history c0 .. c<last> in which single commits make the given changes; the others touch a comment. */
export function straight(
  last: number,
  changes: Readonly<Record<number, TinyCommit['change']>>,
): TinyCommit[] {
  return Array.from({ length: last + 1 }, (_, n) => {
    const change = changes[n] ?? { kind: 'comment' as const, words: `commit ${n}` };
    return { name: `c${n}`, change };
  });
}
