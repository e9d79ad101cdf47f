import { run } from '@kbisect/shared/process';

const OPTIONS = ['-qq', '-o', 'Dpkg::Use-Pty=0', '-o', 'DPkg::Lock::Timeout=300'];
const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };

/** Installs a Debian package unless it is there. Gives why it cannot be had, or undefined when it is there. */
export async function installPackage(name: string): Promise<string | undefined> {
  if (await isInstalled(name)) return undefined;
  if (process.getuid?.() !== 0)
    return `${name} is not installed, and we are not root: apt-get install ${name}`;
  await run({ program: 'apt-get', args: [...OPTIONS, 'update'], env });
  const args = [...OPTIONS, 'install', '--yes', '--no-install-recommends', name];
  const { stderr } = await run({ program: 'apt-get', args, env });
  return (await isInstalled(name)) ? undefined : `${name} cannot be had here: ${stderr.trim().slice(-300)}`;
}

async function isInstalled(name: string): Promise<boolean> {
  const { stdout } = await run({ program: 'dpkg-query', args: ['-W', '-f', '${db:Status-Status}', name] });
  return stdout.toString('utf8') === 'installed';
}
