import { z } from 'zod';
import type { DiskBlobStore } from '@kbisect/shared/cache/disk-blob-store';
import { digest, type Digest } from '@kbisect/shared/digest';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { JobId } from '@kbisect/shared/ids';

const reference = z.object({ digest: z.string().regex(/^[0-9a-f]{64}$/), size: z.number() });

/**
 * Keeps what jobs need from being evicted: of a job that runs all blobs that its events name, of one that is over all but
 * the images of commits other than its culprit, which can be built again.
 */
export class JobPins {
  /** What each job keeps: the digests, each with the commit whose build it is of, if any. */
  readonly #kept = new Map<JobId, Map<Digest, string | undefined>>();

  constructor(private readonly blobs: Pick<DiskBlobStore, 'pin' | 'unpin'>) {}

  /** Takes in a job's next events, which are durable. */
  take(job: JobId, events: readonly JobEvent[]): void {
    const kept = this.#kept.get(job) ?? new Map<Digest, string | undefined>();
    for (const { fact } of events) {
      const built = fact?.$case === 'built' ? fact.value : undefined;
      // Its log and its configuration are evidence; they are small, and belong to the bundle.
      const again = new Set(built ? blobsIn([built.image, built.record]) : []);
      for (const blob of blobsIn(fact?.value)) {
        const commit = again.has(blob) ? built?.commit : undefined;
        if (!kept.has(blob)) this.blobs.pin(blob);
        if (!kept.has(blob) || commit === undefined) kept.set(blob, commit);
      }
      if (fact?.$case === 'ended') this.#release(kept, fact.value.culprit);
    }
    if (kept.size > 0) this.#kept.set(job, kept);
  }

  /** Takes in what a job that is over keeps. */
  restore(kept: readonly Uint8Array[]): void {
    for (const blob of kept) this.blobs.pin(digest(Buffer.from(blob).toString('hex')));
  }

  #release(kept: Map<Digest, string | undefined>, culprit: string): void {
    for (const [blob, commit] of kept) {
      if (commit === undefined || commit === culprit) continue;
      kept.delete(blob);
      this.blobs.unpin(blob);
    }
  }
}

/** The blobs that a message names, wherever in it. */
function blobsIn(value: unknown): Digest[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  // Most messages name none, and there are many of them.
  const named = 'digest' in value ? reference.safeParse(value) : undefined;
  if (named?.success) return [digest(named.data.digest)];
  return Object.values(value).flatMap(blobsIn);
}
