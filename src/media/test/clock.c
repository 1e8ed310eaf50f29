/* SPDX-License-Identifier: Apache-2.0 */
#include "media/test/clock.h"
#include "base/units.h"
#include "media/codec/job.h"
#include <glib.h>
#include <string.h>

#define RETRY_FIRST (1 * PT_NS_PER_S)
#define RETRY_MOST (30 * PT_NS_PER_S)
#define SETTLED (10 * PT_NS_PER_S) /* running for so long makes the next failure a first one */

typedef struct {
	PtSource base;
	PtLoop *loop;
	PtStream *stream;
	char *location;
	bool video, audio;

	/* loop's thread only */
	PtTimer timer;
	PtCodecJob *job;
	PtCodecJobParams params;
	PtOsdList texts;
	int64_t first_mono, started_mono; /* the first process's start and the current one's */
	int64_t retry_ns;
	bool live;
} Test;

/* ---- the location ---- */

static bool parse_number(const char *text, uint64_t scale, uint64_t most, uint64_t *ret) {
	char *end;
	if (!g_ascii_isdigit(*text))
		return false;
	double v = g_ascii_strtod(text, &end);
	if (scale > 1 && (*end == 'M' || *end == 'k'))
		v *= *end++ == 'M' ? 1e6 : 1e3;
	if (*end || !(v >= 1 && v <= (double)most))
		return false;
	*ret = (uint64_t)v;
	return true;
}

static bool parse_parameter(const char *key, const char *value, PtCodecJobParams *p) {
	uint64_t n;
	int64_t ns;
	if (!strcmp(key, "size")) {
		g_auto(GStrv) parts = g_strsplit(value, "x", 2);
		uint64_t h;
		if (g_strv_length(parts) != 2 || !parse_number(parts[0], 1, 4096, &n) ||
		    !parse_number(parts[1], 1, 4096, &h) || n < 160 || h < 90 || n % 2 || h % 2)
			return false;
		p->width = (uint16_t)n;
		p->height = (uint16_t)h;
	} else if (!strcmp(key, "fps") && parse_number(value, 1, 60, &n)) {
		p->fps = (uint16_t)n;
	} else if (!strcmp(key, "gop") && pt_units_parse_duration(value, &ns, NULL) && ns >= PT_NS_PER_S / 100 &&
	           ns <= 600 * PT_NS_PER_S) {
		p->gop_ms = (uint32_t)(ns / PT_NS_PER_MS);
	} else if (!strcmp(key, "bitrate") && parse_number(value, 1000, 100000000, &n)) {
		p->bitrate = (uint32_t)n;
	} else if (!strcmp(key, "audio") && (!strcmp(value, "aac") || !strcmp(value, "pcmu") || !strcmp(value, "none"))) {
		p->with_audio = value[0] != 'n';
		p->audio = value[0] == 'p' ? PT_CODEC_PCMU : PT_CODEC_AAC;
	} else {
		return false;
	}
	return true;
}

bool pt_test_parse(const char *location, PtCodecJobParams *ret, GError **error) {
	PtCodecJobParams p = {.kind = PT_CODEC_JOB_CLOCK,
	                      .width = 1280,
	                      .height = 720,
	                      .fps = 15,
	                      .gop_ms = 2000,
	                      .bitrate = 2000000,
	                      .with_audio = true,
	                      .audio = PT_CODEC_AAC};
	const char *rest = location + strlen("test:");
	if (strncmp(rest, "clock", 5) || (rest[5] && rest[5] != '?')) {
		pt_error_set(error, INVALID, "%s: the only test source is test:clock", location);
		return false;
	}
	g_auto(GStrv) parts = g_strsplit(rest[5] ? rest + 6 : "", "&", -1);
	for (char **part = parts; *part; part++) {
		if (!**part)
			continue;
		char *equals = strchr(*part, '=');
		if (equals)
			*equals = 0;
		if (!equals || !parse_parameter(*part, equals + 1, &p)) {
			pt_error_set(
			    error, INVALID,
			    "test:clock: '%s=%s' is not understood (size=1280x720, fps=1..60, gop=10ms..600s, bitrate=2M, "
			    "audio=aac|pcmu|none)",
			    *part, equals ? equals + 1 : "");
			return false;
		}
	}
	*ret = p;
	return true;
}

char *pt_test_location(const PtCodecJobParams *p) {
	return g_strdup_printf("test:clock?size=%ux%u&fps=%u&gop=%ums&bitrate=%u&audio=%s", p->width, p->height, p->fps,
	                       p->gop_ms, p->bitrate,
	                       !p->with_audio              ? "none"
	                       : p->audio == PT_CODEC_PCMU ? "pcmu"
	                                                   : "aac");
}

/* ---- the process ---- */

