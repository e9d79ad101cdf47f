import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobId } from '@kbisect/shared/ids';
import { EmbeddedSnapshots } from './embedded-snapshots.js';
import { engines, type Engine } from './engines-under-test.js';
import type { Snapshots } from './snapshots.js';

async function all(snapshots: Snapshots): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const [job, bytes] of snapshots.readAll()) found.set(job, Buffer.from(bytes).toString());
  return found;
}

describe.each(engines)('the $name snapshots', ({ start }) => {
  let engine: Engine;
  let snapshots: Snapshots;

  beforeEach(async () => {
    engine = await start();
    snapshots = await engine.openSnapshots();
  });
  afterEach(async () => {
    await snapshots.close();
    await engine.end();
  });

  it('are what was put, the last of each job, also after they were opened again', async () => {
    expect(await all(snapshots)).toEqual(new Map());
    await snapshots.put(jobId('a'), Buffer.from('old'));
    await snapshots.put(jobId('b'), Buffer.from('other'));
    await snapshots.put(jobId('a'), Buffer.from('new'));
    await snapshots.close();
    snapshots = await engine.openSnapshots();
    expect(await all(snapshots)).toEqual(
      new Map([
        ['a', 'new'],
        ['b', 'other'],
      ]),
    );
  });
});

it('a file of snapshots that is none is made anew', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'kbisect-snapshots-'));
  const path = join(directory, 'snapshots.mdb');
  await writeFile(path, Buffer.alloc(1 << 16, 'no snapshots'));
  const snapshots = new EmbeddedSnapshots(path);
  try {
    await snapshots.put(jobId('a'), Buffer.from('new'));
    expect(await all(snapshots)).toEqual(new Map([['a', 'new']]));
  } finally {
    await snapshots.close();
    await rm(directory, { recursive: true });
  }
});
