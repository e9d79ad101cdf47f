import { shortId } from '@kbisect/shared/ids';
import { addressField, headerField, isAscii } from './mail-header.js';
import { minimalConfigText } from './minimal-config-text.js';
import { percentage } from './percentage.js';
import type { NamedCommit, ReportDocument } from './report-document.js';
import { wrap } from './wrap.js';

type Found = ReportDocument & { readonly culprit: NonNullable<ReportDocument['culprit']> };

/** Whether there is something to tell a maintainer. */
export function isFound(report: ReportDocument): report is Found {
  return report.culprit !== undefined;
}

/**
 * A found culprit as an e-mail in the kernel's conventions (Documentation/admin-guide/reporting-regressions.rst,
 * process/submitting-patches.rst): ready to be read, and sent by nobody but its reader.
 */
export function reportMail(report: Found): string {
  const { culprit, people, mode } = report;
  const [author, ...others] = people;
  const parts = [
    headerField('Subject', subject(report)),
    ...(author ? [addressField('To', [author])] : []),
    ...(others.length > 0 ? [addressField('Cc', others)] : []),
    'MIME-Version: 1.0',
    `Content-Type: text/plain; charset=${isAscii(JSON.stringify(report)) ? 'us-ascii' : 'utf-8'}`,
    'Content-Transfer-Encoding: 8bit',
    '',
    ...(mode === 'regression' ? [`#regzbot introduced: ${shortId(culprit.commit)}`, ''] : []),
    ...opening(report),
    ...section('What it shows', symptoms(report)),
    ...section('Checks', report.checks.map(checkText)),
    ...section('Configuration', configTexts(report)),
    ...section(mode === 'fix' ? 'Backports' : 'Stable branches', branchTexts(report)),
    ...section('How it was tested', testTexts(report)),
    ...section('Range', rangeTexts(report)),
    ...(mode === 'regression' ? section('For the patch that mends it', [culprit.fixesTag]) : []),
    ...section('git bisect log', [report.bisectLog.trimEnd()]),
  ];
  return `${parts.join('\n').trimEnd()}\n`;
}

function subject({ culprit, mode, crash, shows }: Found): string {
  const tag = { regression: '[REGRESSION]', fix: '[FIXED]', any: '[BISECTED]' }[mode];
  const what = crash?.signature ?? (shows ? `${shows.old} -> ${shows.new}` : 'changed');
  return `${tag} ${what}, since ${named(culprit)}`;
}

function named({ commit, subject: its }: NamedCommit): string {
  return `${shortId(commit)} ("${its}")`;
}

function opening({ culprit, mode, pair, confidence, reason }: Found): string[] {
  const did = {
    regression: 'the first bad commit',
    fix: 'the first fixed commit',
    any: 'the first new commit',
  };
  const sure = confidence === undefined ? '' : `, ${percentage(confidence)} sure`;
  const lines = [`A bisection found ${did[mode]}${sure}:`, ''];
  if (mode === 'fix') lines.push(`fixed-by: ${named(culprit)}`);
  lines.push(
    `commit ${culprit.commit}`,
    `Author: ${culprit.author} <${culprit.email}>`,
    `Date:   ${culprit.date}`,
  );
  lines.push('', wrap(`    ${culprit.subject}`, '    '), '');
  const [one, other] = pair;
  if (one && other)
    lines.push(
      wrap(
        `It is a merge whose parents are both old; these two are new only together: ${named(one)} and ${named(other)}.`,
      ),
      '',
    );
  if (reason !== '') lines.push(wrap(reason), '');
  return lines;
}

function section(title: string, texts: readonly string[]): string[] {
  return texts.length === 0 ? [] : [title, '-'.repeat(title.length), ...texts, ''];
}

function symptoms({ shows, crash, olds, new: neu }: Found): string[] {
  const version = (end: { version: string }) => (end.version === '' ? '' : ` (${end.version})`);
  const lines = shows
    ? [
        ...olds.map((old) => wrap(`old: ${named(old)}${version(old)}: ${shows.old}`, '     ')),
        wrap(`new: ${named(neu)}${version(neu)}: ${shows.new}`, '     '),
      ]
    : [];
  if (crash === undefined) return lines;
  const where = [
    crash.function && `in ${crash.function}()`,
    crash.file,
    crash.taint && `taint ${crash.taint}`,
  ];
  const at = where.filter(Boolean).join(', ');
  return [
    ...lines,
    '',
    wrap(`crash: ${crash.signature}${at === '' ? '' : ` (${at})`}`, '  '),
    '',
    ...quoted(crash.lines),
  ];
}

