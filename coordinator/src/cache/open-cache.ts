import { credentials } from '@grpc/grpc-js';
import { jetstream } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import type { ActionCache } from '@kbisect/shared/cache/action-cache';
import type { BlobStore } from '@kbisect/shared/cache/blob-store';
import type { Bounds } from '@kbisect/shared/cache/bounds';
import { CompleteActionCache } from '@kbisect/shared/cache/complete-action-cache';
import { openDiskCache, type DiskCache } from '@kbisect/shared/cache/disk-cache';
import { EmptyBlobStore } from '@kbisect/shared/cache/empty-blob-store';
import { ExistenceCachingBlobStore } from '@kbisect/shared/cache/existence-caching-blob-store';
import { ReadThroughBlobStore } from '@kbisect/shared/cache/read-through-blob-store';
import { ReapiActionCache } from '@kbisect/shared/cache/reapi-action-cache';
import { ReapiBlobStore } from '@kbisect/shared/cache/reapi-blob-store';
import { VerifyingBlobStore } from '@kbisect/shared/cache/verifying-blob-store';
import type { Clock } from '@kbisect/shared/clock';
import {
  ActionCacheClient,
  ContentAddressableStorageClient,
} from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import { BlobStreamClient } from '@kbisect/shared/cache/byte-stream';
import type { Logger } from '@kbisect/shared/log';
import { ANSWER_MS, connectNats } from '../nats.js';
import { JetStreamActionCache } from './jetstream-action-cache.js';
import { JetStreamBlobStore } from './jetstream-blob-store.js';

/** Where the cache is kept. */
export type CachePlace =
  | { readonly kind: 'disk' }
  /** An endpoint of the Remote Execution API: `host:port`, and the instance's name there. */
  | { readonly kind: 'remote'; readonly address: string; readonly instance: string }
  /** A bucket of a NATS JetStream object store, and how many servers keep each object. */
  | {
      readonly kind: 'jetstream';
      readonly servers: string;
      readonly bucket: string;
      readonly replicas: number;
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
const CHANNEL = { 'grpc.keepalive_time_ms': 5000, 'grpc.keepalive_timeout_ms': 5000 };

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
      const to = [place.address, credentials.createInsecure(), CHANNEL] as const;
      const clients = {
        bytes: new BlobStreamClient(...to),
        storage: new ContentAddressableStorageClient(...to),
        actions: new ActionCacheClient(...to),
      };
      const far = new ReapiBlobStore(clients, place.instance);
      const blobs = near(new ExistenceCachingBlobStore(far, clock));
      const close = async () => {
        for (const client of Object.values(clients)) client.close();
        await disk.files.close();
      };
      // What is complete is the endpoint's own matter.
      return { disk, blobs, actions: new ReapiActionCache(clients.actions, place.instance), close };
    }
    case 'jetstream': {
      const { servers, bucket, replicas } = place;
      const connection = await connectNats(servers);
      const objects = await new Objm(jetstream(connection, { timeout: ANSWER_MS })).create(bucket, {
        ...BUCKET,
        replicas,
      });
      const blobs = near(new JetStreamBlobStore(objects));
      const actions = new CompleteActionCache(new JetStreamActionCache(objects), blobs);
      const close = async () => {
        await connection.close();
        await disk.files.close();
      };
      return { disk, blobs, actions, close };
    }
  }
}
