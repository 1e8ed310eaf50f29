/* Events of the bus and of the log, as rules see them. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/event.h"
#include "rules/eval.h"

/* What has no subject of its own becomes a PT_SUBJECT_EVENT. *ret points into event. */
void pt_rules_translate(const PtEvent *event, PtRulesEvent *ret);
/* Whether it concerns what the program itself switches: such events come on the thread that rules work on. */
bool pt_rules_is_prompt(const PtEvent *event);
