import { mkdir, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server as HttpServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { join } from 'node:path';
import { experimental, ServerCredentials } from '@grpc/grpc-js';
import { writePrivately } from '@kbisect/shared/cache/durable-file';
import { KbisectError, messageOf } from '@kbisect/shared/errors';
import type { GitTls } from '@kbisect/shared/git';
import { hostOf, isLoopback } from '@kbisect/shared/identity/loopback';
import { Certificates } from '@kbisect/shared/identity/secure-channel';
import { bearerText, fingerprintOf, type Fingerprint } from '@kbisect/shared/identity/token';
import type { Logger } from '@kbisect/shared/log';
import type { OpenJournal } from '../journal/open-journal.js';
import { derOf, type Authority, type KeyPair } from './certificates.js';
import type { Credentials } from './credentials.js';
import { Gate } from './gate.js';
import type { Login } from './login.js';
import { openIdentity } from './open-identity.js';

/** The lab's own certificate for the coordinator, and names beside those that this machine knows of itself. */
export interface TlsSettings {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly names: readonly string[];
}

/** What identifies callers where they are asked who they are. */
export interface Identity {
  readonly authority: Authority;
  readonly credentials: Credentials;
  /** Of the certificate that clients trust, which tokens carry. */
  readonly fingerprint: Fingerprint;
  /** Lets this machine's user in as an admin: writes the login beside the credentials. @param address of gRPC */
  readonly letOwnerIn: (address: string) => Promise<void>;
}

/** How the coordinator is entered: plain on loopback, else over TLS, and by whom the credentials say. */
export interface Entrance {
  readonly gate: Gate;
  readonly identity: Identity | undefined;
  readonly scheme: 'http' | 'https';
  readonly grpc: ServerCredentials;
  readonly createHttp: (listener: RequestListener) => HttpServer;
  /** Whom this coordinator believes to be another one of the farm, and what it shows there; undefined where they are plain. */
  readonly peerTls: GitTls | undefined;
}

/** The coordinator that is to be entered. */
export interface Entered {
  /** Of its directory. */
  readonly id: string;
  readonly state: string;
  readonly listen: string;
  readonly http: string;
  readonly advertise?: string;
}

const OWNER_MS = 3650 * 86_400_000;

/**
 * Opens the entrance. Where both doors are on loopback and no `tls` is set, it is a plain one.
 * @throws KbisectError naming the file that is wrong
 */
export async function openEntrance(
  coordinator: Entered,
  { tls, secretFile }: { readonly tls: TlsSettings | undefined; readonly secretFile: string | undefined },
  shared: OpenJournal['shared'],
  now: () => number,
  log: Logger,
): Promise<Entrance> {
  const { id, state, listen, http, advertise = listen } = coordinator;
  const directory = join(state, 'identity');
  // It is for the entrance as it was at another start.
  await rm(join(directory, 'owner.json'), { force: true });
  if (tls === undefined && isLoopback(listen) && isLoopback(http)) {
    return {
      gate: new Gate(undefined),
      identity: undefined,
      scheme: 'http',
      grpc: ServerCredentials.createInsecure(),
      createHttp: (listener) => createServer(listener),
      peerTls: undefined,
    };
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { authority, credentials } = await openIdentity(directory, shared, secretFile, now, log);
  const hosts = [listen, http, advertise].map(hostOf).filter((host) => host !== '0.0.0.0' && host !== '::');
  const own = await labs(tls);
  const server = own ?? (await authority.forServer([...hosts, ...(tls?.names ?? [])], now()));
  const trusted = own?.authority ?? authority.pair.certificate;
  // The chain ends with its root: a client that has a token knows it by its fingerprint.
  const certificates = new Certificates({
    certificate: server.certificate + trusted,
    key: server.key,
    authority: authority.pair.certificate,
  });
  const grpc = experimental.createCertificateProviderServerCredentials(certificates, certificates, false);
  const { certificate: cert, key, authority: ca } = certificates.current;
  // Who shows no certificate may still have a token.
  const asked = { cert, key, ca, requestCert: true, rejectUnauthorized: false };
  return {
    gate: new Gate(credentials),
    identity: {
      authority,
      credentials,
      fingerprint: fingerprintOf(derOf(trusted)),
      letOwnerIn: (address) => letOwnerIn(credentials, id, directory, address, trusted),
    },
    scheme: 'https',
    grpc,
    createHttp: (listener) => createSecureServer(asked, listener),
    peerTls: shared && (await forPeers(directory, await authority.forCoordinator(id, now()), trusted)),
  };
}

/** The certificate that the lab gave the coordinator, if it did. */
async function labs(tls: TlsSettings | undefined): Promise<(KeyPair & { authority: string }) | undefined> {
  if (tls?.ca === undefined || tls.cert === undefined || tls.key === undefined) return undefined;
  const read = async (path: string) =>
    readFile(path, 'utf8').catch((error: unknown) => {
      throw new KbisectError('invalid-argument', `tls: ${path}: ${messageOf(error)}`);
    });
  const [authority, certificate, key] = [await read(tls.ca), await read(tls.cert), await read(tls.key)];
  return { authority: ended(authority), certificate: ended(certificate), key };
}

function ended(pem: string): string {
  return pem.endsWith('\n') ? pem : `${pem}\n`;
}

/** Puts what this coordinator shows to the others where git finds it. */
async function forPeers(directory: string, own: KeyPair, trusted: string): Promise<GitTls> {
  const file = (name: string) => join(directory, name);
  const files = {
    authority: file('peers.pem'),
    certificate: file('peer-certificate.pem'),
    key: file('peer-key.pem'),
  };
  await writePrivately(files.authority, trusted);
  await writePrivately(files.certificate, own.certificate);
  await writePrivately(files.key, own.key);
  return files;
}

/** The login with which `kbisect token` on this machine is an admin: who can read the state owns the farm anyway. */
async function letOwnerIn(
  credentials: Credentials,
  coordinator: string,
  directory: string,
  address: string,
  authority: string,
): Promise<void> {
  const { credential, secret } = await credentials.issueToOwner(coordinator, OWNER_MS);
  const reached = address.replace(/^(0\.0\.0\.0|\[::\]):/, '127.0.0.1:');
  const login: Login = {
    address: reached,
    authority,
    secret: bearerText(secret),
    name: credential.name,
    role: 'admin',
  };
  await writePrivately(join(directory, 'owner.json'), `${JSON.stringify(login)}\n`);
}
