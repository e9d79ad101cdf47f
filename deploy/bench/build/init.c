/* PID 1 of the manual way: runs the reproducer's test once, says what came of it, and ends the machine. */
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

int do_test(void);

int main(void)
{
	mkdir("/proc", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	printf("\nmanual: %s\n", do_test() == 0 ? "PASS" : "FAIL");
	fflush(stdout);
	sync();
	reboot(RB_AUTOBOOT); /* with -no-reboot QEMU ends at that */
	return 0;
}
