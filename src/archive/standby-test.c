/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/standby.h"
#include <string.h>

#define S PT_NS_PER_S
#define FPS 10
#define T0 (INT64_C(1795345530) * S)

typedef struct {
	PtClock *clock;
	PtStream *live;
	PtStandby *standby;
	PtFormat *format;
	int counter; /* of the next sample; a key frame every two seconds */
	size_t size;
	bool hub; /* one takes what comes */
	/* what came out */
	PtSink out;
	int first, next; /* numbers of samples since it was let through last; -1: none */
	bool ordered;
	PtStreamState state;
	char reason[64];
} Fixture;

static void on_out(PtSink *sink, PtSample *sample) {
	Fixture *f = (Fixture *)((char *)sink - G_STRUCT_OFFSET(Fixture, out));
	int number = (int)(sample->dts * FPS / 90000);
	if (f->first < 0) {
		f->first = number;
		g_assert_true(sample->key);
	} else if (number != f->next) {
		f->ordered = false;
	}
	f->next = number + 1;
}

static void on_out_state(PtSink *sink, PtStreamState state, const char *reason, int64_t wall_ns) {
	Fixture *f = (Fixture *)((char *)sink - G_STRUCT_OFFSET(Fixture, out));
	f->state = state;
	g_strlcpy(f->reason, reason ? reason : "", sizeof f->reason);
	if (state == PT_STREAM_LIVE)
		f->first = -1;
}

static const PtSinkOps out_ops = {"test", on_out, on_out_state};

static void set_up(Fixture *f, gconstpointer unused) {
	f->clock = pt_clock_virtual_new(T0, 1000 * S);
	f->live = pt_stream_new("gate/main");
	f->standby = pt_standby_new(f->live, f->clock);
	f->format = pt_format_new(&(PtFormat){.codec = PT_CODEC_H264, .timescale = 90000}, NULL, 0);
	f->size = 100;
	f->first = -1;
	f->ordered = true;
	f->out.ops = &out_ops;
	pt_stream_add_sink(pt_standby_stream(f->standby), &f->out);
}

static void tear_down(Fixture *f, gconstpointer unused) {
	g_assert_true(f->ordered);
	pt_standby_end(f->standby);
	pt_stream_remove_sink(&f->out);
	pt_standby_free(f->standby);
	pt_format_unref(f->format);
	pt_stream_unref(f->live);
	pt_clock_virtual_free(f->clock);
}

static void push(Fixture *f, int n) {
	for (int i = 0; i < n; i++) {
		PtSample *s = pt_sample_new(f->size);
		memset(pt_sample_grow(&s, f->size), 0, f->size);
		s->key = f->counter % (2 * FPS) == 0;
		s->dts = s->pts = (int64_t)f->counter++ * 90000 / FPS;
		s->wall_ns = pt_wall_ns(f->clock);
		s->format = pt_format_ref(f->format);
		if (f->hub)
			pt_stream_note_taken(f->live, pt_mono_ns(f->clock));
		pt_stream_push(f->live, s);
		pt_sample_unref(s);
		pt_clock_virtual_advance(f->clock, S / FPS);
	}
}

/* From the start on; ten seconds into a hub's session and up to a key frame. */
static void pauses(Fixture *f, gconstpointer unused) {
	push(f, 35);
	g_assert_cmpint(f->next, ==, 35);
	f->hub = true;
	push(f, 105); /* the key frame at 140 is the first behind 35 + 100 */
	g_assert_true(pt_standby_records(f->standby));
	g_assert_cmpint(f->next, ==, 140);
	push(f, 1);
	g_assert_false(pt_standby_records(f->standby));
	g_assert_cmpint(f->next, ==, 140);
	g_assert_cmpint(f->state, ==, PT_STREAM_IDLE);
	g_assert_cmpstr(f->reason, ==, pt_gap_on_loss);
	push(f, 300);
	g_assert_cmpint(f->next, ==, 140);
}

