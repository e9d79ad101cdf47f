import { Session, type Report, type TaskEnd, type Worker } from '@kbisect/agent/session/session';
import { Capabilities, Progress_Phase, type Task } from '@kbisect/shared/gen/kbisect/v1/session';
import { KbisectError } from '@kbisect/shared/errors';
import { commitId } from '@kbisect/shared/ids';
import type { Clock } from '@kbisect/shared/clock';
import { isNewIn, type AgentPlan } from './plan.js';
import { Life } from './virtual-time.js';
import type { World } from './world.js';

const CAPABILITIES = Capabilities.fromPartial({ arches: ['x86_64'] });

/** A task that an agent works on. */
interface Running {
  readonly task: Task;
  readonly signal: AbortSignal;
}

/** One of the lab's machines: the agent's real session, over a worker that only takes time. */
export class Machine {
  #life: Life | undefined;
  #incarnation = 0;
  readonly #running = new Set<Running>();

  constructor(
    private readonly world: World,
    readonly plan: AgentPlan,
  ) {}

  get up(): boolean {
    return this.#life !== undefined;
  }

  /** Tasks that it works on and was not told to stop. */
  get running(): Task[] {
    return [...this.#running].filter(({ signal }) => !signal.aborted).map(({ task }) => task);
  }

  start(): void {
    if (this.#life) return;
    const life = (this.#life = new Life(this.world.time));
    this.#incarnation += 1;
    const { name, slots, labels, skew } = this.plan;
    const incarnation = `${name}-${this.#incarnation}`;
    this.world.trace(() => `${name} starts, incarnation ${this.#incarnation}`);
    const identity = { name, incarnation, slots, labels: { ...labels }, capabilities: CAPABILITIES };
    const clock = life.clock(skew);
    const worker: Worker = {
      trees: () => [],
      work: (task, _gitUrl, report, signal) => this.#work(life, clock, task, report, signal),
    };
    const line = () => this.world.connect(name);
    const session = new Session(line, identity, worker, clock, this.world.log, () =>
      this.world.chance.between(0, 1),
    );
    this.world.own(session.serve(new AbortController().signal));
    this.#drain = () => session.drain();
  }

  crash(): void {
    if (!this.#life) return;
    this.world.trace(() => `${this.plan.name} CRASHES`);
    this.#life.ended = true;
    this.#life = undefined;
    this.#running.clear();
    this.world.network.agentDied(this.plan.name);
  }

  #drain = (): void => undefined;

  /** Takes no more work, for maintenance. */
  drain(): void {
    this.world.trace(() => `${this.plan.name} drains`);
    this.#drain();
  }

  async #work(life: Life, clock: Clock, task: Task, report: Report, signal: AbortSignal): Promise<TaskEnd> {
    const running = { task, signal };
    this.#running.add(running);
    this.world.checkSlots(this);
    try {
      return await this.#test(life, clock, task, report, signal);
    } finally {
      this.#running.delete(running);
    }
  }

  async #test(life: Life, clock: Clock, task: Task, report: Report, signal: AbortSignal): Promise<TaskEnd> {
    const { world } = this;
    const { chance, faults } = world;
    const takes = (low: number, high: number) =>
      clock.sleep(1000 * chance.between(low, high) * this.plan.slowness, signal);
    const commit = commitId(task.commit);
    const plan = world.jobPlan(task.job);
    report.progress(Progress_Phase.PHASE_FETCH, 0);
    await takes(0.1, 1);
    if (chance.happens(faults.taskHangs)) {
      world.trace(() => `${this.plan.name} HANGS in ${commit}`);
      await new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    }
    if (chance.happens(faults.taskFails)) {
      if (chance.happens(0.5))
        throw new KbisectError('resource-exhausted', 'the disk of this machine is full');
      throw new Error('a tool of this machine was killed');
    }
    const cached = world.images.has(commit) && task.clean !== true;
    if (!cached) {
      report.progress(Progress_Phase.PHASE_BUILD, 0);
      await takes(2, 15);
      if (commit === world.plan.deadly && world.faulty) {
        life.after(0, () => world.machineDies(this));
        await new Promise(() => undefined);
      }
      report.progress(Progress_Phase.PHASE_BUILD, 0.5);
      await takes(2, 15);
    }
    const built = { commit, cached, seconds: 1, log: { digest: world.mark(), size: 1 } };
    if (plan.untestable.has(commit)) {
      report.result({ $case: 'build', value: { ...built, image: undefined, failure: 'it does not build' } });
      return { $case: 'done', value: {} };
    }
    world.images.add(commit);
    report.result({ $case: 'build', value: { ...built, image: { digest: commit, size: 1 }, failure: '' } });
    for (let trial = 0; trial < task.trials; trial++) {
      report.progress(Progress_Phase.PHASE_BOOT, trial / task.trials);
      await takes(0.5, 3);
      const kind =
        isNewIn(plan, commit) !== world.liesOf(plan, commit) ? ('fail' as const) : ('pass' as const);
      const value = { commit, seconds: 1, image: commit, initramfs: '' };
      const console = { digest: world.mark(), size: 1 };
      report.result({
        $case: 'trial',
        value: { ...value, console, outcome: { kind: { $case: kind, value: {} } } },
      });
    }
    return { $case: 'done', value: {} };
  }
}
