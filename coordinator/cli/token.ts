import { KbisectError } from '@kbisect/shared/errors';
import type {
  CreateTokenResponse,
  Credential,
  ListCredentialsResponse,
  RevokeResponse,
} from '@kbisect/shared/gen/kbisect/v1/identity';
import { Connection } from './connection.js';
import { ownerOf } from './logins.js';
import { printable } from './printable.js';
import { table } from './table.js';

/** With whose right a token command works: the login at the coordinator, or that of the owner of a state directory. */
export interface TokenOptions {
  readonly state?: string;
}

export interface CreateOptions extends TokenOptions {
  readonly role: string;
  readonly ttl: number;
  readonly uses?: number;
  readonly name?: string;
}

/** Prints a new token. */
export async function createToken(coordinator: string, options: CreateOptions): Promise<void> {
  const { role, ttl: ttlSeconds, name = '' } = options;
  // Of agents each joins with a token of its own, unless it is said otherwise; people may be handed one for long.
  const uses = options.uses ?? (role === 'agent' ? 1 : 0);
  const { token } = await asOwner(coordinator, options, (connection) =>
    connection.call<CreateTokenResponse>((...rest) =>
      connection.identity.createToken({ role, ttlSeconds, uses, name }, ...rest),
    ),
  );
  process.stdout.write(`${token}\n`);
}

/** Lists tokens, logins and agents. */
export async function listTokens(
  coordinator: string,
  options: TokenOptions & { readonly json?: boolean },
): Promise<void> {
  const { credentials } = await asOwner(coordinator, options, (connection) =>
    connection.call<ListCredentialsResponse>((...rest) => connection.identity.listCredentials({}, ...rest)),
  );
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ credentials })}\n`);
    return;
  }
  process.stdout.write(table([['id', 'kind', 'role', 'name', 'until', 'uses', ''], ...credentials.map(row)]));
}

/** Ends a token, a login or an agent, and all that was traded for it. */
export async function revokeToken(coordinator: string, id: string, options: TokenOptions): Promise<void> {
  const { ids } = await asOwner(coordinator, options, (connection) =>
    connection.call<RevokeResponse>((...rest) => connection.identity.revoke({ id }, ...rest)),
  );
  process.stdout.write(`revoked: ${ids.map(printable).join(' ')}\n`);
}

async function asOwner<Result>(
  coordinator: string,
  { state }: TokenOptions,
  work: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  const owner = state === undefined ? undefined : await ownerOf(state);
  if (state !== undefined && owner === undefined) {
    throw new KbisectError(
      'not-found',
      `${state} is not the state of a coordinator that asks who calls, or is not yours to read`,
    );
  }
  const connection = await Connection.open(owner?.address ?? coordinator, owner);
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}

function row(one: Credential): string[] {
  const state = one.revoked ? 'revoked' : one.expiresAtMs <= Date.now() ? 'expired' : one.address;
  const until = new Date(one.expiresAtMs).toISOString().slice(0, 16);
  const uses = one.uses === undefined ? '' : String(one.uses);
  return [one.id, one.kind, one.role, one.name || '-', until, uses, state].map(printable);
}
