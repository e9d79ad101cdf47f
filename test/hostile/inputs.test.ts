import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeyPairSync } from 'node:crypto';
import { plainCpio } from '@kbisect/agent/initramfs/unpacked';
import { Authority } from '@kbisect/coordinator/identity/certificates';
import { KbisectError } from '@kbisect/shared/errors';
import { readElf } from '@kbisect/shared/elf';
import { Git } from '@kbisect/shared/git';
import { parseBearer, parseToken } from '@kbisect/shared/identity/token';
import { agentName, commitId, jobId, leaseId } from '@kbisect/shared/ids';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readJobFile } from '../../coordinator/cli/job-file.js';
import { printable, printableLines } from '../../coordinator/cli/printable.js';
import { isRemote } from '../../coordinator/cli/repository-url.js';

// What strangers write, read by what reads it: each is refused in words, or made harmless.

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kbisect-hostile-'));
});
afterAll(() => rm(directory, { recursive: true }));

const refused = { name: 'KbisectError', code: 'invalid-argument' };

describe('a revision', () => {
  let git: Git;
  beforeAll(async () => {
    git = await Git.initBare(join(directory, 'revisions'));
  });
  it.each([
    ...[
      '',
      '-',
      '--',
      '--help',
      '-x',
      '--upload-pack=touch /tmp/pwned',
      '--output=/tmp/pwned',
      '--exec=sh',
      '-c core.pager=sh',
    ],
    ...[
      'HEAD\0',
      'a\nb',
      '\n',
      '@{-1}',
      ':/x',
      'HEAD^{/x',
      '^HEAD',
      'a..b',
      '$(touch /tmp/pwned)',
      '`id`',
      '; id',
      '../../etc/passwd',
    ],
    ...[
      'x'.repeat(100_000),
      '\u202etxt',
      '\x1b[31m',
      'refs/heads/../../config',
      '0'.repeat(39),
      '0'.repeat(41),
      'G'.repeat(40),
    ],
  ])('%j is refused', async (revision) => {
    await expect(git.resolveCommit(revision)).rejects.toMatchObject({ name: 'KbisectError' });
  });
});

describe('an id', () => {
  it.each(['', '-rf', '../x', 'a/b', 'A', 'a'.repeat(65), 'a\n', 'a\0', '%2e', 'ä', ' a'])(
    '%j of a job or a lease is refused',
    (text) => {
      expect(() => jobId(text)).toThrow(KbisectError);
      expect(() => leaseId(text)).toThrow(KbisectError);
    },
  );
  it.each([
    '',
    '-x',
    '.x',
    '_x',
    'a/b',
    'a b',
    'a\n',
    'a\0b',
    'a'.repeat(65),
    'ä',
    'x\u202e',
    'CN=x',
    'x,OU=y',
  ])('%j of an agent is refused', (text) => {
    expect(() => agentName(text)).toThrow(KbisectError);
  });
  it.each(['', 'HEAD', '-'.repeat(40), 'A'.repeat(40), '0'.repeat(39), `${'0'.repeat(40)}\n`])(
    '%j of a commit is refused',
    (text) => {
      expect(() => commitId(text)).toThrow(KbisectError);
    },
  );
});

describe('a repository that is to be fetched', () => {
  it.each([
    ...[
      'ext::sh -c id',
      'ext::sh% -c% id',
      'file:///etc',
      'FILE:///etc',
      'fd::3',
      'transport::x',
      'ftp://x/y',
      'rsync://x/y',
      'host:path',
    ],
    ...['javascript://x', 'data::x', 'gopher://x', 'testgit::x'],
  ])('%j is refused', (url) => {
    expect(() => isRemote(url)).toThrow(expect.objectContaining(refused) as Error);
  });
});

