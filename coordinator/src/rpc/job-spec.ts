import { z } from 'zod';
import { KbisectError } from '@kbisect/shared/errors';
import { Mode, Reproducer_Kind, type JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';

const revision = z
  .string()
  .min(1)
  .max(1024)
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  .regex(/^[^-\x00-\x1f][^\x00-\x1f]*$/, 'is not a revision');
const blob = z.object({
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  size: z
    .number()
    .int()
    .min(0)
    .max(16 << 20),
});
/** Relative, below its folder, and safe as a file name in an initramfs. */
const relativePath = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[A-Za-z0-9._+@-]+(\/[A-Za-z0-9._+@-]+)*$/, 'is not a plain relative path')
  .refine((path) => !path.split('/').includes('..'), 'leads out of its folder');
const namedBlob = z.object({ name: z.string().max(1024), blob, executable: z.boolean() });

const bootTest = z.object({
  reproducer: z
    .object({
      kind: z.enum([Reproducer_Kind.KIND_C, Reproducer_Kind.KIND_SHELL]),
      entry: relativePath,
      files: z
        .array(namedBlob.extend({ name: relativePath }))
        .min(1)
        .max(1000),
    })
    .refine(({ entry, files }) => files.some(({ name }) => name === entry), 'its entry is none of its files'),
  baseConfig: namedBlob.optional(),
  fragments: z.array(namedBlob).max(100),
  arch: z.literal('x86_64', { error: 'is not an architecture that this version builds (x86_64)' }),
});

const jobSpec = z.object({
  mode: z.enum([Mode.MODE_REGRESSION, Mode.MODE_FIX, Mode.MODE_ANY]),
  olds: z.array(revision).min(1).max(100),
  new: revision,
  firstParent: z.boolean(),
  pathspecs: z.array(z.string().min(1).max(4096)).max(1000),
  runs: z.number().int().min(1).max(1000),
  timeoutSeconds: z.number().int().min(1).max(86_400),
  test: z.discriminatedUnion('$case', [
    z.object({ $case: z.literal('boot'), value: bootTest }),
    z.object({ $case: z.literal('run'), value: z.object({ command: z.string().min(1).max(65_536) }) }),
  ]),
  title: z.string().max(512),
});

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
  const checked = jobSpec.safeParse(filled);
  if (!checked.success) {
    const issue = checked.error.issues[0];
    throw new KbisectError(
      'invalid-argument',
      `job: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is wrong'}`,
    );
  }
  const { test, ...rest } = checked.data;
  if (test.$case === 'run') return { ...rest, test };
  return { ...rest, test: { $case: 'boot', value: { ...test.value, baseConfig: test.value.baseConfig } } };
}
