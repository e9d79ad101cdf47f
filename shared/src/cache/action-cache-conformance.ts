import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../digest.js';
import { ActionResult } from '../gen/build/bazel/remote/execution/v2/remote_execution.js';
import type { ActionCache } from './action-cache.js';

/** What every action cache promises; results here name no blobs. */
export function actionCacheConformance(what: string, open: () => Promise<ActionCache>): void {
  describe(what, () => {
    it('knows nothing of an action of which nothing was said', async () => {
      expect(await (await open()).get(digestOf(randomBytes(8)))).toBeUndefined();
    });

    it('gives what was put last, and to each action its own', async () => {
      const cache = await open();
      const [one, other] = [digestOf(randomBytes(8)), digestOf(randomBytes(8))];
      await cache.put(other, ActionResult.create({ exitCode: 7 }));
      for (const exitCode of [1, 2]) {
        const result = ActionResult.create({ exitCode, stderrRaw: randomBytes(100_000) });
        await cache.put(one, result);
        expect(await cache.get(one)).toEqual(result);
      }
      expect(await cache.get(other)).toEqual(ActionResult.create({ exitCode: 7 }));
    });
  });
}
