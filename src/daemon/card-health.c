/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/card-health.h"
#include "archive/read-back.h"
#include "archive/wear.h"
#include "web/host.h"
#include <stdio.h>
#include <sys/stat.h>

#define LOOK_S 60
#define NIGHT_HOUR 3 /* and the one after it */
#define PARTS 30     /* all is read in a month */
#define BYTES_PER_S (4 << 20)
#define DAY_NS (INT64_C(86400) * PT_NS_PER_S)
#define NIGHT_NS (2 * INT64_C(3600) * PT_NS_PER_S)

struct PtCardHealth {
	PtArchive *archive;
	PtClock *clock;
	PtBus *bus;
	GTimeZone *zone;
	guint timer;
	int64_t last_ns; /* wall time of the last night's beginning; 0: none */
	GThread *thread; /* NULL: nothing is being read */
	int stop, done;  /* atomic; done: thread may be joined */
	unsigned part;

	GMutex lock;
	PtReadBack result; /* under lock; begun_ns 0: none yet */
};

static void *read_back(void *data) {
	PtCardHealth *h = data;
	PtReadBack r;
	pt_read_back(pt_archive_store(h->archive), pt_archive_path(h->archive),
	             &(PtReadBackParams){PARTS, h->part, BYTES_PER_S, &h->stop}, &r);
	if (r.ended_ns) {
		g_autofree char *text = g_strdup_printf("%u of %u files that were read back are damaged; the first: %s",
		                                        r.bad, r.files, r.first);
		g_autoptr(PtEvent) event = pt_event_now(h->clock, "archive/read-back", PT_TOPIC_STORAGE,
		                                        r.bad ? "active" : "inactive", NULL, r.bad ? text : NULL);
		if (r.bad)
			fprintf(stderr, "archive: %s\n", text);
		g_mutex_lock(&h->lock);
		bool was_bad = h->result.bad > 0;
		h->result = r;
		g_mutex_unlock(&h->lock);
		if (r.bad || was_bad)
			pt_bus_publish(h->bus, event);
	}
	g_atomic_int_set(&h->done, 1);
	return NULL;
}

static bool is_night(PtCardHealth *h, int64_t now) {
	g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(now / PT_NS_PER_S);
	g_autoptr(GDateTime) local = g_date_time_to_timezone(utc, h->zone);
	int hour = g_date_time_get_hour(local);
	return hour == NIGHT_HOUR || hour == NIGHT_HOUR + 1;
}

/* What is not through by the morning is left for another night's share. */
static gboolean look(gpointer data) {
	PtCardHealth *h = data;
	int64_t now = pt_wall_ns(h->clock);
	bool night = is_night(h, now);
	if (h->thread && (!night || g_atomic_int_get(&h->done))) {
		g_atomic_int_set(&h->stop, !night);
		if (g_atomic_int_get(&h->done))
			g_thread_join(g_steal_pointer(&h->thread));
	} else if (!h->thread && night && (now < h->last_ns || now - h->last_ns > NIGHT_NS)) {
		h->last_ns = now;
		h->part = (unsigned)(now / DAY_NS % PARTS);
		h->stop = h->done = 0;
		h->thread = g_thread_new("pt-read-back", read_back, h);
	}
	return G_SOURCE_CONTINUE;
}

PtCardHealth *pt_card_health_new(PtArchive *archive, PtClock *clock, PtBus *bus) {
	PtCardHealth *h = g_new0(PtCardHealth, 1);
	h->archive = archive;
	h->clock = clock;
	h->bus = bus;
	h->zone = g_time_zone_new_utc();
	g_mutex_init(&h->lock);
	h->timer = g_timeout_add_seconds(LOOK_S, look, h);
	return h;
}

void pt_card_health_set_zone(PtCardHealth *h, GTimeZone *zone) {
	g_time_zone_unref(h->zone);
	h->zone = g_time_zone_ref(zone);
}

static void describe_wear(PtCardHealth *h, JsonBuilder *b) {
	struct stat st;
	PtWear wear;
	if (stat(pt_archive_path(h->archive), &st) || !pt_wear_read("/sys", st.st_dev, &wear))
		return;
	pt_json_object(b, "wear");
	pt_json_text(b, "name", wear.name[0] ? wear.name : NULL);
	pt_json_text(b, "kind", wear.kind);
	if (wear.used_percent >= 0)
		pt_json_int(b, "used_percent", wear.used_percent);
	pt_json_text(b, "end_of_life", wear.end);
	json_builder_end_object(b);
}

void pt_card_health_describe(PtCardHealth *h, JsonBuilder *b) {
	describe_wear(h, b);
	g_mutex_lock(&h->lock);
	PtReadBack r = h->result;
	g_mutex_unlock(&h->lock);
	if (!r.begun_ns)
		return;
	pt_json_object(b, "read_back");
	pt_json_time(b, "at", r.begun_ns);
	pt_json_int(b, "files", r.files);
	pt_json_int(b, "bytes", r.bytes);
	pt_json_int(b, "damaged", r.bad);
	pt_json_text(b, "first", r.first[0] ? r.first : NULL);
	json_builder_end_object(b);
}

void pt_card_health_free(PtCardHealth *h) {
	if (!h)
		return;
	g_source_remove(h->timer);
	g_atomic_int_set(&h->stop, 1);
	if (h->thread)
		g_thread_join(h->thread);
	g_time_zone_unref(h->zone);
	g_mutex_clear(&h->lock);
	g_free(h);
}
