/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/backfill-plan.h"
#include "base/clock.h"
#include <string.h>

#define S PT_NS_PER_S

/* Gaps "CAMERA START [u]" (urgent), and what is begun of them, one after the other, each over before the next. */
typedef struct {
	const char *what;
	const char *jobs;
	PtBackfillCamera gate, yard;
	unsigned max;
	bool metered;
	int minute;
	const char *want;
} Case;

#define PLAIN                                                                                                               \
	{"gate", true, true, -1, -1, false, 0}, { "yard", true, true, -1, -1, false, 0 }

static const Case cases[] = {
    {"newest first", "gate 100,gate 300,gate 200", PLAIN, 2, false, 0, "gate 300,gate 200,gate 100"},
    {"oldest first",
     "gate 100,gate 300,gate 200",
     {"gate", true, true, -1, -1, true, 0},
     {"yard", true, true, -1, -1, false, 0},
     2,
     false,
     0,
     "gate 100,gate 200,gate 300"},
    {"asked for", "gate 100 u,gate 300,yard 400", PLAIN, 2, false, 0, "gate 100,yard 400,gate 300"},
    {"two cameras", "gate 100,yard 200,gate 300", PLAIN, 2, false, 0, "gate 300,yard 200,gate 100"},
    {"not reached",
     "gate 100,yard 200",
     {"gate", false, true, -1, -1, false, 0},
     {"yard", true, true, -1, -1, false, 0},
     2,
     false,
     0,
     "yard 200"},
    {"switched off, but asked for",
     "gate 100,gate 50 u",
     {"gate", true, false, -1, -1, false, 0},
     {"yard", true, true, -1, -1, false, 0},
     2,
     false,
     0,
     "gate 50"},
    {"metered", "gate 100,yard 50 u", PLAIN, 2, true, 0, "yard 50"},
    {"outside its hours",
     "gate 100,yard 50",
     {"gate", true, true, 22 * 60, 6 * 60, false, 0},
     {"yard", true, true, 8 * 60, 9 * 60, false, 0},
     2,
     false,
     12 * 60,
     ""},
    {"over midnight",
     "gate 100,yard 50",
     {"gate", true, true, 22 * 60, 6 * 60, false, 0},
     {"yard", true, true, 8 * 60, 9 * 60, false, 0},
     2,
     false,
     60,
     "gate 100"},
    {"within its hours",
     "gate 100,yard 50",
     {"gate", true, true, 22 * 60, 6 * 60, false, 0},
     {"yard", true, true, 8 * 60, 9 * 60, false, 0},
     2,
     false,
     8 * 60,
     "yard 50"},
    {"busy",
     "gate 100,yard 50",
     {"gate", true, true, -1, -1, false, 1},
     {"yard", true, true, -1, -1, false, 0},
     2,
     false,
     0,
     "yard 50"},
    {"no slot", "gate 100,yard 50", PLAIN, 0, false, 0, ""},
    {"a stranger", "gone 100", PLAIN, 2, false, 0, ""},
    {"not yet", "gate 2000", PLAIN, 2, false, 0, ""},
    {"the clock was set back by an hour", "gate 4600", PLAIN, 2, false, 0, "gate 4600"},
};

static unsigned parse(const char *text, PtJobRow *jobs) {
	g_auto(GStrv) each = g_strsplit(text, ",", -1);
	unsigned n = 0;
	for (; each[n]; n++) {
		g_auto(GStrv) words = g_strsplit(each[n], " ", -1);
		jobs[n] = (PtJobRow){.id = n + 1, .state = PT_JOB_FOUND, .urgent = words[2] != NULL};
		g_strlcpy(jobs[n].camera, words[0], sizeof jobs[n].camera);
		jobs[n].start_ns = g_ascii_strtoll(words[1], NULL, 10) * S;
		jobs[n].due_ns = jobs[n].start_ns;
	}
	return n;
}

static void test_order(void) {
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const Case *c = &cases[i];
		PtJobRow jobs[8];
		PtBackfillCamera cameras[2] = {c->gate, c->yard};
		PtBackfillView view = {.jobs = jobs,
		                       .n_jobs = parse(c->jobs, jobs),
		                       .cameras = cameras,
		                       .n_cameras = 2,
		                       .max_running = c->max,
		                       .metered = c->metered,
		                       .now_ns = 1000 * S,
		                       .minute = c->minute};
		g_autoptr(GString) got = g_string_new(NULL);
		for (int k; (k = pt_backfill_next(&view)) >= 0;) {
			g_string_append_printf(got, "%s%s %d", got->len ? "," : "", jobs[k].camera,
			                       (int)(jobs[k].start_ns / S));
			jobs[k].state = PT_JOB_FILLED;
		}
		g_test_message("%s", c->what);
		g_assert_cmpstr(got->str, ==, c->want);
		for (unsigned k = 0; k < view.n_jobs; k++) /* what was not begun says why */
			g_assert_true(jobs[k].state == PT_JOB_FILLED || pt_backfill_waits(&view, &jobs[k]));
	}
}

static void test_pauses(void) {
	int64_t sum = 0;
	for (unsigned i = 1; i <= PT_BACKFILL_TRIES; i++)
		sum += pt_backfill_pause_ns(i);
	g_assert_cmpint(pt_backfill_pause_ns(1), ==, 5 * S);
	g_assert_cmpint(pt_backfill_pause_ns(1000), ==, 1800 * S);
	g_assert_cmpint(sum / S, >, 20 * 3600);
	g_assert_cmpint(sum / S, <, 30 * 3600);
}

static void test_restart(void) {
	PtGapRow gap = {.start_ns = 100 * S, .end_ns = 110 * S, .cause = PT_GAP_NETWORK};
	g_assert_true(pt_backfill_is_restart(&gap, 105 * S));
	g_assert_true(pt_backfill_is_restart(&gap, 99 * S + S / 2)); /* its time is known to a second */
	g_assert_false(pt_backfill_is_restart(&gap, 0));
	g_assert_false(pt_backfill_is_restart(&gap, 98 * S));
	g_assert_false(pt_backfill_is_restart(&gap, 111 * S));
	gap.cause = PT_GAP_HUB; /* that is why, whatever the camera did meanwhile */
	g_assert_false(pt_backfill_is_restart(&gap, 105 * S));
	gap.cause = PT_GAP_NETWORK;
	gap.end_ns = 0;
	g_assert_false(pt_backfill_is_restart(&gap, 105 * S));
}

static void test_rough(void) {
	PtJobRow job = {.camera = "gate", .state = PT_JOB_FOUND, .found_ns = 100 * S};
	PtBackfillCamera camera = {.name = "gate", .ready = true, .wanted = true, .from_min = -1, .rough = true};
	PtBackfillView view = {&job, 1, &camera, 1, .max_running = 1, .now_ns = 105 * S};
	g_assert_cmpint(pt_backfill_next(&view), ==, -1);
	g_assert_cmpstr(pt_backfill_waits(&view, &job), ==, "the camera's clock is being measured");
	view.now_ns = 121 * S; /* then it has to do */
	g_assert_cmpint(pt_backfill_next(&view), ==, 0);
	view.now_ns = 105 * S;
	camera.rough = false;
	g_assert_cmpint(pt_backfill_next(&view), ==, 0);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/backfill-plan/order", test_order);
	g_test_add_func("/backfill-plan/pauses", test_pauses);
	g_test_add_func("/backfill-plan/restart", test_restart);
	g_test_add_func("/backfill-plan/rough", test_rough);
	return g_test_run();
}
