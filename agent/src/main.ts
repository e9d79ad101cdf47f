import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { availableParallelism, hostname, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { boundsOf } from '@kbisect/shared/cache/bounds';
import { openDiskCache, type DiskCache } from '@kbisect/shared/cache/disk-cache';
import { EmptyBlobStore } from '@kbisect/shared/cache/empty-blob-store';
import { ExistenceCachingBlobStore } from '@kbisect/shared/cache/existence-caching-blob-store';
import { ReadThroughBlobStore } from '@kbisect/shared/cache/read-through-blob-store';
import { openReapiEndpoint, type ReapiAddress } from '@kbisect/shared/cache/reapi-endpoint';
import { VerifyingBlobStore } from '@kbisect/shared/cache/verifying-blob-store';
import { systemClock } from '@kbisect/shared/clock';
import { lockDirectory } from '@kbisect/shared/directory-lock';
import { BuildTurnsClient } from '@kbisect/shared/gen/kbisect/v1/cache';
import { AgentSessionClient, type Capabilities } from '@kbisect/shared/gen/kbisect/v1/session';
import { agentName } from '@kbisect/shared/ids';
import { LeaderChannel } from '@kbisect/shared/leader-channel';
import { createLog } from '@kbisect/shared/log';
import { ARCHES, type Accelerator } from './boot/arch.js';
import { probeAccelerator } from './boot/probe.js';
import { readsShow } from './build/access-times.js';
import { CacheProxy } from './build/cache-proxy.js';
import { Ccache } from './build/ccache.js';
import { describeSandbox, probeSandbox, type Sandbox } from './build/sandbox.js';
import { probeToolchains, type Toolchain } from './build/toolchain.js';
import { canCompileFor, describeMissing, examineTools } from './doctor/tools.js';
import { becomeMember } from './identity/membership.js';
import { Patience } from './session/patience.js';
import { Session } from './session/session.js';
import { Mirror } from './source/mirror.js';
import { Artifacts } from './task/artifacts.js';
import { Slot } from './task/slot.js';
import { Slots } from './task/slots.js';

export interface AgentOptions {
  /** The coordinator's gRPC address, `host:port`; of several coordinators all, with commas between them. */
  readonly coordinator: string;
  /** Unique in the farm; the host's name when not given. */
  readonly name?: string;
  /** Tasks side by side. */
  readonly slots: number;
  /** Directory of everything that the agent keeps. */
  readonly workdir: string;
  readonly labels: Record<string, string>;
  /** Limit of the blobs that are kept near, below the work directory. */
  readonly cacheBytes: number;
  /** Somebody's cache that the farm keeps its blobs in; the coordinator's when not given. */
  readonly cache?: ReapiAddress;
  /** Lets the agent join a farm that it is not yet known in. */
  readonly token?: string;
}

const CHANNEL = {
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc.max_send_message_length': 16 * 1024 * 1024,
  // Without a ping a coordinator that was cut off would go unnoticed.
  'grpc.keepalive_time_ms': 5000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.keepalive_permit_without_calls': 1,
};

/**
 * Runs an agent until the signal is aborted.
 * @throws KbisectError when the work directory is in use by another agent, or the name is not one
 */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const log = createLog('agent');
  const name = agentName(options.name ?? hostname());
  const workdir = resolve(options.workdir);
  await mkdir(workdir, { recursive: true });
  const lock = await lockDirectory(workdir);
  const ended = new AbortController();
  let near: DiskCache | undefined;
  let objects: CacheProxy | undefined;
  let keeping: Promise<void> | undefined;
  const { coordinator, token } = options;
  const joining = { coordinator, name, directory: join(workdir, 'identity'), token };
  const member = await becomeMember(joining, systemClock, log).catch(async (error: unknown) => {
    await lock.close();
    throw error;
  });
  const channel = new LeaderChannel(coordinator, member.credentialsFor, CHANNEL);
  const own = { credentials: credentials.createInsecure(), options: { channelOverride: channel } };
  const to = [coordinator, own.credentials, own.options] as const;
  const clients = {
    session: new AgentSessionClient(...to),
    turns: new BuildTurnsClient(...to),
  };
  const endpoint = options.cache
    ? openReapiEndpoint(options.cache)
    : openReapiEndpoint({ address: coordinator, instance: '' }, own);
  try {
    keeping = member.keep(AbortSignal.any([signal, ended.signal]));
    const { capabilities, accelerators, toolchains, sandbox } = await probe(signal);
    log.info({ name, ...capabilities }, 'agent');

    const mirror = await Mirror.open(join(workdir, 'mirror'), member.git);
    near = await openDiskCache(join(workdir, 'cache'), boundsOf(options.cacheBytes), systemClock, log);
    const far = new VerifyingBlobStore(endpoint.blobs, systemClock, log);
    const artifacts = new Artifacts(
      new EmptyBlobStore(
        new ReadThroughBlobStore(near.blobs, new ExistenceCachingBlobStore(far, systemClock), log),
      ),
      endpoint.actions,
      clients.turns,
      new Patience(systemClock, log),
    );
    const slots: Slot[] = [];
    for (let n = 0; n < options.slots; n++) {
      slots.push(await Slot.open(join(workdir, `slot${n}`), mirror, artifacts));
    }
    // A slot may use the whole machine: builds have phases that only one processor can work on.
    const ccache = await Ccache.open(join(workdir, 'ccache'), toolchains);
    objects = await CacheProxy.listen(() => session.ccacheUrl, member.shown);
    const means = { accelerators, toolchains, sandbox, ccache, objects, readsShow: await readsShow(workdir) };
    if (!means.readsShow) log.warn({ workdir }, 'mounted with noatime: what builds consume cannot be told');
    const worker = new Slots(slots, { ...means, jobs: availableParallelism() });
    const identity = {
      name,
      incarnation: randomUUID(),
      slots: options.slots,
      labels: options.labels,
      capabilities,
    };
    const session = new Session(() => clients.session.connect(), identity, worker, systemClock, log);
    await session.serve(signal);
  } finally {
    ended.abort();
    await keeping;
    await objects?.close();
    await near?.files.close();
    endpoint.close();
    channel.close();
    await lock.close();
  }
}

/** What this machine can do, found by trying. */
async function probe(signal: AbortSignal): Promise<{
  capabilities: Capabilities;
  accelerators: ReadonlyMap<string, Accelerator>;
  toolchains: readonly Toolchain[];
  sandbox: Sandbox;
}> {
  const missing = (await examineTools()).filter(({ found }) => !found).map(describeMissing);
  const whole = missing.length === 0;
  const accelerators = new Map<string, Accelerator>();
  for (const arch of whole ? ARCHES : []) {
    if (!(await canCompileFor(arch))) continue;
    const accelerator = await probeAccelerator(arch, signal);
    if (accelerator !== undefined) accelerators.set(arch.name, accelerator);
  }
  const toolchains = whole ? await probeToolchains() : [];
  const sandbox = await probeSandbox();
  const capabilities: Capabilities = {
    arches: [...accelerators.keys()],
    compiler: toolchains[0]?.identity ?? '',
    accelerator: [...new Set(accelerators.values())].join(','),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    missing,
    toolchains: toolchains.map(({ name, family, version, identity, arch }) => ({
      name,
      family,
      version,
      identity,
      arch,
    })),
    sandbox: describeSandbox(sandbox),
  };
  return { capabilities, accelerators, toolchains, sandbox };
}
