import { expect, test } from 'vitest';
import { versionsToTry } from './version.js';

test('the versions to try are those of the series, newest first, each once', () => {
  const stanza = (name: string, version: string) =>
    `Package: ${name}\nBinary: linux-doc\nVersion: ${version}\nFormat: 3.0\n`;
  const showsrc = [
    stanza('linux', '6.1.99-1'),
    stanza('linux', '6.1.187-1'),
    stanza('linux', '6.1.187-2'),
    stanza('linux', '6.12.3-1'),
    stanza('linux', '6.1.190-1~bpo11+1'),
    stanza('linux-signed-amd64', '6.1.192+2'),
    stanza('linux', '6.1.187-1'),
    stanza('linux', '6.1.192-2'),
  ].join('\n');
  expect(versionsToTry(showsrc, 'linux', '6.1.')).toEqual([
    '6.1.192-2',
    '6.1.187-2',
    '6.1.187-1',
    '6.1.99-1',
  ]);
});
