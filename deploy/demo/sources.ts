/**
 * Apt's sources for the Debian release with the given code name, made from a machine's own: one-line entries and
 * deb822 stanzas become their `deb-src` counterparts with the same address, options and keys.
 */
export interface SourceFiles {
  /** The text of a `sources.list`. */
  readonly list: string;
  /** The text of a deb822 `.sources` file. */
  readonly sources: string;
}

/** One file of the machine's own sources. */
export interface SourceFile {
  /** Its name; `.sources` tells deb822 from one-line. */
  readonly name: string;
  readonly text: string;
}

/** Takes all of a machine's source files and gives the private ones; both texts are empty when none fits. */
export function sourceOnly(files: readonly SourceFile[], codename: string): SourceFiles {
  const list: string[] = [];
  const sources: string[] = [];
  for (const { name, text } of files) {
    if (name.endsWith('.sources')) {
      sources.push(...text.split(/\n[ \t]*\n/).flatMap((stanza) => sourceStanza(stanza, codename)));
    } else {
      list.push(...text.split('\n').flatMap((line) => sourceLine(line, codename)));
    }
  }
  return {
    list: [...new Set(list)].map((line) => `${line}\n`).join(''),
    sources: [...new Set(sources)].join('\n'),
  };
}

/** `bookworm`, `bookworm-updates`, `bookworm-security`; or `stable`, as some write it. */
function isOfRelease(suite: string, codename: string): boolean {
  return new RegExp(`^(${codename}|stable|oldstable)(-updates|-security)?/?$`).test(suite);
}

function sourceLine(line: string, codename: string): string[] {
  const match = /^\s*deb(?:-src)?\s+(\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]*)/.exec(line);
  if (!match) return [];
  const [, options = '', uri, suite, components] = match;
  if (!uri || uri.startsWith('cdrom:') || !suite || !isOfRelease(suite, codename)) return [];
  if (!components?.trim().split(/\s+/).includes('main')) return [];
  const kept = options.replace(/\barch=\S+?(?=[\s\]])/g, '').replace(/\[\s*\]\s*/, '');
  return [`deb-src ${kept}${uri} ${suite} main`];
}

function sourceStanza(stanza: string, codename: string): string[] {
  // A comment may stand between a field and its value's next line.
  const lines = stanza.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const field = (name: string) => {
    const text = lines.find((line) => line.toLowerCase().startsWith(`${name}:`));
    return text?.slice(name.length + 1).trim();
  };
  if (!field('types') || field('enabled')?.toLowerCase() === 'no') return [];
  const suites = (field('suites') ?? '').split(/\s+/).filter((suite) => isOfRelease(suite, codename));
  if (suites.length === 0 || !(field('components') ?? '').split(/\s+/).includes('main')) return [];
  const replaced = /^(types|suites|components|architectures):/i;
  const kept = lines.filter((line) => !replaced.test(line));
  return [
    ['Types: deb-src', `Suites: ${suites.join(' ')}`, 'Components: main', ...kept]
      .map((l) => `${l}\n`)
      .join(''),
  ];
}
