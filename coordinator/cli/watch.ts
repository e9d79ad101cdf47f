import { withConnection } from './connection.js';
import type { ExitStatus } from './exit-status.js';
import { follow } from './follow.js';
import { interruption } from './interruption.js';
import { leave } from './leave.js';

/** Follows a job from its first event, at any time; the job goes on when the watcher goes. */
export async function watch(
  coordinator: string,
  id: string,
  options: { readonly json?: boolean; readonly ci?: string },
): Promise<ExitStatus> {
  const interrupted = interruption();
  try {
    return await withConnection(coordinator, (connection) =>
      follow(connection, id, { json: options.json === true, ci: options.ci }, interrupted),
    );
  } catch (error) {
    if (!interrupted.aborted) throw error;
    return leave(coordinator, id);
  }
}
