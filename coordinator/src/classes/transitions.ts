import { HEADERS_WITHIN, type Clause } from '@kbisect/shared/c-source';
import type { Switches } from './switches.js';

/** A change of a makefile, a Kconfig file or a C source that decides nothing where of each clause a symbol is off. */
export interface Transition {
  readonly path: number;
  /** The file's contents, as `Changes` numbers them. */
  readonly before: number;
  readonly after: number;
  readonly off: readonly Clause[];
  /** It is of a C source: nothing but a preprocessor may read it. */
  readonly isSource: boolean;
}

/** What builds have told, as `Consumed` keeps it. */
export interface Told {
  /** Config symbols that are on in a build, or were asked for. */
  readonly symbols: ReadonlySet<string>;
  /** Of the C sources; undefined where that is not known. */
  readonly sources:
    | {
        /** Config symbols that they define by hand. */
        readonly defined: ReadonlySet<string>;
        /** Those that are read as text. */
        readonly texts: ReadonlySet<string>;
      }
    | undefined;
}

/** Which contents of a file stand for the same: gives one number for all of them. */
export type Canonical = (path: number, content: number) => number;

/** The changes of a range that may decide nothing, depending on what is configured. */
export class Transitions {
  constructor(
    private readonly list: readonly Transition[],
    private readonly switches: Switches,
    /** Config symbols that C sources which the range changes define by hand. */
    private readonly defined: ReadonlySet<string> = new Set(),
  ) {}

  /**
   * Takes contents for the same that a chain of changes joins each of which concerns only what is off.
   * @param nameOf gives a path's name
   */
  given({ symbols, sources }: Told, nameOf: (path: number) => string): Canonical {
    const on = this.switches.canBeOn(symbols);
    const seen = new Set([...on, ...this.defined, ...(sources?.defined ?? [])]);
    const deciding = new Set([...on, ...this.switches.ruling]);
    const isWhole = (path: number) =>
      sources === undefined || on.has(HEADERS_WITHIN) || sources.texts.has(nameOf(path));
    const joined = new Map<string, number>();
    const canonical: Canonical = (path, content) => {
      let at = content;
      for (let next; (next = joined.get(`${path} ${at}`)) !== undefined;) at = next;
      return at;
    };
    for (const { path, before, after, off, isSource } of this.list) {
      if (isSource && isWhole(path)) continue;
      const possible = isSource ? seen : deciding;
      if (off.some((clause) => clause.every((symbol) => possible.has(symbol)))) continue;
      const [one, other] = [canonical(path, before), canonical(path, after)];
      if (one !== other) joined.set(`${path} ${other}`, one);
    }
    return canonical;
  }
}
