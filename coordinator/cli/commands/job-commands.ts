import { Argument, Option } from 'commander';
import { ciOption, jsonOption } from './common-options.js';
import type { Commands } from './commands.js';

/** What shows jobs and agents, and changes the course of a job. */
export function jobCommands(commands: Commands): void {
  commands
    .command('jobs', 'List the jobs.', 'jobs')
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => {
      await (await import('../jobs.js')).jobs(commands.farm, options);
      commands.done();
    });

  commands
    .command('job <id>', 'Show a job.', 'job 3f9a0c1b22')
    .addOption(jsonOption())
    .action(async (id: string, options: { json?: boolean }) => {
      await (await import('../job.js')).job(commands.farm, id, options);
      commands.done();
    });

  commands
    .command('watch <id>', 'Follow a job from its start to its end.', 'watch 3f9a0c1b22')
    .addOption(jsonOption())
    .addOption(ciOption())
    .action(async (id: string, options: { json?: boolean; ci?: string }) => {
      commands.end(await (await import('../watch.js')).watch(commands.farm, id, options));
    });

  commands
    .command(
      'log <id>',
      'Print the git bisect log of a job.',
      'log 3f9a0c1b22 > bisect.log && git bisect replay bisect.log',
    )
    .action(async (id: string) => {
      await (await import('../log.js')).log(commands.farm, id);
      commands.done();
    });

  commands
    .command(
      'report <id>',
      'Print what was found, and on what evidence: an e-mail to those whom it concerns.',
      'report 3f9a0c1b22 > report.eml',
    )
    .addOption(new Option('--json', 'for programs (docs/report.schema.json)').conflicts('html'))
    .option('--html', 'a page for browsers')
    .action(async (id: string, options: { json?: boolean; html?: boolean }) => {
      await (await import('../report.js')).report(commands.farm, id, options);
      commands.done();
    });

  commands
    .command(
      'bundle <id>',
      'Write all evidence of a job, with a script that shows the finding without a farm.',
      'bundle 3f9a0c1b22 -o finding.tar.zst',
    )
    .requiredOption('-o, --output <file>', 'the archive, .tar.zst')
    .action(async (id: string, { output }: { output: string }) => {
      await (await import('../bundle.js')).bundle(commands.farm, id, output);
      commands.done();
    });

  commands
    .command(
      'console <id> <commit>',
      'Print the consoles of the trials of a commit.',
      'console 3f9a0c1b22 8f2ac91b2c3d',
    )
    .action(async (id: string, commit: string) => {
      await (await import('../console.js')).consoles(commands.farm, id, commit);
      commands.done();
    });

  commands
    .command(
      'shell <id> <commit>',
      'Boot the image of a commit here, with a shell on this terminal.',
      'shell 3f9a0c1b22 8f2ac91b2c3d',
    )
    .action(async (id: string, commit: string) => {
      commands.end(await (await import('../shell.js')).shell(commands.farm, id, commit));
    });

  commands.command('cancel <id>', 'Stop a job.', 'cancel 3f9a0c1b22').action(async (id: string) => {
    await (await import('../cancel.js')).cancel(commands.farm, id);
    commands.done();
  });

  commands
    .command(
      'mark <id> <commit>',
      'Give the verdict on a commit by hand; it stands, whatever tests show.',
      'mark 3f9a0c1b22 8f2ac91b2c3d skip',
    )
    .addArgument(new Argument('<verdict>', 'what the commit is').choices(['old', 'new', 'skip']))
    .action(async (id: string, commit: string, verdict: 'old' | 'new' | 'skip') => {
      await (await import('../by-hand.js')).mark(commands.farm, id, commit, verdict);
      commands.done();
    });

  commands
    .command(
      'rerun <id> <commit>',
      'Try a commit again; what is known of it stays, a mark is lifted.',
      'rerun 3f9a0c1b22 8f2ac91b2c3d',
    )
    .action(async (id: string, commit: string) => {
      await (await import('../by-hand.js')).rerun(commands.farm, id, commit);
      commands.done();
    });

  commands
    .command('agents', 'List the agents and what they do.', 'agents')
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => {
      await (await import('../agents.js')).agents(commands.farm, options);
      commands.done();
    });
}
