/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/standby.h"
#include <glib.h>

/* Samples of before the loss given out with each that comes: what waits is written at four times its speed and not at once,
 * which would be more than the writer takes from one series. */
#define CATCH_UP 4

const char pt_gap_on_loss[] = "a hub was recording (on-loss)";

typedef struct {
	PtSample *sample; /* a reference */
	int64_t mono_ns;  /* when it came */
} Entry;

struct PtStandby {
	PtSink sink; /* first */
	PtClock *clock;
	PtStream *live, *out;
	int records; /* atomic; written under the live stream's lock */

	/* under the live stream's lock */
	Entry *ring; /* while nothing is let through, it begins where decoding can begin */
	size_t first, n, capacity, bytes;
	bool has_video;
	int64_t watched_since; /* monotonic; 0: a hub does not take it */
};

/* ---- what waits ---- */

static Entry *entry_at(const PtStandby *s, size_t i) { return &s->ring[(s->first + i) % s->capacity]; }

static void put(PtStandby *s, PtSample *sample, int64_t now) {
	if (s->n == s->capacity) {
		size_t capacity = MAX(64, s->capacity * 2);
		Entry *ring = g_new(Entry, capacity);
		for (size_t i = 0; i < s->n; i++)
			ring[i] = *entry_at(s, i);
		g_free(s->ring);
		s->ring = ring;
		s->capacity = capacity;
		s->first = 0;
	}
	s->n++;
	s->bytes += sample->capacity;
	*entry_at(s, s->n - 1) = (Entry){pt_sample_ref(sample), now};
}

/* Caller unrefs. */
static PtSample *pop(PtStandby *s) {
	PtSample *sample = entry_at(s, 0)->sample;
	s->first = (s->first + 1) % s->capacity;
	s->n--;
	s->bytes -= sample->capacity;
	return sample;
}

static bool is_entrance(const PtStandby *s, const PtSample *sample) {
	return sample->key && (!s->has_video || pt_codec_kind(sample->format->codec) == PT_KIND_VIDEO);
}

/* Where the second group begins; n: there is one group alone. */
static size_t second_entrance(const PtStandby *s) {
	size_t i = 1;
	while (i < s->n && !is_entrance(s, entry_at(s, i)->sample))
		i++;
	return i;
}

static void drop(PtStandby *s, size_t count) {
	for (size_t i = 0; i < count; i++)
		pt_sample_unref(pop(s));
}

/* Drops what lies further back than a loss that is noticed now could ask for. */
static void trim(PtStandby *s, int64_t now) {
	while (s->n) {
		size_t next = second_entrance(s);
		bool old = next < s->n && now - entry_at(s, next)->mono_ns >= PT_STANDBY_LOSS_NS + PT_STANDBY_BEFORE_NS;
		if (!old && s->bytes <= PT_STANDBY_BYTES)
			break;
		drop(s, next);
	}
}

static void give_out(PtStandby *s, size_t count) {
	for (size_t i = 0; i < count && s->n; i++) {
		PtSample *sample = pop(s);
		pt_stream_push(s->out, sample);
		pt_sample_unref(sample);
	}
}

/* ---- when ---- */

/* Pictures that a hub was not sent are lost to it at once, however well the next ones go. */
static bool is_watched(const PtStandby *s, int64_t now) {
	int64_t taken = pt_stream_taken_ns(s->live), missed = pt_stream_missed_ns(s->live);
	return taken && now - taken < PT_STANDBY_LOSS_NS && (!missed || now - missed >= PT_STANDBY_LOSS_NS);
}

static void set_records(PtStandby *s, bool records) {
	g_atomic_int_set(&s->records, records);
	pt_stream_set_state(s->out, records ? PT_STREAM_LIVE : PT_STREAM_IDLE, records ? NULL : pt_gap_on_loss,
	                    pt_wall_ns(s->clock));
}

static void on_sample(PtSink *sink, PtSample *sample) {
	PtStandby *s = (PtStandby *)sink;
	int64_t now = pt_mono_ns(s->clock);
	s->has_video |= pt_codec_kind(sample->format->codec) == PT_KIND_VIDEO;
	if (!is_watched(s, now))
		s->watched_since = 0;
	else if (!s->watched_since)
		s->watched_since = now;
	bool entrance = is_entrance(s, sample);
	if (!s->records && !s->watched_since)
		set_records(s, true);
	else if (s->records && s->watched_since && now - s->watched_since >= PT_STANDBY_AFTER_NS && !s->n && entrance)
		set_records(s, false);
	if (s->records || s->n || entrance)
		put(s, sample, now);
	if (s->records)
		give_out(s, CATCH_UP);
	else
		trim(s, now);
}

static void on_state(PtSink *sink, PtStreamState state, const char *reason, int64_t wall_ns) {
	PtStandby *s = (PtStandby *)sink;
	if (!s->records)
		return; /* the pause has its reason */
	give_out(s, s->n);
	pt_stream_set_state(s->out, state, reason, wall_ns);
}

static const PtSinkOps standby_ops = {"standby", on_sample, on_state};

PtStandby *pt_standby_new(PtStream *live, PtClock *clock) {
	PtStandby *s = g_new0(PtStandby, 1);
	s->sink.ops = &standby_ops;
	s->clock = clock;
	s->live = live;
	s->out = pt_stream_new(pt_stream_name(live));
	s->records = true;
	pt_stream_add_sink(live, &s->sink);
	return s;
}

PtStream *pt_standby_stream(PtStandby *standby) { return standby->out; }

bool pt_standby_records(PtStandby *standby) { return g_atomic_int_get(&standby->records); }

void pt_standby_end(PtStandby *s) {
	if (!s)
		return;
	pt_stream_remove_sink(&s->sink);
	if (s->records)
		give_out(s, s->n);
}

void pt_standby_free(PtStandby *s) {
	if (!s)
		return;
	pt_stream_remove_sink(&s->sink);
	drop(s, s->n);
	pt_stream_unref(s->out);
	g_free(s->ring);
	g_free(s);
}
