import type { KeyPair } from './certificates.js';
import type { Credential } from './credential.js';

/** What identifies a farm, and all who may come in. */
export interface Kept {
  readonly authority: KeyPair;
  readonly credentials: readonly Credential[];
}

/** Tells one writing of what is kept from all others. */
export type Revision = string & { readonly revision: unique symbol };

/** Where a farm's identity is kept: whole, and replaced whole. */
export interface IdentityStore {
  /**
   * What is there, and which writing of it; undefined when there is nothing.
   * @throws KbisectError `data-loss` when it is none of ours: nobody is let in by guess; `unavailable`
   */
  read(): Promise<{ readonly kept: Kept; readonly revision: Revision } | undefined>;

  /**
   * Puts it in the place of one revision, or of nothing, durably.
   * @returns the new revision; undefined, with nothing written, when something else is there
   * @throws KbisectError `unavailable` when it may have been written or not
   */
  write(kept: Kept, over: Revision | undefined): Promise<Revision | undefined>;

  /** Calls `changed` soon after somebody else has written, until the signal is aborted. */
  watch(changed: () => Promise<void>, signal: AbortSignal): Promise<void>;
}
