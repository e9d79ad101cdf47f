/*
 * PID 1 of the guest: mounts what a reproducer needs, loads modules, looks for what the reproducer cannot do without,
 * runs it, and says on the console what came of it:
 *
 *   kbisect <nonce> READY | PASS | FAIL <how> | TIMEOUT | ENVIRONMENT-MISSING <what> | HARNESS-BROKEN <reason>
 *
 * The nonce is of this boot alone. It comes in a file that is gone before anything else runs, and stays in the memory
 * of PID 1: nothing that a test prints, whatever it has read, can be taken for a marker. A test's output goes through
 * PID 1, so that a marker starts on a line of its own and no output can bury it.
 *
 * PID 1 never exits: that would be a panic, which looks like the bug.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define TEST_SETTINGS "/.kbisect/test"
#define TRIAL_SETTINGS "/.kbisect/trial"
#define DISK_ROOT "/.kbisect/root"
#define MAX_WORDS 128
/* Of a test's output: more would keep a serial port busy for as long as the test may take. */
#define MAX_OUTPUT (1L << 20)
/* What a driver that probes in the background may take to bring its device. */
#define NEED_MS 5000

/* What the test and this trial of it are, from the two files of settings: a word and its value a line. */
static char nonce[65] = "-";
static long timeout_ms = 60000, repeat = 1;
static int endless;	/* a test that is not expected to end: only a crash tells */
static int own_init;	/* the test is an init and gets a PID namespace */
static int on_disk;	/* the test's root file system is the first virtio disk */
static char *needs[MAX_WORDS], *modules[MAX_WORDS], *arguments[MAX_WORDS], *environment[MAX_WORDS];

static int console = -1, sysrq = -1;
static long output_size;
static char last_byte = '\n';

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000L + now.tv_nsec / 1000000;
}

static void say(const char *text, size_t length)
{
	while (length > 0) {
		ssize_t wrote = write(console, text, length);

		if (wrote < 0 && errno != EINTR)
			return;
		if (wrote > 0) {
			text += wrote;
			length -= wrote;
		}
	}
}

static void mark(const char *format, ...)
{
	char line[512];
	va_list values;
	int length;

	length = snprintf(line, sizeof(line), "%skbisect %s ", last_byte == '\n' ? "" : "\n", nonce);
	va_start(values, format);
	length += vsnprintf(line + length, sizeof(line) - length - 1, format, values);
	va_end(values);
	if (length > (int)sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	last_byte = '\n';
	tcdrain(console);
	say(line, length);
	tcdrain(console);
}

/*
 * QEMU runs with -no-reboot, which makes a reboot the end of the machine. A power-off needs ACPI, and a kernel without
 * it would halt instead.
 */
static void finish(void)
{
	sync();
	reboot(RB_AUTOBOOT);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* The last word. It is said twice, as a message of the kernel can tear a line apart. */
#define end_with(...) do { mark(__VA_ARGS__); mark(__VA_ARGS__); finish(); } while (0)

static void broken(const char *what, const char *which)
{
	end_with("HARNESS-BROKEN %s %s: %s", what, which, strerror(errno));
}

static void add_word(char **words, char *word)
{
	int n = 0;

	while (words[n])
		n++;
	if (n + 1 < MAX_WORDS)
		words[n] = word;
}

/* Takes in settings, which stay in memory, and removes their file: nobody else may read the nonce. */
static void read_settings(const char *path)
{
	char *text = calloc(1, 65536), *line, *value;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (!text || fd < 0)
		broken("open", path);
	if (read(fd, text, 65535) < 0)
		broken("read", path);
	close(fd);
	if (unlink(path))
		broken("unlink", path);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		value = strchr(line, ' ');
		if (value)
			*value++ = '\0';
		else
			value = line + strlen(line);
		if (!strcmp(line, "nonce"))
			snprintf(nonce, sizeof(nonce), "%s", value);
		else if (!strcmp(line, "timeout"))
			timeout_ms = atol(value) * 1000;
		else if (!strcmp(line, "repeat"))
			repeat = atol(value);
		else if (!strcmp(line, "endless"))
			endless = 1;
		else if (!strcmp(line, "init"))
			own_init = 1;
		else if (!strcmp(line, "disk"))
			on_disk = 1;
		else if (!strcmp(line, "module"))
			add_word(modules, value);
		else if (!strcmp(line, "need"))
			add_word(needs, value);
		else if (!strcmp(line, "argument"))
			add_word(arguments, value);
		else if (!strcmp(line, "environment"))
			add_word(environment, value);
	}
}

/* Mounts below `root`. What the kernel or an init has mounted already is left. */
static void mount_at(const char *root, const char *type, const char *where)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", root, where);
	if (mkdir(path, 0755) && errno != EEXIST)
		broken("mkdir", path);
	if (mount(type, path, type, 0, NULL) && errno != EBUSY)
		broken("mount", path);
}

