/* GPIO chips of the machine, by name, number or label; private to this driver. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <linux/gpio.h>
#include <stdbool.h>
#include <glib.h>

/* chip: "gpiochip0", "0", "/dev/gpiochip0" or a label ("pinctrl-bcm2711"). Returns a descriptor, caller closes; -1 and
 * error: there is none, several have this label, or it cannot be opened. */
int pt_gpio_chip_open(const char *chip, struct gpiochip_info *ret, GError **error);
/* The line at an offset or, when that is < 0, with a name. False and error: there is none, or several have this name. */
gboolean pt_gpio_chip_line(int fd, const struct gpiochip_info *chip, int offset, const char *name,
                           struct gpio_v2_line_info *ret, GError **error);
