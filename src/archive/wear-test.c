/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/wear.h"
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* As the kernel lays it out: /sys/dev/block/MAJOR:MINOR is a link to the device's directory. */
static const struct {
	const char *title;
	const char *name, *type, *life, *end; /* NULL: there is no such file */
	bool found;
	int used;
	const char *state;
} cases[] = {
    {"an eMMC in its youth", "BJTD4R\n", "MMC\n", "0x01 0x01\n", "0x01\n", true, 10, "normal"},
    {"the worse of its cells counts", "DG4016\n", "MMC\n", "0x02 0x07\n", "0x02\n", true, 70, "warning"},
    {"beyond its life", "DG4016\n", "MMC\n", "0x0b 0x0a\n", "0x03\n", true, 110, "urgent"},
    {"one that does not know", "016G92\n", "MMC\n", "0x00 0x00\n", "0x00\n", true, -1, NULL},
    {"nonsense", "016G92\n", "MMC\n", "0xzz\n", "0x99\n", true, -1, NULL},
    {"an SD card says nothing of it", "SC32G\n", "SD\n", NULL, NULL, true, -1, NULL},
    {"a disk", NULL, "0\n", NULL, NULL, false, 0, NULL},
};

static void put(const char *directory, const char *name, const char *text) {
	g_autofree char *path = g_build_filename(directory, name, NULL);
	if (text)
		g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void run_case(gconstpointer data) {
	size_t i = GPOINTER_TO_SIZE(data);
	g_autofree char *root = g_dir_make_tmp("pt-wear-XXXXXX", NULL);
	g_autofree char *disk = g_build_filename(root, "devices/mmc0/block/mmcblk0", NULL);
	g_autofree char *part = g_build_filename(disk, "mmcblk0p1", NULL), *card = g_build_filename(disk, "device", NULL);
	g_autofree char *links = g_build_filename(root, "dev/block", NULL);
	g_autofree char *link0 = g_build_filename(links, "179:0", NULL), *link1 = g_build_filename(links, "179:1", NULL);
	g_assert_cmpint(g_mkdir_with_parents(part, 0700), ==, 0);
	g_assert_cmpint(g_mkdir_with_parents(card, 0700), ==, 0);
	g_assert_cmpint(g_mkdir_with_parents(links, 0700), ==, 0);
	g_assert_cmpint(symlink(disk, link0), ==, 0);
	g_assert_cmpint(symlink(part, link1), ==, 0);
	put(part, "partition", "1\n");
	put(card, "name", cases[i].name);
	put(card, "type", cases[i].type);
	put(card, "life_time", cases[i].life);
	put(card, "pre_eol_info", cases[i].end);
	for (unsigned minor = 0; minor < 2; minor++) {
		PtWear w;
		bool found = pt_wear_read(root, makedev(179, minor), &w);
		g_assert_cmpint(found, ==, cases[i].found);
		if (found) {
			g_assert_cmpint(w.used_percent, ==, cases[i].used);
			g_assert_cmpstr(w.end, ==, cases[i].state);
		}
	}
	PtWear w;
	g_assert_false(pt_wear_read(root, makedev(8, 1), &w));
	g_autofree char *rm = g_strdup_printf("rm -rf '%s'", root);
	g_assert_cmpint(system(rm), ==, 0);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strdup_printf("/wear/%zu-%s", i, cases[i].title);
		g_strdelimit(path, " ", '-');
		g_test_add_data_func(path, GSIZE_TO_POINTER(i), run_case);
	}
	return g_test_run();
}
