/* What starts a rule, and the subjects that rules speak of. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"
#include "rules/parse-internal.h"
#include <string.h>

#define TOPIC_MAX 60
#define SOURCE_MAX 100

const char *const pt_subject_words[] = {"input",   "relay", "camera", "camera", "alarm", "storage",
                                        "network", "mode",  "event",  "start",  NULL};
static const char *const input_states[] = {"active", "inactive", "unknown", "fault", NULL};
static const char *const relay_states[] = {"on", "off", "unknown", "fault", NULL};
static const char *const reach_states[] = {"lost", "live", NULL};
static const char *const sight_states[] = {"motion", "still", NULL};
static const char *const all_camera_states[] = {"lost", "live", "motion", "still", NULL};
static const char *const alarm_states[] = {"raised", "acknowledged", "cleared", NULL};

void pt_subject_clear(PtSubject *s) {
	g_free(s->name);
	g_free(s->state);
	g_free(s->topic);
	*s = (PtSubject){0};
}

char *pt_subject_text(const PtSubject *s) {
	if (s->kind == PT_SUBJECT_START)
		return g_strdup("start");
	GString *out = g_string_new(pt_subject_words[s->kind]);
	const char *const words[] = {s->topic, s->name, s->state};
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (words[i])
			g_string_append_printf(out, " %s", words[i]);
	return g_string_free(out, FALSE);
}

static const char *const *states_of(const Parser *p, PtSubjectKind kind) {
	static const char *const none[] = {NULL};
	const char *const *const lists[] = {
	    [PT_SUBJECT_INPUT] = input_states,   [PT_SUBJECT_RELAY] = relay_states,   [PT_SUBJECT_CAMERA] = reach_states,
	    [PT_SUBJECT_SIGHT] = sight_states,   [PT_SUBJECT_ALARM] = alarm_states,   [PT_SUBJECT_STORAGE] = reach_states,
	    [PT_SUBJECT_NETWORK] = reach_states, [PT_SUBJECT_MODE] = p->names->modes,
	};
	return kind < G_N_ELEMENTS(lists) && lists[kind] ? lists[kind] : none;
}

const char *const *pt_parse_names(const Parser *p, PtSubjectKind kind) {
	static const char *const none[] = {NULL};
	const char *const *const lists[] = {p->names->inputs, p->names->relays, p->names->cameras, p->names->cameras};
	return kind < G_N_ELEMENTS(lists) && lists[kind] ? lists[kind] : none;
}

/* on and off as the reader of the file may have left them: yes, True, … */
static const char *canonical_state(const char *word) {
	int value = pt_node_switch_of(word);
	return value < 0 ? word : value ? "on" : "off";
}

/* The kind a state word belongs to, among those that have something of this name. */
static PtSubjectKind kind_of(const Parser *p, const char *name, const char *state) {
	PtSubjectKind by_state = PT_SUBJECTS;
	for (int kind = PT_SUBJECT_INPUT; kind <= PT_SUBJECT_SIGHT; kind++) {
		if (!g_strv_contains(states_of(p, kind), state))
			continue;
		if (g_strv_contains(pt_parse_names(p, kind), name))
			return kind;
		if (by_state == PT_SUBJECTS)
			by_state = kind;
	}
	return by_state;
}

static void no_such_state(const Parser *p, const PtNode *node, const char *what, const char *name, const char *state,
                          const char *const *known) {
	g_autofree char *list = pt_suggest_join(known), *meant = pt_suggest_text(state, known);
	pt_problem(p->problems, node, "'%.40s' is no state of %s%s%s; these are %s%s", state, what, name ? " " : "",
	           name ? name : "", list, meant);
}

static void no_such_plug_state(const Parser *p, const PtNode *node, const char *name, const char *state) {
	for (int kind = PT_SUBJECT_INPUT; kind <= PT_SUBJECT_SIGHT; kind++)
		if (g_strv_contains(pt_parse_names(p, kind), name)) {
			no_such_state(p, node, pt_subject_words[kind], name, state,
			              kind == PT_SUBJECT_CAMERA ? all_camera_states : states_of(p, kind));
			return;
		}
	pt_problem(
	    p->problems, node,
	    "'%.40s' is no state: write active or inactive for an input, on or off for a relay, lost, live, motion or still "
	    "for a camera",
	    state);
}

