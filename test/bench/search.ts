import { readGraph } from '@kbisect/coordinator/git-range';
import { figureTable, type Figure } from './figures.js';
import { kernelRange, type KernelRange } from './kernel-range.js';
import { searchNoise, straightNoise } from './search-noise.js';
import { searchRounds, wrongPrior } from './search-rounds.js';
import { searchSpeed } from './search-speed.js';
import { say } from './simulated.js';

// npm run bench:search [-- speed rounds prior noise straight]

const parts: Record<string, (range: KernelRange) => Promise<Figure[]>> = {
  speed: searchSpeed,
  rounds: async (range) => searchRounds(range, await readGraph(range.git, range.release), 1000),
  prior: async (range) => wrongPrior(await readGraph(range.git, range.release), 200),
  noise: async (range) => searchNoise(range, await readGraph(range.git, range.release), 400),
  straight: () => Promise.resolve(straightNoise(500, 200)),
};

const range = await kernelRange();
try {
  say(`searches in ${range.name}`);
  const figures: Figure[] = [];
  const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(parts);
  for (const [name, part] of Object.entries(parts))
    if (wanted.includes(name)) figures.push(...(await part(range)));
  process.stdout.write(`${figureTable(figures)}\n`);
} finally {
  await range.remove();
}
