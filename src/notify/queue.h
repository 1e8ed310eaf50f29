/* What people have still to be told, on disk: it survives the program. Messages carry the name of their target, and none of
 * its secrets. One thread at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

typedef struct PtNotifyQueue PtNotifyQueue;

typedef struct {
	int64_t row;
	char *target, *title, *text, *actor;
	char *event;  /* JSON of what started it; NULL: nothing */
	char *camera; /* whose picture goes with it; NULL: none */
	char
	    *code; /* what a monitoring station calls it; NULL: as the target has it. Of a rule's own request: its address */
	char *link;   /* URL of a page that shows it; NULL: none */
	char *like;   /* messages with the same are alike, and may be told together; NULL: nothing is */
	char *reason; /* why it did not arrive yet; NULL: it was not tried */
	int64_t zone; /* of a monitoring station */
	int64_t priority, tries;
	int64_t count;                       /* how many it stands for, 1 .. */
	int64_t sequence;                    /* 1 .. 9999, rising for each target, and staying over tries */
	int64_t wall_ns;                     /* when it happened */
	int64_t due_ns, expires_ns, made_ns; /* wall time */
} PtQueued;

void pt_queued_free(PtQueued *queued); /* takes NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtQueued, pt_queued_free)
char *pt_queued_text(const PtQueued *queued); /* "Door opened (12 times)"; caller frees */

/* A file that cannot be read is put aside and begun anew. NULL and error when there can be none. */
PtNotifyQueue *pt_notify_queue_open(const char *path, GError **error);
void pt_notify_queue_free(PtNotifyQueue *queue); /* takes NULL */

/* row, tries, sequence and reason are the queue's own. False: the disk refuses. */
bool pt_notify_queue_put(PtNotifyQueue *queue, const PtQueued *what);
/* Counts it with one that waits for its first try, for that target and alike. False: there is none. */
bool pt_notify_queue_join(PtNotifyQueue *queue, const char *target, const char *like);
/* The oldest that is due for that target; NULL: none. in_order: only what is the oldest of all. Caller frees. */
PtQueued *pt_notify_queue_due(PtNotifyQueue *queue, const char *target, bool in_order, int64_t now_ns);
/* Names of the targets that something waits for; caller frees. */
GPtrArray *pt_notify_queue_targets(PtNotifyQueue *queue);
/* When something is due for it next; G_MAXINT64: nothing waits. */
int64_t pt_notify_queue_next_ns(PtNotifyQueue *queue, const char *target);
/* It is tried once more at due_ns. */
bool pt_notify_queue_set(PtNotifyQueue *queue, int64_t row, int64_t due_ns, int64_t tries, const char *reason);
/* The target answers: what waited for it to come back is due. */
void pt_notify_queue_wake(PtNotifyQueue *queue, const char *target, int64_t now_ns);
/* The clock was set by step_ns: what was put since the queue was opened was put by the wrong one, and neither expires
 * earlier nor is due later for it. What is older is left as it is. */
void pt_notify_queue_shift(PtNotifyQueue *queue, int64_t step_ns);
void pt_notify_queue_done(PtNotifyQueue *queue, int64_t row);
int64_t pt_notify_queue_length(const PtNotifyQueue *queue);
int64_t pt_notify_queue_length_of(PtNotifyQueue *queue, const char *target);
/* What is given up for one of priority 5 when there is no room: of lower priority, untried if there is one, and then the
 * oldest. NULL: none is. Caller frees. */
PtQueued *pt_notify_queue_least(PtNotifyQueue *queue, const char *target);
