import type { Person } from './report-document.js';

/** A section of a kernel's MAINTAINERS. */
interface Section {
  readonly title: string;
  readonly fields: readonly (readonly [tag: string, value: string])[];
}

/** Its F: patterns match every file, and its maintainer is asked for nothing in particular. */
const THE_REST = 'THE REST';

/**
 * The people and lists that a kernel's MAINTAINERS has for files, as `scripts/get_maintainer.pl --nogit -f` names them:
 * from the sections whose F: or N: patterns match and whose X: patterns do not. A script of the tree that is bisected is
 * not run for it.
 */
export function maintainersOf(text: string, files: readonly string[]): Person[] {
  const people = new Map<string, { name: string; email: string; roles: Set<string> }>();
  for (const section of sectionsOf(text)) {
    if (!files.some((file) => concerns(section, file))) continue;
    for (const [tag, value] of section.fields) {
      const role = ROLES[tag];
      if (role === undefined || (section.title === THE_REST && tag === 'M')) continue;
      if (tag === 'L' && /subscribers-only/.test(value)) continue;
      const { name, email } = address(value);
      if (email === '') continue;
      const known = people.get(email) ?? { name, email, roles: new Set<string>() };
      known.roles.add(`${role} (${section.title})`);
      people.set(email, known);
    }
  }
  return [...people.values()].map((one) => ({ ...one, roles: [...one.roles] }));
}

const ROLES: Readonly<Record<string, string>> = { M: 'maintainer', R: 'reviewer', L: 'list' };

/** `Name <user@host>` or a bare address, with what stands in brackets behind it left out. */
export function address(text: string): { name: string; email: string } {
  const [, name = '', email = ''] = /^(.*?)<([^<>\s]+@[^<>\s]+)>/.exec(text) ?? [];
  if (email !== '') return { name: name.trim().replace(/^"(.*)"$/, '$1'), email };
  return { name: '', email: /^[^<>\s]+@[^<>\s]+/.exec(text.trim())?.[0] ?? '' };
}

function sectionsOf(text: string): Section[] {
  const sections: { title: string; fields: [string, string][] }[] = [];
  for (const line of text.split('\n')) {
    const [, tag, value] = /^([A-Z]):\s*(.*?)\s*$/.exec(line) ?? [];
    if (tag === undefined || value === undefined) {
      const title = line.trim();
      if (title !== '') sections.push({ title, fields: [] });
    } else sections.at(-1)?.fields.push([tag, value]);
  }
  return sections;
}

function concerns({ fields }: Section, file: string): boolean {
  const has = (tag: string, matches: (pattern: string) => boolean) =>
    fields.some(([its, value]) => its === tag && matches(value));
  if (has('X', (pattern) => glob(pattern, file))) return false;
  return has('F', (pattern) => glob(pattern, file)) || has('N', (pattern) => regex(pattern, file));
}

/** A trailing slash takes all that is below, anything else only its own level. */
function glob(pattern: string, file: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const expression = safe(`^${source}`);
  if (expression?.test(file) !== true) return false;
  if (pattern.endsWith('/')) return true;
  return slashes(file) === slashes(pattern) || file.startsWith(`${pattern}/`);
}

function regex(pattern: string, file: string): boolean {
  return safe(pattern)?.test(file) === true;
}

function safe(source: string): RegExp | undefined {
  try {
    return new RegExp(source);
  } catch {
    return undefined; // a pattern of Perl's that this is not
  }
}

function slashes(path: string): number {
  return path.split('/').length;
}
