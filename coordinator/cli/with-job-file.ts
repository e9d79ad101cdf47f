/**
 * The command line of `kbisect bisect -f FILE ...` with the file's options in it, and any other as it is.
 * @throws as `readJobFile`
 */
export async function withJobFile(args: readonly string[]): Promise<readonly string[]> {
  const at = args.findIndex((arg) => /^(-f|--file)(=|$)/.test(arg));
  if (!args.includes('bisect') || at < args.indexOf('bisect')) return args;
  const [, inline] = /^--file=(.*)$/.exec(args[at]!) ?? [];
  const path = inline ?? args[at + 1];
  if (path === undefined) return args;
  const names = args.map((arg) => /^--(?:no-)?([\w-]+)/.exec(arg)?.[1] ?? '');
  const after = at + (inline === undefined ? 2 : 1);
  // It takes a library that no other command needs.
  const { readJobFile } = await import('./job-file.js');
  return [...args.slice(0, after), ...(await readJobFile(path, new Set(names))), ...args.slice(after)];
}
