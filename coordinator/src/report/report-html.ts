import { createHash } from 'node:crypto';
import { minimalConfigText } from './minimal-config-text.js';
import { isFound, reportMail } from './report-mail.js';
import type { ReportDocument } from './report-document.js';

const STYLE = `body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222 }
h1 { font-size: 1.3em } table { border-collapse: collapse } td, th { text-align: left; padding: .2em .8em .2em 0; vertical-align: top }
code, pre { font: 13px/1.4 ui-monospace, monospace } pre { background: #f5f5f5; padding: 1em; overflow-x: auto }
.PASS { color: #067d3b } .FAIL { color: #b3261e } .not-possible { color: #7a5d00 }`;

/** What a content security policy calls the page's one style by. */
export function reportStyleHash(): string {
  return `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;
}

/** The report as one page that needs nothing besides itself. */
export function reportHtml(report: ReportDocument): string {
  const { culprit, checks, minimalConfig, verdicts, requires, statistics, candidates } = report;
  const title = culprit
    ? `${culprit.commit.slice(0, 12)} ${culprit.subject}`
    : `${report.state}: ${report.reason}`;
  const rows = (lines: readonly (readonly string[])[]) =>
    `<table>${lines.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n')}</table>`;
  const parts = [
    `<h1>${escaped(title)}</h1>`,
    `<p>${escaped(report.title)}: ${escaped(report.mode)}, job <code>${escaped(report.job)}</code></p>`,
    ...(culprit
      ? [`<p>${escaped(culprit.author)} &lt;${escaped(culprit.email)}&gt;, ${escaped(culprit.date)}</p>`]
      : []),
    ...(candidates.length > 0 ? ['<h2>Candidates</h2>', rows(candidates.map(commitCells))] : []),
    ...(checks.length > 0
      ? [
          '<h2>Checks</h2>',
          rows(
            checks.map(({ result, what, detail }) => [
              `<b class="${result.replace(' ', '-')}">${result}</b>`,
              escaped(what),
              escaped(detail),
            ]),
          ),
        ]
      : []),
    ...(minimalConfig
      ? [
          '<h2>Configuration</h2>',
          `<p>${escaped(minimalConfigText({ ...minimalConfig, settings: minimalConfig.settings.map(({ setting }) => setting) }))}</p>`,
          rows([
            ...minimalConfig.settings.map(({ setting, without }) => [
              `<code>${escaped(setting)}</code>`,
              `without it, ${escaped(without)}`,
            ]),
            ...minimalConfig.spared.map((setting) => [
              `<code>${escaped(setting)}</code>`,
              minimalConfig.kept.includes(setting) ? 'not needed, and on all the same' : 'not needed',
            ]),
          ]),
        ]
      : []),
    '<h2>Verdicts</h2>',
    rows(verdicts.map((one) => [escaped(one.verdict), ...commitCells(one), escaped(one.shown)])),
    ...(requires.length > 0 ? [`<p>On machines with the labels ${escaped(requires.join(', '))}</p>`] : []),
    `<p>${statistics.builds} builds, ${statistics.trials} trials, ${statistics.cacheHits} cache hits, ${Math.round(statistics.seconds)} s</p>`,
    ...(isFound(report)
      ? ['<h2>E-mail</h2>', `<pre>${escaped(reportMail(report))}</pre>`]
      : ['<h2>git bisect log</h2>', `<pre>${escaped(report.bisectLog)}</pre>`]),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title><style>${STYLE}</style></head>
<body>
${parts.join('\n')}
</body></html>
`;
}

function commitCells({ commit, subject }: { readonly commit: string; readonly subject: string }): string[] {
  return [`<code>${commit.slice(0, 12)}</code>`, escaped(subject)];
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
