import {
  Check,
  CheckKind,
  JobSpec,
  Mode,
  Priority,
  Verdict,
  type Label,
} from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, jobId, type CommitId, type JobId } from '@kbisect/shared/ids';
import { RevListParser, type CommitGraph } from '@kbisect/coordinator/search/graph';
import type { Chance } from './chance.js';
import type { Skew } from './virtual-time.js';

const MINUTE = 60_000;

/** A job of a simulated world, and what is true of its history. */
export interface JobPlan {
  readonly id: JobId;
  readonly spec: JobSpec;
  readonly graph: CommitGraph;
  readonly culprit: CommitId;
  readonly isNew: ReadonlySet<CommitId>;
  readonly untestable: ReadonlySet<CommitId>;
  /** A commit whose first trial shows the opposite of what is so. */
  readonly lie: CommitId | undefined;
  readonly submittedMs: number;
  readonly cancelledMs: number | undefined;
}

export interface AgentPlan {
  readonly name: string;
  readonly slots: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly skew: Skew;
  /** Factor on the time of everything. */
  readonly slowness: number;
}

/** Mean time between faults of each kind, in milliseconds; Infinity for never. A world has few kinds, and some none. */
export interface FaultPlan {
  readonly agentCrash: number;
  readonly agentCut: number;
  readonly connectionReset: number;
  readonly agentDrain: number;
  readonly coordinatorCrash: number;
  readonly diskFull: number;
  readonly blobLost: number;
  /** Shares of tasks. */
  readonly taskFails: number;
  readonly taskHangs: number;
  /** Share of messages. */
  readonly duplicate: number;
  readonly overtake: number;
  readonly torn: number;
  /** Share of the coordinator's steps at which it dies. */
  readonly coordinatorDiesAtStep: number;
}

/** All that a seed decides beforehand. */
export interface Plan {
  readonly jobs: readonly JobPlan[];
  readonly agents: readonly AgentPlan[];
  readonly faults: FaultPlan;
  /** A commit whose build takes its machine down. */
  readonly deadly: CommitId | undefined;
  readonly latencyMs: number;
  readonly writeMs: number;
  /** Faults end. */
  readonly peaceMs: number;
}

/** In some worlds the first agent has it, and some jobs require it. */
const LABEL: Label = { key: 'site', value: 'lab' };

/** @param later draws what came later, so that a seed's world is otherwise the one that it was */
export function drawPlan(chance: Chance, later: Chance): Plan {
  const isLabelled = later.happens(0.2);
  const jobs = Array.from({ length: chance.oneOf([1, 1, 1, 2, 3]) }, (_, n) =>
    drawJob(n, chance, {
      requiredLabels: isLabelled && later.happens(0.5) ? [LABEL] : [],
      priority: later.oneOf([Priority.PRIORITY_LOW, Priority.PRIORITY_NORMAL, Priority.PRIORITY_HIGH]),
    }),
  );
  const agents = Array.from({ length: chance.whole(1, 5) }, (_, n) => ({
    name: `agent${n}`,
    slots: chance.oneOf([1, 1, 2, 3]),
    labels: isLabelled && n === 0 ? { [LABEL.key]: LABEL.value } : {},
    skew: chance.happens(0.3)
      ? { offsetMs: chance.between(-3_600_000, 3_600_000), rate: chance.between(0.9, 1.1) }
      : { offsetMs: 0, rate: 1 },
    slowness: chance.happens(0.2) ? chance.between(2, 20) : chance.between(0.7, 1.3),
  }));
  const somewhere = jobs[0]?.graph;
  const deadly =
    somewhere && chance.happens(0.1) ? somewhere.id(chance.whole(0, somewhere.size - 1)) : undefined;
  return {
    jobs,
    agents,
    faults: drawFaults(chance),
    deadly,
    latencyMs: chance.oneOf([1, 5, 50, 400]),
    writeMs: chance.oneOf([1, 5, 30, 300]),
    peaceMs: chance.between(2, 10) * MINUTE,
  };
}

/** What is checked of a culprit; its revert on the new end has an id of its own. */
export function checksOf({ graph, spec }: JobPlan, culprit: CommitId): Check[] {
  const parents = [...graph.parents(graph.indexOf(culprit)!)].map((parent) => graph.id(parent));
  const old = (of: string, commit: string, kind: CheckKind) =>
    Check.fromPartial({ kind, of, commit, expected: Verdict.VERDICT_OLD });
  return [
    Check.fromPartial({
      kind: CheckKind.CHECK_KIND_CULPRIT,
      of: culprit,
      commit: culprit,
      expected: Verdict.VERDICT_NEW,
    }),
    ...(parents.length > 0 ? parents : spec.olds).map((parent) =>
      old(parent, parent, CheckKind.CHECK_KIND_PARENT),
    ),
    old(culprit, REVERT + culprit.slice(1), CheckKind.CHECK_KIND_REVERT),
  ];
}

