import { hostname } from 'node:os';
import { join } from 'node:path';
import { runAgent } from '@kbisect/agent/main';
import type { ReapiAddress } from '@kbisect/shared/cache/reapi-endpoint';
import { agentName } from '@kbisect/shared/ids';
import { defaultState } from './arguments.js';
import { interruption } from './interruption.js';

/** The words of the command line. */
export interface AgentCommand {
  readonly name?: string;
  readonly slots: number;
  readonly workdir?: string;
  readonly label: Record<string, string>;
  readonly cacheSize: number;
  readonly token?: string;
  readonly cache?: ReapiAddress;
}

/** Runs an agent until it is interrupted. */
export async function agent(coordinator: string, options: AgentCommand): Promise<void> {
  const name = agentName(options.name ?? hostname());
  const workdir = options.workdir ?? join(defaultState(), 'agents', name);
  const { slots, label: labels, cacheSize: cacheBytes, token, cache } = options;
  const given = { ...(token === undefined ? {} : { token }), ...(cache === undefined ? {} : { cache }) };
  await runAgent({ coordinator, name, slots, workdir, labels, cacheBytes, ...given }, interruption());
}
