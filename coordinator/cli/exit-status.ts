/** How the program ends; scripts rely on it. */
export enum ExitStatus {
  /** The culprit was found, or the command did what it should. */
  Found = 0,
  /** Anything that is none of the others. */
  Failed = 1,
  /** The command line is wrong. */
  Usage = 2,
  /** The job ended without a culprit: ambiguous, no difference, aborted, cancelled. */
  NoCulprit = 3,
}
