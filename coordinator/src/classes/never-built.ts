import { isKconfig } from './kconfig.js';
import { isMakefile } from './makefile.js';

/**
 * Files of a kernel's tree that no build of an image reads, whatever its configuration: what can be said before
 * there is a record of any build. A Kconfig file or a makefile counts wherever it lies.
 */
export function isNeverBuilt(path: string): boolean {
  return !isKconfig(path) && !isMakefile(path) && NEVER_BUILT.test(path);
}

const NEVER_BUILT = new RegExp(
  [
    '^Documentation/',
    '^LICENSES/',
    '^tools/(testing|perf|power|virtio|usb|iio|hv|gpio|spi|leds|laptop|firewire|cgroup|accounting|wmi)/',
    '^(CREDITS|COPYING|MAINTAINERS|README|REPORTING-BUGS)$',
    String.raw`(^|/)\.(gitignore|gitattributes|mailmap|get_maintainer\.ignore|cocciconfig|clang-format|editorconfig)$`,
    String.raw`\.(rst|md)$`,
  ].join('|'),
);
