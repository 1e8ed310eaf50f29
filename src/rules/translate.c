/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/translate.h"
#include <string.h>

static const struct {
	const char *topic, *kind; /* kind of its source; NULL: the source is what follows, and has no name */
	const char *source;
	PtSubjectKind subject;
	bool prompt;
} table[] = {
    {PT_TOPIC_INPUT, "input", NULL, PT_SUBJECT_INPUT, true},
    {PT_TOPIC_RELAY, "relay", NULL, PT_SUBJECT_RELAY, true},
    {PT_TOPIC_MODE, NULL, PT_SOURCE_MODE, PT_SUBJECT_MODE, true},
    {PT_TOPIC_ALARM, "alarm", NULL, PT_SUBJECT_ALARM, true},
    {PT_TOPIC_STREAM, "camera", NULL, PT_SUBJECT_CAMERA, false},
    {PT_TOPIC_MOTION, "camera", NULL, PT_SUBJECT_SIGHT, false},
    {PT_TOPIC_NETWORK, NULL, PT_SOURCE_NETWORK, PT_SUBJECT_NETWORK, false},
    {PT_TOPIC_STORAGE, NULL, "archive", PT_SUBJECT_STORAGE, false},
};

/* The bus says what is the case with a thing (active, inactive); a rule says what it means. */
static const char *meaning(PtSubjectKind kind, const char *state) {
	bool active = !strcmp(state, "active"), inactive = !strcmp(state, "inactive");
	if (kind == PT_SUBJECT_SIGHT && (active || inactive))
		return active ? "motion" : "still";
	if (kind == PT_SUBJECT_STORAGE && (active || inactive))
		return active ? "lost" : "live";
	return state;
}

void pt_rules_translate(const PtEvent *event, PtRulesEvent *ret) {
	*ret = (PtRulesEvent){.kind = PT_SUBJECT_EVENT,
	                      .state = event->state,
	                      .topic = event->topic,
	                      .source = event->source,
	                      .initial = event->initial,
	                      .late = event->late,
	                      .past = event->past,
	                      .wall_ns = event->wall_ns};
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		if (strcmp(event->topic, table[i].topic))
			continue;
		const char *name = table[i].kind ? pt_event_name(event, table[i].kind) : NULL;
		if (table[i].kind ? !name : strcmp(event->source, table[i].source))
			continue;
		ret->kind = table[i].subject;
		ret->name = name;
		ret->state = meaning(ret->kind, event->state);
		return;
	}
}

bool pt_rules_is_prompt(const PtEvent *event) {
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
		if (!strcmp(event->topic, table[i].topic))
			return table[i].prompt;
	return false;
}
