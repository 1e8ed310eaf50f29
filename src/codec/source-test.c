/* The sources that need no camera: the test picture (also when its process is killed) and a looped file. Beside the program
 * that they need. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "media/codec/job.h"
#include "media/source.h"
#include "media/test/clock.h"
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

typedef struct {
	PtSink sink;
	GMutex lock;
	GCond cond;
	GPtrArray *samples[2];
	GString *states;
} Taker;

static void take(PtSink *sink, PtSample *sample) {
	Taker *t = (Taker *)sink;
	g_mutex_lock(&t->lock);
	g_ptr_array_add(t->samples[sample->track], pt_sample_ref(sample));
	g_cond_signal(&t->cond);
	g_mutex_unlock(&t->lock);
}

static void note(PtSink *sink, PtStreamState state, const char *reason, int64_t wall_ns) {
	Taker *t = (Taker *)sink;
	g_mutex_lock(&t->lock);
	g_string_append_printf(t->states, "%d%s%s;", state, reason ? ":" : "", reason ? reason : "");
	g_cond_signal(&t->cond);
	g_mutex_unlock(&t->lock);
}

static const PtSinkOps sink_ops = {.name = "test", .sample = take, .state = note};

typedef struct {
	PtLoop *loop;
	PtStream *stream;
	PtSource *source;
	Taker taker;
} Fixture;

static void fixture_init(Fixture *f, const char *location) {
	*f = (Fixture){.loop = pt_loop_new("test"), .stream = pt_stream_new("t/main"), .taker.sink.ops = &sink_ops};
	f->taker.states = g_string_new(NULL);
	for (unsigned i = 0; i < 2; i++)
		f->taker.samples[i] = g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref);
	pt_stream_add_sink(f->stream, &f->taker.sink);
	PtSourceParams params = {
	    .camera = "t", .location = location, .video = true, .audio = true, .loop = f->loop, .stream = f->stream};
	g_autoptr(GError) error = NULL;
	f->source = pt_source_start(&params, &error);
	g_assert_no_error(error);
}

static void fixture_finish(Fixture *f) {
	pt_source_stop(f->source);
	pt_stream_remove_sink(&f->taker.sink);
	pt_stream_unref(f->stream);
	pt_loop_free(f->loop);
	g_string_free(f->taker.states, TRUE);
	for (unsigned i = 0; i < 2; i++)
		g_ptr_array_unref(f->taker.samples[i]);
}

static void wait_samples(Fixture *f, unsigned n) {
	gint64 until = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
	g_mutex_lock(&f->taker.lock);
	while (f->taker.samples[0]->len < n)
		if (!g_cond_wait_until(&f->taker.cond, &f->taker.lock, until))
			g_error("only %u samples came; states %s", f->taker.samples[0]->len, f->taker.states->str);
	g_mutex_unlock(&f->taker.lock);
}

static void wait_state(Fixture *f, const char *part) {
	gint64 until = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
	g_mutex_lock(&f->taker.lock);
	while (!strstr(f->taker.states->str, part))
		if (!g_cond_wait_until(&f->taker.cond, &f->taker.lock, until))
			g_error("no state '%s' in %s", part, f->taker.states->str);
	g_mutex_unlock(&f->taker.lock);
}

static void check_rising(const Fixture *f) {
	for (unsigned t = 0; t < 2; t++)
		for (unsigned i = 0; i < f->taker.samples[t]->len; i++) {
			const PtSample *s = g_ptr_array_index(f->taker.samples[t], i);
			g_assert_cmpint(s->dts, >=, 0);
			if (!i)
				continue;
			const PtSample *before = g_ptr_array_index(f->taker.samples[t], i - 1);
			g_assert_cmpint(s->dts, >, before->dts);
		}
}

/* Kills the codec processes of this test: its children. */
static void kill_children(void) {
	GDir *tasks = g_dir_open("/proc/self/task", 0, NULL);
	const char *task;
	while ((task = g_dir_read_name(tasks))) {
		g_autofree char *p = g_strdup_printf("/proc/self/task/%s/children", task), *list = NULL;
		if (!g_file_get_contents(p, &list, NULL, NULL))
			continue;
		g_auto(GStrv) pids = g_strsplit(g_strstrip(list), " ", -1);
		for (char **pid = pids; *pid; pid++)
			if (**pid)
				kill((pid_t)g_ascii_strtoll(*pid, NULL, 10), SIGKILL);
	}
	g_dir_close(tasks);
}

