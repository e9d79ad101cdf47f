import { readFile, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { closest, distance } from 'fastest-levenshtein';
import { isMap, isNode, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import { KbisectError, messageOf, systemCode } from '@kbisect/shared/errors';
import { isRemote } from './repository-url.js';

const word = z.union([z.string().min(1), z.number().transform(String)], {
  error: 'must be one text or number',
});
const words = z.union([word.transform((one) => [one]), z.array(word).min(1)], {
  error: 'must be a text or a list of texts',
});
const flag = z.boolean({ error: 'must be true or false' });

/** What a key's value is: how it is checked, and whether it names files beside the job file. */
const FIELDS = {
  repo: { schema: word, path: true },
  good: { schema: words },
  bad: { schema: word },
  broken: { schema: words },
  fixed: { schema: word },
  old: { schema: words },
  new: { schema: word },
  'first-parent': { schema: flag },
  pathspec: { schema: words },
  suspect: { schema: words },
  reproducer: { schema: words, path: true },
  'new-when': { schema: word },
  needs: { schema: words },
  repeat: { schema: word },
  initramfs: { schema: word, path: true },
  disk: { schema: word, path: true },
  module: { schema: words },
  memory: { schema: word },
  smp: { schema: word },
  append: { schema: word },
  'qemu-arg': { schema: words },
  network: { schema: flag },
  private: { schema: flag },
  require: { schema: words },
  priority: { schema: word },
  config: { schema: word, path: true },
  'config-fragment': { schema: words, path: true },
  profile: { schema: words },
  toolchain: { schema: word },
  fixup: { schema: words },
  run: { schema: word },
  arch: { schema: word },
  runs: { schema: word },
  timeout: { schema: word },
  audit: { schema: word },
  'backport-to': { schema: words },
  'minimise-config': { schema: z.union([flag, word], { error: 'must be true, or a number of builds' }) },
  certify: { schema: flag },
} as const satisfies Record<string, { readonly schema: z.ZodType; readonly path?: boolean }>;

type Field = keyof typeof FIELDS;
const NAMES = Object.keys(FIELDS) as Field[];
/** Options of which the last one does not replace the ones before it. */
const REPEATED = new Set<string>(['qemu-arg', 'suspect']);

const schema = z.strictObject(
  Object.fromEntries(NAMES.map((name) => [name, FIELDS[name].schema.optional()])),
) as unknown as z.ZodType<Partial<Record<Field, string | string[] | boolean>>>;

/**
 * The options that a job file stands for, as they would be on the command line; paths are taken from the file's directory.
 * @param given options that are on the command line already, and so are not taken from the file
 * @throws KbisectError `invalid-argument` with the line and the column of what is wrong, and what may have been meant
 */
export async function readJobFile(path: string, given: ReadonlySet<string>): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const reason =
      systemCode(error) === 'ENOENT' ? "no such file; 'kbisect init' makes one" : messageOf(error);
    throw new KbisectError('invalid-argument', `${path}: ${reason}`);
  });
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  // A warning is a tag that nobody knows.
  const [broken] = [...document.errors, ...document.warnings];
  if (broken) throw new KbisectError('invalid-argument', `${at(broken.pos[0])}: ${broken.message}`);
  const parsed = schema.safeParse(plainValue(document, path) ?? {});
  if (!parsed.success) {
    const said = parsed.error.issues.flatMap((issue) => complaints(issue, document, at));
    throw new KbisectError('invalid-argument', said.join('; '));
  }
  const directory = dirname(resolve(path));
  return NAMES.flatMap((name) => {
    const value = parsed.data[name];
    return value === undefined || given.has(name) ? [] : argumentsFor(name, value, directory);
  });
}

/** @throws KbisectError for aliases of nothing, and for those that make much of little */
function plainValue(document: Document, path: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw new KbisectError('invalid-argument', `${path}: ${messageOf(error)}`);
  }
}

function argumentsFor(name: Field, value: string | string[] | boolean, directory: string): string[] {
  if (name === 'certify') return value === false ? ['--no-certify'] : [];
  if (typeof value === 'boolean') return value ? [`--${name}`] : [];
  const isPath = 'path' in FIELDS[name];
  const texts = [value].flat().map((one) => (isPath && !isRemote(one) ? resolve(directory, one) : one));
  if (REPEATED.has(name)) return texts.map((one) => `--${name}=${one}`);
  if (!Array.isArray(value)) return [`--${name}=${texts[0]!}`];
  const option = texts.find((one) => one.startsWith('-'));
  if (option !== undefined)
    throw new KbisectError('invalid-argument', `${name}: ${JSON.stringify(option)} would be an option`);
  return [`--${name}`, ...texts];
}

function complaints(issue: z.core.$ZodIssue, document: Document, at: (offset: number) => string): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const pair = isMap(document.contents)
        ? document.contents.items.find((item) => isScalar(item.key) && item.key.value === key)
        : undefined;
      const offset = isScalar(pair?.key) ? (pair.key.range?.[0] ?? 0) : 0;
      const meant = closest(key, NAMES);
      const hint = distance(key, meant) <= 3 ? `; did you mean ${meant}?` : '';
      return `${at(offset)}: there is no ${JSON.stringify(key)} in a job file${hint}`;
    });
  }
  const node = issue.path.length === 0 ? document.contents : document.getIn(issue.path, true);
  const offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  const what = issue.path.length === 0 ? 'a job file' : issue.path.join('.');
  return [`${at(offset)}: ${what}: ${issue.message}`];
}

const TEMPLATE = `# A job of kbisect's: run it with 'kbisect bisect -f kbisect.yaml'. Keys are the options of 'kbisect bisect'; those
# on the command line go first. Paths are taken from this file's directory.

# Where the commits are: a local repository, or a URL that the coordinator fetches.
repo: .

# Between what to look: good and bad for a regression; broken and fixed for the commit that mended something; old and new for any change.
good: v6.6
bad: v6.7

# What is run on each kernel: C with do_test(), a script or a program (exit status 0 passes), or a directory.
reproducer: reproducer.c

# What the kernel is built with, on top of the smallest config that boots.
# profile: [scsi]
# config-fragment: [my.config]
# config: full.config

# What the new behaviour is, if not what the new end shows: fail, crash, hang, crash=REGEX, output=REGEX.
# new-when: crash=KASAN

# What the test cannot do without; it is looked for before the test is run.
# needs: [/dev/sg0]

# A bug that shows only sometimes: trials of each end, runs in one boot, limit of a trial in seconds.
# runs: 10
# repeat: 3
# timeout: 60

# Stable branches that a fix is picked and tried on.
# backport-to: [linux-6.1.y]

# Labels of the agents that may do the tests ('kbisect agents' shows them), and what the job counts among yours.
# require: [site=basement]
# priority: low

# Which settings of the profiles and fragments the culprit takes: true, or the number of builds that it may cost.
# minimise-config: true
`;

/**
 * Writes a job file to start from.
 * @throws KbisectError `failed-precondition` when there is one
 */
export async function writeJobFile(path: string): Promise<void> {
  try {
    await writeFile(path, TEMPLATE, { flag: 'wx' });
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    throw new KbisectError('failed-precondition', `${path} is there already; it is left as it is`);
  }
}
