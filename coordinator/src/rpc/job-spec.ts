import { z } from 'zod';
import { KbisectError } from '@kbisect/shared/errors';
import { JobSpec, Mode, NewWhen_Kind, Priority, Reproducer_Kind } from '@kbisect/shared/gen/kbisect/v1/job';
import { LABEL_KEY, LABEL_VALUE, MAX_LABELS } from '@kbisect/shared/label';
import { isToolchainRule } from '@kbisect/shared/toolchain-rule';
import { Pattern } from '@kbisect/shared/pattern';

const revision = z
  .string()
  .min(1)
  .max(1024)
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  .regex(/^[^-\x00-\x1f][^\x00-\x1f]*$/, 'is not a revision');
const MIB = 1 << 20;
const blobUpTo = (bytes: number) =>
  z.object({
    digest: z.string().regex(/^[0-9a-f]{64}$/),
    size: z.number().int().min(0).max(bytes),
  });
/** Relative, below its folder, and safe as a file name in an initramfs. */
const relativePath = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[A-Za-z0-9._+@-]+(\/[A-Za-z0-9._+@-]+)*$/, 'is not a plain relative path')
  .refine((path) => !path.split('/').includes('..'), 'leads out of its folder');
const namedBlobUpTo = (bytes: number) =>
  z.object({ name: z.string().max(1024), blob: blobUpTo(bytes), executable: z.boolean() });
const namedBlob = namedBlobUpTo(16 * MIB);
/** One line that a kernel, QEMU or the harness is given. */
const word = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^[^\x00-\x1f]*$/, 'has control characters'); // eslint-disable-line no-control-regex
const absolutePath = z
  .string()
  .max(512)
  .regex(/^(\/[A-Za-z0-9._+@:-]+)+$/, 'is not a plain absolute path')
  .refine((path) => !path.split('/').includes('..'), 'leads out of its folder');

const reproducerFile = namedBlobUpTo(64 * MIB);
const reproducer = z
  .object({
    kind: z.enum([
      Reproducer_Kind.KIND_C,
      Reproducer_Kind.KIND_SHELL,
      Reproducer_Kind.KIND_PROGRAM,
      Reproducer_Kind.KIND_SYZKALLER,
      Reproducer_Kind.KIND_INIT,
    ]),
    entry: z.union([relativePath, z.literal('')]),
    files: z.array(reproducerFile.extend({ name: relativePath })).max(1000),
    sources: z.array(relativePath).max(1000),
    system: z.array(reproducerFile.extend({ name: absolutePath })).max(1000),
  })
  .refine(({ kind, entry, files, sources }) => {
    const named = kind === Reproducer_Kind.KIND_INIT ? sources : [entry, ...sources];
    return named.every((name) => files.some((file) => file.name === name));
  }, 'its entry or a source is none of its files');

/** Those of the agents. */
const ARCH_NAMES = ['x86_64', 'arm64'] as const;
const commitOrNone = revision.or(z.literal(''));
const bootTest = z.object({
  reproducer,
  toolchain: z.string().max(200).refine(isToolchainRule, 'names no toolchain').optional(),
  fixups: z.array(z.object({ commit: revision, after: commitOrNone, until: commitOrNone })).max(100),
  profile: namedBlob.optional(),
  memoryMib: z
    .number()
    .int()
    .min(0)
    .max(1 << 20),
  smp: z.number().int().min(0).max(256),
  qemuArgs: z.array(word).max(100),
  append: z
    .string()
    .max(2048)
    .regex(/^[^\x00-\x1f]*$/, 'has control characters'), // eslint-disable-line no-control-regex
  needs: z.array(word).max(100),
  repeat: z.number().int().min(0).max(100_000),
  modules: z.array(relativePath.regex(/\.ko$/, 'is not a .ko file')).max(100),
  initramfs: namedBlobUpTo(512 * MIB).optional(),
  disk: namedBlobUpTo(8192 * MIB).optional(),
  userNetwork: z.boolean(),
  baseConfig: namedBlob.optional(),
  fragments: z.array(namedBlob).max(100),
  arch: z.enum(ARCH_NAMES, {
    error: `is not an architecture that this version builds (${ARCH_NAMES.join(', ')})`,
  }),
});

