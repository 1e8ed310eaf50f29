/* SPDX-License-Identifier: Apache-2.0 */
#include "media/stream.h"
#include "base/clock.h"
#include <glib.h>
#include <string.h>

#define RATE_WINDOW_NS (2 * PT_NS_PER_S)

typedef struct {
	PtFormat *format;
	uint64_t samples, bytes, lost, dropped, packets;
	int64_t last_wall, window_start; /* monotonic for the window */
	uint64_t window_samples, window_bytes;
	double bitrate, fps;
} Track;

struct PtStream {
	int refs; /* atomic */
	char *name;
	_Atomic int64_t taken, missed; /* monotonic */

	/* under lock; the lock is held while sinks are called */
	GMutex lock;
	PtSink *sinks;
	Track tracks[PT_STREAM_TRACKS];
	PtSample *key;
	PtStreamState state;
	char *reason;
	int64_t since;
	int64_t clock_offset;
	bool clock_known, clock_fresh;
	unsigned reconnects;
	uint64_t refused;
	void (*make_key)(void *data);
	void *make_key_data;
};

PtStream *pt_stream_new(const char *name) {
	PtStream *s = g_new0(PtStream, 1);
	s->refs = 1;
	s->name = g_strdup(name);
	g_mutex_init(&s->lock);
	return s;
}

PtStream *pt_stream_ref(PtStream *stream) {
	g_atomic_int_inc(&stream->refs);
	return stream;
}

void pt_stream_unref(PtStream *stream) {
	if (!stream || !g_atomic_int_dec_and_test(&stream->refs))
		return;
	g_assert(!stream->sinks);
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++)
		pt_format_unref(stream->tracks[i].format);
	pt_sample_unref(stream->key);
	g_mutex_clear(&stream->lock);
	g_free(stream->reason);
	g_free(stream->name);
	g_free(stream);
}

const char *pt_stream_name(const PtStream *stream) { return stream->name; }

void pt_stream_set_format(PtStream *stream, unsigned track, PtFormat *format) {
	g_assert(track < PT_STREAM_TRACKS);
	g_mutex_lock(&stream->lock);
	Track *t = &stream->tracks[track];
	if (t->format != format) {
		pt_format_unref(t->format);
		t->format = format ? pt_format_ref(format) : NULL;
	}
	g_mutex_unlock(&stream->lock);
}

static void measure_rate(Track *t, size_t size) {
	int64_t now = pt_mono_ns(pt_clock_system());
	t->window_samples++;
	t->window_bytes += size;
	int64_t span = now - t->window_start;
	if (span < RATE_WINDOW_NS)
		return;
	if (t->window_start && span < 10 * RATE_WINDOW_NS) {
		t->fps = (double)t->window_samples * PT_NS_PER_S / span;
		t->bitrate = (double)t->window_bytes * 8 * PT_NS_PER_S / span;
	}
	t->window_start = now;
	t->window_samples = t->window_bytes = 0;
}

void pt_stream_push(PtStream *stream, PtSample *sample) {
	g_assert(sample->track < PT_STREAM_TRACKS && sample->format);
	g_mutex_lock(&stream->lock);
	Track *t = &stream->tracks[sample->track];
	if (t->format != sample->format) {
		pt_format_unref(t->format);
		t->format = pt_format_ref(sample->format);
	}
	t->samples++;
	t->bytes += sample->size;
	t->last_wall = sample->wall_ns;
	measure_rate(t, sample->size);
	if (sample->key && pt_codec_kind(sample->format->codec) == PT_KIND_VIDEO) {
		pt_sample_unref(stream->key);
		stream->key = pt_sample_ref(sample);
	}
	for (PtSink *sink = stream->sinks; sink; sink = sink->next)
		sink->ops->sample(sink, sample);
	g_mutex_unlock(&stream->lock);
}

void pt_stream_set_state(PtStream *stream, PtStreamState state, const char *reason, int64_t wall_ns) {
	g_mutex_lock(&stream->lock);
	if (stream->state != state || g_strcmp0(stream->reason, reason)) {
		if (state == PT_STREAM_LOST && stream->state == PT_STREAM_LIVE)
			stream->reconnects++;
		if (stream->state != state)
			stream->since = wall_ns;
		if (state != PT_STREAM_LIVE) /* it may be set before it is back */
			stream->clock_fresh = false;
		stream->state = state;
		g_free(stream->reason);
		stream->reason = g_strdup(reason);
		for (PtSink *sink = stream->sinks; sink; sink = sink->next)
			if (sink->ops->state)
				sink->ops->state(sink, state, reason, wall_ns);
	}
	g_mutex_unlock(&stream->lock);
}

void pt_stream_count(PtStream *stream, unsigned track, uint64_t packets, uint64_t lost, uint64_t dropped) {
	g_assert(track < PT_STREAM_TRACKS);
	g_mutex_lock(&stream->lock);
	stream->tracks[track].packets += packets;
	stream->tracks[track].lost += lost;
	stream->tracks[track].dropped += dropped;
	g_mutex_unlock(&stream->lock);
}

