import { jetstream } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { Objm } from '@nats-io/obj';
import type { ActionCache } from '@kbisect/shared/cache/action-cache';
import type { BlobStore } from '@kbisect/shared/cache/blob-store';
import type { Bounds } from '@kbisect/shared/cache/bounds';
import { CompleteActionCache } from '@kbisect/shared/cache/complete-action-cache';
import { openDiskCache, type DiskCache } from '@kbisect/shared/cache/disk-cache';
import { EmptyBlobStore } from '@kbisect/shared/cache/empty-blob-store';
import { ExistenceCachingBlobStore } from '@kbisect/shared/cache/existence-caching-blob-store';
import { ReadThroughBlobStore } from '@kbisect/shared/cache/read-through-blob-store';
import { openReapiEndpoint, type ReapiAddress } from '@kbisect/shared/cache/reapi-endpoint';
import { VerifyingBlobStore } from '@kbisect/shared/cache/verifying-blob-store';
import type { Clock } from '@kbisect/shared/clock';
import type { Logger } from '@kbisect/shared/log';
import { ANSWER_MS, closeNats, connectNats } from '../nats.js';
import type { NatsAccess } from '../nats-access.js';
import { JetStreamActionCache } from './jetstream-action-cache.js';
import { JetStreamBlobStore } from './jetstream-blob-store.js';

/** Where the cache is kept. */
export type CachePlace =
  | { readonly kind: 'disk' }
  /** An endpoint of the Remote Execution API. */
  | ({ readonly kind: 'remote' } & ReapiAddress)
  /** Buckets of a NATS JetStream object store and of its key-value store, by one name, and how many servers keep each object. */
  | {
      readonly kind: 'jetstream';
      readonly servers: string;
      readonly bucket: string;
      readonly replicas: number;
      readonly access?: NatsAccess;
    };

/** A cache that is open. */
export interface OpenCache {
  readonly blobs: BlobStore;
  readonly actions: ActionCache;
  /** This machine's part of it: all, or what was read of a cache elsewhere. */
  readonly disk: DiskCache;
  close(): Promise<void>;
}

const BUCKET = { description: 'kernels, consoles and what else kbisect keeps by digest' };

/**
 * Opens the cache: on this machine's disk, or elsewhere with this disk before it.
 * @throws KbisectError `unavailable` when a NATS server cannot be reached
 */
export async function openCache(
  place: CachePlace,
  directory: string,
  bounds: Bounds,
  clock: Clock,
  log: Logger,
): Promise<OpenCache> {
  const disk = await openDiskCache(directory, bounds, clock, log);
  const near = (far: BlobStore) =>
    new EmptyBlobStore(new ReadThroughBlobStore(disk.blobs, new VerifyingBlobStore(far, clock, log), log));
  switch (place.kind) {
    case 'disk': {
      const blobs = new EmptyBlobStore(disk.blobs);
      const actions = new CompleteActionCache(disk.actions, blobs);
      return { disk, blobs, actions, close: () => disk.files.close() };
    }
    case 'remote': {
      const endpoint = openReapiEndpoint(place);
      const blobs = near(new ExistenceCachingBlobStore(endpoint.blobs, clock));
      const close = async () => {
        endpoint.close();
        await disk.files.close();
      };
      // What is complete is the endpoint's own matter.
      return { disk, blobs, actions: endpoint.actions, close };
    }
    case 'jetstream': {
      const { servers, bucket, replicas, access } = place;
      const connection = await connectNats(servers, access);
      const client = jetstream(connection, { timeout: ANSWER_MS });
      const objects = await new Objm(client).create(bucket, { ...BUCKET, replicas });
      const results = await new Kvm(client).create(bucket, { history: 1, replicas });
      const blobs = near(new JetStreamBlobStore(objects));
      const actions = new CompleteActionCache(new JetStreamActionCache(results), blobs);
      const close = async () => {
        await closeNats(connection);
        await disk.files.close();
      };
      return { disk, blobs, actions, close };
    }
  }
}
