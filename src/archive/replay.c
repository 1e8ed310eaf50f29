/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/replay.h"
#include "archive/segment-read.h"
#include "base/clock.h"
#include "media/fmp4/read.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define TRACKS 2                       /* pictures and sound */
#define FRAME_NS (4 * PT_NS_PER_MS)    /* no camera makes more than one in this time */
#define DAMAGED_MAX 100                /* then it is the disk */
#define LOOK_NS (PT_NS_PER_S * 3 / 10) /* between two looks for what was recorded meanwhile */

typedef struct {
	PtReplay base;
	PtArchive *archive;
	char *camera, *stream;
	bool sound;
} Recording;

/* One track on its way. `index` is the sample that comes next in the open file. */
typedef struct {
	int64_t series; /* 0: this track is not asked for */
	PtSegmentRow row;
	int fd;
	PtMp4 *mp4;
	size_t index;
	size_t gop_first, gop_end; /* reverse: the group that is being given */
	int64_t gop_start;         /* reverse: its first decode time */
	bool dry;                  /* there is no more for now */
	bool recorded;             /* dry: and more is to come */
	bool over;                 /* the span ends here */
	bool begun;
	int64_t given;    /* intra: decode time of the last one */
	int64_t read_end; /* forward: of the last one that was read, left out or not; 0: none */
	bool apart;       /* and a gap was passed since the last one that was given */
	unsigned damaged; /* samples in a row that the disk does not give */

	PtSample *held; /* read ahead, so that the one before it is known to be a last one or not */
	int64_t held_decode;
	bool held_apart;   /* a gap lies before it */
	bool held_jump;    /* it does not follow the one before in time */
	int64_t last_look; /* monotonic */
} Cursor;

struct PtReplayRun {
	Recording *recording;
	PtReplaySpan span;
	Cursor cursors[TRACKS];
};

static const char *series_name(const Recording *r, unsigned track) { return track ? "audio" : r->stream; }

/* 0 when nothing of it was ever recorded, -1: error. */
static int64_t series_of(const Recording *r, unsigned track, GError **error) {
	g_autoptr(GArray) all = pt_store_all_series(pt_archive_store(r->archive), false, error);
	for (guint i = 0; all && i < all->len; i++) {
		const PtSeriesRow *row = &g_array_index(all, PtSeriesRow, i);
		if (!strcmp(row->camera, r->camera) && !strcmp(row->stream, series_name(r, track)))
			return row->id;
	}
	return all ? 0 : -1;
}

/* ---- files ---- */

static const PtMp4Track *track_of(const Cursor *c) { return &c->mp4->tracks[0]; }

static size_t n_samples(const Cursor *c) { return c->mp4 ? track_of(c)->n_samples : 0; }