function quoted(lines: readonly string[]): string[] {
  return lines.map((line) => `> ${line}`);
}

function checkText({ result, what, detail, conflicts }: ReportDocument['checks'][number]): string {
  const files =
    conflicts.length > 0 && !detail.includes('conflict') ? `; conflicts in ${conflicts.join(', ')}` : '';
  return wrap(`${result}: ${what} (${detail}${files})`, '  ');
}

function configTexts({ minimalConfig }: Found): string[] {
  if (minimalConfig === undefined) return [];
  const { settings, spared, kept } = minimalConfig;
  const lines = settings.map(({ setting }) => setting);
  const off = spared.filter((setting) => !kept.includes(setting));
  return [
    wrap(`${minimalConfigText({ ...minimalConfig, settings: lines })}${lines.length > 0 ? ':' : ''}`),
    ...settings.map(({ setting, without }) => wrap(`${setting} (without it, ${without})`, '  ')),
    ...(off.length > 0 ? [wrap(`not needed: ${off.join(', ')}`, '  ')] : []),
    ...(kept.length > 0 ? [wrap(`not needed, and on all the same: ${kept.join(', ')}`, '  ')] : []),
  ];
}

function branchTexts({ branches, checks, mode }: Found): string[] {
  if (mode !== 'fix') {
    return branches.map(({ name, has, backport, fix }) => {
      const what =
        has === 'backport' && backport
          ? `has it, as ${named(backport)}`
          : has === 'culprit'
            ? 'has it'
            : 'does not have it';
      const mended = has === 'nothing' ? '' : fix ? `, and its fix ${named(fix)}` : ', and no fix of it';
      return wrap(`${name}: ${what}${mended}`, '  ');
    });
  }
  return checks
    .filter(({ kind }) => kind === 'backport')
    .flatMap(({ what, needs, fixes }) => [
      ...(needs.length > 0 ? [wrap(`${what} seems to need: ${needs.map(named).join(', ')}`, '  ')] : []),
      ...(fixes.length > 0
        ? [wrap(`${what}: see its later fixes: ${fixes.map(named).join(', ')}`, '  ')]
        : []),
    ]);
}

function testTexts({ test, requires, statistics }: Found): string[] {
  const { builds, trials, cacheHits, seconds } = statistics;
  const spent = `${builds} builds, ${trials} trials, ${cacheHits} cache hits, ${Math.round(seconds)} s`;
  const agents =
    requires.length === 0 ? [] : [wrap(`on machines with the labels ${requires.join(', ')}`, '  ')];
  if (test.kind === 'run') return [...quoted(test.command.split('\n')), ...agents, spent];
  return [
    wrap(`reproducer: ${test.reproducer.join(' ') || 'the initramfs of its own'}`, '  '),
    wrap(`arch: ${test.arch}; compiler: ${test.compiler || 'not known'}`, '  '),
    ...agents,
    ...test.config.map(({ name, sha256 }) => `config: ${name}, SHA-256 ${sha256.slice(0, 12)}...`),
    ...(test.qemu.length > 0 ? ['QEMU:', ...quoted(commandLines(test.qemu))] : []),
    spent,
  ];
}

function rangeTexts({ range, olds, new: neu }: Found): string[] {
  const classes = range.classes > 0 ? `, ${range.classes} different images` : '';
  return [
    wrap(
      `${olds.map(({ commit }) => shortId(commit)).join(' ')}..${shortId(neu.commit)}: ${range.commits} commits${classes}`,
    ),
  ];
}

/** A command in lines that a shell takes for one; an option and its value stay together. */
function commandLines(command: readonly string[]): string[] {
  const parts: string[] = [];
  for (const word of command.map(shellWord)) {
    const previous = parts.at(-1);
    if (previous === undefined || word.startsWith('-') || !/^-\S+$/.test(previous)) parts.push(word);
    else parts[parts.length - 1] = `${previous} ${word}`;
  }
  const lines: string[] = [];
  for (const part of parts) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + part.length < 70) lines[lines.length - 1] = `${line} ${part}`;
    else lines.push(lines.length === 0 ? part : `  ${part}`);
  }
  return lines.map((line, n) => (n < lines.length - 1 ? `${line} \\` : line));
}

/** A word as a shell takes it. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
