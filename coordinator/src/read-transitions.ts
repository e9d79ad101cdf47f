import { readBlobs } from '@kbisect/shared/blob-batch';
import { changeOfCSource, definedByHand, isCSource, type Clause } from '@kbisect/shared/c-source';
import type { Git } from '@kbisect/shared/git';
import type { Changes } from './classes/changes.js';
import { changeOfKconfig, isKconfig } from './classes/kconfig.js';
import { isMakefile, changeOfMakefile } from './classes/makefile.js';
import { Switches } from './classes/switches.js';
import { Transitions, type Transition } from './classes/transitions.js';

/** So many changes of C sources are read; of more, those of headers, which many objects are made of. */
const MAX_SOURCES = 20_000;

/** Reads a range's makefiles, Kconfig files and C sources, to see which of their changes concern only what may be off. */
export async function readTransitions(git: Git, changes: Changes, signal: AbortSignal): Promise<Transitions> {
  const switches = new Switches();
  const defined = new Set<string>();
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
      if (place.kind === 'kconfig') read(text);
      if (place.kind === 'source') for (const symbol of definedByHand(text ?? '')) defined.add(symbol);
      if (at++ % 2 === 0) {
        before = text;
      } else if (before !== undefined && text !== undefined) {
        const off = CHANGE_OF[place.kind](before, text);
        if (off) transitions.push({ ...place, isSource: place.kind === 'source', off });
      }
    },
    signal,
  );
  return new Transitions(transitions, switches, defined);
}

const CHANGE_OF: Record<Place['kind'], (before: string, after: string) => Clause[] | undefined> = {
  kconfig: changeOfKconfig,
  makefile: changeOfMakefile,
  source: changeOfCSource,
};

interface Place extends Omit<Transition, 'off' | 'isSource'> {
  readonly kind: 'kconfig' | 'makefile' | 'source';
  /** Where the file is before and after the change. */
  readonly names: readonly [string, string];
}

/** Each change of such a file's content, once. */
function placesIn(changes: Changes): Place[] {
  const seen = new Set<string>();
  const places: Place[] = [];
  for (const node of changes.inOrder()) {
    changes.forEach(node, (path, before, after) => {
      const name = changes.names[path]!;
      const key = `${path} ${before} ${after}`;
      const kind = kindOf(name);
      if (kind === undefined || name.includes('\n') || seen.has(key)) return;
      seen.add(key);
      const names = [
        `${changes.idOf(changes.bases[node]!)}:${name}`,
        `${changes.idOf(node)}:${name}`,
      ] as const;
      places.push({ path, before, after, names, kind });
    });
  }
  const sources = places.filter(({ kind }) => kind === 'source');
  if (sources.length <= MAX_SOURCES) return places;
  return places.filter(({ kind, names }) => kind !== 'source' || names[0].endsWith('.h'));
}

function kindOf(name: string): Place['kind'] | undefined {
  if (isKconfig(name)) return 'kconfig';
  if (isMakefile(name)) return 'makefile';
  return isCSource(name) ? 'source' : undefined;
}
