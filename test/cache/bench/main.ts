import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobName } from '@kbisect/shared/cache/blob-name';
import { digest } from '@kbisect/shared/digest';
import { CacheServer } from '../cache-server.js';
import { bareStreams } from './bare-stream.js';
import { nginx } from './nginx.js';
import { readAllOverGrpc } from './grpc-reader.js';
import { fetchAll } from './http-reader.js';
import { shellWrite } from './shell-write.js';
import { writeAllOverGrpc } from './grpc-writer.js';

// npm run bench:cache: the cache's throughput beside that of the plainest thing that does the same, in the same run.

/** Images as a farm has them, and a blob that is big. */
const SETS = [
  { what: '64 blobs of 2.5 MB', count: 64, size: 2_500_000, readers: [1, 32], rounds: 5 },
  { what: '2 blobs of 256 MiB', count: 2, size: 2 ** 28, readers: [1, 32], rounds: 2 },
];

/** A blob in a file. */
export interface FileBlob extends BlobName {
  readonly path: string;
}

const MB = 1e6;
const directory = await mkdtemp(join(tmpdir(), 'kbisect-bench-'));
const server = await CacheServer.start({ size: '8G', reserve: '100M' });
let failed = false;
try {
  for (const { what, count, size, readers: crowds, rounds } of SETS) {
    process.stdout.write(`\n${what}\n`);
    const files = await makeFiles(join(directory, String(size)), count, size);
    const bytes = count * size;
    // Each side's best of some rounds, taken in turns: other work on the machine hits both alike.
    const [baseWrite, write] = await best(
      rounds,
      () => shellWrite(files, join(directory, 'copies')),
      async (round) => {
        const fresh = await makeFiles(join(directory, `${size}-${round}`), count, size);
        const seconds = await timed(() => writeAllOverGrpc(server, fresh));
        await rm(join(directory, `${size}-${round}`), { recursive: true });
        return seconds;
      },
    );
    report('write, verified and durable', bytes / write, 'sha256sum + cp + sync', bytes / baseWrite, 0.5);
    await writeAllOverGrpc(server, files);
    for (const readers of crowds) {
      const total = Math.max(bytes, readers * size);
      const list = repeat(files, Math.ceil(total / size));
      const [baseGrpc, grpc] = await best(
        rounds,
        () => bareStreams(list.length, size, readers),
        () => timed(() => readAllOverGrpc(server, list, readers)),
      );
      report(`gRPC read, ${readers} at once`, total / grpc, 'bare grpc-js streams', total / baseGrpc, 0.8);
      const http = async () =>
        timed(() =>
          fetchAll(
            list.map(({ digest: hash }) => `${server.url}/cas/${hash}`),
            readers,
          ),
        );
      const plain = await nginx(join(directory, String(size)));
      if (plain === undefined) {
        process.stdout.write('  HTTP read: no nginx here to compare with\n');
        continue;
      }
      const [baseHttp, ours] = await best(
        rounds,
        () =>
          timed(() =>
            fetchAll(
              list.map(({ digest: hash }) => `${plain.url}/${hash}`),
              readers,
            ),
          ),
        http,
      );
      report(`HTTP read, ${readers} at once`, total / ours, 'nginx', total / baseHttp, 0.7);
      await plain.close();
    }
  }
  const peak = await server.peakMemory();
  if (peak > 300 * MB) failed = true;
  process.stdout.write(
    `\nthe coordinator's most resident memory: ${(peak / MB).toFixed(0)} MB (at most 300)\n`,
  );
} finally {
  await server.close();
  await rm(directory, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;

function report(what: string, rate: number, baseline: string, baseRate: number, wanted: number): void {
  const share = rate / baseRate;
  if (share < wanted) failed = true;
  const figures = `${(rate / MB).toFixed(0)} MB/s, ${baseline} ${(baseRate / MB).toFixed(0)} MB/s`;
  const verdict = share < wanted ? 'MISSED' : 'met';
  process.stdout.write(
    `  ${what}: ${figures}: ${(share * 100).toFixed(0)} % (at least ${wanted * 100} %: ${verdict})\n`,
  );
}

/** The shortest time of each of two, in seconds. */
async function best(
  rounds: number,
  first: (round: number) => Promise<number>,
  second: (round: number) => Promise<number>,
): Promise<[number, number]> {
  let [a, b] = [Infinity, Infinity];
  for (let round = 0; round < rounds; round += 1) {
    a = Math.min(a, await first(round));
    b = Math.min(b, await second(round));
  }
  return [a, b];
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

async function makeFiles(folder: string, count: number, size: number): Promise<FileBlob[]> {
  await mkdir(folder, { recursive: true });
  const files: FileBlob[] = [];
  const bytes = randomBytes(size);
  for (let n = 0; n < count; n += 1) {
    bytes.writeUInt32LE(Math.floor(Math.random() * 2 ** 32), 0);
    const hash = digest(createHash('sha256').update(bytes).digest('hex'));
    const path = join(folder, hash);
    await writeFile(path, bytes);
    files.push({ digest: hash, size, path });
  }
  return files;
}

function repeat<T>(items: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, n) => items[n % items.length]!);
}
