import { credentials, Metadata } from '@grpc/grpc-js';
import { KbisectError } from '@kbisect/shared/errors';
import { IdentityClient, type LogInResponse } from '@kbisect/shared/gen/kbisect/v1/identity';
import { authorityOf } from '@kbisect/shared/identity/authority';
import { personChannel } from '@kbisect/shared/identity/secure-channel';
import { parseToken } from '@kbisect/shared/identity/token';
import { LeaderChannel } from '@kbisect/shared/leader-channel';
import { unaryCall } from '@kbisect/shared/status';
import { keepLogin } from './logins.js';
import { printable } from './printable.js';

const CALL_MS = 30_000;

/**
 * Trades a token for a login, and keeps it.
 * @param addresses `host:port` of the coordinator, or of each, with commas between them
 */
export async function logIn(addresses: string, token: string | undefined): Promise<void> {
  if (token === undefined)
    throw new KbisectError(
      'invalid-argument',
      'a token is needed: --token, or KBISECT_TOKEN in the environment',
    );
  const authority = await authorityOf(addresses, parseToken(token).authority);
  const channel = new LeaderChannel(addresses, (address) => personChannel(address, authority), {});
  const client = new IdentityClient(addresses, credentials.createInsecure(), { channelOverride: channel });
  try {
    const { secret, name, role, expiresAtMs } = await channel.ask(async () =>
      unaryCall<LogInResponse>((done) =>
        client.logIn({ token }, new Metadata(), { deadline: Date.now() + CALL_MS }, done),
      ),
    );
    const paths: string[] = [];
    for (const address of addresses.split(','))
      paths.push(await keepLogin({ address, authority, secret, name, role }));
    const until = new Date(expiresAtMs).toISOString().slice(0, 10);
    process.stdout.write(
      `${printable(name)} is logged in at ${addresses} as ${printable(role)} until ${until}; kept in ${paths.join(', ')}\n`,
    );
  } finally {
    client.close();
  }
}
