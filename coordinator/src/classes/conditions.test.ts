import { describe, expect, it } from 'vitest';
import { conditionsOf, obstacles } from './conditions.js';

const tree: Readonly<Record<string, string>> = {
  Kconfig: 'source "arch/$(SRCARCH)/Kconfig"\nif NET\nsource "net/Kconfig"\nendif\n',
  'arch/x86/Kconfig': 'config X86\n\tbool\n\tdefault y\n',
  'net/Kconfig':
    'menu "Devices"\n\tdepends on PCI || USB\n\nconfig CARD\n\ttristate "a card"\n\tdepends on !UML\n\nendmenu\n' +
    'config LATER\n\tbool "later"\n',
};

describe('what a symbol depends on', () => {
  it('is its own conditions and those of what is around it, through the files that source each other', async () => {
    const conditions = await conditionsOf((path) => Promise.resolve(tree[path]), 'x86');
    expect(Object.fromEntries(conditions)).toEqual({
      X86: [[]],
      CARD: [['NET', 'PCI || USB', '!UML']],
      LATER: [['NET']],
    });
  });

  it('stands in its way where it does not hold', () => {
    const on = new Set(['USB', 'UML']);
    const valueOf = (symbol: string) => (on.has(symbol) ? 'y' : 'n');
    expect(obstacles(['NET', 'PCI || USB', '!UML', 'USB'], valueOf)).toEqual([
      'NET (n)',
      'PCI (n) || USB (y)',
      '!UML (y)',
    ]);
  });
});
