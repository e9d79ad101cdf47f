import { archOf } from '@kbisect/agent/boot/arch';
import type { JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import { NewWhen_Kind } from '@kbisect/shared/gen/kbisect/v1/job';
import type { ReportDocument } from '../../src/report/report-document.js';
import { shellWord } from '../../src/report/report-mail.js';
import { printable } from '../printable.js';

/** Marks the harness's lines in the initramfs of a bundle. */
export const NONCE = 'reproduce';

/** What a script is made from. */
export interface Finding {
  readonly report: ReportDocument;
  readonly spec: JobSpec;
  /** Where the farm's commits are. */
  readonly gitUrl: string;
  /** The command of a boot, its program first. */
  readonly qemu: readonly string[];
}

/**
 * A POSIX shell script that shows the finding with git, make, a compiler and QEMU alone: it fetches the two commits, builds
 * them with the bundle's config and boots them with its initramfs; of a `--run` job it runs the command in both.
 */
export function reproduceScript({ report, spec, gitUrl, qemu }: Finding): string {
  const fixups = report.test.kind === 'boot' ? report.test.fixups : [];
  const picksOf = (commit: string) => fixups.find((one) => one.commit === commit)?.picked.join(' ') ?? '';
  const neu = report.culprit?.commit ?? report.new.commit;
  const old = report.culprit?.parents[0] ?? report.olds[0]?.commit ?? '';
  const test = spec.test?.$case === 'boot' ? bootPart(spec, qemu) : runPart(spec);
  const names = report.culprit ? ['parent', 'culprit'] : ['old', 'new'];
  return `#!/bin/sh
# ${printable(report.culprit ? `${neu.slice(0, 12)} ("${report.culprit.subject}")` : report.title)}
#
# Shows what the bisection found, without the farm: tests the commit and its parent and compares. Takes git, make, a
# compiler${spec.test?.$case === 'boot' ? ', QEMU' : ''} and a few minutes; leaves what it makes in the current directory.
${report.requires.map((label) => `# The farm tried it on machines with the label ${printable(label)} alone.\n`).join('')}#
#   sh reproduce.sh [REPOSITORY]      a path or URL that has the commits
set -eu
here=$(cd "$(dirname "$0")" && pwd)
repository=\${1:-${shellWord(gitUrl)}}
[ ! -d "$repository" ] || repository=$(cd "$repository" && pwd)
old=${old}
new=${neu}
# Commits that are cherry-picked on them before they are built.
old_picks='${picksOf(old)}'
new_picks='${picksOf(neu)}'

[ -d linux ] || git init --quiet linux
for commit in $old $new; do
	git -C linux cat-file -e "$commit^{commit}" 2>/dev/null ||
		git -C linux fetch --quiet --depth=1 "$repository" "$commit"
done
for commit in $old_picks $new_picks; do
	git -C linux cat-file -e "$commit^^{commit}" 2>/dev/null ||
		git -C linux fetch --quiet --depth=2 "$repository" "$commit"
done
${test}
try $old ${names[0]!} $old_picks
try $new ${names[1]!} $new_picks
if [ "$(cat ${names[0]!}.outcome)" = "$(cat ${names[1]!}.outcome)" ]; then
	echo "no difference"
	exit 1
fi
`;
}

/** Builds and boots a commit. */
function bootPart(spec: JobSpec, qemu: readonly string[]): string {
  const test = spec.test?.$case === 'boot' ? spec.test.value : undefined;
  const arch = archOf(test?.arch ?? '');
  if (test === undefined || arch === undefined) return '';
  const compiler = /^(gcc|clang)(-\d+)?$/.exec(test.toolchain ?? '');
  const words =
    compiler?.[1] === 'clang' ? [`LLVM=${compiler[2] ?? '1'}`] : compiler ? [`CC=${compiler[0]}`] : [];
  const cross = `case $(uname -m) in ${arch.host === 'x64' ? 'x86_64' : 'aarch64'}) ;; *) cross=CROSS_COMPILE=${arch.crossCompile} ;; esac`;
  const pattern = spec.newWhen?.kind === NewWhen_Kind.KIND_OUTPUT ? spec.newWhen.pattern : '';
  const wanted =
    pattern === ''
      ? ''
      : `	grep -aEq ${shellWord(pattern)} "$name.console" && outcome="output: ${printable(pattern).replace(/[`$"\\]/g, '.')}"\n`;
  const limit = spec.timeoutSeconds + 60;
  const isPlain = test.modules.length === 0;
  const initramfs = isPlain ? '$here/initramfs.cpio' : '$name.initramfs';
  return `
cross=
${cross}
modules='${test.modules.join(' ')}'

# make ARGUMENTS..., so that the kernel says nothing of this machine
kmake() {
	make -C linux -j"$(getconf _NPROCESSORS_ONLN)" ARCH=${arch.name} $cross ${words.join(' ')} LOCALVERSION= KBUILD_BUILD_USER=kbisect \\
		KBUILD_BUILD_HOST=kbisect KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970' KBUILD_BUILD_VERSION=1 "$@"
}

build() {
	kmake olddefconfig && kmake ${arch.target} || return 1
	for module in $modules; do
		kmake "$module" || return 1
	done
}
${isPlain ? '' : `\n${MODULES}`}
# try COMMIT NAME PICKS...
try() {
	commit=$1 name=$2
	shift 2
	git -C linux checkout --quiet --force --detach "$commit"
	[ $# -eq 0 ] || git -C linux cherry-pick --no-commit "$@"
	cp "$here/config" linux/.config
	if ! build >"$name.build" 2>&1; then
		echo "$name $commit does not build: see $name.build" >&2
		exit 1
	fi
	cp linux/${arch.image} "$name.image"
${isPlain ? '' : '	pack_modules "$name.initramfs"\n'}	timeout ${limit} ${qemuWords(qemu, initramfs)} </dev/null >"$name.console" || true
	outcome="nothing: it hangs, or ended by itself"
	grep -aq 'kbisect ${NONCE} PASS' "$name.console" && outcome=PASS
	grep -aq 'kbisect ${NONCE} FAIL' "$name.console" && outcome=FAIL
	crash=$(grep -aEm1 'BUG: |Oops: |kernel BUG at|Kernel panic - not syncing|general protection fault|Unable to handle kernel' "$name.console" | tr -d '\\r') || true
	[ -z "$crash" ] || outcome="crash: $(echo "$crash" | sed 's/^.*\\] //')"
${wanted}	echo "$outcome" >"$name.outcome"
	echo "$name $commit: $outcome"
}
`;
}

