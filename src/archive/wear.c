/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/wear.h"
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/* "" when there is none. */
static void read_word(const char *directory, const char *name, char *ret, size_t size) {
	g_autofree char *path = g_build_filename(directory, name, NULL), *text = NULL;
	*ret = 0;
	if (g_file_get_contents(path, &text, NULL, NULL))
		g_strlcpy(ret, g_strstrip(text), size);
}

/* JESD84-B51 §7.4.40: DEVICE_LIFE_TIME_EST_TYP_A and _B, 0x01: up to 10 % used … 0x0A: up to 100 %, 0x0B: beyond. */
static int used_percent(const char *text) {
	int worst = 0;
	for (const char *p = text; *p;) {
		char *end;
		long step = strtol(p, &end, 16);
		if (end == p || step < 0 || step > 0x0b)
			return -1;
		worst = MAX(worst, (int)step);
		p = end + strspn(end, " \n");
	}
	return worst ? worst * 10 : -1;
}

bool pt_wear_read(const char *sysfs, dev_t device, PtWear *ret) {
	static const char *const ends[] = {NULL, "normal", "warning", "urgent"};
	char life[64], end[16];
	g_autofree char *block = g_strdup_printf("%s/dev/block/%u:%u", sysfs, major(device), minor(device));
	/* the kernel's ".." of a partition, through the link, is the whole device */
	g_autofree char *partition = g_build_filename(block, "partition", NULL);
	g_autofree char *whole =
	    g_build_filename(block, g_file_test(partition, G_FILE_TEST_EXISTS) ? "../device" : "device", NULL);
	PtWear w = {.used_percent = -1};
	read_word(whole, "name", w.name, sizeof w.name);
	read_word(whole, "type", w.kind, sizeof w.kind);
	read_word(whole, "life_time", life, sizeof life);
	read_word(whole, "pre_eol_info", end, sizeof end);
	long step = strtol(end, NULL, 16);
	w.used_percent = used_percent(life);
	w.end = step > 0 && step < (long)G_N_ELEMENTS(ends) ? ends[step] : NULL;
	if (strcmp(w.kind, "MMC") && strcmp(w.kind, "SD"))
		return false;
	*ret = w;
	return true;
}
