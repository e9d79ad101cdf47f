/*
 * PID 1 of the guest: mounts what a reproducer needs, runs it in a child, and
 * says on the console what came of it. Each marker stands on a line of its own
 * and carries the nonce of the kernel command line, so that nothing that the
 * test prints by chance is taken for one:
 *
 *   kbisect <nonce> READY | PASS | FAIL | TIMEOUT | HARNESS-BROKEN <reason>
 *
 * PID 1 never exits: that would be a panic, which looks like the bug.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SHELL_ENTRY
int do_test(void);
#endif

static char nonce[65] = "-";
static long timeout_seconds = 60;

static void mark(const char *format, ...)
{
	char line[512];
	va_list arguments;
	int length, done = 0;

	length = snprintf(line, sizeof(line), "\nkbisect %s ", nonce);
	va_start(arguments, format);
	length += vsnprintf(line + length, sizeof(line) - length - 1, format, arguments);
	va_end(arguments);
	if (length > (int)sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	while (done < length) {
		ssize_t wrote = write(STDOUT_FILENO, line + done, length - done);

		if (wrote <= 0 && errno != EINTR)
			break;
		if (wrote > 0)
			done += wrote;
	}
}

/*
 * QEMU runs with -no-reboot, which makes a reboot the end of the machine. A
 * power-off needs ACPI, and a kernel without it would halt instead.
 */
static void finish(void)
{
	sync();
	reboot(RB_AUTOBOOT);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void broken(const char *what, const char *which)
{
	mark("HARNESS-BROKEN %s %s: %s", what, which, strerror(errno));
	finish();
}

static void mount_at(const char *type, const char *where)
{
	if (mkdir(where, 0755) && errno != EEXIST)
		broken("mkdir", where);
	/* The kernel may have mounted devtmpfs by itself. */
	if (mount(type, where, type, 0, NULL) && errno != EBUSY)
		broken("mount", where);
}

static void read_command_line(void)
{
	char text[4096];
	char *word;
	ssize_t length;
	int fd = open("/proc/cmdline", O_RDONLY);

	if (fd < 0)
		broken("open", "/proc/cmdline");
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length < 0)
		broken("read", "/proc/cmdline");
	text[length] = '\0';
	for (word = strtok(text, " \n"); word; word = strtok(NULL, " \n")) {
		if (!strncmp(word, "kbisect.nonce=", 14))
			snprintf(nonce, sizeof(nonce), "%s", word + 14);
		else if (!strncmp(word, "kbisect.timeout=", 16))
			timeout_seconds = atol(word + 16);
	}
}

static void run_test(void)
{
#ifdef SHELL_ENTRY
	char *const arguments[] = { "sh", "/test/" SHELL_ENTRY, NULL };
	char *const environment[] = { "PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/", "TERM=dumb", NULL };

	if (chdir("/test") == 0)
		execve("/bin/busybox", arguments, environment);
	_exit(126);
#else
	/* exit() and not _exit(): what the test printed is flushed. */
	exit(do_test());
#endif
}

/* Waits for the child to end, at most until the time is over; says whether it ended. */
static int wait_for(pid_t child, int *status)
{
	const struct timespec pause_time = { .tv_nsec = 5 * 1000 * 1000 };
	struct timespec now, start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		pid_t ended = waitpid(-1, status, WNOHANG);

		if (ended == child)
			return 1;
		if (ended > 0)
			continue; /* an orphan of the test */
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - start.tv_sec >= timeout_seconds)
			return 0;
		nanosleep(&pause_time, NULL);
	}
}

int main(void)
{
	pid_t child;
	int console, status;

	/* Without devtmpfs the initramfs has a console node of its own. */
	mount_at("proc", "/proc");
	read_command_line();
	mount_at("sysfs", "/sys");
	if (mkdir("/dev", 0755) && errno != EEXIST)
		broken("mkdir", "/dev");
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	if (access("/dev/console", F_OK))
		mknod("/dev/console", S_IFCHR | 0600, (5 << 8) | 1);
	if (access("/dev/null", F_OK))
		mknod("/dev/null", S_IFCHR | 0666, (1 << 8) | 3);
	mount_at("tmpfs", "/tmp");
	console = open("/dev/console", O_RDWR);
	if (console >= 0 && console > STDERR_FILENO) {
		dup2(console, STDOUT_FILENO);
		dup2(console, STDERR_FILENO);
	}
	mark("READY");

	child = fork();
	if (child < 0)
		broken("fork", "the test");
	if (child == 0) {
		setpgid(0, 0);
		run_test();
	}
	if (!wait_for(child, &status)) {
		mark("TIMEOUT");
		finish();
	}
	/* Whatever the test left running must not write over the verdict. */
	kill(-1, SIGKILL);
	if (WIFSIGNALED(status)) {
		printf("\nthe test was killed by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
		fflush(stdout);
	}
#ifdef SHELL_ENTRY
	if (WIFEXITED(status) && WEXITSTATUS(status) == 126) {
		mark("HARNESS-BROKEN /bin/busybox could not be started");
		finish();
	}
#endif
	mark(WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "PASS" : "FAIL");
	finish();
}