/** Puts modules into the guest, in the order in which they can be loaded, and tells the harness of them. */
const MODULES = String.raw`# Names of the modules that one depends on, as modpost wrote them into it
needs_of() {
	tr '\0' '\n' <"linux/$1" | LC_ALL=C sed -n 's/^depends=//p' | head -n 1 | tr ',-' ' _'
}

# The modules, each after those that it depends on
in_order() {
	left=$modules loaded= before=
	while [ "$left" != "$before" ]; do
		before=$left left=
		for module in $before; do
			ready=yes
			for needed in $(needs_of "$module"); do
				case " $loaded " in *" $needed "*) ;; *) ready= ;; esac
			done
			if [ -n "$ready" ]; then
				loaded="$loaded $(basename "$module" .ko | tr - _)"
				echo "$module"
			else
				left="$left $module"
			fi
		done
	done
	for module in $left; do echo "$module"; done # a circle: the kernel will say so
}

# entry PATH MODE [FILE]: a file or a directory as cpio's newc format has it
entry() {
	size=0
	[ -z "${'$'}{3-}" ] || size=$(($(wc -c <"$3")))
	printf '070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\0' \
		0 "$2" 0 0 1 0 "$size" 0 0 0 0 $((${'$'}{#1} + 1)) 0 "$1"
	pad $((111 + ${'$'}{#1}))
	[ -z "${'$'}{3-}" ] || cat "$3"
	pad "$size"
}

pad() {
	head -c $(((4 - $1 % 4) % 4)) /dev/zero
}

# pack_modules FILE: the bundle's initramfs with the modules behind it
pack_modules() {
	cp "$here/trial" trial
	{
		cat "$here/initramfs.cpio"
		entry .kbisect/modules 16877
		for module in $(in_order); do
			file=$(basename "$module")
			entry ".kbisect/modules/$file" 33188 "linux/$module"
			echo "module /.kbisect/modules/$file" >>trial
		done
		entry .kbisect/trial 33188 trial
		entry 'TRAILER!!!' 0
	} >"$1"
}
`;

/** QEMU's command with the script's own files; without what connected it to an agent. */
function qemuWords(qemu: readonly string[], initramfs: string): string {
  const words: string[] = [];
  for (let n = 0; n < qemu.length; n++) {
    const word = qemu[n]!;
    const next = qemu[n + 1] ?? '';
    if (word === '-mon' || (word === '-chardev' && next.includes('id=monitor'))) n += 1;
    else if (word === '-accel') {
      words.push('-accel tcg');
      n += 1;
    } else if (word === '/proc/self/fd/4') words.push('"$name.image"');
    else if (word === '/proc/self/fd/5') words.push(`"${initramfs}"`);
    else if (word.includes('/proc/self/fd/6'))
      words.push(`"${word.replace('/proc/self/fd/6', '$here/disk')}"`);
    else words.push(shellWord(word));
  }
  return words.join(' ');
}

/** Runs the command in a checkout. */
function runPart({ test }: JobSpec): string {
  const command = test?.$case === 'run' ? test.value.command : 'true';
  return `
# try COMMIT NAME
try() {
	git -C linux checkout --quiet --force --detach "$1"
	git -C linux clean -xdffq
	status=0
	(cd linux && sh -c ${shellWord(command)}) >"$2.console" 2>&1 || status=$?
	echo "exit $status" >"$2.outcome"
	echo "$2 $1: exit $status"
}
`;
}
