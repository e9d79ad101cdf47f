import type { NatsConnection } from '@nats-io/transport-node';
import { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';

/**
 * Publishes every event of a job as it is written, on the subject `kbisect.events.JOB.KIND`, where the kind is the name of
 * the fact (`submitted`, `judged`, `ended`): the event as JSON, by the protobuf mapping of `kbisect.v1.JobEvent`. Nothing
 * is kept for those who do not listen, and no job waits for NATS.
 */
export class NatsEvents {
  constructor(private readonly connection: NatsConnection) {}

  happened(job: string, event: JobEvent): void {
    if (event.fact === undefined || this.connection.isClosed()) return;
    this.connection.publish(
      `kbisect.events.${job}.${event.fact.$case}`,
      JSON.stringify(JobEvent.toJSON(event)),
    );
  }
}
