/**
 * Runs inside of a build's sandbox, which has no network: `SOCKET PORT PROGRAM ARGUMENTS...` makes the agent's socket
 * reachable at the port of the sandbox's loopback, runs the program, and ends as it does.
 */
import { spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';

const [socket = '', port = '', program = '', ...args] = process.argv.slice(2);

const server = createServer((inner) => {
  const outer = connect(socket);
  inner.pipe(outer).pipe(inner);
  inner.on('error', () => outer.destroy());
  outer.on('error', () => inner.destroy());
});
// The program is told to end, and this ends with it.
process.on('SIGTERM', () => undefined);
server.listen(Number(port), '127.0.0.1', () => {
  const child = spawn(program, args, { stdio: 'inherit' });
  child.once('error', (error) => {
    process.stderr.write(`${program}: ${error.message}\n`);
    process.exit(127);
  });
  child.once('exit', (status) => process.exit(status ?? 137));
});
