import { basename } from 'node:path';
import { KbisectError } from '@kbisect/shared/errors';
import { writeCpio, type CpioEntry } from './cpio.js';

const PLACE = '.kbisect/modules';

/** A kernel module: its path in the tree, and its bytes. */
export interface Module {
  readonly path: string;
  readonly bytes: Buffer;
}

/**
 * Puts modules in the order in which they can be loaded: each after those that it says it depends on.
 * @throws KbisectError `invalid-argument` when it depends on one that is not among them
 */
export function inLoadingOrder(modules: readonly Module[]): Module[] {
  const byName = new Map(modules.map((module) => [nameOf(module.path), module]));
  const ordered = new Set<Module>();
  const add = (module: Module, above: readonly string[]) => {
    if (ordered.has(module)) return;
    const name = nameOf(module.path);
    for (const needed of dependsOn(module.bytes)) {
      if (above.includes(needed)) continue; // a circle cannot be loaded; the kernel will say so
      const other = byName.get(needed);
      if (other === undefined) {
        throw new KbisectError(
          'invalid-argument',
          `the module ${module.path} depends on the module ${needed}: add it by --module PATH/${needed}.ko`,
        );
      }
      add(other, [...above, name]);
    }
    ordered.add(module);
  };
  for (const module of modules) add(module, []);
  return [...ordered];
}

/** The archive that brings modules into the guest, and where each is then, in the order given. */
export function modulesArchive(modules: readonly Module[]): { bytes: Buffer; paths: string[] } {
  const files = modules.map(({ path, bytes }): CpioEntry => {
    return { kind: 'file', path: `${PLACE}/${basename(path)}`, executable: false, bytes };
  });
  return {
    bytes: writeCpio([{ kind: 'directory', path: PLACE }, ...files]),
    paths: files.map(({ path }) => `/${path}`),
  };
}

/** The kernel's name of a module. */
function nameOf(path: string): string {
  return basename(path, '.ko').replaceAll('-', '_');
}

/** What modpost wrote into the module: `depends=NAME,NAME` among the strings of its .modinfo. */
function dependsOn(bytes: Buffer): string[] {
  const at = bytes.indexOf('\0depends=', 0, 'latin1');
  if (at < 0) return [];
  const start = at + '\0depends='.length;
  const end = bytes.indexOf(0, start);
  return bytes
    .toString('latin1', start, Math.min(end < 0 ? bytes.length : end, start + 4096))
    .split(',')
    .map((name) => name.replaceAll('-', '_'))
    .filter((name) => name !== '');
}
