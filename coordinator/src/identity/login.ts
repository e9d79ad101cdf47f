import { z } from 'zod';

/** What a person on some machine needs to call a coordinator as themselves. */
export const login = z.strictObject({
  /** gRPC, `host:port`. */
  address: z.string(),
  /** The only authority that is trusted there, PEM. */
  authority: z.string(),
  /** Goes with every call. */
  secret: z.string(),
  name: z.string(),
  role: z.string(),
});
export type Login = z.infer<typeof login>;
