import { BlockList, isIP } from 'node:net';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether `host:port` is reached from this machine alone. Of names only `localhost` is sure to be. */
export function isLoopback(address: string): boolean {
  const host = hostOf(address);
  if (host === 'localhost') return true;
  const family = isIP(host);
  return family !== 0 && LOOPBACK.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

/** Whether that is so of all addresses of a list with commas. */
export function areLoopback(addresses: string): boolean {
  return addresses.split(',').every(isLoopback);
}

/** The host of `host:port`, without an IPv6 address's brackets. */
export function hostOf(address: string): string {
  return address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

/** The port of `host:port`. */
export function portOf(address: string): number {
  return Number(/:(\d+)$/.exec(address)?.[1] ?? NaN);
}
