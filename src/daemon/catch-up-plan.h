/* Which of the things that a camera remembers the log has already. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/event.h"

/* Something that happened, in the words of the log. */
typedef struct {
	char *source;
	const char *topic, *state; /* constant */
	char *detail;              /* NULL: none */
	int64_t wall_ns;           /* on our clock */
	bool known;                /* it is in the log */
	int64_t seen_ns;           /* known: as a state that was found later, so long; 0: when it happened */
} PtPast;

GArray *pt_past_new(void); /* of PtPast, which it frees */

/* How far apart what a camera says and what was heard of it may be: early, when its clock is only known to so much; late, by
 * that and what a message may be on its way. */
typedef struct {
	int64_t early_ns, late_ns;
} PtPastSlack;

/* Marks what is known. past: by time; logged: of PtEvent *, any order. Each of them stands for one thing at most: the
 * nearest; or, of a state that lasted until somebody listened again, the one that was told then. */
void pt_past_mark(GArray *past, const GPtrArray *logged, PtPastSlack slack);
