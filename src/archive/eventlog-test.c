/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/eventlog.h"
#include "archive/journal.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
	char *dir, *db;
	PtEventlogSettings settings;
} Place;

static Place place_new(void) {
	Place p = {.dir = g_dir_make_tmp("pt-log-XXXXXX", NULL)};
	p.db = g_build_filename(p.dir, "events.db", NULL);
	p.settings = (PtEventlogSettings){.path = p.db, .journal_dir = p.dir};
	return p;
}

static void place_clear(Place *p) {
	static const char *const names[] = {"events.db", "events.db-wal", "events.db-shm", "journal.0", "journal.1", ""};
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(p->dir, names[i], NULL);
		g_remove(path);
	}
	g_free(p->dir);
	g_free(p->db);
}

static PtEventlog *open_log(Place *p) {
	g_autoptr(GError) error = NULL;
	PtEventlog *log = pt_eventlog_new(&p->settings, &error);
	g_assert_no_error(error);
	return log;
}

static void append(PtEventlog *log, const char *source, const char *topic, int64_t wall_s, const char *detail) {
	PtEvent what = {.wall_ns = wall_s * PT_NS_PER_S,
	                .mono_ns = 1,
	                .source = source,
	                .topic = topic,
	                .state = "active",
	                .actor = "user/anna",
	                .detail = detail,
	                .initial = true};
	g_autoptr(PtEvent) event = pt_event_new(&what);
	g_assert_true(pt_eventlog_append(log, event, true, NULL));
}

static unsigned count(PtEventlog *log, PtEventlogQuery q) {
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) list = pt_eventlog_query(log, &q, &error);
	g_assert_no_error(error);
	return list->len;
}

static void test_query(void) {
	Place p = place_new();
	PtEventlog *log = open_log(&p);
	for (int i = 0; i < 300; i++) {
		append(log,
		       i % 2   ? "input/door"
		       : i % 4 ? "relay/flood"
		               : "inputs/x",
		       i % 2 ? PT_TOPIC_INPUT : PT_TOPIC_RELAY, 1800000000 + i, "x");
		if (i == 150) /* half of them in the database, half still waiting: nobody sees a difference */
			g_assert_true(pt_eventlog_flush(log, 10 * PT_NS_PER_S));
	}
	for (int round = 0; round < 2; round++) {
		g_assert_cmpuint(count(log, (PtEventlogQuery){0}), ==, 200);
		g_assert_cmpuint(count(log, (PtEventlogQuery){.limit = 1000}), ==, 300);
		g_assert_cmpuint(count(log, (PtEventlogQuery){.limit = 1000, .topic = PT_TOPIC_INPUT}), ==, 150);
		g_assert_cmpuint(count(log, (PtEventlogQuery){.limit = 1000, .source = "input/"}), ==, 150);
		g_assert_cmpuint(count(log, (PtEventlogQuery){.limit = 1000, .source = "input/door"}), ==, 150);
		g_assert_cmpuint(count(log, (PtEventlogQuery){.limit = 1000, .source = "relay/"}), ==, 75);
		g_assert_cmpuint(count(log, (PtEventlogQuery){.limit = 1000, .source = "x' OR 1"}), ==, 0);
		g_assert_cmpuint(count(log, (PtEventlogQuery){.since_ns = 1800000100 * PT_NS_PER_S,
		                                              .until_ns = 1800000110 * PT_NS_PER_S}),
		                 ==, 10);
		PtEventlogQuery page = {.limit = 70};
		int64_t last = INT64_MAX;
		unsigned seen = 0;
		for (bool more = true; more;) {
			g_autoptr(GPtrArray) list = pt_eventlog_query(log, &page, NULL);
			for (guint i = 0; i < list->len; i++, seen++) {
				PtEvent *e = list->pdata[i];
				g_assert_cmpint(e->wall_ns, <, last);
				last = e->wall_ns;
				page.before_id = e->id;
				g_assert_cmpstr(e->actor, ==, "user/anna");
				g_assert_true(e->initial && !e->late);
			}
			more = list->len == page.limit;
		}
		g_assert_cmpuint(seen, ==, 300);
		g_assert_true(pt_eventlog_flush(log, 10 * PT_NS_PER_S));
	}
	pt_eventlog_free(log);
	place_clear(&p);
}