static void lose(Test *t, const GError *error) {
	int64_t now = pt_mono_ns(pt_clock_system());
	if (t->live && now - t->started_mono > SETTLED)
		t->retry_ns = 0;
	t->live = false;
	pt_stream_set_state(t->stream, PT_STREAM_LOST, error->message, pt_loop_wall_ns(t->loop));
	t->retry_ns = error->code == PT_ERROR_UNSUPPORTED || error->code == PT_ERROR_INVALID
	                  ? RETRY_MOST
	                  : CLAMP(t->retry_ns * 2, RETRY_FIRST, RETRY_MOST);
	pt_timer_set_in(t->loop, &t->timer, t->retry_ns);
}

static void on_sample(PtCodecJob *job, PtSample *sample, void *data) {
	Test *t = data;
	if (sample->track > 1 || (sample->track == 0 && !t->video))
		return;
	if (!t->live) {
		t->live = true;
		pt_stream_set_state(t->stream, PT_STREAM_LIVE, NULL, pt_loop_wall_ns(t->loop));
	}
	/* a process counts from zero (its encoder's delay lies before that): times go on where the one before would be */
	int64_t ns = t->started_mono - t->first_mono + PT_NS_PER_S;
	int64_t offset = (int64_t)((__int128)ns * sample->format->timescale / PT_NS_PER_S);
	sample->dts += offset;
	sample->pts += offset;
	if (!t->video)
		sample->track = 0;
	pt_stream_push(t->stream, sample);
}

static void on_end(PtCodecJob *job, const GError *error, void *data) {
	Test *t = data;
	g_autoptr(GError) none = g_error_new_literal(PT_ERROR, PT_ERROR_CLOSED, "the test picture ended");
	g_autoptr(GError) copy = g_error_copy(error ? error : none);
	g_clear_pointer(&t->job, pt_codec_job_free);
	lose(t, copy);
}

static const PtCodecJobOps job_ops = {on_sample, on_end};

static void due(PtTimer *timer) {
	Test *t = (Test *)((char *)timer - offsetof(Test, timer));
	g_autoptr(GError) error = NULL;
	if (pt_test_parse(t->location, &t->params, &error)) {
		t->params.with_audio = t->params.with_audio && t->audio;
		t->started_mono = pt_mono_ns(pt_clock_system());
		if (!t->first_mono)
			t->first_mono = t->started_mono;
		t->job = pt_codec_job_start(t->loop, &t->params, &job_ops, t, &error);
	}
	if (!t->job)
		lose(t, error);
	else if (t->texts.n)
		pt_codec_job_set_texts(t->job, &t->texts);
}

static void make_key(void *data) {
	Test *t = data;
	if (t->job)
		pt_codec_job_key(t->job);
}

static void post_key(void *data) { pt_loop_post(((Test *)data)->loop, make_key, data); }

typedef struct {
	Test *test;
	PtOsdList texts;
} Texts;

static void take_texts(void *data) {
	Texts *given = data;
	Test *t = given->test;
	t->texts = given->texts;
	if (t->job)
		pt_codec_job_set_texts(t->job, &t->texts);
	g_free(given);
}

static void test_set_texts(PtSource *source, const PtOsdList *texts) {
	Texts *given = g_new(Texts, 1);
	*given = (Texts){(Test *)(void *)source, *texts};
	pt_loop_post(given->test->loop, take_texts, given);
}

static void begin(void *data) {
	Test *t = data;
	pt_stream_set_state(t->stream, PT_STREAM_CONNECTING, NULL, pt_loop_wall_ns(t->loop));
	due(&t->timer);
}

static bool test_abilities(PtSource *source, PtSourceAbilities *ret) {
	*ret = (PtSourceAbilities){.n_sizes = 5,
	                           .widths = {320, 640, 1280, 1920, 2560},
	                           .heights = {180, 360, 720, 1080, 1440},
	                           .h264 = true,
	                           .texts = true};
	return true;
}

static PtSource *test_start(const PtSourceParams *params) {
	Test *t = g_new0(Test, 1);
	t->base.ops = &pt_test_source;
	t->loop = params->loop;
	t->stream = pt_stream_ref(params->stream);
	t->location = g_strdup(params->location);
	t->video = params->video;
	t->audio = params->audio;
	t->timer.due = due;
	pt_stream_set_key_maker(t->stream, post_key, t);
	pt_loop_post(t->loop, begin, t);
	return &t->base;
}

static void end(void *data) {
	Test *t = data;
	pt_timer_cancel(&t->timer);
	g_clear_pointer(&t->job, pt_codec_job_free);
	pt_stream_set_state(t->stream, PT_STREAM_IDLE, NULL, pt_loop_wall_ns(t->loop));
}

static void test_stop(PtSource *source) {
	Test *t = (Test *)(void *)source;
	pt_stream_set_key_maker(t->stream, NULL, NULL);
	pt_loop_call(t->loop, end, t);
	pt_stream_unref(t->stream);
	g_free(t->location);
	g_free(t);
}

const PtSourceOps pt_test_source = {
    .scheme = "test", .start = test_start, .stop = test_stop, .set_texts = test_set_texts, .abilities = test_abilities};
