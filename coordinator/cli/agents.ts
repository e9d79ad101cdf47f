import type { Agent, ListAgentsResponse } from '@kbisect/shared/gen/kbisect/v1/farm';
import { shortId } from '@kbisect/shared/ids';
import { withConnection } from './connection.js';
import { printable } from './printable.js';
import { table } from './table.js';
import { agentResult, agentState } from '../src/report/agent-json.js';
import { phaseWord } from '../src/report/phase-word.js';

/** Lists the farm's agents and what they do. */
export async function agents(coordinator: string, options: { readonly json?: boolean }): Promise<void> {
  const { agents: found } = await withConnection(coordinator, (connection) =>
    connection.call<ListAgentsResponse>((...rest) => connection.farm.listAgents({}, ...rest)),
  );
  const all = found.sort((one, other) => one.name.localeCompare(other.name, 'en', { numeric: true }));
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ agents: all.map(agentResult) })}\n`);
    return;
  }
  if (all.length === 0) process.stderr.write("no agents yet; start one with 'kbisect agent'\n");
  process.stdout.write(table(all.map(agentRow)));
  for (const { name, capabilities, failing } of all) {
    if (failing !== '') process.stderr.write(`${printable(name)} fails its tasks: ${printable(failing)}\n`);
    for (const lack of capabilities?.missing ?? []) {
      process.stderr.write(`${printable(name)}: ${printable(lack)}\n`);
    }
  }
}

function agentRow(agent: Agent): string[] {
  const { name, slots, work, capabilities, labels } = agent;
  const made = capabilities ? `${capabilities.cpus} cpus, ${capabilities.accelerator}` : '';
  const doing = work.map(({ job, commit, phase }) => `${phaseWord(phase)} ${shortId(commit)} for ${job}`);
  return [
    printable(name),
    agentState(agent),
    `${work.length}/${slots} slots`,
    printable(made),
    printable(
      Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(' '),
    ),
    printable(doing.join(', ') || 'idle'),
  ];
}
