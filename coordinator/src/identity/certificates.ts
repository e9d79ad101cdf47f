import 'reflect-metadata';
import { randomBytes, webcrypto, X509Certificate, KeyObject } from 'node:crypto';
import { hostname, networkInterfaces } from 'node:os';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate as Certificate,
  X509CertificateGenerator,
  type Extension,
} from '@peculiar/x509';
import { KbisectError } from '@kbisect/shared/errors';
import type { AgentName } from '@kbisect/shared/ids';

cryptoProvider.set(webcrypto as unknown as Parameters<typeof cryptoProvider.set>[0]);

const P256 = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
/** Clocks of a lab differ: a certificate is good from a little before it was made. */
const SKEW_MS = 300_000;
const AUTHORITY_MS = 3650 * DAY_MS;
/** A coordinator makes itself a new one at each start. */
const SERVER_MS = 825 * DAY_MS;

/** A certificate and its key, PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** What a coordinator's certificate says in the place of an agent's credential, whose id it cannot be. */
export const COORDINATOR = 'coordinator';

/** A farm's own authority: it signs the certificates of its coordinators and its agents. */
export class Authority {
  private constructor(
    readonly pair: KeyPair,
    private readonly root: Certificate,
    private readonly key: webcrypto.CryptoKey,
  ) {}

  /** Makes a new one. */
  static async make(now: number): Promise<Authority> {
    const keys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
    const name = `CN=kbisect farm ${randomBytes(4).toString('hex')}`;
    const root = await sign({
      subject: name,
      issuer: name,
      publicKey: keys.publicKey,
      signingKey: keys.privateKey,
      notBefore: now - SKEW_MS,
      notAfter: now + AUTHORITY_MS,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new Authority({ certificate: pemOf(root), key: exported(keys.privateKey) }, root, keys.privateKey);
  }

  /** @throws Error when the pair is none */
  static async of(pair: KeyPair): Promise<Authority> {
    const pkcs8 = PemConverter.decodeFirst(pair.key);
    const key = await webcrypto.subtle.importKey('pkcs8', pkcs8, P256, true, ['sign']);
    return new Authority(pair, new Certificate(pair.certificate), key);
  }

  /** A certificate for the coordinator itself, under all the names and addresses by which this machine is called. */
  async forServer(names: readonly string[], now: number): Promise<KeyPair> {
    const keys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
    const all = [...new Set([...names, ...ownNames()])];
    const alternatives = all.map((value) => ({
      type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const),
      value,
    }));
    const certificate = await this.#issue(keys.publicKey, 'CN=kbisect coordinator', now, now + SERVER_MS, [
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(alternatives),
    ]);
    return { certificate, key: exported(keys.privateKey) };
  }

  /** A certificate that says to the farm's other coordinators: who has this key is one of them. */
  async forCoordinator(id: string, now: number): Promise<KeyPair> {
    const keys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
    const subject = `CN=${id}, OU=${COORDINATOR}`;
    const certificate = await this.#issue(keys.publicKey, subject, now, now + SERVER_MS, [
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
    ]);
    return { certificate, key: exported(keys.privateKey) };
  }

  /**
   * A certificate that says: who has this key is that agent.
   * @param publicKey DER, SubjectPublicKeyInfo
   * @param id of the agent's credential
   * @throws KbisectError `invalid-argument` when it is no key of P-256
   */
  async forAgent(
    publicKey: Uint8Array,
    name: AgentName,
    id: string,
    now: number,
    expiresAt: number,
  ): Promise<string> {
    let key: webcrypto.CryptoKey;
    try {
      key = await webcrypto.subtle.importKey('spki', publicKey, P256, true, ['verify']);
    } catch {
      throw new KbisectError('invalid-argument', 'the public key is none of the curve P-256');
    }
    return this.#issue(key, `CN=${name}, OU=${id}`, now, expiresAt, [
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
    ]);
  }

  async #issue(
    publicKey: webcrypto.CryptoKey,
    subject: string,
    now: number,
    notAfter: number,
    more: readonly Extension[],
  ): Promise<string> {
    const certificate = await sign({
      subject,
      issuer: this.root.subject,
      publicKey,
      signingKey: this.key,
      notBefore: now - SKEW_MS,
      notAfter,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        await AuthorityKeyIdentifierExtension.create(this.root),
        ...more,
      ],
    });
    return pemOf(certificate);
  }
}

async function sign({
  notBefore,
  notAfter,
  extensions,
  ...of
}: {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: webcrypto.CryptoKey;
  readonly signingKey: webcrypto.CryptoKey;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly extensions: readonly Extension[];
}): Promise<Certificate> {
  return X509CertificateGenerator.create({
    ...of,
    serialNumber: `01${randomBytes(15).toString('hex')}`,
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    signingAlgorithm: SIGNING,
    extensions: [...extensions],
  });
}

function exported(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** With its last line ended, so that another may follow. */
function pemOf(certificate: Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

/** By what others may call this machine. */
function ownNames(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  return ['localhost', hostname(), ...addresses.map(({ address }) => address.replace(/%.*$/, ''))];
}

/** DER of the first certificate of a PEM file. */
export function derOf(pem: string): Buffer {
  return new X509Certificate(pem).raw;
}