static void test_again(void) {
	Place p = place_new();
	PtEventlog *log = open_log(&p);
	g_autoptr(PtEvent) event = pt_event_now(pt_clock_system(), "relay/r", PT_TOPIC_COMMAND, "on", "user/a", NULL);
	g_assert_true(pt_eventlog_append(log, event, true, NULL));
	g_assert_true(pt_eventlog_append(log, event, false, NULL)); /* the journal's and the bus's: one event */
	g_assert_cmpuint(count(log, (PtEventlogQuery){0}), ==, 1);
	int64_t due = pt_mono_ns(pt_clock_system()) + 5 * PT_NS_PER_S;
	g_assert_true(pt_eventlog_note_off(log, "gate", due, NULL));
	g_assert_true(pt_eventlog_note_off(log, "flood", due, NULL));
	g_assert_true(pt_eventlog_note_off(log, "flood", -1, NULL));
	pt_eventlog_free(log);
	log = open_log(&p);
	g_assert_cmpint(pt_eventlog_off_due(log, "gate"), ==, due);
	g_assert_cmpint(pt_eventlog_off_due(log, "flood"), ==, -1);
	g_assert_cmpuint(pt_eventlog_last_id(log), ==, event->id);
	g_assert_cmpuint(count(log, (PtEventlogQuery){0}), ==, 1);
	pt_eventlog_free(log);
	p.settings.keep_rows = 10;
	log = open_log(&p);
	for (int i = 0; i < 50; i++)
		append(log, "input/a", PT_TOPIC_INPUT, 1800000000 + i, NULL);
	g_assert_true(pt_eventlog_flush(log, 10 * PT_NS_PER_S));
	g_assert_cmpuint(count(log, (PtEventlogQuery){0}), ==, 10);
	pt_eventlog_free(log);
	place_clear(&p);
}

/* A process that appends and says so for each event is killed at some instant; everything it said it had is there. */
static void test_kill(void) {
	for (int round = 0; round < 12; round++) {
		Place p = place_new();
		int pipes[2];
		g_assert_cmpint(pipe(pipes), ==, 0);
		pid_t child = fork();
		if (!child) {
			PtEventlog *log = pt_eventlog_new(&p.settings, NULL);
			if (!log)
				_exit(1);
			for (int i = 0;; i++) {
				char text[20];
				g_snprintf(text, sizeof text, "%d", i);
				PtEvent what = {.wall_ns = (1800000000 + i) * PT_NS_PER_S,
				                .source = "relay/r",
				                .topic = PT_TOPIC_COMMAND,
				                .state = "on",
				                .detail = text};
				PtEvent *event = pt_event_new(&what);
				if (!pt_eventlog_append(log, event, true, NULL) ||
				    !pt_eventlog_note_off(log, "r", i, NULL) || write(pipes[1], &i, sizeof i) != sizeof i)
					_exit(1);
				pt_event_unref(event);
				if (i % 50 == 0)
					g_usleep(1000);
			}
		}
		close(pipes[1]);
		g_usleep(30000 + (gulong)g_random_int_range(0, 250000));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		int last = -1, i;
		while (read(pipes[0], &i, sizeof i) == sizeof i)
			last = i;
		close(pipes[0]);
		PtEventlog *log = open_log(&p);
		PtEventlogQuery q = {.limit = 10000, .oldest_first = true};
		int expected = 0;
		for (bool more = true; more;) {
			g_autoptr(GPtrArray) list = pt_eventlog_query(log, &q, NULL);
			for (guint k = 0; k < list->len; k++, expected++) {
				g_assert_cmpint(atoi(((PtEvent *)list->pdata[k])->detail), ==, expected);
				q.before_id = ((PtEvent *)list->pdata[k])->id;
			}
			more = list->len == 10000;
		}
		g_test_message("killed after %d, found %d", last + 1, expected);
		g_assert_cmpint(expected, >, last);
		g_assert_cmpint(expected, <=, last + 2);
		if (last >= 0)
			g_assert_cmpint(pt_eventlog_off_due(log, "r"), >=, last);
		pt_eventlog_free(log);
		place_clear(&p);
	}
}

static void collect(void *user, const uint8_t *data, size_t size) { g_string_append_len(user, (const char *)data, size); }

