import { RE2JS } from 're2js';
import { KbisectError, messageOf } from './errors.js';

const MAX_LENGTH = 1000;

/** A user's regular expression, in RE2's syntax. It is tried in time linear in the text, whatever the two are. */
export class Pattern {
  readonly #compiled: RE2JS;

  /** @throws KbisectError `invalid-argument` when the text is no regular expression, or too long */
  constructor(readonly text: string) {
    if (text === '' || text.length > MAX_LENGTH) {
      throw new KbisectError('invalid-argument', `a pattern has 1 to ${MAX_LENGTH} characters`);
    }
    try {
      this.#compiled = RE2JS.compile(text);
    } catch (error) {
      throw new KbisectError(
        'invalid-argument',
        `${JSON.stringify(text)} is not a regular expression as RE2 has them: ${messageOf(error)}`,
      );
    }
  }

  /** Whether it matches anywhere in the text. */
  matches(text: string): boolean {
    return this.#compiled.matcher(text).find();
  }
}
