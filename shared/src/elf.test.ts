import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isElf, readElf } from './elf.js';
import { KbisectError } from './errors.js';

describe('the headers of an ELF file', () => {
  it("of this machine's node name its loader and libraries", async () => {
    const elf = readElf(await readFile(process.execPath));
    expect(elf.needed).toContain('libc.so.6');
    expect(elf.interpreter).toMatch(/^\/lib.*ld-linux/);
  });

  it('that are damaged are refused, never followed out of the file', async () => {
    const whole = await readFile('/bin/sh');
    expect(isElf(whole)).toBe(true);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(1023), fc.nat(255)), { maxLength: 8 }),
        fc.nat(whole.length),
        (changes, length) => {
          const bytes = Buffer.from(whole.subarray(0, length));
          for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
          try {
            for (const name of readElf(bytes).needed) expect(name.length).toBeLessThanOrEqual(4096);
          } catch (error) {
            expect(error).toBeInstanceOf(KbisectError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
