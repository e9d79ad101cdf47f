import { ARCHES as KNOWN_ARCHES } from '@kbisect/agent/boot/arch';
import { KbisectError } from '@kbisect/shared/errors';
import { BootTest, Reproducer_Kind, type JobSpec, type Reproducer } from '@kbisect/shared/gen/kbisect/v1/job';
import { buildOf, buildOptionsGiven, type BuildOptions } from './build-options.js';
import { guestOf, guestOptionsGiven, type GuestOptions } from './guest-options.js';
import { collectReproducer } from './reproducer.js';
import { readUserFile, type Upload } from './user-file.js';

/** Of a base config and its fragments together. */
export const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
const ARCHES = KNOWN_ARCHES.map(({ name }) => name);

/** The options that say how a commit is tested. */
export interface TestOptions extends GuestOptions, BuildOptions {
  readonly reproducer?: readonly string[];
  readonly config?: string;
  readonly configFragment?: readonly string[];
  readonly run?: string;
  readonly arch: string;
}

/** An initramfs without a reproducer: its own /init is the test. */
const INIT: Reproducer = {
  kind: Reproducer_Kind.KIND_INIT,
  entry: '',
  files: [],
  sources: [],
  system: [],
};

export type Test = NonNullable<JobSpec['test']>;

/**
 * How each commit is tested, and the files that this takes.
 * @param archGiven whether the user named the architecture
 * @throws KbisectError `invalid-argument` when the options do not go together or a file cannot be had
 */
export async function testOf(
  options: TestOptions,
  archGiven: boolean,
): Promise<{ test: Test; uploads: readonly Upload[] }> {
  const { reproducer: paths, config, configFragment = [], run, arch } = options;
  if (run !== undefined) {
    const useless = [
      paths !== undefined && '--reproducer',
      config !== undefined && '--config',
      configFragment.length > 0 && '--config-fragment',
      archGiven && '--arch',
      ...buildOptionsGiven(options),
      ...guestOptionsGiven(options),
    ].filter((option) => option !== false);
    if (useless.length > 0) {
      throw new KbisectError('invalid-argument', `--run needs no kernel: leave out ${useless.join(', ')}`);
    }
    if (run.trim() === '') throw new KbisectError('invalid-argument', '--run needs a command');
    return { test: { $case: 'run', value: { command: run } }, uploads: [] };
  }
  if (paths === undefined && options.initramfs === undefined) {
    throw new KbisectError('invalid-argument', "say how to test: --reproducer FILE, or --run 'COMMAND'");
  }
  if (!ARCHES.includes(arch)) {
    throw new KbisectError(
      'invalid-argument',
      `--arch ${arch} is not known here; known: ${ARCHES.join(', ')}`,
    );
  }
  const { guest, uploads: guestFiles } = await guestOf(options);
  const ownRoot = options.initramfs !== undefined || options.disk !== undefined;
  const { reproducer, uploads } =
    paths === undefined
      ? { reproducer: INIT, uploads: [] }
      : await collectReproducer(paths, { arch, ownRoot });
  let room = MAX_CONFIG_BYTES;
  const read = async (option: string, file: string) => {
    const upload = await readUserFile(option, file, room);
    room -= upload.bytes.length;
    return upload;
  };
  const base = config === undefined ? undefined : await read('--config', config);
  const fragments: Upload[] = [];
  for (const file of configFragment) fragments.push(await read('--config-fragment', file));
  const { build, uploads: buildFiles } = await buildOf(options);
  const boot = BootTest.fromPartial({
    ...guest,
    ...build,
    reproducer,
    baseConfig: base?.named,
    fragments: fragments.map(({ named }) => named),
    arch,
  });
  return {
    test: { $case: 'boot', value: boot },
    uploads: [...uploads, ...guestFiles, ...buildFiles, ...(base === undefined ? [] : [base]), ...fragments],
  };
}
