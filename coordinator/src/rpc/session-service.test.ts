import { once } from 'node:events';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { systemClock } from '@kbisect/shared/clock';
import { Hello, Welcome, type AgentMessage } from '@kbisect/shared/gen/kbisect/v1/session';
import { agentName } from '@kbisect/shared/ids';
import { Dispatcher } from '../dispatcher.js';
import type { Journal } from '../journal/journal.js';
import type { Snapshots } from '../journal/snapshots.js';
import { Farm } from '../scheduler/farm.js';
import { DEFAULT_TIMING } from '../scheduler/timing.js';
import { LiveConsoles } from './live-consoles.js';
import { holdSession, PROTOCOL } from './session-service.js';

const log = pino({ level: 'silent' });
const NOTHING_WRITTEN = {} as Journal;
const NO_SNAPSHOTS = {} as Snapshots;

function hello(incarnation: string, protocol = PROTOCOL, labels: Hello['labels'] = {}): AgentMessage {
  const value = Hello.fromPartial({ name: 'one', incarnation, slots: 1, protocol, labels });
  return { kind: { $case: 'hello', value } };
}

/** A stream that says hello and ends when told to. */
function stream(incarnation = '1', protocol = PROTOCOL, labels: Hello['labels'] = {}) {
  let hangUp = () => {};
  const over = new Promise<void>((resolve) => (hangUp = resolve));
  async function* messages(): AsyncGenerator<AgentMessage> {
    yield hello(incarnation, protocol, labels);
    await over;
    yield { kind: { $case: 'drain', value: {} } };
  }
  return { write: () => true, end: () => undefined, [Symbol.asyncIterator]: messages, hangUp };
}

function dispatcherWithoutJobs(): Dispatcher {
  const unread = () => Promise.reject(new Error('no job, no range'));
  const surroundings = {
    journal: NOTHING_WRITTEN,
    snapshots: NO_SNAPSHOTS,
    readRange: unread,
    readChanges: unread,
    readRecord: unread,
    makeChecks: () => Promise.reject(new Error('no checks here')),
    readSuspects: unread,
    clock: systemClock,
    log,
    fail: () => undefined,
  };
  return new Dispatcher(new Farm(DEFAULT_TIMING, () => 'id'), surroundings, new AbortController().signal);
}

describe('a session', () => {
  it.each([
    [PROTOCOL - 2, false],
    [PROTOCOL - 1, true],
    [PROTOCOL, true],
    [PROTOCOL + 1, false],
  ])('with an agent that speaks protocol %i is held: %s', async (protocol, held) => {
    const dispatcher = dispatcherWithoutJobs();
    const welcome = Welcome.fromPartial({ heartbeatSeconds: 1 });
    const call = stream('1', protocol);
    const session = holdSession(
      call,
      { dispatcher, consoles: new LiveConsoles(), welcome, log },
      { kind: 'local' },
    );
    if (held) {
      await expect.poll(() => dispatcher.farm.agents.get(agentName('one'))?.connected).toBe(true);
      call.hangUp();
      await session;
    } else {
      await expect(session).rejects.toThrow('install the same version');
      expect(dispatcher.farm.agents.size).toBe(0);
    }
  });

  it.each([
    ['of two lines', { site: 'a\nb' }],
    ['without end', { site: 'x'.repeat(257) }],
    ['without a key', { '': 'x' }],
    ['in great number', Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, '']))],
  ])('with an agent that has labels %s is refused', async (_what, labels) => {
    const dispatcher = dispatcherWithoutJobs();
    const welcome = Welcome.fromPartial({ heartbeatSeconds: 1 });
    const parts = { dispatcher, consoles: new LiveConsoles(), welcome, log };
    const held = holdSession(stream('1', PROTOCOL, labels), parts, { kind: 'local' });
    await expect(held).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(dispatcher.farm.agents.size).toBe(0);
  });

  it('that begins while somebody waits for news of a job is held', async () => {
    const dispatcher = dispatcherWithoutJobs();
    const waiting = new AbortController();
    const news = once(dispatcher.activity, 'a job', { signal: waiting.signal });
    const call = stream();
    const parts = {
      dispatcher,
      consoles: new LiveConsoles(),
      welcome: Welcome.fromPartial({ heartbeatSeconds: 1 }),
      log,
    };
    const session = holdSession(call, parts, { kind: 'local' });
    await expect.poll(() => dispatcher.farm.agents.get(agentName('one'))?.connected).toBe(true);
    call.hangUp();
    await session;
    waiting.abort();
    await expect(news).rejects.toThrow('aborted');
  });

  it('that took the place of one whose end was not noticed is not ended with it', async () => {
    const dispatcher = dispatcherWithoutJobs();
    const parts = {
      dispatcher,
      consoles: new LiveConsoles(),
      welcome: Welcome.fromPartial({ heartbeatSeconds: 1 }),
      log,
    };
    const [old, neu] = [stream(), stream()];
    const oldHeld = holdSession(old, parts, { kind: 'local' });
    await dispatcher.settled();
    const newHeld = holdSession(neu, parts, { kind: 'local' });
    const connected = () => dispatcher.farm.agents.get(agentName('one'))?.connected;
    await expect.poll(connected).toBe(true);
    old.hangUp();
    await oldHeld;
    expect(connected()).toBe(true);
    // What was still under way on the old one counts no more.
    expect(dispatcher.farm.agents.get(agentName('one'))?.draining).toBe(false);
    neu.hangUp();
    await newHeld;
    expect(connected()).toBe(false);
  });
});
