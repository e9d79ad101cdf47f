import type { Mode } from '@kbisect/shared/gen/kbisect/v1/job';
import { Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import { termsOf } from '../src/report/terms.js';

/** A verdict in the words of the mode. */
export function verdictWord(mode: Mode, verdict: Verdict): string {
  switch (verdict) {
    case Verdict.VERDICT_OLD:
      return termsOf(mode).old;
    case Verdict.VERDICT_NEW:
      return termsOf(mode).new;
    case Verdict.VERDICT_SKIP:
    case Verdict.VERDICT_UNSPECIFIED:
      return 'skip';
  }
}

/** So many of a thing: `1 build`, `7 builds`. */
export function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}

/** A span of time for people: `42 s`, `3 min 05 s`, `2 h 10 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const pad = (part: number) => String(part).padStart(2, '0');
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

/** A span of time that is only guessed: `7 min`. */
export function roughly(seconds: number): string {
  return seconds < 60 || seconds >= 3600 ? duration(seconds) : `${Math.round(seconds / 60)} min`;
}

/** An amount of bytes for people: `17 B`, `2.5 MiB`. */
export function bytesWord(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[power] ?? ''}`;
}
