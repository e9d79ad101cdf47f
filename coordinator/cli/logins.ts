import { chmod, mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { writePrivately } from '@kbisect/shared/cache/durable-file';
import { KbisectError, messageOf, systemCode } from '@kbisect/shared/errors';
import { login, type Login } from '../src/identity/login.js';
import { defaultState } from './arguments.js';

/**
 * As whom this user calls a farm: as they logged in at one of its coordinators, or as the owner of one that keeps its state
 * here.
 * @param addresses `host:port` of each, with commas between them
 */
export async function loginFor(addresses: string): Promise<Login | undefined> {
  for (const address of addresses.split(',')) {
    const own = await read(pathOf(address));
    if (own !== undefined) return own;
  }
  const owner = await ownerOf(defaultState());
  return owner && addresses.split(',').includes(owner.address) ? owner : undefined;
}

/** The login that a coordinator leaves in its state directory, for who can read that. */
export async function ownerOf(state: string): Promise<Login | undefined> {
  return read(join(state, 'identity', 'owner.json'));
}

/** Keeps a login where only this user can read it. */
export async function keepLogin(kept: Login): Promise<string> {
  const path = pathOf(kept.address);
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  await writePrivately(path, `${JSON.stringify(kept)}\n`);
  return path;
}

async function read(path: string): Promise<Login | undefined> {
  try {
    return login.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
    throw new KbisectError('invalid-argument', `${path} is no login: ${messageOf(error)}; log in again`);
  }
}

function pathOf(address: string): string {
  const config = process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config');
  return join(config, 'kbisect', 'logins', `${encodeURIComponent(address)}.json`);
}
