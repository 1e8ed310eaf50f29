/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/notify.h"
#include "base/task.h"
#include "http/client.h"
#include "notify/hook.h"
#include "notify/mail.h"
#include "notify/station.h"
#include <string.h>

#define STEP_NS (5 * PT_NS_PER_S)      /* less is a clock that is nudged */
#define WAKE_MAX_NS (60 * PT_NS_PER_S) /* the wall clock may be set: it is looked at this often */

typedef struct {
	int64_t heard_ns; /* monotonic: the last exchange, whatever came of it */
	bool known, live;
} Link;

struct PtNotify {
	PtNotifySettings settings;
	GThread *thread;
	GMainContext *context;
	GMainLoop *loop;
	GCancellable *stop;

	GMutex lock;
	GPtrArray *targets;        /* under lock: of PtNotifyTarget *; replaced, never changed; NULL: not told yet */
	PtNotifyCounters counters; /* under lock */

	/* the thread's own */
	PtNotifyQueue *queue;
	PtHttp *http;
	GHashTable *busy;  /* names of targets that something is under way to */
	GHashTable *links; /* name -> Link, of stations */
	GSource *timer;
	int64_t ahead_ns; /* wall time less the monotonic one, when it was looked at last */
	bool closing;
};

/* Something under way. */
typedef struct {
	PtNotify *notify;
	PtNotifyTarget *target;
	PtQueued *message; /* NULL: whether the station is there */
	GBytes *jpeg;      /* that goes with it to ntfy; NULL: none */
	bool final;        /* what went wrong will go wrong again */
	bool there;        /* STATION: it answered, whatever it said */
} Delivery;

static void pump(PtNotify *n);

static GPtrArray *get_targets(PtNotify *n) {
	g_mutex_lock(&n->lock);
	GPtrArray *targets = n->targets ? g_ptr_array_ref(n->targets) : NULL;
	g_mutex_unlock(&n->lock);
	return targets;
}

/* On the notifier's thread: wall time, and what was written down by another clock is moved to this one. */
static int64_t wall_now(PtNotify *n) {
	int64_t now = pt_wall_ns(n->settings.clock), ahead = now - pt_mono_ns(n->settings.clock);
	int64_t step = ahead - n->ahead_ns;
	if (step > STEP_NS || step < -STEP_NS)
		pt_notify_queue_shift(n->queue, step);
	n->ahead_ns = ahead;
	return now;
}

static PtNotifyTarget *find(const GPtrArray *targets, const char *name) {
	for (guint i = 0; i < targets->len; i++)
		if (!strcmp(((PtNotifyTarget *)targets->pdata[i])->name, name))
			return targets->pdata[i];
	return NULL;
}

/* ---- what becomes of it ---- */

static void tell(PtNotify *n, const PtQueued *message, const char *reason) {
	g_mutex_lock(&n->lock);
	*(reason ? &n->counters.failed : &n->counters.sent) += 1;
	n->counters.waiting = pt_notify_queue_length(n->queue);
	g_mutex_unlock(&n->lock);
	if (n->settings.done)
		n->settings.done(n->settings.user, message->target, message, reason);
}

static void end(PtNotify *n, const PtQueued *message, const char *reason) {
	pt_notify_queue_done(n->queue, message->row);
	tell(n, message, reason);
}

static void try_again(PtNotify *n, const Delivery *d, const char *reason) {
	unsigned longest = d->target->kind == PT_NOTIFY_STATION ? PT_NOTIFY_STATION_PAUSE_MAX_MS : PT_NOTIFY_PAUSE_MAX_MS;
	int64_t pause_ms = (int64_t)n->settings.pause_ms << MIN(d->message->tries - 1, 20);
	int64_t due = wall_now(n) + MIN(pause_ms, longest) * PT_NS_PER_MS;
	pt_notify_queue_set(n->queue, d->message->row, MIN(due, d->message->expires_ns), d->message->tries, reason);
}

/* A station speaks for itself with each answer. */
static void note_link(PtNotify *n, const PtNotifyTarget *t, const char *reason) {
	Link *link = g_hash_table_lookup(n->links, t->name);
	if (!link)
		return;
	bool live = !reason;
	link->heard_ns = pt_mono_ns(n->settings.clock);
	if (n->settings.link && (!link->known || link->live != live))
		n->settings.link(n->settings.user, t->name, reason);
	link->known = true;
	link->live = live;
}

