import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { boundsOf, DEFAULT_BOUNDS, parseBytes, type Bounds } from '@kbisect/shared/cache/bounds';
import { KbisectError, messageOf } from '@kbisect/shared/errors';
import type { CachePlace } from './cache/open-cache.js';
import type { TlsSettings } from './identity/entrance.js';
import type { JournalPlace } from './journal/open-journal.js';
import { natsSettings, readNatsAccess, type NatsAccess } from './nats-access.js';
import type { Webhook } from './events/webhooks.js';
import { DEFAULT_TIMING, type Timing } from './scheduler/timing.js';

const seconds = z.number().positive().max(86_400);
/** Of a JetStream stream: as many servers keep it. */
const replicas = z.number().int().min(1).max(5).default(1);
const file = z.strictObject({
  /** How often an agent reports. */
  heartbeatSeconds: seconds.optional(),
  /** An agent not heard of for so long loses its leases. */
  leaseSeconds: seconds.optional(),
  /** How much the cache may keep. */
  cache: z
    .strictObject({
      /** Limit, like `200G`; the least recently used is evicted from 90 % of it on. */
      size: z.string().optional(),
      /** Of the disk, left free for others, like `2G`. */
      reserve: z.string().optional(),
      /** Somebody's cache that speaks the Remote Execution API; this machine's disk is then before it. */
      remote: z.strictObject({ address: z.string(), instance: z.string().default('') }).optional(),
      /** An object store of NATS JetStream; this machine's disk is then before it. */
      jetstream: z
        .strictObject({
          servers: z.string(),
          bucket: z
            .string()
            .regex(/^[\w-]{1,64}$/)
            .default('kbisect'),
          replicas,
        })
        .optional(),
    })
    .refine(
      ({ remote, jetstream }) => remote === undefined || jetstream === undefined,
      'remote or jetstream, not both',
    )
    .optional(),
  /**
   * Jobs in a stream of NATS JetStream instead of a file of this machine's; of all coordinators that share one, one leads.
   */
  journal: z.strictObject({ servers: z.string(), replicas }).optional(),
  /** Over TLS, whatever the address: by the lab's own certificate (PEM files), or the farm's for these names, too. */
  tls: z
    .strictObject({
      ca: z.string().optional(),
      cert: z.string().optional(),
      key: z.string().optional(),
      names: z.array(z.string().min(1).max(253)).max(100).default([]),
    })
    .refine(
      ({ ca, cert, key }) =>
        (ca === undefined) === (cert === undefined) && (cert === undefined) === (key === undefined),
      'ca, cert and key, or none of them',
    )
    .optional(),
  /**
   * Coordinators that share a journal over TLS share who may come in, too: sealed with what is in this file, 64 hexadecimal
   * digits, the same for all of them.
   */
  identity: z.strictObject({ secretFile: z.string() }).optional(),
  /** How all NATS servers that are named here are reached: over TLS, and as which user. */
  nats: natsSettings.default({}),
  /** NATS servers on whose subjects the events of jobs are published. */
  events: z.strictObject({ servers: z.string() }).optional(),
  /** Who is told when jobs begin and end; the secret is in a file of its own. */
  webhooks: z
    .array(z.strictObject({ url: z.url({ protocol: /^https?$/ }), secretFile: z.string() }))
    .optional(),
});

/** What a coordinator is told in its `--config` file. */
export interface Config {
  readonly timing: Timing;
  readonly bounds: Bounds;
  readonly cache: CachePlace;
  readonly journal: JournalPlace;
  readonly hooks: readonly Webhook[];
  /** NATS servers that are told of every event. */
  readonly events: { readonly servers: string; readonly access: NatsAccess } | undefined;
  readonly tls: TlsSettings | undefined;
  /** With what is in it the farm's identity is sealed where coordinators share it. */
  readonly secretFile: string | undefined;
}

/**
 * Reads a coordinator's `--config` file: JSON with the settings above, each optional.
 * @throws KbisectError `invalid-argument` naming the file and the setting that is wrong
 */
export async function readConfig(path: string | undefined): Promise<Config> {
  if (path === undefined) return configOf(file.parse({}), '');
  let text: unknown;
  try {
    text = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new KbisectError('invalid-argument', `${path}: ${messageOf(error)}`);
  }
  const parsed = file.safeParse(text);
  if (!parsed.success)
    throw new KbisectError('invalid-argument', `${path}: ${z.prettifyError(parsed.error)}`);
  return configOf(parsed.data, path);
}

async function configOf(settings: z.infer<typeof file>, path: string): Promise<Config> {
  const { heartbeatSeconds, leaseSeconds, cache = {}, webhooks = [] } = settings;
  const timing: Timing = {
    ...DEFAULT_TIMING,
    ...(heartbeatSeconds === undefined ? {} : { heartbeatMs: heartbeatSeconds * 1000 }),
    ...(leaseSeconds === undefined ? {} : { leaseMs: leaseSeconds * 1000 }),
  };
  if (timing.leaseMs < 2 * timing.heartbeatMs) {
    throw new KbisectError(
      'invalid-argument',
      `${path}: leaseSeconds must be at least twice heartbeatSeconds`,
    );
  }
  const hooks = await readHooks(webhooks, path);
  const access = await readNatsAccess(settings.nats);
  const journal: JournalPlace = settings.journal
    ? { kind: 'jetstream', ...settings.journal, access }
    : { kind: 'embedded' };
  return {
    timing,
    bounds: boundsFrom(cache, path),
    cache: placeFrom(cache, access),
    journal,
    hooks,
    events: settings.events && { ...settings.events, access },
    tls: settings.tls,
    secretFile: settings.identity?.secretFile,
  };
}

async function readHooks(
  hooks: readonly { readonly url: string; readonly secretFile: string }[],
  path: string,
): Promise<Webhook[]> {
  return Promise.all(
    hooks.map(async ({ url, secretFile }) => {
      const secret = await readFile(secretFile, 'utf8').catch((error: unknown) => {
        throw new KbisectError('invalid-argument', `${path}: webhooks: ${secretFile}: ${messageOf(error)}`);
      });
      if (secret.trim() === '')
        throw new KbisectError('invalid-argument', `${path}: webhooks: ${secretFile} is empty`);
      return { url, secret: secret.trim() };
    }),
  );
}

type CacheSettings = NonNullable<z.infer<typeof file>['cache']>;

function placeFrom({ remote, jetstream }: CacheSettings, access: NatsAccess): CachePlace {
  if (remote) return { kind: 'remote', ...remote };
  if (jetstream) return { kind: 'jetstream', ...jetstream, access };
  return { kind: 'disk' };
}

function boundsFrom(cache: CacheSettings, path: string): Bounds {
  try {
    const max = cache.size === undefined ? DEFAULT_BOUNDS.hardBytes : parseBytes(cache.size);
    return boundsOf(max, cache.reserve === undefined ? undefined : parseBytes(cache.reserve));
  } catch (error) {
    throw new KbisectError('invalid-argument', `${path}: cache: ${messageOf(error)}`);
  }
}
