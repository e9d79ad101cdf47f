import { decodeBuildRecord, encodeBuildRecord } from '@kbisect/shared/build-record';
import { readElf } from '@kbisect/shared/elf';
import { diskFormat, DISK_HEADER } from '@kbisect/shared/disk-image';
import { KbisectError } from '@kbisect/shared/errors';
import * as reapi from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import * as bytestream from '@kbisect/shared/gen/google/bytestream/bytestream';
import * as cache from '@kbisect/shared/gen/kbisect/v1/cache';
import * as farm from '@kbisect/shared/gen/kbisect/v1/farm';
import * as identity from '@kbisect/shared/gen/kbisect/v1/identity';
import * as session from '@kbisect/shared/gen/kbisect/v1/session';
import { parseBearer } from '@kbisect/shared/identity/token';
import { Pattern } from '@kbisect/shared/pattern';
import { checkQemuArgs } from '@kbisect/shared/qemu-args';
import { isToolchainRule } from '@kbisect/shared/toolchain-rule';
import { rangeOf } from '@kbisect/coordinator/http/range';
import { parseReadResource, parseWriteResource } from '@kbisect/coordinator/rpc/cache/resource-name';
import { checkJobSpec } from '@kbisect/coordinator/rpc/job-spec';
import { reachableUrl } from '@kbisect/coordinator/rpc/reachable-url';
import { JobSpec, Mode, Priority, Reproducer_Kind } from '@kbisect/shared/gen/kbisect/v1/job';
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';

// Everything that turns bytes from the network into values, fed what grammar and chance make of good bytes. None of it may
// take the daemon down, take long, or keep what it was given.

/** Of processor time, for all decoders together. */
const SECONDS = Number(process.env['SECONDS'] ?? 10);
const SEED = Number(process.env['SEED'] ?? 1);
const SLOW_MS = 500;
/** What a heap may be larger by after all of it. */
const GROWTH_BYTES = 48 * 2 ** 20;

interface Decoder {
  readonly name: string;
  readonly good: readonly Buffer[];
  readonly decode: (bytes: Buffer) => unknown;
}

interface Message {
  decode(bytes: Uint8Array): unknown;
  fromPartial(value: object): unknown;
  encode(value: never): { finish(): Uint8Array };
}

/** Every message of a generated module, with something in it. */
function messagesOf(module: object): Decoder[] {
  return Object.entries(module).flatMap(([name, value]) => {
    if (typeof value !== 'object' || value === null || !('decode' in value)) return [];
    const message = value as Message;
    const empty = Buffer.from(message.encode(message.fromPartial({}) as never).finish());
    return [{ name, good: [empty, ...GOOD], decode: (bytes: Buffer) => message.decode(bytes) }];
  });
}

const spec = JobSpec.fromPartial({
  mode: Mode.MODE_REGRESSION,
  olds: ['1'.repeat(40)],
  new: '2'.repeat(40),
  runs: 3,
  timeoutSeconds: 60,
  title: 'a job',
  pathspecs: ['drivers/'],
  suspects: [{ path: 'a.c', weight: 10 }],
  requiredLabels: [{ key: 'site', value: 'lab' }],
  priority: Priority.PRIORITY_HIGH,
  test: {
    $case: 'boot',
    value: {
      arch: 'x86_64',
      qemuArgs: ['-device', 'virtio-rng-pci'],
      needs: ['/dev/sg0'],
      modules: ['drivers/scsi/sg.ko'],
      reproducer: {
        kind: Reproducer_Kind.KIND_C,
        entry: 'a.c',
        files: [{ name: 'a.c', blob: { digest: 'a'.repeat(64), size: 7 }, executable: false }],
        sources: ['a.c'],
        system: [],
      },
    },
  },
});
const ref = { lease: 'abc', epoch: 7 };
const blob = { digest: 'b'.repeat(64), size: 9 };
const hello = {
  name: 'agent',
  incarnation: 'x',
  slots: 2,
  labels: { site: 'lab' },
  leases: [ref],
  protocol: 1,
  trees: [],
};
/** Messages of the wire that have most kinds of fields, as a start for all the others, too. */
const GOOD: readonly Buffer[] = [
  JobSpec.encode(spec).finish(),
  farm.SubmitRequest.encode(farm.SubmitRequest.fromPartial({ spec, repoUrl: 'https://x/y' })).finish(),
  session.AgentMessage.encode({ kind: { $case: 'hello', value: session.Hello.fromPartial(hello) } }).finish(),
  session.AgentMessage.encode({
    kind: {
      $case: 'build',
      value: session.BuildResult.fromPartial({
        lease: ref,
        commit: '1'.repeat(40),
        image: blob,
        seconds: 2.5,
      }),
    },
  }).finish(),
  reapi.ActionResult.encode(
    reapi.ActionResult.fromPartial({
      outputFiles: [{ path: 'x', digest: { hash: 'c'.repeat(64), sizeBytes: 5 } }],
      stdoutRaw: Buffer.from('x'),
    }),
  ).finish(),
].map((bytes) => Buffer.from(bytes));

const texts = (...all: string[]) => all.map((text) => Buffer.from(text));
const text = (decode: (text: string) => unknown) => (bytes: Buffer) => decode(bytes.toString('utf8'));

