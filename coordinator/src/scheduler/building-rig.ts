import type { BuildRecord } from '@kbisect/shared/build-record';
import { BootTest, type JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import { Capabilities } from '@kbisect/shared/gen/kbisect/v1/session';
import type { CommitId } from '@kbisect/shared/ids';
import { ChangesParser } from '../classes/changes.js';
import { MentionsParser } from '../classes/mentions.js';
import type { RangeChanges } from '../classes/prediction.js';
import { Switches } from '../classes/switches.js';
import { Transitions } from '../classes/transitions.js';
import { commit, Rig, straightRange, straightSpec } from './rig.js';

// A farm for tests whose jobs build kernels.

export const CONSUMED = 'kernel/a.c';
/** A file that builds read and records do not name. */
export const HIDDEN = 'kernel/hidden.c';
export const DOCS = 'README';

/** A straight history of commits 1, 2, ..., each of which changes one file. */
export function history(paths: readonly string[]): RangeChanges {
  const { graph } = straightRange(paths.length);
  const parser = new ChangesParser(graph, [commit(0)]);
  const versions = new Map<string, number>();
  paths.forEach((path, index) => {
    const before = versions.get(path) ?? 1;
    versions.set(path, before + 1);
    const blob = (version: number) => `${version.toString(16).padStart(11, '0')}${'0'.repeat(29)}`;
    const entry = `:100644 100644 ${blob(before)} ${blob(before + 1)} M\0${path}\0`;
    parser.push(Buffer.from(`${commit(index + 1)}\0${entry}`));
  });
  const changes = parser.end();
  const mentions = new MentionsParser(changes.names).end();
  return { changes, mentions, transitions: new Transitions([], new Switches()) };
}

export const record: BuildRecord = {
  version: 2,
  files: [CONSUMED],
  makefiles: [],
  kconfig: [],
  tools: [],
  objects: [{ path: 'kernel/a.o', needs: [0] }],
  directories: [],
  includePlaces: [],
  includeNames: [],
  absent: [],
  symbols: [],
  config: 'c'.repeat(64),
  seconds: 100,
  compiled: 1,
};

export const numberOf = (id: CommitId) => parseInt(id, 16) - 1;

/** A rig in which commit n's image is told by what the commits up to it have changed of all but the documentation. */
export function buildingRig(paths: readonly string[], agents = 2): Rig {
  const rig = new Rig();
  const image = (id: CommitId) =>
    `image ${paths.slice(0, numberOf(id)).filter((path) => path !== DOCS).length}`;
  rig.kernels = { changes: history(paths), image, record };
  for (let n = 0; n < agents; n++)
    rig.hello(`agent${n}`, { capabilities: Capabilities.fromPartial({ arches: ['x86_64'] }) });
  return rig;
}

export function buildSpec(size: number, more: Partial<JobSpec> = {}): JobSpec {
  return straightSpec(size, {
    test: { $case: 'boot', value: BootTest.fromPartial({ arch: 'x86_64' }) },
    ...more,
  });
}
