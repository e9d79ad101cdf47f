import { credentials } from '@grpc/grpc-js';
import { FarmClient, type WatchResponse } from '@kbisect/shared/gen/kbisect/v1/farm';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';

/** What a bench reads off a job's journal. */
export interface JobFigures {
  /** Different images that were foretold when one build was done and no second one. */
  readonly classesAfterFirstBuild: number;
  readonly commits: number;
  /** Each build that was done: what was foretold of it, and what it took. */
  readonly builds: readonly Build[];
  readonly refuted: number;
}

export interface Build {
  readonly commit: string;
  readonly audit: boolean;
  readonly expectedObjects: number;
  readonly expectedSeconds: number;
  readonly seconds: number;
  /** SHA-256; empty when the commit does not build. */
  readonly image: string;
}

/**
 * Reads the events of a job until it is over.
 * @param enough ends the reading before that, once so many builds were done
 */
export async function figuresOf(address: string, job: string, enough = Infinity): Promise<JobFigures> {
  const client = new FarmClient(address, credentials.createInsecure());
  const stream = client.watch({ job, together: true });
  const events: JobEvent[] = [];
  try {
    for await (const { kind } of stream as AsyncIterable<WatchResponse>) {
      if (kind?.$case !== 'events') continue;
      events.push(...kind.value.events);
      if (events.at(-1)?.fact?.$case === 'ended' || figures(events).builds.length >= enough) break;
    }
  } finally {
    stream.on('error', () => undefined);
    stream.cancel();
    client.close();
  }
  return figures(events);
}

function figures(events: readonly JobEvent[]): JobFigures {
  const leases = new Map<string, { audit: boolean; expectedObjects: number; expectedSeconds: number }>();
  const builds: Build[] = [];
  let [classesAfterFirstBuild, commits, refuted] = [0, 0, 0];
  for (const { fact } of events) {
    if (fact?.$case === 'leased') {
      const { lease, audit, expectedObjects, expectedSeconds } = fact.value;
      leases.set(lease, { audit, expectedObjects, expectedSeconds });
    } else if (fact?.$case === 'built') {
      const lease = leases.get(fact.value.lease);
      const { commit, seconds, cached, image } = fact.value;
      if (!cached && lease !== undefined) {
        builds.push({ commit, seconds, image: image?.digest ?? '', ...lease });
      }
    } else if (fact?.$case === 'collapsed') {
      if (builds.length === 1) ({ classes: classesAfterFirstBuild, commits } = fact.value);
    } else if (fact?.$case === 'refuted') {
      refuted += 1;
    }
  }
  return { classesAfterFirstBuild, commits, builds, refuted };
}
