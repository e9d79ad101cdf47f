/** Work that is done one after the other, in the order it came. */
export class OneByOne {
  #last: Promise<unknown> = Promise.resolve();

  /** Does the work when all before it is over, however that ended. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
