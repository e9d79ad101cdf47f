import {
  credentials,
  Metadata,
  type CallOptions,
  type ChannelCredentials,
  type ClientUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';
import type { BlobStore } from '@kbisect/shared/cache/blob-store';
import { ReapiBlobStore } from '@kbisect/shared/cache/reapi-blob-store';
import { KbisectError } from '@kbisect/shared/errors';
import { ContentAddressableStorageClient } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import { BlobStreamClient } from '@kbisect/shared/cache/byte-stream';
import { CacheCareClient } from '@kbisect/shared/gen/kbisect/v1/cache';
import { FarmClient } from '@kbisect/shared/gen/kbisect/v1/farm';
import { IdentityClient } from '@kbisect/shared/gen/kbisect/v1/identity';
import { isLoopback } from '@kbisect/shared/identity/loopback';
import { channelOptions, personChannel } from '@kbisect/shared/identity/secure-channel';
import { unaryCall } from '@kbisect/shared/status';
import type { Login } from '../src/identity/login.js';
import { loginFor } from './logins.js';

const CONNECT_MS = 3000;
const CALL_MS = 30_000;
const MAX_MESSAGE = 16 * 1024 * 1024;

const CHANNEL = {
  'grpc.max_receive_message_length': MAX_MESSAGE,
  'grpc.max_send_message_length': MAX_MESSAGE,
  // A coordinator that does not answer a ping is gone.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.initial_reconnect_backoff_ms': 250,
  'grpc.max_reconnect_backoff_ms': 5000,
  // A farm is on one's own network.
  'grpc.enable_http_proxy': 0,
};

/** A unary call of a generated client, told where to take its options from. */
type Start<Response> = (
  metadata: Metadata,
  options: Partial<CallOptions>,
  done: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/** The line to a coordinator. */
export class Connection {
  readonly farm: FarmClient;
  /** The farm's cache. */
  readonly blobs: BlobStore;
  readonly #bytes: InstanceType<typeof BlobStreamClient>;
  readonly #storage: ContentAddressableStorageClient;
  readonly cache: CacheCareClient;
  readonly identity: IdentityClient;

  private constructor(
    readonly address: string,
    channel: ChannelCredentials,
    /** As whom it is called; none where the farm is plain. */
    readonly login: Login | undefined,
  ) {
    const options = { ...CHANNEL, ...channelOptions(address) };
    this.farm = new FarmClient(address, channel, options);
    this.#bytes = new BlobStreamClient(address, channel, options);
    this.#storage = new ContentAddressableStorageClient(address, channel, options);
    this.blobs = new ReapiBlobStore({ bytes: this.#bytes, storage: this.#storage });
    this.cache = new CacheCareClient(address, channel, options);
    this.identity = new IdentityClient(address, channel, options);
  }

  /**
   * @param as default: as whom this user is logged in there
   * @throws KbisectError `unavailable`, within seconds, when no coordinator is there; `unauthenticated` when the user
   *   has to log in first
   */
  static async open(address: string, as?: Login): Promise<Connection> {
    const login = as ?? (await loginFor(address));
    if (login === undefined && !isLoopback(address)) {
      throw new KbisectError(
        'unauthenticated',
        `you are not logged in at ${address}: 'kbisect login ${address} --token TOKEN', with a token of an admin's`,
      );
    }
    const channel = login
      ? personChannel(address, login.authority, login.secret)
      : credentials.createInsecure();
    const connection = new Connection(address, channel, login);
    try {
      await new Promise<void>((resolve, reject) => {
        connection.farm.waitForReady(Date.now() + CONNECT_MS, (error) => {
          if (error) reject(error);
          else resolve();
        });
      });
    } catch (cause) {
      connection.close();
      throw new KbisectError(
        'unavailable',
        `no coordinator answers at ${address}${login ? ' that its authority vouches for' : ''}; start a farm with 'kbisect up', ` +
          `or say where one is with --coordinator HOST:PORT or KBISECT_COORDINATOR${login ? '' : "; one that asks who calls wants you logged in: 'kbisect login'"}`,
        { cause },
      );
    }
    return connection;
  }

  /**
   * Makes a unary call and waits `limitMs` for its answer, or until the signal is aborted.
   * @throws KbisectError with the coordinator's own words
   */
  async call<Response>(
    start: Start<Response>,
    { limitMs = CALL_MS, signal }: { limitMs?: number; signal?: AbortSignal } = {},
  ): Promise<Response> {
    let hangUp: (() => void) | undefined;
    try {
      return await unaryCall<Response>((done) => {
        const call = start(new Metadata(), { deadline: Date.now() + limitMs }, done);
        hangUp = () => call.cancel();
        signal?.addEventListener('abort', hangUp, { once: true });
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      if (hangUp) signal?.removeEventListener('abort', hangUp);
    }
  }

  close(): void {
    this.farm.close();
    this.#bytes.close();
    this.#storage.close();
    this.cache.close();
    this.identity.close();
  }
}

/** Opens a connection for one piece of work, and closes it afterwards. */
export async function withConnection<Result>(
  address: string,
  work: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  const connection = await Connection.open(address);
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}