/** Tried here so that a pattern that is none is refused at the door. */
const pattern = z
  .string()
  .max(1000)
  .refine((text) => {
    try {
      return text === '' || new Pattern(text).text === text;
    } catch {
      return false;
    }
  }, 'is not a regular expression');
const newWhen = z
  .object({
    kind: z.enum([
      NewWhen_Kind.KIND_UNSPECIFIED,
      NewWhen_Kind.KIND_FAIL,
      NewWhen_Kind.KIND_CRASH,
      NewWhen_Kind.KIND_HANG,
      NewWhen_Kind.KIND_OUTPUT,
    ]),
    pattern,
  })
  .refine(({ kind, pattern }) => kind !== NewWhen_Kind.KIND_OUTPUT || pattern !== '', 'needs a pattern');

const requiredLabels = z
  .array(
    z.object({
      key: z.string().regex(LABEL_KEY, "is not a label's key"),
      value: z.string().regex(LABEL_VALUE, "is not a label's value"),
    }),
  )
  .max(MAX_LABELS)
  .refine(
    (labels) => new Set(labels.map(({ key }) => key)).size === labels.length,
    'has a key twice: an agent has one value of each',
  )
  // In one order, so that equal questions are equal bytes.
  .transform((labels) => labels.toSorted((one, other) => (one.key < other.key ? -1 : 1)));

const jobSpec = z.object({
  mode: z.enum([Mode.MODE_REGRESSION, Mode.MODE_FIX, Mode.MODE_ANY]),
  audit: z.number().min(0).max(1).optional(),
  olds: z.array(revision).min(1).max(100),
  new: revision,
  firstParent: z.boolean(),
  pathspecs: z.array(z.string().min(1).max(4096)).max(1000),
  suspects: z
    .array(z.object({ path: z.string().min(1).max(4096), weight: z.number().min(1).max(1e6) }))
    .max(100),
  runs: z.number().int().min(1).max(1000),
  timeoutSeconds: z.number().int().min(1).max(86_400),
  test: z.discriminatedUnion('$case', [
    z.object({ $case: z.literal('boot'), value: bootTest }),
    z.object({ $case: z.literal('run'), value: z.object({ command: z.string().min(1).max(65_536) }) }),
  ]),
  title: z.string().max(512),
  newWhen: newWhen.optional(),
  certify: z.boolean().optional(),
  private: z.boolean().optional(),
  backportTo: z.array(z.object({ name: z.string().min(1).max(512), commit: revision })).max(100),
  minimiseConfig: z.number().int().min(1).max(100_000).optional(),
  requiredLabels,
  priority: z.enum([Priority.PRIORITY_LOW, Priority.PRIORITY_NORMAL, Priority.PRIORITY_HIGH]).optional(),
});

/** Settings are only minimised of what builds kernels, asks for settings, and is certified. */
const minimisable = jobSpec.refine(
  ({ minimiseConfig, certify, test }) =>
    minimiseConfig === undefined ||
    (certify !== false &&
      test.$case === 'boot' &&
      (test.value.profile !== undefined || test.value.fragments.length > 0)),
  { path: ['minimiseConfig'], error: 'takes a profile or a fragment, and a certificate' },
);

/** Seconds that a trial gets when the user has not said. */
const DEFAULT_TIMEOUT_SECONDS = { boot: 60, run: 3600 };

/**
 * Checks what a client sent as a job, and fills in what it left out.
 * @throws KbisectError `invalid-argument` naming the field and what is wrong with it
 */
export function checkJobSpec(spec: JobSpec | undefined): JobSpec {
  const filled = spec && {
    ...spec,
    runs: spec.runs || 1,
    timeoutSeconds: spec.timeoutSeconds || DEFAULT_TIMEOUT_SECONDS[spec.test?.$case ?? 'boot'],
  };
  const checked = minimisable.safeParse(filled);
  if (!checked.success) {
    const issue = checked.error.issues[0];
    throw new KbisectError(
      'invalid-argument',
      `job: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is wrong'}`,
    );
  }
  return JobSpec.fromPartial(checked.data);
}
