/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"
#include "base/clock.h"
#include <glib.h>
#include <unistd.h>

static PtLoop *loop;
static GString *trail;

static void note(void *data) { g_string_append(trail, data); }

static void test_post(void) {
	trail = g_string_new(NULL);
	loop = pt_loop_new("test");
	pt_loop_post(loop, note, (void *)"a");
	pt_loop_post(loop, note, (void *)"b");
	pt_loop_call(loop, note, (void *)"c");
	g_assert_cmpstr(trail->str, ==, "abc");
	pt_loop_free(loop);
	g_string_free(trail, TRUE);
}

typedef struct {
	PtTimer timer;
	const char *name;
} Named;

static Named timers[40];
static GMutex lock;
static GCond cond;
static int fired;

static void due(PtTimer *timer) {
	g_mutex_lock(&lock);
	g_string_append(trail, ((Named *)timer)->name);
	fired++;
	g_cond_signal(&cond);
	g_mutex_unlock(&lock);
}

static void set_timers(void *data) {
	int64_t now = pt_mono_ns(pt_clock_system());
	static const int order[] = {3, 1, 4, 0, 2};
	static const char *const names[] = {"0", "1", "2", "3", "4"};
	for (int i = 0; i < 5; i++) {
		timers[i] = (Named){.timer.due = due, .name = names[order[i]]};
		pt_timer_set_at(loop, &timers[i].timer, now + order[i] * PT_NS_PER_MS);
	}
	pt_timer_cancel(&timers[1].timer);
}

static void test_timers(void) {
	trail = g_string_new(NULL);
	fired = 0;
	loop = pt_loop_new("test");
	pt_loop_call(loop, set_timers, NULL);
	g_mutex_lock(&lock);
	while (fired < 4)
		g_cond_wait(&cond, &lock);
	g_mutex_unlock(&lock);
	g_assert_cmpstr(trail->str, ==, "0234");
	pt_loop_free(loop);
	g_string_free(trail, TRUE);
}

static PtWatch watches[2];
static int pipes[2][2];

/* Both are ready in one batch; whichever comes first removes the other, which must then stay silent. */
static void ready(PtWatch *watch, uint32_t events) {
	pt_watch_remove(&watches[0]);
	pt_watch_remove(&watches[1]);
	fired++;
}

static void add_watches(void *data) {
	for (int i = 0; i < 2; i++) {
		g_assert_cmpint(pipe(pipes[i]), ==, 0);
		g_assert_cmpint(write(pipes[i][1], "x", 1), ==, 1);
		watches[i] = (PtWatch){.ready = ready};
		g_assert_cmpint(pt_watch_add(loop, &watches[i], pipes[i][0], EPOLLIN), ==, 0);
	}
}

static void test_watch(void) {
	fired = 0;
	loop = pt_loop_new("test");
	pt_loop_call(loop, add_watches, NULL);
	g_usleep(20000);
	pt_loop_free(loop);
	g_assert_cmpint(fired, ==, 1);
	for (int i = 0; i < 2; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/loop/post", test_post);
	g_test_add_func("/loop/timers", test_timers);
	g_test_add_func("/loop/watch", test_watch);
	return g_test_run();
}
