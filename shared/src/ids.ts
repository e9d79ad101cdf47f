import { KbisectError } from './errors.js';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** A full git commit id: 40 lower-case hex digits. */
export type CommitId = Branded<'commit'>;
/** A git tree id: 40 lower-case hex digits. */
export type TreeId = Branded<'tree'>;
/** A job's id: short, unique within a farm. */
export type JobId = Branded<'job'>;
/** A lease's id, unique within a farm. */
export type LeaseId = Branded<'lease'>;
/** An agent's name, unique within a farm. */
export type AgentName = Branded<'agent'>;

function matcher<Name extends string>(what: string, pattern: RegExp): (text: string) => Branded<Name> {
  return (text) => {
    if (!pattern.test(text)) {
      throw new KbisectError('invalid-argument', `${JSON.stringify(text.slice(0, 80))} is not ${what}`);
    }
    return text as Branded<Name>;
  };
}

export const commitId = matcher<'commit'>('a commit id (40 hex digits)', /^[0-9a-f]{40}$/);
export const treeId = matcher<'tree'>('a tree id (40 hex digits)', /^[0-9a-f]{40}$/);
export const jobId = matcher<'job'>('a job id', /^[a-z0-9][a-z0-9-]{0,63}$/);
export const leaseId = matcher<'lease'>('a lease id', /^[a-z0-9][a-z0-9-]{0,63}$/);
export const agentName = matcher<'agent'>(
  'an agent name (letters, digits, dot, dash, underscore; at most 64)',
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
);

/** A commit id as people see it. */
export function shortId(commit: string): string {
  return commit.slice(0, 12);
}
