/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/speech.h"
#include "base/error.h"

#define PROGRAM "espeak-ng"
#define LIMIT_S 10

typedef struct {
	GSubprocess *process;
	guint limit; /* source; 0: it has passed, and nothing more is waited for */
	GCancellable *enough;
} Speech;

static void speech_free(void *data) {
	Speech *s = data;
	g_clear_handle_id(&s->limit, g_source_remove);
	g_object_unref(s->process);
	g_object_unref(s->enough);
	g_free(s);
}

bool pt_speech_available(void) {
	g_autofree char *path = g_find_program_in_path(PROGRAM);
	return path != NULL;
}

static gboolean too_long(void *data) {
	Speech *s = data;
	s->limit = 0;
	g_cancellable_cancel(s->enough);
	return G_SOURCE_REMOVE;
}

static void spoken(GObject *source, GAsyncResult *result, void *data) {
	g_autoptr(GTask) task = data;
	const Speech *s = g_task_get_task_data(task);
	GError *error = NULL;
	g_autoptr(GBytes) wav = NULL;
	gboolean ok = g_subprocess_communicate_finish(s->process, result, &wav, NULL, &error);
	if (!ok)
		g_subprocess_force_exit(s->process);
	if (!s->limit) {
		g_clear_error(&error);
		pt_error_set(&error, TIMEOUT, PROGRAM " did not speak the text within %d s", LIMIT_S);
	} else if (ok && !(g_subprocess_get_if_exited(s->process) && !g_subprocess_get_exit_status(s->process)))
		pt_error_set(&error, FAILED,
		             PROGRAM " could not speak the text: does it know the voice? (" PROGRAM " --voices lists them)");
	if (error)
		g_task_return_error(task, error);
	else
		g_task_return_pointer(task, g_steal_pointer(&wav), (GDestroyNotify)g_bytes_unref);
}

void pt_speech_say_async(const char *text, const char *voice, GCancellable *cancellable, GAsyncReadyCallback fn,
                         void *data) {
	GTask *task = g_task_new(NULL, cancellable, fn, data);
	GError *error = NULL;
	GSubprocess *process = g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE |
	                                            G_SUBPROCESS_FLAGS_STDERR_SILENCE,
	                                        &error, PROGRAM, "--stdin", "--stdout", "-b", "1", "-v", voice, NULL);
	if (!process) {
		g_clear_error(&error);
		g_task_return_new_error(task, PT_ERROR, PT_ERROR_UNSUPPORTED,
		                        "texts cannot be spoken here: " PROGRAM " is not installed (apt install " PROGRAM
		                        "); sound files can be played");
		g_object_unref(task);
		return;
	}
	Speech *s = g_new0(Speech, 1);
	s->process = process;
	s->enough = g_cancellable_new();
	s->limit = g_timeout_add_seconds(LIMIT_S, too_long, s);
	g_task_set_task_data(task, s, speech_free);
	g_autoptr(GBytes) input = g_bytes_new(text, strlen(text));
	g_subprocess_communicate_async(process, input, s->enough, spoken, task);
}

GBytes *pt_speech_say_finish(GAsyncResult *result, GError **error) {
	return g_task_propagate_pointer(G_TASK(result), error);
}
