import type { Git } from '@kbisect/shared/git';
import { readBlobs } from './blob-batch.js';
import type { Changes } from './classes/changes.js';
import { changeOfKconfig, isKconfig } from './classes/kconfig.js';
import { isMakefile, changeOfMakefile } from './classes/makefile.js';
import { Switches } from './classes/switches.js';
import { Transitions, type Transition } from './classes/transitions.js';

/** Reads a range's makefiles and Kconfig files, to see which of their changes concern only what may be off. */
export async function readTransitions(git: Git, changes: Changes, signal: AbortSignal): Promise<Transitions> {
  const switches = new Switches();
  const reference = changes.idOf(changes.reference);
  const files = await git.text(['ls-tree', '-r', '-z', '--name-only', reference], { signal });
  const kconfigs = files.split('\0').filter((path) => isKconfig(path) && !path.includes('\n'));
  const read = (text: string | undefined) => switches.read(text ?? '');
  await readBlobs(
    git,
    kconfigs.map((path) => `${reference}:${path}`),
    read,
    signal,
  );

  const places = placesIn(changes);
  const transitions: Transition[] = [];
  let before: string | undefined;
  let at = 0;
  await readBlobs(
    git,
    places.flatMap(({ names }) => names),
    (text) => {
      const place = places[at >> 1]!;
      if (place.isKconfig) read(text);
      if (at++ % 2 === 0) {
        before = text;
      } else if (before !== undefined && text !== undefined) {
        const off = place.isKconfig ? changeOfKconfig(before, text) : changeOfMakefile(before, text);
        if (off) transitions.push({ ...place, off });
      }
    },
    signal,
  );
  return new Transitions(transitions, switches);
}

interface Place extends Omit<Transition, 'off'> {
  readonly isKconfig: boolean;
  /** Where the file is before and after the change. */
  readonly names: readonly [string, string];
}

/** Each change of a makefile's or a Kconfig file's content, once. */
function placesIn(changes: Changes): Place[] {
  const seen = new Set<string>();
  const places: Place[] = [];
  for (const node of changes.inOrder()) {
    changes.forEach(node, (path, before, after) => {
      const name = changes.names[path]!;
      const key = `${path} ${before} ${after}`;
      if (!(isKconfig(name) || isMakefile(name)) || name.includes('\n') || seen.has(key)) return;
      seen.add(key);
      const names = [
        `${changes.idOf(changes.bases[node]!)}:${name}`,
        `${changes.idOf(node)}:${name}`,
      ] as const;
      places.push({ path, before, after, names, isKconfig: isKconfig(name) });
    });
  }
  return places;
}
