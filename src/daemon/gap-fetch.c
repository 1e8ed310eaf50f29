/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/gap-fetch.h"
#include "base/error.h"
#include "daemon/gap-edge.h"
#include "daemon/gap-fetch-internal.h"
#include <string.h>

#define EDGE_NS (8 * PT_NS_PER_S)    /* live footage looked at on either side: some groups of pictures */
#define EDGE_FRAMES 250              /* of it, at most */
#define LATE_MAX_NS PT_NS_PER_S      /* how far into the gap its files may reach */
#define BUFFER_MAX (192u << 20)      /* bytes of footage held until the seam is known */
#define STEP_NS (2 * PT_NS_PER_S)    /* the offsets at both ends differ by more: the clock was set in between */
#define SLACK_NS (300 * PT_NS_PER_S) /* how much more than was asked for a camera may send */
#define LEAD_NS (7200 * PT_NS_PER_S) /* and before it: some begin with the file of their card that it stands in */
#define FRAME_NS (4 * PT_NS_PER_MS)  /* no camera makes more than one in this time */
#define USUAL_NS (40 * PT_NS_PER_MS) /* of a frame */
#define AROUND_FRAMES 6              /* where the first live one is looked for */

/* ---- the end ---- */

void pt_gap_finish(PtGapFetch *g) {
	PtFillStats stats = {0};
	if (g->over)
		return;
	g->over = true;
	if (g->endless && g->stepped) /* times that went back tell nothing of where it belongs */
		g_clear_pointer(&g->fill, pt_fill_free);
	if (g->fill && !pt_fill_commit(g->fill, g->reached_live, g->error ? NULL : &g->error))
		g_prefix_error(&g->error, "what was fetched could not be written: ");
	if (g->fill)
		pt_fill_get_stats(g->fill, &stats);
	g_clear_pointer(&g->fill, pt_fill_free);
	g_ptr_array_set_size(g->held, 0);
	if (g->p.part == PT_GAP_BEFORE_STEP && g->seam_end != PT_SEAM_CONTENT)
		g->seam_end = g->seam; /* where the clock was set is no edge of the gap */
	if (g->p.part == PT_GAP_BEHIND_STEP)
		g->seam = g->seam_end;
	g->p.done(g->p.user_data, &(PtGapFetchResult){.frames = stats.frames,
	                                              .bytes = stats.bytes,
	                                              .seam = g->seam,
	                                              .seam_end = g->seam_end,
	                                              .offset_ns = g->offset_begin,
	                                              .axis_jumped = g->axis_jumped,
	                                              .error = g->error});
}

static void fail(PtGapFetch *g, GError *error) {
	g_clear_error(&g->error);
	g->error = error;
}

void pt_gap_fetch_span(PtGapFetch *g, int64_t from, int64_t to, bool (*sample)(void *, PtSample *, const PtFetchFlags *),
                       void (*done)(void *, const GError *)) {
	g->asked_ns = from;
	g->came_ns = g->lead_ns = g->latest = g->n_recent = 0;
	PtFetch *f = pt_fetch_start(&(PtFetchParams){.camera = g->camera,
	                                             .location = g->url,
	                                             .user = g->user,
	                                             .password = g->password,
	                                             .trust = g->p.trust,
	                                             .kind = g->p.kind,
	                                             .from_ns = from,
	                                             .to_ns = to,
	                                             .rate = g->p.rate,
	                                             .loop = g->p.loop,
	                                             .user_data = g,
	                                             .sample = sample,
	                                             .done = done});
	g_mutex_lock(&g->lock);
	g->running = f;
	g_mutex_unlock(&g->lock);
	g_ptr_array_add(g->fetches, f);
}

/* ---- what a camera may not do ---- */

static int64_t ticks_to_ns(const PtSample *s, int64_t ticks) {
	int64_t scale = s->format->timescale;
	return ticks / scale * PT_NS_PER_S + ticks % scale * PT_NS_PER_S / scale;
}

/* Counted by what it sends and not by the times that it gives, which may stand still or go round. Before
 * pt_gap_is_repeated(). */
bool pt_gap_is_too_much(PtGapFetch *g, const PtSample *s) {
	int64_t decode = decode_time(s), step = ticks_to_ns(s, s->dts) - g->came_dts;
	bool lead = decode > g->latest && decode < g->asked_ns;
	g->came_dts += step;
	*(lead ? &g->lead_ns : &g->came_ns) += CLAMP(step, FRAME_NS, PT_NS_PER_S);
	return g->lead_ns > LEAD_NS || g->came_ns > g->p.to_ns - g->p.from_ns + 2 * margin_of(g) + SLACK_NS;
}

/* One that was sent before: where two files of a card overlap, or the camera begins again. Decoding times never go back:
 * what is shown long before it is decoded goes back itself, by both of its clocks. */
