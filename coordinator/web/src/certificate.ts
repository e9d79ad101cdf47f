import { el, table } from './dom.js';

/** What is read of docs/report.schema.json. */
export interface Report {
  readonly state: string;
  readonly checks: readonly { readonly result: string; readonly what: string; readonly detail: string }[];
  readonly culprit?: { readonly fixesTag: string };
  readonly branches: readonly { readonly name: string; readonly has: string }[];
  readonly minimalConfig?: {
    readonly settings: readonly { readonly setting: string; readonly without: string }[];
    readonly spared: readonly string[];
    readonly kept: readonly string[];
    readonly minimal: boolean;
    readonly reason: string;
  };
}

/** The certificate of a culprit, and where the report is. */
export function certificate(job: string, report: Report | undefined): HTMLElement[] {
  const links = el(
    'p',
    {},
    el('a', { href: `/jobs/${job}/report` }, 'The report'),
    ' | ',
    el('a', { href: `/api/jobs/${job}/report` }, 'as JSON'),
    ' | ',
    el('a', { href: `/api/jobs/${job}/log` }, 'git bisect log'),
  );
  const checks = report?.checks ?? [];
  const rows = checks.map(({ result, what, detail }) => {
    const look = result === 'PASS' ? 'old' : result === 'FAIL' ? 'new' : 'skipped';
    return [el('b', { class: look }, result), what, detail];
  });
  const branches = report?.branches.map(({ name, has }) => el('li', {}, `${name}: has the ${has}`)) ?? [];
  return [
    rows.length === 0
      ? el('p', {}, 'No check yet: a culprit is checked before it is named.')
      : table(['Result', 'Check', 'What was seen'], rows, 'Checks of the culprit'),
    ...(report?.culprit
      ? [
          el(
            'pre',
            { tabindex: 0, role: 'region', 'aria-label': 'The tag for the patch that mends it' },
            report.culprit.fixesTag,
          ),
        ]
      : []),
    ...settings(report?.minimalConfig),
    ...(branches.length > 0 ? [el('ul', {}, ...branches)] : []),
    links,
  ];
}

/** Which of the settings that were asked for the culprit takes. */
function settings(config: Report['minimalConfig']): HTMLElement[] {
  if (config === undefined) return [];
  const rows = [
    ...config.settings.map(({ setting, without }) => [el('b', {}, setting), `without it, ${without}`]),
    ...config.spared.map((setting) => [
      setting,
      config.kept.includes(setting) ? 'not needed, and on all the same' : 'not needed',
    ]),
  ];
  return [
    table(['Setting', 'What was seen'], rows, 'Settings that the culprit takes'),
    ...(config.minimal ? [] : [el('p', {}, `This is not minimal: ${config.reason}`)]),
  ];
}
