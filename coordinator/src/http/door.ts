import type { RequestListener, Server } from 'node:http';
import { messageOf } from '@kbisect/shared/errors';
import type { Logger } from '@kbisect/shared/log';
import { serveCache, type CacheDoorParts } from './cache-door.js';
import type { FarmMetrics } from '../metrics/farm-metrics.js';
import type { Gate } from '../identity/gate.js';
import { serveGit } from './git-backend.js';
import { serveRoutes, type Route } from './router.js';

/**
 * The coordinator's HTTP door: the git endpoint, the cache, figures, and the dashboard.
 * @param refusal why the cache and the dashboard are closed; undefined while it is open
 */
export function httpDoor(
  { gate, create }: { readonly gate: Gate; readonly create: (listener: RequestListener) => Server },
  repository: string,
  cache: CacheDoorParts,
  metrics: FarmMetrics,
  dashboard: readonly Route[],
  refusal: () => Error | undefined,
  log: Logger,
): Server {
  return create((request, response) => {
    void (async () => {
      try {
        if (!gate.admit(request, response)) return;
        if (await serveGit(repository, request, response, log)) return;
        const refused = refusal();
        if (refused === undefined && (await serveCache(cache, request, response))) return;
        if (refused === undefined && (await serveRoutes(dashboard, request, response))) return;
        if (request.url === '/metrics') {
          const text = await metrics.text();
          response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
        } else if (request.url === '/healthz') response.writeHead(200).end('ok\n');
        else if (refused) response.writeHead(503).end(`${messageOf(refused)}\n`);
        else response.writeHead(404).end('kbisect coordinator: git is at /git, blobs are at /cas/<sha256>\n');
      } catch (error) {
        log.error({ err: error, url: request.url }, 'an HTTP request failed');
        if (!response.headersSent) response.writeHead(500);
        response.end(`${messageOf(error)}\n`);
      }
    })();
  });
}
