import type { ServerUnaryCall } from '@grpc/grpc-js';
import { KbisectError } from '@kbisect/shared/errors';
import type {
  Certificate,
  Credential as ProtoCredential,
  IdentityServer,
} from '@kbisect/shared/gen/kbisect/v1/identity';
import { bearerText, parseBearer, tokenText } from '@kbisect/shared/identity/token';
import { agentName } from '@kbisect/shared/ids';
import type { Logger } from '@kbisect/shared/log';
import type { Credential } from '../identity/credential.js';
import type { Identity } from '../identity/entrance.js';
import type { Gate } from '../identity/gate.js';
import type { LoginLimit } from '../identity/login-limit.js';
import { unary } from './handler.js';

/** What the identity service is made from. */
export interface IdentityParts {
  /** None where nobody is asked who they are. */
  readonly identity: Identity | undefined;
  readonly gate: Gate;
  readonly limit: LoginLimit;
  readonly now: () => number;
  readonly log: Logger;
}

/** Joining, logging in, and who may. */
export function identityService(parts: IdentityParts): IdentityServer {
  const { gate, limit, now, log } = parts;
  const known = (): Identity => {
    if (parts.identity !== undefined) return parts.identity;
    throw new KbisectError(
      'failed-precondition',
      'this coordinator listens on loopback alone and asks nobody who they are; start it with --listen and --http ' +
        'on an address that others reach',
    );
  };
  const certify = (publicKey: Buffer) => async (agent: Credential) => {
    const { id, name, expiresAt: expiresAtMs } = agent;
    const certificate = await known().authority.forAgent(publicKey, agentName(name), id, now(), expiresAtMs);
    return { certificate, expiresAtMs };
  };
  const addressOf = (call: ServerUnaryCall<unknown, unknown>) => gate.callerOf(call).address;

  return {
    join: unary(log, async (request, call): Promise<Certificate> => {
      const { credentials } = known();
      const name = agentName(request.agent);
      const made = await limit.attempt(addressOf(call), async () =>
        credentials.join(secretOf(request.token), name, addressOf(call), certify(request.publicKey)),
      );
      log.info({ agent: name, address: addressOf(call) }, 'agent joined');
      return made;
    }),

    renew: unary(log, async (request, call): Promise<Certificate> => {
      const { principal } = gate.callerOf(call);
      if (principal.kind !== 'agent') throw new KbisectError('permission-denied', 'this is for agents');
      return known().credentials.renew(principal.id, certify(request.publicKey));
    }),

    logIn: unary(log, async (request, call) => {
      const { credentials } = known();
      const { credential, secret } = await limit.attempt(addressOf(call), async () =>
        credentials.logIn(secretOf(request.token)),
      );
      const { name, role, expiresAt } = credential;
      log.info({ name, role, address: addressOf(call) }, 'logged in');
      return { secret: bearerText(secret), name, role, expiresAtMs: expiresAt };
    }),

    createToken: unary(log, async ({ role, ttlSeconds, uses, name }) => {
      const { credentials, fingerprint } = known();
      const wanted = { role, ttlMs: ttlSeconds * 1000, uses: uses === 0 ? undefined : uses, name };
      const { secret } = await credentials.create(wanted);
      log.info({ id: secret.id, role, name }, 'token created');
      return { token: tokenText({ ...secret, authority: fingerprint }), id: secret.id };
    }),

    listCredentials: unary(log, () => ({ credentials: known().credentials.list().map(shown) })),

    revoke: unary(log, async ({ id }) => {
      const ids = await known().credentials.revoke(id);
      log.info({ ids }, 'revoked');
      return { ids };
    }),
  };
}

function secretOf(token: string) {
  const secret = parseBearer(token);
  if (secret === undefined) throw new KbisectError('unauthenticated', 'that is not a token');
  return secret;
}

function shown(credential: Credential): ProtoCredential {
  const { id, kind, role, name, createdAt, expiresAt, uses, revoked, token = '', address = '' } = credential;
  return {
    id,
    kind,
    role,
    name,
    createdAtMs: createdAt,
    expiresAtMs: expiresAt,
    uses,
    revoked,
    token,
    address,
  };
}
