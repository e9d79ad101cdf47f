import { once } from 'node:events';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '@kbisect/shared/log';
import { natsIsInstalled, startNats, type NatsUnderTest } from '../nats-under-test.js';
import { JetStreamLeadership } from './jetstream-leadership.js';
import { SoleLeadership } from './sole-leadership.js';

const TIMING = { renewMs: 100, holdMs: 500, deadlineMs: 700, goneMs: 300 };
const log = createLog('test');
log.level = 'silent';
const never = new AbortController().signal;

it('the only coordinator there is leads at once', async () => {
  const term = await new SoleLeadership('here:1').attempt();
  expect(term.over.aborted).toBe(false);
});

describe.skipIf(!natsIsInstalled)('the lead in JetStream', () => {
  let nats: NatsUnderTest;
  const connections: NatsConnection[] = [];

  beforeEach(async () => {
    nats = await startNats();
  });
  afterEach(async () => {
    for (const connection of connections.splice(0)) await connection.close();
    await nats.stop();
  });

  /** A coordinator with a line of its own to NATS, which can be cut. */
  const candidate = async (id: string, address = `${id}:7420`, answers = () => Promise.resolve(true)) => {
    const connection = await connect({ servers: nats.servers });
    connections.push(connection);
    const me = { id, address };
    const leadership = await JetStreamLeadership.open(connection, 1, me, log, answers, TIMING);
    return { connection, leadership };
  };

  it('has one coordinator, whom the others know', async () => {
    const [one, other] = [await candidate('one'), await candidate('other')];
    const terms = await Promise.all([one.leadership.attempt(), other.leadership.attempt()]);
    expect(terms.filter((term) => term !== undefined)).toHaveLength(1);
    await Promise.all([one.leadership.attempt(), other.leadership.attempt()]);
    expect(one.leadership.leader).toBe(other.leadership.leader);
    for (const term of terms) await term?.resign();
  });

  it('stays with who renews it, however long the deadline is over', async () => {
    const [one, other] = [await candidate('one'), await candidate('other')];
    const term = await one.leadership.campaign(never);
    const end = performance.now() + 3 * TIMING.deadlineMs;
    while (performance.now() < end) expect(await other.leadership.attempt()).toBeUndefined();
    expect(term.over.aborted).toBe(false);
    await term.resign();
  });

  it('goes to another, with a greater token, only after one that was cut off has stopped', async () => {
    const [one, other] = [await candidate('one'), await candidate('other')];
    const term = await one.leadership.campaign(never);
    const stopped = once(term.over, 'abort').then(() => performance.now());
    await one.connection.close();
    const cutAt = performance.now();
    const successor = await other.leadership.campaign(never);
    const ledAt = performance.now();
    expect(await stopped).toBeLessThan(ledAt);
    expect(ledAt - cutAt).toBeLessThan(TIMING.deadlineMs + 3 * TIMING.renewMs);
    expect(successor.token).toBeGreaterThan(term.token);
    await successor.resign();
  });

  it('goes to another sooner when nobody answers where the one that led was', async () => {
    const one = await candidate('one');
    const asked: string[] = [];
    const other = await candidate('other', 'other:7420', (address = '') => {
      asked.push(address);
      return Promise.resolve(false);
    });
    const term = await one.leadership.campaign(never);
    const end = performance.now() + 2 * TIMING.deadlineMs;
    while (performance.now() < end) expect(await other.leadership.attempt()).toBeUndefined();
    expect(asked, 'one that renews its lead is not asked for').toEqual([]);
    await one.connection.close();
    const successor = await other.leadership.campaign(never);
    expect(term.over.aborted, 'the other was not waited for').toBe(false);
    expect(asked).toContain('one:7420');
    expect(successor.token).toBeGreaterThan(term.token);
    await successor.resign();
    await term.resign();
  });

  it('goes to another at once when it is given up', async () => {
    const [one, other] = [await candidate('one'), await candidate('other')];
    const term = await one.leadership.campaign(never);
    expect(await other.leadership.attempt()).toBeUndefined();
    await term.resign();
    expect(term.over.aborted).toBe(true);
    const successor = await other.leadership.attempt();
    expect(successor?.token).toBeGreaterThan(term.token);
    await successor?.resign();
  });

  it('goes back at once to a coordinator that was started again', async () => {
    const killed = await candidate('one');
    const term = await killed.leadership.campaign(never);
    await killed.connection.close();
    const again = await (await candidate('one')).leadership.attempt();
    expect(again?.token).toBeGreaterThan(term.token);
    await again?.resign();
    await term.resign();
  });
});
