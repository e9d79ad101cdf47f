import { createHash } from 'node:crypto';
import { JobSnapshot } from '@kbisect/shared/gen/kbisect/v1/snapshot';
import type { StreamEnd } from '../journal/journal.js';
import { SCHEMA } from '../journal/upcast.js';
import { digestOfEvent, FORMAT } from './make-snapshot.js';

// Snapshots as they are stored: SHA-256 of the message, and the message.

const SUM_BYTES = 32;

export function encodeSnapshot(snapshot: JobSnapshot): Uint8Array {
  const message = JobSnapshot.encode(snapshot).finish();
  return Buffer.concat([sumOf(message), message]);
}

/** The snapshot of a job whose stream ends so; none when it is damaged, of another program's or of another stream. */
export function decodeSnapshot(bytes: Uint8Array, end: StreamEnd): JobSnapshot | undefined {
  const message = bytes.subarray(SUM_BYTES);
  if (!sumOf(message).equals(bytes.subarray(0, SUM_BYTES))) return undefined;
  const snapshot = JobSnapshot.decode(message);
  const { format, schema, version, last } = snapshot;
  const isReadable = format === FORMAT && schema === SCHEMA;
  return isReadable && version === end.version && digestOfEvent(end.last).equals(last) ? snapshot : undefined;
}

function sumOf(message: Uint8Array): Buffer {
  return createHash('sha256').update(message).digest();
}