static void test_journal(void) {
	Place p = place_new();
	g_autoptr(GString) got = g_string_new(NULL);
	PtJournal *j = pt_journal_open(p.dir, NULL);
	g_assert_true(pt_journal_append(j, "a", 1, true, NULL));
	g_assert_cmpuint(pt_journal_take(j, collect, got), ==, 1);
	g_assert_true(pt_journal_append(j, "b", 1, true, NULL)); /* while the first is carried away */
	pt_journal_close(j);                                     /* died before it was done */
	g_string_truncate(got, 0);
	j = pt_journal_open(p.dir, NULL);
	g_assert_true(pt_journal_append(j, "c", 1, true, NULL));
	pt_journal_take(j, collect, got);
	g_assert_cmpint(strcmp(got->str, "abc") == 0 || strcmp(got->str, "acb") == 0, ==, true);
	pt_journal_done(j);
	g_string_truncate(got, 0);
	pt_journal_take(j, collect, got);
	pt_journal_done(j);
	g_assert_true(pt_journal_empty(j));
	char big[1024];
	memset(big, 'x', sizeof big);
	unsigned n = 0;
	while (pt_journal_append(j, big, sizeof big, false, NULL))
		n++;
	g_assert_cmpuint(n, >, 7000);
	g_assert_true(pt_journal_append(j, big, sizeof big, true, NULL)); /* what must be kept still fits */
	pt_journal_close(j);
	/* half a record at the end, and a damaged one, end what is read and nothing else */
	g_autofree char *path = g_build_filename(p.dir, "journal.0", NULL),
	                *path1 = g_build_filename(p.dir, "journal.1", NULL);
	g_remove(path);
	g_remove(path1);
	j = pt_journal_open(p.dir, NULL);
	for (int i = 0; i < 3; i++)
		g_assert_true(pt_journal_append(j, "abcdefgh", 8, true, NULL));
	pt_journal_close(j);
	for (off_t size = 72; size >= 0; size--) {
		g_assert_cmpint(truncate(path, size), ==, 0);
		j = pt_journal_open(p.dir, NULL);
		g_string_truncate(got, 0);
		g_assert_cmpuint(pt_journal_take(j, collect, got), ==, (unsigned)(size / 24));
		pt_journal_close(j);
	}
	place_clear(&p);
}

static void test_journal_dir(void) {
	Place p = place_new();
	g_autoptr(GError) error = NULL;
	g_setenv("RUNTIME_DIRECTORY", p.dir, TRUE);
	g_autofree char *a = pt_journal_dir("/var/lib/a", &error), *again = pt_journal_dir("/var/lib/../lib/a", NULL);
	g_autofree char *b = pt_journal_dir("/var/lib/b", NULL);
	g_assert_no_error(error);
	g_assert_true(g_str_has_prefix(a, p.dir));
	g_assert_cmpstr(a, ==, again);
	g_assert_cmpstr(a, !=, b);
	GStatBuf st;
	g_assert_cmpint(g_stat(a, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 0777, ==, 0700);
	g_remove(b);
	g_assert_cmpint(symlink(a, b), ==, 0); /* a trap in a place where others may write: not followed */
	g_autofree char *elsewhere = pt_journal_dir("/var/lib/b", NULL);
	g_assert_cmpstr(elsewhere, !=, b);
	if (elsewhere)
		g_remove(elsewhere);
	g_remove(b);
	g_remove(a);
	g_unsetenv("RUNTIME_DIRECTORY");
	place_clear(&p);
}

/* P6: the database is held by somebody else for a while, as by a disk that does not answer; appending does not notice. */
static void test_slow_disk(void) {
	Place p = place_new();
	PtEventlog *log = open_log(&p);
	append(log, "input/a", PT_TOPIC_INPUT, 1800000000, NULL);
	g_assert_true(pt_eventlog_flush(log, 10 * PT_NS_PER_S));
	g_autofree char *command =
	    g_strdup_printf("import sqlite3,time,sys\nc=sqlite3.connect('%s',isolation_level=None)\nc.execute('BEGIN "
	                    "EXCLUSIVE')\nprint('held',"
	                    "flush=True)\ntime.sleep(1.5)\nc.execute('COMMIT')\n",
	                    p.db);
	const char *argv[] = {"/usr/bin/python3", "-c", command, NULL};
	GPid pid;
	int out;
	if (!g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, NULL, &out,
	                              NULL, NULL)) {
		g_test_skip("no python3");
	} else {
		char held[5];
		g_assert_cmpint(read(out, held, sizeof held), >, 0);
		int64_t worst = 0;
		for (int i = 0; i < 1000; i++) {
			int64_t start = pt_mono_ns(pt_clock_system());
			append(log, "input/a", PT_TOPIC_INPUT, 1800000001 + i, NULL);
			worst = MAX(worst, pt_mono_ns(pt_clock_system()) - start);
			g_usleep(500);
		}
		PtEventlogCounters counters;
		pt_eventlog_counters(log, &counters);
		g_test_message("worst append %d us while %u waited", (int)(worst / 1000), counters.waiting);
		g_assert_cmpuint(counters.waiting, >, 500);
		g_assert_cmpint(worst, <, 200 * PT_NS_PER_MS); /* a loaded machine, not a disk */
		g_assert_cmpuint(count(log, (PtEventlogQuery){.limit = 2000}), ==, 1001);
		g_assert_true(pt_eventlog_flush(log, 20 * PT_NS_PER_S));
		waitpid(pid, NULL, 0);
		close(out);
	}
	pt_eventlog_free(log);
	place_clear(&p);
}

