import type { Line } from '@kbisect/agent/session/session';
import type { SessionCall } from '@kbisect/coordinator/rpc/session-service';
import type { AgentMessage, CoordinatorMessage } from '@kbisect/shared/gen/kbisect/v1/session';
import { Inbox } from './inbox.js';
import type { Chance } from './chance.js';
import type { VirtualTime } from './virtual-time.js';

/** Without an answer for so long a peer is taken for dead (the daemons' keepalive: 5 s, and 5 s). */
const KEEPALIVE_MS = 10_000;

/** How often messages go wrong, each in [0, 1). */
export interface NetworkFaults {
  readonly latencyMs: number;
  /** A message arrives twice. */
  readonly duplicate: number;
  /** A message overtakes those before it. */
  readonly overtake: number;
}

/** Who sees what is said on a connection. */
export interface Witness {
  agentSays(agent: string, message: AgentMessage): void;
  /** Gives the message as the coordinator gets it. */
  coordinatorHears(agent: string, message: AgentMessage): AgentMessage;
  coordinatorSays(agent: string, message: CoordinatorMessage): void;
}

/** One direction of a connection: in order, unless a fault says otherwise. */
class Direction<Message> {
  readonly inbox = new Inbox<Message>();
  /** What is sent from now on never arrives. */
  lost = false;
  /** The receiver has gone, or thinks that the sender has. */
  closed = false;
  #lastArrival = 0;

  constructor(
    private readonly network: Network,
    private readonly agent: string,
    private readonly arrive: (message: Message) => Message,
  ) {}

  send(message: Message): void {
    if (this.lost) return;
    const { faults, chance } = this.network;
    for (let copies = chance.happens(faults.duplicate) ? 2 : 1; copies > 0; copies--) {
      const soonest = this.network.arrival(this.agent);
      const overtakes = chance.happens(faults.overtake);
      const at = overtakes ? soonest : Math.max(soonest, this.#lastArrival);
      if (!overtakes) this.#lastArrival = at;
      this.network.time.after(at - this.network.time.now, () => {
        if (!this.closed) this.inbox.put(this.arrive(message));
      });
    }
  }

  close(error?: Error): void {
    if (this.closed) return;
    this.closed = true;
    this.inbox.end(error);
  }
}

/** A stream between an agent and the coordinator, with each end's own idea of whether it still stands. */
export class Connection {
  readonly #up: Direction<AgentMessage>;
  readonly #down: Direction<CoordinatorMessage>;

  constructor(
    private readonly network: Network,
    readonly agent: string,
    witness: Witness,
  ) {
    this.#up = new Direction(network, agent, (message) => witness.coordinatorHears(agent, message));
    this.#down = new Direction(network, agent, (message) => message);
    this.line = {
      write: (message) => {
        witness.agentSays(agent, message);
        this.#up.send(message);
      },
      cancel: () => this.#hungUp(),
      [Symbol.asyncIterator]: () => this.#down.inbox[Symbol.asyncIterator](),
    };
    this.call = {
      write: (message) => {
        if (this.#down.lost) return;
        witness.coordinatorSays(agent, message);
        this.#down.send(message);
      },
      end: () => this.ended(undefined),
      [Symbol.asyncIterator]: () => this.#up.inbox[Symbol.asyncIterator](),
    };
  }

  /** The agent's end. */
  readonly line: Line;
  /** The coordinator's end. */
  readonly call: SessionCall;

  get over(): boolean {
    return this.#up.closed && this.#down.closed;
  }

  get sound(): boolean {
    return !(this.#up.closed || this.#down.closed || this.#up.lost || this.#down.lost);
  }

  /** The agent could not connect. */
  refused(): void {
    this.#up.close();
    this.#down.close(new Error('connection refused'));
  }

  /** The coordinator ended the session; the agent hears of it after what was said before. */
  ended(error: Error | undefined): void {
    this.#up.close();
    this.#down.lost = true;
    this.#agentNotices(this.network.arrival(this.agent) - this.network.time.now + 5, error);
  }

  /** The agent's process died. */
  agentDied(): void {
    this.#down.close();
    this.#up.lost = true;
    this.#coordinatorNotices();
  }

  /** The coordinator's process died. */
  coordinatorDied(): void {
    this.#up.close();
    this.#down.lost = true;
    this.#agentNotices(this.network.noticed(), new Error('connection reset'));
  }

  /** The way between them breaks: from now on nothing arrives, and each end notices in its own time. */
  broken(): void {
    this.#up.lost = this.#down.lost = true;
    this.#agentNotices(this.network.noticed(), new Error('no answer to a ping'));
    this.#coordinatorNotices();
  }

  #hungUp(): void {
    if (this.#down.closed) return;
    this.#down.close();
    this.#up.lost = true;
    this.#coordinatorNotices();
  }

  #agentNotices(afterMs: number, error: Error | undefined): void {
    this.network.time.after(afterMs, () => this.#down.close(error));
  }

  #coordinatorNotices(): void {
    this.network.time.after(this.network.noticed(), () =>
      this.#up.close(new Error('the call was cancelled')),
    );
  }
}

/** What lies between agents and the coordinator. */
export class Network {
  readonly #cutUntil = new Map<string, number>();
  readonly #connections = new Set<Connection>();

  constructor(
    readonly time: VirtualTime,
    readonly chance: Chance,
    public faults: NetworkFaults,
    private readonly witness: Witness,
  ) {}

  /** @param accept takes the coordinator's end when it is reached; false when there is no coordinator */
  connect(agent: string, accept: (connection: Connection) => boolean): Connection {
    const connection = new Connection(this, agent, this.witness);
    for (const old of this.#connections) if (old.over) this.#connections.delete(old);
    this.#connections.add(connection);
    const at = this.arrival(agent);
    if (at - this.time.now > KEEPALIVE_MS) {
      this.time.after(KEEPALIVE_MS, () => connection.refused());
      return connection;
    }
    this.time.after(at - this.time.now, () => {
      if (!accept(connection)) connection.refused();
    });
    return connection;
  }

  /** When a message that is sent now arrives. */
  arrival(agent: string): number {
    const { now } = this.time;
    return (
      Math.max(now, this.#cutUntil.get(agent) ?? 0) + this.faults.latencyMs * this.chance.between(0.5, 2)
    );
  }

  /** How long an end takes to see that the other has gone: at once if told, else by its keepalive. */
  noticed(): number {
    return this.chance.happens(0.5) ? this.faults.latencyMs : this.chance.between(0, 1.5 * KEEPALIVE_MS);
  }

  /** Cuts an agent off. Its connections outlive a short cut; a long one breaks them. */
  cut(agent: string, ms: number): void {
    this.#cutUntil.set(agent, this.time.now + ms);
    if (ms > KEEPALIVE_MS) this.reset(agent);
  }

  /** Breaks an agent's connections. */
  reset(agent: string): void {
    for (const connection of this.#connections) if (connection.agent === agent) connection.broken();
  }

  /** Whether the agent can be spoken to, on a connection that neither end doubts. */
  stands(agent: string): boolean {
    if ((this.#cutUntil.get(agent) ?? 0) > this.time.now) return false;
    return [...this.#connections].some((each) => each.agent === agent && each.sound);
  }

  agentDied(agent: string): void {
    for (const connection of this.#connections) if (connection.agent === agent) connection.agentDied();
  }

  coordinatorDied(): void {
    for (const connection of this.#connections) connection.coordinatorDied();
  }
}
