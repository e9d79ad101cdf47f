/** `node deploy/dist/tutorial/history.js DIRECTORY`: the history that docs/tutorial.md bisects, on Debian's Linux. */
import { resolve } from 'node:path';
import { debianLinux, demoDirectory } from '../demo/debian-linux.js';
import { scsiHistory } from '../demo/scsi-history.js';

const [directory = 'linux-scsi.git'] = process.argv.slice(2);
const say = (line: string) => void process.stdout.write(`${line}\n`);
const { broken, fixed } = await scsiHistory(resolve(directory), await debianLinux(demoDirectory(), say));
say(
  `${directory}: READ(16) fails at scsi-broken (${broken.slice(0, 12)}), and works at scsi-fixed (${fixed.slice(0, 12)})`,
);
