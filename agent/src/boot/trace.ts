import { isBystander, isThreadRoot, systemCallOf } from './bystanders.js';
import type { PlaceRule } from './report.js';
import { functionName } from './signature.js';

/** Gives the name of the function that an address (`0x` and hex digits) is in, where it is known. */
export type Resolve = (address: string) => string | undefined;

/** Where a report's bug is. */
export interface Place {
  /** What the signature says: a function, or for a stall the system call. */
  readonly name: string;
  /** The function. */
  readonly function: string;
}

/** `RIP: 0010:f+0x1/0x2`, `RIP: 0010:[<a>]  [<a>] f+0x1`, `IP: f+0x1`, `pc : f+0x1`, `PC is at f+0x1`; not user mode's. */
const INSTRUCTION =
  /^(?:RIP: (?:0010|e030):|EIP: (?:0060:)?|IP: |pc : |PC is at )(?: {0,2}\[<[0-9a-f]{8,16}>\]){0,2} {0,2}(?:([A-Za-z_][\w.$]{0,200})\+0x|(?:0x)?([0-9a-f]{8,16})(?![\w>]))/;
const CALL_TRACE = /^Call [Tt]race:/;
const SECTION = /^ {0,4}<(\/?)([#A-Z]{2,10})>/;
const FRAME =
  /^ {0,8}(?:\[<([0-9a-f]{8,16})>\] )?(\? )?(?:([A-Za-z_][\w.$]{0,200})\+0x[0-9a-f]{1,16}|(?:0x([0-9a-f]{8,16})(?:\/0x[0-9a-f]{1,16})?)?$)/;
const TAINT = /Not tainted|Tainted: ([A-Z ]{1,40}) {1,20}\d/;
const MAX_FRAMES = 64;

interface Frame {
  readonly symbol: string;
  /** The unwinder vouches for it. */
  readonly sure: boolean;
  /** It belongs to an interrupt that came over the task. */
  readonly interrupt: boolean;
}

/** The places that a report names, as its lines come; of several the first counts. */
export class Trace {
  #instruction: string | undefined;
  #taint: string | undefined;
  readonly #frames: Frame[] = [];
  #tracing = false;
  #interrupt = false;

  /** @param named the function that the report's title named */
  constructor(private readonly named: string | undefined) {}

  /** The taint flags; undefined while no line has told them. */
  get taint(): string | undefined {
    return this.#taint;
  }

  take(line: string): void {
    const instruction = INSTRUCTION.exec(line);
    if (instruction !== null) this.#instruction ??= instruction[1] ?? `0x${instruction[2] ?? ''}`;
    else if (CALL_TRACE.test(line)) this.#tracing = true;
    else if (this.#tracing) this.#frame(line);
    if (this.#taint === undefined && line.includes('ainted')) {
      const found = TAINT.exec(line);
      if (found !== null) this.#taint = (found[1] ?? '').replace(/[G ]/g, '');
    }
  }

  /** Where the bug is, by the rule; undefined when the report does not say. */
  place(rule: PlaceRule, resolve: Resolve): Place | undefined {
    if (rule === 'title') {
      const named = this.named === undefined ? undefined : functionName(this.named);
      return named === undefined ? undefined : { name: named, function: named };
    }
    const nameOf = (symbol: string) => {
      const name = symbol.startsWith('0x') ? resolve(symbol) : symbol;
      return name === undefined ? [] : [functionName(name)];
    };
    const sure = this.#frames.filter((frame) => frame.sure);
    const frames = sure.length > 0 ? sure : this.#frames;
    const instruction = this.#instruction === undefined ? [] : nameOf(this.#instruction);
    const named = this.named === undefined ? [] : nameOf(this.named);
    const head = rule === 'caller' ? named : [...named, ...instruction];
    const names = [...head, ...frames.flatMap(({ symbol }) => nameOf(symbol)), ...instruction];
    // Of a task that runs, another CPU may see only how it once came to run.
    const found = names.find((name) => !isBystander(name)) ?? (rule === 'busy-with' ? undefined : names[0]);
    if (found === undefined) return undefined;
    if (rule !== 'busy-with') return { name: found, function: found };
    const task = frames.filter(({ interrupt }) => !interrupt).flatMap(({ symbol }) => nameOf(symbol));
    return { name: busyWith(task) ?? found, function: found };
  }

  #frame(line: string): void {
    const section = SECTION.exec(line);
    if (section !== null) this.#interrupt = section[1] === '' && !/^(?:TASK|EOI|EOE)$/.test(section[2] ?? '');
    const found = FRAME.exec(section === null ? line : line.slice(section[0].length));
    if (found === null || this.#frames.length >= MAX_FRAMES) return;
    const address = found[4] ?? found[1];
    const symbol = found[3] ?? (address === undefined ? undefined : `0x${address}`);
    if (symbol !== undefined)
      this.#frames.push({ symbol, sure: found[2] === undefined, interrupt: this.#interrupt });
  }
}

/** The system call or the work of a kernel thread that a task is in. */
function busyWith(names: readonly string[]): string | undefined {
  for (const [n, name] of names.entries()) {
    const call = systemCallOf(name);
    if (call !== undefined) return `sys_${call}`;
    if (isThreadRoot(name)) return n > 0 ? names[n - 1] : undefined;
  }
  return undefined;
}
