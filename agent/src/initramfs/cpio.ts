/** A file of an archive. Paths have no leading slash; directories come before what is in them. */
export type CpioEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly executable: boolean; readonly bytes: Uint8Array }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'device'; readonly path: string; readonly major: number; readonly minor: number };

const TYPE = { directory: 0o040755, file: 0o100644, link: 0o120777, device: 0o020600 };

/**
 * Writes an archive in the format that the kernel unpacks as initramfs: `newc`, see
 * Documentation/driver-api/early-userspace/buffer-format.rst. Equal entries give equal bytes: no time, owner or inode of
 * this machine gets in.
 */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.flatMap((entry, n) => record(n + 1, entry));
  parts.push(
    ...record(0, { kind: 'file', path: 'TRAILER!!!', executable: false, bytes: new Uint8Array() }, 0),
  );
  return Buffer.concat(parts);
}

function record(inode: number, entry: CpioEntry, mode = modeOf(entry)): Buffer[] {
  const body =
    entry.kind === 'file'
      ? entry.bytes
      : entry.kind === 'link'
        ? Buffer.from(entry.target)
        : new Uint8Array();
  const name = Buffer.from(`${entry.path}\0`);
  const [major, minor] = entry.kind === 'device' ? [entry.major, entry.minor] : [0, 0];
  const links = entry.kind === 'directory' ? 2 : 1;
  const fields = [inode, mode, 0, 0, links, 0, body.length, 0, 0, major, minor, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return [header, name, padding(header.length + name.length), Buffer.from(body), padding(body.length)];
}

function modeOf(entry: CpioEntry): number {
  return TYPE[entry.kind] | (entry.kind === 'file' && entry.executable ? 0o111 : 0);
}

/** Names and bodies end on multiples of four bytes. */
function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}