static void test_clock(void) {
	if (!pt_codec_available()) {
		g_test_skip("pigtail-codec is not built");
		return;
	}
	Fixture f;
	fixture_init(&f, "test:clock?size=320x180&fps=10&gop=1s&bitrate=300k&audio=pcmu");
	wait_samples(&f, 12);
	kill_children();
	wait_state(&f, "3:pigtail-codec ended");
	g_mutex_lock(&f.taker.lock);
	unsigned n = f.taker.samples[0]->len;
	g_mutex_unlock(&f.taker.lock);
	wait_samples(&f, n + 10);
	g_mutex_lock(&f.taker.lock);
	check_rising(&f);
	g_assert_cmpuint(f.taker.samples[1]->len, >, 20);
	const PtSample *a = g_ptr_array_index(f.taker.samples[0], 0), *b = g_ptr_array_index(f.taker.samples[0], n + 9);
	/* times went on by as much as the clock did */
	g_assert_cmpfloat_with_epsilon((double)(b->pts - a->pts) / 90000, (double)(b->wall_ns - a->wall_ns) / 1e9, 0.5);
	g_assert_cmpint(((const PtSample *)g_ptr_array_index(f.taker.samples[1], 0))->format->codec, ==, PT_CODEC_PCMU);
	g_mutex_unlock(&f.taker.lock);
	fixture_finish(&f);
}

static void test_file(void) {
	g_autofree char *dir = g_dir_make_tmp("pigtail-source-XXXXXX", NULL),
	                *path = g_build_filename(dir, "clip.mp4", NULL);
	g_autofree char *location = g_strconcat("file:", path, NULL);
	g_autofree char *command = g_strconcat("ffmpeg -v error -y -f lavfi -i testsrc2=size=160x90:rate=20:duration=1 -f "
	                                       "lavfi -i sine=sample_rate=8000:duration=1.5 "
	                                       "-pix_fmt yuv420p -c:v libx264 -bf 2 -g 10 -c:a aac ",
	                                       path, NULL);
	int status = 1;
	Fixture f;
	fixture_init(&f, location);
	wait_state(&f, "3:file");
	if (!g_spawn_command_line_sync(command, NULL, NULL, &status, NULL) || status) {
		g_test_skip("ffmpeg is not installed");
	} else {
		wait_samples(&f, 55); /* found when it appears, and through two loops and into the third */
		g_mutex_lock(&f.taker.lock);
		check_rising(&f);
		const GPtrArray *v = f.taker.samples[0];
		for (unsigned i = 0; i < 55; i++) {
			const PtSample *s = g_ptr_array_index(v, i), *again = i >= 20 ? g_ptr_array_index(v, i - 20) : NULL;
			const PtSample *first = g_ptr_array_index(v, 0);
			g_assert_cmpint(s->dts - first->dts, ==, 4500 * i);
			g_assert_cmpfloat_with_epsilon((double)(s->wall_ns - first->wall_ns) / 1e9,
			                               (double)(s->pts - first->pts) / 90000, 0.01);
			if (again) {
				g_assert_cmpint(s->pts - again->pts, ==, 90000);
				g_assert_cmpmem(s->data, s->size, again->data, again->size);
			}
		}
		g_mutex_unlock(&f.taker.lock);
	}
	fixture_finish(&f);
	g_unlink(path);
	g_rmdir(dir);
}

static void test_locations(void) {
	static const char *const bad[] = {"test:picture",          "test:clock?size=100", "test:clock?size=1281x720",
	                                  "test:clock?fps=0",      "test:clock?gop=1",    "test:clock?audio=mp3",
	                                  "test:clock?colour=red", "test:clock?fps"};
	PtCodecJobParams p;
	g_assert_true(pt_test_parse("test:clock?size=640x360&bitrate=500k&gop=500ms&audio=none&fps=25", &p, NULL));
	g_assert_cmpuint(p.width, ==, 640);
	g_assert_cmpuint(p.bitrate, ==, 500000);
	g_assert_cmpuint(p.gop_ms, ==, 500);
	g_assert_cmpuint(p.fps, ==, 25);
	g_assert_false(p.with_audio);
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(pt_test_parse(bad[i], &p, &error));
		g_assert_error(error, PT_ERROR, PT_ERROR_INVALID);
	}
	PtSourceParams params = {.camera = "t", .location = "gopher://example"};
	g_autoptr(GError) error = NULL;
	g_assert_null(pt_source_start(&params, &error));
	g_assert_error(error, PT_ERROR, PT_ERROR_UNSUPPORTED);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/source/locations", test_locations);
	g_test_add_func("/source/file", test_file);
	g_test_add_func("/source/clock", test_clock);
	return g_test_run();
}
