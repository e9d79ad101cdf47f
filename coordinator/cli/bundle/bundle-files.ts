import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { trialSettings, writeTrialInitramfs } from '@kbisect/agent/initramfs/trial';
import { reportDocument, type ReportDocument } from '../../src/report/report-document.js';
import { describeOutcome } from '../../src/scheduler/oracle.js';
import { KbisectError } from '@kbisect/shared/errors';
import {
  GetReportRequest_Format,
  type GetInfoResponse,
  type GetLogResponse,
  type GetReportResponse,
} from '@kbisect/shared/gen/kbisect/v1/farm';
import {
  CheckKind,
  type BlobRef,
  type BootTest,
  type JobEvent,
  type JobSpec,
  type NamedBlob,
} from '@kbisect/shared/gen/kbisect/v1/job';
import { shortId } from '@kbisect/shared/ids';
import type { Connection } from '../connection.js';
import { saveBlob } from '../save-blob.js';
import { NONCE, reproduceScript } from './reproduce-script.js';

type Fact = NonNullable<JobEvent['fact']>;
type FactValue<K extends Fact['$case']> = Extract<Fact, { $case: K }>['value'];

/** Writes the files of a job's bundle. */
export class BundleFiles {
  written = 0;
  readonly #missing: string[] = [];
  readonly #spec: JobSpec;
  /** Leases for kernels with a part of the settings that the job asks for, each with the place of its check. */
  readonly #ofParts: ReadonlyMap<string, number>;

