import { conjunction, dependenciesOf, partsOf } from './kconfig.js';

/** What sets a symbol though nobody asked for it. */
const SETS_ITSELF = /^(default\b(?!\s+n$)|def_bool\b|def_tristate\b|string\b|hex\b|int\b|range\b|option\b)/m;
/** What says, even of a symbol that is off, what values all others may have. */
const RULES = /^modules\b/m;
const FORCES = /^(?:select|imply) (\w+)/gm;

/** The config symbols of a range: all that any version of any of its Kconfig files says of them. */
export class Switches {
  /** Symbols that are on by themselves as soon as all of these are; none are needed by the first kind. */
  readonly #needs = new Map<string, string[][]>();
  /** Symbols whose entries decide something even while they are off. */
  readonly ruling = new Set<string>();
  readonly #forcedBy = new Map<string, Set<string>>();

  read(file: string): void {
    for (const { symbol, text, inChoice, gates } of partsOf(file)) {
      if (symbol === undefined) continue;
      if (inChoice || SETS_ITSELF.test(text)) {
        const dependencies = dependenciesOf(text).flatMap(conjunction);
        push(this.#needs, symbol, [...gates.flat(), ...dependencies]);
      }
      if (RULES.test(text)) this.ruling.add(symbol);
      for (const [, forced = ''] of text.matchAll(FORCES)) {
        const forcing = this.#forcedBy.get(forced) ?? new Set();
        this.#forcedBy.set(forced, forcing.add(symbol));
      }
    }
  }

  /**
   * All symbols that can be on, too many rather than too few: those that are asked for, those that are on by themselves
   * while what they depend on can be, and what these select or imply. Whatever else is configured, the others are off.
   */
  canBeOn(asked: ReadonlySet<string>): Set<string> {
    const on = new Set(asked);
    for (let size = -1; size !== on.size;) {
      size = on.size;
      for (const [symbol, entries] of this.#needs) {
        if (entries.some((needs) => needs.every((need) => on.has(need)))) on.add(symbol);
      }
      for (const [symbol, forcing] of this.#forcedBy) {
        if (!on.has(symbol) && [...forcing].some((other) => on.has(other))) on.add(symbol);
      }
    }
    return on;
  }
}

function push(map: Map<string, string[][]>, key: string, value: string[]): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
