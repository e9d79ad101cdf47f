import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { KbisectError, messageOf } from '@kbisect/shared/errors';

const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** A key that all coordinators of a farm are given, and nobody else: what they keep elsewhere is sealed with it. */
export class FarmSecret {
  constructor(private readonly key: Uint8Array) {}

  /** @throws KbisectError `invalid-argument` when the file has no key in it */
  static async read(path: string): Promise<FarmSecret> {
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      throw new KbisectError('invalid-argument', `identity: ${path}: ${messageOf(error)}`);
    });
    if (!/^[0-9a-f]{64}$/i.test(text.trim())) {
      throw new KbisectError(
        'invalid-argument',
        `identity: ${path} is not 64 hexadecimal digits; make it once, with 'openssl rand -hex 32', and give it to all coordinators`,
      );
    }
    return new FarmSecret(Buffer.from(text.trim(), 'hex'));
  }

  /** What only who has the key can read, or write. */
  seal(plain: string): Uint8Array {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, this.key, iv);
    const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), sealed]);
  }

  /** @throws Error when it was not sealed with this key, or was changed since */
  open(sealed: Uint8Array): string {
    const iv = sealed.subarray(0, IV_BYTES);
    const decipher = createDecipheriv(CIPHER, this.key, iv, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    const text = decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  }
}
