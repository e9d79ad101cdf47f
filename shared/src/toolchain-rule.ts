import { KbisectError } from './errors.js';

/** A compiler as an agent reports it. */
export interface NamedToolchain {
  readonly name: string;
  readonly family: string;
  readonly version: string;
  readonly arch: string;
}

/** Which compilers a job takes. */
export type ToolchainRule =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'range'; readonly family: string; readonly bounds: readonly Bound[] };

interface Bound {
  readonly operator: '>=' | '>' | '<=' | '<' | '=';
  readonly version: string;
}

/**
 * Reads a rule: a name (`gcc`, `gcc-12`, `clang-14`), or a family and bounds of its version, all of which hold
 * (`gcc>=11,<13`). No rule at all is `gcc`.
 * @throws KbisectError `invalid-argument` saying what a rule looks like
 */
export function parseToolchainRule(text: string): ToolchainRule {
  const name = text.trim() || 'gcc';
  if (/^(gcc|clang)(-\d+)?$/.test(name)) return { kind: 'name', name };
  const [, family, rest = ''] = /^(gcc|clang)\s*([<>=].*)$/.exec(name) ?? [];
  const bounds = rest.split(',').map((bound) => /^\s*(>=|<=|>|<|=)\s*(\d+(?:\.\d+)*)\s*$/.exec(bound));
  if (family === undefined || bounds.includes(null)) {
    throw new KbisectError(
      'invalid-argument',
      `${JSON.stringify(text)} names no toolchain: say gcc, gcc-12, clang-14, or a range such as gcc>=11,<13`,
    );
  }
  return {
    kind: 'range',
    family,
    bounds: bounds.map((bound) => ({ operator: bound![1] as Bound['operator'], version: bound![2]! })),
  };
}

/** Whether `parseToolchainRule` takes the text. */
export function isToolchainRule(text: string): boolean {
  try {
    parseToolchainRule(text);
    return true;
  } catch {
    return false;
  }
}

/** The toolchain that a rule chooses for an architecture: the newest of those that fit; undefined when none does. */
export function chooseToolchain<T extends NamedToolchain>(
  rule: ToolchainRule,
  arch: string,
  toolchains: readonly T[],
): T | undefined {
  return toolchains
    .filter((toolchain) => toolchain.arch === arch && fits(rule, toolchain))
    .sort((one, other) => compareVersions(other.version, one.version))[0];
}

function fits(rule: ToolchainRule, { name, family, version }: NamedToolchain): boolean {
  if (rule.kind === 'name') return name === rule.name;
  return (
    family === rule.family &&
    rule.bounds.every((bound) => {
      // 12.2.0 is within =12 and <=12, as people mean it.
      const parts = bound.version.split('.').length;
      const order = compareVersions(version.split('.').slice(0, parts).join('.'), bound.version);
      switch (bound.operator) {
        case '>=':
          return order >= 0;
        case '>':
          return order > 0;
        case '<=':
          return order <= 0;
        case '<':
          return order < 0;
        case '=':
          return order === 0;
      }
    })
  );
}

function compareVersions(one: string, other: string): number {
  const [a, b] = [one, other].map((version) => version.split('.').map(Number));
  for (let at = 0; at < Math.max(a!.length, b!.length); at++) {
    const order = (a![at] ?? 0) - (b![at] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}
