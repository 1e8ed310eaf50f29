/* What the files of the parser share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/clock.h"
#include "rules/parse.h"

typedef struct {
	const PtRuleNames *names;
	const char *const *rules; /* the names of all rules: these raise alarms */
	GPtrArray *problems;
} Parser;

#define PT_RULE_SPAN_MAX (7 * PT_DAY_S * PT_NS_PER_S) /* of a held state, a wait, a time of rest */

/* Says so and returns true when there is none of this name. */
bool pt_parse_dangling(const Parser *p, const PtNode *node, const char *what, const char *name, const char *const *list);
const char *const *pt_parse_names(const Parser *p, PtSubjectKind kind); /* never NULL */
/* The text of a scalar, 1 to 1000 bytes; else a problem and NULL. */
const char *pt_parse_text(const Parser *p, const PtNode *node);
/* A duration that is part of a longer text. */
bool pt_parse_span(const Parser *p, const PtNode *node, const char *key, const char *word, int64_t min, int64_t max,
                   int64_t *ret);
bool pt_parse_subject(const Parser *p, const PtNode *node, PtSubject *ret);
bool pt_parse_daytime(const Parser *p, const PtNode *node, PtDaytime *ret);
bool pt_parse_days(const Parser *p, const PtNode *node, unsigned *ret_days);
/* One trigger or a list of them, appended to `to`; of is NULL for when, the rule's name for what cancels. */
void pt_parse_triggers(const Parser *p, const PtNode *node, const char *of, GPtrArray *to);
void pt_trigger_free(void *trigger);
PtCond *pt_parse_cond(const Parser *p, const PtNode *node); /* NULL: a problem was added */
void pt_cond_free(void *cond);                              /* takes NULL */
void pt_parse_do(const Parser *p, const PtNode *node, PtRule *rule);
void pt_action_free(void *action);
