/* SPDX-License-Identifier: Apache-2.0 */
#include "media/file/file.h"
#include "media/fmp4/read.h"
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RETRY_FIRST (1 * PT_NS_PER_S)
#define RETRY_MOST (30 * PT_NS_PER_S)
#define LATE_MOST (2 * PT_NS_PER_S)
#define BATCH 64 /* samples per timer, so that one file does not hold up the worker */
#define TRACKS 3

typedef struct {
	size_t index;     /* in the file */
	size_t next;      /* sample */
	size_t n;         /* samples played per loop */
	int64_t first;    /* the file's earliest dts of any track, in ticks of this one: zero for all, so that they keep step */
	int64_t last_dts; /* pushed last, ticks on the stream's axis */
	bool any;
} Track;

typedef struct {
	PtSource base;
	PtLoop *loop;
	PtStream *stream;
	char *camera, *path;
	bool wanted[TRACKS]; /* by kind */

	/* loop's thread only */
	PtTimer timer;
	PtMp4 *mp4;
	int fd;
	Track tracks[TRACKS];
	unsigned n_tracks;
	int64_t length_ns;  /* of one loop */
	int64_t delay_ns;   /* how far a picture is shown after it is decoded, at most */
	int64_t start_mono; /* when the first loop began */
	uint64_t loops;
	int64_t resume_ns; /* media time to go on at after the file was lost, so that times keep rising */
	int64_t retry_ns;
} File;

static int64_t to_ns(int64_t ticks, const PtFormat *f) { return (int64_t)((__int128)ticks * PT_NS_PER_S / f->timescale); }

static int64_t to_ticks(int64_t ns, const PtFormat *f) {
	return (int64_t)(((__int128)ns * f->timescale + PT_NS_PER_S / 2) / PT_NS_PER_S);
}

static const PtMp4Track *mp4_track(const File *f, const Track *t) { return &f->mp4->tracks[t->index]; }

static void close_file(File *f) {
	g_clear_pointer(&f->mp4, pt_mp4_free);
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

static void lose(File *f, const char *why) {
	g_autofree char *reason = g_strdup_printf("file %s: %s", f->path, why);
	int64_t now = pt_mono_ns(pt_clock_system());
	if (f->mp4 && f->start_mono)
		f->resume_ns = MAX(f->resume_ns, 0) + (now - f->start_mono) + PT_NS_PER_S;
	close_file(f);
	f->start_mono = 0;
	pt_stream_set_state(f->stream, PT_STREAM_LOST, reason, pt_loop_wall_ns(f->loop));
	f->retry_ns = CLAMP(f->retry_ns * 2, RETRY_FIRST, RETRY_MOST);
	pt_timer_set_in(f->loop, &f->timer, f->retry_ns);
}

/* The first wanted track of each kind, video first; the video's length (else the longest) is the loop's. */
static bool choose_tracks(File *f) {
	f->n_tracks = 0;
	f->length_ns = f->delay_ns = 0;
	int64_t first_ns = INT64_MAX;
	for (unsigned kind = 0; kind < TRACKS; kind++)
		for (size_t i = 0; i < f->mp4->n_tracks; i++) {
			const PtMp4Track *m = &f->mp4->tracks[i];
			if ((unsigned)pt_codec_kind(m->format->codec) != kind || !f->wanted[kind] || !m->n_samples)
				continue;
			f->tracks[f->n_tracks++] = (Track){.index = i, .n = m->n_samples};
			first_ns = MIN(first_ns, to_ns(m->samples[0].dts, m->format));
			int64_t last = m->samples[m->n_samples - 1].dts, delta = m->format->timescale / 25;
			if (m->n_samples > 1)
				delta = last - m->samples[m->n_samples - 2].dts;
			if (kind == PT_KIND_VIDEO || f->n_tracks == 1)
				f->length_ns = to_ns(last - m->samples[0].dts + delta, m->format);
			for (size_t k = 0; k < m->n_samples; k++)
				f->delay_ns = MAX(f->delay_ns, to_ns(m->samples[k].pts - m->samples[k].dts, m->format));
			break;
		}
	f->delay_ns = MIN(f->delay_ns, PT_NS_PER_S);
	for (unsigned i = 0; i < f->n_tracks; i++) {
		/* rounded, but never so that a track's first sample lies before zero */
		const PtMp4Track *m = mp4_track(f, &f->tracks[i]);
		f->tracks[i].first = MIN(to_ticks(first_ns, m->format), m->samples[0].dts);
	}
	/* sound that is longer than the picture is not played out: the loop stays whole */
	for (unsigned i = 1; i < f->n_tracks; i++) {
		Track *t = &f->tracks[i];
		const PtMp4Track *m = mp4_track(f, t);
		while (t->n && to_ns(m->samples[t->n - 1].dts - m->samples[0].dts, m->format) >= f->length_ns)
			t->n--;
	}
	return f->n_tracks && f->length_ns > 0;
}

/* When the track's next sample is due, ns of media time since the first loop began. */
static int64_t due_ns(const File *f, const Track *t) {
	const PtMp4Track *m = mp4_track(f, t);
	uint64_t loop = f->loops;
	if (t->next >= t->n)
		return INT64_MAX;
	return (int64_t)loop * f->length_ns + to_ns(m->samples[t->next].dts - t->first, m->format);
}

static Track *next_track(File *f) {
	Track *next = NULL;
	for (unsigned i = 0; i < f->n_tracks; i++)
		if (f->tracks[i].next < f->tracks[i].n && (!next || due_ns(f, &f->tracks[i]) < due_ns(f, next)))
			next = &f->tracks[i];
	if (next)
		return next;
	f->loops++;
	for (unsigned i = 0; i < f->n_tracks; i++)
		f->tracks[i].next = 0;
	return next_track(f); /* the first track has samples always */
}

static bool push(File *f, Track *t) {
	g_autoptr(GError) error = NULL;
	const PtMp4Track *m = mp4_track(f, t);
	PtSample *s = pt_mp4_load(f->mp4, f->fd, t->index, t->next, &error);
	if (!s) {
		lose(f, error->message);
		return false;
	}
	int64_t offset = to_ticks((int64_t)f->loops * f->length_ns + MAX(f->resume_ns, 0), m->format) - t->first;
	int64_t shown_ns = to_ns(s->pts - t->first, m->format) + (int64_t)f->loops * f->length_ns;
	s->pts += offset;
	s->dts += offset;
	if (t->any && s->dts <= t->last_dts) {
		s->pts += t->last_dts + 1 - s->dts;
		s->dts = t->last_dts + 1;
	}
	t->last_dts = s->dts;
	t->any = true;
	s->track = (uint8_t)(t - f->tracks);
	/* the last of the pictures that reordering holds back is captured now, the others before */
	int64_t mono = pt_mono_ns(pt_clock_system()), wall = pt_wall_ns(pt_clock_system());
	s->wall_ns = wall - mono + f->start_mono + shown_ns - f->delay_ns;
	t->next++;
	pt_stream_push(f->stream, s);
	pt_sample_unref(s);
	return true;
}

static void open_file(File *f) {
	g_autoptr(GError) error = NULL;
	f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0) {
		lose(f, g_strerror(errno));
		return;
	}
	f->mp4 = pt_mp4_read(f->fd, &error);
	if (!f->mp4 || !choose_tracks(f)) {
		lose(f, error ? error->message : "there is no track in it that can be played");
		return;
	}
	for (unsigned i = 0; i < f->n_tracks; i++)
		pt_stream_set_format(f->stream, i, mp4_track(f, &f->tracks[i])->format);
	f->loops = 0;
	f->start_mono = pt_mono_ns(pt_clock_system());
	pt_stream_set_state(f->stream, PT_STREAM_LIVE, NULL, pt_loop_wall_ns(f->loop));
}

