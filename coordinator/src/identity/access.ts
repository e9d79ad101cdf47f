import type { AgentName } from '@kbisect/shared/ids';

/** What people may be, each more than the one before. */
export const ROLES = ['viewer', 'submitter', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Who calls. */
export type Principal =
  /** Without a credential, or with one that is not, or no longer, good. */
  | { readonly kind: 'nobody' }
  /** Somebody on this machine, where the coordinator listens on loopback alone. */
  | { readonly kind: 'local' }
  | { readonly kind: 'person'; readonly id: string; readonly name: string; readonly role: Role }
  | { readonly kind: 'agent'; readonly id: string; readonly name: AgentName }
  /** Another coordinator of the farm. */
  | { readonly kind: 'coordinator' };

/** Who may: people from this role on, agents, coordinators, or everybody. */
interface Allowed {
  readonly people?: Role;
  readonly agents?: true;
  readonly coordinators?: true;
  readonly everybody?: true;
}

const everybody: Allowed = { everybody: true };
const agents: Allowed = { agents: true };
const viewers: Allowed = { people: 'viewer' };
const submitters: Allowed = { people: 'submitter' };
const operators: Allowed = { people: 'operator' };
const admins: Allowed = { people: 'admin' };
const viewersAndAgents: Allowed = { people: 'viewer', agents: true };
const submittersAndAgents: Allowed = { people: 'submitter', agents: true };
/** Commits, which coordinators bring each other. */
const fetchers: Allowed = { people: 'viewer', agents: true, coordinators: true };
const pushers: Allowed = { people: 'submitter', coordinators: true };

/**
 * Who may call what. What is not in here is denied to all. What a call may then do to which job, or say of which
 * lease, is decided where it is served: see `jobs.ts` and the session.
 */
export const CALLS: ReadonlyMap<string, Allowed> = new Map(
  Object.entries({
    // The token is the proof.
    '/kbisect.v1.Identity/Join': everybody,
    '/kbisect.v1.Identity/LogIn': everybody,
    '/kbisect.v1.Identity/Renew': agents,
    '/kbisect.v1.Identity/CreateToken': admins,
    '/kbisect.v1.Identity/ListCredentials': admins,
    '/kbisect.v1.Identity/Revoke': admins,

    '/kbisect.v1.Farm/GetInfo': viewers,
    '/kbisect.v1.Farm/ListJobs': viewers,
    '/kbisect.v1.Farm/GetJob': viewers,
    '/kbisect.v1.Farm/Watch': viewers,
    '/kbisect.v1.Farm/GetLog': viewers,
    '/kbisect.v1.Farm/GetReport': viewers,
    '/kbisect.v1.Farm/GetConsole': viewers,
    '/kbisect.v1.Farm/ListAgents': viewers,
    '/kbisect.v1.Farm/Submit': submitters,
    '/kbisect.v1.Farm/Cancel': submitters,
    '/kbisect.v1.Farm/Mark': submitters,
    '/kbisect.v1.Farm/Rerun': submitters,

    '/kbisect.v1.AgentSession/Connect': agents,
    '/kbisect.v1.BuildTurns/Take': agents,

    // Images and consoles are read by whoever knows their digest; reproducers and configurations come from submitters.
    '/google.bytestream.ByteStream/Read': viewersAndAgents,
    '/google.bytestream.ByteStream/Write': submittersAndAgents,
    '/google.bytestream.ByteStream/QueryWriteStatus': submittersAndAgents,
    '/build.bazel.remote.execution.v2.Capabilities/GetCapabilities': viewersAndAgents,
    '/build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs': viewersAndAgents,
    '/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchReadBlobs': viewersAndAgents,
    '/build.bazel.remote.execution.v2.ContentAddressableStorage/GetTree': viewersAndAgents,
    '/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchUpdateBlobs': submittersAndAgents,
    '/build.bazel.remote.execution.v2.ActionCache/GetActionResult': viewersAndAgents,
    // What a recipe gives is believed by every later job: it is said by those who build.
    '/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult': agents,

    '/kbisect.v1.CacheCare/Stat': viewers,
    '/kbisect.v1.CacheCare/Collect': operators,
    '/kbisect.v1.CacheCare/Verify': operators,
    '/kbisect.v1.CacheCare/Pin': operators,
    '/kbisect.v1.CacheCare/Unpin': operators,

    // Load balancers ask without a credential, and are told no more than that.
    '/grpc.health.v1.Health/Check': everybody,
    '/grpc.health.v1.Health/Watch': everybody,
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo': viewers,
    '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': viewers,
  }),
);

/** A route of the HTTP door: methods, what its path and query look like, and who may. The first that fits counts. */
export interface Route {
  readonly methods: readonly string[];
  readonly pattern: RegExp;
  readonly allowed: Allowed;
}

const READ = ['GET', 'HEAD'];

/** As `CALLS`, of HTTP. */
export const ROUTES: readonly Route[] = [
  { methods: READ, pattern: /^\/healthz$/, allowed: everybody },
  { methods: READ, pattern: /^\/metrics$/, allowed: viewers },
  // A push, and what is asked before one.
  { methods: ['GET'], pattern: /^\/git\/info\/refs\?.*receive-pack/, allowed: pushers },
  { methods: ['POST'], pattern: /^\/git\/git-receive-pack$/, allowed: pushers },
  { methods: ['GET'], pattern: /^\/git\/info\/refs(\?|$)/, allowed: fetchers },
  { methods: ['POST'], pattern: /^\/git\/git-upload-pack$/, allowed: fetchers },
  { methods: READ, pattern: /^\/cas\/[^/]+$/, allowed: viewersAndAgents },
  { methods: ['PUT'], pattern: /^\/cas\/[^/]+$/, allowed: submittersAndAgents },
  { methods: READ, pattern: /^\/ac\/.+$/, allowed: viewersAndAgents },
  { methods: ['PUT'], pattern: /^\/ac\/.+$/, allowed: agents },

  // The dashboard: what its pages are made of tells nothing; the token is the proof.
  { methods: ['GET'], pattern: /^\/(login|favicon\.ico|static\/[^/]+)$/, allowed: everybody },
  { methods: ['POST'], pattern: /^\/(login|logout)$/, allowed: everybody },
  { methods: ['GET'], pattern: /^\/(jobs|cache)?$/, allowed: viewers },
  { methods: ['GET'], pattern: /^\/jobs\/[^/]+(\/report)?$/, allowed: viewers },
  { methods: ['GET'], pattern: /^\/api\/.+$/, allowed: viewers },
  { methods: ['POST'], pattern: /^\/api\/jobs\/[^/]+\/(cancel|mark|rerun)$/, allowed: submitters },
];

/** Whether this caller may make a call, by its path `/package.Service/Method`. */
export function mayCall(caller: Principal, path: string): boolean {
  return permits(CALLS.get(path), caller);
}

/** Whether this caller may make an HTTP request. */
export function mayRequest(caller: Principal, method: string, url: string): boolean {
  return permits(routeOf(method, url)?.allowed, caller);
}

/** The route that a request takes. */
export function routeOf(method: string, url: string): Route | undefined {
  return ROUTES.find(({ methods, pattern }) => methods.includes(method) && pattern.test(url));
}

/** Whether a person may do what this role may. */
export function atLeast(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

function permits(allowed: Allowed | undefined, caller: Principal): boolean {
  if (caller.kind === 'local') return true;
  if (allowed === undefined) return false;
  if (allowed.everybody) return true;
  switch (caller.kind) {
    case 'nobody':
      return false;
    case 'agent':
      return allowed.agents === true;
    case 'coordinator':
      return allowed.coordinators === true;
    case 'person':
      return allowed.people !== undefined && atLeast(caller.role, allowed.people);
  }
}
