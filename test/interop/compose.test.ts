import { join } from 'node:path';
import { run } from '@kbisect/shared/process';
import { expect, it } from 'vitest';
import { installPackage } from './debian-package.js';

const lacking = await installPackage('docker-compose');

it("the compose file is one by compose's own schema", async ({ skip }) => {
  if (lacking) skip(lacking);
  const file = join(import.meta.dirname, '../../deploy/container/compose.yaml');
  const done = await run({ program: 'docker-compose', args: ['--file', file, 'config'] });
  expect(done.stderr).not.toMatch(/invalid|unsupported/i);
  expect(done.status).toBe(0);
  expect(done.stdout.toString('utf8')).toContain('coordinator --state /var/lib/kbisect');
});
