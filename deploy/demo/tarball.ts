import { once } from 'node:events';
import { KbisectError } from '@kbisect/shared/errors';
import { startProcess } from '@kbisect/shared/process';
import { Parser, type ReadEntry } from 'tar';
import type { TreeFile } from './fast-import.js';

/**
 * The files of an xz-compressed tarball as git would have them, without its top directory, in their order. Nothing is
 * unpacked to disk, and no more than one file's bytes are held at a time.
 * @throws KbisectError `data-loss` when the tarball is damaged
 */
export async function* readTarball(path: string): AsyncGenerator<TreeFile> {
  const xz = startProcess({ program: 'xz', args: ['-dc', '--', path] }, ['ignore', 'pipe', 'inherit']);
  const closed = once(xz, 'close');
  const files: TreeFile[] = [];
  const parser = new Parser({ strict: true, onReadEntry: (entry) => collect(entry, files) });
  try {
    for await (const chunk of xz.stdout as AsyncIterable<Buffer>) {
      parser.write(chunk);
      yield* files.splice(0);
    }
    parser.end();
    yield* files.splice(0);
    const [status] = (await closed) as [number | null];
    if (status !== 0) throw new KbisectError('data-loss', `${path}: xz ended with status ${String(status)}`);
  } finally {
    xz.kill();
  }
}

function collect(entry: ReadEntry, files: TreeFile[]): void {
  const path = entry.path.replace(/^[^/]*\//, '');
  const chunks: Buffer[] = [];
  entry.on('data', (chunk) => chunks.push(chunk));
  entry.on('end', () => {
    // Directories and the archive's own words are nothing to git.
    if (entry.type === 'File' || entry.type === 'OldFile') {
      files.push({
        path,
        mode: (entry.mode ?? 0) & 0o100 ? '100755' : '100644',
        content: Buffer.concat(chunks),
      });
    } else if (entry.type === 'SymbolicLink') {
      files.push({ path, mode: '120000', content: Buffer.from(entry.linkpath ?? '') });
    }
  });
}
