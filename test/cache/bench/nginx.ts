import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killGroup, startProcess } from '@kbisect/shared/process';
import { installPackage } from '../../interop/debian-package.js';

/** nginx that serves the files of a directory, as Debian configures it; undefined where it cannot be had. */
export async function nginx(root: string): Promise<{ url: string; close: () => Promise<void> } | undefined> {
  if ((await installPackage('nginx-light')) !== undefined) return undefined;
  const home = await mkdtemp(join(tmpdir(), 'kbisect-nginx-'));
  const port = await freePort();
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  await writeFile(
    join(home, 'nginx.conf'),
    `daemon off; user root; worker_processes auto; pid ${home}/pid; error_log /dev/null;
events { worker_connections 768; }
http {
  access_log off; sendfile on; tcp_nopush on;
  ${paths.map((path) => `${path}_temp_path ${home}/${path};`).join(' ')}
  server { listen 127.0.0.1:${port}; root ${root}; }
}
`,
  );
  const child = startProcess({ program: 'nginx', args: ['-c', join(home, 'nginx.conf')] }, [
    'ignore',
    'ignore',
    'ignore',
  ]);
  const closed = once(child, 'close');
  const url = `http://127.0.0.1:${port}`;
  while (
    child.exitCode === null &&
    !(await fetch(url).then(
      () => true,
      () => false,
    ))
  );
  return {
    url,
    close: async () => {
      killGroup(child, 'SIGTERM');
      await closed;
      await rm(home, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
