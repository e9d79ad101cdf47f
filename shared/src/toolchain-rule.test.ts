import { describe, expect, it } from 'vitest';
import { chooseToolchain, parseToolchainRule } from './toolchain-rule.js';

const toolchains = [
  { name: 'gcc', family: 'gcc', version: '12.2.0', arch: 'x86_64' },
  { name: 'gcc-11', family: 'gcc', version: '11.3.0', arch: 'x86_64' },
  { name: 'gcc-9', family: 'gcc', version: '9.5.0', arch: 'x86_64' },
  { name: 'clang-14', family: 'clang', version: '14.0.6', arch: 'x86_64' },
  { name: 'gcc', family: 'gcc', version: '12.1.0', arch: 'arm64' },
];

describe('a toolchain rule', () => {
  it.each([
    ['', 'gcc'],
    ['gcc-11', 'gcc-11'],
    ['clang-14', 'clang-14'],
    ['gcc>=11,<12', 'gcc-11'],
    ['gcc >= 9', 'gcc'],
    ['gcc<=11', 'gcc-11'],
    ['gcc=9', 'gcc-9'],
    ['gcc>12', undefined],
    ['clang', undefined],
  ])('%j chooses %s', (rule, name) => {
    expect(chooseToolchain(parseToolchainRule(rule), 'x86_64', toolchains)?.name).toBe(name);
  });

  it('chooses among those for the architecture alone', () => {
    expect(chooseToolchain(parseToolchainRule('gcc'), 'arm64', toolchains)?.version).toBe('12.1.0');
    expect(chooseToolchain(parseToolchainRule('gcc-11'), 'arm64', toolchains)).toBeUndefined();
  });

  it.each(['icc', 'gcc>=', 'gcc>=x', '-gcc', 'gcc;ls'])('%j is refused, with an example', (rule) => {
    expect(() => parseToolchainRule(rule)).toThrow(/gcc>=11,<13/);
  });
});
