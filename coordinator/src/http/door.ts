import { createServer, type Server } from 'node:http';
import { messageOf } from '@kbisect/shared/errors';
import type { Logger } from '@kbisect/shared/log';
import { serveGit } from './git-backend.js';

/** The coordinator's HTTP door: the git endpoint, and a word for whoever looks in. */
export function httpDoor(repository: string, log: Logger): Server {
  return createServer((request, response) => {
    void (async () => {
      try {
        if (await serveGit(repository, request, response, log)) return;
        if (request.url === '/healthz') response.writeHead(200).end('ok\n');
        else response.writeHead(404).end('kbisect coordinator: git is at /git\n');
      } catch (error) {
        log.error({ err: error, url: request.url }, 'an HTTP request failed');
        if (!response.headersSent) response.writeHead(500);
        response.end(`${messageOf(error)}\n`);
      }
    })();
  });
}
