import type { Digest } from '../digest.js';
import type { ActionResult } from '../gen/build/bazel/remote/execution/v2/remote_execution.js';

/** What came of an action: of building a commit by a recipe, of packing a reproducer. */
export interface ActionCache {
  /** The result of the action with this digest, or undefined when it is not known. */
  get(action: Digest): Promise<ActionResult | undefined>;
  /** Remembers a result; a later one for the same action takes its place. */
  put(action: Digest, result: ActionResult): Promise<void>;
}
