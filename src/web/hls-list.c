/* SPDX-License-Identifier: Apache-2.0 */
#include "web/hls-list.h"
#include "base/clock.h"
#include <string.h>

#define LISTED_TARGETS 4 /* how long a playlist is, in target durations (RFC 8216 §6.2.2 asks for three at least) … */
#define LISTED_NS (6 * PT_NS_PER_S) /* … and at least, for phones that ask late */

typedef struct {
	uint64_t number;
	uint64_t map_number; /* of the segment that brought its initialisation section */
	GBytes *bytes, *map;
	int64_t wall_ns, duration_ns;
	bool discontinuity;
} Segment;

struct PtHlsList {
	GQueue segments; /* Segment *, oldest first */
	guint listed;    /* the newest so many are in the playlist; those before are kept for those who know an older one */
	uint64_t next, discontinuities; /* numbers; of the first listed */
	unsigned target;                /* s */
	size_t bytes, bytes_max;
	bool stopped;
};

static size_t size_of(const Segment *s) {
	return g_bytes_get_size(s->bytes) + (s->map_number == s->number ? g_bytes_get_size(s->map) : 0);
}

static void segment_free(void *data) {
	Segment *s = data;
	g_bytes_unref(s->bytes);
	g_bytes_unref(s->map);
	g_free(s);
}

PtHlsList *pt_hls_list_new(uint64_t first, size_t bytes_max) {
	PtHlsList *list = g_new0(PtHlsList, 1);
	list->next = list->discontinuities = first;
	list->bytes_max = bytes_max;
	g_queue_init(&list->segments);
	return list;
}

void pt_hls_list_free(PtHlsList *list) {
	if (!list)
		return;
	g_queue_clear_full(&list->segments, segment_free);
	g_free(list);
}

static GList *first_listed(const PtHlsList *list) {
	return list->listed ? g_queue_peek_nth_link((GQueue *)&list->segments, list->segments.length - list->listed) : NULL;
}

/* RFC 8216 §6.2.2: with a segment that leaves the list, the discontinuity before it leaves too. */
static void unlist(PtHlsList *list) {
	list->listed--;
	const GList *l = first_listed(list);
	if (l && ((const Segment *)l->data)->discontinuity)
		list->discontinuities++;
}

static void drop_oldest(PtHlsList *list) {
	if (list->listed == list->segments.length)
		unlist(list);
	Segment *s = g_queue_pop_head(&list->segments);
	list->bytes -= size_of(s);
	segment_free(s);
}

static int64_t listed_ns(const PtHlsList *list) {
	int64_t sum = 0;
	for (const GList *l = first_listed(list); l; l = l->next)
		sum += ((const Segment *)l->data)->duration_ns;
	return sum;
}

/* A segment stays listed while the list would be too short without it, and reachable for as long again as a playlist that
 * names it may be played. */
static void tidy(PtHlsList *list) {
	int64_t want = MAX((int64_t)list->target * LISTED_TARGETS * PT_NS_PER_S, LISTED_NS);
	while (list->listed > PT_HLS_LISTED_MIN &&
	       listed_ns(list) - ((const Segment *)first_listed(list)->data)->duration_ns >= want)
		unlist(list);
	int64_t sum = 0;
	for (const GList *l = list->segments.head; l; l = l->next)
		sum += ((const Segment *)l->data)->duration_ns;
	for (const Segment *s; list->segments.length > list->listed && (s = g_queue_peek_head(&list->segments)) &&
	                       sum - s->duration_ns >= 2 * want + (int64_t)list->target * PT_NS_PER_S;) {
		sum -= s->duration_ns;
		drop_oldest(list);
	}
	while (list->bytes > list->bytes_max && (list->segments.length > list->listed || list->listed > PT_HLS_LISTED_MIN))
		drop_oldest(list);
}

void pt_hls_list_add(PtHlsList *list, const PtHlsSegment *segment) {
	const Segment *last = g_queue_peek_tail(&list->segments);
	g_assert(segment->duration_ns > 0 && (segment->map || last));
	Segment *s = g_new(Segment, 1);
	*s = (Segment){
	    .number = list->next++,
	    .bytes = g_bytes_ref(segment->bytes),
	    .map = g_bytes_ref(segment->map ? segment->map : last->map),
	    .wall_ns = segment->wall_ns,
	    .duration_ns = segment->duration_ns,
	    .discontinuity = segment->discontinuity || list->stopped,
	};
	s->map_number = segment->map ? s->number : last->map_number;
	if (!list->listed && s->discontinuity) {
		list->discontinuities++; /* a list does not begin with one: its number says it */
		s->discontinuity = false;
	}
	list->stopped = false;
	/* EXTINF, rounded, must not be above it; a quarter of a second of room for the jitter of key frames */
	unsigned needs = (unsigned)((s->duration_ns + 750 * PT_NS_PER_MS) / PT_NS_PER_S);
	list->target = MAX(MAX(list->target, needs), 1);
	g_queue_push_tail(&list->segments, s);
	list->listed++;
	list->bytes += size_of(s);
	tidy(list);
}

void pt_hls_list_stop(PtHlsList *list) {
	while (list->listed)
		unlist(list);
	list->stopped = list->segments.length > 0;
}

bool pt_hls_list_is_empty(const PtHlsList *list) { return !list->listed; }
uint64_t pt_hls_list_next(const PtHlsList *list) { return list->next; }
unsigned pt_hls_list_target(const PtHlsList *list) { return list->target; }
size_t pt_hls_list_bytes(const PtHlsList *list) { return list->bytes; }

char *pt_hls_list_text(const PtHlsList *list, const char *query) {
	GString *text = g_string_new("#EXTM3U\n#EXT-X-VERSION:7\n");
	const GList *l = first_listed(list);
	uint64_t map = 0;
	g_string_append_printf(text,
	                       "#EXT-X-TARGETDURATION:%u\n#EXT-X-MEDIA-SEQUENCE:%" G_GUINT64_FORMAT
	                       "\n#EXT-X-DISCONTINUITY-SEQUENCE:%" G_GUINT64_FORMAT "\n",
	                       list->target, l ? ((const Segment *)l->data)->number : list->next, list->discontinuities);
	for (const GList *first = l; l; l = l->next) {
		const Segment *s = l->data;
		g_autofree char *when = pt_time_format(s->wall_ns);
		if (s->discontinuity && l != first)
			g_string_append(text, "#EXT-X-DISCONTINUITY\n");
		if (l == first || s->discontinuity || s->map_number != map)
			g_string_append_printf(text, "#EXT-X-MAP:URI=\"%" G_GUINT64_FORMAT ".mp4%s\"\n", s->map_number,
			                       query);
		map = s->map_number;
		g_string_append_printf(
		    text, "#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:%" G_GINT64_FORMAT ".%06d,\n%" G_GUINT64_FORMAT ".m4s%s\n",
		    when, s->duration_ns / PT_NS_PER_S, (int)(s->duration_ns % PT_NS_PER_S / PT_NS_PER_US), s->number,
		    query);
	}
	return g_string_free(text, FALSE);
}

GBytes *pt_hls_list_find(const PtHlsList *list, const char *name) {
	char *end;
	if (!g_ascii_isdigit(name[0]))
		return NULL;
	uint64_t number = g_ascii_strtoull(name, &end, 10);
	bool map = !strcmp(end, ".mp4");
	if (!map && strcmp(end, ".m4s"))
		return NULL;
	for (const GList *l = list->segments.head; l; l = l->next) {
		const Segment *s = l->data;
		if (map ? s->map_number == number : s->number == number)
			return map ? s->map : s->bytes;
	}
	return NULL;
}
