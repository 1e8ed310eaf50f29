/* A microphone and a loudspeaker without a sound card: ALSA's own plugin that reads and writes files. Beside the program
 * that encodes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/alsa/alsa.h"
#include "media/codec/job.h"
#include "media/g711.h"
#include "media/speaker/speaker.h"
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

typedef struct {
	PtSink sink;
	GMutex lock;
	GCond cond;
	GPtrArray *samples;
	GString *states;
} Taker;

static void on_sample(PtSink *sink, PtSample *sample) {
	Taker *t = (Taker *)sink;
	g_mutex_lock(&t->lock);
	g_ptr_array_add(t->samples, pt_sample_ref(sample));
	g_cond_signal(&t->cond);
	g_mutex_unlock(&t->lock);
}

static void on_state(PtSink *sink, PtStreamState state, const char *reason, int64_t wall_ns) {
	Taker *t = (Taker *)sink;
	g_mutex_lock(&t->lock);
	g_string_append_printf(t->states, "%d%s%s;", state, reason ? ":" : "", reason ? reason : "");
	g_cond_signal(&t->cond);
	g_mutex_unlock(&t->lock);
}

static const PtSinkOps sink_ops = {.name = "test", .sample = on_sample, .state = on_state};

/* Listens until so many samples have come, or words of a state. */
static Taker listen_to(const char *location, unsigned n, const char *words) {
	Taker t = {.sink.ops = &sink_ops};
	t.samples = g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref);
	t.states = g_string_new(NULL);
	PtLoop *loop = pt_loop_new("test");
	PtStream *stream = pt_stream_new("t/microphone");
	pt_stream_add_sink(stream, &t.sink);
	PtSource *source = pt_source_start(
	    &(PtSourceParams){.camera = "t", .location = location, .audio = true, .loop = loop, .stream = stream}, NULL);
	gint64 until = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
	g_mutex_lock(&t.lock);
	while (words ? !strstr(t.states->str, words) : t.samples->len < n)
		if (!g_cond_wait_until(&t.cond, &t.lock, until))
			g_error("%u samples came; states %s", t.samples->len, t.states->str);
	g_mutex_unlock(&t.lock);
	pt_source_stop(source);
	pt_stream_remove_sink(&t.sink);
	pt_stream_unref(stream);
	pt_loop_free(loop);
	return t;
}

static void taker_clear(Taker *t) {
	g_ptr_array_unref(t->samples);
	g_string_free(t->states, TRUE);
}

/* One after the other without a gap, in real time. */
static void check_times(const Taker *t, gint64 took_us) {
	const PtSample *first = g_ptr_array_index(t->samples, 0), *last = g_ptr_array_index(t->samples, t->samples->len - 1);
	for (unsigned i = 1; i < t->samples->len; i++) {
		const PtSample *s = g_ptr_array_index(t->samples, i), *before = g_ptr_array_index(t->samples, i - 1);
		g_assert_cmpint(s->track, ==, PT_ALSA_TRACK);
		g_assert_cmpint(s->pts, >, before->pts);
		g_assert_cmpint(s->wall_ns, >, before->wall_ns);
	}
	double length = (double)(last->pts - first->pts) / first->format->timescale;
	g_assert_cmpfloat(length, <=, (double)took_us / 1e6 + 0.1);
	g_assert_cmpfloat_with_epsilon((double)(last->wall_ns - first->wall_ns) / 1e9, length, 0.1);
}

static void test_g711(void) {
	static const struct {
		int16_t sample;
		uint8_t mu, a;
	} cases[] = {{0, 0xff, 0xd5},    {-1, 0x7f, 0x55},    {32767, 0x80, 0xaa}, {-32768, 0x00, 0x2a},
	             {1000, 0xce, 0xfa}, {-1000, 0x4e, 0x7a}, {100, 0xf2, 0xd3},   {8031, 0xa0, 0x8a}};
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_assert_cmphex(pt_g711_mu_law(cases[i].sample), ==, cases[i].mu);
		g_assert_cmphex(pt_g711_a_law(cases[i].sample), ==, cases[i].a);
	}
	for (unsigned i = 0; i < 256; i++) {
		int mu = i == 0x7f ? 0xff : (int)i; /* there are two zeros */
		g_assert_cmphex(pt_g711_mu_law(pt_g711_from_mu_law((uint8_t)i)), ==, (unsigned)mu);
		g_assert_cmphex(pt_g711_a_law(pt_g711_from_a_law((uint8_t)i)), ==, i);
	}
}

static void test_locations(void) {
	PtAlsaLocation l;
	g_assert_true(pt_alsa_parse("alsa:plughw:1,0?codec=pcma", &l, NULL));
	g_assert_cmpstr(l.pcm, ==, "plughw:1,0");
	g_assert_cmpint(l.codec, ==, PT_CODEC_PCMA);
	g_autofree char *written = pt_alsa_location(&l);
	g_assert_cmpstr(written, ==, "alsa:plughw:1,0?codec=pcma");
	g_assert_true(pt_alsa_parse("alsa:default", &l, NULL) && l.codec == PT_CODEC_AAC);
	static const char *const bad[] = {"alsa:", "alsa:?codec=aac", "alsa:default?codec=mp3", "alsa:default?rate=8000",
	                                  "file:x"};
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(pt_alsa_parse(bad[i], &l, NULL));
}

static void test_g711_tone(void) {
	gint64 begin = g_get_monotonic_time();
	Taker t = listen_to("alsa:tone8?codec=pcmu", 50, NULL);
	check_times(&t, g_get_monotonic_time() - begin);
	unsigned loud = 0, all = 0;
	for (unsigned i = 0; i < t.samples->len; i++) {
		const PtSample *s = g_ptr_array_index(t.samples, i);
		g_assert_cmpint(s->format->codec, ==, PT_CODEC_PCMU);
		g_assert_cmpuint(s->size, ==, 160);
		for (size_t k = 0; k < s->size; k++, all++)
			loud += (s->data[k] | 0x80) < 0xb0;
	}
	g_assert_cmpuint(loud, >, all / 2);
	taker_clear(&t);
}

