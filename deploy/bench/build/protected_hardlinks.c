/* Is /proc/sys/fs/protected_hardlinks 0 by default? PASS when it is, FAIL when it is 1. */
#include <stdio.h>
#include <stdlib.h>

enum test_result { TEST_PASS, TEST_FAIL };

enum test_result do_test(void)
{
	int value;
	FILE *file = fopen("/proc/sys/fs/protected_hardlinks", "r");

	if (!file || fscanf(file, "%d", &value) != 1)
		abort();
	fclose(file);
	printf("protected_hardlinks is %d\n", value);
	return value == 0 ? TEST_PASS : TEST_FAIL;
}
