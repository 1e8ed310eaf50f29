/* An input that a webhook sets, for any driver whose devices call one: such a driver names pt_hook_input as its inputs, and
 * pt_hook_check() in its check. web/api-plugs.c takes the calls. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "plugs/plug.h"

extern const PtInputDriver pt_hook_input;
/* token: has to name a secret that nobody guesses. */
void pt_hook_check(const PtPlugSettings *settings, const PtNode *node, GPtrArray *problems);

typedef enum { PT_HOOK_INACTIVE, PT_HOOK_ACTIVE, PT_HOOK_TOUCH } PtHook; /* touch: active, and inactive a second later */
/* A webhook came, on the plugs' thread. False: there is no such input, or it is not its token; the two are not told apart.
 */
bool pt_hook_set(const char *input, const char *token, PtHook what);
