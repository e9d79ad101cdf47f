import { z } from 'zod';

const id = z.string().regex(/^[0-9a-f]{40}$/);
const named = z.object({ commit: id, subject: z.string() });
const end = named.extend({
  /** As the tree's Makefile has it; empty when it has none. */
  version: z.string(),
});
const person = z.object({
  name: z.string(),
  email: z.string(),
  /** Why they are told: their roles, from the commit and from MAINTAINERS. */
  roles: z.array(z.string()),
});
const check = z.object({
  kind: z.enum(['culprit', 'parent', 'revert', 'pair', 'backport']),
  what: z.string(),
  of: id,
  /** What was built and tried; absent when there was nothing. */
  commit: id.optional(),
  onto: id.optional(),
  result: z.enum(['PASS', 'FAIL', 'not possible', 'open']),
  detail: z.string(),
  /** Files in which it conflicts. */
  conflicts: z.array(z.string()),
  /** Commits that a conflicting pick seems to need, oldest first. */
  needs: z.array(named),
  /** Later commits that fix the one that was picked. */
  fixes: z.array(named),
  /** Of a backport: the branch that was named, and the patch for it, as `git format-patch` makes it. */
  branch: z.string().optional(),
  patch: z.string().optional(),
});

/**
 * A job's report, for programs. Published as docs/report.schema.json; a change that is not an addition makes a new
 * version.
 */
export const reportDocument = z.object({
  version: z.literal(1),
  job: z.string(),
  title: z.string(),
  mode: z.enum(['regression', 'fix', 'any']),
  state: z.string(),
  reason: z.string(),
  /** How likely the end is right, 0 to 1, where trials of one commit may disagree. */
  confidence: z.number().min(0).max(1).optional(),
  culprit: named
    .extend({
      author: z.string(),
      email: z.string(),
      date: z.string(),
      parents: z.array(id),
      /** Ready to paste into the patch that mends it. */
      fixesTag: z.string(),
    })
    .optional(),
  /** Of a culprit that is a merge: the first commits of its sides that are new together. */
  pair: z.array(named),
  candidates: z.array(named),
  olds: z.array(end),
  new: end,
  /** What the two ends show. */
  shows: z.object({ old: z.string(), new: z.string() }).optional(),
  crash: z
    .object({
      signature: z.string(),
      function: z.string().optional(),
      file: z.string().optional(),
      taint: z.string().optional(),
      lines: z.array(z.string()),
    })
    .optional(),
  /** The checks of the last certificate; none of a job that was not certified. */
  checks: z.array(check),
  /** Which of the settings of profile and fragments the culprit takes, where that was asked. */
  minimalConfig: z
    .object({
      /** Lines of a config that are enough on top of the base, and what the commits show without one of them. */
      settings: z.array(z.object({ setting: z.string(), without: z.string() })),
      /** What else was asked for. */
      spared: z.array(z.string()),
      /** Those of them that are on all the same: the base or something that is needed turns them on. */
      kept: z.array(z.string()),
      /** Without any one of the settings they are not enough. */
      minimal: z.boolean(),
      /** Why it is not minimal. */
      reason: z.string(),
    })
    .optional(),
  /** Of a regression: what is known of the stable branches that were named. */
  branches: z.array(
    z.object({
      name: z.string(),
      commit: id,
      has: z.enum(['culprit', 'backport', 'nothing']),
      /** The backport of the culprit, where it has that. */
      backport: named.optional(),
      /** The commit there that fixes it. */
      fix: named.optional(),
    }),
  ),
  people: z.array(person),
  /** Labels of the agents that its tests were for, `KEY=VALUE`; none for any agent. */
  requires: z.array(z.string()).default([]),
  range: z.object({ commits: z.number(), classes: z.number() }),
  test: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('boot'),
      reproducer: z.array(z.string()),
      arch: z.string(),
      compiler: z.string(),
      config: z.array(z.object({ name: z.string(), sha256: z.string() })),
      /** What is cherry-picked before commits are built: of the culprit and its parents, or of the ends. */
      fixups: z.array(z.object({ commit: id, picked: z.array(id) })),
      /** The command line of QEMU with which the culprit was tried. */
      qemu: z.array(z.string()),
    }),
    z.object({ kind: z.literal('run'), command: z.string() }),
  ]),
  statistics: z.object({
    builds: z.number(),
    trials: z.number(),
    cacheHits: z.number(),
    seconds: z.number(),
  }),
  verdicts: z.array(named.extend({ verdict: z.string(), shown: z.string() })),
  bisectLog: z.string(),
});

export type ReportDocument = z.infer<typeof reportDocument>;
export type NamedCommit = z.infer<typeof named>;
export type Person = z.infer<typeof person>;

/** The schema of the JSON report, as JSON Schema has it. */
export function reportSchema(): unknown {
  return z.toJSONSchema(reportDocument, { target: 'draft-2020-12' });
}
