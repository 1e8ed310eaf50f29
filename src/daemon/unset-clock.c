/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/unset-clock.h"
#include "archive/store.h"
#include "base/units.h"
#include <gio/gio.h>
#include <stdio.h>

#define REPAIR_S 5                                    /* after the clock was set, and again */
#define REPAIR_MORE_NS (60 * PT_NS_PER_S)             /* footage goes on by the old time up to its next key frame */
#define BUILT_SPARE_NS (INT64_C(86400) * PT_NS_PER_S) /* the clock of who built it may have been ahead */

struct PtUnsetClock {
	PtClock *clock;
	PtBus *bus;
	PtArchive *archive;
	PtEventlog *log;
	guint timer;            /* 0: it is set, and what was recorded before has its true times */
	bool repairing;         /* on a thread */
	int64_t from, base, by; /* begin (wall time), wall less monotonic, how far it was off */
};

static void tell(PtUnsetClock *u, const char *prefix, const char *state, const char *text) {
	fprintf(stderr, "%s%s\n", prefix, text);
	g_autoptr(PtEvent) event = pt_event_now(u->clock, "system/clock", PT_TOPIC_SYSTEM, state, NULL, text);
	pt_bus_publish(u->bus, event);
}

/* What was recorded and logged before the clock was set, and by how much its times are wrong. */
typedef struct {
	PtArchive *archive;
	PtEventlog *log;
	int64_t from, to, base, by;
	bool done;
} Repair;

static void repair_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
	Repair *r = data;
	r->done =
	    pt_eventlog_shift(r->log, r->from, r->base, r->by, NULL) && pt_archive_shift(r->archive, r->from, r->to, r->by);
	g_task_return_boolean(task, r->done);
}

static gboolean repair_times(gpointer data);

static void repaired(GObject *object, GAsyncResult *result, gpointer data) {
	PtUnsetClock *u = data;
	const Repair *r = g_task_get_task_data(G_TASK(result));
	u->repairing = false;
	if (!r->done) { /* what was recorded then is not closed yet */
		u->timer = g_timeout_add_seconds(REPAIR_S, repair_times, u);
		return;
	}
	g_autofree char *by = pt_units_format_duration(r->by / PT_NS_PER_S * PT_NS_PER_S);
	g_autofree char *text =
	    g_strdup_printf("what was recorded and logged before the clock was set stands %s later now, when it was", by);
	tell(u, "archive: ", "repaired", text);
}

static gboolean repair_times(gpointer data) {
	PtUnsetClock *u = data;
	u->timer = 0;
	int64_t reached = u->base + pt_mono_ns(u->clock);
	Repair *r = g_new(Repair, 1);
	*r = (Repair){.archive = u->archive, .log = u->log, .from = u->from, .base = u->base, .by = u->by};
	r->to = reached + MIN(r->by / 2, REPAIR_MORE_NS);
	u->repairing = true;
	g_autoptr(GTask) task = g_task_new(NULL, NULL, repaired, u);
	g_task_set_task_data(task, r, g_free);
	g_task_run_in_thread(task, repair_in_thread);
	return G_SOURCE_REMOVE;
}

static gboolean look_at_clock(gpointer data) {
	PtUnsetClock *u = data;
	int64_t now = pt_wall_ns(u->clock); /* which notices it */
	if (!pt_clock_system_is_set())
		return G_SOURCE_CONTINUE;
	g_autofree char *time = pt_time_format(now);
	g_autofree char *text = g_strdup_printf("the clock was set: it is %s", time);
	tell(u, "", "set", text);
	u->by = now - pt_mono_ns(u->clock) - u->base;
	u->timer = u->by > PT_NS_PER_S ? g_timeout_add_seconds(REPAIR_S, repair_times, u) : 0;
	return G_SOURCE_REMOVE;
}

PtUnsetClock *pt_unset_clock_new(PtClock *clock, PtBus *bus, PtArchive *archive, PtEventlog *log, int64_t last_ns) {
	PtUnsetClock *u = g_new0(PtUnsetClock, 1);
	u->clock = clock;
	u->bus = bus;
	u->archive = archive;
	u->log = log;
	if (!pt_clock_system_begin(PT_BUILT_S * PT_NS_PER_S - BUILT_SPARE_NS, last_ns))
		return u;
	u->from = pt_wall_ns(clock);
	u->base = u->from - pt_mono_ns(clock);
	g_autofree char *time = pt_time_format(u->from);
	g_autofree char *text =
	    g_strdup_printf("the clock is not set: it goes on from %s, the last time that is known, until it is", time);
	tell(u, "", "unset", text);
	u->timer = g_timeout_add_seconds(1, look_at_clock, u);
	return u;
}

void pt_unset_clock_free(PtUnsetClock *u) {
	if (!u)
		return;
	while (u->repairing)
		g_main_context_iteration(NULL, TRUE);
	g_clear_handle_id(&u->timer, g_source_remove);
	g_free(u);
}
