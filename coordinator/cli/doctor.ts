import { examineTools } from '@kbisect/agent/doctor/tools';
import { ExitStatus } from './exit-status.js';
import { table } from './table.js';

/** Says what this machine lacks to be an agent, and which package has it; fails when anything is missing. */
export async function doctor(options: { readonly json?: boolean }): Promise<ExitStatus> {
  const findings = await examineTools();
  const missing = findings.filter(({ found }) => !found);
  const status = missing.length === 0 ? ExitStatus.Found : ExitStatus.Failed;
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ findings })}\n`);
    return status;
  }
  const rows = findings.map(({ what, debianPackage, found }) =>
    found ? ['ok', what, ''] : ['missing', what, `in the package ${debianPackage}`],
  );
  process.stdout.write(table(rows));
  const packages = [...new Set(missing.map(({ debianPackage }) => debianPackage))];
  if (packages.length > 0) process.stdout.write(`\napt-get install ${packages.join(' ')}\n`);
  return status;
}
