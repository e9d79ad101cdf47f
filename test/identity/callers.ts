import { X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { Client, status, type ChannelCredentials } from '@grpc/grpc-js';
import { Authority } from '@kbisect/coordinator/identity/certificates';
import { ROLES, type Principal } from '@kbisect/coordinator/identity/access';
import { channelOptions, personChannel, type Shown } from '@kbisect/shared/identity/secure-channel';
import { agentName } from '@kbisect/shared/ids';
import { newKey, type GuardedFarm } from './guarded-farm.js';

/** Somebody who knocks, with what they show, and what the farm should take them for. */
export interface Caller {
  readonly who: string;
  readonly principal: Principal;
  readonly shown?: Shown;
  readonly bearer?: string;
}

/** Everybody that the table is about. */
export async function callersAt(farm: GuardedFarm): Promise<Caller[]> {
  const nobody = { kind: 'nobody' } as const;
  const agent = (name: string) => ({ kind: 'agent', id: '', name: agentName(name) }) as const;
  const bearer = (token: string) => token.split('.').slice(0, 3).join('.');
  const people: Caller[] = [];
  for (const role of ROLES) {
    const { token, id } = await farm.token({ role, name: `the-${role}` });
    people.push({ who: role, principal: { kind: 'person', id, name: role, role }, bearer: bearer(token) });
  }
  const expired = await farm.token({ role: 'admin', ttlSeconds: 0.001 });
  const revoked = await farm.token({ role: 'admin' });
  await farm.revoke(revoked.id);
  const limited = await farm.token({ role: 'admin', uses: 5 });
  const ofAgents = await farm.token({ role: 'agent', uses: 0 });

  const [one, other] = [await farm.join('agent-one'), await farm.join('agent-two')];
  const ticket = await farm.token({ role: 'agent', uses: 1 });
  const gone = await farm.join('agent-gone', ticket.token);
  await farm.revoke(ticket.id);
  const idOfOne = /OU=(\w+)/.exec(new X509Certificate(one.certificate).subject)?.[1] ?? '';
  const late = await farm.forge('agent-one', idOfOne, Date.now() - 1000);
  const renamed = await farm.forge('agent-two', idOfOne, Date.now() + 60_000);
  const foreign = await Authority.make(Date.now());
  const { key, publicKey } = newKey();
  const name = agentName('agent-one');
  const certificate = await foreign.forAgent(publicKey, name, idOfOne, Date.now(), Date.now() + 60_000);
  const strange = await foreign.forCoordinator('another', Date.now());
  const { authority } = one;
  return [
    { who: 'nobody', principal: nobody },
    { who: 'expired token', principal: nobody, bearer: bearer(expired.token) },
    { who: 'revoked token', principal: nobody, bearer: bearer(revoked.token) },
    { who: 'token that has to be traded', principal: nobody, bearer: bearer(limited.token) },
    { who: "agents' token", principal: nobody, bearer: bearer(ofAgents.token) },
    { who: 'wrong secret', principal: nobody, bearer: `kbisect.${expired.id}.${'A'.repeat(43)}` },
    { who: 'expired certificate', principal: nobody, shown: late },
    { who: 'revoked agent', principal: nobody, shown: gone },
    { who: 'certificate of another authority', principal: nobody, shown: { key, certificate, authority } },
    { who: 'certificate of one agent with the name of another', principal: nobody, shown: renamed },
    ...people,
    { who: 'agent', principal: agent('agent-one'), shown: one },
    { who: 'another coordinator', principal: { kind: 'coordinator' }, shown: await farm.coordinator() },
    { who: 'coordinator of another farm', principal: nobody, shown: { ...strange, authority } },
    { who: 'another agent', principal: agent('agent-two'), shown: other },
  ];
}

/** gRPC as this caller; to be closed. */
export function clientOf(farm: GuardedFarm, { shown, bearer }: Caller): Client {
  const channel: ChannelCredentials = shown
    ? farm.channelOf(shown)
    : personChannel(farm.grpc, farm.owner.authority, bearer);
  return new Client(farm.grpc, channel, {
    ...channelOptions(farm.grpc),
    'grpc.use_local_subchannel_pool': 1,
  });
}

const LIMIT_MS = 20_000;

/** Whether the gate lets a call through; what the service says to the empty message is no matter. */
export async function isLetIn(client: Client, path: string): Promise<boolean> {
  const bytes = (value: Buffer) => value;
  // On the wire a unary call is a stream of one message.
  const call = client.makeBidiStreamRequest(path, bytes, bytes, { deadline: Date.now() + LIMIT_MS });
  return new Promise((resolve, reject) => {
    call.on('error', () => undefined);
    call.on('data', () => {
      resolve(true);
      call.cancel();
    });
    call.on('status', ({ code, details }) => {
      if (code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED)
        reject(new Error(`${path}: ${details}`));
      const refused =
        (code === status.UNAUTHENTICATED && details.startsWith('the farm does not know who calls')) ||
        (code === status.PERMISSION_DENIED && / is not for /.test(details));
      resolve(!refused);
    });
    call.write(Buffer.alloc(0));
    call.end();
  });
}

/** The status of an HTTP request as this caller. */
export async function answered(
  farm: GuardedFarm,
  { shown, bearer }: Caller,
  method: string,
  path: string,
  more: { readonly localAddress?: string; readonly headers?: Record<string, string> } = {},
): Promise<number> {
  const headers: Record<string, string> = { connection: 'close', ...more.headers };
  if (bearer !== undefined) headers['authorization'] = `Bearer ${bearer}`;
  const { authority: ca } = farm.owner;
  const tls = shown ? { ca, cert: shown.certificate, key: shown.key } : { ca };
  const { localAddress } = more;
  const from = localAddress === undefined ? {} : { localAddress };
  return new Promise((resolve, reject) => {
    const asked = request(
      `https://${farm.http}${path}`,
      { method, headers, ...tls, ...from, agent: false },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}
