/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/gpio/line.h"
#include "base/error.h"
#include "plugs/gpio/chip.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EDGES_KEPT 256 /* by the kernel while nobody reads; beyond that the oldest go */

/* A dry contact usually ties the line to ground, against a resistor to the supply: closed is low. */
static bool active_is_low(const PtPlugSettings *s) {
	if (s->active != PT_ACTIVE_USUAL)
		return s->active == PT_ACTIVE_LOW;
	return s->plug == PT_PLUG_INPUT && s->bias != PT_BIAS_PULL_DOWN;
}

static uint64_t level_flags(const PtPlugSettings *s) { return active_is_low(s) ? GPIO_V2_LINE_FLAG_ACTIVE_LOW : 0; }

static uint64_t wire_flags(const PtPlugSettings *s) {
	static const uint64_t bias[] = {[PT_BIAS_AS_IS] = 0,
	                                [PT_BIAS_PULL_UP] = GPIO_V2_LINE_FLAG_BIAS_PULL_UP,
	                                [PT_BIAS_PULL_DOWN] = GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN,
	                                [PT_BIAS_DISABLED] = GPIO_V2_LINE_FLAG_BIAS_DISABLED};
	return level_flags(s) | bias[s->bias];
}

static gboolean fail(GError **error, const char *where, const char *what) {
	int why = errno;
	pt_error_set(error, FAILED, "%s: %s: %s", where, what, why == ENODEV ? "its chip is gone" : g_strerror(why));
	return FALSE;
}

/* Asks for the line with what request says besides; the descriptor is then in line. With FALSE, errno says why. */
static gboolean take(PtGpioLine *line, int chip, struct gpio_v2_line_request *request, GError **error) {
	if (ioctl(chip, GPIO_V2_GET_LINE_IOCTL, request)) {
		int why = errno;
		fail(error, line->where, "take it");
		errno = why;
		return FALSE;
	}
	line->fd = request->fd;
	int flags = fcntl(line->fd, F_GETFL);
	return flags >= 0 && !fcntl(line->fd, F_SETFL, flags | O_NONBLOCK) ? TRUE : fail(error, line->where, "set it up");
}

/* Edges are stamped by CLOCK_MONOTONIC, the ABI's own choice: the wall time of an edge is worked out when it is read, so
 * that a clock that is set between the two does not leave an edge at a time that never was. */
static gboolean take_input(PtGpioLine *line, int chip, struct gpio_v2_line_request *request, const PtPlugSettings *s,
                           GError **error) {
	struct gpio_v2_line_config *config = &request->config;
	config->flags =
	    wire_flags(s) | GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_EDGE_RISING | GPIO_V2_LINE_FLAG_EDGE_FALLING;
	request->event_buffer_size = EDGES_KEPT;
	if (s->debounce_ns >= PT_NS_PER_US) {
		config->num_attrs = 1;
		config->attrs[0].mask = 1;
		config->attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_DEBOUNCE;
		config->attrs[0].attr.debounce_period_us = (uint32_t)(s->debounce_ns / PT_NS_PER_US);
		if (take(line, chip, request, NULL)) {
			line->debounced = true;
			line->settle_ns = s->debounce_ns;
			return TRUE;
		}
		if (line->fd >= 0)
			close(line->fd);
		line->fd = -1;
		config->num_attrs = 0; /* the kernel or the chip does not debounce: the program does */
		config->attrs[0] = (struct gpio_v2_line_config_attribute){0};
	}
	g_autoptr(GError) why = NULL;
	if (take(line, chip, request, &why))
		return TRUE;
	if (errno != ENXIO) { /* else the chip has no interrupt for it */
		g_propagate_error(error, g_steal_pointer(&why));
		return FALSE;
	}
	config->flags = wire_flags(s) | GPIO_V2_LINE_FLAG_INPUT;
	line->polled = true;
	return take(line, chip, request, error);
}

