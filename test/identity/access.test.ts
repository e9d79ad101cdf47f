import { X509Certificate } from 'node:crypto';
import { CALLS, mayCall, mayRequest, ROUTES, routeOf } from '@kbisect/coordinator/identity/access';
import { ByteStreamDefinition } from '@kbisect/shared/cache/byte-stream';
import * as reapi from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import * as cache from '@kbisect/shared/gen/kbisect/v1/cache';
import * as farmApi from '@kbisect/shared/gen/kbisect/v1/farm';
import * as identity from '@kbisect/shared/gen/kbisect/v1/identity';
import * as session from '@kbisect/shared/gen/kbisect/v1/session';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answered, callersAt, clientOf, isLetIn, type Caller } from './callers.js';
import { GuardedFarm } from './guarded-farm.js';

// Over real TLS, of a real coordinator: everybody tries everything.

let farm: GuardedFarm;
let callers: Caller[];

beforeAll(async () => {
  farm = await GuardedFarm.start();
  callers = await callersAt(farm);
});
afterAll(() => farm.close());

/** Paths of all methods of the services that a generated module has. */
function methodsOf(module: object): string[] {
  const services = Object.entries(module).filter(([name]) => name.endsWith('Service'));
  return services.flatMap(([, service]) =>
    Object.values(service as Record<string, { path: string }>).map(({ path }) => path),
  );
}

const served = [
  ...[farmApi, session, cache, identity].flatMap(methodsOf),
  ...methodsOf({ ByteStreamService: ByteStreamDefinition }),
  ...methodsOf({
    ActionCacheService: reapi.ActionCacheService,
    StorageService: reapi.ContentAddressableStorageService,
    CapabilitiesService: reapi.CapabilitiesService,
  }),
  '/grpc.health.v1.Health/Check',
  '/grpc.health.v1.Health/Watch',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
];

const HASH = 'a'.repeat(64);
const REQUESTS: readonly (readonly [method: string, path: string])[] = [
  ['GET', '/healthz'],
  ['HEAD', '/healthz'],
  ['GET', '/metrics'],
  ['HEAD', '/metrics'],
  ['GET', '/git/info/refs?service=git-upload-pack'],
  ['POST', '/git/git-upload-pack'],
  ['GET', '/git/info/refs?service=git-receive-pack'],
  ['POST', '/git/git-receive-pack'],
  ['GET', `/cas/${HASH}`],
  ['HEAD', `/cas/${HASH}`],
  ['PUT', `/cas/${HASH}`],
  ['GET', '/ac/some/key'],
  ['HEAD', '/ac/some/key'],
  ['PUT', '/ac/some/key'],
  ['GET', '/login'],
  ['POST', '/login'],
  ['GET', '/'],
  ['GET', '/jobs/none'],
  ['GET', '/api/jobs'],
  ['POST', '/api/jobs/none/mark'],
];
/** What nobody may, an admin neither. */
const NOTHING: readonly (readonly [method: string, path: string])[] = [
  ['DELETE', `/cas/${HASH}`],
  ['POST', `/cas/${HASH}`],
  ['OPTIONS', `/cas/${HASH}`],
  ['DELETE', '/ac/some/key'],
  ['GET', '/cas/../git/config'],
  ['GET', '/git/config'],
  ['GET', '/git/objects/info/packs'],
  ['GET', '/git/HEAD'],
  ['PUT', '/git/git-receive-pack'],
  ['GET', '/identity/owner.json'],
  ['GET', '/%2e%2e/identity/owner.json'],
  ['TRACE', '/healthz'],
  ['GET', '/no/such/route'],
];

describe('the table of who may call what', () => {
  it('has every method of every service, and nothing else', () => {
    expect([...CALLS.keys()].sort()).toEqual([...served].sort());
  });

  it('is what every call of everybody meets', async () => {
    const wrong: string[] = [];
    let tried = 0;
    for (const caller of callers) {
      const client = clientOf(farm, caller);
      for (const path of served) {
        const expected = mayCall(caller.principal, path);
        tried += 1;
        if ((await isLetIn(client, path)) !== expected)
          wrong.push(`${caller.who} ${expected ? 'may' : 'may not'} call ${path}`);
      }
      client.close();
    }
    expect(wrong).toEqual([]);
    expect(tried).toBe(callers.length * served.length);
  });

  it.each(['nobody', 'revoked token', 'expired certificate', 'certificate of another authority'])(
    'lets %s do no more than be asked for a token, and see that the farm lives',
    async (who) => {
      const client = clientOf(
        farm,
        callers.find((caller) => caller.who === who)!,
      );
      const may: string[] = [];
      for (const path of served) if (await isLetIn(client, path)) may.push(path.replace(/.*\./, ''));
      client.close();
      expect(may.sort()).toEqual(['Health/Check', 'Health/Watch', 'Identity/Join', 'Identity/LogIn']);
    },
  );

  it('lets a viewer change nothing', () => {
    const changes =
      /Submit|Cancel|Mark|Rerun|Write|Update|Pin|Unpin|Collect|Verify|Create|Revoke|Connect|Take|Renew/;
    const viewer = callers.find(({ who }) => who === 'viewer')!;
    expect(served.filter((path) => mayCall(viewer.principal, path) && changes.test(path))).toEqual([]);
  });

  it('has a request of the test for every route of HTTP', () => {
    for (const route of ROUTES)
      for (const method of route.methods)
        expect(
          REQUESTS.some(([tried, path]) => tried === method && routeOf(tried, path) === route),
          `${method} ${route.pattern.source}`,
        ).toBe(true);
  });

  it('is what every HTTP request of everybody meets', async () => {
    const wrong: string[] = [];
    for (const caller of callers) {
      for (const [method, path] of REQUESTS) {
        const status = await answered(farm, caller, method, path);
        const denied = caller.principal.kind === 'nobody' ? 401 : 403;
        const expected = mayRequest(caller.principal, method, path);
        if (expected ? [401, 403].includes(status) : status !== denied)
          wrong.push(`${caller.who}: ${method} ${path}: ${status}`);
      }
      for (const [method, path] of NOTHING) {
        const status = await answered(farm, caller, method, path);
        const denied = caller.principal.kind === 'nobody' ? 401 : 404;
        if (status !== denied) wrong.push(`${caller.who}: ${method} ${path}: ${status}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('knows everybody by what they show, and no certificate is one that another agent has', () => {
    const certificates = callers.flatMap(({ shown }) =>
      shown ? [new X509Certificate(shown.certificate)] : [],
    );
    expect(new Set(certificates.map(({ serialNumber }) => serialNumber)).size).toBe(certificates.length);
  });
});
