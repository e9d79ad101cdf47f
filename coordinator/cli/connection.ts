import {
  credentials,
  Metadata,
  type CallOptions,
  type ClientUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';
import type { BlobStore } from '@kbisect/shared/cache/blob-store';
import { ReapiBlobStore } from '@kbisect/shared/cache/reapi-blob-store';
import { systemClock } from '@kbisect/shared/clock';
import { KbisectError } from '@kbisect/shared/errors';
import { ContentAddressableStorageClient } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import { BlobStreamClient } from '@kbisect/shared/cache/byte-stream';
import { CacheCareClient } from '@kbisect/shared/gen/kbisect/v1/cache';
import { FarmClient, type GetInfoResponse } from '@kbisect/shared/gen/kbisect/v1/farm';
import { IdentityClient } from '@kbisect/shared/gen/kbisect/v1/identity';
import { areLoopback } from '@kbisect/shared/identity/loopback';
import { personChannel } from '@kbisect/shared/identity/secure-channel';
import { LeaderChannel } from '@kbisect/shared/leader-channel';
import { LEADER_KEY } from '@kbisect/shared/not-leader';
import { unaryCall } from '@kbisect/shared/status';
import type { Login } from '../src/identity/login.js';
import { loginFor } from './logins.js';

const CONNECT_MS = 3000;
/** How long a farm without a leader is waited for. */
const ELECTION_MS = 20_000;
const RETRY_MS = 250;
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

/** The line to the farm: to whichever of its coordinators leads. */
export class Connection {
  readonly farm: FarmClient;
  /** The farm's cache. */
  readonly blobs: BlobStore;
  readonly cache: CacheCareClient;
  readonly identity: IdentityClient;
  readonly #channel: LeaderChannel;

  private constructor(
    /** `host:port` of each coordinator, with commas between them. */
    readonly address: string,
    /** As whom it is called; none where the farm is plain. */
    readonly login: Login | undefined,
  ) {
    this.#channel = new LeaderChannel(
      address,
      (one) => (login ? personChannel(one, login.authority, login.secret) : credentials.createInsecure()),
      CHANNEL,
    );
    const to = [address, credentials.createInsecure(), { channelOverride: this.#channel }] as const;
    this.farm = new FarmClient(...to);
    const clients = {
      bytes: new BlobStreamClient(...to),
      storage: new ContentAddressableStorageClient(...to),
    };
    this.blobs = new ReapiBlobStore(clients);
    this.cache = new CacheCareClient(...to);
    this.identity = new IdentityClient(...to);
  }

  /**
   * @param address `host:port` of each coordinator, with commas between them
   * @param as default: as whom this user is logged in there
   * @throws KbisectError `unavailable`, within seconds, when no coordinator is there, or none leads; `unauthenticated` when
   *   the user has to log in first
   */
  static async open(address: string, as?: Login): Promise<Connection> {
    const login = as ?? (await loginFor(address));
    if (login === undefined && !areLoopback(address)) {
      throw new KbisectError(
        'unauthenticated',
        `you are not logged in at ${address}: 'kbisect login ${address} --token TOKEN', with a token of an admin's`,
      );
    }
    const connection = new Connection(address, login);
    try {
      await connection.#findLeader();
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  async #findLeader(): Promise<void> {
    const { address, login } = this;
    const startedAt = systemClock.now();
    let isThere = false;
    for (;;) {
      const left = (isThere ? ELECTION_MS : CONNECT_MS) - (systemClock.now() - startedAt);
      try {
        await this.call<GetInfoResponse>((...rest) => this.farm.getInfo({}, ...rest), {
          limitMs: Math.max(1, left),
        });
        return;
      } catch (error) {
        if (!(error instanceof KbisectError) || error.code !== 'unavailable') return; // it is there, and says no
        isThere ||= isNotLeader(error);
        if (left > RETRY_MS) await systemClock.sleep(RETRY_MS);
        else if (isThere) throw error;
        else {
          throw new KbisectError(
            'unavailable',
            `no coordinator answers at ${address}${login ? ' that its authority vouches for' : ''}; start a farm with 'kbisect up', ` +
              `or say where one is with --coordinator HOST:PORT or KBISECT_COORDINATOR${login ? '' : "; one that asks who calls wants you logged in: 'kbisect login'"}`,
            { cause: error },
          );
        }
      }
    }
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
    this.#channel.close();
  }
}

/** Whether a call went to a coordinator that does not lead. */
function isNotLeader({ cause }: KbisectError): boolean {
  const metadata = cause instanceof Error && 'metadata' in cause ? cause.metadata : undefined;
  return metadata instanceof Metadata && metadata.get(LEADER_KEY).length > 0;
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
