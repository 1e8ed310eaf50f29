/* SPDX-License-Identifier: Apache-2.0 */
#include "web/hls-mux.h"
#include "base/clock.h"
#include "media/fmp4/write.h"

#define APART_NS (250 * PT_NS_PER_MS) /* how far the sound may stray from the picture before it is placed anew */
#define AAC_FRAME 1024                /* samples, ISO 14496-3 */

/* ISO 14496-12 §8.8.3.1, §8.8.7, §8.8.8 */
#define FLAGS_KEY 0x02000000u
#define FLAGS_NOT_KEY 0x01010000u
#define TFHD_DEFAULT_BASE_IS_MOOF 0x020000u
#define TRUN_ALL 0x000f01u /* data offset; duration, size, flags and composition offset of each */

typedef struct {
	PtSample **samples;
	uint32_t *durations; /* ticks */
	size_t n;
	int64_t base; /* of the first on the axis, ticks */
	size_t data_offset;
} Run;

void pt_hls_mux_finish(PtHlsMux *mux) {
	for (unsigned i = 0; i < PT_HLS_TRACKS; i++)
		pt_format_unref(mux->formats[i]);
	*mux = (PtHlsMux){0};
}

static int64_t to_ns(const PtFormat *f, int64_t ticks) {
	return ticks / f->timescale * PT_NS_PER_S + ticks % f->timescale * PT_NS_PER_S / f->timescale;
}

static int64_t to_ticks(const PtFormat *f, int64_t ns) {
	return ns / PT_NS_PER_S * f->timescale + ns % PT_NS_PER_S * f->timescale / PT_NS_PER_S;
}

static int64_t decode_wall(const PtSample *s) { return s->wall_ns - to_ns(s->format, s->pts - s->dts); }

/* ---- where the samples stand ---- */

/* Picture: on and on at the pace of its frames; after a hole by capture time, but never back. */
static void place_video(PtHlsMux *mux, const PtHlsGroup *g, bool anew, Run *run) {
	PtSample **s = (PtSample **)g->video->pdata;
	int64_t wall = decode_wall(s[0]), *end = &mux->ends[PT_HLS_VIDEO], *offset = &mux->offsets[PT_HLS_VIDEO];
	if (!mux->placed[PT_HLS_VIDEO]) {
		mux->zero_ns = wall;
		*offset = -s[0]->dts;
	} else if (anew) {
		*offset = MAX(to_ticks(s[0]->format, wall - mux->zero_ns), *end) - s[0]->dts;
	}
	mux->placed[PT_HLS_VIDEO] = true;
	*run = (Run){s, g_new(uint32_t, g->video->len), g->video->len, s[0]->dts + *offset, 0};
	for (size_t i = 0; i + 1 < run->n; i++)
		run->durations[i] = (uint32_t)(s[i + 1]->dts - s[i]->dts);
	run->durations[run->n - 1] = (uint32_t)CLAMP(g->last_duration, 1, G_MAXINT32);
	*end = s[run->n - 1]->dts + *offset + run->durations[run->n - 1];
	/* the sound follows the picture: its capture times are set against those of this group's first frame */
	mux->zero_ns = wall - to_ns(s[0]->format, run->base);
}

/* Sound: likewise, but brought back to the picture when it strays; what would stand before what was sent is left out. */
static void place_audio(PtHlsMux *mux, const PtHlsGroup *g, bool anew, Run *run) {
	const PtFormat *f = mux->formats[PT_HLS_AUDIO];
	int64_t *next = &mux->ends[PT_HLS_AUDIO], *offset = &mux->offsets[PT_HLS_AUDIO];
	*run = (Run){g_new(PtSample *, g->audio->len), g_new(uint32_t, g->audio->len), 0, 0, 0};
	if (anew)
		mux->placed[PT_HLS_AUDIO] = false;
	for (guint i = 0; i < g->audio->len; i++) {
		PtSample *s = g->audio->pdata[i];
		if (!pt_format_equal(s->format, f))
			continue;
		int64_t want = to_ticks(f, s->wall_ns - mux->zero_ns);
		if (!mux->placed[PT_HLS_AUDIO] || ABS(s->dts + *offset - want) > to_ticks(f, APART_NS))
			*offset = want - s->dts;
		int64_t at = s->dts + *offset;
		if (at < *next)
			continue;
		if (run->n) {
			int64_t step = at + 1 - *next;
			run->durations[run->n - 1] = (uint32_t)MIN(step, G_MAXINT32);
			if (step < f->timescale)
				mux->audio_step = step;
		} else {
			run->base = at;
		}
		mux->placed[PT_HLS_AUDIO] = true;
		*next = at + 1;
		run->samples[run->n++] = s;
	}
	if (run->n)
		run->durations[run->n - 1] = (uint32_t)(mux->audio_step ? mux->audio_step : AAC_FRAME);
}

