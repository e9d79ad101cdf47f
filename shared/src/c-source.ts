/** Config symbols, without `CONFIG_`, of which one has to be off. */
export type Clause = readonly string[];

const DIRECTIVE = /^\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b(.*)$/;
const DEFINED = /\b(?:defined|IS_(?:ENABLED|BUILTIN|MODULE|REACHABLE))\s*\(\s*(CONFIG_\w+)\s*\)/g;
const HAND_MADE = /^[ \t]*#[ \t]*define[ \t]+CONFIG_(\w+)/gm;

/** With this symbol on, the text of all headers is in the image, remarks and all. */
export const HEADERS_WITHIN = 'IKHEADERS';

/** Of a C source or a header, whose compiler sees it through the preprocessor. */
export function isCSource(path: string): boolean {
  return /\.[ch]$/.test(path);
}

/**
 * When no compiler sees a change of a C source or a header, if that can be said: where all that differs are remarks, and
 * lines between conditionals that hold only while a config symbol is on which is off. No line that counts may move: it
 * keeps its number, which `__LINE__` tells, and its columns, which debug information tells.
 *
 * Undefined where more differs. It is said of sources that nothing but a preprocessor reads, and of symbols that
 * none of them defines by hand (`definedByHand`).
 */
export function changeOfCSource(before: string, after: string): Clause[] | undefined {
  if (isCutOff(before) || isCutOff(after)) return before === after ? [] : undefined;
  const [olds, news] = [linesOf(before), linesOf(after)];
  const clauses = new Map<string, Clause>();
  for (let at = 0; at < Math.max(olds.length, news.length); at++) {
    const [one, other] = [olds[at] ?? NO_LINE, news[at] ?? NO_LINE];
    if (one.text === other.text && (one.text === '' || one.place === other.place)) continue;
    for (const { text, gates } of [one, other]) {
      if (text === '') continue;
      if (gates.length === 0) return undefined;
      clauses.set(gates.join(' '), gates);
    }
  }
  return [...clauses.values()];
}

/** Config symbols, without `CONFIG_`, that a source defines though Kconfig may not. */
export function definedByHand(text: string): string[] {
  return [...text.matchAll(HAND_MADE)].map(([, symbol = '']) => symbol);
}

interface Line {
  /** Without remarks. */
  readonly text: string;
  /** Symbols that all have to be on for a compiler to see it; a conditional's own lines lie outside of it. */
  readonly gates: Clause;
  /** The conditionals around it. */
  readonly place: string;
}
const NO_LINE: Line = { text: '', gates: [], place: '' };

function linesOf(source: string): Line[] {
  const texts = withoutRemarks(source)
    .split('\n')
    .map((text) => text.trimEnd());
  const lines: Line[] = [];
  const open: { readonly branch: string; readonly gate: Clause }[] = [];
  for (let at = 0; at < texts.length;) {
    let end = at + 1;
    while (end < texts.length && texts[end - 1]!.endsWith('\\')) end++;
    const whole = texts.slice(at, end).join(' ').replaceAll('\\ ', ' ');
    const [, word, condition = ''] = DIRECTIVE.exec(whole) ?? [];
    const isNext = word === 'elif' || word === 'else';
    const before = isNext || word === 'endif' ? open.pop() : undefined;
    const gates = [...new Set(open.flatMap(({ gate }) => gate))];
    const place = open.map(({ branch }) => branch).join('\n');
    for (; at < end; at++) lines.push({ text: texts[at]!, gates, place });
    if (word === undefined || word === 'endif') continue;
    open.push({
      branch: `${isNext ? before?.branch : ''} ${word} ${condition}`,
      gate: gateOf(word, condition),
    });
  }
  return lines;
}

/** Symbols without which a conditional does not hold; none where that cannot be said. */
function gateOf(word: string, condition: string): Clause {
  if (word === 'else' || word === 'ifndef') return [];
  const plain = condition.replaceAll(DEFINED, '$1').replaceAll(/\bdefined\s+(?=CONFIG_)/g, '');
  if (/[|?(]/.test(plain)) return [];
  // What ends so may be the module of another symbol.
  return plain.split('&&').flatMap((term) => /^\s*CONFIG_(\w+)(?<!_MODULE)\s*$/.exec(term)?.[1] ?? []);
}

const TOKEN = /\/\*[^]*?(?:\*\/|$)|\/\/(?:\\\n|[^\n])*|"(?:\\[^]|[^"\\\n])*"?|'(?:\\[^]|[^'\\\n])*'?/g;

/** Whether it ends within a remark: no compiler takes it. */
function isCutOff(source: string): boolean {
  const [last = ''] = [...source.matchAll(TOKEN)].at(-1) ?? [];
  return last.startsWith('/*') && (last.length < 4 || !last.endsWith('*/'));
}

/** The source with a space for each letter of a remark. */
function withoutRemarks(source: string): string {
  return source.replaceAll(TOKEN, (token) =>
    token.startsWith('/') ? token.replaceAll(/[^\n]/g, ' ') : token,
  );
}
