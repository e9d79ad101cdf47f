import { KbisectError } from './errors.js';

/** What is asked of an ELF file: what it is, and what it needs to run. */
export interface Elf {
  /** By Linux's name; undefined for an architecture that kbisect does not know. */
  readonly arch: 'x86_64' | 'arm64' | undefined;
  readonly type: 'relocatable' | 'executable' | 'shared' | 'other';
  /** The loader's path; undefined for a static program. */
  readonly interpreter: string | undefined;
  /** Names of the libraries that it is linked with. */
  readonly needed: readonly string[];
  /** Directories that its loader looks in first, `$ORIGIN` not yet replaced. */
  readonly runPath: readonly string[];
}

const MACHINES: Readonly<Record<number, Elf['arch']>> = { 62: 'x86_64', 183: 'arm64' };
const TYPES: Readonly<Record<number, Elf['type']>> = { 1: 'relocatable', 2: 'executable', 3: 'shared' };
const [LOAD, DYNAMIC, INTERPRETER] = [1, 2, 3];
const [NEEDED, STRINGS, RPATH, RUNPATH] = [1, 5, 15, 29];
const MAX_HEADERS = 1024;
const MAX_STRING = 4096;

export function isElf(bytes: Buffer): boolean {
  return bytes.subarray(0, 4).toString('latin1') === '\x7fELF';
}

/**
 * Reads the headers of a 64-bit little-endian ELF file, as the System V ABI has them.
 * @throws KbisectError `invalid-argument` when they lead out of the file or are of another class
 */
export function readElf(bytes: Buffer): Elf {
  try {
    return read(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new KbisectError('invalid-argument', 'an ELF file whose headers lead out of it', { cause: error });
  }
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

function read(bytes: Buffer): Elf {
  if (bytes[4] !== 2 || bytes[5] !== 1) {
    throw new KbisectError('invalid-argument', 'an ELF file that is not 64-bit little-endian');
  }
  const segments = readSegments(bytes);
  const interpreter = segments.find(({ type }) => type === INTERPRETER);
  const dynamic = segments.find(({ type }) => type === DYNAMIC);
  const tags = dynamic === undefined ? [] : readDynamic(bytes, dynamic);
  const table = tags.find(({ tag }) => tag === STRINGS);
  const strings = (...wanted: number[]) =>
    table === undefined
      ? []
      : tags
          .filter(({ tag }) => wanted.includes(tag))
          .map(({ value }) => stringAt(bytes, fileOffset(segments, table.value) + value));
  const runPath = strings(RUNPATH);
  return {
    arch: MACHINES[bytes.readUInt16LE(18)],
    type: TYPES[bytes.readUInt16LE(16)] ?? 'other',
    interpreter: interpreter && stringAt(bytes, interpreter.offset),
    needed: strings(NEEDED),
    runPath: (runPath.length > 0 ? runPath : strings(RPATH)).flatMap((path) => path.split(':')),
  };
}

function readSegments(bytes: Buffer): Segment[] {
  const start = Number(bytes.readBigUInt64LE(32));
  const size = bytes.readUInt16LE(54);
  const count = Math.min(bytes.readUInt16LE(56), MAX_HEADERS);
  return Array.from({ length: count }, (_, n) => {
    const at = start + n * size;
    return {
      type: bytes.readUInt32LE(at),
      offset: Number(bytes.readBigUInt64LE(at + 8)),
      address: Number(bytes.readBigUInt64LE(at + 16)),
      size: Number(bytes.readBigUInt64LE(at + 32)),
    };
  });
}

function readDynamic(bytes: Buffer, { offset, size }: Segment): { tag: number; value: number }[] {
  const tags: { tag: number; value: number }[] = [];
  for (let at = offset; at + 16 <= offset + size && tags.length < MAX_HEADERS; at += 16) {
    const tag = Number(bytes.readBigUInt64LE(at));
    if (tag === 0) break;
    tags.push({ tag, value: Number(bytes.readBigUInt64LE(at + 8)) });
  }
  return tags;
}

/** Where in the file an address of the loaded program is. */
function fileOffset(segments: readonly Segment[], address: number): number {
  const segment = segments.find(
    (one) => one.type === LOAD && address >= one.address && address < one.address + one.size,
  );
  if (segment === undefined) throw new RangeError('an address in no segment');
  return address - segment.address + segment.offset;
}

function stringAt(bytes: Buffer, offset: number): string {
  if (!(offset >= 0 && offset < bytes.length)) throw new RangeError('a string outside of the file');
  const end = bytes.indexOf(0, offset);
  if (end < 0 || end - offset > MAX_STRING) throw new RangeError('a string without an end');
  return bytes.toString('latin1', offset, end);
}
