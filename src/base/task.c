/* SPDX-License-Identifier: Apache-2.0 */
#include "base/task.h"

typedef struct {
	GTask *task;
	GTaskThreadFunc fn;
} Work;

static void *run(void *data) {
	Work *w = data;
	w->fn(w->task, g_task_get_source_object(w->task), g_task_get_task_data(w->task), g_task_get_cancellable(w->task));
	g_object_unref(w->task);
	g_free(w);
	return NULL;
}

void pt_task_run_alone(GTask *task, GTaskThreadFunc fn) {
	Work *w = g_new0(Work, 1);
	*w = (Work){g_object_ref(task), fn};
	g_thread_unref(g_thread_new("pt-task", run, w));
}
