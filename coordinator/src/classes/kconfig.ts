import type { Clause } from '@kbisect/shared/c-source';

/** A part of a Kconfig file: the entry of a symbol, or one line that is none of an entry with what belongs to it. */
export interface Part {
  /** Undefined for what is no entry: `source`, `menu`, `if`, `choice` and the like. */
  readonly symbol: string | undefined;
  text: string;
  readonly inChoice: boolean;
  /** What is around it: for each `if` the symbols that all have to be on. */
  readonly gates: readonly Clause[];
}

const ENTRY = /^\s*(?:menu)?config\s+(\w+)\s*$/;
const OTHER =
  /^\s*(choice|endchoice|comment|menu|endmenu|if|endif|source|osource|rsource|orsource|mainmenu)\b(.*)/;
const HELP = /^\s*(?:---)?help(?:---)?\s*$/;
/**
 * When a change of a Kconfig file decides nothing, if that can be said: where the symbols whose entries differ cannot be
 * on, neither before nor afterwards.
 *
 * Undefined where more differs: what is sourced, menus, conditions and choices that are not within an `if`.
 */
export function changeOfKconfig(before: string, after: string): Clause[] | undefined {
  const [olds, news] = [partsOf(before), partsOf(after)];
  const [oldEntries, newEntries] = [entriesOf(olds), entriesOf(news)];
  const symbols = [...new Set([...oldEntries.keys(), ...newEntries.keys()])].filter(
    (symbol) => oldEntries.get(symbol) !== newEntries.get(symbol),
  );
  const differing = new Set(symbols);
  const rest = (parts: readonly Part[], shut: ReadonlySet<string>) =>
    parts.filter(
      ({ symbol, gates }) => !differing.has(symbol ?? '') && !gates.some((gate) => shut.has(key(gate))),
    );

  // What lies behind an `if` may differ in any way while the `if` is off.
  const gates = new Map([...olds, ...news].flatMap((part) => part.gates).map((gate) => [key(gate), gate]));
  const shut = new Set<string>();
  if (textOf(rest(olds, shut)) !== textOf(rest(news, shut))) {
    for (const name of gates.keys()) {
      const behind = (parts: readonly Part[]) =>
        textOf(rest(parts, new Set()).filter((part) => part.gates.some((gate) => key(gate) === name)));
      if (behind(olds) !== behind(news)) shut.add(name);
    }
    if (textOf(rest(olds, shut)) !== textOf(rest(news, shut))) return undefined;
  }

  return [...symbols.map((symbol) => [symbol]), ...[...shut].map((name) => gates.get(name)!)];
}

const key = (gate: Clause): string => gate.join(' ');
const textOf = (parts: readonly Part[]): string => parts.map(({ text }) => text).join('\n');

/** The text of all entries of each symbol. */
function entriesOf(parts: readonly Part[]): Map<string, string> {
  const entries = new Map<string, string>();
  for (const { symbol, text } of parts) {
    if (symbol !== undefined) entries.set(symbol, `${entries.get(symbol) ?? ''}\n${text}`);
  }
  return entries;
}

/** The symbols of a condition all of which have to be on; none when it is of another form. */
export function conjunction(condition: string): string[] {
  const terms = condition.split('&&').map((term) => term.trim());
  return terms.every((term) => /^\w+$/.test(term)) ? terms : [];
}

/** The conditions on which an entry or a menu depends by its own words. */
export function dependenciesOf(text: string): string[] {
  return [...text.matchAll(/^depends on (.*)$/gm)].map(([, condition = '']) => condition);
}

/** A Kconfig file in parts, without help texts and remarks. */
export function partsOf(file: string): Part[] {
  const parts: Part[] = [];
  const gates: Clause[] = [];
  let inChoice = false;
  for (const line of withoutHelp(file.replaceAll('\\\n', ' ').split('\n'))) {
    const text = line.trim().replaceAll(/\s+/g, ' ');
    const symbol = ENTRY.exec(line)?.[1];
    const [, other, condition = ''] = OTHER.exec(line) ?? [];
    if (other === 'choice') inChoice = true;
    if (other === 'endif') gates.pop();
    const open = gates.filter((gate) => gate.length > 0);
    const last = parts.at(-1);
    if (symbol !== undefined || other !== undefined || last === undefined)
      parts.push({ symbol, text, inChoice, gates: open });
    else last.text += `\n${text}`;
    if (other === 'if') gates.push(conjunction(condition));
    if (other === 'endchoice') inChoice = false;
  }
  return parts;
}

/** Lines that decide: not those of help texts, which go on as long as they are indented like their first, nor remarks. */
function withoutHelp(lines: readonly string[]): string[] {
  const kept: string[] = [];
  let help: 'none' | 'begun' | number = 'none';
  for (const line of lines) {
    if (line.trim() === '') continue;
    if (help !== 'none') {
      const indent = indentOf(line);
      if (help === 'begun' && indent > 0) help = indent;
      if (help !== 'begun' && indent >= help) continue;
      help = 'none';
    }
    if (HELP.test(line)) help = 'begun';
    else if (!line.trim().startsWith('#')) kept.push(line);
  }
  return kept;
}

/** Columns, with a tab at each eighth. */
function indentOf(line: string): number {
  let column = 0;
  for (const letter of line) {
    if (letter === ' ') column += 1;
    else if (letter === '\t') column += 8 - (column % 8);
    else break;
  }
  return column;
}

export function isKconfig(path: string): boolean {
  // What Kconfig itself is tested with configures no kernel.
  return (
    !path.startsWith('scripts/kconfig/tests/') && path.slice(path.lastIndexOf('/') + 1).startsWith('Kconfig')
  );
}
