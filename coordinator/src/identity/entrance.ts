import { mkdir, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server as HttpServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { join } from 'node:path';
import { experimental, ServerCredentials } from '@grpc/grpc-js';
import { writePrivately } from '@kbisect/shared/cache/durable-file';
import { KbisectError, messageOf } from '@kbisect/shared/errors';
import { hostOf, isLoopback } from '@kbisect/shared/identity/loopback';
import { Certificates } from '@kbisect/shared/identity/secure-channel';
import { bearerText, fingerprintOf, type Fingerprint } from '@kbisect/shared/identity/token';
import { readIfThere } from '@kbisect/shared/read-if-there';
import { Authority, derOf, type KeyPair } from './certificates.js';
import { Credentials } from './credentials.js';
import { Gate } from './gate.js';
import type { Login } from './login.js';

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
}

/** Name of the credential that a coordinator gives to its own machine's user; no token can have it. */
const OWNER = '@owner';
const OWNER_MS = 3650 * 86_400_000;

/**
 * Opens the entrance. Where both doors are on loopback and no `tls` is set, it is a plain one.
 * @throws KbisectError naming the file that is wrong
 */
export async function openEntrance(
  options: { readonly state: string; readonly listen: string; readonly http: string },
  tls: TlsSettings | undefined,
  now: () => number,
): Promise<Entrance> {
  const directory = join(options.state, 'identity');
  // It is for the entrance as it was at another start.
  await rm(join(directory, 'owner.json'), { force: true });
  if (tls === undefined && isLoopback(options.listen) && isLoopback(options.http)) {
    return {
      gate: new Gate(undefined),
      identity: undefined,
      scheme: 'http',
      grpc: ServerCredentials.createInsecure(),
      createHttp: (listener) => createServer(listener),
    };
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const authority = await ownAuthority(directory, now());
  const credentials = await Credentials.open(join(directory, 'credentials.json'), now);
  const hosts = [options.listen, options.http]
    .map(hostOf)
    .filter((host) => host !== '0.0.0.0' && host !== '::');
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
      letOwnerIn: (address) => letOwnerIn(credentials, directory, address, trusted),
    },
    scheme: 'https',
    grpc,
    createHttp: (listener) => createSecureServer(asked, listener),
  };
}

/** The farm's authority, made at the first start. */
async function ownAuthority(directory: string, now: number): Promise<Authority> {
  const path = join(directory, 'authority.pem');
  const both = await readIfThere(path);
  if (both === undefined) {
    const authority = await Authority.make(now);
    const { key, certificate } = authority.pair;
    await writePrivately(path, key + certificate);
    return authority;
  }
  try {
    const [key = ''] = /-----BEGIN PRIVATE KEY-----[^]*?-----END PRIVATE KEY-----\n/.exec(both) ?? [];
    const [certificate = ''] =
      /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\n?/.exec(both) ?? [];
    return await Authority.of({ key, certificate });
  } catch (error) {
    throw new KbisectError(
      'data-loss',
      `${path}: ${messageOf(error)}; put back a copy, or remove it: all have to join anew`,
    );
  }
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

/** The login with which `kbisect token` on this machine is an admin: who can read the state owns the farm anyway. */
async function letOwnerIn(
  credentials: Credentials,
  directory: string,
  address: string,
  authority: string,
): Promise<void> {
  const before = credentials.list().find(({ name, revoked }) => name === OWNER && !revoked);
  if (before) await credentials.revoke(before.id);
  const { secret } = await credentials.issueTo(OWNER, OWNER_MS);
  const reached = address.replace(/^(0\.0\.0\.0|\[::\]):/, '127.0.0.1:');
  const login: Login = {
    address: reached,
    authority,
    secret: bearerText(secret),
    name: OWNER,
    role: 'admin',
  };
  await writePrivately(join(directory, 'owner.json'), `${JSON.stringify(login)}\n`);
}
