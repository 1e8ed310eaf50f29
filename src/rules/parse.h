/* The rules of a site file: nodes in, structs out, every problem with its file and line. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/node.h"
#include "rules/rules.h"

/* The names that exist, to find dangling ones; NULL-terminated each, NULL: there are none. */
typedef struct {
	const char *const *inputs, *const *relays, *const *cameras, *const *targets, *const *modes;
	const char *const *zones;    /* of the alarm centre; rules raise alarms of their own names */
	const char *const *tokens;   /* of the secrets file */
	const char *const *messages; /* sound files that can be played */
	PtHolidays *holidays;        /* NULL: the site has no such file */
	bool broker;                 /* the site has one */
	bool located;                /* the site has a location: sunrise and sunset are known */
} PtRuleNames;

/* node: the map below `rules:`, or NULL. Never NULL; rules with problems are left out. */
PtRules *pt_rules_parse(const PtNode *node, const PtRuleNames *names, GPtrArray *problems);
