import { hostname } from 'node:os';
import { join } from 'node:path';
import { runAgent } from '@kbisect/agent/main';
import { agentName } from '@kbisect/shared/ids';
import { defaultState } from './arguments.js';
import { interruption } from './interruption.js';

/** Runs an agent until it is interrupted. */
export async function agent(
  coordinator: string,
  options: { name?: string; slots: number; workdir?: string; label: Record<string, string> },
): Promise<void> {
  const name = agentName(options.name ?? hostname());
  const workdir = options.workdir ?? join(defaultState(), 'agents', name);
  const { slots, label: labels } = options;
  await runAgent({ coordinator, name, slots, workdir, labels }, interruption());
}
