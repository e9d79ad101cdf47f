import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startProcess } from '@kbisect/shared/process';
import { ConsolePipe } from './console-pipe.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kbisect-pipe-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** What a program prints to the pipe until it ends. */
async function printed(program: string, ...args: string[]): Promise<string> {
  const chunks: Buffer[] = [];
  using pipe = await ConsolePipe.open(join(directory, 'pipe'), (chunk) => chunks.push(chunk));
  const child = startProcess({ program, args }, ['ignore', pipe.writing, 'ignore']);
  pipe.handedOver();
  await once(child, 'close');
  pipe.drain();
  return Buffer.concat(chunks).toString('latin1');
}

describe("a guest's console", () => {
  it('comes whole and in order, however much there is of it', async () => {
    const text = await printed('seq', '100000');
    expect(text.length).toBe(588_895);
    expect(text.split('\n')[99_999]).toBe('100000');
  });

  it('has nothing of another, of before or at the same time', async () => {
    expect(await printed('echo', 'first')).toBe('first\n');
    const both = await Promise.all([printed('echo', 'second'), printed('echo', 'third')]);
    expect(both).toEqual(['second\n', 'third\n']);
  });
});
