/** A bisection that both ways are to do. */
export interface Question {
  readonly repository: string;
  readonly good: string;
  readonly bad: string;
  /** Path of the config fragment on top of the minimal profile. */
  readonly fragment: string;
  /** Path of the reproducer. */
  readonly reproducer: string;
}
