/** What one coordinator has while it leads. */
export interface Term {
  /** Grows from term to term: the journal takes nothing from a coordinator of an older one. */
  readonly token: number;
  /** Aborted when this coordinator leads no more, in time before another one can. */
  readonly over: AbortSignal;
  /** Gives the lead up, so that another takes it at once. */
  resign(): Promise<void>;
}

/** Which of the farm's coordinators leads: one at a time does, until a deadline that it keeps moving. */
export interface Leadership {
  /** The address of the one that leads, as it was last seen; undefined while none is known. */
  readonly leader: string | undefined;

  /** Takes the lead if nobody has it now; undefined when somebody has. */
  attempt(): Promise<Term | undefined>;

  /**
   * Waits until this coordinator leads.
   * @throws the signal's reason when it is aborted first
   */
  campaign(signal: AbortSignal): Promise<Term>;
}
