/* Is the kernel's sublevel (6.6.N) below 22? For the longer range. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

enum test_result { TEST_PASS, TEST_FAIL };

enum test_result do_test(void)
{
	struct utsname name;
	int sublevel;

	if (uname(&name) != 0 || sscanf(name.release, "%*d.%*d.%d", &sublevel) != 1)
		abort();
	printf("release %s\n", name.release);
	return sublevel < 22 ? TEST_PASS : TEST_FAIL;
}