static void mount_all(const char *root)
{
	char dev[256];

	mount_at(root, "proc", "/proc");
	mount_at(root, "sysfs", "/sys");
	/* Not over what came along, such as a library that its user has built in /tmp. */
	if (*root || !rmdir("/tmp") || (errno != ENOTEMPTY && errno != EEXIST))
		mount_at(root, "tmpfs", "/tmp");
	/* Without devtmpfs the initramfs has a few nodes of its own. */
	snprintf(dev, sizeof(dev), "%s/dev", root);
	mkdir(dev, 0755);
	mount("devtmpfs", dev, "devtmpfs", 0, NULL);
}

static void open_console(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	console = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (console < 0)
		console = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	/* The test's own descriptors are put in their place before it starts. */
	if (null >= 0)
		dup2(null, STDIN_FILENO);
}

/* What the kernel command line has for a module, as modprobe hands it on: NAME.PARAMETER=VALUE. */
static void parameters_of(const char *module, char *parameters, size_t size)
{
	static char line[8192];
	size_t used = 0, name = strlen(module);
	char *word;
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);

	if (fd >= 0)
		close(fd);
	line[length > 0 ? length : 0] = '\0';
	parameters[0] = '\0';
	for (word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
		if (!strncmp(word, module, name) && word[name] == '.' && used < size)
			used += snprintf(parameters + used, size - used, "%s ", word + name + 1);
}

