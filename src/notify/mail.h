/* Messages by SMTP. Blocks. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "notify/queue.h"
#include "notify/target.h"
#include <gio/gio.h>

/* jpeg: goes with it; NULL: none. False and error; ret_final then says whether the server refused it for good. */
bool pt_mail_send(const PtNotifyTarget *target, const PtQueued *message, GBytes *jpeg, GCancellable *cancellable,
                  bool *ret_final, GError **error);
