import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { archOf } from '@kbisect/agent/boot/arch';
import { SMALL_MACHINE } from '@kbisect/agent/boot/machine';
import { boot } from '@kbisect/agent/boot/qemu';
import { configure } from '@kbisect/agent/build/configure';
import { buildKernel } from '@kbisect/agent/build/kbuild';
import { packInitramfs, type Packing } from '@kbisect/agent/initramfs/pack';
import { writeTrialInitramfs, type Trial } from '@kbisect/agent/initramfs/trial';
import { tinyKernel } from '../fixtures/tiny-history.js';
import { workbench } from '../fixtures/workbench.js';

const signal = new AbortController().signal;
export const arch = archOf('x86_64')!;

/** A reproducer for `TinyGuest.trial`: its files by name, the entry first. */
export type Files = Readonly<Record<string, string | Buffer>>;

/** How a trial boots, when not as all do. */
interface TrialBoot {
  readonly bootSeconds: number;
  /** A raw disk image. */
  readonly disk: string;
  /** For the kernel command line. */
  readonly append: string;
}

/** Builds the miniature kernel and boots it with reproducers. */
export class TinyGuest {
  private constructor(readonly directory: string) {}

  static async open(): Promise<TinyGuest> {
    return new TinyGuest(await mkdtemp(join(tmpdir(), 'kbisect-guest-')));
  }

  /** A configured tree of the miniature kernel. */
  async tree(name: string): Promise<string> {
    const tree = join(this.directory, name);
    await cp(tinyKernel, tree, { recursive: true });
    const bench = await workbench(tree);
    await configure({ bench, base: undefined, profile: undefined, fragments: [], signal });
    return tree;
  }

  async build(tree: string) {
    const logPath = join(this.directory, 'build.log');
    const onProgress = () => undefined;
    const bench = await workbench(tree);
    return buildKernel({ bench, target: arch.target, jobs: 2, logPath, signal, onProgress });
  }

  /** Packs a reproducer and boots an image with it. */
  async trial(
    image: string,
    files: Files,
    more: Partial<Trial> & Partial<Packing> & Partial<TrialBoot> = {},
  ) {
    const directory = join(this.directory, 'reproducer');
    await rm(directory, { recursive: true, force: true });
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), content);
    }
    const [entry = ''] = Object.keys(files);
    const packing: Packing = {
      kind: entry.endsWith('.c') ? 'c' : 'shell',
      entry,
      sources: [],
      files: [],
      system: [],
      initramfs: undefined,
      onDisk: false,
      ...more,
    };
    const places = { directory, system: join(this.directory, 'none'), initramfs: packing.initramfs };
    const packed = join(this.directory, 'packed');
    await packInitramfs(arch, packing, places, this.directory, packed, signal);
    const initramfs = join(this.directory, 'initramfs');
    const settings = { nonce: 'n0nce', timeoutSeconds: 30, repeat: 1, needs: [], modules: [], onDisk: false };
    await writeTrialInitramfs([packed], { ...settings, ...more }, initramfs);
    const consolePath = join(this.directory, 'console');
    const { outcome } = await boot({
      arch,
      accelerator: 'tcg',
      machine: { ...SMALL_MACHINE, append: more.append ?? '' },
      files: {
        image,
        initramfs,
        ...(more.disk === undefined ? {} : { disk: { path: more.disk, format: 'raw' } }),
      },
      timeoutSeconds: more.timeoutSeconds ?? 30,
      ...(more.bootSeconds === undefined ? {} : { bootSeconds: more.bootSeconds }),
      nonce: more.nonce ?? 'n0nce',
      consolePath,
      signal,
      onConsole: () => undefined,
    });
    return { outcome: outcome.kind, console: await readFile(consolePath, 'latin1') };
  }

  async close(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}
