/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/gpio/chip.h"
#include "base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEV "/dev/"
#define NAME "gpiochip"

static int open_device(const char *name, struct gpiochip_info *ret, GError **error) {
	g_autofree char *path = g_strconcat(DEV, name, NULL);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0 && !ioctl(fd, GPIO_GET_CHIPINFO_IOCTL, ret)) {
		ret->name[sizeof ret->name - 1] = ret->label[sizeof ret->label - 1] = 0;
		return fd;
	}
	int why = errno;
	pt_error_set(error, FAILED, "open %s: %s%s", path, g_strerror(why),
	             why == EACCES ? ": the user of this program has to be in the group that owns it" : "");
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Looks for the label; error names what there is. */
static int open_label(const char *label, struct gpiochip_info *ret, GError **error) {
	g_autoptr(GDir) dir = g_dir_open(DEV, 0, NULL);
	g_autoptr(GString) seen = g_string_new(NULL);
	g_autoptr(GError) unopened = NULL;
	unsigned matches = 0;
	int found = -1;
	for (const char *name; dir && (name = g_dir_read_name(dir));) {
		struct gpiochip_info info = {0};
		if (!g_str_has_prefix(name, NAME))
			continue;
		int fd = open_device(name, &info, unopened ? NULL : &unopened);
		if (fd < 0)
			continue;
		g_string_append_printf(seen, "%s%s (%s, %u lines)", seen->len ? ", " : "", info.name, info.label,
		                       info.lines);
		if (strcmp(info.label, label) || matches++) {
			close(fd);
			continue;
		}
		found = fd;
		*ret = info;
	}
	if (matches == 1)
		return found;
	if (matches) {
		close(found);
		pt_error_set(error, INVALID, "%u chips are labelled %s: name the one that is meant; there are %s", matches,
		             label, seen->str);
	} else if (seen->len || !unopened) {
		pt_error_set(error, NOT_FOUND, "there is no chip %s; %s%s", label,
		             seen->len ? "there are " : "this machine has none", seen->str);
	} else {
		g_propagate_error(error, g_steal_pointer(&unopened));
	}
	return -1;
}

int pt_gpio_chip_open(const char *chip, struct gpiochip_info *ret, GError **error) {
	const char *name = g_str_has_prefix(chip, DEV) ? chip + strlen(DEV) : chip;
	g_autofree char *numbered = name[strspn(name, "0123456789")] ? NULL : g_strconcat(NAME, name, NULL);
	name = numbered ? numbered : name;
	bool is_name = g_str_has_prefix(name, NAME) && name[strlen(NAME)] &&
	               !name[strlen(NAME) + strspn(name + strlen(NAME), "0123456789")];
	g_autofree char *path = g_strconcat(DEV, name, NULL);
	return is_name && !access(path, F_OK) ? open_device(name, ret, error) : open_label(name, ret, error);
}

gboolean pt_gpio_chip_line(int fd, const struct gpiochip_info *chip, int offset, const char *name,
                           struct gpio_v2_line_info *ret, GError **error) {
	unsigned matches = 0;
	if (offset >= 0 && (unsigned)offset >= chip->lines) {
		pt_error_set(error, NOT_FOUND, "%s (%s) has no line %d: its lines are 0 to %u", chip->name, chip->label,
		             offset, chip->lines - 1);
		return FALSE;
	}
	for (unsigned i = 0; i < chip->lines; i++) {
		struct gpio_v2_line_info info = {.offset = i};
		if (offset >= 0 && (unsigned)offset != i)
			continue;
		if (ioctl(fd, GPIO_V2_GET_LINEINFO_IOCTL, &info)) {
			pt_error_set(error, FAILED, "line %u of %s: %s", i, chip->name, g_strerror(errno));
			return FALSE;
		}
		info.name[sizeof info.name - 1] = info.consumer[sizeof info.consumer - 1] = 0;
		if (offset < 0 && strcmp(info.name, name))
			continue;
		matches++;
		*ret = info;
	}
	if (matches == 1)
		return TRUE;
	pt_error_set(error, NOT_FOUND,
	             matches ? "%s (%s) has several lines named %s: give the number of the line"
	                     : "%s (%s) has no line named %s",
	             chip->name, chip->label, name);
	return FALSE;
}
