/* What an eMMC or SD card says of its own age, through the kernel (Documentation/driver-api/mmc/mmc-dev-attrs). */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

typedef struct {
	char name[32], kind[16]; /* "SD32G", "MMC" or "SD"; "" where it does not say */
	int used_percent; /* of its life, the worse of its two kinds of cells, in steps of ten; 110: beyond; -1: not told */
	const char *end;  /* "normal", "warning" (80 % of the spare blocks are used), "urgent"; NULL: not told */
} PtWear;

/* Of the device that holds a file system (st_dev), or of the whole of which it is a partition. sysfs: "/sys". False: it is
 * none of the kind, or says nothing. */
bool pt_wear_read(const char *sysfs, dev_t device, PtWear *ret);
