import {
  CheckKind,
  CheckResult,
  JobState,
  LeaseEnd,
  Verdict,
  type JobEvent,
  type JobEvent_Ended,
  type JobEvent_Judged,
  type JobEvent_Leased,
} from '@kbisect/shared/gen/kbisect/v1/job';
import type { AgentMessage, CoordinatorMessage, LeaseRef } from '@kbisect/shared/gen/kbisect/v1/session';
import type { CommitId, JobId } from '@kbisect/shared/ids';
import { labelText } from '@kbisect/shared/label';
import type { AgentPlan, JobPlan, Plan } from './plan.js';

/** A promise of the farm that was broken. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

interface LeaseRecord {
  readonly job: JobId;
  readonly commit: string;
  readonly agent: string;
  readonly epoch: number;
  readonly doubles: string;
  readonly check: number | undefined;
  ended: LeaseEnd | undefined;
  /** Marks of its results that are in the journal, in order. */
  readonly kept: string[];
}

interface JobRecord {
  readonly plan: JobPlan;
  readonly live: Set<string>;
  readonly failures: Map<string, number>;
  readonly skipped: Set<string>;
  readonly verdicts: Map<string, Verdict>;
  /** The last certificate's culprit and checks, and what these have come to. */
  certificate: { readonly culprit: string; readonly kinds: CheckKind[]; readonly from: number } | undefined;
  readonly checked: Map<number, CheckResult>;
  checks: number;
  state: JobState | undefined;
  cancelAcknowledged: boolean;
}

const GIVEN_UP = 3;

/** Watches all that becomes durable and all that is said, and throws a `Violation` at the first broken promise. */
export class Invariants {
  readonly #jobs = new Map<JobId, JobRecord>();
  readonly #leases = new Map<string, LeaseRecord>();
  /** Mark of each result that an agent has numbered, by lease and number. */
  readonly #produced = new Map<string, string>();
  readonly #epochs = new Set<number>();
  /** The highest epoch that is durable when a coordinator begins: all that it grants are higher. */
  #epochFloor = 0;
  leasesGranted = 0;
  readonly #agents: ReadonlyMap<string, AgentPlan>;

