/** Kernel lists read e-mail at this width. */
export const WIDTH = 75;

/**
 * Words in lines of at most `WIDTH` columns, as long as no word is longer. The first line keeps its indentation.
 * @param indent of the lines after the first
 */
export function wrap(text: string, indent = ''): string {
  const lines: string[] = [];
  const first = /^ */.exec(text)![0];
  let line = first;
  for (const word of text.split(/\s+/).filter(Boolean)) {
    if (line.trim() !== '' && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = indent + word;
    } else line = line.trim() === '' ? line + word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}
