import { styleText } from 'node:util';

/** Puts colour on text, or leaves it plain. */
export type Paint = (style: 'green' | 'red' | 'yellow' | 'cyan' | 'bold' | 'dim', text: string) => string;

export const plain: Paint = (_style, text) => text;
export const coloured: Paint = (style, text) => styleText(style, text, { validateStream: false });

/** What suits a stream: colour on a terminal that has it, unless NO_COLOR is set. */
export function paintFor(
  stream: Pick<NodeJS.WriteStream, 'isTTY'> & { hasColors(): boolean },
  env: NodeJS.ProcessEnv,
): Paint {
  return stream.isTTY && !env['NO_COLOR'] && stream.hasColors() ? coloured : plain;
}
