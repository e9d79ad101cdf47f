import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Server, type ServerCredentials } from '@grpc/grpc-js';
import { decodeBuildRecord } from '@kbisect/shared/build-record';
import { blobName } from '@kbisect/shared/cache/blob-name';
import { ByteStreamDefinition } from '@kbisect/shared/cache/byte-stream';
import { DoorStatistics } from '@kbisect/shared/cache/door-statistics';
import { MeteredActionCache } from '@kbisect/shared/cache/metered-action-cache';
import { MeteredBlobStore } from '@kbisect/shared/cache/metered-blob-store';
import { wholeBlob } from '@kbisect/shared/cache/whole-blob';
import { systemClock } from '@kbisect/shared/clock';
import { lockDirectory } from '@kbisect/shared/directory-lock';
import { KbisectError, messageOf } from '@kbisect/shared/errors';
import {
  ActionCacheService,
  CapabilitiesService,
  ContentAddressableStorageService,
} from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import { BuildTurnsService, CacheCareService } from '@kbisect/shared/gen/kbisect/v1/cache';
import { FarmService } from '@kbisect/shared/gen/kbisect/v1/farm';
import { IdentityService } from '@kbisect/shared/gen/kbisect/v1/identity';
import { AgentSessionService } from '@kbisect/shared/gen/kbisect/v1/session';
import type { CommitId, JobId } from '@kbisect/shared/ids';
import type { BlobRef, JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import { createLog, type Logger } from '@kbisect/shared/log';
import { NotLeaderError } from '@kbisect/shared/not-leader';
import { cacheStat } from './cache/cache-stat.js';
import { JobPins } from './cache/job-pins.js';
import { openCache, type OpenCache } from './cache/open-cache.js';
import { PeoplePins } from './cache/people-pins.js';
import { readConfig } from './config.js';
import { coordinatorId } from './coordinator-id.js';
import { Dispatcher } from './dispatcher.js';
import { NatsEvents } from './events/nats-events.js';
import { Traces } from './events/traces.js';
import { Webhooks } from './events/webhooks.js';
import { loginRoutes } from './http/dashboard/login.js';
import { dashboardRoutes } from './http/dashboard/routes.js';
import { httpDoor } from './http/door.js';
import { NamedValues } from './http/named-values.js';
import { openEntrance } from './identity/entrance.js';
import { LoginLimit } from './identity/login-limit.js';
import { openJournal } from './journal/open-journal.js';
import { commitsOfChecks, commitsOfJob, commitsOfSpec } from './leadership/commits-named.js';
import { openCluster, type Cluster } from './leadership/open-cluster.js';
import { makeChecks } from './make-checks.js';
import { FarmMetrics } from './metrics/farm-metrics.js';
import { connectNats } from './nats.js';
import { readChanges } from './read-changes.js';
import { ObservedJournal } from './journal/observed-journal.js';
import { Repository } from './repository.js';
import { actionService } from './rpc/cache/action-service.js';
import { careService } from './rpc/cache/care-service.js';
import { byteStreamService } from './rpc/cache/byte-stream-service.js';
import { capabilitiesService } from './rpc/cache/capabilities-service.js';
import { storageService } from './rpc/cache/storage-service.js';
import { turnsService } from './rpc/cache/turns-service.js';
import { Turns } from './rpc/cache/turns.js';
import { Uploads } from './rpc/cache/uploads.js';
import { farmService } from './rpc/farm-service.js';
import { identityService } from './rpc/identity-service.js';
import { leaderOnly } from './rpc/leader-only.js';
import { LiveConsoles } from './rpc/live-consoles.js';
import { reachableUrl } from './rpc/reachable-url.js';
import { sessionService } from './rpc/session-service.js';
import { addStandardServices } from './rpc/standard-services.js';
import { Farm } from './scheduler/farm.js';
import { SlotHistory } from './slot-history.js';

export interface CoordinatorOptions {
  /** Directory of everything that the coordinator keeps. */
  readonly state: string;
  /** Where gRPC is served, `host:port`; port 0 takes a free one. */
  readonly listen: string;
  /** Where HTTP is served, `host:port`; port 0 takes a free one. */
  readonly http: string;
  /** The gRPC address that the others are told, `host:port`, where it is not the one that is listened on. */
  readonly advertise?: string;
  /** JSON file with settings. */
  readonly config?: string;
}

const VERSION = '0.1.0';
const GRPC_OPTIONS = {
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc.max_send_message_length': 16 * 1024 * 1024,
  // A peer that does not answer a ping is gone.
  'grpc.keepalive_time_ms': 5000,
  'grpc.keepalive_timeout_ms': 5000,
};

/**
 * Runs a coordinator until the signal is aborted. One that has lost the lead begins anew, with nothing in memory, and waits
 * for the next chance.
 * @throws KbisectError when the state directory is in use, an address cannot be had, or the journal is broken
 */
export async function runCoordinator(options: CoordinatorOptions, signal: AbortSignal): Promise<void> {
  const log = createLog('coordinator');
  for (;;) {
    try {
      await serve(options, log, signal);
      return;
    } catch (error) {
      if (!(error instanceof NotLeaderError) || signal.aborted) throw error;
      log.warn('the lead is lost; beginning anew');
    }
  }
}

/** @throws NotLeaderError when the lead is lost */
async function serve(options: CoordinatorOptions, log: Logger, signal: AbortSignal): Promise<void> {
  const {
    timing,
    bounds,
    hooks,
    events: eventPlace,
    tls,
    secretFile,
    ...places
  } = await readConfig(options.config);
  await mkdir(options.state, { recursive: true });
  /** What was opened, to be closed in the opposite order. */
  const opened: (() => Promise<void> | void)[] = [];
  const closing = new AbortController();
  try {
    // The state has one owner.
    const lock = await lockDirectory(options.state);
    opened.push(() => lock.close());

    const now = () => systemClock.now();

    const newId = () => randomUUID().replace('-', '').slice(0, 10);

    // What is kept.
    const repository = await Repository.open(join(options.state, 'git'));
    const cacheDirectory = join(options.state, 'cache');
    const cache = await openCache(places.cache, cacheDirectory, bounds, systemClock, log);
    opened.push(() => cache.close());
    const { disk } = cache.disk;
    const { blobs } = cache;
    const pins = await PeoplePins.open(cacheDirectory, disk);
    const kept = await openJournal(places.journal, options.state);
    opened.push(() => kept.close());

    // Who may come in.
    const coordinator = { ...options, id: await coordinatorId(options.state) };
    const entrance = await openEntrance(coordinator, { tls, secretFile }, kept.shared, now, log);
    const { gate, identity, scheme } = entrance;

    // What is told of it.
    const jobPins = new JobPins(disk);
    const history = new SlotHistory();
    const doors = { grpc: new DoorStatistics('gRPC'), http: new DoorStatistics('HTTP') };
    const farm = new Farm(timing, newId);
    const metrics = new FarmMetrics({ farm, files: cache.disk.files, doors: Object.values(doors), now });
    const webhooks = new Webhooks(hooks, log, closing.signal);
    opened.push(() => webhooks.settled());
    const nats = eventPlace && (await connectNats(eventPlace.servers, eventPlace.access));
    if (nats) opened.push(() => nats.drain());
    const natsEvents = nats && new NatsEvents(nats);
    const traces = Traces.fromEnvironment(VERSION);
    if (traces) opened.push(() => traces.close());
    const journal = new ObservedJournal(kept.journal, (job, events) => {
      jobPins.take(job, events);
      history.take(job, events);
      for (const event of events) {
        metrics.happened(event);
        webhooks.happened(job, event);
        if (farm.jobs.get(job)?.spec.private !== true) natsEvents?.happened(job, event);
        if (traces && event.fact?.$case === 'ended') {
          kept.journal.read(job).then(
            (all) => traces.ended(job, all),
            (error: unknown) => log.warn({ err: error, job }, 'no trace of the job'),
          );
        }
      }
    });

    // What decides, and the shell around it. It ends with the signal, with the lead, and when its state cannot be trusted.
    const readText = async (digest: string, size: number) =>
      (await wholeBlob(blobs, blobName(digest, size))).toString('utf8');
    const ended = new AbortController();
    const stop = AbortSignal.any([signal, ended.signal, closing.signal]);
    let cluster: Cluster | undefined = undefined as Cluster | undefined;
    /** What is needed of the repository by jobs that came with the lead. */
    const needed = new Map<JobId, CommitId[]>();
    const dispatcher = new Dispatcher(
      farm,
      {
        journal,
        snapshots: kept.snapshots,
        readRange: async (spec, cancel, job) => {
          await cluster?.peers?.bring(needed.get(job) ?? [], cancel);
          return repository.readRange(spec, cancel);
        },
        readChanges: (graph, outside, cancel) => readChanges(repository.git, graph, outside, cancel),
        readRecord: async ({ digest, size }) =>
          decodeBuildRecord(await wholeBlob(blobs, blobName(digest, size))),
        readSuspects: async (spec, graph, { digest, size }, cancel) => {
          const console = await wholeBlob(blobs, blobName(digest, size));
          return repository.suspectsIn(console.toString('utf8'), spec, graph, cancel);
        },
        makeChecks: async (job, spec, question, cancel) => {
          const read = async ({ digest, size }: BlobRef) => readText(digest, size);
          const made = await makeChecks(repository.git, job, spec, question, read, cancel);
          if (made.kind === 'checks') await cluster?.peers?.share(commitsOfChecks(made.checks), cancel);
          return made;
        },
        clock: systemClock,
        log,
        fail: (error) => ended.abort(error),
      },
      stop,
    );
    opened.push(() => dispatcher.settled());
    const followed = identity?.credentials.follow(stop);
    opened.push(() => followed);

    // The doors. Behind them is nothing while another coordinator leads.
    let leads = false;
    const refusal = () => {
      const leader = cluster?.leadership.leader;
      return leads ? undefined : new NotLeaderError(leader === reached.address ? undefined : leader);
    };
    const viaHttp = meteredCache(cache, doors.http);
    const values = new NamedValues(viaHttp.actions, viaHttp.blobs, join(cacheDirectory, 'tmp'));
    const consoles = new LiveConsoles();
    const watched = { dispatcher, journal, repository, consoles, readText };
    const stat = () => cacheStat(cache.disk, Object.values(doors), pins);
    const limit = new LoginLimit(now);
    const pages = await dashboardRoutes({ ...watched, gate, history, cacheStat: stat });
    const dashboard = [...pages, ...loginRoutes(identity, gate, limit)];
    const served = { blobs: viaHttp.blobs, sizes: disk, values };
    const http = httpDoor(
      { gate, create: entrance.createHttp },
      repository.git.directory,
      served,
      metrics,
      dashboard,
      refusal,
      log,
    );
    opened.push(() => closeHttp(http));
    const httpAddress = await listenHttp(http, options.http);
    const gitUrl = `${scheme}://${httpAddress}/git`;
    const grpc = new Server({ ...GRPC_OPTIONS, interceptors: [leaderOnly(refusal), gate.interceptor] });
    opened.push(() => grpc.forceShutdown());
    const share = async (spec: JobSpec) => cluster?.peers?.share(commitsOfSpec(spec), stop);
    const parts = { ...watched, share, gate, newId, gitUrl, version: VERSION, log };
    const ccacheUrl = `${scheme}://${httpAddress}/ac`;
    const welcome = { heartbeatSeconds: timing.heartbeatMs / 1000, gitUrl, ccacheUrl };
    const viaGrpc = meteredCache(cache, doors.grpc);
    const uploads = new Uploads(viaGrpc.blobs, systemClock);
    const givingUp = uploads.watch(stop);
    opened.push(() => givingUp);
    grpc.addService(FarmService, farmService(parts));
    grpc.addService(AgentSessionService, sessionService({ dispatcher, consoles, gate, welcome, log }));
    grpc.addService(IdentityService, identityService({ identity, gate, limit, now, log }));
    grpc.addService(ByteStreamDefinition, byteStreamService(viaGrpc.blobs, uploads, systemClock, log));
    grpc.addService(ContentAddressableStorageService, storageService(viaGrpc.blobs, log));
    grpc.addService(ActionCacheService, actionService(viaGrpc.actions, viaGrpc.blobs, log));
    grpc.addService(CacheCareService, careService(cache.disk, Object.values(doors), pins, log));
    grpc.addService(BuildTurnsService, turnsService(new Turns(), log));
    grpc.addService(CapabilitiesService, capabilitiesService(bounds.hardBytes, log));
    const health = await addStandardServices(grpc);
    const grpcAddress = await listenGrpc(grpc, options.listen, entrance.grpc);
    await identity?.letOwnerIn(grpcAddress);

    // Who leads. Whatever was written before is known to whoever does.
    const address = options.advertise ?? namedAddress(grpcAddress);
    const reached = { id: coordinator.id, address, gitUrl: reachableUrl(gitUrl, address) };
    cluster = await openCluster(kept, reached, repository.git, entrance.peerTls, log);
    const { leadership, peers } = cluster;
    const keptUp = peers?.keepUp(() => leadership.leader, stop);
    opened.push(() => keptUp);
    const words = `kbisect coordinator: gRPC ${grpcAddress}, HTTP ${httpAddress}\n`;
    const atOnce = await leadership.attempt();
    if (atOnce === undefined) {
      process.stdout.write(words);
      log.info({ leader: leadership.leader }, 'another coordinator leads');
    }
    const term =
      atOnce ??
      (await leadership.campaign(stop).catch((error: unknown) => {
        if (!stop.aborted) throw error;
      }));
    if (term === undefined) return;
    const { over, token } = term;
    opened.push(() => term.resign());
    over.addEventListener('abort', () => ended.abort(new NotLeaderError(undefined)), { once: true });
    await journal.fence(token);
    await identity?.credentials.refresh();
    await dispatcher.resume((found) => {
      const { job, snapshot } = found;
      if (snapshot) {
        jobPins.restore(snapshot.kept);
        history.recall(job, snapshot, now());
        return;
      }
      jobPins.take(job, found.events);
      history.take(job, found.events);
      if (peers) needed.set(job, commitsOfJob(found.events));
    });
    leads = true;
    health.leads();
    log.info({ token }, 'leading');
    if (atOnce) process.stdout.write(words);

    await dispatcher.keepTime();
    log.info('stopping');
    if (signal.aborted || !ended.signal.aborted) return;
    const reason: unknown = ended.signal.reason;
    // Somebody else writes to what only the leader does.
    if (peers && reason instanceof KbisectError && reason.code === 'failed-precondition')
      log.warn(reason.message);
    else throw reason;
    throw new NotLeaderError(undefined);
  } finally {
    closing.abort();
    for (const close of opened.reverse()) await close();
  }
}

/** The cache as one door sees it, which counts what passes. */
function meteredCache({ blobs, actions }: OpenCache, door: DoorStatistics) {
  return { blobs: new MeteredBlobStore(blobs, door), actions: new MeteredActionCache(actions, door) };
}

async function listenGrpc(server: Server, address: string, credentials: ServerCredentials): Promise<string> {
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error) reject(cannotListen('gRPC', address, error));
      else resolve(bound);
    });
  });
  return address.replace(/:\d+$/, `:${port}`);
}

/** An address as others may use it: this machine's name where all of its addresses are listened on. */
function namedAddress(address: string): string {
  return address.replace(/^(?:0\.0\.0\.0|\[::\]):/, `${hostname()}:`);
}

async function listenHttp(server: HttpServer, address: string): Promise<string> {
  const { hostname, port } = new URL(`http://${address}`);
  server.listen({ host: hostname, port: Number(port || 80) });
  try {
    await once(server, 'listening');
  } catch (error) {
    throw cannotListen('HTTP', address, error);
  }
  return `${hostname}:${(server.address() as AddressInfo).port}`;
}

async function closeHttp(server: HttpServer): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

function cannotListen(what: string, address: string, cause: unknown): KbisectError {
  return new KbisectError('failed-precondition', `cannot serve ${what} on ${address}: ${messageOf(cause)}`, {
    cause,
  });
}
