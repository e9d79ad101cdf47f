import type { ReapiAddress } from '@kbisect/shared/cache/reapi-endpoint';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { parseBytes } from '@kbisect/shared/cache/bounds';
import type { Suspect } from '@kbisect/shared/gen/kbisect/v1/job';
import { LABEL_KEY, LABEL_VALUE } from '@kbisect/shared/label';

/** A parser for a whole number between two bounds, both included. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (!(value >= min && value <= max)) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** Takes a share of something, from 0 to 1. */
export function share(text: string): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : NaN;
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('It must be a number from 0 to 1.');
  return value;
}

/** Takes a size like 500M or 20G. */
export function bytes(text: string): number {
  try {
    return parseBytes(text);
  } catch {
    throw new InvalidArgumentError('It must be a size, like 500M or 20G.');
  }
}

/** Takes an amount of memory, `512M` or `2G`, and gives MiB. */
export function mebibytes(text: string): number {
  const [, digits = '', unit = 'M'] = /^(\d{1,7})([MG])?$/.exec(text) ?? [];
  const size = Number(digits) * (unit === 'G' ? 1024 : 1);
  if (!(size >= 16 && size <= 1 << 20)) {
    throw new InvalidArgumentError('It must be an amount like 512M or 2G, from 16M to 1024G.');
  }
  return size;
}

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** Takes a time like 90s, 30m, 12h or 30d, and gives seconds. */
export function duration(text: string): number {
  const [, digits = '', unit = 's'] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const value = Number(digits || NaN) * UNITS[unit as keyof typeof UNITS];
  if (!(value >= 1)) throw new InvalidArgumentError('It must be a time, like 90s, 30m, 12h or 30d.');
  return value;
}

/** Takes `host:port`; IPv6 hosts in brackets. */
export function address(text: string): string {
  const port = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):(\d{1,5})$/.exec(text)?.[1];
  if (port === undefined || Number(port) > 65_535) {
    throw new InvalidArgumentError('It must be host:port, like 127.0.0.1:7420.');
  }
  return text;
}

/** Takes one `host:port` or several, with commas between them. */
export function addresses(text: string): string {
  return text.split(',').map(address).join(',');
}

/** Takes `host:port` or `host:port/INSTANCE`, a cache that speaks the Remote Execution API. */
export function cacheAddress(text: string): ReapiAddress {
  const [, place = '', instance = ''] = /^([^/]*)(?:\/(.*))?$/.exec(text) ?? [];
  return { address: address(place), instance };
}

/** Collects `KEY=VALUE` options; of one key the last counts. */
export function label(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  const [key, value] = [text.slice(0, Math.max(0, at)), text.slice(at + 1)];
  if (!LABEL_KEY.test(key) || !LABEL_VALUE.test(value)) {
    throw new InvalidArgumentError('It must be KEY=VALUE, like site=basement.');
  }
  return { ...before, [key]: value };
}

const DEFAULT_SUSPICION = 10;

/** Collects `--suspect PATH[=WEIGHT]` options. */
export function suspect(text: string, before: readonly Suspect[] = []): Suspect[] {
  const [, path = '', weight] = /^(.*?)(?:=(\d+(?:\.\d+)?))?$/s.exec(text) ?? [];
  if (path === '' || (weight !== undefined && !(Number(weight) >= 1))) {
    throw new InvalidArgumentError('It must be PATH or PATH=WEIGHT, with a weight of at least 1.');
  }
  return [...before, { path, weight: weight === undefined ? DEFAULT_SUSPICION : Number(weight) }];
}

/** Takes a directory, relative to where the user is. */
export function directory(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must be a directory.');
  return resolve(text);
}

/** Where a farm keeps its state when the user does not say: `$XDG_STATE_HOME/kbisect`. */
export function defaultState(): string {
  return join(process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'kbisect');
}

/** A parser for a number between two bounds, both included. */
export function number(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
    if (!(value >= min && value <= max)) {
      throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
    }
    return value;
  };
}
