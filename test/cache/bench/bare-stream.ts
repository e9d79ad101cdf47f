import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { credentials } from '@grpc/grpc-js';
import { BlobStreamClient } from '@kbisect/shared/cache/byte-stream';
import { killGroup, startProcess } from '@kbisect/shared/process';
import { atOnce } from './at-once.js';
import { readOne } from './grpc-reader.js';

/** Seconds that a bare server in another process takes to stream so many streams of so many bytes, some at once. */
export async function bareStreams(count: number, bytes: number, readers: number): Promise<number> {
  const script = new URL('bare-server.js', import.meta.url).pathname;
  const child = startProcess({ program: process.execPath, args: [script] }, ['ignore', 'pipe', 'inherit']);
  const closed = once(child, 'close');
  const [address] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  const client = new BlobStreamClient(address, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  try {
    await readOne(client, '1000000', 1_000_000); // connected
    const started = performance.now();
    await atOnce(Array<number>(count).fill(bytes), readers, (each) => readOne(client, String(each), each));
    return (performance.now() - started) / 1000;
  } finally {
    client.close();
    killGroup(child);
    await closed;
  }
}
