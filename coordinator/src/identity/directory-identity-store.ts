import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writePrivately } from '@kbisect/shared/cache/durable-file';
import { KbisectError, messageOf } from '@kbisect/shared/errors';
import { readIfThere } from '@kbisect/shared/read-if-there';
import { Authority, type KeyPair } from './certificates.js';
import { credential } from './credential.js';
import type { IdentityStore, Kept, Revision } from './identity-store.js';

const KEY = /-----BEGIN PRIVATE KEY-----[^]*?-----END PRIVATE KEY-----\n/;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\n?/;

/**
 * A farm's identity in the state directory of its one coordinator: the authority in a file that is written once, and the
 * credentials in one that is replaced whole.
 */
export class DirectoryIdentityStore implements IdentityStore {
  readonly #authority: string;
  readonly #credentials: string;

  constructor(private readonly directory: string) {
    this.#authority = join(directory, 'authority.pem');
    this.#credentials = join(directory, 'credentials.json');
  }

  async read() {
    const pem = await readIfThere(this.#authority);
    if (pem === undefined) return undefined;
    const list = (await readIfThere(this.#credentials)) ?? '[]';
    const authority = await this.#parse(this.#authority, () => pairOf(pem));
    const parse = () => z.array(credential).parse(JSON.parse(list));
    const credentials = await this.#parse(this.#credentials, parse);
    return { kept: { authority, credentials }, revision: revisionOf(pem, list) };
  }

  async write({ authority, credentials }: Kept, over: Revision | undefined): Promise<Revision | undefined> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    const pem = authority.key + authority.certificate;
    const before = await readIfThere(this.#authority);
    const listBefore = (await readIfThere(this.#credentials)) ?? '[]';
    if ((before === undefined ? undefined : revisionOf(before, listBefore)) !== over) return undefined;
    const list = `${JSON.stringify(credentials, undefined, 1)}\n`;
    if (before !== pem) await writePrivately(this.#authority, pem);
    await writePrivately(this.#credentials, list);
    return revisionOf(pem, list);
  }

  /** The directory has one owner: nobody else writes. */
  watch(): Promise<void> {
    return Promise.resolve();
  }

  async #parse<Parsed>(path: string, parse: () => Parsed | Promise<Parsed>): Promise<Parsed> {
    try {
      return await parse();
    } catch (error) {
      throw new KbisectError(
        'data-loss',
        `${path}: ${messageOf(error)}; put back a copy, or remove it: all have to join anew`,
      );
    }
  }
}

async function pairOf(pem: string): Promise<KeyPair> {
  const [key = ''] = KEY.exec(pem) ?? [];
  const [certificate = ''] = CERTIFICATE.exec(pem) ?? [];
  return (await Authority.of({ key, certificate })).pair;
}

function revisionOf(...texts: readonly string[]): Revision {
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex') as Revision;
}
