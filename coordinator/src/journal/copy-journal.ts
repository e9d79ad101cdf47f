import { open } from 'lmdb';

/**
 * Copies an embedded journal as it is at one moment, whoever writes to it meanwhile.
 * @param from the LMDB file
 * @param to the file that is made
 */
export async function copyJournal(from: string, to: string): Promise<void> {
  const db = open({ path: from, encoding: 'binary', readOnly: true, compression: false });
  try {
    await db.backup(to, true);
  } finally {
    await db.close();
  }
}
