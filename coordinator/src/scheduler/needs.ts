import type { JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import { labelText } from '@kbisect/shared/label';
import { chooseToolchain, parseToolchainRule } from '@kbisect/shared/toolchain-rule';
import type { Agent } from './agents.js';
import type { Job } from './job.js';

/** What an agent has to have to do a job's tests. */
export interface Need {
  /** In words: `the label site=basement`. */
  readonly what: string;
  readonly isMetBy: (agent: Agent) => boolean;
}

export function needsOf({ test, requiredLabels }: JobSpec): Need[] {
  const needs: Need[] = requiredLabels.map((label) => ({
    what: `the label ${labelText(label)}`,
    isMetBy: ({ labels }) => labels[label.key] === label.value,
  }));
  if (test?.$case !== 'boot') return needs;
  const { arch, toolchain = '' } = test.value;
  if (toolchain !== '') {
    const rule = parseToolchainRule(toolchain);
    needs.unshift({
      what: `the toolchain ${toolchain} for ${arch}`,
      isMetBy: ({ capabilities }) => chooseToolchain(rule, arch, capabilities.toolchains) !== undefined,
    });
  }
  needs.unshift({
    what: `the architecture ${arch}`,
    isMetBy: ({ capabilities }) => capabilities.arches.includes(arch),
  });
  return needs;
}

/** Why nothing is done for a job: of the agents that take tasks none has what it needs. Undefined when that is not so. */
export function waitingFor(job: Job, agents: Iterable<Agent>): string | undefined {
  if (job.over || !job.attached || job.leases.liveCount > 0) return undefined;
  const present = [...agents].filter((agent) => agent.isPresent);
  if (present.length === 0) return "no agent takes tasks; start one with 'kbisect agent'";
  if (present.some((agent) => agent.canDo(job))) return undefined;
  const lacking = job.needs.filter((need) => !present.some((agent) => need.isMetBy(agent)));
  const words = (needs: readonly Need[], and: string) => needs.map(({ what }) => what).join(and);
  return lacking.length > 0
    ? `no agent that takes tasks has ${words(lacking, ' or ')}`
    : `no agent that takes tasks has all of ${words(job.needs, ', ')}`;
}
