/* What a camera lets itself be told, over the API: turning, presets, IR cut filter, lamps, privacy masks, clock, a
 * new start. Every order
 * is in the log, with who gave it, before it goes out. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "web/host.h"

typedef struct {
	PtClock *clock;
	PtBus *bus;
	/* P6: writes an intent down before it is done; FALSE: it could not be. */
	gboolean (*journal)(void *user, PtEvent *intent, GError **error);
	void *user;
} PtControlsEnv;

void pt_controls_get(const PtSiteCamera *camera, PtRequest *request);
/* One of: {"move": {"pan", "tilt", "zoom"}} (-1 to 1; all 0: stop), {"preset": TOKEN}, {"ir_cut": "on|off|auto"},
 * {"auxiliary": WORD}; and for admins {"mask": …} (see the reference), {"ntp": "SERVER SERVER"} ("": those of DHCP),
 * {"set_clock": true}, {"reboot": true}. */
void pt_controls_post(const PtControlsEnv *env, const PtSiteCamera *camera, PtRequest *request);