static void begin_pause(Fixture *f) {
	f->hub = true;
	push(f, 600);
	g_assert_false(pt_standby_records(f->standby));
}

/* Nothing is taken from 600 on: noticed 5 s later, with 10 s of before the loss, back to the key frame. */
static void loss(Fixture *f, gconstpointer unused) {
	begin_pause(f);
	f->hub = false;
	push(f, 5 * FPS - 1);
	g_assert_false(pt_standby_records(f->standby));
	push(f, 1);
	g_assert_true(pt_standby_records(f->standby));
	g_assert_cmpint(f->first, <=, 600 - 10 * FPS);
	g_assert_cmpint(f->first, >=, 600 - 13 * FPS);
	push(f, 80); /* what waited is given out at four times its speed */
	g_assert_cmpint(f->next, ==, f->counter);
	f->hub = true;
	push(f, 10 * FPS);
	g_assert_true(pt_standby_records(f->standby));
	push(f, 2 * FPS);
	g_assert_false(pt_standby_records(f->standby));
	g_assert_cmpint(f->next % (2 * FPS), ==, 0);
	int end = f->next;
	/* a loss soon after goes on where it ended */
	f->hub = false;
	push(f, 6 * FPS);
	g_assert_cmpint(f->first, ==, end);
}

/* A session that ends, or pictures that it was not sent: at once. */
static void missed(Fixture *f, gconstpointer unused) {
	begin_pause(f);
	pt_stream_note_missed(f->live, pt_mono_ns(f->clock));
	push(f, 1);
	g_assert_true(pt_standby_records(f->standby));
	g_assert_cmpint(f->first, <=, 600 - 15 * FPS);
	push(f, 14 * FPS); /* 5 s until it counts as taken, then 10 s */
	g_assert_true(pt_standby_records(f->standby));
	push(f, 4 * FPS);
	g_assert_false(pt_standby_records(f->standby));
}

/* 1 MB a second: sixteen seconds do not fit. What is left begins with a key frame. */
static void bounded(Fixture *f, gconstpointer unused) {
	f->size = 200000;
	begin_pause(f);
	pt_stream_note_missed(f->live, pt_mono_ns(f->clock));
	push(f, 1);
	g_assert_cmpint((600 - f->first) * (int)f->size, <=, PT_STANDBY_BYTES);
	g_assert_cmpint((600 - f->first + 2 * FPS) * (int)f->size, >, PT_STANDBY_BYTES);
	push(f, 40);
	g_assert_cmpint(f->next, ==, f->counter);
}

/* What is begun is given out to its end; a stream that is lost meanwhile says why. */
static void ends(Fixture *f, gconstpointer unused) {
	begin_pause(f);
	pt_stream_set_state(f->live, PT_STREAM_LOST, "no answer", pt_wall_ns(f->clock));
	g_assert_cmpint(f->state, ==, PT_STREAM_IDLE);
	pt_stream_note_missed(f->live, pt_mono_ns(f->clock));
	push(f, 3);
	g_assert_cmpint(f->next, <, f->counter);
	pt_stream_set_state(f->live, PT_STREAM_LIVE, NULL, pt_wall_ns(f->clock));
	pt_stream_set_state(f->live, PT_STREAM_LOST, "no answer again", pt_wall_ns(f->clock));
	g_assert_cmpint(f->next, ==, f->counter);
	g_assert_cmpstr(f->reason, ==, "no answer again");
	push(f, 3);
	pt_standby_end(f->standby);
	g_assert_cmpint(f->next, ==, f->counter);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	static const struct {
		const char *path;
		void (*run)(Fixture *, gconstpointer);
	} tests[] = {{"/standby/pauses", pauses},
	             {"/standby/loss", loss},
	             {"/standby/missed", missed},
	             {"/standby/bounded", bounded},
	             {"/standby/ends", ends}};
	for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].path, Fixture, NULL, set_up, tests[i].run, tear_down);
	return g_test_run();
}