/* What was a question to the station ends with the answer. */
static void settle(PtNotify *n, const Delivery *d, const char *reason) {
	const PtQueued *m = d->message;
	if (!reason) {
		end(n, m, NULL);
		pt_notify_queue_wake(n->queue, m->target, wall_now(n));
	} else if (d->final) {
		end(n, m, reason);
	} else if (n->closing) { /* it goes on where it was */
		pt_notify_queue_set(n->queue, m->row, m->due_ns, m->tries, reason);
	} else {
		try_again(n, d, reason);
	}
}

static void finish(Delivery *d, const char *reason) {
	PtNotify *n = d->notify;
	g_hash_table_remove(n->busy, d->target->name);
	if (!n->closing)
		note_link(n, d->target, d->there ? NULL : reason);
	if (d->message)
		settle(n, d, reason);
	pt_notify_target_unref(d->target);
	pt_queued_free(d->message);
	g_clear_pointer(&d->jpeg, g_bytes_unref);
	g_free(d);
	pump(n);
}

/* ---- the ways ---- */

static void on_answer(void *user, unsigned status, const char *body, size_t size, const GError *error);

static void send_hook(Delivery *d) {
	PtNotify *n = d->notify;
	pt_hook_send(n->http, d->target, d->message, d->jpeg, pt_wall_ns(n->settings.clock), on_answer, d);
}

static void on_answer(void *user, unsigned status, const char *body, size_t size, const GError *error) {
	Delivery *d = user;
	PtNotify *n = d->notify;
	if (d->jpeg && !error && pt_hook_is_about_picture(status) && n->http) {
		g_clear_pointer(&d->jpeg, g_bytes_unref);
		send_hook(d);
		return;
	}
	bool ok = !error && status >= 200 && status < 300;
	g_autofree char *reason = ok ? NULL : error ? g_strdup(error->message) : g_strdup_printf("it answered %u", status);
	d->final = !error && pt_hook_is_final(status) && !(d->jpeg && pt_hook_is_about_picture(status));
	if (d->target->kind == PT_NOTIFY_PUSH && (status == 404 || status == 410) && n->settings.gone)
		n->settings.gone(n->settings.user, d->target->name); /* RFC 8030 §7.3 */
	finish(d, reason);
}

/* NULL: there is none, and *ret_why says why when there should be. */
static GBytes *get_picture(PtNotify *n, const PtQueued *m, GCancellable *cancellable, GError **ret_why) {
	return m->camera && n->settings.picture
	           ? n->settings.picture(n->settings.user, m->camera, m->wall_ns, cancellable, ret_why)
	           : NULL;
}

static void send_mail(PtNotify *n, Delivery *d, GCancellable *cancellable, GError **error) {
	g_autoptr(GError) blind = NULL;
	PtQueued *m = d->message;
	g_autoptr(GBytes) jpeg = get_picture(n, m, cancellable, &blind);
	g_free(m->reason);
	m->reason = blind ? g_strdup(blind->message) : NULL; /* the mail says why it has no picture */
	pt_mail_send(d->target, m, jpeg, cancellable, &d->final, error);
}

static void block(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
	Delivery *d = data;
	GError *error = NULL;
	if (d->target->kind == PT_NOTIFY_MAIL) {
		send_mail(d->notify, d, cancellable, &error);
	} else if (d->target->kind == PT_NOTIFY_NTFY) {
		d->jpeg = get_picture(d->notify, d->message, cancellable, NULL);
		if (d->jpeg && g_bytes_get_size(d->jpeg) > d->target->attach_bytes)
			g_clear_pointer(&d->jpeg, g_bytes_unref);
	} else {
		pt_station_send(d->target, d->message, pt_wall_ns(d->notify->settings.clock), cancellable, &d->final,
		                &d->there, &error);
	}
	if (error)
		g_task_return_error(task, error);
	else
		g_task_return_boolean(task, TRUE);
}

static void on_blocked(GObject *source, GAsyncResult *result, void *data) {
	Delivery *d = data;
	g_autoptr(GError) error = NULL;
	g_task_propagate_boolean(G_TASK(result), &error);
	if (d->target->kind != PT_NOTIFY_NTFY)
		finish(d, error ? error->message : NULL);
	else if (d->notify->http)
		send_hook(d);
	else
		finish(d, "the program ends");
}

static bool blocks(const PtNotifyTarget *t, const PtQueued *m) {
	return t->kind == PT_NOTIFY_MAIL || t->kind == PT_NOTIFY_STATION ||
	       (t->kind == PT_NOTIFY_NTFY && t->attach_bytes && m->camera);
}

