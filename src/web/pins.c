/* SPDX-License-Identifier: Apache-2.0 */
#include "web/pins.h"
#include "base/attempts.h"
#include "base/task.h"
#include "web/login.h"
#include <string.h>

struct PtPins {
	PtClock *clock;
	PtAttempts *attempts;
	GCancellable *ended;
	bool asking;
};

typedef struct {
	PtPins *pins;
	PtSite *site; /* whose users are asked */
	char *actor, *pin;
	const char *whose; /* of the site's users; NULL: nobody's */
	PtPinFn fn;
	void *data;
	GDestroyNotify free_data;
} Question;

static void question_free(void *data) {
	Question *q = data;
	explicit_bzero(q->pin, strlen(q->pin));
	g_free(q->pin);
	g_free(q->actor);
	pt_site_unref(q->site);
	q->free_data(q->data);
	g_free(q);
}

static void ask_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
	Question *q = data;
	bool is_user = g_str_has_prefix(q->actor, "user/");
	const PtSiteUser *own = is_user ? pt_site_user(q->site, q->actor + strlen("user/")) : NULL;
	for (guint i = 0; i < q->site->users->len && !q->whose; i++) {
		const PtSiteUser *user = q->site->users->pdata[i];
		bool counts = user->pin && (user == own || !own || !own->pin) && !user->cameras;
		if (counts && pt_login_is_right(user->pin, q->pin))
			q->whose = user->name;
	}
	g_task_return_boolean(task, TRUE);
}

static void answered(GObject *source, GAsyncResult *result, gpointer data) {
	const Question *q = g_task_get_task_data(G_TASK(result));
	if (!g_task_propagate_boolean(G_TASK(result), NULL)) /* the program ends */
		return;
	PtPins *pins = q->pins;
	pins->asking = false;
	if (q->whose)
		pt_attempts_forgive(pins->attempts, q->actor);
	else
		pt_attempts_failed(pins->attempts, q->actor, pt_mono_ns(pins->clock));
	q->fn(q->data, q->whose);
}

void pt_pins_ask(PtPins *pins, PtSite *site, const char *actor, const char *pin, PtPinFn fn, void *data,
                 GDestroyNotify free_data) {
	Question *q = g_new0(Question, 1);
	*q = (Question){.pins = pins,
	                .site = pt_site_ref(site),
	                .actor = g_strdup(actor),
	                .pin = g_strdup(pin),
	                .fn = fn,
	                .data = data,
	                .free_data = free_data};
	pins->asking = true;
	g_autoptr(GTask) task = g_task_new(NULL, pins->ended, answered, NULL);
	g_task_set_task_data(task, q, question_free);
	pt_task_run_alone(task, ask_in_thread);
}

bool pt_pins_is_asking(const PtPins *pins) { return pins->asking; }

int64_t pt_pins_wait_ns(PtPins *pins, const char *actor) {
	return pt_attempts_wait_ns(pins->attempts, actor, pt_mono_ns(pins->clock));
}

PtPins *pt_pins_new(PtClock *clock) {
	PtPins *pins = g_new0(PtPins, 1);
	*pins = (PtPins){clock, pt_attempts_new(), g_cancellable_new(), false};
	return pins;
}

void pt_pins_free(PtPins *pins) {
	if (!pins)
		return;
	g_cancellable_cancel(pins->ended);
	g_object_unref(pins->ended);
	pt_attempts_free(pins->attempts);
	g_free(pins);
}
