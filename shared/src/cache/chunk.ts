/** Bytes in one chunk. */
export const CHUNK_BYTES = 256 * 1024;
/** Room before the bytes of a chunk, for the header of a message that carries them. */
const HEADROOM_BYTES = 16;
/** A smaller chunk has a buffer of its own. */
const MIN_SHARED_BYTES = 64 * 1024;
/** As many buffers wait to be taken again. */
const MAX_IDLE = 128;

// V8 looks through the whole heap for every 64 MiB of new buffers, so that a daemon that reads 300 MB a second would do
// little else.
const idle: ArrayBuffer[] = [];
const ours = new WeakSet<ArrayBufferLike>();

/** A buffer for a chunk of so many bytes, at most `CHUNK_BYTES`; what is in it is left from others. */
export function takeChunk(bytes: number): Buffer {
  if (bytes < MIN_SHARED_BYTES) return Buffer.allocUnsafe(bytes);
  let whole = idle.pop();
  if (whole === undefined) {
    whole = Buffer.allocUnsafeSlow(HEADROOM_BYTES + CHUNK_BYTES).buffer;
    ours.add(whole);
  }
  return Buffer.from(whole, HEADROOM_BYTES, bytes);
}

/**
 * Lets others have a chunk's buffer, once, by whoever looks at the chunk last; nothing happens where it was no buffer
 * taken here. A chunk that is not given back is the garbage collector's.
 */
export function giveBackChunk({ buffer }: Uint8Array): void {
  if (ours.has(buffer) && idle.length < MAX_IDLE) idle.push(buffer as ArrayBuffer);
}

/** A chunk and so many bytes before it, in one piece, when these are nobody else's. */
export function withRoomBefore(chunk: Uint8Array, bytes: number): Buffer | undefined {
  if (chunk.byteOffset !== HEADROOM_BYTES || bytes > HEADROOM_BYTES || !ours.has(chunk.buffer))
    return undefined;
  return Buffer.from(chunk.buffer, HEADROOM_BYTES - bytes, bytes + chunk.length);
}
