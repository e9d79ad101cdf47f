/** The functions of a kernel by address, from the `System.map` of its build. */
export class SymbolMap {
  readonly #addresses: bigint[] = [];
  readonly #names: string[] = [];

  /** @param text `ffffffff81000000 T _text`, a line each, by address */
  constructor(text: string) {
    for (const line of text.split('\n')) {
      const found = /^([0-9a-f]{8,16}) [tTwW] ([\w.$]+)$/.exec(line);
      if (found === null) continue;
      this.#addresses.push(BigInt(`0x${found[1] ?? '0'}`));
      this.#names.push(found[2] ?? '');
    }
  }

  /**
   * The function that an address of the running kernel is in, or undefined.
   * @param address `0x` and hex digits
   */
  nameOf(address: string): string | undefined {
    if (!/^0x[0-9a-f]{1,16}$/.test(address)) return undefined;
    const at = BigInt(address);
    let low = 0;
    let high = this.#addresses.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#addresses[middle] ?? 0n) <= at) low = middle + 1;
      else high = middle;
    }
    const start = this.#addresses[low - 1];
    // Beyond the last function lies data, modules or nothing.
    return start === undefined || low === this.#addresses.length ? undefined : this.#names[low - 1];
  }
}
