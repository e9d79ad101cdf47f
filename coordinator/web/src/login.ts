import { tell } from './api.js';
import { byIdOf, say } from './dom.js';

byIdOf('login', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  void tell('/login', { token: byIdOf('token', HTMLInputElement).value })
    .then(() => location.assign('/'))
    .catch((error: unknown) => say(error instanceof Error ? error.message : String(error)));
});
