import { z } from 'zod';
import { ROLES } from './access.js';

export const role = z.enum([...ROLES, 'agent']);

export const credential = z.strictObject({
  id: z.string(),
  kind: z.enum(['token', 'login', 'agent']),
  role,
  /** Of a person, or an agent; of an agent's token the one agent that may join with it, or empty. */
  name: z.string(),
  /** SHA-256 of the secret, hex; an agent's is its key. */
  hash: z.string().optional(),
  createdAt: z.number(),
  expiresAt: z.number(),
  /** How often a token may still be traded; absent for any number of times. */
  uses: z.number().int().min(0).optional(),
  revoked: z.boolean(),
  /** The token that a login or an agent was traded for. */
  token: z.string().optional(),
  /** Where an agent joined from: it is not believed to be anywhere else. */
  address: z.string().optional(),
  /** Of a coordinator's owner: the coordinator's id. */
  coordinator: z.string().optional(),
});

/** A right to come in: a token that is handed over, or what it was traded for. */
export type Credential = Readonly<z.infer<typeof credential>>;