/* First without a direction, to see how the line stands; then it is driven to just that. */
static gboolean take_output(PtGpioLine *line, int chip, struct gpio_v2_line_request *request, const PtPlugSettings *s,
                            GError **error) {
	request->config.flags = level_flags(s);
	if (!take(line, chip, request, error) || !pt_gpio_line_get(line, &line->was_active, error))
		return FALSE;
	struct gpio_v2_line_config config = {.flags = wire_flags(s) | GPIO_V2_LINE_FLAG_OUTPUT, .num_attrs = 1};
	config.attrs[0].mask = 1;
	config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
	config.attrs[0].attr.values = line->was_active;
	return !ioctl(line->fd, GPIO_V2_LINE_SET_CONFIG_IOCTL, &config) ? TRUE
	                                                                : fail(error, line->where, "make it an output");
}

static gboolean open_on(PtGpioLine *line, int chip, const struct gpiochip_info *about, const PtPlugSettings *s,
                        GError **error) {
	struct gpio_v2_line_info info = {0};
	if (!pt_gpio_chip_line(chip, about, s->line_offset, s->line_name, &info, error))
		return FALSE;
	g_autofree char *name = info.name[0] ? g_strdup_printf(" (%s)", info.name) : NULL;
	line->where = g_strdup_printf("line %u%s of %s (%s)", info.offset, name ? name : "", about->name, about->label);
	if (info.flags & GPIO_V2_LINE_FLAG_USED) {
		pt_error_set(error, BUSY, "%s is in use by '%s': end that, or name another line", line->where,
		             info.consumer[0] ? info.consumer : "somebody without a name");
		return FALSE;
	}
	struct gpio_v2_line_request request = {.offsets = {info.offset}, .num_lines = 1};
	g_snprintf(request.consumer, sizeof request.consumer, "pigtail:%s", s->name);
	return s->plug == PT_PLUG_INPUT ? take_input(line, chip, &request, s, error)
	                                : take_output(line, chip, &request, s, error);
}

PtGpioLine *pt_gpio_line_open(const PtPlugSettings *s, GError **error) {
	struct gpiochip_info about = {0};
	int chip = pt_gpio_chip_open(s->chip, &about, error);
	if (chip < 0)
		return NULL;
	PtGpioLine *line = g_new0(PtGpioLine, 1);
	line->fd = -1;
	gboolean ok = open_on(line, chip, &about, s, error);
	close(chip);
	if (!ok)
		g_clear_pointer(&line, pt_gpio_line_free);
	return line;
}

void pt_gpio_line_free(PtGpioLine *line) {
	if (!line)
		return;
	if (line->fd >= 0)
		close(line->fd);
	g_free(line->where);
	g_free(line);
}

int pt_gpio_line_next(PtGpioLine *line, PtGpioEdge *ret, GError **error) {
	struct gpio_v2_line_event e;
	ssize_t n = read(line->fd, &e, sizeof e);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n != sizeof e) {
		errno = n < 0 ? errno : ENODEV;
		fail(error, line->where, "read its edges");
		return -1;
	}
	line->lost += e.line_seqno - line->seqno - 1;
	line->seqno = e.line_seqno;
	ret->active = e.id == GPIO_V2_LINE_EVENT_RISING_EDGE;
	ret->mono_ns = (int64_t)e.timestamp_ns - line->settle_ns;
	return 1;
}

unsigned pt_gpio_line_lost(PtGpioLine *line) {
	unsigned lost = line->lost;
	line->lost = 0;
	return lost;
}

gboolean pt_gpio_line_get(PtGpioLine *line, bool *ret_active, GError **error) {
	struct gpio_v2_line_values values = {.mask = 1};
	if (ioctl(line->fd, GPIO_V2_LINE_GET_VALUES_IOCTL, &values))
		return fail(error, line->where, "read its level");
	*ret_active = values.bits & 1;
	return TRUE;
}

gboolean pt_gpio_line_set(PtGpioLine *line, bool active, GError **error) {
	struct gpio_v2_line_values values = {.mask = 1, .bits = active};
	return !ioctl(line->fd, GPIO_V2_LINE_SET_VALUES_IOCTL, &values) ? TRUE : fail(error, line->where, "drive it");
}
