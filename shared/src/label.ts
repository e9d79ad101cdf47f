import type { Label } from './gen/kbisect/v1/job.js';

/** What a label's key looks like. */
export const LABEL_KEY = /^[A-Za-z0-9._-]{1,64}$/;
/** What its value looks like: one short line. */
export const LABEL_VALUE = /^[^\x00-\x1f\x7f]{0,256}$/; // eslint-disable-line no-control-regex
/** So many labels an agent may have, and a job require. */
export const MAX_LABELS = 64;

/** A label as people write it. */
export function labelText({ key, value }: Label): string {
  return `${key}=${value}`;
}
