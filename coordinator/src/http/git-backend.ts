import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { gitEnvironment } from '@kbisect/shared/git';
import type { Logger } from '@kbisect/shared/log';
import { killGroup, startProcess } from '@kbisect/shared/process';

/** A CGI program's headers are few; more is not one. */
const MAX_HEADER_BYTES = 64 * 1024;

/** The paths of git's smart HTTP protocol; nothing else of the repository is served. */
const SMART = /^\/git\/(info\/refs|git-upload-pack|git-receive-pack)$/;

/**
 * Serves a bare repository over git's smart HTTP, through git's own CGI program, `git http-backend`.
 * @returns false when the request is not for git
 */
export async function serveGit(
  repository: string,
  request: IncomingMessage,
  response: ServerResponse,
  log: Logger,
): Promise<boolean> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const [, service] = SMART.exec(url.pathname) ?? [];
  if (service === undefined) return false;
  const child = startProcess(
    {
      program: 'git',
      args: ['http-backend'],
      env: {
        ...gitEnvironment(),
        GIT_PROJECT_ROOT: repository,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: `/${service}`,
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method ?? 'GET',
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        CONTENT_LENGTH: request.headers['content-length'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        HTTP_GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
        REMOTE_ADDR: request.socket.remoteAddress ?? '',
        REMOTE_USER: '',
      },
    },
    ['pipe', 'pipe', 'pipe'],
  );
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new Error('git http-backend has no pipes');
  // A client that goes away takes its git along.
  response.on('close', () => killGroup(child));
  stdin.on('error', () => undefined);
  request.pipe(stdin);
  stderr.on('data', (chunk: Buffer) => log.warn({ git: chunk.toString('utf8').trim() }, 'git http-backend'));

  let head = Buffer.alloc(0);
  let headEnd = -1;
  while (headEnd < 0 && head.length < MAX_HEADER_BYTES) {
    const chunk = (stdout.read() ??
      (await Promise.race([once(stdout, 'readable'), once(stdout, 'end')]), stdout.read())) as Buffer | null;
    if (chunk === null) break;
    head = Buffer.concat([head, chunk]);
    headEnd = head.indexOf('\r\n\r\n');
  }
  if (headEnd < 0) {
    response.writeHead(500).end('git http-backend gave no answer\n');
    return true;
  }
  const headers = head.subarray(0, headEnd).toString('latin1').split('\r\n').map(parseHeader);
  const status = headers.find(([name]) => name.toLowerCase() === 'status')?.[1] ?? '200';
  response.writeHead(
    parseInt(status, 10),
    Object.fromEntries(headers.filter(([name]) => name.toLowerCase() !== 'status')),
  );
  response.write(head.subarray(headEnd + 4));
  stdout.pipe(response);
  return true;
}

function parseHeader(line: string): [name: string, value: string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}
