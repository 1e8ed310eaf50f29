/* A medium that may go and come back: whether one is mounted, and whether the archive on it is this site's. Two sites'
 * footage is never mixed because somebody put the wrong card in. Blocks on the disk. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <glib.h>
#include <stdbool.h>

/* Takes what is mounted at mount for the archive in root, which lies below it and is made when the card holds none. The
 * archive's identity stands on the card (root/.identity) and in the file identity, which lies elsewhere: where they differ
 * the card is refused; without that file whatever is there becomes this site's. */
bool pt_card_take(const char *mount, const char *root, const char *identity, GError **error);

/* What a path leads to now, to be compared: it differs once something else is mounted there. False: nothing, and errno. */
typedef struct {
	guint64 device, mount;
} PtMedium;
bool pt_medium_of(const char *path, PtMedium *ret);
