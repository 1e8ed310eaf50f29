/* A connection's stream as libsoup is to see it. libsoup before 3.4 (Debian 12) forgets a connection that its peer ends
 * between two requests, or before the first: it is neither closed nor freed, for ever. So such an end is shown to libsoup as
 * the first line of a request; whoever is told of that request takes the connection away
 * (soup_server_message_steal_connection). */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <gio/gio.h>
#include <stdbool.h>

/* ended: called once, when base has ended or broken; true: show the line, false: show the end as it is. base's input must be
 * pollable; it is held. Returns a new stream, which user must outlive. */
GIOStream *pt_watched_new(GIOStream *base, bool (*ended)(void *user), void *user);