/* Takes the message. */
static void start(PtNotify *n, PtNotifyTarget *target, PtQueued *message) {
	Delivery *d = g_new0(Delivery, 1);
	*d = (Delivery){.notify = n, .target = pt_notify_target_ref(target), .message = message};
	g_hash_table_add(n->busy, g_strdup(target->name));
	if (message) /* written down before, so that a try that ended the program counts */
		pt_notify_queue_set(n->queue, message->row, message->due_ns, ++message->tries, message->reason);
	if (!blocks(target, message)) {
		send_hook(d);
		return;
	}
	g_autoptr(GTask) task = g_task_new(NULL, n->stop, on_blocked, d);
	g_task_set_return_on_cancel(task, FALSE);
	g_task_set_check_cancellable(task, FALSE);
	g_task_set_task_data(task, d, NULL);
	pt_task_run_alone(task, block); /* one for each target */
}

/* ---- what is due ---- */

/* A rule's own request is named by where it stands in the site file, and another may stand there since it was put: whose
 * body goes nowhere but to the address it was made for. */
static char *address_of(const PtNotifyTarget *t) {
	g_autofree char *all = t->kind == PT_NOTIFY_ORDER ? g_strdup_printf("%s %s", t->method, t->url) : NULL;
	return all ? g_compute_checksum_for_string(G_CHECKSUM_SHA256, all, -1) : NULL;
}

static bool is_another(const PtNotifyTarget *t, const PtQueued *m) {
	g_autofree char *address = address_of(t);
	return address && m->code && strcmp(address, m->code) != 0;
}

/* The end of what expired, or the quiet hours that hold it. True: it is to be sent. */
static bool is_wanted(PtNotify *n, const PtNotifyTarget *t, const PtQueued *m, int64_t now) {
	if (now >= m->expires_ns) {
		g_autofree char *reason = g_strdup_printf("expired after %" G_GINT64_FORMAT " tries%s%s", m->tries,
		                                          m->reason ? ", the last: " : "", m->reason ? m->reason : "");
		end(n, m, reason);
		return false;
	}
	if (is_another(t, m)) {
		end(n, m, "the rule calls another address there now");
		return false;
	}
	int64_t quiet = m->priority < 5 ? pt_notify_target_quiet_until(t, now) : now;
	if (quiet > now)
		pt_notify_queue_set(n->queue, m->row, quiet, m->tries, m->reason);
	return quiet <= now;
}

/* Starts what is due for a target; wall time of what is due next. */
static int64_t serve(PtNotify *n, PtNotifyTarget *t, int64_t now) {
	PtQueued *m;
	while ((m = pt_notify_queue_due(n->queue, t->name, t->kind == PT_NOTIFY_STATION, now))) {
		if (is_wanted(n, t, m, now)) {
			start(n, t, m);
			return G_MAXINT64;
		}
		pt_queued_free(m);
	}
	return pt_notify_queue_next_ns(n->queue, t->name);
}

/* Asks a station that was not heard of for long. Wall time at which it is due next. */
static int64_t supervise(PtNotify *n, PtNotifyTarget *t, int64_t now) {
	Link *link = g_hash_table_lookup(n->links, t->name);
	if (!link || g_hash_table_contains(n->busy, t->name))
		return G_MAXINT64;
	int64_t left = link->known ? link->heard_ns + t->supervise_ns - pt_mono_ns(n->settings.clock) : 0;
	if (left > 0)
		return now + left;
	start(n, t, NULL);
	return G_MAXINT64;
}

static void drop_orphans(PtNotify *n, const GPtrArray *targets) {
	g_autoptr(GPtrArray) names = pt_notify_queue_targets(n->queue);
	for (guint i = 0; i < names->len; i++) {
		PtQueued *m;
		if (find(targets, names->pdata[i]) || g_hash_table_contains(n->busy, names->pdata[i]))
			continue;
		while ((m = pt_notify_queue_due(n->queue, names->pdata[i], false, G_MAXINT64 / 2))) {
			end(n, m, "the site file names no such target any more");
			pt_queued_free(m);
		}
	}
}

static gboolean on_timer(void *data) {
	pump(data);
	return G_SOURCE_REMOVE;
}

