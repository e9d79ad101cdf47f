/** What came through one door of the cache since the start. */
export class DoorStatistics {
  /** Action results asked for that were known, and that were not. */
  hits = 0;
  misses = 0;
  bytesRead = 0;
  bytesWritten = 0;
  /** Bytes of blobs that clients had to store and that were here already. */
  bytesSpared = 0;

  constructor(readonly name: string) {}
}
