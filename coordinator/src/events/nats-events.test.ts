import { createServer } from 'node:net';
import { once } from 'node:events';
import { JobState, Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId } from '@kbisect/shared/ids';
import { describe, expect, it } from 'vitest';
import { connectNats } from '../nats.js';
import { natsIsInstalled, startNats } from '../nats-under-test.js';
import { ended, judged } from '../scheduler/facts.js';
import { NatsEvents } from './nats-events.js';

const at = new Date(0);
const commit = commitId('1'.repeat(40));

describe.skipIf(!natsIsInstalled)('events on NATS', () => {
  it('come to those who listen to a job, or to one kind of all jobs', async () => {
    const nats = await startNats();
    const connection = await connectNats(nats.servers);
    try {
      const ofJob = nats.connection.subscribe('kbisect.events.a1.*', { max: 2 });
      const ends = nats.connection.subscribe('kbisect.events.*.ended', { max: 2 });
      await nats.connection.flush();
      const events = new NatsEvents(connection);
      events.happened('a1', { at, fact: judged(commit, Verdict.VERDICT_OLD, 'it passes') });
      events.happened('a2', { at, fact: ended(JobState.JOB_STATE_NO_DIFFERENCE, 'both ends pass') });
      events.happened('a1', { at, fact: ended(JobState.JOB_STATE_FOUND, '', commit) });
      const heard = async (messages: typeof ofJob) => {
        const all: unknown[] = [];
        for await (const message of messages) all.push([message.subject, message.json()]);
        return all;
      };
      expect(await heard(ofJob)).toMatchObject([
        ['kbisect.events.a1.judged', { judged: { commit, verdict: 'VERDICT_OLD', reason: 'it passes' } }],
        [
          'kbisect.events.a1.ended',
          { at: at.toISOString(), ended: { state: 'JOB_STATE_FOUND', culprit: commit } },
        ],
      ]);
      expect(await heard(ends)).toHaveLength(2);
    } finally {
      await connection.close();
      await nats.stop();
    }
  });
});

it('cannot begin where nobody answers', async () => {
  const nobody = createServer().listen(0, '127.0.0.1');
  await once(nobody, 'listening');
  const { port } = nobody.address() as { port: number };
  nobody.close();
  await expect(connectNats(`127.0.0.1:${port}`)).rejects.toThrow(`no NATS server at 127.0.0.1:${port}`);
});
