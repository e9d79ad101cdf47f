import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runText } from '@kbisect/shared/process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Lab } from '../e2e/lab.js';
import { straight, tinyJob } from '../e2e/tiny-job.js';
import { installPackage } from './debian-package.js';

const proto = join(import.meta.dirname, '../../proto');

let lacking: string | undefined;
let lab: Lab;
let generated: string;

beforeAll(async () => {
  for (const name of ['python3-grpcio', 'python3-protobuf', 'protobuf-compiler', 'libprotobuf-dev'])
    lacking ??= await installPackage(name);
  generated = await mkdtemp(join(tmpdir(), 'kbisect-python-'));
  lab = await Lab.open();
  await lab.startCoordinator();
  lab.startAgent('one');
});
afterAll(async () => {
  await lab.close();
  await rm(generated, { recursive: true });
});

it('a client in Python, by the published .proto alone, submits a job, watches it and reads the report', async ({
  skip,
}) => {
  if (lacking !== undefined) skip(lacking);
  const files = ['farm', 'session', 'job'].map((name) => `kbisect/v1/${name}.proto`);
  await runText({ program: '/usr/bin/protoc', args: ['-I', proto, `--python_out=${generated}`, ...files] });
  const job = await tinyJob(
    lab.directory,
    'python',
    straight(20, { 13: { kind: 'sysctl', path: 'fs/protected_symlinks', value: 1 } }),
  );
  const command = `grep -q '"fs/protected_symlinks", 0' kernel/sysctl.c`;
  const args = [generated, lab.address, job.repo, job.ids.get('c0')!, job.ids.get('c20')!, command];
  const client = join(import.meta.dirname, 'client.py');
  const said = await runText({ program: '/usr/bin/python3', args: [client, ...args] });
  const { state, culprit, facts, report } = JSON.parse(said) as Record<string, string> & { facts: string[] };
  expect(state).toBe('JOB_STATE_FOUND');
  expect(culprit).toBe(job.ids.get('c13'));
  expect(facts[0]).toBe('submitted');
  expect(facts.at(-1)).toBe('ended');
  expect(report).toContain(job.ids.get('c13')!.slice(0, 12));
});