  constructor({ jobs, agents }: Pick<Plan, 'jobs' | 'agents'>) {
    this.#agents = new Map(agents.map((agent) => [agent.name, agent]));
    for (const plan of jobs) {
      this.#jobs.set(plan.id, {
        plan,
        live: new Set(),
        failures: new Map(),
        skipped: new Set(),
        verdicts: new Map(),
        certificate: undefined,
        checked: new Map(),
        checks: 0,
        state: undefined,
        cancelAcknowledged: false,
      });
    }
  }

  coordinatorBegins(): void {
    this.#epochFloor = Math.max(0, ...this.#epochs);
  }

  cancelAcknowledged(job: JobId): void {
    const record = this.#job(job);
    if (record.state === undefined)
      throw new Violation(`${job}: its cancel was acknowledged, but it is not over`);
    record.cancelAcknowledged = true;
  }

  submitAcknowledged(job: JobId, version: number): void {
    if (version === 0)
      throw new Violation(`${job}: its submission was acknowledged, but is not in the journal`);
  }

  /** Whether the journal says that the job is over. */
  isOver(job: JobId): boolean {
    return this.#job(job).state !== undefined;
  }

  /** How a lease ended, if it has. */
  endOf(lease: string): LeaseEnd | undefined {
    return this.#leases.get(lease)?.ended;
  }

  durable(id: JobId, events: readonly JobEvent[]): void {
    const job = this.#job(id);
    for (const { fact } of events) {
      if (job.state !== undefined) throw new Violation(`${id}: ${fact?.$case ?? 'nothing'} after its end`);
      if (fact?.$case === 'leased') this.#leased(id, job, fact.value);
      else if (fact?.$case === 'leaseEnded') this.#leaseEnded(id, job, fact.value.lease, fact.value.reason);
      else if (fact?.$case === 'built') this.#kept(id, fact.value, fact.value.log?.digest ?? '');
      else if (fact?.$case === 'tried') this.#kept(id, fact.value, fact.value.console?.digest ?? '');
      else if (fact?.$case === 'judged') this.#judged(id, job, fact.value);
      else if (fact?.$case === 'checking') {
        const { culprit, checks } = fact.value;
        job.certificate = { culprit, kinds: checks.map(({ kind }) => kind), from: job.checks };
        job.checks += checks.length;
      } else if (fact?.$case === 'checked') job.checked.set(fact.value.check, fact.value.result);
      else if (fact?.$case === 'ended') this.#ended(id, job, fact.value);
    }
  }

  agentSays(agent: string, { kind }: AgentMessage): void {
    if (kind?.$case !== 'build' && kind?.$case !== 'trial') return;
    const { lease, seq } = kind.value;
    const mark = (kind.$case === 'build' ? kind.value.log : kind.value.console)?.digest ?? '';
    const key = `${agent} ${lease?.lease ?? ''} ${seq}`;
    const known = this.#produced.get(key);
    if (known !== undefined && known !== mark) throw new Violation(`${key}: two results have one number`);
    this.#produced.set(key, mark);
  }

  coordinatorSays(agent: string, { kind }: CoordinatorMessage): void {
    if (kind?.$case === 'ack') this.#acknowledged(agent, kind.value.lease, kind.value.seq);
    if (kind?.$case !== 'offer') return;
    const lease = this.#leases.get(kind.value.lease?.lease ?? '');
    if (lease === undefined) throw new Violation(`${agent} is offered a lease that is not in the journal`);
    if (lease.agent !== agent) throw new Violation(`${agent} is offered a lease of ${lease.agent}`);
  }

  /** @param running leases that agents still work on when everything has calmed down */
  atEnd(running: readonly string[]): void {
    for (const [id, job] of this.#jobs) {
      if (job.state === undefined) throw new Violation(`${id} never ends`);
      if (job.live.size > 0)
        throw new Violation(`${id} is over, but its lease ${[...job.live].join()} is live`);
    }
    if (running.length > 0) throw new Violation(`all jobs are over, but agents work on ${running.join()}`);
  }

  #leased(id: JobId, job: JobRecord, value: JobEvent_Leased): void {
    const { lease, epoch, commit, agent, doubles = '' } = value;
    for (const label of job.plan.spec.requiredLabels)
      if (this.#agents.get(agent)?.labels[label.key] !== label.value)
        throw new Violation(`${id} is tested by ${agent}, which has no label ${labelText(label)}`);
    if (this.#leases.has(lease)) throw new Violation(`${id}: lease ${lease} granted twice`);
    if (this.#epochs.has(epoch))
      throw new Violation(`${id}: lease ${lease} has the epoch ${epoch} of another`);
    if (epoch <= this.#epochFloor)
      throw new Violation(`${id}: epoch ${epoch} of lease ${lease} is an old one`);
    // One that was skipped may be mended, and where trials may disagree there may always be one more.
    const settled = job.verdicts.has(commit) && !job.skipped.has(commit) && value.check === undefined;
    if (settled && reliable(job.plan)) {
      throw new Violation(`${id}: ${commit} is tested again after its verdict`);
    }
    for (const other of job.live) {
      const { commit: its, check } = this.#leases.get(other)!;
      // A check may begin while the one who tried the commit before has told all but the end of it.
      if (its === commit && check === value.check && doubles !== other) {
        throw new Violation(`${id}: ${lease} is a second live lease of ${commit}, beside ${other}`);
      }
    }
    this.leasesGranted += 1;
    this.#epochs.add(epoch);
    this.#leases.set(lease, {
      job: id,
      commit,
      agent,
      epoch,
      doubles,
      check: value.check,
      ended: undefined,
      kept: [],
    });
    job.live.add(lease);
  }

  #leaseEnded(id: JobId, job: JobRecord, lease: string, reason: LeaseEnd): void {
    const record = this.#leases.get(lease);
    if (record?.job !== id) throw new Violation(`${id}: the end of an unknown lease ${lease}`);
    if (record.ended !== undefined) throw new Violation(`${id}: lease ${lease} ends twice`);
    record.ended = reason;
    job.live.delete(lease);
    if (reason === LeaseEnd.LEASE_END_EXPIRED || reason === LeaseEnd.LEASE_END_RETURNED) {
      job.failures.set(record.commit, (job.failures.get(record.commit) ?? 0) + 1);
    }
  }

  #kept(id: JobId, { lease, commit }: { lease: string; commit: string }, mark: string): void {
    const record = this.#leases.get(lease);
    if (record?.job !== id || record.commit !== commit) {
      throw new Violation(`${id}: a result of ${commit} under lease ${lease}, which is not its own`);
    }
    if (record.ended !== undefined && record.ended !== LeaseEnd.LEASE_END_WITHDRAWN) {
      throw new Violation(`${id}: a result of lease ${lease} was taken after its end`);
    }
    const own = this.#produced.get(`${record.agent} ${lease} ${record.kept.length}`);
    if (own !== mark)
      throw new Violation(
        `${id}: result ${record.kept.length} of lease ${lease} is ${mark}, not ${own ?? 'any'}`,
      );
    record.kept.push(mark);
  }

  /** What is acknowledged is in the journal, or its lease is over and it never will be. */
  #acknowledged(agent: string, ref: LeaseRef | undefined, seq: number): void {
    const record = this.#leases.get(ref?.lease ?? '');
    if (record?.agent !== agent || record.epoch !== ref?.epoch) return;
    if (this.isOver(record.job)) return;
    for (let n = 0; n <= seq; n++) {
      const mark = this.#produced.get(`${agent} ${ref.lease} ${n}`);
      // The task's end has no mark.
      if (mark === undefined) continue;
      const droppable = record.ended !== undefined && record.ended !== LeaseEnd.LEASE_END_WITHDRAWN;
      if (!record.kept.includes(mark) && !droppable) {
        throw new Violation(`result ${n} of lease ${ref.lease} was acknowledged and is lost`);
      }
    }
  }

  #judged(
    id: JobId,
    { plan, verdicts, skipped, failures }: JobRecord,
    { commit, verdict, inferred }: JobEvent_Judged,
  ): void {
    const known = verdicts.get(commit);
    // What is said again at the end, for git to go on from there, is no second judgement.
    const saidAgain = inferred === true && verdict === known;
    if (known !== undefined && !saidAgain && !skipped.has(commit) && reliable(plan))
      throw new Violation(`${id}: ${commit} is judged twice`);
    verdicts.set(commit, verdict);
    if (verdict === Verdict.VERDICT_SKIP) {
      skipped.add(commit);
      if (!plan.untestable.has(commit as CommitId) && (failures.get(commit) ?? 0) < GIVEN_UP)
        throw new Violation(`${id}: ${commit} is skipped, and nothing is wrong with it`);
      return;
    }
    const isNew = plan.isNew.has(commit as CommitId);
    if ((verdict === Verdict.VERDICT_NEW) !== isNew && plan.lie === undefined) {
      throw new Violation(`${id}: ${commit} is judged ${isNew ? 'old, but is new' : 'new, but is old'}`);
    }
  }

  #ended(id: JobId, job: JobRecord, value: JobEvent_Ended): void {
    if (!this.#isHonest(job, value)) {
      const { state, culprit, candidates, reason } = value;
      throw new Violation(
        `${id} ends as ${state} (${culprit || candidates.join() || reason}), which is not so`,
      );
    }
    if (value.state === JobState.JOB_STATE_FOUND) this.#certified(id, job, value.culprit);
    job.state = value.state;
  }

  /** Nothing is named that was not checked, and nothing of which a check has failed. */
  #certified(id: JobId, { certificate, checked }: JobRecord, culprit: string): void {
    if (certificate?.culprit !== culprit)
      throw new Violation(`${id}: ${culprit} is named without a certificate`);
    const { kinds, from } = certificate;
    const needed = [CheckKind.CHECK_KIND_CULPRIT, CheckKind.CHECK_KIND_PARENT, CheckKind.CHECK_KIND_REVERT];
    if (!needed.every((kind) => kinds.includes(kind)))
      throw new Violation(`${id}: ${culprit} is named, and not all of it was checked`);
    for (let check = from; check < from + kinds.length; check++) {
      const result = checked.get(check);
      if (result === undefined || result === CheckResult.CHECK_RESULT_FAIL)
        throw new Violation(
          `${id}: ${culprit} is named, but its check ${check} has ${result ?? 'no result'}`,
        );
    }
  }

  /** Whether an end of the job says what is true, or that it cannot be told where that is so. */
  #isHonest(job: JobRecord, { state, culprit, candidates }: JobEvent_Ended): boolean {
    const { plan, skipped, failures } = job;
    if (state === JobState.JOB_STATE_FOUND)
      return culprit === plan.culprit || (plan.lie !== undefined && saysUnchecked(job));
    if (state === JobState.JOB_STATE_CANCELLED) return plan.cancelledMs !== undefined;
    // What is only left over is not checked, and a lie may have left it.
    const lied = plan.lie !== undefined && skipped.size > 0;
    if (state === JobState.JOB_STATE_AMBIGUOUS && lied) return true;
    if (state === JobState.JOB_STATE_AMBIGUOUS) {
      return candidates.length > 1 && candidates.includes(plan.culprit) && skipped.size > 0;
    }
    if (state === JobState.JOB_STATE_ABORTED) {
      return [plan.spec.new, ...plan.spec.olds].some((end) => (failures.get(end) ?? 0) >= GIVEN_UP);
    }
    return false;
  }

  #job(id: JobId): JobRecord {
    const job = this.#jobs.get(id);
    if (job === undefined) throw new Violation(`there is no job ${id}`);
    return job;
  }
}

/** Whether the job says that nobody could try the culprit or a parent again: then a lie may have gone unseen. */
function saysUnchecked({ certificate, checked }: JobRecord): boolean {
  return (certificate?.kinds ?? []).some(
    (kind, n) =>
      [CheckKind.CHECK_KIND_CULPRIT, CheckKind.CHECK_KIND_PARENT].includes(kind) &&
      checked.get(certificate!.from + n) === CheckResult.CHECK_RESULT_NOT_POSSIBLE,
  );
}

/** Whether one trial tells, so that none is made a second time but for a check. */
function reliable({ spec, lie }: JobPlan): boolean {
  return spec.runs === 1 && lie === undefined;
}
