import { describe, expect, it } from 'vitest';
import { inLoadingOrder, modulesArchive, type Module } from './modules.js';

const module = (path: string, depends: string): Module => ({
  path,
  bytes: Buffer.from(`\x7fELF...license=GPL\0depends=${depends}\0intree=Y\0name=x\0`, 'latin1'),
});

describe('modules', () => {
  it('come after those that they depend on, else in the order of the user', () => {
    const modules = [
      module('a/top.ko', 'mid-dle,base'),
      module('b/mid-dle.ko', 'base'),
      module('c/alone.ko', ''),
      module('d/base.ko', ''),
    ];
    const names = inLoadingOrder(modules).map(({ path }) => path);
    expect(names).toEqual(['d/base.ko', 'b/mid-dle.ko', 'a/top.ko', 'c/alone.ko']);
    expect(modulesArchive(modules).paths[0]).toBe('/.kbisect/modules/top.ko');
  });

  it('that depend on one that is not given say which', () => {
    expect(() => inLoadingOrder([module('a/top.ko', 'base')])).toThrow(
      /a\/top\.ko depends on the module base: add it by --module/,
    );
  });

  it('of a kernel in pieces are taken as they are', () => {
    expect(inLoadingOrder([{ path: 'x.ko', bytes: Buffer.from('\0depends=') }])).toHaveLength(1);
  });
});
