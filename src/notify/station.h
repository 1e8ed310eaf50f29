/* Messages to a monitoring station by SIA DC-09, over TCP or UDP. Blocks. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "notify/queue.h"
#include "notify/target.h"
#include <gio/gio.h>

/* message NULL: asks whether the station is there (§5.5.2.1). now_ns: wall time. False and error; ret_final then says
 * whether the station refuses it for good. ret_there: an answer came that nobody else could have given, as far as a key
 * tells. */
bool pt_station_send(const PtNotifyTarget *target, const PtQueued *message, int64_t now_ns, GCancellable *cancellable,
                     bool *ret_final, bool *ret_there, GError **error);
