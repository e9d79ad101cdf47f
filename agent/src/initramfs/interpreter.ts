/**
 * The command that runs a script, before the script's path.
 * @param ownRoot whether the test has a root file system of the user's own, whose shell it then is
 */
export function interpreterOf(script: Buffer, ownRoot: boolean): string[] {
  const [, line = ''] = /^#!\s*(.*)/.exec(script.subarray(0, 256).toString('latin1')) ?? [];
  const [program = '', ...words] = line.trim().split(/\s+/);
  const byEnv = /(^|\/)env$/.test(program);
  if (program === '' || /(^|\/)sh$/.test(program) || (byEnv && words[0] === 'sh')) {
    return [...(ownRoot ? ['/bin/sh'] : ['/bin/busybox', 'sh']), ...words.slice(byEnv ? 1 : 0)];
  }
  return byEnv && !ownRoot ? ['/bin/busybox', 'env', ...words] : [program, ...words];
}
