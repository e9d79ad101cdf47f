import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { credentials, Metadata, type ChannelCredentials } from '@grpc/grpc-js';
import { writePrivately } from '@kbisect/shared/cache/durable-file';
import type { Clock } from '@kbisect/shared/clock';
import { KbisectError, messageOf } from '@kbisect/shared/errors';
import { IdentityClient, type Certificate } from '@kbisect/shared/gen/kbisect/v1/identity';
import type { GitTls } from '@kbisect/shared/git';
import { authorityOf } from '@kbisect/shared/identity/authority';
import { areLoopback } from '@kbisect/shared/identity/loopback';
import {
  agentChannel,
  Certificates,
  personChannel,
  type Shown,
} from '@kbisect/shared/identity/secure-channel';
import { fingerprintOf, parseToken } from '@kbisect/shared/identity/token';
import type { AgentName } from '@kbisect/shared/ids';
import { LeaderChannel } from '@kbisect/shared/leader-channel';
import type { Logger } from '@kbisect/shared/log';
import { readIfThere } from '@kbisect/shared/read-if-there';
import { unaryCall } from '@kbisect/shared/status';

const RETRY_MS = 60_000;
const CALL_MS = 30_000;

/** How the farm knows an agent, on each of its ways to it. */
export interface Membership {
  /** How the coordinator at an address is called. */
  readonly credentialsFor: (address: string) => ChannelCredentials;
  readonly git: GitTls | undefined;
  /** For HTTPS; undefined where the farm is plain. */
  readonly shown: () => Shown | undefined;
  /** Has the certificate renewed before it expires, until the signal is aborted. */
  readonly keep: (signal: AbortSignal) => Promise<void>;
}

export interface Joining {
  readonly coordinator: string;
  readonly name: AgentName;
  /** The agent's own, in which its key stays. */
  readonly directory: string;
  /** Used once: a certificate that was got with it is renewed without. */
  readonly token: string | undefined;
}

/**
 * Becomes what the farm knows: by the certificate that is there, by the token, or, on loopback, by nothing.
 * @throws KbisectError `unauthenticated` when the farm refuses, or is not the one that the token is from
 */
export async function becomeMember(joining: Joining, clock: Clock, log: Logger): Promise<Membership> {
  const { coordinator, directory, token } = joining;
  const files = filesIn(directory);
  const had = await readShown(directory);
  const fresh = had === undefined ? 'no certificate' : await lapsed(had, joining, files.token, clock.now());
  if (fresh !== undefined && token === undefined) {
    if (had === undefined && areLoopback(coordinator)) return plain();
    throw new KbisectError(
      'unauthenticated',
      `the farm at ${coordinator} does not know this agent (${fresh}); on the coordinator's machine: ` +
        "'kbisect token create --role agent', then give it as --token or KBISECT_TOKEN",
    );
  }
  const shown = fresh === undefined && had !== undefined ? had : await joinFarm(joining, log);
  const certificates = new Certificates(shown);
  const credentialsFor = (address: string) => agentChannel(address, certificates);
  return {
    credentialsFor,
    git: files,
    shown: () => certificates.current,
    keep: (signal) =>
      keepRenewed({ coordinator, directory, certificates, credentialsFor }, clock, log, signal),
  };
}

function plain(): Membership {
  return {
    credentialsFor: () => credentials.createInsecure(),
    git: undefined,
    shown: () => undefined,
    keep: () => Promise.resolve(),
  };
}

/** Why the certificate will not do; undefined when it will. */
async function lapsed(
  had: Shown,
  { name, token }: Joining,
  tokenFile: string,
  now: number,
): Promise<string | undefined> {
  const certificate = new X509Certificate(had.certificate);
  if (certificate.subject.split('\n').every((part) => part !== `CN=${name}`))
    return 'its certificate has another name';
  if (Date.parse(certificate.validTo) <= now) return 'its certificate has expired';
  if (token === undefined) return undefined;
  const { id, authority } = parseToken(token);
  if (authority !== fingerprintOf(new X509Certificate(had.authority).raw))
    return 'its certificate is of another farm';
  const joinedWith = await readFile(tokenFile, 'utf8').catch(() => '');
  return joinedWith === id ? undefined : 'there is a new token';
}

