import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import {
  BuildResult,
  Capabilities,
  Task,
  WarmTree,
  Welcome,
  type AgentMessage,
  type CoordinatorMessage,
} from '@kbisect/shared/gen/kbisect/v1/session';
import { Session, type Report, type TaskEnd } from './session.js';

type Said = NonNullable<AgentMessage['kind']>;

const IDENTITY = {
  name: 'one',
  incarnation: '1',
  slots: 2,
  labels: {},
  capabilities: Capabilities.fromPartial({}),
};
const TASK = Task.fromPartial({ job: 'j', commit: 'c', trials: 1 });
const lease = { lease: 'l1', epoch: 1 };

/** A coordinator that says some things at once, and an agent that hears them. */
function conversation(told: readonly NonNullable<CoordinatorMessage['kind']>[]) {
  const said: Said[] = [];
  const worked: Task[] = [];
  const over = new AbortController();
  let end: (end: TaskEnd) => void = () => undefined;
  /** Heartbeats come only when the test lets time pass. */
  let pass = () => {};
  const clock = {
    now: () => 0,
    sleep: (_ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        pass = resolve;
        if (signal?.aborted) resolve();
        signal?.addEventListener('abort', () => resolve());
      }),
  };
  const line = {
    write: ({ kind }: AgentMessage) => kind && said.push(kind),
    cancel: () => undefined,
    async *[Symbol.asyncIterator](): AsyncGenerator<CoordinatorMessage> {
      for (const kind of told) yield { kind };
      await new Promise((resolve) => over.signal.addEventListener('abort', resolve));
    },
  };
  const trees: WarmTree[] = [];
  let report: Report | undefined;
  const worker = {
    work: (task: Task, _gitUrl: string, to: Report) => {
      worked.push(task);
      report = to;
      return new Promise<TaskEnd>((resolve) => (end = resolve));
    },
    trees: () => [...trees],
  };
  const built = (tree: WarmTree) => {
    trees.push(tree);
    report?.result({ $case: 'build', value: BuildResult.fromPartial({ commit: tree.commit }) });
  };
  const session = new Session(() => line, IDENTITY, worker, clock, pino({ level: 'silent' }));
  const served = session.serve(over.signal);
  const close = async () => {
    over.abort();
    await served;
  };
  return { said, worked, close, built, heartbeat: () => pass(), finish: (how: TaskEnd) => end(how) };
}

const WELCOME = { $case: 'welcome' as const, value: Welcome.fromPartial({ heartbeatSeconds: 1 }) };
const OFFER = { $case: 'offer' as const, value: { lease, task: TASK } };

describe('a session', () => {
  it('works once on an offer that comes twice', async () => {
    const { worked, said, close } = conversation([WELCOME, OFFER, OFFER]);
    await expect.poll(() => said.filter(({ $case }) => $case === 'accept')).toHaveLength(1);
    expect(worked).toHaveLength(1);
    await close();
  });

  it('says a result again with each heartbeat until it is acknowledged', async () => {
    const { said, worked, heartbeat, finish, close } = conversation([WELCOME, OFFER]);
    const ends = () => said.filter(({ $case }) => $case === 'task');
    await expect.poll(() => worked).toHaveLength(1);
    finish({ $case: 'done', value: {} });
    await expect.poll(ends).toHaveLength(1);
    heartbeat();
    await expect.poll(ends).toHaveLength(2);
    expect(ends()[0]).toEqual(ends()[1]);
    await close();
  });

  it('says which trees there are before it says what was built', async () => {
    const { said, worked, built, close } = conversation([WELCOME, OFFER]);
    await expect.poll(() => worked).toHaveLength(1);
    const tree = WarmTree.fromPartial({ commit: 'c', recipe: 'r' });
    built(tree);
    const [before, result] = said.slice(-2);
    expect(result?.$case).toBe('build');
    expect(before).toMatchObject({ $case: 'heartbeat', value: { trees: [tree] } });
    await close();
  });
});
