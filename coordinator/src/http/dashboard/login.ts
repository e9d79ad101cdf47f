import { z } from 'zod';
import { KbisectError } from '@kbisect/shared/errors';
import { bearerText, parseBearer } from '@kbisect/shared/identity/token';
import { LOGIN_MS } from '../../identity/credentials.js';
import type { Identity } from '../../identity/entrance.js';
import { COOKIE, type Gate } from '../../identity/gate.js';
import type { LoginLimit } from '../../identity/login-limit.js';
import { answerJson, bodyOf, type Route } from '../router.js';

const loginRequest = z.object({ token: z.string() });
/** Scripts cannot read it, and no other site's page has it sent. */
const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Strict';

/** A browser's login: it trades a token for a cookie. */
export function loginRoutes(identity: Identity | undefined, gate: Gate, limit: LoginLimit): Route[] {
  return [
    {
      method: 'POST',
      path: '/login',
      serve: async ({ request, response }) => {
        const read = loginRequest.safeParse(await bodyOf(request));
        if (!read.success) throw new KbisectError('invalid-argument', z.prettifyError(read.error));
        const { token } = read.data;
        if (identity === undefined)
          throw new KbisectError('failed-precondition', 'this farm asks nobody who they are: go on');
        const { address } = gate.requesterOf(request);
        const { credential, secret } = await limit.attempt(address, async () => {
          const presented = parseBearer(token.trim());
          if (presented === undefined) throw new KbisectError('unauthenticated', 'that is not a token');
          return identity.credentials.logIn(presented);
        });
        response.setHeader(
          'set-cookie',
          `${COOKIE}=${bearerText(secret)}; Max-Age=${LOGIN_MS / 1000}; ${ATTRIBUTES}`,
        );
        answerJson(response, { name: credential.name, role: credential.role });
      },
    },
    {
      method: 'POST',
      path: '/logout',
      serve: ({ response }) => {
        response.setHeader('set-cookie', `${COOKIE}=; Max-Age=0; ${ATTRIBUTES}`);
        answerJson(response, {});
      },
    },
  ];
}
