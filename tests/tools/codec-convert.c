/* Runs one job of pigtail-codec on an MP4 file, for the tests: codec-convert jpeg|h264|grey|aac|opus IN OUT [--from SECONDS]
 * [--width N]. OUT is a JPEG (of the first key frame), a fragmented MP4 or raw pictures. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "media/codec/job.h"
#include "media/fmp4/read.h"
#include "media/fmp4/write.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
	PtMp4 *mp4;
	int fd;
	size_t track, next;
	GPtrArray *out;
} Work;

static double from;
static int width;

static const GOptionEntry options[] = {{"from", 0, 0, G_OPTION_ARG_DOUBLE, &from, "first picture to give", "SECONDS"},
                                       {"width", 0, 0, G_OPTION_ARG_INT, &width, "of JPEG or grey pictures at most", "N"},
                                       {NULL}};

static PtSample *pull(void *data) {
	Work *w = data;
	if (w->next >= w->mp4->tracks[w->track].n_samples)
		return NULL;
	PtSample *s = pt_mp4_load(w->mp4, w->fd, w->track, w->next++, NULL);
	if (s && !s->wall_ns) /* one second after 1970, and on */
		s->wall_ns = PT_NS_PER_S + (int64_t)((__int128)s->pts * PT_NS_PER_S / s->format->timescale);
	return s;
}

static bool put(PtSample *sample, void *data) {
	g_ptr_array_add(((Work *)data)->out, pt_sample_ref(sample));
	return true;
}

static void write_mp4(const Work *w, PtBuf *out) {
	PtSample *first = g_ptr_array_index(w->out, 0);
	g_autofree uint32_t *durations = g_new(uint32_t, w->out->len);
	PtSample **samples = (PtSample **)w->out->pdata;
	for (unsigned i = 0; i < w->out->len; i++)
		durations[i] =
		    i + 1 < w->out->len ? (uint32_t)(samples[i + 1]->dts - samples[i]->dts) : first->format->timescale / 50;
	PtFragmentHead head = {.sequence = 1, .track_id = 1, .base_dts = 0, .wall_ns = first->wall_ns};
	pt_mp4_write_init(out, &first->format, 1, 0, NULL);
	pt_mp4_write_fragment(out, &head, samples, durations, w->out->len);
	for (unsigned i = 0; i < w->out->len; i++)
		pt_buf_put(out, samples[i]->data, samples[i]->size);
}

static int fail(const GError *error) {
	fprintf(stderr, "codec-convert: %s\n", error ? error->message : "nothing came out");
	return 1;
}

int main(int argc, char **argv) {
	g_autoptr(GError) error = NULL;
	g_autoptr(GOptionContext) context = g_option_context_new("jpeg|h264|grey|aac|opus IN OUT");
	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 4)
		return 2;
	const char *what = argv[1];
	Work w = {.fd = open(argv[2], O_RDONLY | O_CLOEXEC),
	          .out = g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref)};
	w.mp4 = pt_mp4_read(w.fd, &error);
	if (!w.mp4)
		return fail(error);
	PtKind kind = !strcmp(what, "aac") || !strcmp(what, "opus") ? PT_KIND_AUDIO : PT_KIND_VIDEO;
	while (w.track < w.mp4->n_tracks && pt_codec_kind(w.mp4->tracks[w.track].format->codec) != kind)
		w.track++;
	if (w.track == w.mp4->n_tracks)
		return fail(NULL);
	PtBuf out = {0};
	if (!strcmp(what, "jpeg")) {
		PtSample *key = pull(&w), *jpeg = pt_codec_snapshot(key, (unsigned)width, 0, NULL, &error);
		if (!jpeg)
			return fail(error);
		pt_buf_put(&out, jpeg->data, jpeg->size);
		pt_sample_unref(key);
		pt_sample_unref(jpeg);
	} else if (!strcmp(what, "grey")) {
		PtCodecJobParams params = {
		    .kind = PT_CODEC_JOB_GREY, .width = (uint16_t)(width ? width : 160), .height = 288, .fps = 5};
		if (!pt_codec_convert(&params, pull, put, &w, 10000, NULL, &error) || !w.out->len)
			return fail(error);
		for (unsigned i = 0; i < w.out->len; i++)
			pt_buf_put(&out, ((PtSample *)w.out->pdata[i])->data, ((PtSample *)w.out->pdata[i])->size);
	} else {
		PtCodecJobParams params = {.kind = kind == PT_KIND_AUDIO ? PT_CODEC_JOB_AUDIO : PT_CODEC_JOB_VIDEO,
		                           .audio = !strcmp(what, "opus") ? PT_CODEC_OPUS : PT_CODEC_AAC,
		                           .from_pts = (int64_t)(from * 90000 + 0.5)};
		if (!pt_codec_convert(&params, pull, put, &w, 10000, NULL, &error) || !w.out->len)
			return fail(error);
		write_mp4(&w, &out);
	}
	if (!g_file_set_contents(argv[3], (const char *)out.data, (gssize)out.size, &error))
		return fail(error);
	printf("%u samples, first wall %" G_GINT64_FORMAT "\n", w.out->len,
	       w.out->len ? ((PtSample *)g_ptr_array_index(w.out, 0))->wall_ns : 0);
	pt_buf_clear(&out);
	g_ptr_array_unref(w.out);
	pt_mp4_free(w.mp4);
	close(w.fd);
	return 0;
}
