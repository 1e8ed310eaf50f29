/* Real jobs on the real program: the test picture, a snapshot of it, its tone and video converted; then a program that is
 * missing, one that talks nonsense, and one that dies. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/codec/job.h"
#include "base/clock.h"
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
	PtLoop *loop;
	PtCodecJob *job;
	const PtCodecJobParams *params;
	GMutex lock;
	GCond cond;
	GPtrArray *video, *audio;
	GError *error;
	bool ended;
} Fixture;

static void on_sample(PtCodecJob *job, PtSample *sample, void *data) {
	Fixture *f = data;
	g_mutex_lock(&f->lock);
	g_ptr_array_add(pt_codec_kind(sample->format->codec) == PT_KIND_VIDEO ? f->video : f->audio, pt_sample_ref(sample));
	g_cond_signal(&f->cond);
	g_mutex_unlock(&f->lock);
}

static void on_end(PtCodecJob *job, const GError *error, void *data) {
	Fixture *f = data;
	g_mutex_lock(&f->lock);
	f->ended = true;
	f->error = error ? g_error_copy(error) : NULL;
	g_cond_signal(&f->cond);
	g_mutex_unlock(&f->lock);
}

static const PtCodecJobOps ops = {on_sample, on_end};

static void start(void *data) {
	Fixture *f = data;
	f->job = pt_codec_job_start(f->loop, f->params, &ops, f, &f->error);
}

static void stop(void *data) { pt_codec_job_free(((Fixture *)data)->job); }

static void fixture_init(Fixture *f, const PtCodecJobParams *params) {
	*f = (Fixture){.loop = pt_loop_new("test"), .params = params};
	f->video = g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref);
	f->audio = g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref);
	pt_loop_call(f->loop, start, f);
}

/* Until so many pictures are there, or the end. */
static void wait_for(Fixture *f, unsigned pictures) {
	gint64 until = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
	g_mutex_lock(&f->lock);
	while (!f->ended && f->video->len < pictures)
		if (!g_cond_wait_until(&f->cond, &f->lock, until))
			g_error("nothing came in time");
	g_mutex_unlock(&f->lock);
}

static void fixture_finish(Fixture *f) {
	pt_loop_call(f->loop, stop, f);
	pt_loop_free(f->loop);
	g_ptr_array_unref(f->video);
	g_ptr_array_unref(f->audio);
	g_clear_error(&f->error);
}

static void order_key(void *data) {
	PtOsdList texts = {.n = 1, .items[0] = {.text = "gate"}};
	pt_codec_job_set_texts(((Fixture *)data)->job, &texts);
	pt_codec_job_key(((Fixture *)data)->job);
}

static const PtCodecJobParams clock_params = {.kind = PT_CODEC_JOB_CLOCK,
                                              .width = 320,
                                              .height = 180,
                                              .fps = 15,
                                              .gop_ms = 1000,
                                              .bitrate = 500000,
                                              .with_audio = true,
                                              .audio = PT_CODEC_AAC};

typedef struct {
	GPtrArray *in, *out;
	unsigned next;
} List;

static PtSample *list_pull(void *data) {
	List *l = data;
	return l->next < l->in->len ? pt_sample_ref(g_ptr_array_index(l->in, l->next++)) : NULL;
}

static bool list_put(PtSample *sample, void *data) {
	g_ptr_array_add(((List *)data)->out, pt_sample_ref(sample));
	return true;
}

static GPtrArray *convert(GPtrArray *in, const PtCodecJobParams *params) {
	List l = {in, g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref), 0};
	g_autoptr(GError) error = NULL;
	g_assert_true(pt_codec_convert(params, list_pull, list_put, &l, 10000, NULL, &error));
	g_assert_no_error(error);
	return l.out;
}