/* ---- the boxes ---- */

static void put_traf(PtBuf *out, uint32_t id, Run *run) {
	size_t traf = pt_mp4_box_begin(out, "traf");
	size_t tfhd = pt_mp4_fullbox_begin(out, "tfhd", 0, TFHD_DEFAULT_BASE_IS_MOOF);
	pt_buf_u32(out, id);
	pt_mp4_box_end(out, tfhd);
	size_t tfdt = pt_mp4_fullbox_begin(out, "tfdt", 1, 0);
	pt_buf_u64(out, (uint64_t)run->base);
	pt_mp4_box_end(out, tfdt);
	size_t trun = pt_mp4_fullbox_begin(out, "trun", 1, TRUN_ALL);
	pt_buf_u32(out, (uint32_t)run->n);
	run->data_offset = out->size;
	pt_buf_u32(out, 0);
	for (size_t i = 0; i < run->n; i++) {
		pt_buf_u32(out, run->durations[i]);
		pt_buf_u32(out, (uint32_t)run->samples[i]->size);
		pt_buf_u32(out, run->samples[i]->key ? FLAGS_KEY : FLAGS_NOT_KEY);
		pt_buf_u32(out, (uint32_t)(int32_t)(run->samples[i]->pts - run->samples[i]->dts));
	}
	pt_mp4_box_end(out, trun);
	pt_mp4_box_end(out, traf);
}

static void put_segment(PtBuf *out, uint32_t sequence, Run *runs) {
	size_t styp = pt_mp4_box_begin(out, "styp");
	pt_buf_str(out, "msdh");
	pt_buf_u32(out, 0);
	pt_buf_str(out, "msdh");
	pt_mp4_box_end(out, styp);
	size_t moof = pt_mp4_box_begin(out, "moof");
	size_t mfhd = pt_mp4_fullbox_begin(out, "mfhd", 0, 0);
	pt_buf_u32(out, sequence);
	pt_mp4_box_end(out, mfhd);
	for (uint32_t i = 0; i < PT_HLS_TRACKS; i++)
		if (runs[i].n)
			put_traf(out, i + 1, &runs[i]);
	pt_mp4_box_end(out, moof);
	size_t mdat = pt_mp4_box_begin(out, "mdat");
	for (unsigned i = 0; i < PT_HLS_TRACKS; i++) {
		if (runs[i].n)
			pt_buf_patch_u32(out, runs[i].data_offset, (uint32_t)(out->size - moof));
		for (size_t k = 0; k < runs[i].n; k++)
			pt_buf_put(out, runs[i].samples[k]->data, runs[i].samples[k]->size);
	}
	pt_mp4_box_end(out, mdat);
}

static bool take_format(PtHlsMux *mux, unsigned track, const GPtrArray *samples) {
	if (!samples->len)
		return false;
	PtFormat *f = ((PtSample *)samples->pdata[samples->len - 1])->format;
	if (pt_format_equal(mux->formats[track], f))
		return false;
	pt_format_unref(mux->formats[track]);
	mux->formats[track] = pt_format_ref(f);
	if (track == PT_HLS_AUDIO) { /* its ticks may be others */
		mux->placed[track] = false;
		mux->ends[track] = mux->audio_step = 0;
	}
	return true;
}

void pt_hls_mux_group(PtHlsMux *mux, const PtHlsGroup *g, PtHlsPiece *ret) {
	Run runs[PT_HLS_TRACKS] = {0};
	bool first = !mux->placed[PT_HLS_VIDEO];
	bool another_picture = take_format(mux, PT_HLS_VIDEO, g->video);
	bool another_sound = take_format(mux, PT_HLS_AUDIO, g->audio);
	bool anew = g->hole || another_picture;
	place_video(mux, g, anew, &runs[PT_HLS_VIDEO]);
	place_audio(mux, g, anew, &runs[PT_HLS_AUDIO]);
	const PtSample *key = g->video->pdata[0];
	*ret = (PtHlsPiece){
	    .discontinuity = !first && (anew || another_sound),
	    .wall_ns = key->wall_ns,
	    .duration_ns = to_ns(key->format, mux->ends[PT_HLS_VIDEO] - runs[PT_HLS_VIDEO].base),
	};
	if (another_picture || another_sound)
		pt_mp4_write_init(&ret->map, mux->formats, mux->formats[PT_HLS_AUDIO] ? 2 : 1, key->wall_ns, NULL);
	size_t size = g->bytes + 16 * (g->video->len + g->audio->len) + 256;
	pt_buf_grow(&ret->bytes, size);
	ret->bytes.size = 0;
	put_segment(&ret->bytes, ++mux->sequence, runs);
	for (unsigned i = 0; i < PT_HLS_TRACKS; i++)
		g_free(runs[i].durations);
	g_free(runs[PT_HLS_AUDIO].samples);
}
