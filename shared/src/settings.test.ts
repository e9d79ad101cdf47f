import { describe, expect, it } from 'vitest';
import { formatConfig, lostSettings, mergeSettings, parseConfig } from './settings.js';

const base = parseConfig('# a comment\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="a b"\n');

describe('a config', () => {
  it('is read and written back, comments left out', () => {
    expect(formatConfig(base)).toBe('CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="a b"\n');
  });

  it('takes fragments on top, the last word for a symbol counts', () => {
    const merged = mergeSettings([
      base,
      parseConfig('CONFIG_B=m\n# CONFIG_A is not set'),
      parseConfig('CONFIG_B=y'),
    ]);
    expect(formatConfig(merged)).toBe('# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C="a b"\n');
  });

  it('names every request that did not survive, with what became of it', () => {
    const asked = parseConfig(
      'CONFIG_A=y\nCONFIG_NEW=y\nCONFIG_M=y\n# CONFIG_GONE is not set\n# CONFIG_ON is not set',
    );
    const result = parseConfig('CONFIG_A=y\nCONFIG_M=m\nCONFIG_ON=y');
    expect(lostSettings(asked, result)).toEqual([
      { symbol: 'CONFIG_NEW', asked: 'y', became: 'n' },
      { symbol: 'CONFIG_M', asked: 'y', became: 'm' },
      { symbol: 'CONFIG_ON', asked: 'n', became: 'y' },
    ]);
  });
});
