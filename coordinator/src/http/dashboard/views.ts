import type { AgentResult } from '../../report/agent-json.js';
import type { JobResult } from '../../report/job-json.js';
import type { Span } from '../../slot-history.js';

/** What the dashboard's pages are told; types alone, which pages and server share. */
export type { AgentResult, JobResult, Span };

/** A job's page: what was asked. */
export interface JobView extends JobResult {
  readonly mode: string;
  /** What old and new are called. */
  readonly terms: { readonly old: string; readonly new: string };
  readonly olds: readonly string[];
  readonly new: string;
  readonly runs: number;
  readonly over: boolean;
  /** What the ends show, once they are proved. */
  readonly shows: { readonly old: string; readonly new: string } | undefined;
}

/** The commits of a range, oldest first: parents come before their children. */
export interface RangeView {
  readonly ids: readonly string[];
  /** Where each commit's parents begin in `parents`; one more than there are commits. */
  readonly offsets: readonly number[];
  readonly parents: readonly number[];
}

/** What the search believes. */
export interface BeliefView {
  /** The commits that could be the culprit. */
  readonly candidates: readonly number[];
  /** How likely each of them is; absent when all are alike. */
  readonly chances?: readonly number[];
  /** Whether trials of one commit may disagree. */
  readonly noisy: boolean;
  /** Commits that give one image, as far as it is known or foretold; of each image that several give. */
  readonly classes: readonly (readonly number[])[];
}

/** A commit's page. */
export interface CommitView {
  readonly commit: string;
  readonly subject: string;
  readonly author: string;
  readonly date: string;
  readonly verdict: string | undefined;
  readonly reason: string;
  readonly mark: { readonly verdict: string; readonly by: string } | undefined;
  /** Commits that give the same image. */
  readonly alike: readonly string[];
  readonly evidence: readonly EvidenceView[];
}

/** One build or trial of a commit. */
export interface EvidenceView {
  readonly kind: 'build' | 'trial' | 'mark' | 'rerun';
  readonly at: string;
  readonly agent: string;
  readonly seconds: number;
  readonly shown: string;
  /** SHA-256 and size of the console or of the build's log. */
  readonly text?: { readonly digest: string; readonly size: number };
}

/** What is running for a job, and what is to come. */
export interface ActivityView {
  readonly work: readonly {
    readonly lease: string;
    readonly agent: string;
    readonly commit: string;
    readonly phase: string;
    readonly fraction: number;
  }[];
  readonly left: number;
  readonly rounds: number;
  readonly seconds: number;
  /** Why no agent can work for it. */
  readonly waiting?: string | undefined;
}

/** An event of the journal, as JSON has it: what has its default is absent. */
export interface EventView {
  readonly at?: string;
  readonly started?: { readonly candidates?: number; readonly mergeBases?: readonly string[] };
  readonly leased?: {
    readonly lease: string;
    readonly commit: string;
    readonly agent: string;
    readonly check?: number;
  };
  readonly leaseEnded?: { readonly lease: string; readonly reason?: string; readonly detail?: string };
  readonly built?: {
    readonly lease: string;
    readonly commit: string;
    readonly failure?: string;
    readonly cached?: boolean;
  };
  readonly tried?: { readonly lease: string; readonly commit: string };
  readonly judged?: { readonly commit: string; readonly verdict: string; readonly reason?: string };
  readonly marked?: { readonly commit: string; readonly verdict: string; readonly by?: string };
  readonly rerun?: { readonly commit: string; readonly by?: string };
  readonly collapsed?: { readonly classes?: number; readonly commits?: number };
  readonly refuted?: { readonly one: string; readonly other: string };
  readonly mended?: { readonly failureSignature?: string; readonly fixup?: string };
  readonly checking?: { readonly culprit: string; readonly checks?: readonly { readonly kind?: string }[] };
  readonly minimising?: { readonly culprit: string; readonly settings?: readonly string[] };
  readonly checked?: { readonly check?: number; readonly result?: string; readonly detail?: string };
  readonly ended?: { readonly state: string; readonly culprit?: string; readonly reason?: string };
}

/** A console of a commit's trial. */
export interface ConsoleView {
  readonly agent: string;
  /** What came of it; absent while it runs. */
  readonly outcome?: string;
  readonly blob?: { readonly digest: string; readonly size: number };
  /** The lease of one that runs. */
  readonly lease?: string;
}
