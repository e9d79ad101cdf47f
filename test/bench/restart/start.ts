import { pino } from 'pino';
import { JobPins } from '@kbisect/coordinator/cache/job-pins';
import { Dispatcher } from '@kbisect/coordinator/dispatcher';
import { openJournal, type JournalPlace } from '@kbisect/coordinator/journal/open-journal';
import { Farm } from '@kbisect/coordinator/scheduler/farm';
import { DEFAULT_TIMING } from '@kbisect/coordinator/scheduler/timing';
import { SlotHistory } from '@kbisect/coordinator/slot-history';
import { systemClock } from '@kbisect/shared/clock';

// One start, in a process of its own: `node start.js STATE [SERVERS]` prints what it took.

const [state = '', servers] = process.argv.slice(2);
const place: JournalPlace =
  servers === undefined ? { kind: 'embedded' } : { kind: 'jetstream', servers, replicas: 1 };
const opened = await openJournal(place, state);
const nothing = () => Promise.reject(new Error('no job runs'));
const surroundings = {
  ...{ ...opened, clock: systemClock, log: pino({ level: 'silent' }), fail: () => undefined },
  ...{
    readRange: nothing,
    readChanges: nothing,
    readRecord: nothing,
    readSuspects: nothing,
    makeChecks: nothing,
  },
};
const farm = new Farm(DEFAULT_TIMING, () => 'id');
const dispatcher = new Dispatcher(farm, surroundings, new AbortController().signal);
const pins = new JobPins({ pin: () => undefined, unpin: () => undefined });
const history = new SlotHistory();
const before = process.memoryUsage().rss;
const [startedAt, usage] = [performance.now(), process.cpuUsage()];
await dispatcher.resume((found) => {
  if (found.snapshot) {
    pins.restore(found.snapshot.kept);
    history.recall(found.job, found.snapshot, Date.now());
  } else {
    pins.take(found.job, found.events);
    history.take(found.job, found.events);
  }
});
const seconds = (performance.now() - startedAt) / 1000;
const { user, system } = process.cpuUsage(usage);
const processorSeconds = (user + system) / 1e6;
const mib = (process.memoryUsage().rss - before) / 2 ** 20;
await dispatcher.settled();
await opened.close();
process.stdout.write(JSON.stringify({ jobs: farm.jobs.size, seconds, processorSeconds, mib }));
