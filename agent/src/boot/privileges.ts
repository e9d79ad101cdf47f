import { stat } from 'node:fs/promises';

/** Debian's nobody and nogroup. */
const NOBODY = 65534;

/**
 * Options of setpriv with which a program keeps nothing of root's: another user, no capabilities, and none to be had by
 * running anything. It may open /dev/kvm where there is one.
 */
export async function withoutPrivileges(): Promise<string[]> {
  if (process.getuid?.() !== 0) return ['--no-new-privs'];
  const kvm = await stat('/dev/kvm').then(
    ({ gid }) => gid,
    () => undefined,
  );
  return [
    ...['--reuid', String(NOBODY), '--regid', String(NOBODY)],
    ...(kvm === undefined || kvm === 0 ? ['--clear-groups'] : ['--groups', String(kvm)]),
    ...['--inh-caps=-all', '--bounding-set=-all', '--no-new-privs'],
  ];
}
