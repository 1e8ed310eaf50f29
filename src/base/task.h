/* Work that must not wait for others' on another thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <gio/gio.h>

/* As g_task_run_in_thread(), on a thread of its own: the threads that all tasks share are taken by TLS handshakes as well,
 * which last as long as a peer likes. The caller bounds how many of them there are. */
void pt_task_run_alone(GTask *task, GTaskThreadFunc fn);
