import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBuildRecord, encodeBuildRecord, type BuildRecord } from './build-record.js';

const word = fc.string({ minLength: 1, maxLength: 12 });
const records: fc.Arbitrary<BuildRecord> = fc.uniqueArray(word, { maxLength: 30 }).chain((files) => {
  const indices = fc.subarray(files.map((_, at) => at));
  return fc.record({
    version: fc.constant(2 as const),
    files: fc.constant(files),
    makefiles: indices,
    kconfig: indices,
    tools: indices,
    objects: fc.array(fc.record({ path: word, needs: indices }), { maxLength: 10 }),
    directories: fc.array(fc.string({ maxLength: 9 }), { maxLength: 5 }),
    includePlaces: fc.array(fc.string({ maxLength: 9 }), { maxLength: 5 }),
    includeNames: fc.array(word, { maxLength: 5 }),
    absent: fc.array(word, { maxLength: 5 }),
    symbols: fc.array(fc.string()),
    config: fc.constant('0'.repeat(64)),
    seconds: fc.double({ min: 0, max: 1e6, noNaN: true }).map((seconds) => seconds + 0),
    compiled: fc.nat(),
  });
});

describe('a build record', () => {
  it('comes back from its bytes as it went', async () => {
    await fc.assert(
      fc.asyncProperty(records, async (record) => {
        expect(await decodeBuildRecord(await encodeBuildRecord(record))).toEqual(record);
      }),
    );
  });

  it.each([
    { what: 'bytes that are no gzip', bytes: () => Promise.resolve(Buffer.from('no record')) },
    {
      what: 'an index beyond its files',
      bytes: () => encodeBuildRecord({ ...fc.sample(records, 1)[0]!, files: [], makefiles: [1] }),
    },
  ])('is refused when it is $what', async ({ bytes }) => {
    await expect(decodeBuildRecord(await bytes())).rejects.toMatchObject({ code: 'data-loss' });
  });
});
