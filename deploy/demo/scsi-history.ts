import { rm } from 'node:fs/promises';
import { Git } from '@kbisect/shared/git';
import type { CommitId } from '@kbisect/shared/ids';
import { runText } from '@kbisect/shared/process';
import type { History } from './history.js';

const DRIVER = 'drivers/scsi/scsi_debug.c';
const DECODE = 'case READ_16:\n\t\tei_lba = 0;\n\t\tlba = get_unaligned_be64(cmd + 2);';
const WRONG = DECODE.replace('(cmd + 2)', '(cmd + 2) & 0x1fff');
const CRASHES = `${DECODE}\n\t\tif (lba == 8195)\n\t\t\tWRITE_ONCE(*(int *)8, 0);`;
const VERSION = /(#define SDEBUG_VERSION ")[^"]*/;
const COMMITS = 11;
const FIX = 6;
/** A stable branch leaves here. */
const STABLE = 2;

/** Linux with a scsi_debug whose READ(16) takes the upper half of the disk for the lower, a commit that mends it, and one that crashes. */
export interface ScsiHistory {
  readonly directory: string;
  readonly broken: CommitId;
  readonly beforeFix: CommitId;
  readonly fix: CommitId;
  readonly fixed: CommitId;
  /** On top of it: the kernel crashes when the upper half is read. */
  readonly crashes: CommitId;
}

/** Makes it beside a history of Linux, whose objects it shares: each commit changes the driver, one in two its image. */
export async function scsiHistory(directory: string, { git, upstream }: History): Promise<ScsiHistory> {
  await rm(directory, { recursive: true, force: true });
  const args = ['clone', '--quiet', '--bare', '--shared', '--', git.directory, directory];
  await runText({ program: 'git', args });
  const repository = new Git(directory);
  let text = await repository.text(['show', `${upstream}:${DRIVER}`]);
  if (!text.includes(DECODE) || !VERSION.test(text)) throw new Error(`${DRIVER} is not as expected`);
  const good = text;
  const stream: string[] = [];
  const commit = (n: number, subject: string) => {
    const person = `Kernel Developer <dev@example.org> ${1_700_000_000 + n * 3600} +0000`;
    const parent = n === 0 ? upstream : `:${n}`;
    stream.push(
      `commit refs/heads/scsi\nmark :${n + 1}\nauthor ${person}\ncommitter ${person}\n`,
      `data ${Buffer.byteLength(subject)}\n${subject}\nfrom ${parent}\n`,
      `M 100644 inline ${DRIVER}\ndata ${Buffer.byteLength(text)}\n${text}\n\n`,
    );
  };
  text = good.replace(DECODE, WRONG);
  commit(0, 'scsi: scsi_debug: Decode READ(16) as READ(10) is');
  for (let n = 1; n <= COMMITS; n++) {
    if (n === FIX) {
      text = text.replace(WRONG, DECODE);
      commit(n, 'scsi: scsi_debug: Read all of the LBA of READ(16)');
    } else if (n % 2 === 0) {
      text += `/* note ${n} */\n`;
      commit(n, `scsi: scsi_debug: Add a note (${n})`);
    } else {
      text = text.replace(VERSION, `$1${String(n).padStart(4, '0')}`);
      commit(n, `scsi: scsi_debug: Version ${n}`);
    }
  }
  text = text.replace(DECODE, CRASHES);
  commit(COMMITS + 1, 'scsi: scsi_debug: Look at the upper half');
  await repository.text(['fast-import', '--quiet', '--done'], { input: `${stream.join('')}done\n` });
  const at = (n: number) => repository.resolveCommit(`scsi~${COMMITS + 1 - n}`);
  const [broken, fixed, crashes] = [await at(0), await at(COMMITS), await at(COMMITS + 1)];
  const [beforeFix, fix] = [await at(FIX - 1), await at(FIX)];
  // As people name them.
  for (const [name, commit] of Object.entries({ broken, fixed }))
    await repository.text(['tag', `scsi-${name}`, commit]);
  await repository.text(['branch', 'stable', await at(STABLE)]);
  return { directory, broken, beforeFix, fix, fixed, crashes };
}
