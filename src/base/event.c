/* SPDX-License-Identifier: Apache-2.0 */
#include "base/event.h"
#include "base/error.h"
#include "base/json.h"
#include <string.h>

#define EPOCH_MS INT64_C(1577836800000) /* 2020-01-01 */
#define COUNT_BITS 6
#define HUB_BITS 16
#define MS_MAX ((INT64_C(1) << 41) - 1)

/* under id_lock */
static GMutex id_lock;
static uint16_t own_hub;
static uint64_t last_tick; /* milliseconds << COUNT_BITS | count */

static uint64_t tick_of(uint64_t id) { return id >> (HUB_BITS + COUNT_BITS) << COUNT_BITS | (id & ((1 << COUNT_BITS) - 1)); }

void pt_event_set_hub(uint16_t hub, uint64_t last_id) {
	g_mutex_lock(&id_lock);
	own_hub = hub;
	last_tick = MAX(last_tick, tick_of(last_id));
	g_mutex_unlock(&id_lock);
}

uint64_t pt_event_next_id(int64_t wall_ns) {
	int64_t ms = CLAMP(wall_ns / PT_NS_PER_MS - EPOCH_MS, 0, MS_MAX - (INT64_C(1) << 20));
	g_mutex_lock(&id_lock);
	last_tick = MAX(last_tick + 1, (uint64_t)ms << COUNT_BITS);
	uint64_t tick = last_tick, hub = own_hub;
	g_mutex_unlock(&id_lock);
	return tick >> COUNT_BITS << (HUB_BITS + COUNT_BITS) | hub << COUNT_BITS | (tick & ((1 << COUNT_BITS) - 1));
}

static uint32_t digest(uint32_t sum, const char *text) {
	for (; *text; text++)
		sum = (sum ^ (uint8_t)*text) * 16777619u; /* FNV-1a */
	return (sum ^ '/') * 16777619u;
}

static uint64_t late_id(const PtEvent *e) {
	int64_t ms = CLAMP(e->wall_ns / PT_NS_PER_MS - EPOCH_MS, 0, MS_MAX);
	uint32_t sum = digest(digest(digest(2166136261u, e->source), e->topic), e->state);
	uint64_t rest = (sum ^ sum >> (HUB_BITS + COUNT_BITS)) & ((1 << (HUB_BITS + COUNT_BITS)) - 1);
	g_mutex_lock(&id_lock);
	if (rest >> COUNT_BITS == own_hub)
		rest ^= 1 << COUNT_BITS;
	g_mutex_unlock(&id_lock);
	return (uint64_t)ms << (HUB_BITS + COUNT_BITS) | rest;
}

int64_t pt_event_told_ns(const PtEvent *e) {
	return e->mono_ns && e->noticed_ns ? e->wall_ns + e->noticed_ns - e->mono_ns : e->wall_ns;
}

int64_t pt_event_time_of_id(uint64_t id) {
	return id ? ((int64_t)(id >> (HUB_BITS + COUNT_BITS)) + EPOCH_MS) * PT_NS_PER_MS : 0;
}

void pt_event_id_format(uint64_t id, char text[PT_EVENT_ID_TEXT]) {
	g_snprintf(text, PT_EVENT_ID_TEXT, "%016" G_GINT64_MODIFIER "x", id);
}

gboolean pt_event_id_parse(const char *text, uint64_t *ret_id, GError **error) {
	uint64_t id = 0;
	size_t n = 0;
	for (; g_ascii_isxdigit(text[n]) && n < 16; n++)
		id = id << 4 | (uint64_t)g_ascii_xdigit_value(text[n]);
	if (n != 16 || text[n] || id > INT64_MAX) {
		pt_error_set(error, INVALID, "not an event id: 16 hexadecimal digits are expected");
		return FALSE;
	}
	*ret_id = id;
	return TRUE;
}

/* Bytes of text that fit into max without cutting a UTF-8 character. */
static size_t fitting(const char *text, size_t max) {
	size_t n = text ? strnlen(text, max + 1) : 0;
	if (n <= max)
		return n;
	for (n = max; n && ((guchar)text[n] & 0xc0) == 0x80; n--)
		;
	return n;
}

PtEvent *pt_event_new(const PtEvent *what) {
	g_assert(what->topic && what->state);
	const char *in[] = {what->source ? what->source : "system", what->topic, what->state, what->actor, what->detail};
	size_t n[G_N_ELEMENTS(in)], total = 0;
	for (size_t i = 0; i < G_N_ELEMENTS(in); i++)
		total += (n[i] = fitting(in[i], in[i] == what->detail ? PT_EVENT_DETAIL_MAX : PT_EVENT_TEXT_MAX)) + 1;
	PtEvent *event = g_malloc(sizeof *event + total);
	memset(event, 0, sizeof *event);
	event->wall_ns = what->wall_ns;
	event->mono_ns = what->mono_ns;
	event->noticed_ns = what->noticed_ns ? what->noticed_ns : what->mono_ns;
	event->late = what->late || what->past;
	event->past = what->past;
	event->initial = what->initial;
	g_atomic_ref_count_init(&event->refs);
	const char **out[] = {&event->source, &event->topic, &event->state, &event->actor, &event->detail};
	char *p = event->text;
	for (size_t i = 0; i < G_N_ELEMENTS(in); i++) {
		if (!in[i])
			continue;
		memcpy(p, in[i], n[i]);
		p[n[i]] = 0;
		*out[i] = p;
		p += n[i] + 1;
	}
	event->id = what->id ? what->id : event->late ? late_id(event) : pt_event_next_id(event->wall_ns);
	return event;
}

PtEvent *pt_event_now(PtClock *clock, const char *source, const char *topic, const char *state, const char *actor,
                      const char *detail) {
	PtEvent what = {.wall_ns = pt_wall_ns(clock),
	                .mono_ns = pt_mono_ns(clock),
	                .source = source,
	                .topic = topic,
	                .state = state,
	                .actor = actor,
	                .detail = detail};
	return pt_event_new(&what);
}

PtEvent *pt_event_ref(PtEvent *event) {
	g_atomic_ref_count_inc(&event->refs);
	return event;
}

void pt_event_unref(PtEvent *event) {
	if (event && g_atomic_ref_count_dec(&event->refs))
		g_free(event);
}

const char *pt_event_name(const PtEvent *event, const char *kind) {
	size_t n = strlen(kind);
	return !strncmp(event->source, kind, n) && event->source[n] == '/' ? event->source + n + 1 : NULL;
}

void pt_event_to_json(const PtEvent *event, GString *out) {
	char id[PT_EVENT_ID_TEXT];
	g_autofree char *time = pt_time_format(event->wall_ns);
	pt_event_id_format(event->id, id);
	g_string_append_printf(out, "{\"id\":\"%s\",\"time\":\"%s\",\"source\":", id, time);
	pt_json_string(out, event->source);
	g_string_append(out, ",\"topic\":");
	pt_json_string(out, event->topic);
	g_string_append(out, ",\"state\":");
	pt_json_string(out, event->state);
	if (event->actor) {
		g_string_append(out, ",\"actor\":");
		pt_json_string(out, event->actor);
	}
	if (event->detail) {
		g_string_append(out, ",\"detail\":");
		pt_json_string(out, event->detail);
	}
	if (event->late) {
		g_autofree char *told = pt_time_format(pt_event_told_ns(event));
		g_string_append_printf(out, ",\"late\":true,\"told\":\"%s\"", told);
	}
	if (event->initial)
		g_string_append(out, ",\"initial\":true");
	g_string_append_c(out, '}');
}
