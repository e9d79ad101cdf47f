// Exits with 0 when node_modules holds just what package-lock.json says, by the record that npm keeps there.
import { readFileSync } from 'node:fs';
import { URL } from 'node:url';

function packagesIn(file) {
  try {
    return JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')).packages;
  } catch {
    return {};
  }
}

const installed = packagesIn('node_modules/.package-lock.json');
const missing = Object.entries(packagesIn('package-lock.json')).filter(
  ([path, wanted]) =>
    path.startsWith('node_modules/') &&
    !wanted.optional &&
    (installed[path]?.version !== wanted.version || installed[path]?.integrity !== wanted.integrity),
);
process.exitCode = missing.length === 0 ? 0 : 1;
