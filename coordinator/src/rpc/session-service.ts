import { KbisectError } from '@kbisect/shared/errors';
import { agentName, type AgentName } from '@kbisect/shared/ids';
import type {
  AgentMessage,
  AgentSessionServer,
  CoordinatorMessage,
  Welcome,
} from '@kbisect/shared/gen/kbisect/v1/session';
import { LABEL_KEY, LABEL_VALUE, MAX_LABELS } from '@kbisect/shared/label';
import type { Logger } from '@kbisect/shared/log';
import type { AgentLine, Dispatcher } from '../dispatcher.js';
import type { Principal } from '../identity/access.js';
import type { Gate } from '../identity/gate.js';
import type { LiveConsoles } from './live-consoles.js';
import { streaming } from './handler.js';
import { reachableUrl } from './reachable-url.js';

/**
 * The version of the session protocol that this coordinator speaks, and that of agents which were not yet updated. 2: who fails
 * says whether it is unfit.
 */
export const PROTOCOL = 2;
const PROTOCOL_BEFORE = PROTOCOL - 1;
/** So many messages of a session are taken in while they are not durable; then it is read no further. */
const MAX_UNWRITTEN = 8;

/** An agent's stream, as gRPC gives it. */
export interface SessionCall extends AsyncIterable<AgentMessage> {
  write(message: CoordinatorMessage): unknown;
  end(): unknown;
}

/** What a session is held with. */
export interface SessionParts {
  readonly dispatcher: Dispatcher;
  readonly consoles: LiveConsoles;
  readonly welcome: Welcome;
  readonly log: Logger;
}

export function sessionService(parts: SessionParts & { readonly gate: Gate }): AgentSessionServer {
  const { gitUrl, ccacheUrl } = parts.welcome;
  return {
    connect: streaming(parts.log, (call) => {
      const reached = (url: string) => reachableUrl(url, call.getHost());
      const welcome = { ...parts.welcome, gitUrl: reached(gitUrl), ccacheUrl: reached(ccacheUrl) };
      return holdSession(call, { ...parts, welcome }, parts.gate.callerOf(call).principal);
    }),
  };
}

/**
 * Holds an agent's session: what it says becomes the scheduler's inputs, its effects go back on the same stream.
 * @param caller by whom it is held: an agent speaks for itself alone
 * @throws KbisectError that the agent is to be told of
 */
export async function holdSession(
  call: SessionCall,
  { dispatcher, consoles, welcome, log }: SessionParts,
  caller: Principal,
): Promise<void> {
  const messages = call[Symbol.asyncIterator]();
  const first = await messages.next();
  const hello = first.done ? undefined : first.value.kind;
  if (hello?.$case !== 'hello') throw new KbisectError('invalid-argument', 'a session begins with a hello');
  const { protocol } = hello.value;
  if (protocol !== PROTOCOL && protocol !== PROTOCOL_BEFORE) {
    throw new KbisectError(
      'failed-precondition',
      `this coordinator speaks protocols ${PROTOCOL_BEFORE} and ${PROTOCOL}, the agent ${protocol}; install the same version`,
    );
  }
  const agent = agentName(hello.value.name);
  if (caller.kind !== 'local' && !(caller.kind === 'agent' && caller.name === agent)) {
    throw new KbisectError('permission-denied', `this certificate is not that of the agent ${agent}`);
  }
  checkLabels(hello.value.labels);
  const { incarnation } = hello.value;
  const line: AgentLine = { send: (kind) => void call.write({ kind }) };
  line.send({ $case: 'welcome', value: welcome });
  // Offers may follow from the hello itself, so the line is there first; a refused hello gives it back.
  const previous = dispatcher.connect(agent, line);
  try {
    await dispatcher.post({ kind: 'hello', hello: hello.value });
  } catch (error) {
    dispatcher.connect(agent, previous);
    throw error;
  }
  log.info({ agent, incarnation, slots: hello.value.slots }, 'agent connected');
  const unwritten: Promise<void>[] = [];
  try {
    for (let next = await messages.next(); !next.done; next = await messages.next()) {
      // What was under way when a later session began is said again on that one.
      if (!dispatcher.speaksOn(agent, line)) break;
      const written = receive(agent, next.value, dispatcher, consoles);
      if (written) unwritten.push(written);
      if (unwritten.length > MAX_UNWRITTEN) await unwritten.shift();
    }
  } finally {
    if (dispatcher.disconnect(agent, line)) {
      log.info({ agent, incarnation }, 'agent gone');
      await dispatcher.post({ kind: 'gone', agent, incarnation });
    }
  }
  call.end();
}

/** @throws KbisectError `invalid-argument` for labels that `kbisect agent` does not give */
function checkLabels(labels: Readonly<Record<string, string>>): void {
  const entries = Object.entries(labels);
  const wrong = entries.find(([key, value]) => !LABEL_KEY.test(key) || !LABEL_VALUE.test(value));
  if (wrong === undefined && entries.length <= MAX_LABELS) return;
  const what =
    wrong === undefined
      ? `has more than ${MAX_LABELS} labels`
      : `has a label that is none: ${JSON.stringify(wrong[0].slice(0, 80))}`;
  throw new KbisectError('invalid-argument', `the agent ${what}`);
}

/** Gives when it is durable, if it is to be written at all. */
function receive(
  agent: AgentName,
  { kind }: AgentMessage,
  dispatcher: Dispatcher,
  consoles: LiveConsoles,
): Promise<void> | undefined {
  switch (kind?.$case) {
    case 'heartbeat':
      return dispatcher.take({
        kind: 'heartbeat',
        agent,
        leases: kind.value.leases,
        trees: kind.value.trees,
      });
    case 'accept':
      return kind.value.lease && dispatcher.take({ kind: 'accept', agent, lease: kind.value.lease });
    case 'progress':
      return dispatcher.take({ kind: 'progress', agent, progress: kind.value });
    case 'console':
      if (dispatcher.farm.leases.held(agent, kind.value.lease))
        consoles.append(kind.value.lease?.lease ?? '', kind.value.data);
      return undefined;
    case 'build':
      return dispatcher.take({ kind: 'build', agent, result: kind.value });
    case 'trial':
      consoles.forget(kind.value.lease?.lease ?? '');
      return dispatcher.take({ kind: 'trial', agent, result: kind.value });
    case 'task':
      consoles.forget(kind.value.lease?.lease ?? '');
      return dispatcher.take({ kind: 'task', agent, result: kind.value });
    case 'drain':
      return dispatcher.take({ kind: 'drain', agent });
    case 'hello':
      throw new KbisectError('invalid-argument', 'a second hello in one session');
    case undefined:
      return undefined; // a message of a later version
  }
}
