import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { KbisectError } from '@kbisect/shared/errors';
import { agentName, type AgentName } from '@kbisect/shared/ids';
import type { Token } from '@kbisect/shared/identity/token';
import type { Principal } from './access.js';
import { role, type Credential } from './credential.js';
import type { IdentityStore, Kept, Revision } from './identity-store.js';

const DAY_MS = 86_400_000;
/** How long a person stays logged in. */
export const LOGIN_MS = 30 * DAY_MS;
/** An agent's certificate; it is renewed at half of it. */
export const AGENT_MS = 7 * DAY_MS;
/** What is over for so long is forgotten. */
const FORGET_MS = 30 * DAY_MS;
const MAX_TTL_MS = 3650 * DAY_MS;
/** Name of what a coordinator gives to its own machine's user; no token can have it. */
const OWNER = '@owner';
/** So often others may be faster with a change of theirs. */
const MAX_RIVALS = 20;

type Secret = Pick<Token, 'id' | 'secret'>;

/** A secret, and whose it is. */
export interface Issued {
  readonly credential: Credential;
  readonly secret: Secret;
}

/**
 * All tokens, logins and agents, kept before anybody is told, and as other coordinators of the farm last left them. Of secrets
 * there are hashes: they are random, so that a fast hash is a safe one.
 */
export class Credentials {
  #revoked: (ids: readonly string[]) => void = () => {};
  #tail: Promise<void> = Promise.resolve();
  #all: ReadonlyMap<string, Credential>;

  /** @param kept what the store has, and in which revision */
  constructor(
    private readonly store: IdentityStore,
    private kept: Kept,
    private revision: Revision,
    private readonly now: () => number,
  ) {
    this.#all = byId(kept);
  }

  /** Says who is told of credentials that are ended before their time. */
  onRevoked(tell: (ids: readonly string[]) => void): void {
    this.#revoked = tell;
  }

  /** Takes over what other coordinators change, until the signal is aborted. */
  async follow(signal: AbortSignal): Promise<void> {
    await this.store.watch(() => this.refresh(), signal);
  }

  /** Takes over what other coordinators have changed until now. */
  async refresh(): Promise<void> {
    return this.#inTurn(() => this.#reload());
  }

  list(): Credential[] {
    return [...this.#all.values()].sort((one, other) => one.createdAt - other.createdAt);
  }

  /** Makes a token. @throws KbisectError `invalid-argument` */
  async create(wanted: {
    readonly role: string;
    readonly ttlMs: number;
    readonly uses: number | undefined;
    readonly name: string;
  }): Promise<Issued> {
    const named = role.safeParse(wanted.role);
    if (!named.success) throw refuse(`a role is one of ${role.options.join(', ')}`);
    if (!(wanted.ttlMs > 0 && wanted.ttlMs <= MAX_TTL_MS)) throw refuse('a token lives for up to ten years');
    if (wanted.name !== '') agentName(wanted.name);
    const { uses } = wanted;
    return this.#change((all) =>
      add(
        all,
        {
          kind: 'token',
          role: named.data,
          name: wanted.name,
          expiresAt: this.now() + wanted.ttlMs,
          ...(uses === undefined ? {} : { uses }),
        },
        this.now(),
      ),
    );
  }

