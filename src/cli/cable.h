/* The demo's cable between camera and hub: TCP connections to one loopback address are carried on to the same ports of
 * another. Pulled, it behaves like a real one: nothing comes through in either direction, nobody new is let in, and nothing
 * is closed, so that both ends have to find out by themselves. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <gio/gio.h>
#include <stdbool.h>

typedef struct PtCable PtCable;

/* Listens at `hub_end` (an IPv4 address) from now on; what comes is carried by a thread of the cable's own to the same port
 * at `camera_end`. */
PtCable *pt_cable_new(const char *hub_end, const char *camera_end, const int *ports, unsigned n_ports, GError **error);
void pt_cable_pull(PtCable *cable, bool pulled); /* any thread; at once */
void pt_cable_free(PtCable *cable);              /* closes what it carries; takes NULL */
