import { Dispatcher } from '@kbisect/coordinator/dispatcher';
import { holdSession } from '@kbisect/coordinator/rpc/session-service';
import { LiveConsoles } from '@kbisect/coordinator/rpc/live-consoles';
import { DEFAULT_TIMING } from '@kbisect/coordinator/scheduler/timing';
import type { Input } from '@kbisect/coordinator/scheduler/inputs';
import { messageOf } from '@kbisect/shared/errors';
import { Welcome } from '@kbisect/shared/gen/kbisect/v1/session';
import type { Range } from '@kbisect/coordinator/scheduler/range';
import type { Connection } from './network.js';
import type { Question } from '@kbisect/coordinator/scheduler/output';
import type { JobId } from '@kbisect/shared/ids';
import { checksOf } from './plan.js';
import { Life } from './virtual-time.js';
import type { World } from './world.js';

const WELCOME = Welcome.fromPartial({ heartbeatSeconds: DEFAULT_TIMING.heartbeatMs / 1000 });

/** Where the coordinator runs: it is started again whenever it has died. */
export class Headquarters {
  #life: Life | undefined;
  #dispatcher: Dispatcher | undefined;
  #open = false;

  constructor(private readonly world: World) {}

  /** The dispatcher of the coordinator that is up and serves. */
  get dispatcher(): Dispatcher | undefined {
    return this.#open ? this.#dispatcher : undefined;
  }

  /** How much of the time since then no coordinator was up. */
  absence(since: number): number {
    return this.#absences.reduce((sum, { from, to }) => sum + Math.max(0, to - Math.max(from, since)), 0);
  }

  start(): void {
    const { world } = this;
    const { mutant } = world;
    const life = (this.#life = new Life(world.time));
    world.trace(() => 'the coordinator starts');
    world.invariants.coordinatorBegins();
    const farm = mutant.farm(DEFAULT_TIMING, () => world.id());
    const offsetMs = world.coordinatorOffset();
    const journal = mutant.journal(world.disk.open(life));
    const surroundings = {
      journal,
      snapshots: world.disk.snapshots,
      readRange: (spec: { title: string }) =>
        new Promise<Range>((resolve) => {
          life.after(world.chance.between(1, 2000), () =>
            resolve({ graph: world.rangeOf(spec.title), mergeBases: [], suspects: [] }),
          );
        }),
      readChanges: () => Promise.reject(new Error('no diffs here')),
      readRecord: () => Promise.reject(new Error('no build records here')),
      readSuspects: () => Promise.resolve([]),
      makeChecks: (job: JobId, _spec: unknown, { kind, culprit }: Question) =>
        new Promise<Extract<Input, { kind: 'checks' | 'sides' }>>((resolve) => {
          const checks = checksOf(world.jobPlan(job), culprit);
          const sides = { kind: 'none', reason: 'no trees here' } as const;
          life.after(world.chance.between(1, 2000), () =>
            resolve(
              kind === 'certificate'
                ? { kind: 'checks', job, culprit, checks }
                : { kind: 'sides', job, culprit, sides },
            ),
          );
        }),
      clock: life.clock({ offsetMs, rate: 1 }),
      log: world.log,
      fail: (error: unknown) => this.crash(`because ${messageOf(error)}`, life),
    };
    const dispatcher = new Dispatcher(farm, surroundings, new AbortController().signal);
    this.#dispatcher = dispatcher;
    const serve = async () => {
      await journal.fence(1);
      await dispatcher.resume();
      this.#open = !life.ended;
      // Whoever was not heard of has the whole time again.
      this.#absences.push({ from: this.#diedAt, to: world.time.now + DEFAULT_TIMING.leaseMs });
      await dispatcher.keepTime();
    };
    serve().catch((error: unknown) => {
      if (!life.ended) world.failed(error);
    });
  }

  /** Takes an agent's connection; false when nobody is there. */
  accept(connection: Connection): boolean {
    const { dispatcher, world } = this;
    if (dispatcher === undefined) return false;
    const life = this.#life;
    const parts = { dispatcher, consoles: new LiveConsoles(), welcome: WELCOME, log: world.log };
    const call = {
      write: (message: Parameters<typeof connection.call.write>[0]) => {
        if (life?.ended) return;
        const said = world.mutant.says(message);
        if (said) connection.call.write(said);
        this.#maybeDie('with this said');
      },
      end: () => connection.call.end(),
      [Symbol.asyncIterator]: () => connection.call[Symbol.asyncIterator](),
    };
    const closed = (error: unknown) => {
      if (life?.ended) return;
      if (!(error instanceof Error)) throw error;
      world.expectKbisectError(error);
      connection.ended(error);
    };
    void holdSession(call, parts, { kind: 'local' })
      .catch(closed)
      .catch((error: unknown) => world.failed(error));
    return true;
  }

  /** A user's request, made again until it is acknowledged. */
  async request(input: Input): Promise<void> {
    for (;;) {
      const { dispatcher } = this;
      const life = this.#life;
      if (dispatcher) {
        const answered = dispatcher.post(input).then(() => !life?.ended);
        const died = new Promise<boolean>((resolve) => this.#deaths.add(() => resolve(false)));
        try {
          if (await Promise.race([answered, died])) return;
        } catch (error) {
          if (input.kind === 'submit' && /there is a job/.test(messageOf(error))) return;
        }
      }
      await new Promise<void>((resolve) => this.world.time.after(700, resolve));
    }
  }

  #diedAt = 0;
  readonly #absences: { from: number; to: number }[] = [];
  readonly #deaths = new Set<() => void>();

  crash(why: string, life = this.#life): void {
    if (!life || life.ended) return;
    const { world } = this;
    world.trace(() => `the coordinator DIES ${why}`);
    life.ended = true;
    this.#diedAt = world.time.now;
    this.#open = false;
    for (const death of this.#deaths) death();
    this.#deaths.clear();
    world.network.coordinatorDied();
    world.time.after(world.chance.between(500, world.faulty ? 20_000 : 1000), () => this.start());
  }

  #maybeDie(why: string): void {
    const { chance, faults } = this.world;
    if (chance.happens(faults.coordinatorDiesAtStep)) this.crash(why);
  }
}
