import { jsonOption } from './common-options.js';
import type { Commands } from './commands.js';

/** What looks after the cache. */
export function cacheCommands(commands: Commands): void {
  const cacheCommand = commands.group('cache', 'Look after the cache of kernels and consoles.');
  cacheCommand('stat', 'Show what is stored, and what was spared.', 'stat')
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => {
      await (await import('../cache.js')).cacheStat(commands.farm, options);
      commands.done();
    });
  cacheCommand('gc', 'Evict what the limits do not allow for.', 'gc').action(async () => {
    await (await import('../cache.js')).cacheGc(commands.farm);
    commands.done();
  });
  cacheCommand('verify', 'Read and hash every blob; set aside what has rotted.', 'verify').action(
    async () => {
      commands.end(await (await import('../cache.js')).cacheVerify(commands.farm));
    },
  );
  cacheCommand('pin <sha256>', 'Keep a blob from being evicted.', 'pin 9f86d081884c7d659a2feaa0c55ad015...')
    .option('--remove', 'let it be evicted again')
    .action(async (digest: string, options: { remove?: boolean }) => {
      await (await import('../cache.js')).cachePin(commands.farm, digest, options);
      commands.done();
    });
}
