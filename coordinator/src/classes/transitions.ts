import type { Switches } from './switches.js';

/** Config symbols, without `CONFIG_`, of which one has to be off. */
export type Clause = readonly string[];

/** A change of a makefile or a Kconfig file that decides nothing where of each clause a symbol is off. */
export interface Transition {
  readonly path: number;
  /** The file's contents, as `Changes` numbers them. */
  readonly before: number;
  readonly after: number;
  readonly off: readonly Clause[];
}

/** Which contents of a file stand for the same: gives one number for all of them. */
export type Canonical = (path: number, content: number) => number;

/** The changes of a range that may decide nothing, depending on what is configured. */
export class Transitions {
  constructor(
    private readonly list: readonly Transition[],
    private readonly switches: Switches,
  ) {}

  /**
   * Takes contents for the same that a chain of changes joins each of which concerns only what is off.
   * @param asked the symbols that are asked for or were on in a build
   */
  given(asked: ReadonlySet<string>): Canonical {
    const on = this.switches.canBeOn(asked);
    const joined = new Map<string, number>();
    const canonical: Canonical = (path, content) => {
      let at = content;
      for (let next; (next = joined.get(`${path} ${at}`)) !== undefined;) at = next;
      return at;
    };
    for (const { path, before, after, off } of this.list) {
      if (off.some((clause) => clause.every((symbol) => on.has(symbol)))) continue;
      const [one, other] = [canonical(path, before), canonical(path, after)];
      if (one !== other) joined.set(`${path} ${other}`, one);
    }
    return canonical;
  }
}
