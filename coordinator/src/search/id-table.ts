const WORDS = 5; // a commit id is 160 bits
const HEX = '0123456789abcdef';

/** Value of an ASCII hex digit, 255 for any other byte. */
const DIGIT = new Uint8Array(256).fill(255);
for (let value = 0; value < 16; value++) DIGIT[HEX.charCodeAt(value)] = value;

/**
 * Numbers commit ids in the order in which they are first seen. Ids live in one typed array and an open-addressing
 * table: a quarter of a million take 10 MB and no garbage.
 */
export class IdTable {
  size = 0;
  #words = new Uint32Array(WORDS * 1024);
  #slots = new Int32Array(4096).fill(-1);
  readonly #key = new Uint32Array(WORDS);

  /** The number of the id whose 40 hex digits start at `at`, new or known; -1 when they are not hex digits. */
  intern(text: Uint8Array, at: number): number {
    if (!this.#readKey(text, at)) return -1;
    const slot = this.#slotOfKey();
    const known = this.#slots[slot]!;
    if (known >= 0) return known;
    if (WORDS * (this.size + 1) > this.#words.length) this.#words = grown(this.#words);
    this.#words.set(this.#key, WORDS * this.size);
    this.#slots[slot] = this.size;
    this.size++;
    if (2 * this.size > this.#slots.length) this.#rehash();
    return this.size - 1;
  }

  /** The number of an id, or -1 when it was never interned. */
  find(id: string): number {
    return this.#readKey(Buffer.from(id, 'latin1'), 0) ? this.#slots[this.#slotOfKey()]! : -1;
  }

  /** The 40 hex digits of an id by its number. */
  hex(number: number): string {
    let text = '';
    for (let word = WORDS * number; word < WORDS * (number + 1); word++) {
      text += this.#words[word]!.toString(16).padStart(8, '0');
    }
    return text;
  }

  #readKey(text: Uint8Array, at: number): boolean {
    for (let word = 0; word < WORDS; word++) {
      let value = 0;
      for (let i = at + 8 * word; i < at + 8 * word + 8; i++) {
        const digit = DIGIT[text[i] ?? 0]!;
        if (digit === 255) return false;
        value = (value << 4) | digit;
      }
      this.#key[word] = value;
    }
    return true;
  }

  /** The slot that holds the key, or the empty one where it belongs. An id's own bits are hash enough. */
  #slotOfKey(): number {
    const mask = this.#slots.length - 1;
    for (let slot = this.#key[0]! & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot]!;
      if (entry < 0 || this.#holdsKey(entry)) return slot;
    }
  }

  #holdsKey(entry: number): boolean {
    for (let word = 0; word < WORDS; word++) {
      if (this.#words[WORDS * entry + word] !== this.#key[word]) return false;
    }
    return true;
  }

  #rehash(): void {
    this.#slots = new Int32Array(4 * this.#slots.length).fill(-1);
    const mask = this.#slots.length - 1;
    for (let entry = 0; entry < this.size; entry++) {
      let slot = this.#words[WORDS * entry]! & mask;
      while (this.#slots[slot]! >= 0) slot = (slot + 1) & mask;
      this.#slots[slot] = entry;
    }
  }
}

/** The same numbers in an array of twice the length. */
export function grown<T extends Uint32Array | Int32Array>(array: T): T {
  const larger = new (array.constructor as new (length: number) => T)(2 * array.length);
  larger.set(array);
  return larger;
}
