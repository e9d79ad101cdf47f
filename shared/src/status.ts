import { status, type ServiceError } from '@grpc/grpc-js';
import { KbisectError, type ErrorCode } from './errors.js';

/** Our error codes as gRPC's. */
export const STATUS: Record<ErrorCode, status> = {
  'invalid-argument': status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  unauthenticated: status.UNAUTHENTICATED,
  'permission-denied': status.PERMISSION_DENIED,
  'failed-precondition': status.FAILED_PRECONDITION,
  'missing-tool': status.UNIMPLEMENTED,
  'command-failed': status.ABORTED,
  'resource-exhausted': status.RESOURCE_EXHAUSTED,
  'data-loss': status.DATA_LOSS,
  unavailable: status.UNAVAILABLE,
  cancelled: status.CANCELLED,
  internal: status.INTERNAL,
};

const CODES = new Map<number, ErrorCode>([
  ...Object.entries(STATUS).map(([code, number]): [number, ErrorCode] => [number, code as ErrorCode]),
  [status.DEADLINE_EXCEEDED, 'unavailable'],
]);

/** An error that a call ended with, as one of ours; any other error as it is. */
export function fromStatus(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (!('details' in error) || !('code' in error) || typeof error.code !== 'number') return error;
  const code = CODES.get(error.code);
  return new KbisectError(code ?? 'internal', String(error.details), {
    cause: error,
  });
}

/**
 * Makes a unary call as a promise.
 * @throws KbisectError with the code of the status that the call ended with
 */
export async function unaryCall<Response>(
  start: (done: (error: ServiceError | null, response: Response) => void) => unknown,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    start((error, response) => {
      if (error) reject(fromStatus(error));
      else resolve(response);
    });
  });
}