static void test_aac_tone(void) {
	if (!pt_codec_available()) {
		g_test_skip("pigtail-codec is not built");
		return;
	}
	gint64 begin = g_get_monotonic_time();
	Taker t = listen_to("alsa:tone48", 40, NULL);
	check_times(&t, g_get_monotonic_time() - begin);
	const PtSample *s = g_ptr_array_index(t.samples, 39);
	g_assert_cmpint(s->format->codec, ==, PT_CODEC_AAC);
	g_assert_cmpuint(s->format->sample_rate, ==, 48000);
	g_assert_cmpuint(s->size, >, 50); /* silence is a few bytes */
	taker_clear(&t);
}

static void test_none(void) {
	Taker t = listen_to("alsa:nothing-here?codec=pcmu", 0, "3:microphone nothing-here: No such file or directory");
	taker_clear(&t);
}

typedef struct {
	GMutex lock;
	GCond cond;
	bool done;
	char *reason;
} Said;

static void said(void *user, const GError *error) {
	Said *s = user;
	g_mutex_lock(&s->lock);
	s->done = true;
	s->reason = g_strdup(error ? error->message : NULL);
	g_cond_signal(&s->cond);
	g_mutex_unlock(&s->lock);
}

/* Puts half a second in pieces; the reason why it was not heard, NULL: it was. */
static char *say(const char *location, const int16_t *sound, size_t n) {
	Said s = {.done = false};
	g_autoptr(GError) error = NULL;
	PtSpeaker *speaker = pt_speaker_open(location, said, &s, &error);
	if (!speaker)
		return g_strdup(error->message);
	for (size_t at = 0; at < n; at += 100)
		pt_speaker_put(speaker, sound + at, MIN(100, n - at));
	pt_speaker_finish(speaker);
	g_mutex_lock(&s.lock);
	while (!s.done)
		g_cond_wait(&s.cond, &s.lock);
	g_mutex_unlock(&s.lock);
	pt_speaker_close(speaker, false);
	return s.reason;
}

static void test_speaker(const void *data) {
	const char *dir = data;
	int16_t sound[4030];
	for (size_t i = 0; i < G_N_ELEMENTS(sound); i++)
		sound[i] = (int16_t)(i * 7);
	g_autofree char *wav = g_strdup_printf("wav:%s/wav", dir);
	const struct {
		const char *location, *file;
		size_t head;
	} cases[] = {{"alsa:loud", "loud", 0}, {wav, "wav", 44}};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_build_filename(dir, cases[i].file, NULL), *heard = NULL;
		g_autofree char *reason = say(cases[i].location, sound, G_N_ELEMENTS(sound));
		gsize n;
		g_assert_cmpstr(reason, ==, NULL);
		g_assert_true(g_file_get_contents(path, &heard, &n, NULL));
		g_assert_cmpuint(n, >=, cases[i].head + sizeof sound); /* a card is given whole periods */
		g_assert_cmpmem(heard + cases[i].head, sizeof sound, sound, sizeof sound);
	}
	g_autofree char *none = say("alsa:nothing-here", sound, 1), *nowhere = say("wav:/nowhere/x", sound, 1);
	g_autofree char *what = say("mp3:x", sound, 1);
	g_assert_cmpstr(none, ==, "loudspeaker nothing-here: No such file or directory");
	g_assert_cmpstr(nowhere, ==, "/nowhere/x: No such file or directory");
	g_assert_cmpstr(what, ==, "'mp3:x' is neither alsa:PCM nor wav:FILE");
}

static void put_tone(const char *dir, const char *name, unsigned rate) {
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_autofree int16_t *frames = g_new(int16_t, rate * 10);
	for (unsigned i = 0; i < rate * 10; i++)
		frames[i] = (int16_t)(16000 * sin(2 * G_PI * 400 * i / rate));
	g_assert_true(g_file_set_contents(path, (const char *)frames, (gssize)(rate * 20), NULL));
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_autofree char *dir = g_dir_make_tmp("pigtail-alsa-XXXXXX", NULL),
	                *config = g_build_filename(dir, "asound.conf", NULL);
	g_autofree char *text =
	    g_strdup_printf("pcm.tone8 { type file slave.pcm { type null } file /dev/null infile \"%s/8\" format raw }\n"
	                    "pcm.tone48 { type file slave.pcm { type null } file /dev/null infile \"%s/48\" format raw }\n"
	                    "pcm.loud { type file slave.pcm { type null } file \"%s/loud\" format raw }\n",
	                    dir, dir, dir);
	put_tone(dir, "8", 8000);
	put_tone(dir, "48", 48000);
	g_assert_true(g_file_set_contents(config, text, -1, NULL));
	g_setenv("ALSA_CONFIG_PATH", config, TRUE);
	g_test_add_func("/alsa/g711", test_g711);
	g_test_add_func("/alsa/locations", test_locations);
	g_test_add_func("/alsa/g711-tone", test_g711_tone);
	g_test_add_func("/alsa/aac-tone", test_aac_tone);
	g_test_add_func("/alsa/none", test_none);
	g_test_add_data_func("/alsa/speaker", dir, test_speaker);
	int status = g_test_run();
	static const char *const files[] = {"8", "48", "loud", "wav", "asound.conf"};
	for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = g_build_filename(dir, files[i], NULL);
		g_unlink(path);
	}
	g_rmdir(dir);
	return status;
}