describe('a job file', () => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
    .split('')
    .map((name, at) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[at]!}`).join(',')}]`)
    .join('\n')}\ngood: *i\n`;
  it.each([
    ['a list', '- repo: .\n'],
    ['a word', 'repo\n'],
    ['broken YAML', 'repo: [\n'],
    ['a tab', '\tgood: x\n'],
    ['a key twice', 'good: a\ngood: b\n'],
    ['an unknown key', 'exec: id\n'],
    ['a prototype', '__proto__:\n  good: x\n'],
    ['a constructor', 'constructor: x\n'],
    ['a function', "good: !!js/function 'function () { return 1 }'\n"],
    ['a number where there is a word', 'good: {a: 1}\n'],
    ['an alias without an anchor', 'good: *x\n'],
    ['a billion laughs', bomb],
    ['a map in a list', 'needs: [{a: b}]\n'],
    ['a merge of itself', 'a: &a\n  <<: *a\n'],
    ['two documents', 'good: a\n---\ngood: b\n'],
    ['binary', '\0\x01\x02\x7f'],
    ['deep nesting', `good: ${'['.repeat(2000)}${']'.repeat(2000)}\n`],
  ])('that is %s is refused', async (_what, text) => {
    const path = join(directory, 'job.yaml');
    await writeFile(path, text);
    await expect(readJobFile(path, new Set())).rejects.toMatchObject(refused);
  });

  it.each([
    'good: --local\n',
    'good: "-x"\n',
    'needs: ["--help"]\n',
    'backport-to: [-f]\n',
    'profile: --detach\n',
  ])('%j makes no option of a value', async (text) => {
    const path = join(directory, 'job.yaml');
    await writeFile(path, text);
    await expect(readJobFile(path, new Set())).rejects.toMatchObject(refused);
  });
});

describe('an initramfs', () => {
  const gzipBomb = Buffer.from('1f8b0800000000000003', 'hex');
  it.each([
    ['empty', Buffer.alloc(0)],
    ['short', Buffer.from('07')],
    ['zeros', Buffer.alloc(512)],
    ['the old binary format', Buffer.from('c771', 'hex')],
    ['the old character format', Buffer.from('070707' + '0'.repeat(100))],
    ['an ELF file', Buffer.from('\x7fELF', 'latin1')],
    ['a script', Buffer.from('#!/bin/sh\nid\n')],
    ['truncated gzip', gzipBomb],
    ['gzip of garbage', Buffer.concat([gzipBomb, Buffer.alloc(64, 0xff)])],
    ['truncated zstd', Buffer.from('28b52ffd', 'hex')],
    ['zstd of garbage', Buffer.concat([Buffer.from('28b52ffd', 'hex'), Buffer.alloc(64, 0xff)])],
    ['truncated lz4', Buffer.from('04224d18', 'hex')],
    ['xz, which was not asked for', Buffer.from('fd377a585a00', 'hex')],
  ])('that is %s is refused', async (_what, bytes) => {
    const path = join(directory, '-initramfs');
    await writeFile(path, bytes);
    const read = async () => {
      for await (const chunk of plainCpio(path, new AbortController().signal)) expect(chunk).toBeDefined();
    };
    if (bytes.length > 0) await expect(read()).rejects.toMatchObject(refused);
    else await read();
  });
});

describe('an ELF file', () => {
  const elf = (change: (bytes: Buffer) => void, size = 256) => {
    const bytes = Buffer.alloc(size);
    bytes.write('\x7fELF\x02\x01\x01', 'latin1');
    bytes.writeUInt16LE(2, 16);
    bytes.writeUInt16LE(62, 18);
    bytes.writeBigUInt64LE(64n, 32);
    bytes.writeUInt16LE(56, 54);
    bytes.writeUInt16LE(1, 56);
    change(bytes);
    return bytes;
  };
  it.each([
    ['ends after its magic', Buffer.from('\x7fELF\x02\x01', 'latin1')],
    ['is of 32 bits', elf((bytes) => bytes.writeUInt8(1, 4))],
    ['is big-endian', elf((bytes) => bytes.writeUInt8(2, 5))],
    ['has its headers behind its end', elf((bytes) => bytes.writeBigUInt64LE(10_000n, 32))],
    ['has its headers at 2^64-1', elf((bytes) => bytes.writeBigUInt64LE(2n ** 64n - 1n, 32))],
    ['has more headers than bytes', elf((bytes) => bytes.writeUInt16LE(0xffff, 56))],
    [
      'has an interpreter behind its end',
      elf((bytes) => {
        bytes.writeUInt32LE(3, 64);
        bytes.writeBigUInt64LE(1_000_000n, 72);
      }),
    ],
    [
      'has a dynamic section behind its end',
      elf((bytes) => {
        bytes.writeUInt32LE(2, 64);
        bytes.writeBigUInt64LE(1_000_000n, 72);
        bytes.writeBigUInt64LE(64n, 96);
      }),
    ],
    [
      'has a dynamic section without end',
      elf((bytes) => {
        bytes.writeUInt32LE(2, 64);
        bytes.writeBigUInt64LE(0n, 72);
        bytes.writeBigUInt64LE(2n ** 63n, 96);
      }),
    ],
    ['has headers of no size', elf((bytes) => bytes.writeUInt16LE(0, 54))],
    ['is all ones', Buffer.concat([Buffer.from('\x7fELF\x02\x01', 'latin1'), Buffer.alloc(200, 0xff)])],
  ])('that %s is read within its bounds, or refused', (_what, bytes) => {
    const before = performance.now();
    try {
      const { needed, interpreter = '' } = readElf(bytes);
      expect(needed.length + interpreter.length).toBeLessThan(10_000);
    } catch (error) {
      expect(error).toMatchObject(refused);
    }
    expect(performance.now() - before).toBeLessThan(1000);
  });
});

describe('a console, a subject, a name', () => {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  const DANGEROUS = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
  it.each([
    ...[
      '\x1b[2J\x1b[H',
      '\x1b[31mred',
      '\x1b]0;title\x07',
      '\x1b]52;c;cm0gLXJm\x07',
      '\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\',
      '\x1bP+q544e\x1b\\',
    ],
    ...[
      '\x1b[6n',
      '\x1b[5i',
      '\x1bc',
      '\x1b[?1049h',
      '\x1b[21t',
      '\x1b_Gf=24;AAAA\x1b\\',
      '\x1b^x\x1b\\',
      '\x9b31m',
      '\x9d0;t\x9c',
      '\x90q\x9c',
    ],
    ...[
      '\x07\x07',
      'a\rb',
      'a\bb\b\b',
      '\x0e\x0f',
      '\x00',
      '\x7f',
      '\x85',
      '\x1b',
      '\x1b[',
      '\x1b[999999999999C',
      '\x1b\x1b[31m[31m',
      '\u009b\u009b',
    ],
    ...[
      '\u202egnp.exe',
      '\u2066x\u2069',
      '\u200fabc',
      '\u2028line',
      '\u2067\u2067\u2067',
      'a\u202ab\u202cc',
      '\ud800',
      'x'.repeat(100_000),
    ],
  ])('%j does nothing to a terminal', (text) => {
    expect(printable(text)).not.toMatch(DANGEROUS);
    expect(printable(text)).not.toContain('\n');
    expect(printableLines(`${text}\n\t${text}`)).not.toMatch(DANGEROUS);
  });
});

describe('a token', () => {
  const [secret, authority] = ['s'.repeat(43), 'a'.repeat(43)];
  it.each([
    ...[
      '',
      'kbisect',
      'kbisect...',
      `kbisect.0123456789.${secret}`,
      `kbisect.0123456789.${secret}.`,
      `kbisect.0123456789.${secret}.${authority}.x`,
    ],
    ...[
      `kbisect.0123456789.${secret.slice(1)}.${authority}`,
      `kbisect.0123456789.${secret}s.${authority}`,
      `kbisect.012345678.${secret}.${authority}`,
    ],
    ...[
      `KBISECT.0123456789.${secret}.${authority}`,
      `kbisect.012345678G.${secret}.${authority}`,
      `kbisect.0123456789.${secret}.${authority}\n`,
    ],
    ...[
      ` kbisect.0123456789.${secret}.${authority}`,
      `kbisect.0123456789.${'='.repeat(43)}.${authority}`,
      `kbisect.__proto__.${secret}.${authority}`,
    ],
    ...[
      `kbisect.0123456789.${'\0'.repeat(43)}.${authority}`,
      'x'.repeat(1_000_000),
      `Bearer kbisect.0123456789.${secret}.${authority}`,
    ],
  ])('that is malformed is refused, and not repeated', (text) => {
    expect(() => parseToken(text)).toThrow(expect.objectContaining(refused) as Error);
    try {
      parseToken(text);
    } catch (error) {
      if (text.length > 20) expect((error as Error).message).not.toContain(text.trim().slice(10, 60));
    }
    if (!text.startsWith(`kbisect.0123456789.${secret}`) || text.endsWith('\n'))
      expect(parseBearer(text)).toBeUndefined();
  });
});

describe('a key that is to be certified', () => {
  const spki = (key: { export(options: { type: 'spki'; format: 'der' }): Buffer }) =>
    key.export({ type: 'spki', format: 'der' });
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['garbage', Buffer.alloc(91, 0xff)],
    ['zeros', Buffer.alloc(91)],
    ['of RSA', spki(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey)],
    ['of Ed25519', spki(generateKeyPairSync('ed25519').publicKey)],
    ['of P-384', spki(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey)],
    ['of secp256k1', spki(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey)],
    ['truncated', spki(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey).subarray(0, 60)],
    [
      'a private one',
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'der' }),
    ],
    [
      'off the curve',
      Buffer.concat([
        spki(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey).subarray(0, 27),
        Buffer.alloc(64, 7),
      ]),
    ],
  ])('is refused when it is %s', async (_what, key) => {
    const farm = await Authority.make(0);
    await expect(farm.forAgent(key, agentName('a'), 'id', 0, 1000)).rejects.toMatchObject(refused);
  });
});
