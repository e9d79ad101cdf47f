/* read16.c as the init of an initramfs of its own, which mounts what it needs. */
#include "boot-test.h"
#include <sys/mount.h>
#include <sys/stat.h>

int main(void)
{
	mkdir("/dev", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
	return do_test() == TEST_PASS ? 0 : 1;
}
