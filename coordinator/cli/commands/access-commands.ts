import { Option } from 'commander';
import type { CreateOptions, TokenOptions } from '../token.js';
import { addresses, directory, duration, wholeNumber } from '../arguments.js';
import { jsonOption, tokenOption } from './common-options.js';
import type { Commands } from './commands.js';

/** What says who may come in. */
export function accessCommands(commands: Commands): void {
  commands
    .command(
      'login <addresses>',
      'Be known at a coordinator, or at all of a farm, by a token that an admin has made.',
      'login farm:7420 --token kbisect.0123456789...',
    )
    .addOption(tokenOption('the token'))
    .action(async (at: string, options: { token?: string }) => {
      await (await import('../login.js')).logIn(addresses(at), options.token);
      commands.done();
    });

  const token = commands.group('token', 'Say who may come in: people and agents.');
  const tokenCommand: typeof token = (...words) =>
    token(...words).addOption(
      new Option(
        '--state <dir>',
        "with the right of a coordinator's owner, who can read its state",
      ).argParser(directory),
    );
  tokenCommand(
    'create',
    'Print a token, to be traded for a login or a place as an agent.',
    'create --role agent --ttl 1h',
  )
    .addOption(
      new Option('--role <role>', 'what it lets one be')
        .choices(['agent', 'viewer', 'submitter', 'operator', 'admin'])
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--ttl <time>', 'how long it is good for, like 1h or 30d')
        .argParser(duration)
        .default(3600, '1h'),
    )
    .addOption(
      new Option(
        '--uses <n>',
        'how often it may be traded (default: 1 for an agent, else no limit)',
      ).argParser(wholeNumber(1, 1_000_000)),
    )
    .option('--name <name>', 'of the person, or of the only agent that may join with it')
    .action(async (options: CreateOptions) => {
      await (await import('../token.js')).createToken(commands.farm, options);
      commands.done();
    });
  tokenCommand('list', 'List tokens, logins and agents.', 'list')
    .addOption(jsonOption())
    .action(async (options: TokenOptions & { json?: boolean }) => {
      await (await import('../token.js')).listTokens(commands.farm, options);
      commands.done();
    });
  tokenCommand(
    'revoke <id>',
    'End a token, login or agent, and all that was traded for it.',
    'revoke 3f9a0c1b22',
  ).action(async (id: string, options: TokenOptions) => {
    await (await import('../token.js')).revokeToken(commands.farm, id, options);
    commands.done();
  });
}
