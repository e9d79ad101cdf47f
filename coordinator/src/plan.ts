import type { CommitId } from '@kbisect/shared/ids';
import { collapse, groupsOf } from './classes/collapse.js';
import type { Changes } from './classes/changes.js';
import { IMAGE } from './classes/consumed.js';
import { isNeverBuilt } from './classes/never-built.js';
import type { Range } from './scheduler/range.js';
import { OLD_END } from './search/graph.js';
import { suspectPrior } from './search/priors.js';
import { Search } from './search/search.js';

/** What a job would take, before anything is spent. */
export interface Plan {
  /** Commits between old and new. */
  readonly candidates: number;
  /** Candidates that can have done it, as far as is known: the others change nothing that a build reads. */
  readonly mattering: number;
  /** Different images that the range and its ends can have at most. */
  readonly classes: number;
  /** Builds by which the ends are proved, merge bases included. */
  readonly endBuilds: number;
  readonly farms: readonly FarmPlan[];
}

/** What the job would take on so many agents, of one slot each. */
export interface FarmPlan {
  readonly agents: number;
  /** Of tests one after the other, after the ends. */
  readonly rounds: number;
  /** All of them, those of the ends included. */
  readonly builds: number;
  readonly hours: number;
}

/** How long things take, in seconds, and how often each end is tried. */
export interface PlanPace {
  readonly buildSeconds: number;
  readonly trialSeconds: number;
  readonly runs: number;
}

const FARMS = [1, 2, 4, 8, 16, 32, 64];

/** Groups of commits that give one image. */
export interface ImageClasses {
  readonly count: number;
  readonly groups: readonly (readonly CommitId[])[];
}

/** What can be known of images before any build: states of the tree that differ only in files that no build reads. */
export function classesBeforeBuilds(changes: Changes): ImageClasses {
  const relevance = Uint8Array.from(changes.names, (path) => (isNeverBuilt(path) ? 0 : IMAGE));
  const classes = collapse(changes, relevance, new Map());
  return { count: classes.count, groups: groupsOf(changes, classes) };
}

/**
 * Foretells what a job takes: as many rounds as the best tree of its classes is deep, each as long as a build and a
 * trial. Agents beyond what the range can occupy do not build.
 * @param classes what is known of equal images; undefined for a test that builds none
 * @param olds the old ends
 */
export function planOf(
  range: Range,
  olds: readonly CommitId[],
  classes: ImageClasses | undefined,
  pace: PlanPace,
): Plan {
  const { graph, suspects, mergeBases } = range;
  const search = new Search(graph, { seed: 1, prior: suspectPrior(graph, suspects) });
  const isOld = new Set([...olds, ...mergeBases]);
  for (const group of classes?.groups ?? []) {
    const places = group.flatMap((id) => graph.indexOf(id) ?? (isOld.has(id) ? OLD_END : []));
    const first = Math.min(...places);
    for (const place of places) if (place !== first) search.equate(place, first);
  }
  const ends = 1 + olds.length + mergeBases.length;
  const farms = FARMS.map((agents) => {
    const rounds = search.expectedRounds(agents);
    const builds = ends + Math.min(search.remaining - 1, Math.ceil(rounds * agents));
    const endRounds = Math.ceil((1 + olds.length) / agents) + Math.ceil(mergeBases.length / agents);
    const seconds =
      endRounds * (pace.buildSeconds + pace.runs * pace.trialSeconds) +
      rounds * (pace.buildSeconds + pace.trialSeconds);
    return { agents, rounds, builds, hours: seconds / 3600 };
  });
  const images = classes?.count ?? graph.size + ends - 1;
  return { candidates: graph.size, mattering: search.remaining, classes: images, endBuilds: ends, farms };
}
