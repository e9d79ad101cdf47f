/** A probability for people: `99.2 %`, rounded down, as nothing is quite certain. */
export function percentage(probability: number): string {
  return `${Math.floor(1000 * probability) / 10} %`;
}
