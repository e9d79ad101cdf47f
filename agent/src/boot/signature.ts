/** What a compiler appends to the name of a function when it makes variants of it. */
const VARIANT = /\.(?:isra|constprop|part|cold|llvm|lto_priv)(?:\.\d{1,20})?/g;

/** A function's name in the source. */
export function functionName(symbol: string): string {
  return symbol.replace(VARIANT, '');
}

/** A source file's path in the tree, wherever the tree was built, and the line if it has one. */
export function treePath(path: string): string {
  return path.replace(/^(?:\.{1,2}\/)+/, '').replace(/:$/, '');
}

/** The path without the line, which other changes of the file move. */
export function fileName(path: string): string {
  return treePath(path).replace(/:\d{1,7}(?::\d{1,7})?$/, '');
}

/**
 * The same bug gives the same title: addresses, offsets, times, numbers of CPUs, processes and devices, and names that the
 * compiler made are taken out.
 */
export function normaliseTitle(title: string): string {
  return title
    .slice(0, 400)
    .replace(/\+0x[0-9a-f]{1,16}(?:\/0x[0-9a-f]{1,16})?/gi, '')
    .replace(/\b(?:0x)?[0-9a-f]{8,16}\b|\b0x[0-9a-f]{1,7}\b/gi, 'ADDR')
    .replace(VARIANT, '')
    .replace(/(?<![\w.-])\d{1,20}(?:\.\d{1,20})?(?=s?(?![\w.]))/g, 'N')
    .replace(/CPU ?#? ?:? ?N/g, 'CPU')
    .replace(/[^\x20-\x7e]/g, '')
    .replace(/ {2,}/g, ' ')
    .trim()
    .slice(0, 200);
}
