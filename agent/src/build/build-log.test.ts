import { describe, expect, it } from 'vitest';
import { BuildProgress, firstError, machineTrouble } from './build-log.js';

describe('the reason of a failed build', () => {
  it.each([
    [
      "  CC kernel/a.o\nkernel/a.c:3:1: error: expected ';'\nmake: *** [Makefile:1] Error 2",
      "kernel/a.c:3:1: error: expected ';'",
    ],
    [
      "  LD vmlinux\nld: a.o: in function `f': undefined reference to `g'\nmake: *** x",
      "ld: a.o: in function `f': undefined reference to `g'",
    ],
    [
      "make[1]: *** No rule to make target 'x.o', needed by 'y'.  Stop.",
      "make[1]: *** No rule to make target 'x.o', needed by 'y'.  Stop.",
    ],
    ['something strange', 'something strange'],
    ['', 'the build printed nothing'],
  ])('is the first line that says so (%#)', (log, reason) => {
    expect(firstError(log)).toBe(reason);
  });

  it('is the machine, not the commit, when the disk or the memory gave out', () => {
    expect(machineTrouble('as: a.o: No space left on device\nerror: x')).toEqual({
      of: 'disk',
      line: 'as: a.o: No space left on device',
    });
    expect(machineTrouble('gcc: fatal error: Killed signal terminated program cc1')?.of).toBe('memory');
    expect(machineTrouble("kernel/a.c:3:1: error: expected ';'")).toBeUndefined();
  });
});

describe('the progress of a build', () => {
  it('counts its steps, in whatever pieces its output comes, and stays below 1', () => {
    const progress = new BuildProgress(4);
    expect(progress.take('  CC      a.o\n  C')).toBe(0.25);
    expect(progress.take('C      b.o\nwarning: c\n')).toBe(0.5);
    expect(progress.take('  LD      c\n  AR d\n  HOSTCC e\n  CC [M]  f\n')).toBe(0.99);
  });
});