bool pt_gap_is_repeated(PtGapFetch *g, const PtSample *s, uint64_t hash) {
	int64_t decode = decode_time(s), back = ticks_to_ns(s, s->dts - s->pts);
	bool repeated = back > PT_NS_PER_S;
	bool looks = !repeated && g->p.kind == PT_KIND_VIDEO && (back > 0 || decode <= g->latest + PT_NS_PER_MS);
	for (unsigned i = 0; looks && i < MIN(g->n_recent, PT_GAP_RECENT); i++)
		repeated |= hash && g->recent[i] == hash;
	g->latest = MAX(g->latest, decode);
	if (repeated)
		g->came_ns += USUAL_NS;
	else
		g->recent[g->n_recent++ % PT_GAP_RECENT] = hash;
	return repeated;
}

/* ---- the footage itself ---- */

/* From the camera's clock to the archive's: right at both ends, and evenly in between. */
static int64_t place(const PtGapFetch *g, int64_t decode) {
	int64_t apart = g->offset_end - g->offset_begin, span = g->first_live - g->last_live;
	if (ABS(apart) > STEP_NS)
		return decode - (g->stepped ? g->offset_end : g->offset_begin);
	double share = span > 0 ? CLAMP((double)(decode - g->last_live) / (double)span, 0, 1) : 0;
	return decode - g->offset_begin - (int64_t)((double)apart * share);
}

/* Where the camera's clock was set: its time jumps, by about as much or (when it was off meanwhile) more. Against what its
 * RTP time says a shorter one shows as well. */
static bool is_step(const PtGapFetch *g, const PtSample *s, int64_t decode) {
	if (g->p.part != PT_GAP_BEFORE_STEP)
		return false;
	bool first = !g->last_decode || g->last_decode < g->last_live;
	int64_t step = decode - (first ? g->last_live : g->last_decode);
	int64_t ticks = first ? step : (s->dts - g->last_dts) * PT_NS_PER_S / s->format->timescale;
	bool apart = g->last_scale == s->format->timescale && ABS(step - ticks) > PT_NS_PER_S;
	return apart || step < -PT_NS_PER_S || (g->p.step_ns > 0 && step > g->p.step_ns - PT_NS_PER_S);
}

/* The frame that follows the gap, where it cannot be: it was our clock that was set. */
static bool is_jump_end(const PtGapFetch *g, PtSample *s, int64_t decode) {
	return g->jump_end && ABS(decode - g->jump_end) < PT_NS_PER_MS && pt_seam_hash(s) == frame_at(g->after, 0)->hash;
}

/* The first frame that is there live again, or what comes behind it. By its content it is known to the frame: decoding times
 * are worked out from what came before, and where frames come unevenly two fetches differ by a frame or two. */
static bool is_behind(const PtGapFetch *g, PtSample *s, int64_t decode) {
	if (g->seam_end != PT_SEAM_CONTENT && !s->format->reorder)
		return decode >= g->first_live - g->nominal_ns / 4;
	/* frames of a still picture are alike again after sixteen or so */
	int64_t around = s->format->reorder ? PT_NS_PER_S : CLAMP(AROUND_FRAMES * g->nominal_ns, USUAL_NS, PT_NS_PER_S);
	if (decode > g->first_live + around)
		return true;
	return g->seam_end == PT_SEAM_CONTENT && ABS(decode - g->first_live) <= around &&
	       pt_seam_hash(s) == frame_at(g->after, 0)->hash;
}

/* Whether footage is missing between this one and the one before: as the recorder of live footage sees it. */
static bool is_hole(PtGapFetch *g, const PtSample *s, int64_t decode) {
	if (!g->last_decode)
		return false;
	int64_t step = decode - g->last_decode, usual = g->nominal_ns ? g->nominal_ns : PT_NS_PER_S / 25;
	int64_t ticks = (s->dts - g->last_dts) * PT_NS_PER_S / s->format->timescale;
	if (g->last_scale == s->format->timescale && ABS(step - ticks) > PT_NS_PER_S) {
		g->stepped = true; /* the camera's clock was set, or there is a hole that its RTP time does not show */
		return step > PT_NS_PER_S && ticks > PT_NS_PER_S;
	}
	return s->lost || (step > PT_NS_PER_S && step > 4 * usual) || (g->flagged_end && step > usual + usual / 2);
}

