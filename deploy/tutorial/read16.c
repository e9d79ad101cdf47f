/* Does READ(16) give back what was written? 1,500 blocks of the first SCSI generic device. */
#include "boot-test.h"
#include <fcntl.h>
#include <scsi/sg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define ITERATIONS 1500
#define BLOCK 512
#define BLOCKS 16384	/* 8 MiB, scsi_debug's default */

static int transfer(int fd, uint8_t operation, int direction, uint32_t lba, uint8_t *data)
{
	uint8_t command[16] = { operation }, sense[32];
	sg_io_hdr_t io;

	for (int i = 0; i < 4; i++)
		command[9 - i] = lba >> (8 * i);
	command[13] = 1; /* block */
	memset(&io, 0, sizeof(io));
	io.interface_id = 'S';
	io.cmd_len = sizeof(command);
	io.cmdp = command;
	io.dxfer_direction = direction;
	io.dxfer_len = BLOCK;
	io.dxferp = data;
	io.mx_sb_len = sizeof(sense);
	io.sbp = sense;
	io.timeout = 20000;
	return ioctl(fd, SG_IO, &io) < 0 || (io.info & SG_INFO_OK_MASK) != SG_INFO_OK;
}

enum test_result do_test(void)
{
	uint8_t written[BLOCK], read[BLOCK];
	int fd = open("/dev/sg0", O_RDWR);

	if (fd < 0) {
		perror("/dev/sg0");
		return TEST_FAIL;
	}
	/* The first commands after power-on are answered by unit attentions. */
	for (int i = 0; i < 4; i++)
		transfer(fd, 0x88, SG_DXFER_FROM_DEV, 0, read);
	for (uint32_t i = 0; i < ITERATIONS; i++) {
		uint32_t lba = i * 11 % BLOCKS;

		for (int at = 0; at < BLOCK; at++)
			written[at] = lba * 31 + at;
		memcpy(written, &lba, sizeof(lba));
		memset(read, 0, sizeof(read));
		if (transfer(fd, 0x8a, SG_DXFER_TO_DEV, lba, written) || transfer(fd, 0x88, SG_DXFER_FROM_DEV, lba, read)) {
			printf("iteration %u: the command for block %u failed\n", i, lba);
			return TEST_FAIL;
		}
		if (memcmp(written, read, BLOCK)) {
			printf("iteration %u: READ(16) of block %u gives other bytes\n", i, lba);
			return TEST_FAIL;
		}
	}
	printf("%d iterations\n", ITERATIONS);
	return TEST_PASS;
}
