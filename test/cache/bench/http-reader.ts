import { Agent, get, type IncomingMessage } from 'node:http';
import { atOnce } from './at-once.js';

/** Fetches URLs, so many at once over connections that are kept, and throws the bytes away. */
export async function fetchAll(urls: readonly string[], readers: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: readers });
  try {
    await atOnce(urls, readers, (url) => fetchOne(url, agent));
  } finally {
    agent.destroy();
  }
}

async function fetchOne(url: string, agent: Agent): Promise<void> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { agent }, resolve).on('error', reject);
  });
  let got = 0;
  response.on('data', (chunk: Buffer) => (got += chunk.length));
  await new Promise((resolve, reject) => response.on('end', resolve).on('error', reject));
  const size = Number(response.headers['content-length']);
  if (response.statusCode !== 200 || got !== size)
    throw new Error(`${url}: ${response.statusCode ?? 0}, ${got} bytes`);
}