  constructor(
    private readonly connection: Connection,
    private readonly job: string,
    private readonly events: readonly JobEvent[],
    private readonly directory: string,
    private readonly signal: AbortSignal,
  ) {
    const spec = this.#facts('submitted')[0]?.spec;
    if (spec === undefined)
      throw new KbisectError('data-loss', `the first event of job ${job} is not its own`);
    this.#spec = spec;
    const checks = this.#facts('checking').flatMap((fact) => fact.checks);
    this.#ofParts = new Map(
      this.#facts('leased').flatMap(({ lease, check }) =>
        check !== undefined && checks[check]?.kind === CheckKind.CHECK_KIND_CONFIG ? [[lease, check]] : [],
      ),
    );
  }

  async write(): Promise<void> {
    const { farm } = this.connection;
    const text = async (format: GetReportRequest_Format) =>
      (
        await this.connection.call<GetReportResponse>((...rest) =>
          farm.getReport({ job: this.job, format }, ...rest),
        )
      ).text;
    const json = await text(GetReportRequest_Format.FORMAT_JSON);
    const report = reportDocument.parse(JSON.parse(json));
    await this.#text('report.txt', await text(GetReportRequest_Format.FORMAT_TEXT));
    for (const { branch, patch } of report.checks)
      if (branch !== undefined && patch !== undefined)
        await this.#text(`backport-${branch.replace(/[^A-Za-z0-9._-]+/g, '-')}.patch`, patch);
    if (report.minimalConfig) {
      const lines = report.minimalConfig.settings.map(({ setting }) => `${setting}\n`);
      await this.#text('minimal.config', lines.join(''));
    }
    await this.#text('report.html', await text(GetReportRequest_Format.FORMAT_HTML));
    await this.#text('report.json', json);
    const log = await this.connection.call<GetLogResponse>((...rest) =>
      farm.getLog({ job: this.job }, ...rest),
    );
    await this.#text('bisect.log', log.log);
    await this.#consoles();
    await this.#builds();
    await this.#commands();
    if (this.#spec.test?.$case === 'boot') await this.#guest(this.#spec.test.value, report);
    await this.#script(report);
    if (this.#missing.length > 0) await this.#text('MISSING', `${this.#missing.join('\n')}\n`);
  }

  #facts<K extends Fact['$case']>(kind: K): FactValue<K>[] {
    return this.events.flatMap(({ fact }) => (fact?.$case === kind ? [fact.value as FactValue<K>] : []));
  }

  async #consoles(): Promise<void> {
    for (const [n, { commit, outcome, console }] of this.#facts('tried').entries()) {
      const shown = outcome ? describeOutcome(outcome).split(':')[0]! : 'none';
      const name = `${String(n + 1).padStart(3, '0')}-${shortId(commit)}-${shown.toLowerCase().replaceAll(' ', '-')}`;
      if (console) await this.#blob(`consoles/${name}.log`, console);
    }
  }

  async #builds(): Promise<void> {
    for (const { commit, log, config, lease } of this.#facts('built')) {
      // With a part of the settings it is another build.
      const part = this.#ofParts.get(lease);
      const name = `builds/${shortId(commit)}${part === undefined ? '' : `-settings-${part}`}`;
      if (log) await this.#blob(`${name}.log`, log);
      if (config) await this.#blob(`${name}.config`, config);
    }
  }

  /** The exact command of each boot. */
  async #commands(): Promise<void> {
    const lines = this.#facts('tried').map(({ commit, image, initramfs, machine }) => {
      const what = `${shortId(commit)} image ${image || '-'} initramfs ${initramfs || '-'}`;
      return `# ${what}\n${JSON.stringify(machine?.arguments ?? [])}\n`;
    });
    await this.#text('commands.txt', lines.join(''));
  }

  async #guest(test: BootTest, report: ReportDocument): Promise<void> {
    const { reproducer, baseConfig, profile, fragments } = test;
    for (const file of reproducer?.files ?? []) await this.#named('reproducer', file);
    for (const [n, part] of [baseConfig, profile, ...fragments].entries())
      if (part) await this.#named('config.d', { ...part, name: `${n}-${part.name.split('/').at(-1) ?? ''}` });
    // The culprit's own configuration; where it was taken from the cache by its twin's, the new end's.
    const builds = this.#facts('built').filter(
      ({ config, lease }) => config !== undefined && !this.#ofParts.has(lease),
    );
    const wanted = [report.culprit?.commit, report.new.commit];
    const build =
      wanted.flatMap((commit) => builds.find((one) => one.commit === commit) ?? [])[0] ?? builds.at(-1);
    if (build?.config) await this.#blob('config', build.config);
    if (test.disk?.blob) await this.#blob('disk', test.disk.blob);
    const blob = this.#facts('tried').findLast(
      ({ initramfsBlob }) => initramfsBlob !== undefined,
    )?.initramfsBlob;
    if (blob === undefined || !(await this.#blob('initramfs', blob))) return;
    const path = join(this.directory, 'initramfs');
    const trial = {
      nonce: NONCE,
      timeoutSeconds: this.#spec.timeoutSeconds,
      repeat: Math.max(1, test.repeat),
      needs: test.needs,
      modules: [],
      onDisk: test.disk !== undefined,
    };
    // Modules come out of the builds: the script puts them behind it, and then what the harness is to do.
    if (test.modules.length > 0) await this.#text('trial', trialSettings(trial).toString());
    await writeTrialInitramfs([path], trial, `${path}.cpio`);
    // What was packed is its first part.
    await rm(path);
  }

  async #script(report: ReportDocument): Promise<void> {
    const { gitUrl } = await this.connection.call<GetInfoResponse>((...rest) =>
      this.connection.farm.getInfo({}, ...rest),
    );
    const trial = this.#facts('tried').findLast(({ machine }) => machine !== undefined);
    const script = reproduceScript({
      report,
      spec: this.#spec,
      gitUrl,
      qemu: trial?.machine?.arguments ?? [],
    });
    await this.#text('reproduce.sh', script);
  }

  async #named(folder: string, { name, blob }: NamedBlob): Promise<void> {
    if (blob) await this.#blob(`${folder}/${name}`, blob);
  }

  /** False when the cache does not have it any more, which the bundle then says. */
  async #blob(name: string, blob: BlobRef): Promise<boolean> {
    const path = join(this.directory, name);
    await mkdir(dirname(path), { recursive: true });
    try {
      await saveBlob(this.connection, blob, path, this.signal);
    } catch (error) {
      if (!(error instanceof KbisectError) || error.code !== 'not-found') throw error;
      this.#missing.push(`${name}: ${blob.digest}`);
      return false;
    }
    this.written += 1;
    return true;
  }

  async #text(name: string, text: string): Promise<void> {
    await writeFile(join(this.directory, name), text);
    this.written += 1;
  }
}