static void close_file(Cursor *c) {
	pt_mp4_free(c->mp4);
	c->mp4 = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

/* Nothing is open afterwards when retention took it, or nothing in it is whole yet. */
static void open_file(PtReplayRun *run, Cursor *c) {
	close_file(c);
	c->mp4 = pt_segment_read(pt_archive_path(run->recording->archive), &c->row, &c->fd);
}

static PtStore *store_of(PtReplayRun *run) { return pt_archive_store(run->recording->archive); }

/* To the neighbour of the file that is open. 0: there is none. */
static int step_file(PtReplayRun *run, Cursor *c, bool later, GError **error) {
	int there;
	do {
		there = pt_store_neighbour(store_of(run), c->series, c->row.start_ns, later, &c->row, error);
		if (there > 0)
			open_file(run, c);
	} while (there > 0 && !n_samples(c));
	return there;
}

static int64_t ticks_to_ns(int64_t ticks, uint32_t scale) {
	return ticks / scale * PT_NS_PER_S + ticks % scale * PT_NS_PER_S / scale;
}

static int64_t decode_time(const Cursor *c, size_t i) {
	const PtMp4Track *t = track_of(c);
	return t->samples[i].wall_ns - ticks_to_ns(t->samples[i].pts - t->samples[i].dts, t->format->timescale);
}

static int64_t end_time(const Cursor *c, size_t i) {
	const PtMp4Track *t = track_of(c);
	int64_t last = i ? t->samples[i].dts - t->samples[i - 1].dts : t->format->timescale / 25;
	int64_t ticks = i + 1 < t->n_samples ? t->samples[i + 1].dts - t->samples[i].dts : last;
	return decode_time(c, i) + MIN(ticks_to_ns(ticks, t->format->timescale), PT_HOLE_NS);
}

/* The last clean point below `below`, or the file's first sample. */
static size_t clean_point(const Cursor *c, size_t below) {
	while (below-- > 1)
		if (track_of(c)->samples[below].key)
			return below;
	return 0;
}

/* How many samples of the file are decoded at or before an instant. */
static size_t count_until(const Cursor *c, int64_t ns) {
	size_t low = 0, high = n_samples(c);
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (decode_time(c, middle) <= ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ---- where the next sample is ---- */

static int64_t after(int64_t ns) { return ns == INT64_MAX ? ns : ns + 1; }

/* To where the run begins. 0: there is nothing. */
static int begin(PtReplayRun *run, Cursor *c, GError **error) {
	const PtReplaySpan *span = &run->span;
	int there = pt_store_neighbour(store_of(run), c->series, after(span->from_ns), false, &c->row, error);
	if (there > 0) {
		open_file(run, c);
		if (!n_samples(c) && span->reverse)
			there = step_file(run, c, false, error);
	}
	if (there < 0)
		return there;
	size_t n = there ? count_until(c, span->from_ns) : 0;
	if (span->reverse) {
		while (there > 0 && !n) {
			there = step_file(run, c, false, error);
			n = there > 0 ? count_until(c, span->from_ns) : 0;
		}
		if (there <= 0)
			return there;
		c->gop_end = n;
		c->gop_first = c->index = clean_point(c, n);
	} else if (n && end_time(c, n - 1) > span->from_ns) {
		c->index = c == run->cursors ? clean_point(c, n) : n - 1;
	} else if (n < n_samples(c)) { /* a hole in the file */
		c->index = n;
	} else { /* a gap */
		if (!there)
			c->row.start_ns = span->from_ns;
		there = step_file(run, c, true, error);
		c->index = there > 0 ? pt_segment_lead(track_of(c), &c->row, c->read_end) : 0;
	}
	c->begun = there > 0;
	return there;
}

/* Forward: the file may have grown, or another one follows. */
static int find_more(PtReplayRun *run, Cursor *c, GError **error) {
	PtSegmentRow newer;
	int there = 0;
	while (c->index >= n_samples(c)) {
		there = pt_store_neighbour(store_of(run), c->series, c->row.start_ns, true, &newer, error);
		if (there < 0)
			return there;
		if (c->row.open) {
			open_file(run, c);
			if (c->index < n_samples(c))
				return 1;
		}
		if (!there)
			return 0;
		c->row = newer;
		open_file(run, c);
		c->index = c->mp4 ? pt_segment_lead(track_of(c), &c->row, c->read_end) : 0;
	}
	return 1;
}

/* What was fetched holds from its clean point on what the file before it ends with: that was given, and is not given again.
 */
static int find_earlier(PtReplayRun *run, Cursor *c, GError **error) {
	if (c->index < c->gop_end)
		return 1;
	c->gop_end = c->gop_first;
	while (!c->gop_end) {
		int there = step_file(run, c, false, error);
		if (there <= 0)
			return there;
		c->gop_end = c->gop_start ? count_until(c, c->gop_start - FRAME_NS) : n_samples(c);
	}
	c->gop_first = c->index = clean_point(c, c->gop_end);
	return 1;
}

static int position(PtReplayRun *run, Cursor *c, GError **error) {
	if (!c->begun)
		return begin(run, c, error);
	return run->span.reverse ? find_earlier(run, c, error) : find_more(run, c, error);
}

/* Whether somebody is writing this track on. */
static bool being_recorded(PtReplayRun *run, const Cursor *c) {
	PtSegmentRow last;
	return pt_store_neighbour(store_of(run), c->series, INT64_MAX, false, &last, NULL) > 0 && last.open;
}

static bool leave_out(const PtReplayRun *run, const Cursor *c) {
	const PtReplaySpan *span = &run->span;
	if (!span->intra || c != run->cursors)
		return false;
	if (!track_of(c)->samples[c->index].key)
		return true;
	int64_t apart = decode_time(c, c->index) - c->given;
	return c->given && ABS(apart) < span->interval;
}

/* Past the end of the span with this sample, in reverse with all of its group. */
static bool beyond(const PtReplayRun *run, const Cursor *c) {
	if (!run->span.reverse)
		return decode_time(c, c->index) >= run->span.to_ns;
	return c->index == c->gop_first && end_time(c, c->gop_end - 1) <= run->span.to_ns;
}

/* Forward: looks whether a gap lies before the sample that is next. */
static void look_for_gap(Cursor *c) {
	c->apart |= c->read_end && decode_time(c, c->index) - c->read_end > PT_HOLE_NS;
	c->read_end = end_time(c, c->index);
}

/* Reads the next sample. A damaged one costs what hangs on it, and no more: NULL, go on. */
static PtSample *load(PtReplayRun *run, Cursor *c, GError **error) {
	PtSample *s = pt_mp4_load(c->mp4, c->fd, 0, c->index, error);
	c->damaged = s ? 0 : c->damaged + 1;
	if (s)
		return s;
	c->index++;
	if (c != run->cursors)
		return NULL;
	if (run->span.reverse)
		c->index = c->gop_end;
	while (!run->span.reverse && c->index < n_samples(c) && !track_of(c)->samples[c->index].key)
		c->index++;
	return NULL;
}

/* Reads the next sample of a track ahead. False and an error when the disk or the index fails. */
static bool fill(PtReplayRun *run, Cursor *c, GError **error) {
	bool first = !c->begun;
	int64_t start_before = c->gop_start;
	c->dry = false;
	for (;;) {
		int there = position(run, c, error);
		if (there < 0)
			return false;
		if (!there) {
			c->dry = true;
			c->recorded = !run->span.reverse && being_recorded(run, c);
			c->last_look = pt_mono_ns(pt_clock_system());
			return true;
		}
		if (beyond(run, c)) {
			c->over = true;
			return true;
		}
		if (!run->span.reverse)
			look_for_gap(c);
		if (leave_out(run, c)) {
			c->index++;
			continue;
		}
		g_autoptr(GError) why = NULL;
		c->held = load(run, c, &why);
		if (c->held)
			break;
		if (c->damaged >= DAMAGED_MAX) {
			g_propagate_error(error, g_steal_pointer(&why));
			return false;
		}
	}
	size_t i = c->index;
	c->held->track = (uint8_t)(c - run->cursors);
	c->held_decode = c->given = decode_time(c, i);
	bool group = run->span.reverse && i == c->gop_first;
	if (group)
		c->gop_start = c->held_decode;
	c->held_jump = first || group || (run->span.reverse && run->span.intra);
	if (run->span.reverse)
		c->held_apart = group && !first && start_before - end_time(c, c->gop_end - 1) > PT_HOLE_NS;
	else
		c->held_apart = c->apart;
	c->apart = false;
	c->index++;
	return true;
}

/* ---- the contract ---- */

static void run_close(PtReplayRun *run) {
	for (unsigned i = 0; i < TRACKS; i++) {
		pt_sample_unref(run->cursors[i].held);
		close_file(&run->cursors[i]);
	}
	g_free(run);
}

static PtReplayRun *run_open(PtReplay *replay, const PtReplaySpan *span, GError **error) {
	Recording *r = (Recording *)replay;
	PtReplayRun *run = g_new0(PtReplayRun, 1);
	run->recording = r;
	run->span = *span;
	for (unsigned i = 0; i < TRACKS; i++) {
		Cursor *c = &run->cursors[i];
		c->fd = -1;
		/* sound run backwards is of no use to anybody */
		if (!(span->tracks >> i & 1) || (i && (span->reverse || !r->sound)))
			continue;
		int64_t series = series_of(r, i, error);
		if (!series)
			continue;
		c->series = series;
		if (series < 0 || !fill(run, c, error)) {
			run_close(run);
			return NULL;
		}
		if (c->held) /* sound from where the pictures begin */
			run->span.from_ns = MIN(run->span.from_ns, c->held_decode);
	}
	run->span.from_ns = span->from_ns;
	return run;
}

static Cursor *first_held(PtReplayRun *run) {
	Cursor *first = NULL;
	for (unsigned i = 0; i < TRACKS; i++)
		if (run->cursors[i].held && (!first || run->cursors[i].held_decode < first->held_decode))
			first = &run->cursors[i];
	return first;
}

static PtReplayNext run_next(PtReplayRun *run, PtReplayItem *ret, GError **error) {
	int64_t now = pt_mono_ns(pt_clock_system());
	bool later = false;
	for (unsigned i = 0; i < TRACKS; i++) {
		Cursor *c = &run->cursors[i];
		if (c->dry && !run->span.reverse && now - c->last_look >= LOOK_NS && !fill(run, c, error))
			return PT_REPLAY_FAILED;
		later |= c->dry && !run->span.reverse && (c->recorded || run->span.to_ns == INT64_MAX);
	}
	Cursor *c = first_held(run);
	if (!c)
		return later ? PT_REPLAY_LATER : PT_REPLAY_OVER;
	*ret = (PtReplayItem){.sample = c->held, .decode_ns = c->held_decode, .discontinuity = c->held_jump};
	c->held = NULL;
	if (!fill(run, c, error)) {
		g_clear_pointer(&ret->sample, pt_sample_unref);
		return PT_REPLAY_FAILED;
	}
	bool ends = c->dry && !c->recorded;
	ret->end = c->held ? c->held_apart : ends;
	ret->terminal = c->over || ends;
	return PT_REPLAY_SAMPLE;
}

static bool describe(PtReplay *replay, PtFormat *formats[PT_STREAM_TRACKS], int64_t *ret_first_ns, int64_t *ret_last_ns,
                     GError **error) {
	Recording *r = (Recording *)replay;
	PtReplayRun run = {.recording = r};
	bool any = false;
	*ret_first_ns = INT64_MAX;
	*ret_last_ns = INT64_MIN;
	for (unsigned i = 0; i < (r->sound ? TRACKS : 1u); i++) {
		Cursor c = {.fd = -1, .row.start_ns = INT64_MAX};
		PtSegmentRow first;
		c.series = series_of(r, i, error);
		int there = c.series > 0 ? step_file(&run, &c, false, error) : (int)c.series;
		if (there > 0) {
			formats[i] = pt_format_ref(track_of(&c)->format);
			*ret_last_ns = MAX(*ret_last_ns, c.row.end_ns);
			if (pt_store_neighbour(store_of(&run), c.series, INT64_MIN, true, &first, NULL) > 0)
				*ret_first_ns = MIN(*ret_first_ns, first.start_ns);
			any = true;
		}
		close_file(&c);
		if (there < 0)
			return false;
	}
	if (!any)
		pt_error_set(error, NOT_FOUND, "nothing of %s/%s has been recorded", r->camera, r->stream);
	return any;
}

static void recording_free(PtReplay *replay) {
	Recording *r = (Recording *)replay;
	g_free(r->camera);
	g_free(r->stream);
	g_free(r);
}

PtReplay *pt_archive_replay(PtArchive *archive, const char *camera, const char *stream, bool sound) {
	static const PtReplayOps ops = {recording_free, describe, run_open, run_next, run_close};
	Recording *r = g_new(Recording, 1);
	*r = (Recording){.base = {.ops = &ops, .tracks = {"VIDEO001", sound ? "AUDIO001" : NULL}},
	                 .archive = archive,
	                 .camera = g_strdup(camera),
	                 .stream = g_strdup(stream),
	                 .sound = sound};
	return &r->base;
}
