import { readdir, readFile } from 'node:fs/promises';
import { KbisectError } from '@kbisect/shared/errors';

const DIRECTORY = new URL('../../profiles/', import.meta.url);

/** The ready-made configs, by name. */
export async function profileNames(): Promise<string[]> {
  const files = await readdir(DIRECTORY);
  return files
    .filter((file) => file.endsWith('.config'))
    .map((file) => file.replace(/\.config$/, ''))
    .sort();
}

/**
 * The text of ready-made configs, one on top of the other.
 * @throws KbisectError `invalid-argument` with those that there are
 */
export async function readProfiles(names: readonly string[]): Promise<string> {
  const known = await profileNames();
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new KbisectError(
      'invalid-argument',
      `there is no profile ${JSON.stringify(unknown)}; there are ${known.join(', ')}`,
    );
  }
  const texts = names.map((name) => readFile(new URL(`${name}.config`, DIRECTORY), 'utf8'));
  return (await Promise.all(texts)).join('');
}