static void load_modules(void)
{
	char parameters[2048], name[128];
	int n;

	for (n = 0; modules[n]; n++) {
		const char *file = strrchr(modules[n], '/');
		char *c;
		int fd = open(modules[n], O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			broken("open", modules[n]);
		snprintf(name, sizeof(name), "%s", file ? file + 1 : modules[n]);
		if ((c = strstr(name, ".ko")))
			*c = '\0';
		for (c = name; *c; c++)
			if (*c == '-')
				*c = '_';
		parameters_of(name, parameters, sizeof(parameters));
		if (syscall(SYS_finit_module, fd, parameters, 0) && errno != EEXIST)
			end_with("ENVIRONMENT-MISSING module %s: %s", name,
				 errno == ENOSYS ? "the kernel loads none (CONFIG_MODULES)" : strerror(errno));
		close(fd);
	}
}

static int wait_for_path(const char *path)
{
	const struct timespec pause_time = { .tv_nsec = 5 * 1000 * 1000 };
	long start = now_ms();

	while (access(path, F_OK)) {
		if (now_ms() - start >= NEED_MS)
			return 0;
		nanosleep(&pause_time, NULL);
	}
	return 1;
}

/* Mounts the disk, or the first of its partitions that can be, as a root for the test. */
static void mount_disk(void)
{
	char source[32], line[128];
	int partition;

	if (!wait_for_path("/dev/vda"))
		end_with("ENVIRONMENT-MISSING /dev/vda (CONFIG_VIRTIO_PCI, CONFIG_VIRTIO_BLK)");
	mkdir(DISK_ROOT, 0755);
	for (partition = 0; partition < 10; partition++) {
		FILE *types = fopen("/proc/filesystems", "re");

		snprintf(source, sizeof(source), partition ? "/dev/vda%d" : "/dev/vda", partition);
		while (types && fgets(line, sizeof(line), types)) {
			line[strcspn(line, "\n")] = '\0';
			if (line[0] != '\t' || mount(source, DISK_ROOT, line + 1, 0, NULL))
				continue;
			fclose(types);
			mount_all(DISK_ROOT);
			mkdir(DISK_ROOT "/test", 0755);
			if (mount("/test", DISK_ROOT "/test", NULL, MS_BIND, NULL))
				broken("bind", "/test");
			return;
		}
		if (types)
			fclose(types);
	}
	end_with("ENVIRONMENT-MISSING a file system on the disk that this kernel can mount");
}

static void look_for_needs(void)
{
	char path[512];
	int n;

	for (n = 0; needs[n]; n++) {
		char *c;

		if (needs[n][0] == '/') {
			snprintf(path, sizeof(path), "%s%s", on_disk ? DISK_ROOT : "", needs[n]);
		} else {
			snprintf(path, sizeof(path), "/sys/module/%s", needs[n]);
			for (c = path + strlen("/sys/module/"); *c; c++)
				if (*c == '-')
					*c = '_';
		}
		if (!wait_for_path(path))
			end_with("ENVIRONMENT-MISSING %s%s", needs[n][0] == '/' ? "" : "module ", needs[n]);
	}
}

/* Passes on what the test has printed, as far as there is room; says whether there was anything. */
static int pass_on(int output)
{
	static char bytes[65536];
	long room = MAX_OUTPUT - output_size;
	ssize_t length = read(output, bytes, room > 0 ? 4096 : sizeof(bytes));

	if (length <= 0)
		return 0;
	if (room > 0) {
		last_byte = bytes[(length < room ? length : room) - 1];
		say(bytes, length < room ? length : room);
		if (length >= room)
			say("\n[kbisect: what else the test prints is not shown]\n", 50);
	}
	output_size += length;
	return 1;
}

static void start_test(int output, int failure)
{
	int error;

	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	if (own_init) {
		/* As the kernel starts an init: nothing is mounted. */
		umount2("/tmp", MNT_DETACH);
		umount2("/sys", MNT_DETACH);
		umount2("/dev", MNT_DETACH);
		umount2("/proc", MNT_DETACH);
	} else {
		if ((on_disk && chroot(DISK_ROOT)) || chdir("/test"))
			goto failed;
	}
	execve(arguments[0], arguments, environment);
failed:
	error = errno;
	if (write(failure, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/* What is left of a test must not go on into the next run, nor write after the last word. */
static void kill_the_rest(void)
{
	const struct timespec pause_time = { .tv_nsec = 1000 * 1000 };
	long start = now_ms();

	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, WNOHANG) >= 0 && now_ms() - start < 1000)
		nanosleep(&pause_time, NULL);
}

/* Runs the test once; its status as wait(2) gives it. Does not come back when the time is over. */
static int run_test(long deadline)
{
	int output[2], failure[2], status, error, n;
	pid_t child, ended;

	if (pipe2(output, O_CLOEXEC) || pipe2(failure, O_CLOEXEC))
		broken("pipe", "for the test");
	fcntl(output[0], F_SETFL, O_NONBLOCK);
	fcntl(failure[0], F_SETFL, O_NONBLOCK);
	if (own_init && unshare(CLONE_NEWPID))
		end_with("ENVIRONMENT-MISSING a PID namespace for /init (CONFIG_NAMESPACES, CONFIG_PID_NS)");
	child = fork();
	if (child < 0)
		broken("fork", "the test");
	if (child == 0)
		start_test(output[1], failure[1]);
	close(output[1]);
	close(failure[1]);

	for (;;) {
		struct pollfd ready = { .fd = output[0], .events = POLLIN };

		poll(&ready, 1, 5);
		if (!pass_on(output[0])) {
			do
				ended = waitpid(-1, &status, WNOHANG);
			while (ended > 0 && ended != child); /* orphans of the test */
			if (ended == child)
				break;
		}
		if (now_ms() >= deadline) {
			if (!endless && sysrq >= 0 && write(sysrq, "w", 1) > 0 && write(sysrq, "l", 1) < 0)
				sysrq = -1;
			kill_the_rest();
			if (endless)
				end_with("PASS nothing happened until the time was over");
			end_with("TIMEOUT");
		}
		if (ready.revents & POLLHUP) {
			/* It has closed its output and goes on. */
			const struct timespec pause_time = { .tv_nsec = 5 * 1000 * 1000 };

			nanosleep(&pause_time, NULL);
		}
	}
	/* The last of it; what the test has left running does not come to an end by itself. */
	for (n = 0; n < 64 && pass_on(output[0]); n++)
		;
	kill_the_rest();
	close(output[0]);
	if (read(failure[0], &error, sizeof(error)) == sizeof(error))
		end_with("ENVIRONMENT-MISSING what it takes to start %s: %s", arguments[0], strerror(error));
	close(failure[0]);
	return status;
}

int main(void)
{
	const struct sched_param priority = { .sched_priority = 1 };
	long deadline, n;

	mkdir("/dev", 0755);
	mknod("/dev/console", S_IFCHR | 0600, makedev(5, 1));
	mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3));
	open_console();
	read_settings(TRIAL_SETTINGS);
	read_settings(TEST_SETTINGS);
	mount_all("");
	sysrq = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
	signal(SIGPIPE, SIG_IGN);
	/* What a test prints is on the console before it goes on, and so before it brings the kernel down. */
	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority);
	mark("READY");
	load_modules();
	if (on_disk)
		mount_disk();
	look_for_needs();

	deadline = now_ms() + timeout_ms;
	for (n = 1; n <= repeat; n++) {
		int status = run_test(deadline);

		if (endless || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
			continue;
		/* How the init of a PID namespace ends that has powered off. */
		if (own_init && WIFSIGNALED(status) && WTERMSIG(status) == SIGINT)
			continue;
		if (WIFSIGNALED(status))
			end_with("FAIL signal %d (%s), run %ld of %ld", WTERMSIG(status), strsignal(WTERMSIG(status)), n, repeat);
		end_with("FAIL exit status %d, run %ld of %ld", WEXITSTATUS(status), n, repeat);
	}
	end_with("PASS");
}