static void due(PtTimer *timer) {
	File *f = (File *)((char *)timer - offsetof(File, timer));
	if (!f->mp4)
		open_file(f);
	if (!f->mp4)
		return;
	int64_t now = pt_mono_ns(pt_clock_system());
	for (unsigned i = 0; i < BATCH; i++) {
		Track *t = next_track(f);
		int64_t at = f->start_mono + due_ns(f, t);
		if (at > now) {
			pt_timer_set_at(f->loop, &f->timer, at);
			return;
		}
		/* the machine slept: go on from here, without a burst */
		if (now - at > LATE_MOST)
			f->start_mono += now - at;
		if (!push(f, t))
			return;
		f->retry_ns = 0;
	}
	pt_timer_set_at(f->loop, &f->timer, now);
}

static void begin(void *data) {
	File *f = data;
	pt_stream_set_state(f->stream, PT_STREAM_CONNECTING, NULL, pt_loop_wall_ns(f->loop));
	due(&f->timer);
}

static PtSource *file_start(const PtSourceParams *params) {
	File *f = g_new0(File, 1);
	const char *path = params->location + strlen("file:");
	if (g_str_has_prefix(path, "///"))
		path += 2;
	f->base.ops = &pt_file_source;
	f->loop = params->loop;
	f->stream = pt_stream_ref(params->stream);
	f->camera = g_strdup(params->camera);
	f->path = g_strdup(path);
	f->wanted[PT_KIND_VIDEO] = params->video;
	f->wanted[PT_KIND_AUDIO] = params->audio;
	f->wanted[PT_KIND_METADATA] = params->metadata;
	f->timer.due = due;
	f->fd = -1;
	pt_loop_post(f->loop, begin, f);
	return &f->base;
}

static void end(void *data) {
	File *f = data;
	pt_timer_cancel(&f->timer);
	close_file(f);
	pt_stream_set_state(f->stream, PT_STREAM_IDLE, NULL, pt_loop_wall_ns(f->loop));
}

static void file_stop(PtSource *source) {
	File *f = (File *)(void *)source;
	pt_loop_call(f->loop, end, f);
	pt_stream_unref(f->stream);
	g_free(f->camera);
	g_free(f->path);
	g_free(f);
}

const PtSourceOps pt_file_source = {.scheme = "file", .start = file_start, .stop = file_stop};