/* False: enough. */
static bool put(PtGapFetch *g, PtSample *s, bool shown) {
	int64_t decode = decode_time(s);
	GError *error = NULL;
	g->axis_jumped = shown && is_jump_end(g, s, decode);
	if (g->axis_jumped || (shown && is_step(g, s, decode))) {
		g->ended = true;
		return false;
	}
	if (shown && is_behind(g, s, decode)) {
		g->ended = true;
		g->reached_live = g->seam_end == PT_SEAM_CONTENT && !is_hole(g, s, decode);
		return false;
	}
	bool ok = !(shown && is_hole(g, s, decode)) || pt_fill_hole(g->fill, !s->lost && !s->broken, &error);
	int64_t step = decode - g->last_decode;
	if (g->last_decode && step > 0 && step < PT_NS_PER_S && !s->lost)
		g->nominal_ns = g->nominal_ns ? g->nominal_ns + (step - g->nominal_ns) / 8 : step;
	g->last_decode = decode;
	g->last_dts = s->dts;
	g->last_scale = s->format->timescale;
	int64_t at = place(g, decode);
	if (shown) /* by the clock alone the first may begin up to half a frame before the gap */
		at = MAX(at, g->p.from_ns);
	ok = ok && pt_fill_add(g->fill, s, at, shown, &error);
	g_mutex_lock(&g->lock);
	g->reached = MAX(g->reached, at);
	g_mutex_unlock(&g->lock);
	if (!ok)
		fail(g, error);
	return ok;
}

/* Which of what is held is the last frame that is there live; -1: none is known, the clock decides. */
static int find_seam(PtGapFetch *g) {
	int i = g->before->len ? pt_seam_find(frames_of(g->before), g->before->len, frames_of(g->seen), g->seen->len, true,
	                                      g->p.from_ns + g->offset_begin)
	                       : -1;
	if (i >= 0 && !is_likely(g, frame_at(g->seen, (guint)i), frame_at(g->before, g->before->len - 1), g->p.offset_ns))
		i = -1;
	if (i >= 0) {
		const PtSeamFrame *live = frame_at(g->before, g->before->len - 1);
		g->seam = PT_SEAM_CONTENT;
		g->last_live = frame_at(g->seen, (guint)i)->decode_ns;
		g->offset_begin = g->last_live - live->decode_ns;
	} else {
		g->seam = PT_SEAM_CLOCK;
		g->last_live = g->p.from_ns + g->offset_begin;
	}
	if (g->seam_end != PT_SEAM_CONTENT) {
		g->offset_end = g->offset_begin;
		g->first_live = g->p.to_ns + g->offset_end;
	}
	return i;
}

static bool is_before(const PtGapFetch *g, const PtSample *s) {
	return decode_time(s) - g->offset_begin < g->p.from_ns - g->half_ns;
}

/* A camera may begin long before what it was asked for: only what the first frame is decoded from is kept of that. */
static void hold(PtGapFetch *g, PtSample *s, uint64_t hash) {
	PtSeamFrame frame = {hash, decode_time(s)};
	if (s->key && frame.decode_ns < g->p.from_ns + g->offset_begin - margin_of(g)) {
		g_array_set_size(g->seen, 0);
		g_ptr_array_set_size(g->held, 0);
		g->held_bytes = 0;
	}
	g_array_append_val(g->seen, frame);
	g_ptr_array_add(g->held, pt_sample_ref(s));
	g->held_bytes += s->size;
}

/* False: enough. */
static bool begin_fill(PtGapFetch *g) {
	GError *error = NULL;
	int seam = find_seam(g);
	g->seamed = true;
	if (g->p.part == PT_GAP_BEFORE_STEP && g->p.step_ns < 0 && seam < 0 && g->seam_end != PT_SEAM_CONTENT) {
		g->ended = true; /* by these times there may be two, and nothing tells which it is */
		return false;
	}
	if (g->held->len > 1)
		g->half_ns = (decode_time(g_ptr_array_index(g->held, 1)) - decode_time(g_ptr_array_index(g->held, 0))) / 2;
	g->fill = pt_fill_new(g->p.archive,
	                      &(PtFillParams){.camera = g->camera,
	                                      .stream = g->stream,
	                                      .from_ns = g->p.from_ns,
	                                      .to_ns = g->p.to_ns,
	                                      .joined = seam >= 0,
	                                      .origin = g->origin},
	                      &error);
	if (!g->fill) {
		fail(g, error);
		return false;
	}
	bool more = true;
	for (guint i = 0; more && i < g->held->len; i++) {
		PtSample *s = g_ptr_array_index(g->held, i);
		more = put(g, s, seam >= 0 ? (int)i > seam : !is_before(g, s));
	}
	g_ptr_array_set_size(g->held, 0);
	return more;
}

static bool on_footage(void *data, PtSample *s, const PtFetchFlags *flags) {
	PtGapFetch *g = data;
	int64_t decode = decode_time(s);
	uint64_t hash = pt_seam_hash(s);
	bool more = true;
	if (g->over)
		return false;
	if (pt_gap_is_too_much(g, s)) {
		g->endless = true;
		fail(g, g_error_new(PT_ERROR, PT_ERROR_INVALID, "camera %s sends without end: not what was asked for",
		                    g->camera));
		return false;
	}
	if (pt_gap_is_repeated(g, s, hash) || (g->known && g_hash_table_contains(g->known, &hash)))
		return true;
	if (g->seamed) {
		more = put(g, s, g->seam == PT_SEAM_CONTENT || !is_before(g, s));
	} else {
		hold(g, s, hash);
		if (decode > g->p.from_ns + g->offset_begin + margin_of(g) || g->held_bytes > BUFFER_MAX)
			more = begin_fill(g);
	}
	g->flagged_end = flags->end;
	return more;
}

