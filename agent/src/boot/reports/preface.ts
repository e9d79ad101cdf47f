/**
 * What is said right before `kernel BUG at` or `WARNING:` by checks that the whole kernel shares: it tells more than the place
 * of the check, and is the title in its stead.
 */
const PREFACES: readonly { readonly starts: string; readonly title: (line: string) => string }[] = [
  { starts: 'list_add', title: () => 'list_add corruption' },
  { starts: 'list_del', title: () => 'list_del corruption' },
  { starts: 'refcount_t: ', title: (line) => line.replace(/\.$/, '') },
  { starts: 'usercopy: ', title: (line) => line.replace(/ \(offset .*$/, '').replace(/!$/, '') },
  { starts: 'detected buffer overflow in ', title: () => 'detected buffer overflow' },
  {
    starts: 'ODEBUG: ',
    title: (line) => line.replace(/ \(active state .*$/, '').replace(/ object: .*$/, ''),
  },
];

/** The title that a line gives to the report that follows it. */
export function prefaceOf(line: string): string | undefined {
  return PREFACES.find(({ starts }) => line.startsWith(starts))?.title(line);
}
