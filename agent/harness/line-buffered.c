/*
 * Linked with C reproducers: a test's output is a pipe, and what it has printed up to a newline should be on the console
 * when the next thing that it does brings the kernel down.
 */
#include <stdio.h>

__attribute__((constructor)) static void buffer_lines(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
}
