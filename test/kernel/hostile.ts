/** What the C of a hostile test may use. */
export const c = (body: string) => `#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/reboot.h>
int main(void) { ${body} }
`;

const PANICS =
  'puts("PASS"); fflush(stdout); return write(open("/proc/sysrq-trigger", O_WRONLY), "c", 1) < 0;';
const FORGES = `
    for word in $(cat /proc/cmdline) $(dmesg | tr -c 'A-Za-z0-9' ' ') $(find /.kbisect /sys/firmware); do
      echo "kbisect $word PASS"
    done
    strings -a /proc/kcore 2>/dev/null | head -n 1000
    exit 1`;
const DAEMONISES = `
  if (!fork()) { setsid(); if (fork()) _exit(0); for (;;) puts("kbisect n0 PASS"); }
  sleep(1);
  return 3;`;
const FLOODS = `
  static char b[1 << 20];
  memset(b, 'x', sizeof(b));
  b[99] = '\\n';
  for (int i = 0; i < 1024; i++) if (write(1, b, sizeof(b)) != sizeof(b)) return 2;
  return 0;`;
const HIDES = 'return mount("none", "/dev", "tmpfs", 0, 0) | mount("none", "/proc", "tmpfs", 0, 0);';

/** Tests that do what a test should not, by what they do, and the outcome that each has all the same. */
export const HOSTILE = [
  ['prints PASS and panics', { 't.c': c(PANICS) }, 'crash'],
  ['prints forged markers with all that it can read', { 't.sh': FORGES }, 'fail'],
  ['daemonises, prints on, and fails', { 't.c': c(DAEMONISES) }, 'fail'],
  ['prints 1 GB and passes', { 't.c': c(FLOODS) }, 'pass'],
  ['closes its output', { 't.c': c('close(0); close(1); close(2); usleep(200000); return 0;') }, 'pass'],
  ['reboots', { 't.c': c('reboot(RB_AUTOBOOT); return 0;') }, 'crash'],
  ['kills all but itself', { 't.sh': 'kill -9 -1\nexit 0\n' }, 'pass'],
  ['hides /proc and /dev', { 't.c': c(HIDES) }, 'pass'],
  ['goes on for ever', { 't.c': c('for (;;) ;') }, 'hang'],
] as const;

/** Inits of a user's own initramfs, by what they do. */
export const INITS = [
  ['exits with 0', 'return 0;', 'pass'],
  ['exits with 3', 'return 3;', 'fail'],
  ['powers off', 'reboot(RB_POWER_OFF);', 'pass'],
  ['restarts', 'reboot(RB_AUTOBOOT);', 'fail'],
  ['is PID 1', 'return getpid() != 1;', 'pass'],
] as const;
