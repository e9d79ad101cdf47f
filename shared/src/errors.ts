/** What kind of mistake an error is; stable, so that clients and tests may rely on it. */
export type ErrorCode =
  /** The caller's words are wrong: an unknown revision, a bad option. What to do: correct and call again. */
  | 'invalid-argument'
  /** The named thing is not there: a job, a blob, a commit. */
  | 'not-found'
  /** Who calls cannot be told, or is not let in any more: log in, or join, again. */
  | 'unauthenticated'
  /** Who calls is known, and may not do this. */
  | 'permission-denied'
  /** The request is right but the state forbids it: ends that are equal, a job that is over. */
  | 'failed-precondition'
  /** A program that is needed is not installed. */
  | 'missing-tool'
  /** A program ended with a failure that is not the user's. */
  | 'command-failed'
  /** The disk is full or a limit is reached. */
  | 'resource-exhausted'
  /** Stored bytes are not what their digest says. */
  | 'data-loss'
  /** The peer is not there. */
  | 'unavailable'
  /** The work was cancelled. */
  | 'cancelled'
  /** A bug in kbisect. */
  | 'internal';

/** An error that a person will read: what happened, to what, and what to do. */
export class KbisectError extends Error {
  override readonly name = 'KbisectError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The words of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The system's error code (`ENOENT`, `ENOSPC`) of anything that was thrown, if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
