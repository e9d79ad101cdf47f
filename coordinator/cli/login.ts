import { Metadata } from '@grpc/grpc-js';
import { KbisectError } from '@kbisect/shared/errors';
import { IdentityClient, type LogInResponse } from '@kbisect/shared/gen/kbisect/v1/identity';
import { authorityOf } from '@kbisect/shared/identity/authority';
import { channelOptions, personChannel } from '@kbisect/shared/identity/secure-channel';
import { parseToken } from '@kbisect/shared/identity/token';
import { unaryCall } from '@kbisect/shared/status';
import { keepLogin } from './logins.js';
import { printable } from './printable.js';

const CALL_MS = 30_000;

/** Trades a token for a login at a coordinator, and keeps it. */
export async function logIn(address: string, token: string | undefined): Promise<void> {
  if (token === undefined)
    throw new KbisectError(
      'invalid-argument',
      'a token is needed: --token, or KBISECT_TOKEN in the environment',
    );
  const authority = await authorityOf(address, parseToken(token).authority);
  const client = new IdentityClient(address, personChannel(address, authority), channelOptions(address));
  try {
    const { secret, name, role, expiresAtMs } = await unaryCall<LogInResponse>((done) =>
      client.logIn({ token }, new Metadata(), { deadline: Date.now() + CALL_MS }, done),
    );
    const path = await keepLogin({ address, authority, secret, name, role });
    const until = new Date(expiresAtMs).toISOString().slice(0, 10);
    process.stdout.write(
      `${printable(name)} is logged in at ${address} as ${printable(role)} until ${until}; kept in ${path}\n`,
    );
  } finally {
    client.close();
  }
}