static void pump(PtNotify *n) {
	g_autoptr(GPtrArray) targets = get_targets(n);
	int64_t now = wall_now(n), next = now + WAKE_MAX_NS;
	if (n->closing) {
		if (!g_hash_table_size(n->busy))
			g_main_loop_quit(n->loop);
		return;
	}
	for (guint i = 0; targets && i < targets->len; i++) {
		PtNotifyTarget *t = targets->pdata[i];
		if (g_hash_table_contains(n->busy, t->name))
			continue;
		int64_t due = serve(n, t, now), asked = supervise(n, t, now);
		next = MIN(next, MIN(due, asked));
	}
	g_mutex_lock(&n->lock);
	n->counters.waiting = pt_notify_queue_length(n->queue);
	g_mutex_unlock(&n->lock);
	if (n->timer) {
		g_source_destroy(n->timer);
		g_source_unref(n->timer);
	}
	n->timer = g_timeout_source_new((guint)(MAX(next - now, 0) / PT_NS_PER_MS) + 1);
	g_source_set_callback(n->timer, on_timer, n, NULL);
	g_source_attach(n->timer, n->context);
}

/* ---- in ---- */

typedef struct {
	PtNotify *notify;
	PtQueued *message; /* target NULL: for all */
} Arrival;

static void arrival_free(void *data) {
	pt_queued_free(((Arrival *)data)->message);
	g_free(data);
}

static bool has_room(PtNotify *n, const PtNotifyTarget *t, bool urgent) {
	int64_t max = n->settings.queue_max;
	if (pt_notify_queue_length(n->queue) < max || pt_notify_queue_length_of(n->queue, t->name) < max)
		return true;
	g_autoptr(PtQueued) least = urgent ? pt_notify_queue_least(n->queue, t->name) : NULL;
	if (least)
		end(n, least, "too many messages wait, and it made room for one of priority 5");
	return least != NULL;
}

static void put(PtNotify *n, PtNotifyTarget *t, PtQueued *m) {
	int64_t now = wall_now(n);
	bool urgent = m->priority >= 5;
	bool joins = t->group_ns && m->like && !urgent;
	g_autofree char *own = g_steal_pointer(&m->target), *address = address_of(t), *code = m->code;
	m->target = t->name;
	m->code = address ? address : code;
	m->due_ns = joins ? now + t->group_ns : now;
	m->due_ns = urgent ? m->due_ns : pt_notify_target_quiet_until(t, m->due_ns);
	m->expires_ns = m->due_ns + t->expires_ns;
	m->made_ns = now;
	if (joins && pt_notify_queue_join(n->queue, t->name, m->like)) {
	} else if (!has_room(n, t, urgent)) {
		tell(n, m, "too many messages wait already");
	} else if (!pt_notify_queue_put(n->queue, m)) {
		tell(n, m, "it could not be written down: the disk refuses");
	} else if (t->kind == PT_NOTIFY_STATION) {
		pt_notify_queue_wake(n->queue, t->name, now); /* what waits before it has to go first */
	}
	m->target = g_steal_pointer(&own);
	m->code = g_steal_pointer(&code);
}

static gboolean on_arrival(void *data) {
	Arrival *a = data;
	PtNotify *n = a->notify;
	g_autoptr(GPtrArray) targets = get_targets(n);
	for (guint i = 0; targets && i < targets->len; i++) {
		PtNotifyTarget *t = targets->pdata[i];
		if (pt_notify_target_is(t, a->message->target))
			put(n, t, a->message);
	}
	pump(n);
	return G_SOURCE_REMOVE;
}

unsigned pt_notify_send(PtNotify *n, const char *target, const PtNotifyMessage *m) {
	g_autoptr(GPtrArray) targets = get_targets(n);
	unsigned count = 0;
	for (guint i = 0; targets && i < targets->len; i++)
		count += pt_notify_target_is(targets->pdata[i], target);
	if (!count)
		return 0;
	Arrival *a = g_new0(Arrival, 1);
	a->notify = n;
	a->message = g_new0(PtQueued, 1);
	*a->message = (PtQueued){.target = g_strdup(target),
	                         .title = g_strdup(m->title ? m->title : "Pigtail"),
	                         .text = g_strdup(m->text),
	                         .actor = g_strdup(m->actor),
	                         .event = g_strdup(m->event),
	                         .camera = g_strdup(m->camera),
	                         .code = g_strdup(m->code),
	                         .link = g_strdup(m->link),
	                         .like = g_strdup(m->like),
	                         .zone = m->zone,
	                         .priority = m->priority ? CLAMP(m->priority, 1, 5) : 3,
	                         .count = 1,
	                         .wall_ns = m->wall_ns ? m->wall_ns : pt_wall_ns(n->settings.clock)};
	g_autoptr(GSource) source = g_idle_source_new();
	g_source_set_priority(source, G_PRIORITY_DEFAULT);
	g_source_set_callback(source, on_arrival, a, arrival_free);
	g_source_attach(source, n->context);
	return count;
}

