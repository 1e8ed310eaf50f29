/* Messages over HTTP: webhooks, ntfy, Web Push, and the requests of rules. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "http/client.h"
#include "notify/queue.h"
#include "notify/target.h"

/* fn is called as pt_http_send() does. jpeg: goes with it to ntfy; NULL: none. now_ns: wall time. */
void pt_hook_send(PtHttp *http, const PtNotifyTarget *target, const PtQueued *message, GBytes *jpeg, int64_t now_ns,
                  PtHttpFn fn, void *user);
/* Whether ntfy answers so because it takes no attachments, or none so large: without it the message may be taken. */
bool pt_hook_is_about_picture(unsigned status);
/* Whether a later try may have another answer than this. */
bool pt_hook_is_final(unsigned status);
