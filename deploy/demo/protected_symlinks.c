/*
 * Is /proc/sys/fs/protected_symlinks 0 by default? PASS when it is, FAIL when it is 1.
 *
 *   kbisect bisect --repo linux.git --good upstream --bad debian --reproducer protected_symlinks.c
 */
#include <stdio.h>
#include <stdlib.h>

enum test_result { TEST_PASS, TEST_FAIL };

enum test_result do_test(void)
{
	int value;
	FILE *file = fopen("/proc/sys/fs/protected_symlinks", "r");

	if (!file || fscanf(file, "%d", &value) != 1) {
		perror("/proc/sys/fs/protected_symlinks");
		abort(); /* neither PASS nor FAIL: nothing is known of this kernel */
	}
	fclose(file);
	printf("protected_symlinks is %d\n", value);
	return value == 0 ? TEST_PASS : TEST_FAIL;
}
