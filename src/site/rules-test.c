/* Rules of a site file: what is taken, what is refused and with which words, and that the printed text means the same. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "site/config.h"
#include <stdlib.h>
#include <string.h>

#define SITE                                                                                                                \
	"site: { timezone: UTC, location: [52.5, 13.4], holidays: days.txt }\n"                                             \
	"cameras: { gate: { source: test:clock } }\n"                                                                       \
	"inputs: { door: { driver: virtual, channel: 1 }, storage: { driver: virtual, channel: 2 } }\n"                     \
	"relays: { flood: { driver: virtual, channel: 1 } }\nnotify: { all: { push: all, group: 5s }, desk: { ntfy: "       \
	"https://ntfy.example/t, quiet: "                                                                                   \
	"[\"22:00\", \"6:30\"], group: 30s, expires: 2h }, office: { mail: [a@b.example, c@d.example], smtp: "              \
	"smtp://localhost, from: hub@b.example }, guard: { sia: udp://localhost:9, account: \"0123\", format: adm-cid, "    \
	"receiver: 2, line: 3, supervise: 90s } }\nmqtt: { "                                                                \
	"broker: mqtt://localhost }\n"                                                                                      \
	"talk: { messages: sounds, voice: de }\n"                                                                           \
	"rules:\n  night watch: { when: start, do: { alarm: x } }\n"
#define DO ", do: { log: x } }\n"
#define RULE "  r: "

/* What is wrong; NULL: nothing. */
static const struct {
	const char *rule, *problem;
} cases[] = {
    {"{ when: door active 3 times in 1min" DO, NULL},
    {"{ when: door active 1 times in 1min" DO, "'1 times': must be 2 to 1000"},
    {"{ when: door active 3 times in 1" DO, "rules.r.when.in: "},
    {"{ when: door silent for 1d" DO, NULL},
    {"{ when: camera gate silent for 1d" DO, NULL},
    {"{ when: door active, do: { notify: { to: guard, text: x, code: \"3130\", zone: 7 } } }\n", NULL},
    {"{ when: door active, do: { notify: { to: desk, text: \"{input} {state}\", camera: gate, priority: 5 } } }\n", NULL},
    {"{ when: door active, do: { notify: \"{inptu}\" } }\n", "did you mean input?"},
    {"{ when: door active, do: { notify: { to: guard, text: x, code: BA } } }\n", "such as 1130 (Contact ID)"},
    {"{ when: door active, do: { notify: { to: desk, text: x, code: BA } } }\n", "and desk is none"},
    {"{ when: door active, do: { notify: { text: x, camera: gat } } }\n", "no camera named 'gat'"},
    {"{ when: door active, do: { webhook: { url: \"https://x.example/a\", body: \"{time}\" } } }\n", NULL},
    {"{ when: door active, do: { webhook: { url: \"https://x.example/a\", method: GET, body: x } } }\n", "GET"},
    {"{ when: door active, do: [{ snapshot: gate }, { snapshot: { camera: gate, before: 1s } }] }\n", NULL},
    {"{ when: door active, do: { snapshot: gat } }\n", "no camera named 'gat' (did you mean gate?)"},
    {"{ when: door active, do: { snapshot: { camera: gate, after: 1s } } }\n", "after"},
    {"{ when: door silent" DO, "silent for how long?"},
    {"{ when: dor silent for 1h" DO, "no input, relay or camera named 'dor'"},
    {"{ when: storage active" DO, NULL}, /* an input of that name comes first */
    {"{ when: network lost" DO, NULL},
    {"{ when: network gone" DO, "'gone' is no state of network; these are lost, live"},
    {"{ when: mode away" DO, NULL},
    {"{ when: mode awy" DO, "'awy' is no state of mode; these are disarmed, home, night, away (did you mean away?)"},
    {"{ when: alarm night watch raised" DO, NULL},
    {"{ when: alarm night wtch raised" DO, "no rule or zone named 'night wtch' (did you mean night watch?)"},
    {"{ when: alarm r going" DO, "'going' is no state of alarm r; these are raised, acknowledged, cleared"},
    {"{ when: { event: tamper, source: camera/gate, state: active, for: 1min }" DO, NULL},
    {"{ when: { event: tamper, for: 1min }" DO, "needs source and state"},
    {"{ when: { event: tamper, times: 3 }" DO, "times and in go together"},
    {"{ when: { event: tamper, sorce: x }" DO, "did you mean source?"},
    {"{ when: { source: x }" DO, "holds none of event, at and cron"},
    {"{ when: { at: \"7:30\", days: [workdays, sun] }" DO, NULL},
    {"{ when: { at: sunset-15min }" DO, NULL},
    {"{ when: { at: \"25:00\" }" DO, "is no time of day"},
    {"{ when: { at: \"7:30\", days: moon }" DO, "did you mean mon?"},
    {"{ when: { cron: \"*/5 8-17 * jan,jul mon-fri\" }" DO, NULL},
    {"{ when: { cron: \"0 7 * *\" }" DO, "has 4 fields: cron has five"},
    {"{ when: { cron: \"60 7 * * *\" }" DO, "'60' is no minute"},
    {"{ when: { cron: \"0 7 * * fry\" }" DO, "'fry' is no day of the week"},
    {"{ when: { cron: \"0 7-5 * * *\" }" DO, "'7-5' is no hour"},
    {"{ when: { cron: \"0 7 * * *\", days: mon }" DO, "cron has its days in its last field"},
    {"{ when: { at: \"7:00\", cron: \"0 7 * * *\" }" DO, "exclude one another"},
    {"{ when: start, if: [{ mode: [night, away] }, { holiday: false }]" DO, NULL},
    {"{ when: start, if: { mode: naight }" DO, "no mode named 'naight' (did you mean night?)"},
    {"{ when: start, if: { holiday: maybe }" DO, "holiday: 'maybe'"},
    {"{ when: start, do: [{ mode: away }, { show: gate }, { light: { camera: gate, ir-cut: auto } }, { light: { camera: "
     "gate, "
     "lamp: tt:WhiteLight|On } }] }\n",
     NULL},
    {"{ when: start, do: { mode: awy } }\n", "no mode named 'awy'"},
    {"{ when: start, do: { show: gaet } }\n", "did you mean gate?"},
    {"{ when: start, do: { light: { camera: gate } } }\n", "write { camera: NAME, ir-cut: on|off|auto }"},
    {"{ when: start, do: { alarm: { procedure: run } } }\n", "has no text"},
    {"{ when: start, do: { alarm: { text: x, procedure: \"call: 110\", camera: gate, priority: 5 } } }\n", NULL},
    {"{ when: start, do: { alarm: { text: x, priority: 6 } } }\n", "from 1 to 5"},
    {"{ when: start, do: [{ log: x }, { wait: 10s }, { log: y }], cancel: [door inactive, acknowledged], running: restart, "
     "repeat: { every: 5min, times: 3 } }\n",
     NULL},
    {"{ when: start, do: { log: x }, cancel: door inactive }\n", "the rule holds no wait and no repeat"},
    {"{ when: start, do: { wait: 1s }, cancel: door inactive for 2s }\n", "write NAME STATE alone"},
    {"{ when: start, do: { wait: 1 } }\n", "the unit is missing"},
    {"{ when: start, do: { wait: 1s }, repeat: { every: 5min } }\n", "needs both"},
    {"{ when: start, do: { wait: 1s }, running: twice }\n", "'twice' is not one of ignore, restart"},
    {"{ when: start, do: { mqtt: { topic: a/b, payload: \"{}\", retain: on } } }\n", NULL},
    {"{ when: start, do: { mqtt: { topic: a/+, payload: x } } }\n", "is no topic to publish to"},
    {"{ when: start, do: { mqtt: { topic: \"a\\u0007\", payload: x } } }\n", "is no topic to publish to"},
    {"{ when: start, do: { mqtt: { topic: a } } }\n", "needs both"},
    {"{ when: start, do: [{ say: { camera: gate, text: \"{input}\" } }, { say: { camera: gate, file: chime.wav } }] }\n",
     NULL},
    {"{ when: start, do: { say: { camera: gate } } }\n", "write { camera: NAME, text: what it says }"},
    {"{ when: start, do: { say: { camera: gate, text: x, file: chime.wav } } }\n",
     "write { camera: NAME, text: what it says }"},
    {"{ when: start, do: { say: { camera: gate, text: \"{inptu}\" } } }\n", "did you mean input?"},
    {"{ when: start, do: { say: { camera: gate, file: chme.wav } } }\n",
     "there is no file in talk.messages named 'chme.wav' (did you mean chime.wav?)"},
    {"{ when: start, do: { say: { camera: gate, file: ../days.txt } } }\n", "no file in talk.messages named '../days.txt'"},
    {"{ when: acknowledged" DO, "'acknowledged' is not understood"},
};

