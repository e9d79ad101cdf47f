const ANY_ADDRESS = new Set(['0.0.0.0', '[::]']);

/**
 * A URL of this coordinator's as a peer reaches it: where the coordinator listens on all addresses, with the host that
 * the peer has called.
 * @param authority `host:port` as the peer has dialled it (HTTP/2's `:authority`)
 */
export function reachableUrl(url: string, authority: string): string {
  const parsed = new URL(url);
  if (!ANY_ADDRESS.has(parsed.hostname) || !URL.canParse(`http://${authority}`)) return url;
  parsed.hostname = new URL(`http://${authority}`).hostname;
  return parsed.href;
}
