import { stripVTControlCharacters } from 'node:util';

/** Control characters, and those that turn the direction of text around. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]/g;

/**
 * Text from outside (a subject, a console's last words) as one line that is safe on a terminal: escape sequences
 * are left out, any other control character becomes a space.
 */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replace(UNPRINTABLE, ' ').trim();
}

/** The same for text of several lines; line ends, tabs and indentation stay. */
export function printableLines(text: string): string {
  const line = (one: string) =>
    one
      .split('\t')
      .map((part) => part.replace(UNPRINTABLE, ' '))
      .join('\t');
  return stripVTControlCharacters(text)
    .split(/\r?\n/)
    .map((one) => line(one).trimEnd())
    .join('\n');
}
