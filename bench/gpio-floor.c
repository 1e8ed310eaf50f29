/* The least that can be done: edges of line 0 of a chip become the level of line 1, inverted as a pulled-up contact is. For
 * bench/rule
 * --board. usage: gpio-floor /dev/gpiochip1 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int take(int chip, unsigned offset, unsigned long long flags) {
	struct gpio_v2_line_request r = {
	    .offsets = {offset}, .num_lines = 1, .consumer = "pigtail:floor", .config.flags = flags};
	return ioctl(chip, GPIO_V2_GET_LINE_IOCTL, &r) ? -1 : r.fd;
}

int main(int argc, char **argv) {
	int chip = argc == 2 ? open(argv[1], O_RDWR) : -1;
	int in = take(chip, 0,
	              GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_ACTIVE_LOW | GPIO_V2_LINE_FLAG_BIAS_PULL_UP |
	                  GPIO_V2_LINE_FLAG_EDGE_RISING | GPIO_V2_LINE_FLAG_EDGE_FALLING);
	int out = take(chip, 1, GPIO_V2_LINE_FLAG_OUTPUT);
	struct gpio_v2_line_event e;
	if (in < 0 || out < 0) {
		perror("gpio-floor");
		return 1;
	}
	while (read(in, &e, sizeof e) == sizeof e) {
		struct gpio_v2_line_values v = {.mask = 1, .bits = e.id == GPIO_V2_LINE_EVENT_RISING_EDGE};
		if (ioctl(out, GPIO_V2_LINE_SET_VALUES_IOCTL, &v))
			return 1;
	}
	return 1;
}
