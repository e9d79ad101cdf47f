import type { Git } from './git.js';
import { commitId, treeId, type CommitId, type TreeId } from './ids.js';
import { commandFailed, run } from './process.js';

/** What came of putting a commit's change, or its opposite, on another commit. */
export type Transplant =
  | { readonly kind: 'clean'; readonly commit: CommitId }
  /** The change is there already, or gone already. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'conflict'; readonly files: readonly string[] };

/** Commits that are made here depend on what they are made from alone: made again, they have the same id. */
const COMMITTER = { GIT_COMMITTER_NAME: 'kbisect', GIT_COMMITTER_EMAIL: 'kbisect@localhost' };

/**
 * Undoes a commit on `onto`, as `git revert` does (of a merge, what it brought to its first parent), in a bare
 * repository.
 */
export async function revert(git: Git, commit: CommitId, onto: CommitId): Promise<Transplant> {
  const [after, before] = await Promise.all([git.treeOf(commit), treeBefore(git, commit)]);
  const message = `Revert "${await git.subject(commit)}"\n\nThis reverts commit ${commit}.\n`;
  return transplant(git, { from: after, to: before, onto, like: onto, message });
}

/** Puts a commit's change on `onto`, as `git cherry-pick -x` does, in a bare repository. */
export async function cherryPick(git: Git, commit: CommitId, onto: CommitId): Promise<Transplant> {
  const [before, after] = await Promise.all([treeBefore(git, commit), git.treeOf(commit)]);
  const body = await git.text(['log', '-1', '--format=%B', commit, '--']);
  const message = `${body.trimEnd()}\n\n(cherry picked from commit ${commit})\n`;
  return transplant(git, { from: before, to: after, onto, like: commit, message });
}

/** Merges a commit into `onto`, as `git merge --no-ff` does, in a bare repository; nothing when it is merged already. */
export async function mergeOf(git: Git, onto: CommitId, commit: CommitId): Promise<Transplant> {
  if (await git.isAncestor(commit, onto)) return { kind: 'nothing' };
  const merged = await mergeTrees(git, onto, commit);
  if (typeof merged !== 'string') return merged;
  const message = `Merge ${commit} into ${onto}\n`;
  const environment = await signature(git, commit);
  return { kind: 'clean', commit: await commitTree(git, merged, [onto, commit], message, environment) };
}

interface Change {
  readonly from: TreeId;
  readonly to: TreeId;
  readonly onto: CommitId;
  /** The commit whose author and date the new one has. */
  readonly like: CommitId;
  readonly message: string;
}

/** Three-way merge of `onto` and `to` over `from`. Commits stand for the trees, as git finds the base by ancestry. */
async function transplant(git: Git, { from, to, onto, like, message }: Change): Promise<Transplant> {
  const ontoTree = await git.treeOf(onto);
  const environment = await signature(git, like);
  const make = (tree: TreeId, parents: readonly string[], text: string) =>
    commitTree(git, tree, parents, text, environment);
  const base = await make(from, [], 'base');
  const tree = await mergeTrees(git, await make(ontoTree, [base], 'onto'), await make(to, [base], 'to'));
  if (typeof tree !== 'string') return tree;
  if (tree === ontoTree) return { kind: 'nothing' };
  return { kind: 'clean', commit: await make(tree, [onto], message) };
}

/** The tree of a merge. */
async function mergeTrees(
  git: Git,
  one: CommitId,
  other: CommitId,
): Promise<TreeId | Extract<Transplant, { kind: 'conflict' }>> {
  const options = ['--write-tree', '-z', '--name-only', '--no-messages', '--allow-unrelated-histories'];
  const command = git.command(['merge-tree', ...options, one, other]);
  const done = await run(command);
  const [tree = '', ...files] = done.stdout.toString('utf8').split('\0').filter(Boolean);
  if (done.status === 1) return { kind: 'conflict', files: [...new Set(files)].sort() };
  if (done.status !== 0) throw commandFailed(command, done);
  return treeId(tree);
}

async function treeBefore(git: Git, commit: CommitId): Promise<TreeId> {
  return git.treeOf(commitId(await git.text(['rev-parse', '--verify', `${commit}^1`])));
}

async function signature(git: Git, commit: CommitId): Promise<NodeJS.ProcessEnv> {
  const [name = '', email = '', date = ''] = (
    await git.text(['log', '-1', '--format=%an%n%ae%n%ad', '--date=raw', commit, '--'])
  ).split('\n');
  return {
    ...COMMITTER,
    GIT_COMMITTER_DATE: date,
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_AUTHOR_DATE: date,
  };
}

async function commitTree(
  git: Git,
  tree: TreeId,
  parents: readonly string[],
  message: string,
  environment: NodeJS.ProcessEnv,
): Promise<CommitId> {
  const args = ['commit-tree', '--no-gpg-sign', tree, ...parents.flatMap((parent) => ['-p', parent])];
  const command = git.command(args, { input: message });
  return commitId((await git.text(args, { input: message, env: { ...command.env, ...environment } })).trim());
}
