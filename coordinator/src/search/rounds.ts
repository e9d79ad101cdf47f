/**
 * Mean depth of the best tree with `size` leaves whose inner nodes have `arity` children: leaves fill the last whole
 * level and overflow evenly into the next. What k tests at a time on a straight history need, with an arity of k + 1.
 */
export function expectedDepth(size: number, arity: number): number {
  if (size <= 1) return 0;
  const level = Math.floor(Math.log(size) / Math.log(arity) + 1e-9);
  const overflow = 1 - arity ** level / size;
  return level + (overflow * arity) / (arity - 1);
}
