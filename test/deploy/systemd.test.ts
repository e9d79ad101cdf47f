import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@kbisect/shared/process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const units = join(import.meta.dirname, '../../deploy/systemd');
const analyze = async (...args: string[]) => run({ program: 'systemd-analyze', args }).catch(() => undefined);
const installed = (await analyze('--version'))?.status === 0;

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kbisect-units-'));
});
afterAll(() => rm(directory, { recursive: true }));

describe.skipIf(!installed)('the systemd unit', () => {
  it.each([
    ['kbisect-coordinator.service', 2],
    // It makes namespaces and mounts for the builds that it contains.
    ['kbisect-agent.service', 4],
  ])('%s is valid and exposes no more than %d of 10', async (name, exposure) => {
    // Where the program is, is the machine's own matter.
    const text = await readFile(join(units, name), 'utf8');
    const unit = join(directory, name);
    await writeFile(unit, text.replace('/opt/kbisect/coordinator/bin/kbisect.js', process.execPath));
    const verified = await analyze('verify', unit);
    expect(verified?.stderr.split('\n').filter((line) => line.includes(name))).toEqual([]);
    expect(verified?.status).toBe(0);
    const security = await analyze('security', '--offline=true', unit);
    const level = /Overall exposure level for \S+: (\d+\.\d)/.exec(
      security?.stdout.toString('utf8') ?? '',
    )?.[1];
    expect(Number(level)).toBeLessThanOrEqual(exposure);
  });
});