/* "storage lost", "mode night": of what there is one alone. */
static bool single_subject(const Parser *p, const PtNode *node, PtSubjectKind kind, const char *state, PtSubject *ret) {
	const char *const *known = states_of(p, kind);
	if (!g_strv_contains(known, state)) {
		no_such_state(p, node, pt_subject_words[kind], NULL, state, known);
		return false;
	}
	*ret = (PtSubject){.kind = kind, .state = g_strdup(state)};
	return true;
}

/* "alarm night door raised": names of rules have spaces. */
static bool alarm_subject(const Parser *p, const PtNode *node, char **words, guint n, PtSubject *ret) {
	const char *state = words[n - 1];
	g_autoptr(GString) name = g_string_new(words[1]);
	for (guint i = 2; i + 1 < n; i++)
		g_string_append_printf(name, " %s", words[i]);
	if (!g_strv_contains(alarm_states, state)) {
		no_such_state(p, node, "alarm", name->str, state, alarm_states);
		return false;
	}
	if (!(p->names->zones && g_strv_contains(p->names->zones, name->str)) &&
	    pt_parse_dangling(p, node, "rule or zone", name->str, p->rules))
		return false;
	*ret = (PtSubject){.kind = PT_SUBJECT_ALARM, .name = g_strdup(name->str), .state = g_strdup(state)};
	return true;
}

static bool is_plug(const Parser *p, const char *name) {
	for (int kind = PT_SUBJECT_INPUT; kind <= PT_SUBJECT_CAMERA; kind++)
		if (g_strv_contains(pt_parse_names(p, kind), name))
			return true;
	return false;
}

/* words[0..n): "door active" | "relay gate on" | "mode night" | "start"; words end with NULL behind n. */
static bool subject_of_words(const Parser *p, const PtNode *node, char **words, guint n, PtSubject *ret) {
	int kind = PT_SUBJECTS;
	if (n == 1 && !strcmp(words[0], "start")) {
		*ret = (PtSubject){.kind = PT_SUBJECT_START, .state = g_strdup("start")};
		return true;
	}
	for (int k = PT_SUBJECT_STORAGE; n == 2 && k <= PT_SUBJECT_MODE; k++)
		if (!strcmp(words[0], pt_subject_words[k]) && !is_plug(p, words[0]))
			return single_subject(p, node, k, words[1], ret);
	if (n > 2 && !strcmp(words[0], "alarm"))
		return alarm_subject(p, node, words, n, ret);
	for (int k = PT_SUBJECT_INPUT; n == 3 && k <= PT_SUBJECT_CAMERA; k++)
		if (!strcmp(words[0], pt_subject_words[k]))
			kind = k;
	if (n != 2 && !(n == 3 && kind != PT_SUBJECTS)) {
		pt_problem(p->problems, node,
		           "'%.60s' is not understood: write NAME STATE, such as 'door active', 'flood on', 'camera gate "
		           "lost', 'mode night', or 'start'",
		           node->text);
		return false;
	}
	const char *name = words[n - 2], *state = canonical_state(words[n - 1]);
	if (n == 2)
		kind = kind_of(p, name, state);
	else if (kind == PT_SUBJECT_CAMERA && g_strv_contains(sight_states, state))
		kind = PT_SUBJECT_SIGHT;
	if (kind == PT_SUBJECTS || !g_strv_contains(states_of(p, kind), state)) {
		no_such_plug_state(p, node, name, state);
		return false;
	}
	if (pt_parse_dangling(p, node, pt_subject_words[kind], name, pt_parse_names(p, kind)))
		return false;
	*ret = (PtSubject){.kind = kind, .name = g_strdup(name), .state = g_strdup(state)};
	return true;
}

bool pt_parse_subject(const Parser *p, const PtNode *node, PtSubject *ret) {
	const char *text = pt_parse_text(p, node);
	if (!text)
		return false;
	g_auto(GStrv) words = g_strsplit(text, " ", 12);
	return subject_of_words(p, node, words, g_strv_length(words), ret);
}

