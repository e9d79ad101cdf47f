import { withConnection } from './connection.js';
import type { ExitStatus } from './exit-status.js';
import { follow } from './follow.js';
import { interruption } from './interruption.js';

/** Follows a job from its first event, at any time; the job goes on when the watcher goes. */
export async function watch(
  coordinator: string,
  id: string,
  options: { readonly json?: boolean; readonly ci?: string },
): Promise<ExitStatus> {
  return withConnection(coordinator, (connection) =>
    follow(connection, id, { json: options.json === true, ci: options.ci }, interruption()),
  );
}
