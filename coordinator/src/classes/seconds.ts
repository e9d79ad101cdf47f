/** A build that was done: what it compiled and how long it took. */
export interface BuildTime {
  readonly objects: number;
  readonly seconds: number;
}

/** How long builds take: so long whatever is compiled (checkout, make's own look at the tree, links), and for each object. */
export interface Pace {
  readonly fixed: number;
  readonly perObject: number;
}

/** What is expected of a machine of which nothing is known; outweighed by the first builds. */
const PRIOR: readonly BuildTime[] = [
  { objects: 0, seconds: 8 },
  { objects: 1000, seconds: 200 },
];
const PRIOR_WEIGHT = 0.05;

/** Learns the pace from the builds so far: a least-squares line that is nowhere below zero. */
export function paceOf(builds: readonly BuildTime[]): Pace {
  let [weight, x, y, xx, xy] = [0, 0, 0, 0, 0];
  const add = ({ objects, seconds }: BuildTime, share: number) => {
    weight += share;
    x += share * objects;
    y += share * seconds;
    xx += share * objects ** 2;
    xy += share * objects * seconds;
  };
  for (const build of PRIOR) add(build, PRIOR_WEIGHT);
  for (const build of builds) add(build, 1);
  const perObject = Math.max(0.001, (weight * xy - x * y) / (weight * xx - x ** 2));
  return { fixed: Math.max(1, (y - perObject * x) / weight), perObject };
}
