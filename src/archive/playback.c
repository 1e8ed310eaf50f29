/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/playback.h"
#include "archive/reader.h"
#include "base/clock.h"
#include "base/error.h"
#include "media/fmp4/write.h"

#define BATCH 64                       /* samples in a fragment */
#define ROUNDING_NS (2 * PT_NS_PER_MS) /* pages ask in milliseconds */

typedef struct {
	PtPlayback *out;
	const PtPlaybackWindow *window;
	PtSample *samples[BATCH];
	uint32_t durations[BATCH];
	size_t n;
	uint32_t sequence;
	int64_t offset; /* ticks from the file's axis to the page's */
} Batch;

static void flush(Batch *b) {
	if (!b->n)
		return;
	PtFragmentHead head = {.sequence = ++b->sequence,
	                       .track_id = 1,
	                       .base_dts = b->samples[0]->dts + b->offset,
	                       .wall_ns = b->samples[0]->wall_ns};
	pt_mp4_write_fragment(&b->out->bytes, &head, b->samples, b->durations, b->n);
	for (size_t i = 0; i < b->n; i++) {
		pt_buf_put(&b->out->bytes, b->samples[i]->data, b->samples[i]->size);
		pt_sample_unref(b->samples[i]);
	}
	b->n = 0;
}

/* What came so far is not wanted. */
static void forget(Batch *b) {
	while (b->n)
		pt_sample_unref(b->samples[--b->n]);
	b->sequence = 0;
	pt_playback_clear(b->out);
	b->out->end_ns = b->window->from_ns;
}

/* The page's axis is capture time: each unbroken run of samples is placed by that of its first. */
static void place(Batch *b, const PtFootage *f) {
	int64_t scale = f->format->timescale;
	int64_t wall = f->wall_ns - (f->pts - f->dts) * PT_NS_PER_S / scale - b->window->epoch_ns;
	b->offset = wall / PT_NS_PER_S * scale + wall % PT_NS_PER_S * scale / PT_NS_PER_S - f->dts;
}

static bool take(Batch *b, PtReader *reader, const PtFootage *f, GError **error) {
	if (!b->out->format) {
		PtFormat *formats[] = {f->format};
		b->out->format = pt_format_ref(f->format);
		b->out->first_ns = f->wall_ns;
		pt_mp4_write_init(&b->out->bytes, formats, 1, f->wall_ns, NULL);
	}
	if (f->fresh) {
		flush(b);
		place(b, f);
	}
	if (f->dts + b->offset < 0) /* before the page's zero */
		return true;
	PtSample *s = pt_reader_load(reader, error);
	if (!s)
		return false;
	b->samples[b->n] = s;
	b->durations[b->n++] = (uint32_t)CLAMP(f->duration, 1, G_MAXINT32);
	b->out->end_ns = MAX(b->out->end_ns, f->wall_ns + f->duration * PT_NS_PER_S / f->format->timescale);
	if (b->n == BATCH)
		flush(b);
	return true;
}

bool pt_playback_read(PtArchive *archive, const char *camera, const char *stream, const PtPlaybackWindow *window,
                      PtPlayback *ret, GError **error) {
	*ret = (PtPlayback){.end_ns = window->from_ns};
	PtStore *store = pt_archive_store(archive);
	int64_t series = pt_store_series(store, camera, stream, error);
	if (!series)
		return false;
	g_autoptr(PtReader) reader =
	    pt_reader_new(store, pt_archive_path(archive), series, window->from_ns, window->to_ns, error);
	if (!reader)
		return false;
	Batch batch = {.out = ret, .window = window};
	const PtFootage *f;
	bool ok = true;
	while (ok && (f = pt_reader_next(reader))) {
		bool full = ret->bytes.size > window->max_bytes && f->key;
		bool other = ret->format && !pt_format_equal(ret->format, f->format);
		if (other && ret->end_ns <= window->from_ns + ROUNDING_NS) {
			forget(&batch); /* it was only there to be decoded from, and nothing is */
		} else if (full || other) {
			ret->more = true;
			break;
		}
		ok = take(&batch, reader, f, error);
	}
	flush(&batch);
	if (!ok)
		pt_playback_clear(ret);
	return ok;
}

void pt_playback_clear(PtPlayback *p) {
	pt_buf_clear(&p->bytes);
	pt_format_unref(p->format);
	p->format = NULL;
}