static PtSite *load(const char *dir, const char *text, GPtrArray *problems) {
	g_autofree char *path = g_build_filename(dir, "site.yaml", NULL), *days = g_build_filename(dir, "days.txt", NULL);
	PtSite *site = NULL;
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	g_autofree char *sounds = g_build_filename(dir, "sounds", NULL),
	                *chime = g_build_filename(sounds, "chime.wav", NULL);
	g_assert_true(g_file_set_contents(days, "2026-12-25 # Christmas\n01-01\n", -1, NULL));
	g_assert_false(g_mkdir_with_parents(sounds, 0700));
	g_assert_true(g_file_set_contents(chime, "", -1, NULL));
	pt_site_load(path, &site, problems);
	return site;
}

static void test_cases(void) {
	g_autofree char *dir = g_dir_make_tmp("pt-rules-XXXXXX", NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) problems = pt_problems_new();
		g_autofree char *text = g_strconcat(SITE RULE, cases[i].rule, NULL);
		g_autoptr(PtSite) site = load(dir, text, problems);
		g_ptr_array_add(problems, NULL);
		g_autofree char *all = g_strjoinv("\n", (char **)problems->pdata);
		g_test_message("%s -> %s", cases[i].rule, all);
		g_assert_true((site != NULL) == (cases[i].problem == NULL));
		g_assert_true(!cases[i].problem || strstr(all, cases[i].problem));
		if (!site)
			continue;
		g_autoptr(GPtrArray) again = pt_problems_new();
		g_autofree char *printed = pt_site_print(site);
		g_autoptr(PtSite) same = load(dir, printed, again);
		g_test_message("%s", printed);
		g_assert_cmpuint(again->len, ==, 0);
		g_autofree char *twice = pt_site_print(same);
		g_assert_cmpstr(twice, ==, printed);
	}
	g_autofree char *rm = g_strdup_printf("rm -r '%s'", dir);
	g_assert_cmpint(system(rm), ==, 0);
}

