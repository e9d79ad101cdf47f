/** An e-mail, taken apart by the rules of RFC 5322 and 2047 alone. */
export interface Mail {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: readonly string[];
}

/** @throws Error where it is not an e-mail that a list takes */
export function parseMail(text: string): Mail {
  const end = text.indexOf('\n\n');
  if (end < 0) throw new Error('no empty line ends the headers');
  const headers = new Map<string, string>();
  const unfolded = text.slice(0, end).replace(/\n[ \t]+/g, ' ');
  for (const line of text.slice(0, end).split('\n'))
    if (line.length > 998) throw new Error('a header line is too long');
  for (const line of unfolded.split('\n')) {
    const [, name, value] = /^([!-9;-~]+): (.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Error(`not a header: ${line}`);
    if (!/^[\x20-\x7e]*$/.test(value)) throw new Error(`a header that is not ASCII: ${line}`);
    if (headers.has(name)) throw new Error(`two headers ${name}`);
    headers.set(name, decoded(value));
  }
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  return { headers, body: text.slice(end + 2, -1).split('\n') };
}

function decoded(value: string): string {
  // Between two encoded words the space is not part of the text.
  return value
    .replace(/(=\?UTF-8\?B\?[^?]*\?=) (?==\?)/g, '$1')
    .replace(/=\?UTF-8\?B\?([^?]*)\?=/g, (_, base64: string) =>
      Buffer.from(base64, 'base64').toString('utf8'),
    );
}

/** What a report says that tools read. */
export interface Tags {
  readonly regzbot: string | undefined;
  readonly fixes: { readonly commit: string; readonly subject: string } | undefined;
  readonly fixedBy: { readonly commit: string; readonly subject: string } | undefined;
  /** From `git bisect start` on. */
  readonly log: string;
}

/**
 * Reads a report by the kernel's conventions.
 * @throws Error naming the line that breaks one: too long and not verbatim, a tag that is malformed
 */
export function readReport({ body }: Mail): Tags {
  const logFrom = body.indexOf('git bisect log');
  if (logFrom < 0) throw new Error('no bisect log');
  const prose = body.slice(0, logFrom);
  for (const line of prose) {
    const verbatim =
      /^> |^(Fixes|fixed-by|Author|commit|config): |^(Fixes|fixed-by|Author|commit|config) /.test(line);
    const oneWord = !line.trim().includes(' ');
    if (line.length > 75 && !verbatim && !oneWord) throw new Error(`longer than 75: ${line}`);
    if (/[^\S ]|\s$/.test(line)) throw new Error(`a tab, or space at the end: ${JSON.stringify(line)}`);
  }
  const tag = (name: string) => {
    const line = prose.find((each) => each.startsWith(name));
    if (line === undefined) return undefined;
    const [, commit, subject] = /^[A-Za-z-]+: ([0-9a-f]{12}) \("(.*)"\)$/.exec(line) ?? [];
    if (commit === undefined || subject === undefined) throw new Error(`malformed: ${line}`);
    return { commit, subject };
  };
  const regzbot = prose.find((line) => line.startsWith('#regzbot'));
  const introduced = regzbot && /^#regzbot introduced: ([0-9a-f]{12})$/.exec(regzbot)?.[1];
  if (regzbot !== undefined && introduced === undefined) throw new Error(`malformed: ${regzbot}`);
  return {
    regzbot: introduced,
    fixes: tag('Fixes: '),
    fixedBy: tag('fixed-by: '),
    log: `${body.slice(logFrom + 2).join('\n')}\n`,
  };
}
