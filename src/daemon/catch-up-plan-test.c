/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/catch-up-plan.h"
#include <string.h>

/* "door active 1000": input/door, in ms; "door active 1000 initial". */
typedef struct {
	const char *what, *camera, *log;
	const char *want; /* what is not known */
} Case;

static const Case cases[] = {
    {"nothing was heard", "door active 1000,door inactive 2000", "", "door active 1000,door inactive 2000"},
    {"all was heard, a little later", "door active 1000,door inactive 2000", "door active 1010,door inactive 2400", ""},
    {"the end of it was heard", "door active 1000,door inactive 2000", "door inactive 2001", "door active 1000"},
    {"another state", "door active 1000", "door inactive 1000", "door active 1000"},
    {"another door", "door active 1000", "gate active 1000", "door active 1000"},
    {"too long before, and over too long after", "door active 5000,door inactive 6000", "door active 7600,door active 4600",
     "door active 5000,door inactive 6000"},
    {"it lasted until somebody listened", "door active 5000", "door active 9000", ""},
    {"its last one did", "door active 5000,door inactive 6000,door active 7000,door inactive 99000",
     "door active 90000,door inactive 99005", "door active 5000,door inactive 6000"},
    {"the state at the start is none", "door active 1000", "door active 1200 initial", "door active 1000"},
    {"one that was heard stands for one", "door active 1000,door active 1900", "door active 1905", "door active 1000"},
    {"fetched before, by a clock a little off", "door active 1000,door inactive 1400", "door active 998,door inactive 1398",
     ""},
};

static int64_t read_one(const char *text, char **ret_source, const char **ret_state, bool *ret_initial) {
	g_auto(GStrv) words = g_strsplit(text, " ", -1);
	*ret_source = g_strconcat("input/", words[0], NULL);
	*ret_state = !strcmp(words[1], "active") ? "active" : "inactive";
	*ret_initial = words[3] != NULL;
	return g_ascii_strtoll(words[2], NULL, 10) * PT_NS_PER_MS;
}

static void test_mark(const void *data) {
	const Case *c = data;
	g_autoptr(GArray) past = pt_past_new();
	g_autoptr(GPtrArray) log = g_ptr_array_new_with_free_func((GDestroyNotify)pt_event_unref);
	g_auto(GStrv) told = g_strsplit(c->camera, ",", -1), heard = g_strsplit(c->log, ",", -1);
	bool initial;
	for (char **t = told; *t; t++) {
		PtPast p = {.topic = PT_TOPIC_INPUT};
		p.wall_ns = read_one(*t, &p.source, &p.state, &initial);
		g_array_append_val(past, p);
	}
	for (char **t = heard; *t; t++) {
		g_autofree char *source = NULL;
		PtEvent what = {.topic = PT_TOPIC_INPUT};
		what.wall_ns = read_one(*t, &source, &what.state, &what.initial);
		what.source = source;
		g_ptr_array_add(log, pt_event_new(&what));
	}
	pt_past_mark(past, log, (PtPastSlack){300 * PT_NS_PER_MS, 2000 * PT_NS_PER_MS});
	g_autoptr(GString) got = g_string_new(NULL);
	for (guint i = 0; i < past->len; i++)
		if (!g_array_index(past, PtPast, i).known)
			g_string_append_printf(got, "%s%s", got->len ? "," : "", told[i]);
	g_assert_cmpstr(got->str, ==, c->want);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strconcat("/catch-up-plan/", cases[i].what, NULL);
		g_test_add_data_func(path, &cases[i], test_mark);
	}
	return g_test_run();
}