/* ---- triggers ---- */

void pt_trigger_free(void *data) {
	PtTrigger *t = data;
	pt_subject_clear(&t->subject);
	g_free(t->text);
	g_free(t);
}

/* Takes the last `count` words off. */
static void cut(char **words, guint *n, guint count) {
	for (; count; count--)
		g_clear_pointer(&words[--*n], g_free);
}

/* "door silent", "camera gate silent", "network silent" is none: of what reports by itself. */
static bool silent_subject(const Parser *p, const PtNode *node, char **words, guint n, PtSubject *ret) {
	const char *name = words[n - 2];
	int from = PT_SUBJECT_INPUT, to = PT_SUBJECT_SIGHT;
	for (int k = from; n == 3 && k <= to; k++)
		if (!strcmp(words[0], pt_subject_words[k])) {
			from = to = k;
			break;
		}
	for (int kind = from; (n == 2 || from == to) && kind <= to; kind++)
		if (g_strv_contains(pt_parse_names(p, kind), name)) {
			*ret =
			    (PtSubject){.kind = kind == PT_SUBJECT_CAMERA ? PT_SUBJECT_SIGHT : kind, .name = g_strdup(name)};
			return true;
		}
	pt_problem(p->problems, node, "there is no input, relay or camera named '%.60s' that could be silent", name);
	return false;
}

/* "door active for 10s", "door active 3 times in 1min", "door silent for 1d" */
static bool trigger_of_text(const Parser *p, const PtNode *node, PtTrigger *t) {
	const char *text = pt_parse_text(p, node);
	if (!text)
		return false;
	g_auto(GStrv) words = g_strsplit(text, " ", 16);
	guint n = g_strv_length(words);
	if (n > 2 && !strcmp(words[n - 2], "for")) {
		if (!pt_parse_span(p, node, "for", words[n - 1], PT_NS_PER_MS, PT_RULE_SPAN_MAX, &t->held_ns))
			return false;
		cut(words, &n, 2);
	} else if (n > 4 && !strcmp(words[n - 3], "times") && !strcmp(words[n - 2], "in")) {
		guint64 times;
		if (!g_ascii_string_to_unsigned(words[n - 4], 10, 2, PT_WHEN_TIMES_MAX, &times, NULL)) {
			pt_problem(p->problems, node, "'%.20s times': must be 2 to %d", words[n - 4], PT_WHEN_TIMES_MAX);
			return false;
		}
		t->times = (unsigned)times;
		if (!pt_parse_span(p, node, "in", words[n - 1], PT_NS_PER_MS, PT_RULE_SPAN_MAX, &t->within_ns))
			return false;
		cut(words, &n, 4);
	}
	if (n >= 2 && !strcmp(words[n - 1], "silent")) {
		t->kind = PT_WHEN_SILENT;
		if (!t->held_ns)
			pt_problem(p->problems, node, "silent for how long? write 'door silent for 1d'");
		return t->held_ns && silent_subject(p, node, words, n, &t->subject);
	}
	return subject_of_words(p, node, words, n, &t->subject);
}

/* { event: TOPIC, source: input/door, state: active, for: 10s, times: 3, in: 1min } */
static bool trigger_of_event(const Parser *p, const PtNode *node, PtTrigger *t) {
	static const char *const known[] = {"event", "source", "state", "for", "times", "in", NULL};
	PtSubject *s = &t->subject;
	int64_t times = 0;
	if (!pt_node_check_keys(node, known, p->problems))
		return false;
	s->kind = PT_SUBJECT_EVENT;
	bool ok = pt_node_read_text(pt_node_get(node, "event"), &s->topic, p->problems);
	pt_node_read_text(pt_node_get(node, "source"), &s->name, p->problems);
	const PtNode *state = pt_node_get(node, "state"), *span = pt_node_get(node, "for"), *in = pt_node_get(node, "in");
	if (state && pt_node_read_text(state, &s->state, p->problems)) {
		char *plain = g_strdup(canonical_state(s->state));
		g_free(s->state);
		s->state = plain;
	}
	if (ok && (strlen(s->topic) > TOPIC_MAX || (s->name && strlen(s->name) > SOURCE_MAX)))
		pt_problem(p->problems, node, "topic or source is too long (%d and %d bytes)", TOPIC_MAX, SOURCE_MAX);
	pt_node_read_duration(span, PT_NS_PER_MS, PT_RULE_SPAN_MAX, &t->held_ns, p->problems);
	if (span && (!s->name || !s->state))
		pt_problem(p->problems, span, "of what? a state that lasts needs source and state");
	if (pt_node_read_integer(pt_node_get(node, "times"), 2, PT_WHEN_TIMES_MAX, &times, p->problems))
		t->times = (unsigned)times;
	pt_node_read_duration(in, PT_NS_PER_MS, PT_RULE_SPAN_MAX, &t->within_ns, p->problems);
	if (!t->times != !t->within_ns)
		pt_problem(p->problems, node, "times and in go together: write { times: 3, in: 1min }");
	if (t->times && t->held_ns)
		pt_problem(p->problems, span, "for and times exclude one another");
	return ok;
}

