import { Git } from '@kbisect/shared/git';

/**
 * Makes a bare repository with a history of `size` commits after `v0`: a main line into which side branches are merged,
 * as the kernel's is. From the commit `culprit` of the main line on there is a file `bug`. The last commit is `main`.
 */
export async function makeWideHistory(directory: string, size: number, culprit: number): Promise<void> {
  const git = await Git.initBare(directory);
  const lines: string[] = [];
  let mark = 0;
  const commit = (subject: string, parents: readonly number[], files: readonly string[] = []): number => {
    mark += 1;
    const person = `A Developer <dev@example.org> ${1_700_000_000 + mark} +0000`;
    lines.push('commit refs/heads/main', `mark :${mark}`, `author ${person}`, `committer ${person}`);
    lines.push(`data ${subject.length}`, subject);
    parents.forEach((parent, at) => lines.push(`${at === 0 ? 'from' : 'merge'} :${parent}`));
    for (const path of files) lines.push(`M 100644 inline ${path}`, `data ${subject.length}`, subject);
    return mark;
  };
  const root = commit('v0', [], ['number']);
  let main = root;
  const side: number[] = [];
  while (mark <= size) {
    const isCulprit = mark >= culprit && mark - culprit < 12 && !lines.includes('M 100644 inline bug');
    if (isCulprit) main = commit('the culprit', [main], ['bug', 'number']);
    // A side branch of one to twelve commits begins at an earlier place of the main line, now and then.
    else if (mark % 7 === 0 && side.length < 24) {
      let tip = main;
      for (let n = 0; n < 1 + (mark % 12) && mark < size; n++)
        tip = commit(`side ${mark}`, [tip], [`side-${mark % 50}`]);
      if (tip !== main) side.push(tip);
    } else if (mark % 5 === 0 && side.length > 8) main = commit(`merge ${mark}`, [main, side.shift()!]);
    else main = commit(`commit ${mark}`, [main], ['number']);
  }
  while (side.length > 0) main = commit(`merge ${mark}`, [main, side.shift()!]);
  lines.push('reset refs/tags/v0', `from :${root}`, 'done', '');
  await git.text(['fast-import', '--quiet', '--done'], { input: lines.join('\n') });
  await git.text(['symbolic-ref', 'HEAD', 'refs/heads/main']);
}