const REVERT = 'e';

/** Whether a commit of a job shows the trouble: the new end with another commit reverted than the culprit does. */
export function isNewIn({ isNew, culprit }: JobPlan, commit: CommitId): boolean {
  return commit.startsWith(REVERT) ? commit.slice(1) !== culprit.slice(1) : isNew.has(commit);
}

/** Each kind of fault is there or not, so that some worlds see many of one kind and others all kinds together. */
function drawFaults(chance: Chance): FaultPlan {
  const rate = (mean: number) => (chance.happens(0.35) ? mean * chance.between(0.3, 3) : Infinity);
  const share = (mean: number) => (chance.happens(0.3) ? mean * chance.between(0.2, 3) : 0);
  return {
    agentCrash: rate(1.5 * MINUTE),
    agentCut: rate(1.5 * MINUTE),
    connectionReset: rate(MINUTE),
    agentDrain: rate(4 * MINUTE),
    coordinatorCrash: rate(1.5 * MINUTE),
    diskFull: rate(3 * MINUTE),
    blobLost: rate(MINUTE),
    taskFails: share(0.1),
    taskHangs: share(0.05),
    duplicate: share(0.05),
    overtake: share(0.05),
    torn: share(0.01),
    coordinatorDiesAtStep: share(0.01),
  };
}

function drawJob(n: number, chance: Chance, asked: Partial<JobSpec>): JobPlan {
  const size = chance.oneOf([1, 2, 3, chance.whole(4, 12), chance.whole(10, 40)]);
  const ids = Array.from({ length: size + 1 }, (_, index) => idOf(n, index));
  const parents = drawParents(size, chance);
  const culprit = chance.whole(1, size);
  const news = new Set<number>([culprit]);
  for (let index = culprit + 1; index <= size; index++) {
    if (parents[index]!.some((parent) => news.has(parent))) news.add(index);
  }
  const untestable = new Set<CommitId>();
  const skips = chance.happens(0.3) ? 0.25 : 0;
  for (let index = 1; index < size; index++) if (chance.happens(skips)) untestable.add(ids[index]!);
  const boot = { reproducer: undefined, baseConfig: undefined, fragments: [], arch: 'x86_64' };
  const submittedMs = chance.happens(0.5) ? 0 : chance.between(0, 2 * MINUTE);
  return {
    id: jobId(`job${n}`),
    // What a later version adds to the message has its default.
    spec: JobSpec.fromPartial({
      mode: Mode.MODE_REGRESSION,
      olds: [ids[0]!],
      new: ids[size]!,
      runs: chance.oneOf([1, 1, 2, 3]),
      timeoutSeconds: 60,
      test: { $case: 'boot', value: boot },
      title: `simulated job ${n}`,
      ...asked,
    }),
    graph: graphOf(ids, parents),
    culprit: ids[culprit]!,
    isNew: new Set([...news].map((index) => ids[index]!)),
    untestable,
    lie: chance.happens(0.2) && size > 1 ? ids[chance.whole(1, size - 1)] : undefined,
    submittedMs,
    cancelledMs: chance.happens(0.15) ? submittedMs + chance.between(0, 3 * MINUTE) : undefined,
  };
}

/** A history of 1 .. size on 0, the old end, in which everything leads to the last commit. */
function drawParents(size: number, chance: Chance): number[][] {
  const branchy = chance.happens(0.4) ? 0.3 : 0;
  const parents: number[][] = [[]];
  let heads = [0];
  for (let index = 1; index <= size; index++) {
    const merge = index === size || (heads.length > 1 && chance.happens(0.4));
    const fork = !merge && index < size && chance.happens(branchy);
    const mine = merge ? heads : [fork ? chance.whole(0, index - 1) : heads.at(-1)!];
    parents.push(mine);
    heads = [...heads.filter((head) => !mine.includes(head)), index];
  }
  return parents;
}

function graphOf(ids: readonly CommitId[], parents: readonly (readonly number[])[]): CommitGraph {
  const parser = new RevListParser();
  for (let index = ids.length - 1; index >= 1; index--) {
    const line = [ids[index]!, ...parents[index]!.map((parent) => ids[parent]!)].join(' ');
    parser.push(Buffer.from(`${line}\n`));
  }
  return parser.end();
}

function idOf(job: number, index: number): CommitId {
  return commitId(`${(job + 1).toString(16)}${index.toString(16).padStart(39, '0')}`);
}
