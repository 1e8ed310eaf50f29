/* One line of a GPIO chip, held through the kernel's character device (its ABI v2, include/uapi/linux/gpio.h): found by what
 * the site file says of it, read, driven, and its edges in order. When to try again and what it means is gpio.c's. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "plugs/plug.h"

typedef struct {
	int fd;          /* readable when there are edges */
	bool polled;     /* an input of a chip without interrupts: there are never any, its level has to be asked for */
	char *where;     /* "line 17 (GPIO17) of gpiochip0 (pinctrl-bcm2835)", for words */
	bool debounced;  /* an input's edges come when the contact has settled: the chip or the kernel waits */
	bool was_active; /* what an output stood at, before it was taken, and stands at until it is set */
	/* private */
	int64_t settle_ns; /* by which its stamps are late; 0: not */
	uint32_t seqno;    /* of the last edge */
	unsigned lost;     /* edges, since pt_gpio_line_lost() was asked */
} PtGpioLine;

typedef struct {
	bool active;
	int64_t mono_ns; /* the kernel's stamp, CLOCK_MONOTONIC */
} PtGpioEdge;

/* Finds and takes the line. An output keeps the level it is found at. NULL and error: no such chip or line, somebody else
 * has it, or it cannot do what is asked. Active is what the settings call so: an input's contact is closed, a relay's coil
 * has current. */
PtGpioLine *pt_gpio_line_open(const PtPlugSettings *settings, GError **error);
void pt_gpio_line_free(PtGpioLine *line); /* gives it back to the kernel; takes NULL */

/* 1: an edge, in the order in which they happened; 0: none waits; -1 and error: the line is gone. */
int pt_gpio_line_next(PtGpioLine *line, PtGpioEdge *ret, GError **error);
/* How many edges were lost because more came than were read, since this was last asked: the level has to be read anew. */
unsigned pt_gpio_line_lost(PtGpioLine *line);
/* FALSE and error: the line is gone. */
gboolean pt_gpio_line_get(PtGpioLine *line, bool *ret_active, GError **error);
gboolean pt_gpio_line_set(PtGpioLine *line, bool active, GError **error);
