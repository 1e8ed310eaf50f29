/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/notify.h"
#include "base/json.h"
#include "http/client.h"
#include <string.h>

typedef struct {
	char *name, *url, *secret;
	bool ntfy;
} Target;

typedef struct {
	PtNotify *notify;
	Target *target; /* a copy of its own */
	char *title, *text, *actor;
	int priority, tries;
	PtEvent *event;
	GSource *pause; /* while it waits for another try */
} Job;

struct PtNotify {
	PtHttp *http;
	GMainContext *context;
	GPtrArray *targets;
	GPtrArray *jobs; /* not owned: each ends itself */
	PtNotifyDoneFn done;
	void *user;
	PtNotifyCounters counters;
	unsigned pause_ms;
	bool closing;
};

static void target_free(void *data) {
	Target *t = data;
	g_free(t->name);
	g_free(t->url);
	g_free(t->secret);
	g_free(t);
}

static Target *target_copy(const char *name, const char *url, const char *secret, bool ntfy) {
	Target *t = g_new0(Target, 1);
	*t = (Target){g_strdup(name), g_strdup(url), g_strdup(secret), ntfy};
	return t;
}

PtNotify *pt_notify_new(PtNotifyDoneFn done, void *user) {
	PtNotify *n = g_new0(PtNotify, 1);
	n->http = pt_http_new(0);
	n->context = g_main_context_ref_thread_default();
	n->targets = g_ptr_array_new_with_free_func(target_free);
	n->jobs = g_ptr_array_new();
	n->done = done;
	n->user = user;
	n->pause_ms = 2000;
	return n;
}

static void end_job(Job *job, const char *reason) {
	PtNotify *n = job->notify;
	PtNotifyMessage message = {job->title, job->text, job->actor, job->priority, job->event};
	*(reason ? &n->counters.failed : &n->counters.sent) += 1;
	g_ptr_array_remove_fast(n->jobs, job);
	if (n->done)
		n->done(n->user, job->target->name, &message, job->tries, reason);
	if (job->pause) {
		g_source_destroy(job->pause);
		g_source_unref(job->pause);
	}
	target_free(job->target);
	pt_event_unref(job->event);
	g_free(job->title);
	g_free(job->text);
	g_free(job->actor);
	g_free(job);
}

void pt_notify_free(PtNotify *n) {
	if (!n)
		return;
	n->closing = true;
	pt_http_free(n->http); /* those under way end here */
	while (n->jobs->len)
		end_job(n->jobs->pdata[0], "given up: the program ends");
	g_ptr_array_unref(n->jobs);
	g_ptr_array_unref(n->targets);
	g_main_context_unref(n->context);
	g_free(n);
}

void pt_notify_set_targets(PtNotify *n, const PtNotifyTarget *targets, unsigned count) {
	g_ptr_array_set_size(n->targets, 0);
	for (unsigned i = 0; i < count; i++)
		g_ptr_array_add(n->targets,
		                target_copy(targets[i].name, targets[i].url, targets[i].secret, targets[i].ntfy));
}

static void try_it(Job *job);

static gboolean pause_over(void *data) {
	Job *job = data;
	g_clear_pointer(&job->pause, g_source_unref);
	try_it(job);
	return G_SOURCE_REMOVE;
}

static void on_answer(void *user, unsigned status, const char *body, size_t size, const GError *error) {
	Job *job = user;
	PtNotify *n = job->notify;
	if (!error && status >= 200 && status < 300) {
		end_job(job, NULL);
		return;
	}
	g_autofree char *reason = error ? g_strdup(error->message) : g_strdup_printf("it answered %u", status);
	/* what was refused will be refused again; 408 and 429 ask for patience */
	bool final = !error && status >= 400 && status < 500 && status != 408 && status != 429;
	if (final || n->closing || job->tries >= PT_NOTIFY_TRIES) {
		end_job(job, reason);
		return;
	}
	job->pause = g_timeout_source_new(n->pause_ms << 2 * (job->tries - 1));
	g_source_set_callback(job->pause, pause_over, job, NULL);
	g_source_attach(job->pause, n->context);
}

/* A header is one line of ASCII; anything else goes as RFC 2047, which ntfy reads. */
static char *header_text(const char *text) {
	bool plain = true;
	for (const char *p = text; *p; p++)
		plain = plain && *p >= ' ' && *p < 0x7f;
	if (plain)
		return g_strdup(text);
	g_autofree char *base64 = g_base64_encode((const guchar *)text, strlen(text));
	return g_strdup_printf("=?UTF-8?B?%s?=", base64);
}

static void try_it(Job *job) {
	job->tries++;
	char priority[4];
	g_snprintf(priority, sizeof priority, "%d", job->priority);
	if (job->target->ntfy) {
		g_autofree char *title = header_text(job->title);
		const char *headers[] = {"Title", title, "Priority", priority, NULL};
		PtHttpRequest r = {.method = "POST",
		                   .url = job->target->url,
		                   .content_type = "text/plain; charset=utf-8",
		                   .body = job->text,
		                   .body_size = strlen(job->text),
		                   .token = job->target->secret,
		                   .headers = headers};
		pt_http_send(job->notify->http, &r, on_answer, job);
		return;
	}
	g_autoptr(GString) body = g_string_new("{\"title\":");
	pt_json_string(body, job->title);
	g_string_append(body, ",\"text\":");
	pt_json_string(body, job->text);
	g_string_append_printf(body, ",\"priority\":%d,\"actor\":", job->priority);
	pt_json_string(body, job->actor);
	if (job->event) {
		g_string_append(body, ",\"event\":");
		pt_event_to_json(job->event, body);
	}
	g_string_append_c(body, '}');
	PtHttpRequest r = {.method = "POST",
	                   .url = job->target->url,
	                   .content_type = "application/json",
	                   .body = body->str,
	                   .body_size = body->len,
	                   .token = job->target->secret};
	pt_http_send(job->notify->http, &r, on_answer, job);
}

unsigned pt_notify_send(PtNotify *n, const char *target, const PtNotifyMessage *m) {
	unsigned queued = 0;
	bool found = false;
	for (guint i = 0; i < n->targets->len; i++) {
		const Target *t = n->targets->pdata[i];
		if (target && strcmp(t->name, target))
			continue;
		found = true;
		if (n->jobs->len >= PT_NOTIFY_QUEUE_MAX) {
			n->counters.refused++;
			continue;
		}
		Job *job = g_new0(Job, 1);
		*job = (Job){.notify = n,
		             .target = target_copy(t->name, t->url, t->secret, t->ntfy),
		             .title = g_strdup(m->title ? m->title : "Pigtail"),
		             .text = g_strdup(m->text),
		             .actor = g_strdup(m->actor),
		             .priority = m->priority ? CLAMP(m->priority, 1, 5) : 3,
		             .event = m->event ? pt_event_ref((PtEvent *)m->event) : NULL};
		g_ptr_array_add(n->jobs, job);
		queued++;
		try_it(job);
	}
	if (target && !found)
		n->counters.refused++;
	return queued;
}

void pt_notify_counters(const PtNotify *n, PtNotifyCounters *ret) {
	*ret = n->counters;
	ret->waiting = n->jobs->len;
}

void pt_notify_set_pause(PtNotify *n, unsigned ms) { n->pause_ms = ms; }