async function decoders(): Promise<Decoder[]> {
  const record = await encodeBuildRecord({
    files: ['a.c'],
    objects: [{ path: 'a.o', needs: [0] }],
  } as never).catch(() => Buffer.alloc(0));
  const qcow = Buffer.alloc(DISK_HEADER);
  qcow.write('QFI\xfb', 'latin1');
  qcow.writeUInt32BE(3, 4);
  return [
    ...[farm, session, cache, identity, reapi, bytestream].flatMap(messagesOf),
    { name: 'a job', good: GOOD, decode: (bytes) => checkJobSpec(JobSpec.decode(bytes)) },
    { name: 'a build record', good: [record], decode: decodeBuildRecord },
    {
      name: 'ELF',
      good: [await readFile(process.execPath).then((all) => all.subarray(0, 4096))],
      decode: readElf,
    },
    { name: 'a disk image', good: [qcow], decode: diskFormat },
    { name: 'a bearer', good: texts(`kbisect.0123456789.${'a'.repeat(43)}`), decode: text(parseBearer) },
    { name: 'a range', good: texts('bytes=0-5', 'bytes=-7'), decode: text((header) => rangeOf(header, 100)) },
    {
      name: 'a resource',
      good: texts(`blobs/${'a'.repeat(64)}/5`, `uploads/u/compressed-blobs/zstd/${'a'.repeat(64)}/5`),
      decode: text((name) => [parseReadResource(name), parseWriteResource(name)]),
    },
    {
      name: 'a host',
      good: texts('farm:7420', '[::1]:1'),
      decode: text((host) => reachableUrl('http://0.0.0.0:1/git', host)),
    },
    {
      name: 'a pattern',
      good: texts('KASAN: (use|slab).*in \\w+', '^[a-z]{2,5}$'),
      decode: text((pattern) => new Pattern(pattern.slice(0, 1000))),
    },
    {
      name: "QEMU's arguments",
      good: texts('-device virtio-rng-pci,id=a'),
      decode: text((words) => checkQemuArgs(words.split(' '))),
    },
    { name: 'a toolchain', good: texts('gcc>=11,<13'), decode: text(isToolchainRule) },
  ];
}

/** A generator of pseudo-random numbers, 0 to 1 (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const TELLING = [
  'ffffffffffffffffff01',
  '0b',
  '0c',
  '00',
  '7f',
  '80',
  'ff',
  '0affffffff0f',
  'feffffff',
  'c080',
  'eda080',
].map((hex) => Buffer.from(hex, 'hex'));

/** Good bytes, with a few things done to them that bytes should not have done to them. */
function damaged(good: readonly Buffer[], random: () => number): Buffer {
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  let bytes = Buffer.from(pick(good));
  for (let n = Math.floor(random() * 6); n >= 0; n--) {
    const at = Math.floor(random() * (bytes.length + 1));
    switch (Math.floor(random() * 7)) {
      case 0:
        if (at < bytes.length) bytes[at] = Math.floor(random() * 256);
        break;
      case 1:
        if (at < bytes.length) bytes[at]! ^= 1 << Math.floor(random() * 8);
        break;
      case 2:
        bytes = bytes.subarray(0, at);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), pick(TELLING), bytes.subarray(at)]);
        break;
      case 4:
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          Buffer.alloc(Math.floor(random() * 4096), pick(TELLING)),
          bytes.subarray(at),
        ]);
        break;
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at), pick(good), bytes.subarray(at)]);
        break;
      default:
        bytes = Buffer.concat([bytes.subarray(at), bytes.subarray(0, at)]);
    }
    bytes = Buffer.from(bytes.subarray(0, 65_536));
  }
  return bytes;
}

/** What a decoder may say: words of ours, or the wire format's reader's. */
function isRefusal(error: unknown): boolean {
  if (error instanceof KbisectError) return true;
  if (!(error instanceof Error)) return false;
  return /premature EOF|invalid (?:varint|wire type|tag|end group)|cant skip|index out of range|illegal tag|larger than Number|encoded data was not valid|maximum recursion depth|unrecognized enum value|outside the bounds of the DataView/i.test(
    error.message,
  );
}

let all: Decoder[];
beforeAll(async () => {
  all = await decoders();
});

const used = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const heap = () => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};

describe('decoders of what comes from the network', () => {
  it(`neither crash nor grow nor dawdle in ${SECONDS} s of the processor (seed ${SEED})`, async () => {
    const random = chance(SEED);
    const began = used();
    const wrong = new Map<string, string>();
    let [tried, refusedCount, before] = [0, 0, 0];
    while (used() - began < SECONDS) {
      for (const { name, good, decode } of all) {
        const bytes = damaged(good, random);
        const start = performance.now();
        const cpu = used();
        try {
          await decode(bytes);
        } catch (error) {
          refusedCount += 1;
          if (!isRefusal(error))
            wrong.set(name, `${String(error)} for ${bytes.toString('hex').slice(0, 400)}`);
        }
        if (performance.now() - start > SLOW_MS && (used() - cpu) * 1000 > SLOW_MS)
          wrong.set(name, `it took more than ${SLOW_MS} ms for ${bytes.toString('hex').slice(0, 400)}`);
        tried += 1;
      }
      // What the engine keeps of its own is there after a while.
      if (before === 0 && used() - began > SECONDS / 4) before = heap();
    }
    expect(Object.fromEntries(wrong)).toEqual({});
    expect(heap() - before).toBeLessThan(GROWTH_BYTES);
    expect(globalThis.gc).toBeDefined();
    expect(refusedCount).toBeGreaterThan(tried / 10);
    process.stdout.write(
      `${tried} inputs to ${all.length} decoders, ${refusedCount} refused; the heap grew by ${heap() - before} bytes\n`,
    );
  });
});
