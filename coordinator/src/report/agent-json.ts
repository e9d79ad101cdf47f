import type { Agent } from '@kbisect/shared/gen/kbisect/v1/farm';
import { phaseWord } from './phase-word.js';

/** An agent as scripts read it (`--json`) and the dashboard. */
export interface AgentResult {
  readonly name: string;
  readonly state: AgentState;
  readonly slots: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly capabilities: Agent['capabilities'];
  readonly work: readonly {
    readonly job: string;
    readonly commit: string;
    readonly phase: string;
    /** 0..1 within the phase; 0 when not known. */
    readonly fraction: number;
  }[];
  /** Why it cannot be relied on; empty when it can. */
  readonly failing: string;
}

export type AgentState = 'away' | 'failing' | 'draining' | 'connected';

export function agentState({ connected, draining, failing }: Agent): AgentState {
  if (!connected) return 'away';
  if (failing !== '') return 'failing';
  return draining ? 'draining' : 'connected';
}

export function agentResult(agent: Agent): AgentResult {
  const { name, slots, labels, capabilities, work, failing } = agent;
  const doing = work.map(({ phase, ...rest }) => ({ ...rest, phase: phaseWord(phase) }));
  return { name, state: agentState(agent), slots, labels, capabilities, work: doing, failing };
}
