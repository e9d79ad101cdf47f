import { Option } from 'commander';
import { address, defaultState, directory, wholeNumber } from '../arguments.js';

// Options that several commands have.

/** Where a coordinator serves gRPC, and is looked for. */
export const COORDINATOR = '127.0.0.1:7420';
const HTTP = '127.0.0.1:7421';

export function stateOption(): Option {
  return new Option('--state <dir>', 'where the farm keeps everything')
    .argParser(directory)
    .default(defaultState());
}

export function listenOption(): Option {
  return new Option('--listen <host:port>', 'gRPC').argParser(address).default(COORDINATOR);
}

export function httpOption(): Option {
  return new Option('--http <host:port>', 'git and HTTP').argParser(address).default(HTTP);
}

export function agentsOption(): Option {
  return new Option('--agents <n>', 'agents to start').argParser(wholeNumber(1, 256)).default(2);
}

/** @param what begins its description */
export function tokenOption(what: string): Option {
  return new Option('--token <token>', `${what}; better in the environment, where others do not see it`).env(
    'KBISECT_TOKEN',
  );
}

export function jsonOption(): Option {
  return new Option('--json', 'the last line of the output is one JSON object');
}

export function ciOption(): Option {
  return new Option(
    '--ci <file>',
    "for a pipeline: the end as JUnit's XML, and as an annotation in the output",
  );
}
