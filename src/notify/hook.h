/* Messages over HTTP: webhooks, ntfy, Web Push, and the requests of rules. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "http/client.h"
#include "notify/queue.h"
#include "notify/target.h"

/* fn is called as pt_http_send() does. now_ns: wall time. */
void pt_hook_send(PtHttp *http, const PtNotifyTarget *target, const PtQueued *message, int64_t now_ns, PtHttpFn fn,
                  void *user);
/* Whether a later try may have another answer than this. */
bool pt_hook_is_final(unsigned status);
