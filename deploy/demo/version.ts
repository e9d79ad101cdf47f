/** Which versions of a source package to try, of what `apt-cache showsrc` prints: those with the prefix, newest first. */
export function versionsToTry(showsrc: string, source: string, prefix: string): string[] {
  const versions = showsrc.split(/\n\n+/).flatMap((stanza) => {
    const name = /^Package: (.*)$/m.exec(stanza)?.[1];
    const version = /^Version: (.*)$/m.exec(stanza)?.[1];
    return name === source && version?.startsWith(prefix) && !version.includes('~') ? [version] : [];
  });
  return [...new Set(versions)].sort((one, other) => compareVersions(other, one));
}

/** Orders versions by their numbers, from the left; enough where no `~` and no epoch stands in them. */
function compareVersions(one: string, other: string): number {
  const [left, right] = [one, other].map((version) => (version.match(/\d+/g) ?? []).map(Number));
  for (let at = 0; at < Math.max(left!.length, right!.length); at++) {
    const difference = (left![at] ?? -1) - (right![at] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}
