import {
  status,
  type handleUnaryCall,
  type ServerUnaryCall,
  type ServiceError,
  Metadata,
} from '@grpc/grpc-js';
import { KbisectError, messageOf, systemCode } from '@kbisect/shared/errors';
import type { Logger } from '@kbisect/shared/log';
import { STATUS } from '@kbisect/shared/status';

/** What a caller is told of an error: our own in full, anything else only that it happened. */
export function serviceError(error: unknown, log: Logger): ServiceError {
  if (!(error instanceof KbisectError)) log.error({ err: error }, 'a call failed');
  const known = error instanceof KbisectError;
  const details = known ? error.message : 'internal error; the coordinator has logged it';
  const code = known ? STATUS[error.code] : status.INTERNAL;
  return Object.assign(new Error(messageOf(error)), { code, details, metadata: new Metadata() });
}

/** A unary method from an async function: whatever it throws reaches the caller as a status. */
export function unary<Request, Response>(
  log: Logger,
  answer: (request: Request, call: ServerUnaryCall<Request, Response>) => Promise<Response> | Response,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    void (async () => answer(call.request, call))().then(
      (response) => callback(null, response),
      (error: unknown) => callback(serviceError(error, log)),
    );
  };
}

/** The part of a streaming call that ends it early with a status. */
interface Failing {
  emit(event: 'error', error: ServiceError): boolean;
}

/** The body of a streaming method: whatever it throws reaches the caller as a status. */
export function streaming<Call extends Failing>(
  log: Logger,
  serve: (call: Call) => Promise<void>,
): (call: Call) => void {
  return (call) => {
    void serve(call).catch((error: unknown) => {
      // The peer went away: there is nobody to tell, and nothing is wrong.
      if (systemCode(error) !== 'ERR_STREAM_PREMATURE_CLOSE') call.emit('error', serviceError(error, log));
    });
  };
}

/** An abort signal that follows a call: aborted when the peer goes away or the call ends. */
export function callSignal(call: {
  on(event: 'cancelled' | 'close', listener: () => void): unknown;
}): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort();
  call.on('cancelled', abort);
  call.on('close', abort);
  return controller.signal;
}
