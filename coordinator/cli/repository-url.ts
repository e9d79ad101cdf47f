import { existsSync } from 'node:fs';
import { KbisectError } from '@kbisect/shared/errors';

/**
 * Whether `--repo` names a repository that the coordinator fetches; otherwise it is a path on this machine.
 * @throws KbisectError `invalid-argument` when it is a URL that the coordinator will not fetch
 */
export function isRemote(repo: string): boolean {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*)(?::\/\/|::)/.exec(repo)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'http':
    case 'https':
    case 'git':
    case 'ssh':
      return true;
    case undefined:
      break;
    case 'file':
      throw new KbisectError(
        'invalid-argument',
        `--repo ${repo}: a file URL would be read on the coordinator's machine; give the path instead`,
      );
    default:
      throw new KbisectError(
        'invalid-argument',
        `--repo ${repo}: the coordinator fetches by https, http, git or ssh, not by ${scheme}`,
      );
  }
  if (/^[^\s/:]+:/.test(repo) && !existsSync(repo)) {
    throw new KbisectError(
      'invalid-argument',
      `--repo ${repo}: no such directory; the address of a repository is written ssh://HOST/PATH`,
    );
  }
  return false;
}