/* What happened before stands before, though it came after; told again it is there once. */
static void test_late(void) {
	Place p = place_new();
	PtEventlog *log = open_log(&p);
	append(log, "input/door", PT_TOPIC_INPUT, 1990000010, NULL);
	append(log, "input/door", PT_TOPIC_INPUT, 1990000030, NULL);
	PtEvent what = {.wall_ns = 1990000020 * PT_NS_PER_S,
	                .mono_ns = 20 * PT_NS_PER_S,
	                .noticed_ns = 35 * PT_NS_PER_S,
	                .source = "input/door",
	                .topic = PT_TOPIC_INPUT,
	                .state = "inactive",
	                .past = true};
	for (int i = 0; i < 2; i++) {
		g_autoptr(PtEvent) event = pt_event_new(&what);
		g_assert_true(pt_eventlog_append(log, event, false, NULL));
	}
	g_assert_true(pt_eventlog_flush(log, 10 * PT_NS_PER_S));
	g_autoptr(GPtrArray) list = pt_eventlog_query(log, &(PtEventlogQuery){.oldest_first = true}, NULL);
	g_assert_cmpuint(list->len, ==, 3);
	const PtEvent *event = list->pdata[1];
	g_assert_cmpstr(event->state, ==, "inactive");
	g_assert_true(event->late && event->past && !event->initial);
	g_assert_cmpint(pt_event_told_ns(event), ==, 1990000035 * PT_NS_PER_S);
	for (int i = 0; i < 2; i++) { /* by when they were told, of late ones alone */
		PtEventlogQuery since = {.told_ns = (1990000035 + i) * PT_NS_PER_S};
		g_autoptr(GPtrArray) told = pt_eventlog_query(log, &since, NULL);
		g_assert_cmpuint(told->len, ==, 1 - i);
	}
	pt_eventlog_free(log);
	place_clear(&p);
}

/* A board's clock that was years behind. */
static void test_shift(void) {
	Place p = place_new();
	PtEventlog *log = open_log(&p);
	static const struct {
		int64_t wall_s, mono_s;
		int64_t want_s;
	} all[] = {
	    {1000, 500, 1000},                   /* before that boot, whose clock happened to say the same */
	    {2000, 100, 12000},                  /* begun 100 s after the boot at 2000 */
	    {2010, 110, 12010}, {2011, 0, 2011}, /* on a camera, whose own clock told */
	    {2012, 40, 2012},                    /* of another boot, or by another clock */
	    {12020, 120, 12020}                  /* set meanwhile */
	};
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		PtEvent what = {.wall_ns = all[i].wall_s * PT_NS_PER_S,
		                .mono_ns = all[i].mono_s * PT_NS_PER_S,
		                .noticed_ns = all[i].mono_s * PT_NS_PER_S,
		                .source = "input/door",
		                .topic = PT_TOPIC_INPUT,
		                .state = "active"};
		g_autoptr(PtEvent) event = pt_event_new(&what);
		g_assert_true(pt_eventlog_append(log, event, true, NULL));
	}
	for (int again = 0; again < 2; again++) {
		g_autoptr(GError) error = NULL;
		g_assert_true(pt_eventlog_shift(log, 1990 * PT_NS_PER_S, 1900 * PT_NS_PER_S, 10000 * PT_NS_PER_S, &error));
		g_assert_no_error(error);
		g_autoptr(GPtrArray) list = pt_eventlog_query(log, &(PtEventlogQuery){.oldest_first = true}, NULL);
		g_assert_cmpuint(list->len, ==, G_N_ELEMENTS(all));
		for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
			g_assert_cmpint(((PtEvent *)list->pdata[i])->wall_ns, ==, all[i].want_s * PT_NS_PER_S);
	}
	g_assert_cmpuint(count(log, (PtEventlogQuery){.since_ns = 12000 * PT_NS_PER_S}), ==, 3);
	pt_eventlog_free(log);
	place_clear(&p);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/journal/records", test_journal);
	g_test_add_func("/journal/dir", test_journal_dir);
	g_test_add_func("/eventlog/query", test_query);
	g_test_add_func("/eventlog/again", test_again);
	g_test_add_func("/eventlog/kill", test_kill);
	g_test_add_func("/eventlog/slow-disk", test_slow_disk);
	g_test_add_func("/eventlog/late", test_late);
	g_test_add_func("/eventlog/shift", test_shift);
	return g_test_run();
}
