import { byId } from './dom.js';

/** Asks the coordinator for JSON. @throws Error with its words */
export async function ask<T>(path: string): Promise<T> {
  const response = await fetch(path, { headers: { accept: 'application/json' } });
  return (await read(response)) as T;
}

/** Asks the coordinator for text. */
export async function askText(path: string, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(path, { headers });
  if (!response.ok) throw new Error(await response.text());
  return response.text();
}

/** Has the coordinator do something. @throws Error with its words when it refuses */
export async function tell<T>(path: string, body: unknown = {}): Promise<T> {
  const headers = { 'content-type': 'application/json', 'x-kbisect': 'dashboard' };
  const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  return (await read(response)) as T;
}

async function read(response: Response): Promise<unknown> {
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  let words = text.trim();
  try {
    words = (JSON.parse(text) as { error?: string }).error ?? words;
  } catch {
    // It is not JSON: the words themselves.
  }
  throw new Error(words);
}

/** Hears what the coordinator tells, until it says that it has told all. @returns what stops it */
export function hear(path: string, heard: Readonly<Record<string, (data: never) => void>>): () => void {
  const source = new EventSource(path);
  const line = byId('line');
  const over = () => {
    source.close();
    if (line.textContent === 'live') line.textContent = '';
  };
  source.addEventListener('open', () => {
    line.textContent = 'live';
    line.classList.remove('error');
  });
  source.addEventListener('error', () => {
    line.textContent = 'no connection, trying again';
    line.classList.add('error');
  });
  for (const [event, take] of Object.entries(heard))
    source.addEventListener(event, ({ data }: MessageEvent<string>) => take(JSON.parse(data) as never));
  source.addEventListener('end', over);
  return over;
}