static void check_clock(const Fixture *f) {
	int64_t now = pt_wall_ns(pt_clock_system());
	for (unsigned i = 0; i < f->video->len; i++) {
		const PtSample *s = g_ptr_array_index(f->video, i), *before = i ? g_ptr_array_index(f->video, i - 1) : NULL;
		g_assert_cmpint(s->format->codec, ==, PT_CODEC_H264);
		g_assert_cmpuint(s->format->width, ==, 320);
		g_assert_true(g_str_has_prefix(s->format->rfc6381, "avc1."));
		g_assert_cmpint(now - s->wall_ns, <, 20 * PT_NS_PER_S);
		g_assert_true(s->key == (s->pts % 90000 == 0) || before); /* a slow machine may skip pictures */
		if (before)
			g_assert_cmpint(s->dts, >, before->dts);
		PtBytes b = pt_bytes(s->data, s->size);
		while (b.left)
			g_assert_nonnull(pt_bytes_take(&b, pt_bytes_u32(&b)));
	}
	g_assert_cmpuint(f->audio->len, >, 10);
	const PtSample *a = g_ptr_array_index(f->audio, 5);
	g_assert_cmpint(a->format->codec, ==, PT_CODEC_AAC);
	g_assert_cmpuint(a->format->config_size, >=, 2);
}

static void check_conversions(Fixture *f) {
	g_autoptr(GError) error = NULL;
	PtSample *jpeg = pt_codec_snapshot(g_ptr_array_index(f->video, 0), 160, 0, NULL, &error);
	g_assert_no_error(error);
	g_assert_cmpint(jpeg->format->codec, ==, PT_CODEC_MJPEG);
	g_assert_cmpuint(jpeg->format->width, ==, 160);
	g_assert_cmpuint(jpeg->format->height, ==, 90);
	g_assert_cmpint(jpeg->data[0] << 8 | jpeg->data[1], ==, 0xffd8);
	PtSample *again = pt_codec_snapshot(jpeg, 0, 0, NULL, &error); /* MJPEG in */
	g_assert_no_error(error);
	g_assert_cmpuint(again->format->width, ==, 160);
	pt_sample_unref(again);
	pt_sample_unref(jpeg);

	const PtSample *from = g_ptr_array_index(f->video, 5);
	PtCodecJobParams video = {.kind = PT_CODEC_JOB_VIDEO, .from_pts = from->pts};
	g_autoptr(GPtrArray) out = convert(f->video, &video);
	g_assert_cmpuint(out->len, ==, f->video->len - 5);
	for (unsigned i = 0; i < out->len; i++) {
		const PtSample *s = g_ptr_array_index(out, i), *was = g_ptr_array_index(f->video, i + 5);
		g_assert_cmpint(s->pts, ==, was->pts);
		g_assert_cmpint(llabs(s->wall_ns - was->wall_ns), <, PT_NS_PER_S);
		g_assert_true(i || s->key);
	}
	PtCodecJobParams grey = {.kind = PT_CODEC_JOB_GREY, .width = 160, .height = 288, .fps = 5};
	g_autoptr(GPtrArray) pictures = convert(f->video, &grey);
	const PtSample *newest = g_ptr_array_index(f->video, f->video->len - 1);
	const PtSample *first_picture = g_ptr_array_index(f->video, 0);
	g_assert_cmpuint(pictures->len, <=, (newest->pts - first_picture->pts) / 18000 + 1);
	g_assert_cmpuint(pictures->len, >=, 3);
	for (unsigned i = 0; i < pictures->len; i++) {
		const PtSample *s = g_ptr_array_index(pictures, i);
		g_assert_cmpint(s->format->codec, ==, PT_CODEC_GREY);
		g_assert_cmpuint(s->format->width, ==, 160);
		g_assert_cmpuint(s->format->height, ==, 88);
		g_assert_cmpuint(s->size, ==, 160 * 88);
		g_assert_cmpint(llabs(s->wall_ns - first_picture->wall_ns), <, 20 * PT_NS_PER_S);
	}
	for (unsigned k = 0; k < 2; k++) {
		PtCodecJobParams audio = {.kind = PT_CODEC_JOB_AUDIO, .audio = k ? PT_CODEC_OPUS : PT_CODEC_AAC};
		g_autoptr(GPtrArray) sound = convert(f->audio, &audio);
		g_assert_cmpuint(sound->len, >=, f->audio->len - 3);
		const PtSample *s = g_ptr_array_index(sound, 0), *first = g_ptr_array_index(f->audio, 0);
		g_assert_cmpint(s->format->codec, ==, audio.audio);
		g_assert_cmpint(llabs(s->pts - first->pts), <, 4800);
	}
}

static void test_clock(void) {
	Fixture f;
	fixture_init(&f, &clock_params);
	g_assert_no_error(f.error);
	wait_for(&f, 20);
	g_mutex_lock(&f.lock);
	check_clock(&f);
	g_mutex_unlock(&f.lock);
	pt_loop_call(f.loop, stop, &f);
	f.job = NULL;
	check_conversions(&f);
	fixture_finish(&f);
}