static void on_fetched(void *data, const GError *error) {
	PtGapFetch *g = data;
	if (!g->over && !g->seamed && g->held->len)
		begin_fill(g);
	if (error && !g->ended && !g->error)
		g->error = g_error_copy(error);
	pt_gap_finish(g);
}

void pt_gap_fetch_all(PtGapFetch *g) {
	g_array_set_size(g->seen, 0);
	/* the clock's error is the same at both ends, but for its drift */
	g->offset_begin = g->offset_end;
	pt_gap_fetch_span(g, g->p.from_ns + g->offset_begin - margin_of(g), g->first_live + PT_NS_PER_S, on_footage,
	                  on_fetched);
}

/* ---- life ---- */

static void start(void *data) {
	PtGapFetch *g = data;
	if (g->over)
		return;
	pt_gap_guard(g);
	/* the index has footage end by the clock, its file by the camera's own ticks, which may be a little later */
	int64_t into = CLAMP((g->p.to_ns - g->p.from_ns) / 2, 0, LATE_MAX_NS);
	g->before = pt_gap_edge_read(g->p.archive, g->camera, g->stream, g->p.from_ns - EDGE_NS, g->p.from_ns + into, true,
	                             EDGE_FRAMES, &g->error);
	g->after = g->before ? pt_gap_edge_read(g->p.archive, g->camera, g->stream, g->p.to_ns - PT_NS_PER_MS,
	                                        g->p.to_ns + EDGE_NS, false, EDGE_FRAMES, &g->error)
	                     : NULL;
	g->offset_begin = g->offset_end = g->p.offset_ns;
	g->seam_end = PT_SEAM_CLOCK;
	g->first_live = g->p.to_ns + g->p.offset_ns;
	if (!g->after || g->p.from_ns >= g->p.to_ns)
		pt_gap_finish(g);
	else if (g->after->len)
		pt_gap_probe(g);
	else
		pt_gap_fetch_all(g);
}

PtGapFetch *pt_gap_fetch_start(const PtGapFetchParams *params) {
	PtGapFetch *g = g_new0(PtGapFetch, 1);
	g->p = *params;
	g->camera = g_strdup(params->camera);
	g->stream = g_strdup(params->stream);
	g->url = g_strdup(params->url);
	g->user = g_strdup(params->user);
	g->password = g_strdup(params->password);
	g->origin = g_strdup(params->origin);
	g->seen = g_array_new(FALSE, FALSE, sizeof(PtSeamFrame));
	g->held = g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref);
	g->fetches = g_ptr_array_new_with_free_func((GDestroyNotify)pt_fetch_free);
	g_mutex_init(&g->lock);
	pt_loop_post(g->p.loop, start, g);
	return g;
}

void pt_gap_fetch_progress(PtGapFetch *g, int64_t *ret_reached_ns, PtFetchStats *ret_stats) {
	*ret_stats = (PtFetchStats){0};
	g_mutex_lock(&g->lock);
	*ret_reached_ns = g->reached;
	if (g->running)
		pt_fetch_get_stats(g->running, ret_stats);
	g_mutex_unlock(&g->lock);
}

static void halt(void *data) {
	PtGapFetch *g = data;
	if (g->over)
		return;
	fail(g, g_error_new(PT_ERROR, PT_ERROR_CLOSED, "it was stopped"));
	pt_gap_finish(g);
}

void pt_gap_fetch_stop(PtGapFetch *g) { pt_loop_post(g->p.loop, halt, g); }

static void end(void *data) { ((PtGapFetch *)data)->over = true; }

void pt_gap_fetch_free(PtGapFetch *g) {
	if (!g)
		return;
	pt_loop_call(g->p.loop, end, g); /* no other fetch is begun behind this */
	g_ptr_array_unref(g->fetches);
	pt_fill_free(g->fill);
	g_clear_pointer(&g->before, g_array_unref);
	g_clear_pointer(&g->after, g_array_unref);
	g_clear_pointer(&g->known, g_hash_table_unref);
	g_array_unref(g->seen);
	g_ptr_array_unref(g->held);
	g_clear_error(&g->error);
	g_mutex_clear(&g->lock);
	g_free(g->camera);
	g_free(g->stream);
	g_free(g->url);
	g_free(g->user);
	g_free(g->password);
	g_free(g->origin);
	g_free(g);
}
