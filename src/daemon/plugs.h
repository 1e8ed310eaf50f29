/* The inputs and relays of a running hub, following the site file. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "plugs/input.h"
#include "plugs/relay.h"
#include "site/config.h"

typedef struct PtPlugs PtPlugs;

/* env is copied; off_due tells what was written down for a relay before a crash (monotonic ns; < 0: nothing). */
PtPlugs *pt_plugs_new(const PtPlugEnv *env, int64_t (*off_due)(void *user, const char *relay), void *user);
void pt_plugs_apply(PtPlugs *plugs, PtSite *site);
void pt_plugs_free(PtPlugs *plugs); /* drives every relay to its safe state; takes NULL */

/* Other settings of a relay than the site file's, from now on and as long as it is in the site file: set by a client that
 * may. What is on stays on. FALSE: it could not be, and nothing has changed. */
gboolean pt_plugs_configure_relay(PtPlugs *plugs, const char *name, PtRelayMode mode, int64_t pulse_ns, PtContact contact,
                                  const char *actor, GError **error);

PtInput *pt_plugs_input(PtPlugs *plugs, const char *name); /* NULL: none of this name */
PtRelay *pt_plugs_relay(PtPlugs *plugs, const char *name);
GPtrArray *pt_plugs_inputs(PtPlugs *plugs); /* of PtInput *, borrowed */
GPtrArray *pt_plugs_relays(PtPlugs *plugs); /* of PtRelay *, borrowed */
