import { describe, expect, test } from 'vitest';
import { sourceOnly } from './sources.js';

describe('private source entries', () => {
  test('come from deb822 stanzas, with their address and key and without their comments', () => {
    const text = [
      'Types: deb',
      '# https://snapshot.example.org/',
      'URIs: http://deb.example.org/debian',
      'Suites: bookworm bookworm-updates bookworm-backports',
      'Components: main contrib',
      'Architectures: amd64',
      'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
      '',
      'Types: deb',
      'URIs: https://tools.example.org/apt',
      'Suites: nodistro',
      'Components: main',
      '',
      'Enabled: no',
      'Types: deb',
      'URIs: http://off.example.org/debian',
      'Suites: bookworm',
      'Components: main',
    ].join('\n');
    expect(sourceOnly([{ name: 'debian.sources', text }], 'bookworm')).toEqual({
      list: '',
      sources: [
        'Types: deb-src',
        'Suites: bookworm bookworm-updates',
        'Components: main',
        'URIs: http://deb.example.org/debian',
        'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
        '',
      ].join('\n'),
    });
  });

  test('come from one-line entries, with their options', () => {
    const text = [
      'deb cdrom:[Debian]/ bookworm main',
      '# deb http://commented.example.org/debian bookworm main',
      'deb http://deb.example.org/debian bookworm main contrib # ours',
      'deb-src http://deb.example.org/debian bookworm main',
      'deb [arch=amd64 signed-by=/k.gpg] http://deb.example.org/debian-security bookworm-security main',
      'deb [arch=amd64] http://deb.example.org/debian bookworm-updates main',
      'deb https://other.example.org/apt stretch main',
    ].join('\n');
    expect(sourceOnly([{ name: 'sources.list', text }], 'bookworm').list.split('\n')).toEqual([
      'deb-src http://deb.example.org/debian bookworm main',
      'deb-src [ signed-by=/k.gpg] http://deb.example.org/debian-security bookworm-security main',
      'deb-src http://deb.example.org/debian bookworm-updates main',
      '',
    ]);
  });
});
