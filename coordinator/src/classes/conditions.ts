import { dependenciesOf, partsOf } from './kconfig.js';

/** Reads a file of the tree; undefined when it is not there. */
export type ReadText = (path: string) => Promise<string | undefined>;

/**
 * On what each symbol depends: for each of its entries, all conditions that are to hold, as Kconfig words them: its own and
 * those of the menus and `if`s around it, through the files that source each other.
 * @param srcarch the architecture as the tree's directories name it, such as x86
 */
export async function conditionsOf(read: ReadText, srcarch: string): Promise<Map<string, string[][]>> {
  const found = new Map<string, string[][]>();
  const visit = async (path: string, outer: readonly string[], depth: number): Promise<void> => {
    const text = depth > 50 ? undefined : await read(path);
    if (text === undefined) return;
    const around: string[][] = [];
    for (const { symbol, text: part } of partsOf(text)) {
      const [word = '', ...rest] = part.split(/\s/, 2);
      const own = dependenciesOf(part);
      const all = () => [...outer, ...around.flat(), ...own];
      if (symbol !== undefined) found.set(symbol, [...(found.get(symbol) ?? []), all()]);
      else if (word === 'if') around.push([part.slice(3)]);
      else if (word === 'menu' || word === 'choice') around.push(own);
      else if (/^end(if|menu|choice)$/.test(word)) around.pop();
      else if (/^o?source$/.test(word)) await visit(sourced(rest[0] ?? '', srcarch), all(), depth + 1);
      else if (/^o?rsource$/.test(word)) {
        const directory = path.slice(0, path.lastIndexOf('/') + 1);
        await visit(directory + sourced(rest[0] ?? '', srcarch), all(), depth + 1);
      }
    }
  };
  await visit('Kconfig', [], 0);
  return found;
}

function sourced(name: string, srcarch: string): string {
  return name.replaceAll('"', '').replaceAll(/\$\(?(SRCARCH|ARCH)\)?/g, srcarch);
}

/**
 * The conditions that stand in a symbol's way, each with the values of its symbols: those in which a symbol is off that
 * should be on, or the other way round.
 */
export function obstacles(conditions: readonly string[], valueOf: (symbol: string) => string): string[] {
  return conditions
    .filter((condition) =>
      [...condition.matchAll(/(!?)\s*\b([A-Z]\w*)\b/g)].some(
        ([, not, symbol = '']) => (valueOf(symbol) === 'n') === (not === ''),
      ),
    )
    .map((condition) => condition.replaceAll(/\b[A-Z]\w*\b/g, (symbol) => `${symbol} (${valueOf(symbol)})`));
}
