import { once } from 'node:events';
import { ExitStatus } from './exit-status.js';
import { interruption } from './interruption.js';
import { LocalFarm, type LocalFarmOptions } from './local-farm.js';
import { printable } from './printable.js';
import { count } from './words.js';

/** Runs a farm on this machine until it is interrupted, or its coordinator ends. */
export async function up(options: LocalFarmOptions): Promise<ExitStatus> {
  const interrupted = interruption();
  const say = (line: string) => process.stderr.write(`kbisect: ${printable(line)}\n`);
  const farm = await LocalFarm.start(options, say, interrupted);
  try {
    const where = `gRPC ${farm.address}, HTTP ${farm.http}`;
    process.stdout.write(`kbisect farm: ${where}, ${count(options.agents, 'agent')}; logs in ${farm.logs}\n`);
    const end = AbortSignal.any([interrupted, farm.lost]);
    if (!end.aborted) await once(end, 'abort');
    if (farm.lost.aborted) throw farm.lost.reason;
    return ExitStatus.Found;
  } finally {
    await farm.close();
  }
}