/* { at: sunset-15min, days: workdays } | { cron: "0 7 * * mon-fri" } */
static bool trigger_of_time(const Parser *p, const PtNode *node, PtTrigger *t) {
	static const char *const known[] = {"at", "days", "cron", NULL};
	const PtNode *at = pt_node_get(node, "at"), *cron = pt_node_get(node, "cron"), *days = pt_node_get(node, "days");
	if (!pt_node_check_keys(node, known, p->problems))
		return false;
	t->kind = PT_WHEN_TIME;
	if (at && cron) {
		pt_problem(p->problems, cron, "at and cron exclude one another");
		return false;
	}
	const char *text = pt_parse_text(p, at ? at : cron);
	if (!text)
		return false;
	t->text = g_strdup(text);
	t->schedule.days = 0x7f;
	if (at)
		return pt_parse_daytime(p, at, &t->schedule.at) && (!days || pt_parse_days(p, days, &t->schedule.days));
	if (days)
		pt_problem(p->problems, days, "goes with at; cron has its days in its last field");
	g_autofree char *problem = pt_schedule_parse_cron(text, &t->schedule);
	if (problem)
		pt_problem(p->problems, cron, "%s", problem);
	return !problem;
}

static bool parse_trigger(const Parser *p, const PtNode *node, const char *of, PtTrigger *t) {
	if (of && node->kind == PT_NODE_SCALAR && node->text && !strcmp(node->text, "acknowledged")) {
		t->subject = (PtSubject){.kind = PT_SUBJECT_ALARM, .name = g_strdup(of), .state = g_strdup("acknowledged")};
		return true;
	}
	if (node->kind != PT_NODE_MAP)
		return trigger_of_text(p, node, t);
	if (pt_node_get(node, "event"))
		return trigger_of_event(p, node, t);
	if (pt_node_get(node, "at") || pt_node_get(node, "cron"))
		return trigger_of_time(p, node, t);
	pt_problem(p->problems, node,
	           "holds none of event, at and cron: write { event: TOPIC, source: … }, { at: \"7:30\" } "
	           "or { cron: \"0 7 * * *\" }");
	return false;
}

static void add_trigger(const Parser *p, const PtNode *node, const char *of, GPtrArray *to) {
	PtTrigger *t = g_new0(PtTrigger, 1);
	bool ok = parse_trigger(p, node, of, t);
	if (ok && of && (t->kind != PT_WHEN_STATE || t->held_ns || t->times)) {
		pt_problem(p->problems, node, "a state ends it as soon as it is reached: write NAME STATE alone");
		ok = false;
	}
	if (ok)
		g_ptr_array_add(to, t);
	else
		pt_trigger_free(t);
}

void pt_parse_triggers(const Parser *p, const PtNode *node, const char *of, GPtrArray *to) {
	if (node->kind != PT_NODE_LIST) {
		add_trigger(p, node, of, to);
		return;
	}
	if (!pt_node_count(node))
		pt_problem(p->problems, node, "is an empty list");
	for (unsigned i = 0; i < pt_node_count(node); i++)
		add_trigger(p, pt_node_at(node, i), of, to);
}
