import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** The directories in which programs are looked for. */
export function searchPath(): string[] {
  return (process.env['PATH'] ?? '/usr/bin:/bin').split(delimiter).filter((place) => place !== '');
}

/** Where a program lies that this process may run, if it does; a name may be an absolute path. */
export async function programPath(name: string): Promise<string | undefined> {
  const paths = name.startsWith('/') ? [name] : searchPath().map((place) => join(place, name));
  for (const path of paths) {
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // not in this place
    }
  }
  return undefined;
}
