import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '@kbisect/shared/process';
import { expect, test } from 'vitest';
import { clone } from '../../deploy/dist/demo/debian-linux.js';

test('the tutorial does what it says, typed into a shell as it is written', async () => {
  const tutorial = await readFile(join(clone, 'docs/tutorial.md'), 'utf8');
  const typed = [...tutorial.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands]) => commands);
  expect(typed.length).toBeGreaterThan(5);
  const script = `set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$PWD"' EXIT\n${typed.join('\n')}`;
  let said = '';
  const done = await run({
    program: 'bash',
    args: ['-c', script],
    cwd: clone,
    onOutput: (chunk) => {
      said += chunk.toString('utf8');
      process.stdout.write(chunk);
    },
  });
  expect(done.status).toBe(0);
  expect(said).toMatch(/stable.*applies, builds: PASS|applies.*builds.*PASS/is);
  expect(JSON.parse(said.trim().split('\n').at(-1) ?? '')).toMatchObject({
    state: 'found',
    culprit: { subject: 'scsi: scsi_debug: Read all of the LBA of READ(16)' },
    builds: 0,
  });
});
