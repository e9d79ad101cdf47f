import { expect, it } from 'vitest';
import { reachableUrl } from './reachable-url.js';

it.each([
  ['http://0.0.0.0:7421/git', 'farm:7420', 'http://farm:7421/git'],
  ['http://[::]:7421/git', '[2001:db8::1]:7420', 'http://[2001:db8::1]:7421/git'],
  ['http://10.0.0.5:7421/git', 'farm:7420', 'http://10.0.0.5:7421/git'],
  ['http://0.0.0.0:7421/git', 'not a host', 'http://0.0.0.0:7421/git'],
])('%s is to a peer that has dialled %s', (url, authority, reached) => {
  expect(reachableUrl(url, authority)).toBe(reached);
});