async function joinFarm({ coordinator, name, directory, token = '' }: Joining, log: Logger): Promise<Shown> {
  const { id, authority: expected } = parseToken(token);
  const authority = await authorityOf(coordinator, expected);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const key = await ownKey(directory);
  const channel = new LeaderChannel(coordinator, (address) => personChannel(address, authority), {});
  const client = new IdentityClient(coordinator, credentials.createInsecure(), { channelOverride: channel });
  let certificate: string;
  try {
    // Of several coordinators the one that leads lets it in.
    ({ certificate } = await channel.ask(async () =>
      unaryCall<Certificate>((done) =>
        client.join(
          { token, agent: name, publicKey: publicKeyOf(key) },
          new Metadata(),
          { deadline: Date.now() + CALL_MS },
          done,
        ),
      ),
    ));
  } finally {
    client.close();
  }
  const files = filesIn(directory);
  await writePrivately(files.authority, authority);
  await writePrivately(files.token, id);
  await writePrivately(files.certificate, certificate);
  log.info({ coordinator, name }, 'joined the farm');
  return { certificate, key, authority };
}

async function keepRenewed(
  of: {
    readonly coordinator: string;
    readonly directory: string;
    readonly certificates: Certificates;
    readonly credentialsFor: (address: string) => ChannelCredentials;
  },
  clock: Clock,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { certificates, directory } = of;
  const channel = new LeaderChannel(of.coordinator, of.credentialsFor, {});
  const client = new IdentityClient(of.coordinator, credentials.createInsecure(), {
    channelOverride: channel,
  });
  try {
    while (!signal.aborted) {
      const { validFrom, validTo } = new X509Certificate(certificates.current.certificate);
      const half = (Date.parse(validFrom) + Date.parse(validTo)) / 2;
      // A timer holds no more than 24 days.
      await clock.sleep(Math.min(Math.max(half - clock.now(), RETRY_MS), 86_400_000), signal);
      if (clock.now() < half) continue;
      try {
        const { key } = certificates.current;
        const { certificate } = await unaryCall<Certificate>((done) =>
          client.renew(
            { publicKey: publicKeyOf(key) },
            new Metadata(),
            { deadline: Date.now() + CALL_MS },
            done,
          ),
        );
        await writePrivately(filesIn(directory).certificate, certificate);
        certificates.replace({ ...certificates.current, certificate });
        log.info('certificate renewed');
      } catch (error) {
        log.warn({ reason: messageOf(error) }, 'the certificate could not be renewed');
        await clock.sleep(RETRY_MS, signal);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    client.close();
  }
}

/** The agent's key: made here, once, and never sent. */
async function ownKey(directory: string): Promise<string> {
  const path = filesIn(directory).key;
  const had = await readIfThere(path);
  if (had !== undefined) return had;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writePrivately(path, key);
  return key;
}

async function readShown(directory: string): Promise<Shown | undefined> {
  const files = filesIn(directory);
  const [key, certificate, authority] = await Promise.all(
    [files.key, files.certificate, files.authority].map(readIfThere),
  );
  return key && certificate && authority ? { key, certificate, authority } : undefined;
}

function filesIn(directory: string) {
  const file = (name: string) => join(directory, name);
  return {
    key: file('key.pem'),
    certificate: file('certificate.pem'),
    authority: file('authority.pem'),
    /** The id of the token that it joined with. */
    token: file('token'),
  };
}

function publicKeyOf(key: string): Buffer {
  return createPublicKey(createPrivateKey(key)).export({ type: 'spki', format: 'der' });
}
