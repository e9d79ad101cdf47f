import { once } from 'node:events';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { KbisectError, messageOf } from '../errors.js';
import { hostOf, portOf } from './loopback.js';
import { fingerprintOf, type Fingerprint } from './token.js';

const CONNECT_MS = 5000;

/**
 * Asks the first coordinator that answers for its authority's certificate and gives it only when it is the one that the token
 * names. Nothing is sent; that the coordinator's own certificate comes from this authority is checked by every connection
 * that trusts it and no other.
 * @param addresses `host:port` of each coordinator, with commas between them
 * @returns PEM
 * @throws KbisectError `unavailable`; `unauthenticated` when another authority is behind an address
 */
export async function authorityOf(addresses: string, expected: Fingerprint): Promise<string> {
  const [address = '', ...others] = addresses.split(',');
  try {
    return await authorityAt(address, expected);
  } catch (error) {
    if (others.length === 0 || !(error instanceof KbisectError) || error.code !== 'unavailable') throw error;
    return authorityOf(others.join(','), expected);
  }
}

async function authorityAt(address: string, expected: Fingerprint): Promise<string> {
  const host = hostOf(address);
  const socket = connect({
    host,
    port: portOf(address),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ALPNProtocols: ['h2'],
    rejectUnauthorized: false,
    timeout: CONNECT_MS,
  });
  try {
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
    await once(socket, 'secureConnect').catch((error: unknown) => {
      throw new KbisectError(
        'unavailable',
        `no coordinator answers with TLS at ${address}: ${messageOf(error)}`,
      );
    });
    for (const certificate of chain(socket.getPeerCertificate(true))) {
      if (fingerprintOf(certificate) === expected) return pem(certificate);
    }
    throw new KbisectError(
      'unauthenticated',
      `${address} is not the coordinator that the token is from: its authority is another one. Nothing was sent to it. ` +
        'Check the address; if it is right, somebody stands between',
    );
  } finally {
    socket.destroy();
  }
}

function* chain(leaf: DetailedPeerCertificate): Iterable<Buffer> {
  const seen = new Set<DetailedPeerCertificate>();
  // The root is its own issuer.
  for (
    let at = leaf as DetailedPeerCertificate | undefined;
    at?.raw && !seen.has(at);
    at = at.issuerCertificate
  ) {
    seen.add(at);
    yield at.raw;
  }
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
