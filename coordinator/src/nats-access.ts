import { readFile } from 'node:fs/promises';
import {
  credsAuthenticator,
  nkeyAuthenticator,
  usernamePasswordAuthenticator,
  type Authenticator,
  type TlsOptions,
} from '@nats-io/nats-core';
import { z } from 'zod';
import { KbisectError, messageOf } from '@kbisect/shared/errors';

/** Settings: whom we believe to be NATS servers, and what we show them; all but the user's name are paths. */
export const natsSettings = z
  .strictObject({
    /** PEM; with it only servers with a certificate of this authority are spoken to, over TLS. */
    ca: z.string().optional(),
    /** PEM, shown to servers that want one. */
    cert: z.string().optional(),
    key: z.string().optional(),
    /** A user by one of these: the `.creds` file of a JWT, the seed of an nkey, or a name and a password. */
    creds: z.string().optional(),
    nkey: z.string().optional(),
    user: z.string().optional(),
    passwordFile: z.string().optional(),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), 'cert and key, or none of them')
  .refine(({ ca, cert }) => ca !== undefined || cert === undefined, 'a cert is shown over TLS: ca is needed')
  .refine(
    ({ user, passwordFile }) => (user === undefined) === (passwordFile === undefined),
    'user and passwordFile, or none of them',
  )
  .refine(
    ({ creds, nkey, user }) => [creds, nkey, user].filter((one) => one !== undefined).length <= 1,
    'one of creds, nkey and user',
  );

/** How NATS is connected to: as who, and over TLS by whom. */
export interface NatsAccess {
  readonly tls?: TlsOptions;
  readonly authenticator?: Authenticator;
}

/** Reads the files that the settings name. @throws KbisectError `invalid-argument` naming one that cannot be read */
export async function readNatsAccess(settings: z.infer<typeof natsSettings>): Promise<NatsAccess> {
  const { ca, cert, key, creds, nkey, user, passwordFile } = settings;
  const tls: TlsOptions | undefined = ca === undefined ? undefined : { ca: await read(ca) };
  if (tls && cert !== undefined && key !== undefined)
    Object.assign(tls, { cert: await read(cert), key: await read(key) });
  let authenticator: Authenticator | undefined;
  if (creds !== undefined) authenticator = credsAuthenticator(Buffer.from(await read(creds)));
  else if (nkey !== undefined) authenticator = nkeyAuthenticator(Buffer.from((await read(nkey)).trim()));
  else if (user !== undefined && passwordFile !== undefined)
    authenticator = usernamePasswordAuthenticator(user, (await read(passwordFile)).trim());
  return { ...(tls && { tls }), ...(authenticator && { authenticator }) };
}

async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw new KbisectError('invalid-argument', `nats: ${path}: ${messageOf(error)}`);
  });
}
