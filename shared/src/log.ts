import { pino, type Logger } from 'pino';

export type { Logger };

/** A daemon's log: JSON lines on standard error; level from KBISECT_LOG (default `info`). */
export function createLog(name: string): Logger {
  return pino(
    { name, level: process.env['KBISECT_LOG'] ?? 'info' },
    pino.destination({ dest: 2, sync: true }),
  );
}
