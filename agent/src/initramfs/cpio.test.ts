import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runText } from '@kbisect/shared/process';
import { writeCpio, type CpioEntry } from './cpio.js';

const entries: CpioEntry[] = [
  { kind: 'directory', path: 'bin' },
  { kind: 'file', path: 'bin/run', executable: true, bytes: Buffer.from('#!/bin/sh\n') },
  { kind: 'file', path: 'data', executable: false, bytes: Buffer.from('12345') },
  { kind: 'link', path: 'bin/ls', target: 'run' },
];

describe('the cpio archive', () => {
  it('is unpacked by the cpio program to what went in', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kbisect-cpio-'));
    try {
      const args = ['-i', '--quiet', '--no-absolute-filenames'];
      await runText({ program: 'cpio', args, cwd: directory, input: writeCpio(entries) });
      expect(await readFile(join(directory, 'data'), 'utf8')).toBe('12345');
      expect(await readFile(join(directory, 'bin/ls'), 'utf8')).toBe('#!/bin/sh\n');
      expect((await stat(join(directory, 'bin/run'))).mode & 0o777).toBe(0o755);
      expect((await stat(join(directory, 'data'))).mode & 0o777).toBe(0o644);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('lists devices with their numbers', async () => {
    const archive = writeCpio([{ kind: 'device', path: 'console', major: 5, minor: 1 }]);
    expect(await runText({ program: 'cpio', args: ['-itv', '--quiet'], input: archive })).toMatch(
      /^crw-.* 5, +1 .*console$/,
    );
  });

  it('is the same for equal entries', () => {
    expect(writeCpio(entries).equals(writeCpio([...entries]))).toBe(true);
  });
});
