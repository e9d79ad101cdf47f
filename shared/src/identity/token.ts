import { createHash } from 'node:crypto';
import { KbisectError } from '../errors.js';

/** SHA-256 of a certificate's DER. */
export type Fingerprint = string & { readonly fingerprint: unique symbol };

/** What a token's text says. */
export interface Token {
  /** Names it in lists; no secret. */
  readonly id: string;
  /** 256 random bits. */
  readonly secret: string;
  /** Of the authority that the coordinator's certificate is from; it is checked before the secret is sent. */
  readonly authority: Fingerprint;
}

const TOKEN = /^kbisect\.([0-9a-f]{10})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})$/;
const BEARER = /^kbisect\.([0-9a-f]{10})\.([A-Za-z0-9_-]{43})(?:\.[A-Za-z0-9_-]{43})?$/;

export function fingerprintOf(der: Uint8Array): Fingerprint {
  return createHash('sha256').update(der).digest('base64url') as Fingerprint;
}

/** The text of a token, as it is handed over. */
export function tokenText({ id, secret, authority }: Token): string {
  return `kbisect.${id}.${secret}.${authority}`;
}

/** The text of a secret, as it goes with every call. */
export function bearerText({ id, secret }: Pick<Token, 'id' | 'secret'>): string {
  return `kbisect.${id}.${secret}`;
}

/** @throws KbisectError `invalid-argument`, which does not repeat the text */
export function parseToken(text: string): Token {
  const [, id, secret, authority] = TOKEN.exec(text) ?? [];
  if (id === undefined || secret === undefined || authority === undefined) {
    throw new KbisectError(
      'invalid-argument',
      "that is not a token as 'kbisect token create' prints them: kbisect.ID.SECRET.AUTHORITY",
    );
  }
  return { id, secret, authority: authority as Fingerprint };
}

/** What goes with a call, a token or a login's secret; undefined when it is neither. */
export function parseBearer(text: string): Pick<Token, 'id' | 'secret'> | undefined {
  const [, id, secret] = BEARER.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}
