/**
 * A patch's text with its header as git knows it. Debian's DEP-3 header may say `Author` for `From` and `Description` for
 * `Subject`, with the rest of the description on indented lines; those become the message's body.
 */
export function asMail(patch: string): string {
  const lines = patch.split('\n');
  const header: string[] = [];
  const body: string[] = [];
  let inDescription = false;
  let at = 0;
  for (; at < lines.length; at++) {
    const line = lines[at]!;
    if (line === '' || line.startsWith('--- ') || line.startsWith('diff ') || line === '---') break;
    if (inDescription && line.startsWith(' ')) {
      body.push(line === ' .' ? '' : line.slice(1));
      continue;
    }
    inDescription = /^Description:/i.test(line);
    header.push(line.replace(/^Author:/i, 'From:').replace(/^Description:/i, 'Subject:'));
  }
  const hasDate = header.some((line) => /^Date:/i.test(line));
  const dated = header.map((line) => (hasDate ? line : line.replace(/^Last-Update:/i, 'Date:')));
  return [...dated, '', ...body, ...lines.slice(at)].join('\n');
}

/** What `git mailinfo` says of a patch's mail; a field is empty when the mail does not have it. */
export interface MailInfo {
  readonly author: string;
  readonly email: string;
  readonly subject: string;
  readonly date: string;
}

/** Reads the output of `git mailinfo`. */
export function readMailInfo(text: string): MailInfo {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  return { author: field('Author'), email: field('Email'), subject: field('Subject'), date: field('Date') };
}
