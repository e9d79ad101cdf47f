import { mkdir, rm, symlink } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runText } from '@kbisect/shared/process';
import { programPath, searchPath } from '../program-path.js';
import type { Toolchain } from './toolchain.js';

/** What stands for each compiler. */
const COMPILER = fileURLToPath(new URL('../../ccache/compiler', import.meta.url));

/** Of objects that are kept on an agent. */
const MAX_SIZE = '10G';

/**
 * The compilers behind ccache, for a build's PATH: make's command lines are the same with it and without, and hits go
 * across directories and agents.
 */
export class Ccache {
  private constructor(
    /** Links by the compilers' names. */
    readonly bin: string,
    /** Where objects are kept. */
    readonly store: string,
  ) {}

  /** Undefined when this machine has no ccache. */
  static async open(directory: string, toolchains: readonly Toolchain[]): Promise<Ccache | undefined> {
    if ((await programPath('ccache')) === undefined) return undefined;
    const ccache = new Ccache(join(directory, 'bin'), join(directory, 'objects'));
    await rm(ccache.bin, { recursive: true, force: true });
    for (const place of [ccache.bin, ccache.store]) await mkdir(place, { recursive: true });
    for (const compiler of new Set(toolchains.flatMap(compilersOf))) {
      await symlink(COMPILER, join(ccache.bin, compiler));
    }
    return ccache;
  }

  /** What a build has to see. */
  get readable(): string[] {
    return [this.bin, dirname(COMPILER)];
  }

  /**
   * @param tree where the build sees it
   * @param remote base URL of the farm's objects, if it has any
   */
  environment(tree: string, { content }: Toolchain, remote: string | undefined): NodeJS.ProcessEnv {
    return {
      CCACHE_DIR: this.store,
      CCACHE_TEMPDIR: join(this.store, 'tmp'),
      CCACHE_CONFIGPATH: '/dev/null',
      // Where the compilers themselves are.
      CCACHE_PATH: searchPath().join(delimiter),
      CCACHE_MAXSIZE: MAX_SIZE,
      CCACHE_BASEDIR: tree,
      CCACHE_NOHASHDIR: 'true',
      CCACHE_COMPILERCHECK: `string:${content}`,
      // Content is what counts; the times of a fresh checkout say nothing.
      CCACHE_SLOPPINESS: 'include_file_mtime,include_file_ctime',
      // A connection for each request: on one that is kept, what ccache sends after the first answer waits 40 ms for a
      // delayed acknowledgement, which makes a cold build half as long again.
      ...(remote === undefined ? {} : { CCACHE_REMOTE_STORAGE: `${remote}|layout=flat|keep-alive=false` }),
    };
  }

  /** Hits and misses since the store was made, for tests and benchmarks. */
  async statistics(): Promise<ReadonlyMap<string, number>> {
    const env = { ...process.env, CCACHE_DIR: this.store, CCACHE_CONFIGPATH: '/dev/null' };
    const text = await runText({ program: 'ccache', args: ['--print-stats'], env });
    return new Map(
      text.split('\n').map((line) => {
        const [name = '', value = '0'] = line.split('\t');
        return [name, Number(value)];
      }),
    );
  }
}

function compilersOf({ name, make }: Toolchain): string[] {
  const cross = make.find((word) => word.startsWith('CROSS_COMPILE='))?.slice('CROSS_COMPILE='.length) ?? '';
  return name.startsWith('gcc') ? ['gcc', cross + name] : [name];
}