static gboolean is_not_in(void *name, void *link, void *targets) {
	const PtNotifyTarget *t = find(targets, name);
	return !t || !t->supervise_ns;
}

static gboolean on_targets(void *data) {
	PtNotify *n = data;
	g_autoptr(GPtrArray) targets = get_targets(n);
	g_hash_table_foreach_remove(n->links, is_not_in, targets);
	for (guint i = 0; i < targets->len; i++) {
		PtNotifyTarget *t = targets->pdata[i];
		if (t->kind == PT_NOTIFY_STATION && t->supervise_ns && !g_hash_table_contains(n->links, t->name))
			g_hash_table_insert(n->links, g_strdup(t->name), g_new0(Link, 1));
	}
	for (guint i = 0; i < targets->len; i++) /* what was wrong may be right now */
		pt_notify_queue_wake(n->queue, ((PtNotifyTarget *)targets->pdata[i])->name, wall_now(n));
	drop_orphans(n, targets);
	pump(n);
	return G_SOURCE_REMOVE;
}

static void post(PtNotify *n, GSourceFunc fn) {
	g_autoptr(GSource) source = g_idle_source_new();
	g_source_set_priority(source, G_PRIORITY_DEFAULT);
	g_source_set_callback(source, fn, n, NULL);
	g_source_attach(source, n->context);
}

void pt_notify_set_targets(PtNotify *n, const GPtrArray *targets) {
	GPtrArray *copy = g_ptr_array_new_with_free_func(pt_notify_target_unref);
	for (guint i = 0; i < targets->len; i++)
		g_ptr_array_add(copy, pt_notify_target_ref(targets->pdata[i]));
	g_mutex_lock(&n->lock);
	GPtrArray *old = n->targets;
	n->targets = copy;
	g_mutex_unlock(&n->lock);
	if (old)
		g_ptr_array_unref(old);
	post(n, on_targets);
}

/* ---- life ---- */

static gboolean on_close(void *data) {
	PtNotify *n = data;
	n->closing = true;
	pt_http_free(g_steal_pointer(&n->http)); /* what is under way over HTTP ends within */
	pump(n);
	return G_SOURCE_REMOVE;
}

static void *run(void *data) {
	PtNotify *n = data;
	g_main_context_push_thread_default(n->context);
	n->http = pt_http_new(0);
	g_main_loop_run(n->loop);
	if (n->timer) {
		g_source_destroy(n->timer);
		g_source_unref(n->timer);
	}
	g_main_context_pop_thread_default(n->context);
	return NULL;
}

PtNotify *pt_notify_new(const PtNotifySettings *settings, GError **error) {
	PtNotifyQueue *queue = pt_notify_queue_open(settings->queue_path, error);
	if (!queue)
		return NULL;
	PtNotify *n = g_new0(PtNotify, 1);
	n->settings = *settings;
	n->settings.queue_path = NULL;
	n->settings.pause_ms = settings->pause_ms ? settings->pause_ms : 2000;
	n->settings.queue_max = settings->queue_max ? settings->queue_max : PT_NOTIFY_QUEUE_MAX;
	n->queue = queue;
	n->ahead_ns = pt_wall_ns(settings->clock) - pt_mono_ns(settings->clock);
	n->context = g_main_context_new();
	n->loop = g_main_loop_new(n->context, FALSE);
	n->stop = g_cancellable_new();
	n->busy = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	n->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_mutex_init(&n->lock);
	n->thread = g_thread_new("pt-notify", run, n);
	return n;
}

void pt_notify_free(PtNotify *n) {
	if (!n)
		return;
	g_cancellable_cancel(n->stop);
	post(n, on_close);
	g_thread_join(n->thread);
	g_main_loop_unref(n->loop);
	g_main_context_unref(n->context);
	pt_notify_queue_free(n->queue);
	g_hash_table_unref(n->busy);
	g_hash_table_unref(n->links);
	g_object_unref(n->stop);
	if (n->targets)
		g_ptr_array_unref(n->targets);
	g_mutex_clear(&n->lock);
	g_free(n);
}

void pt_notify_counters(PtNotify *n, PtNotifyCounters *ret) {
	g_mutex_lock(&n->lock);
	*ret = n->counters;
	g_mutex_unlock(&n->lock);
}
