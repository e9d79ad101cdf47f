import type { Person } from './report-document.js';
import { WIDTH } from './wrap.js';

/** A header field, folded where it is long (RFC 5322, 2.2.3), its words encoded where they are not ASCII (RFC 2047). */
export function headerField(name: string, value: string): string {
  const words = encoded(value.replace(/[\r\n]+/g, ' ')).split(' ');
  let line = `${name}:`;
  const lines: string[] = [];
  for (const word of words) {
    if (line.length + 1 + word.length > WIDTH && line !== `${name}:`) {
      lines.push(line);
      line = '';
    }
    line += ` ${word}`;
  }
  return [...lines, line].join('\n');
}

/** A field of addresses, one on each line; empty without any. */
export function addressField(name: string, people: readonly Person[]): string {
  return people.length === 0 ? '' : `${name}: ${people.map(mailbox).join(',\n ')}`;
}

function mailbox({ name, email }: Person): string {
  const address = email.replace(/[^\x21-\x7e]|[<>,;]/g, '');
  if (name === '') return address;
  const plain = /^[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]+$/.test(name);
  const quoted = `"${name.replace(/[\r\n]+/g, ' ').replace(/["\\]/g, '\\$&')}"`;
  return `${plain ? name : isAscii(name) ? quoted : encoded(name)} <${address}>`;
}

function encoded(text: string): string {
  if (isAscii(text)) return text;
  // An encoded word has 75 characters at most.
  const parts: string[] = [];
  let part = '';
  for (const character of text) {
    if (Buffer.byteLength(part + character) > 42) {
      parts.push(part);
      part = '';
    }
    part += character;
  }
  return [...parts, part].map((each) => `=?UTF-8?B?${Buffer.from(each).toString('base64')}?=`).join(' ');
}

/** Whether a text has nothing but ASCII. */
export function isAscii(text: string): boolean {
  return /^[\t\n\r\x20-\x7e]*$/.test(text);
}