/* A minute from key frame to key frame, but for the one that is asked for. */
static void test_key_on_request(void) {
	PtCodecJobParams params = clock_params;
	params.gop_ms = 60000;
	Fixture f;
	fixture_init(&f, &params);
	wait_for(&f, 5);
	g_mutex_lock(&f.lock);
	unsigned asked_at = f.video->len, keys = 0;
	g_mutex_unlock(&f.lock);
	pt_loop_call(f.loop, order_key, &f);
	wait_for(&f, asked_at + 15);
	g_mutex_lock(&f.lock);
	for (unsigned i = 0; i < asked_at + 15; i++) {
		const PtSample *s = g_ptr_array_index(f.video, i);
		keys += s->key;
		g_assert_true(!s->key || i == 0 || i >= asked_at);
	}
	g_assert_cmpuint(keys, ==, 2);
	g_mutex_unlock(&f.lock);
	fixture_finish(&f);
}

static void test_damaged(void) {
	g_autoptr(GError) error = NULL;
	PtFormat values = {.codec = PT_CODEC_H264, .timescale = 90000};
	PtSample *s = pt_sample_new(64);
	memset(pt_sample_grow(&s, 64), 0x5a, 64);
	s->key = true;
	s->format = pt_format_new(&values, "nonsense", 8);
	g_assert_null(pt_codec_snapshot(s, 0, 0, NULL, &error));
	g_assert_error(error, PT_ERROR, PT_ERROR_INVALID);
	pt_sample_unref(s);
}

static void test_bad_parameters(void) {
	PtCodecJobParams params = clock_params;
	params.width = 3;
	Fixture f;
	fixture_init(&f, &params);
	wait_for(&f, 1);
	g_assert_error(f.error, PT_ERROR, PT_ERROR_INVALID);
	fixture_finish(&f);
}

static void test_killed(void) {
	Fixture f;
	fixture_init(&f, &clock_params);
	wait_for(&f, 2);
	kill(pt_codec_job_pid(f.job), SIGKILL);
	wait_for(&f, 100000);
	g_assert_error(f.error, PT_ERROR, PT_ERROR_CLOSED);
	fixture_finish(&f);
}

static void test_strange_programs(void) {
	static const struct {
		const char *script;
		int code;
	} cases[] = {
	    {NULL, PT_ERROR_FAILED},
	    {"#!/bin/sh\nexit 0\n", PT_ERROR_CLOSED},
	    {"#!/bin/sh\nexec head -c 100000 /dev/zero >&0\n", PT_ERROR_INVALID},
	    {"#!/bin/sh\nprintf 'HTTP/1.1 200 OK\\r\\n\\r\\n' >&0\nexec sleep 5\n", PT_ERROR_INVALID},
	    {"#!/bin/sh\nexec sleep 30\n", PT_ERROR_TIMEOUT},
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_build_filename(g_get_tmp_dir(), "pigtail-codec-test-XXXXXX", NULL);
		int fd = g_mkstemp(path);
		g_assert_cmpint(fd, >=, 0);
		close(fd);
		if (cases[i].script)
			g_assert_true(g_file_set_contents(path, cases[i].script, -1, NULL));
		else
			g_unlink(path);
		g_chmod(path, 0700);
		pt_codec_set_program(path);
		List l = {g_ptr_array_new(), g_ptr_array_new(), 0};
		PtCodecJobParams params = {.kind = PT_CODEC_JOB_JPEG};
		g_autoptr(GError) error = NULL;
		g_assert_false(pt_codec_convert(&params, list_pull, list_put, &l, 500, NULL, &error));
		g_assert_error(error, PT_ERROR, cases[i].code);
		g_ptr_array_unref(l.in);
		g_ptr_array_unref(l.out);
		g_unlink(path);
	}
	pt_codec_set_program(NULL);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/codec/clock", test_clock);
	g_test_add_func("/codec/key-on-request", test_key_on_request);
	g_test_add_func("/codec/damaged", test_damaged);
	g_test_add_func("/codec/bad-parameters", test_bad_parameters);
	g_test_add_func("/codec/killed", test_killed);
	g_test_add_func("/codec/strange-programs", test_strange_programs);
	return g_test_run();
}
