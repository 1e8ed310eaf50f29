/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/state-file.h"
#include "base/error.h"
#include "base/task.h"
#include <sys/stat.h>

dev_t pt_state_medium(const char *path) {
	g_autofree char *dir = g_path_get_dirname(path);
	struct stat st;
	return stat(dir, &st) ? 0 : st.st_dev;
}

gboolean pt_state_write(const char *path, dev_t medium, const char *text, gssize size, int mode, GError **error) {
	if (pt_state_medium(path) != medium) {
		pt_error_set(error, DISK, "%s: what lay there at the start is gone, or is another", path);
		return FALSE;
	}
	return g_file_set_contents_full(path, text, size, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, mode,
	                                error);
}

typedef struct {
	char *path, *text;
	dev_t medium;
	int mode;
} Job;

static void job_free(void *data) {
	Job *j = data;
	g_free(j->path);
	g_free(j->text);
	g_free(j);
}

static void write_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
	const Job *j = data;
	GError *error = NULL;
	if (pt_state_write(j->path, j->medium, j->text, -1, j->mode, &error))
		g_task_return_boolean(task, TRUE);
	else
		g_task_return_error(task, error);
}

void pt_state_write_async(const char *path, dev_t medium, char *text, int mode, GAsyncReadyCallback callback, void *data) {
	Job *job = g_new(Job, 1);
	*job = (Job){g_strdup(path), text, medium, mode};
	g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);
	g_task_set_task_data(task, job, job_free);
	pt_task_run_alone(task, write_in_thread);
}

gboolean pt_state_write_finish(GAsyncResult *result, GError **error) {
	return g_task_propagate_boolean(G_TASK(result), error);
}
