import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import {
  credentials,
  experimental,
  Metadata,
  type ChannelCredentials,
  type ChannelOptions,
  type VerifyOptions,
} from '@grpc/grpc-js';
import { hostOf } from './loopback.js';

type Provider = experimental.CertificateProvider;

/** What an end of a connection shows, and whom it trusts; all PEM. */
export interface Shown {
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
}

/** Certificates for gRPC that may be replaced while it runs: new connections show the new one. */
export class Certificates implements Provider {
  readonly #own = new Set<experimental.IdentityCertificateUpdateListener>();

  constructor(private shown: Shown) {}

  /** For other protocols than gRPC. */
  get current(): Shown {
    return this.shown;
  }

  replace(shown: Shown): void {
    this.shown = shown;
    for (const listener of this.#own) listener(this.#identity());
  }

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    // Not at once: gRPC begins to listen to itself only after it has asked.
    queueMicrotask(() => listener({ caCertificate: Buffer.from(this.shown.authority) }));
  }

  // The authority is never replaced.
  removeCaCertificateListener(): void {}

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#own.add(listener);
    queueMicrotask(() => listener(this.#identity()));
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#own.delete(listener);
  }

  #identity(): experimental.IdentityCertificateUpdate {
    return { certificate: Buffer.from(this.shown.certificate), privateKey: Buffer.from(this.shown.key) };
  }
}

/** A channel on which an agent shows its certificate, and that trusts its farm's authority alone. */
export function agentChannel(address: string, certificates: Certificates): ChannelCredentials {
  return experimental.createCertificateProviderChannelCredentials(
    certificates,
    certificates,
    identityAt(address),
  );
}

/** A channel that trusts one authority alone (PEM), on which a person's secret goes with every call, if there is one. */
export function personChannel(address: string, authority: string, bearer?: string): ChannelCredentials {
  const channel = credentials.createSsl(Buffer.from(authority), null, null, identityAt(address));
  if (bearer === undefined) return channel;
  const withEach = credentials.createFromMetadataGenerator((_options, done) => {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${bearer}`);
    done(null, metadata);
  });
  return credentials.combineChannelCredentials(channel, withEach);
}

/** Options of a client's for a channel to this address. An IP address is no server name in TLS, and gRPC would send it. */
export function channelOptions(address: string): ChannelOptions {
  return isIP(hostOf(address)) === 0 ? {} : { 'grpc.ssl_target_name_override': 'kbisect' };
}

/** The coordinator's certificate has to be for what was dialled, a name or an IP address. */
function identityAt(address: string): VerifyOptions {
  return { checkServerIdentity: (_name, certificate) => checkServerIdentity(hostOf(address), certificate) };
}
