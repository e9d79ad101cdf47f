import { connect } from 'node:net';
import { hostOf, portOf } from '@kbisect/shared/identity/loopback';

const PATIENCE_MS = 1000;

/**
 * Whether something answers at an address: takes a TCP connection within a second.
 * @param address `host:port`
 */
export function answersAt(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostOf(address), port: portOf(address), timeout: PATIENCE_MS });
    const end = (answers: boolean) => {
      socket.destroy();
      resolve(answers);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}