void pt_stream_count_refused(PtStream *stream, uint64_t packets) {
	g_mutex_lock(&stream->lock);
	stream->refused += packets;
	g_mutex_unlock(&stream->lock);
}

void pt_stream_set_clock_offset(PtStream *stream, int64_t offset_ns) {
	g_mutex_lock(&stream->lock);
	stream->clock_offset = offset_ns;
	stream->clock_known = stream->clock_fresh = true;
	g_mutex_unlock(&stream->lock);
}

void pt_stream_set_key_maker(PtStream *stream, void (*make_key)(void *data), void *data) {
	g_mutex_lock(&stream->lock);
	stream->make_key = make_key;
	stream->make_key_data = data;
	g_mutex_unlock(&stream->lock);
}

bool pt_stream_request_key(PtStream *stream) {
	g_mutex_lock(&stream->lock);
	bool able = stream->make_key != NULL;
	if (able)
		stream->make_key(stream->make_key_data);
	g_mutex_unlock(&stream->lock);
	return able;
}

void pt_stream_add_sink(PtStream *stream, PtSink *sink) {
	g_mutex_lock(&stream->lock);
	g_assert(!sink->stream);
	sink->stream = stream;
	sink->next = stream->sinks;
	stream->sinks = sink;
	g_mutex_unlock(&stream->lock);
}

void pt_stream_remove_sink(PtSink *sink) {
	PtStream *stream = sink->stream;
	if (!stream)
		return;
	g_mutex_lock(&stream->lock);
	for (PtSink **p = &stream->sinks; *p; p = &(*p)->next)
		if (*p == sink) {
			*p = sink->next;
			break;
		}
	sink->stream = NULL;
	sink->next = NULL;
	g_mutex_unlock(&stream->lock);
}

PtFormat *pt_stream_get_format(PtStream *stream, unsigned track) {
	if (track >= PT_STREAM_TRACKS)
		return NULL;
	g_mutex_lock(&stream->lock);
	PtFormat *f = stream->tracks[track].format;
	if (f)
		pt_format_ref(f);
	g_mutex_unlock(&stream->lock);
	return f;
}

PtSample *pt_stream_get_key(PtStream *stream) {
	g_mutex_lock(&stream->lock);
	PtSample *key = stream->key ? pt_sample_ref(stream->key) : NULL;
	g_mutex_unlock(&stream->lock);
	return key;
}

void pt_stream_note_taken(PtStream *stream, int64_t mono_ns) {
	if (mono_ns > stream->taken)
		stream->taken = mono_ns;
}

void pt_stream_note_missed(PtStream *stream, int64_t mono_ns) { stream->missed = mono_ns; }

int64_t pt_stream_taken_ns(const PtStream *stream) { return stream->taken; }

int64_t pt_stream_missed_ns(const PtStream *stream) { return stream->missed; }

unsigned pt_stream_n_sinks(PtStream *stream) {
	unsigned n = 0;
	g_mutex_lock(&stream->lock);
	for (PtSink *sink = stream->sinks; sink; sink = sink->next)
		n++;
	g_mutex_unlock(&stream->lock);
	return n;
}

void pt_stream_get_stats(PtStream *stream, PtStreamStats *ret_stats) {
	int64_t now = pt_mono_ns(pt_clock_system());
	g_mutex_lock(&stream->lock);
	*ret_stats = (PtStreamStats){
	    .state = stream->state,
	    .since_ns = stream->since,
	    .clock_offset_ns = stream->clock_offset,
	    .clock_known = stream->clock_known,
	    .clock_fresh = stream->clock_fresh,
	    .reconnects = stream->reconnects,
	    .refused_packets = stream->refused,
	};
	g_strlcpy(ret_stats->reason, stream->reason ? stream->reason : "", sizeof ret_stats->reason);
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++) {
		const Track *t = &stream->tracks[i];
		bool fresh = t->window_start && now - t->window_start < 3 * RATE_WINDOW_NS;
		ret_stats->tracks[i] = (PtTrackStats){
		    .samples = t->samples,
		    .bytes = t->bytes,
		    .lost_packets = t->lost,
		    .dropped_samples = t->dropped,
		    .packets = t->packets,
		    .format = t->format ? pt_format_ref(t->format) : NULL,
		    .last_wall_ns = t->last_wall,
		    .bitrate = fresh ? t->bitrate : 0,
		    .fps = fresh ? t->fps : 0,
		};
		if (t->format)
			ret_stats->n_tracks = (int)i + 1;
	}
	g_mutex_unlock(&stream->lock);
}

void pt_stream_stats_clear(PtStreamStats *stats) {
	for (unsigned i = 0; i < PT_STREAM_TRACKS; i++) {
		pt_format_unref(stats->tracks[i].format);
		stats->tracks[i].format = NULL;
	}
}
