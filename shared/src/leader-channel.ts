import {
  Channel,
  status,
  type ChannelCredentials,
  type ChannelInterface,
  type ChannelOptions,
  type StatusObject,
} from '@grpc/grpc-js';
import { KbisectError } from './errors.js';
import { channelOptions } from './identity/secure-channel.js';
import { LEADER_KEY } from './not-leader.js';

type Call = ReturnType<ChannelInterface['createCall']>;

/**
 * A channel to whichever of several coordinators leads. A call that fails because the one it went to is gone or does not lead
 * fails as any call does; the next one goes where the leader was said to be, or else to the next address of the list. So
 * whoever calls again when the farm is unavailable, follows the leader.
 */
export class LeaderChannel implements ChannelInterface {
  readonly #addresses: readonly string[];
  readonly #channels = new Map<string, ChannelInterface>();
  #current: string;

  /**
   * @param addresses `host:port`, with commas between them
   * @param credentialsFor how the coordinator at an address is called
   */
  constructor(
    readonly addresses: string,
    private readonly credentialsFor: (address: string) => ChannelCredentials,
    private readonly options: ChannelOptions,
  ) {
    this.#addresses = addresses.split(',');
    this.#current = this.#addresses[0] ?? '';
  }

  /** Where the next call goes. */
  get address(): string {
    return this.#current;
  }

  /** Makes a call, and again while there are other coordinators, until it comes to the one that leads. */
  async ask<Response>(call: () => Promise<Response>): Promise<Response> {
    for (let others = this.#addresses.length; ; others--) {
      try {
        return await call();
      } catch (error) {
        if (others === 0 || !(error instanceof KbisectError) || error.code !== 'unavailable') throw error;
      }
    }
  }

  close(): void {
    for (const channel of this.#channels.values()) channel.close();
  }

  getTarget(): string {
    return this.#channel.getTarget();
  }

  getConnectivityState(tryToConnect: boolean) {
    return this.#channel.getConnectivityState(tryToConnect);
  }

  watchConnectivityState(...args: Parameters<ChannelInterface['watchConnectivityState']>): void {
    this.#channel.watchConnectivityState(...args);
  }

  getChannelzRef() {
    return this.#channel.getChannelzRef();
  }

  createCall(...args: Parameters<ChannelInterface['createCall']>): Call {
    const address = this.#current;
    const call = this.#channel.createCall(...args);
    const start = call.start.bind(call);
    call.start = (metadata, listener) =>
      start(metadata, {
        onReceiveMetadata: (received) => listener.onReceiveMetadata(received),
        onReceiveMessage: (message) => listener.onReceiveMessage(message),
        onReceiveStatus: (received) => {
          this.#learn(address, received);
          listener.onReceiveStatus(received);
        },
      });
    return call;
  }

  get #channel(): ChannelInterface {
    let channel = this.#channels.get(this.#current);
    if (channel === undefined) {
      const address = this.#current;
      const options = { ...this.options, ...channelOptions(address) };
      channel = new Channel(address, this.credentialsFor(address), options);
      this.#channels.set(address, channel);
    }
    return channel;
  }

  /** A call to an address has ended: where is the next one to go? */
  #learn(address: string, { code, metadata }: StatusObject): void {
    // Of calls that fail together only the first one tells something new.
    if (code !== status.UNAVAILABLE || address !== this.#current) return;
    const leader = metadata.get(LEADER_KEY)[0]?.toString();
    if (leader !== undefined && leader !== '' && leader !== address) this.#current = leader;
    else this.#current = this.#addresses[(this.#addresses.indexOf(address) + 1) % this.#addresses.length]!;
  }
}
