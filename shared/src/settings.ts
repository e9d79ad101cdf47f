/** A line of a config: a symbol and what it is set to; `n` when it is not set. */
export interface Setting {
  readonly symbol: string;
  readonly value: string;
}

const SET = /^(CONFIG_\w+)=(.*)$/;
const NOT_SET = /^# (CONFIG_\w+) is not set$/;

/** The settings of a `.config` or a fragment, in its order; other lines are comments. */
export function parseConfig(text: string): Setting[] {
  return text.split('\n').flatMap((line) => {
    const [, symbol, value] = SET.exec(line.trim()) ?? NOT_SET.exec(line.trim()) ?? [];
    return symbol === undefined ? [] : [{ symbol, value: value ?? 'n' }];
  });
}

/** Settings put on top of each other: of those for one symbol the last one counts. */
export function mergeSettings(layers: readonly (readonly Setting[])[]): Setting[] {
  return [...new Map(layers.flat().map((setting) => [setting.symbol, setting])).values()];
}

/** A setting as a line of a config. */
export function formatSetting({ symbol, value }: Setting): string {
  return value === 'n' ? `# ${symbol} is not set` : `${symbol}=${value}`;
}

/** Settings as the text of a config. */
export function formatConfig(settings: readonly Setting[]): string {
  return settings.map((setting) => `${formatSetting(setting)}\n`).join('');
}

/** A requested setting that the kernel's own configuration did not keep. */
export interface Lost {
  readonly symbol: string;
  readonly asked: string;
  readonly became: string;
}

/** Which of the requested settings are not in the result. A symbol that is nowhere in the result is not set. */
export function lostSettings(requested: readonly Setting[], result: readonly Setting[]): Lost[] {
  const became = new Map(result.map(({ symbol, value }) => [symbol, value]));
  return requested
    .map(({ symbol, value }) => ({ symbol, asked: value, became: became.get(symbol) ?? 'n' }))
    .filter(({ asked, became }) => asked !== became);
}