  /** Gives the owner of a coordinator's directory an admin's secret, in the place of the one before. */
  async issueToOwner(coordinator: string, ttlMs: number): Promise<Issued> {
    return this.#change((all) => {
      const others = [...all].filter(
        ([, one]) => one.name !== OWNER || (one.coordinator ?? coordinator) !== coordinator,
      );
      const owner = { kind: 'login', role: 'admin', name: OWNER, coordinator } as const;
      return add(new Map(others), { ...owner, expiresAt: this.now() + ttlMs }, this.now());
    });
  }

  /** Trades a person's token for a login. @throws KbisectError `unauthenticated`, which says no more than that */
  async logIn(presented: Secret): Promise<Issued> {
    return this.#change((all) => {
      const token = this.#tradable(all, presented);
      if (token.role === 'agent') throw refuse("this token lets an agent join: 'kbisect agent --token'");
      const left = used(all, token);
      const name = token.name === '' ? `${token.role}-${token.id}` : token.name;
      const login = { kind: 'login', role: token.role, name, token: token.id } as const;
      return add(left, { ...login, expiresAt: this.now() + LOGIN_MS }, this.now());
    });
  }

  /**
   * Trades a token for an agent's place in the farm; `certify` makes its certificate, before anything is written.
   * An agent that is there already is replaced only by who has a token for that very name.
   */
  async join<Made>(
    presented: Secret,
    name: AgentName,
    address: string,
    certify: (agent: Credential) => Promise<Made>,
  ): Promise<Made> {
    return this.#change(async (all) => {
      const token = this.#tradable(all, presented);
      if (token.role !== 'agent') throw refuse("this token is a person's: 'kbisect login'");
      if (token.name !== '' && token.name !== name)
        throw refuse(`this token is for the agent ${token.name} alone`);
      let left = used(all, token);
      for (const other of all.values()) {
        if (other.kind !== 'agent' || other.name !== name || !this.#alive(other)) continue;
        if (token.name === '') {
          throw new KbisectError(
            'permission-denied',
            `there is an agent ${name} already; replace it with a token for it: kbisect token create --role agent --name ${name}`,
          );
        }
        left = new Map([...left, [other.id, { ...other, revoked: true }]]);
      }
      const agent = { kind: 'agent', role: 'agent', name, address, token: token.id } as const;
      const [next, { credential }] = add(left, { ...agent, expiresAt: this.now() + AGENT_MS }, this.now());
      return [next, await certify(credential)];
    });
  }

  /** Lets an agent be one for longer. */
  async renew<Made>(id: string, certify: (agent: Credential) => Promise<Made>): Promise<Made> {
    return this.#change(async (all) => {
      const agent = all.get(id);
      if (agent?.kind !== 'agent' || !this.#alive(agent)) throw refused();
      const renewed = { ...agent, expiresAt: this.now() + AGENT_MS };
      return [new Map([...all, [id, renewed]]), await certify(renewed)];
    });
  }

  /** Ends a credential, and all that was traded for it; gives the ids of all of them. */
  async revoke(id: string): Promise<string[]> {
    return this.#change((all) => {
      const ids = [...all.values()].filter((one) => one.id === id || one.token === id).map((one) => one.id);
      if (ids.length === 0)
        throw new KbisectError('not-found', `there is no credential ${id}; see 'kbisect token list'`);
      const next = new Map(all);
      for (const each of ids) next.set(each, { ...all.get(each)!, revoked: true });
      return [next, ids];
    });
  }

  /** Who sends this secret with a call. A token that may be traded only so often is no such secret. */
  bearer(presented: Secret): Principal {
    const found = this.#all.get(presented.id);
    if (found === undefined || !isOf(presented, found) || !this.#alive(found)) return { kind: 'nobody' };
    if (found.uses !== undefined || found.role === 'agent') return { kind: 'nobody' };
    const name = found.name === '' ? `${found.role}-${found.id}` : found.name;
    return { kind: 'person', id: found.id, name, role: found.role };
  }

  /** Who has a certificate of this credential and calls from this address. */
  agent(id: string, name: string, address: string): Principal {
    const found = this.#all.get(id);
    const sure =
      found?.kind === 'agent' && found.name === name && found.address === address && this.#alive(found);
    return sure ? { kind: 'agent', id, name: agentName(name) } : { kind: 'nobody' };
  }

  #alive(one: Credential): boolean {
    return !one.revoked && one.expiresAt > this.now();
  }

  #tradable(all: ReadonlyMap<string, Credential>, presented: Secret): Credential {
    const token = all.get(presented.id);
    if (token?.kind !== 'token' || !isOf(presented, token) || !this.#alive(token) || token.uses === 0)
      throw refused();
    return token;
  }

  /** One change after the other, of what is there now, each kept before it counts. */
  async #change<Result>(
    make: (
      all: ReadonlyMap<string, Credential>,
    ) => [ReadonlyMap<string, Credential>, Result] | Promise<[ReadonlyMap<string, Credential>, Result]>,
  ): Promise<Result> {
    return this.#inTurn(async () => {
      for (let rivals = 0; rivals < MAX_RIVALS; rivals++) {
        await this.#reload();
        const [next, result] = await make(this.#all);
        const credentials = [...next.values()].filter(({ expiresAt }) => expiresAt + FORGET_MS > this.now());
        const kept = { ...this.kept, credentials };
        const revision = await this.store.write(kept, this.revision);
        if (revision !== undefined) {
          this.#take(kept, revision);
          return result;
        }
      }
      throw new KbisectError('unavailable', 'others change who may come in all the time; try again');
    });
  }

  async #reload(): Promise<void> {
    const there = await this.store.read();
    if (there === undefined)
      throw new KbisectError('unavailable', "the farm's identity is gone; restart all coordinators");
    if (there.revision !== this.revision) this.#take(there.kept, there.revision);
  }

  #take(kept: Kept, revision: Revision): void {
    const before = this.#all;
    this.#all = byId(kept);
    [this.kept, this.revision] = [kept, revision];
    const ended = kept.credentials.filter(({ id, revoked }) => revoked && before.get(id)?.revoked === false);
    this.#revoked(ended.map(({ id }) => id));
  }

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#tail.then(work);
    this.#tail = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }
}

function byId({ credentials }: Kept): ReadonlyMap<string, Credential> {
  return new Map(credentials.map((one) => [one.id, one]));
}

function add(
  all: ReadonlyMap<string, Credential>,
  rest: Omit<Credential, 'id' | 'hash' | 'createdAt' | 'revoked'>,
  now: number,
): [ReadonlyMap<string, Credential>, Issued] {
  const id = randomBytes(5).toString('hex');
  const secret = { id, secret: randomBytes(32).toString('base64url') };
  const proof = rest.kind === 'agent' ? {} : { hash: hashOf(secret) };
  const credential = { id, ...proof, ...rest, createdAt: now, revoked: false };
  return [new Map([...all, [id, credential]]), { credential, secret }];
}

function used(all: ReadonlyMap<string, Credential>, token: Credential): ReadonlyMap<string, Credential> {
  return token.uses === undefined ? all : new Map([...all, [token.id, { ...token, uses: token.uses - 1 }]]);
}

function hashOf({ secret }: Secret): string {
  return createHash('sha256').update(secret).digest('hex');
}

function isOf(presented: Secret, { hash }: Credential): boolean {
  return hash !== undefined && timingSafeEqual(Buffer.from(hashOf(presented)), Buffer.from(hash));
}

function refuse(reason: string): KbisectError {
  return new KbisectError('invalid-argument', reason);
}

/** One answer to all that is wrong with a token: who guesses learns nothing. */
function refused(): KbisectError {
  return new KbisectError(
    'unauthenticated',
    'the token is unknown, used up, expired or revoked; ask an admin for another one: kbisect token create',
  );
}
