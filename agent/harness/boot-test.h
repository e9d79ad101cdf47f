/* For reproducers: what do_test() says. A reproducer may as well declare it itself. */
#ifndef BOOT_TEST_H
#define BOOT_TEST_H

enum test_result { TEST_PASS, TEST_FAIL };

/* Runs once, in a process of its own, as root, with /proc, /sys, /dev and /tmp mounted. */
enum test_result do_test(void);

#endif