static void test_holidays(void) {
	static const char calendar[] = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\n"
	                               "DTEND;VALUE=DATE:20261227\r\nSUMMARY:Christmas\r\nEND:VEVENT\r\n"
	                               "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270101\r\nEND:VEVENT\r\n"
	                               "BEGIN:VTIMEZONE\r\nBEGIN:DAYLIGHT\r\nDTSTART:19700329T020000\r\n"
	                               "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\n"
	                               "BEGIN:VEVENT\r\nRRULE:FREQ=YEARLY;INTERVAL=1\r\nDTSTART;VALUE=DATE:20101003\r\n"
	                               "END:VEVENT\r\nEND:VCALENDAR\r\n";
	static const struct {
		const char *text, *problem;
	} bad[] = {
	    {"2026-12-25\n2026-13-01\n", "line 2: '2026-13-01' is no date"},
	    {"2026-02-29", "line 1"},
	    {"2-29", "line 1"},
	    {"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:soon\n", "line 3: 'DTSTART:soon' holds no date"},
	    {"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20000101\nDTEND:20260101\nEND:VEVENT\n",
	     "line 5: an event of more than 366 days"},
	    {"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260525\nRRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO\nEND:VEVENT\n",
	     "line 4: 'RRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO' is not understood"},
	    {"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260525\nRRULE:FREQ=YEARLY;\n COUNT=2\nEND:VEVENT\n", "line 4: "},
	    {"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260525\nRRULE:FREQ=WEEKLY\nEND:VEVENT\n", "line 4: "}};
	char *problem = NULL;
	PtHolidays *h = pt_holidays_parse("# ours\n2026-12-25 Christmas\n\n12-31\n02-29 # leap years\n", &problem);
	g_assert_cmpstr(problem, ==, NULL);
	g_assert_cmpuint(pt_holidays_count(h), ==, 3);
	g_assert_true(pt_holidays_has(h, 20812));                              /* 2026-12-25 */
	g_assert_false(pt_holidays_has(h, 21177));                             /* 2027-12-25 */
	g_assert_true(pt_holidays_has(h, 20818) && pt_holidays_has(h, 21183)); /* the last of each year */
	g_assert_true(pt_holidays_has(h, 21243));                              /* 2028-02-29 */
	pt_holidays_unref(h);
	h = pt_holidays_parse(calendar, &problem);
	g_assert_cmpstr(problem, ==, NULL);
	g_assert_true(pt_holidays_has(h, 20812) && pt_holidays_has(h, 20813) && pt_holidays_has(h, 20819));
	g_assert_false(pt_holidays_has(h, 20814) || pt_holidays_has(h, 20820));
	g_assert_true(pt_holidays_has(h, 20729) && pt_holidays_has(h, 21094)); /* the third of October of 2026 and 2027 */
	pt_holidays_unref(h);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *what = NULL;
		g_assert_null(pt_holidays_parse(bad[i].text, &what));
		g_test_message("%s", what);
		g_assert_nonnull(strstr(what, bad[i].problem));
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rules/cases", test_cases);
	g_test_add_func("/rules/holidays", test_holidays);
	return g_test_run();
}
