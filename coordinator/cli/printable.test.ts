import { expect, it } from 'vitest';
import { printable, printableLines } from './printable.js';

it.each([
  ['an escape sequence', 'a\u001b[31mb\u001b[0mc', 'abc'],
  ['a title for the terminal', 'a\u001b]0;owned\u0007b', 'ab'],
  ['line ends and tabs', 'a\r\nb\tc', 'a  b c'],
  ['C1 controls and turned text', 'a\u009bb\u202ec', 'a b c'],
  ['letters of any script', 'für 日本 ✓', 'für 日本 ✓'],
])('makes one safe line of text with %s', (_what, text, safe) => {
  expect(printable(text)).toBe(safe);
});

it('keeps lines, tabs and indentation of longer text', () => {
  expect(printableLines('one\r\n\ttwo\u0007\n    three\u001b[2J\n')).toBe('one\n\ttwo\n    three\n');
});
