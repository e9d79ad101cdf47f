import { credentials, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import {
  ActionCacheClient,
  ContentAddressableStorageClient,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.js';
import { BlobStreamClient } from './byte-stream.js';
import { ReapiActionCache } from './reapi-action-cache.js';
import { ReapiBlobStore } from './reapi-blob-store.js';

const CHANNEL = { 'grpc.keepalive_time_ms': 5000, 'grpc.keepalive_timeout_ms': 5000 };

/** Where somebody's cache is, `host:port`, and the instance's name there. */
export interface ReapiAddress {
  readonly address: string;
  readonly instance: string;
}

/** An endpoint of the Remote Execution API; whoever opened it closes it. */
export interface ReapiEndpoint {
  readonly blobs: ReapiBlobStore;
  readonly actions: ReapiActionCache;
  close(): void;
}

/** @param as how it is spoken to; without it, in the clear */
export function openReapiEndpoint(
  { address, instance }: ReapiAddress,
  as: { credentials: ChannelCredentials; options: ChannelOptions } = {
    credentials: credentials.createInsecure(),
    options: CHANNEL,
  },
): ReapiEndpoint {
  const to = [address, as.credentials, as.options] as const;
  const clients = {
    bytes: new BlobStreamClient(...to),
    storage: new ContentAddressableStorageClient(...to),
    actions: new ActionCacheClient(...to),
  };
  return {
    blobs: new ReapiBlobStore(clients, instance),
    actions: new ReapiActionCache(clients.actions, instance),
    close: () => {
      for (const client of Object.values(clients)) client.close();
    },
  };
}
