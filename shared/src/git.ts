import { access } from 'node:fs/promises';
import { KbisectError } from './errors.js';
import { commitId, treeId, type CommitId, type TreeId } from './ids.js';
import { commandFailed, run, runText, type Command } from './process.js';

/** What a user may write where a revision is asked for; never an option. */
function revision(text: string): string {
  if (text === '' || text.startsWith('-') || text.includes('\0') || text.includes('\n')) {
    throw new KbisectError('invalid-argument', `${JSON.stringify(text)} is not a revision`);
  }
  return text;
}

/** The environment in which git never asks, never runs hooks of the user's, and speaks English. */
export function gitEnvironment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ADVICE: '0',
    LC_ALL: 'C',
  };
}

/** Whom git believes over HTTPS, and what it shows there; paths of PEM files, and headers. */
export interface GitTls {
  readonly authority: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly header?: string;
}

/** An environment in which git does so, whatever the user has set; unlike its arguments, other users cannot read it. */
export function gitEnvironmentFor(tls: GitTls | undefined): NodeJS.ProcessEnv {
  if (tls === undefined) return gitEnvironment();
  const settings = [
    ['http.sslVerify', 'true'],
    ['http.followRedirects', 'false'],
    ...(tls.header === undefined ? [] : [['http.extraHeader', tls.header]]),
  ];
  const named = settings.flatMap(([name, value], at) => [
    [`GIT_CONFIG_KEY_${at}`, name],
    [`GIT_CONFIG_VALUE_${at}`, value],
  ]);
  return {
    ...gitEnvironment(),
    ...(Object.fromEntries(named) as NodeJS.ProcessEnv),
    GIT_CONFIG_COUNT: String(settings.length),
    GIT_SSL_NO_VERIFY: undefined,
    GIT_SSL_CAINFO: tls.authority,
    GIT_SSL_CERT: tls.certificate,
    GIT_SSL_KEY: tls.key,
  };
}

/** A git repository on this machine, spoken to through the git program. */
export class Git {
  constructor(readonly directory: string) {}

  /** Makes an empty bare repository when there is none yet. */
  static async initBare(directory: string): Promise<Git> {
    await runText({
      program: 'git',
      args: ['init', '--quiet', '--bare', '--', directory],
      env: gitEnvironment(),
    });
    return new Git(directory);
  }

  /** @throws KbisectError `invalid-argument` when the directory is not in a git repository. */
  static async open(directory: string): Promise<Git> {
    try {
      await access(directory);
    } catch {
      throw new KbisectError('invalid-argument', `${directory}: no such directory`);
    }
    const git = new Git(directory);
    const done = await run(git.command(['rev-parse', '--git-dir']));
    if (done.status !== 0) throw new KbisectError('invalid-argument', `${directory} is not a git repository`);
    return git;
  }

  /** A git command in this repository, to be run by the caller. */
  command(args: readonly string[], more: Partial<Command> = {}): Command {
    return { program: 'git', args: ['-C', this.directory, ...args], env: gitEnvironment(), ...more };
  }

  /** Runs git and gives its standard output as text. */
  async text(args: readonly string[], more: Partial<Command> = {}): Promise<string> {
    return runText(this.command(args, more));
  }

  /** @throws KbisectError `invalid-argument` when the revision names no commit here. */
  async resolveCommit(text: string): Promise<CommitId> {
    const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision(text)}^{commit}`];
    const done = await run(this.command(args));
    const id = done.stdout.toString('utf8').trim();
    if (done.status !== 0 || id === '') {
      throw new KbisectError(
        'invalid-argument',
        `unknown revision ${JSON.stringify(text)} in ${this.directory}`,
      );
    }
    return commitId(id);
  }

  async hasCommit(commit: CommitId): Promise<boolean> {
    return (await run(this.command(['cat-file', '-e', `${commit}^{commit}`]))).status === 0;
  }

  async treeOf(commit: CommitId): Promise<TreeId> {
    return treeId(await this.text(['rev-parse', '--verify', `${commit}^{tree}`]));
  }

  async subject(commit: CommitId): Promise<string> {
    return this.text(['log', '-1', '--format=%s', commit, '--']);
  }

  /** Whether `ancestor` is reachable from `commit` (a commit is its own ancestor). */
  async isAncestor(ancestor: CommitId, commit: CommitId): Promise<boolean> {
    const command = this.command(['merge-base', '--is-ancestor', ancestor, commit]);
    const done = await run(command);
    if (done.status === 0) return true;
    if (done.status === 1) return false;
    throw commandFailed(command, done);
  }

  /** All best common ancestors; none when the histories are unrelated. */
  async mergeBases(one: CommitId, others: readonly CommitId[]): Promise<CommitId[]> {
    const command = this.command(['merge-base', '--all', one, ...others]);
    const done = await run(command);
    if (done.status !== 0 && done.status !== 1) throw commandFailed(command, done);
    return done.stdout.toString('utf8').split('\n').filter(Boolean).map(commitId);
  }
}
