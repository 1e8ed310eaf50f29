/* The event log: every event, in SQLite, by time and by source. Appending is a write to the journal in memory and never
 * waits for a disk; a thread of its own carries that into the database within a second. Asking is possible from any
 * thread, sees what was just appended, and does not wait for the writer. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/event.h"

typedef struct PtEventlog PtEventlog;

typedef struct {
	const char *path;        /* of the database */
	const char *journal_dir; /* pt_journal_dir() */
	int64_t keep_ns;         /* events older than this go; 0: none by age */
	uint64_t keep_rows;      /* and beyond so many the oldest; 0: no limit */
} PtEventlogSettings;

/* Replays what a crash left in the journal before it returns. A database that cannot be opened (a disk that is away) is
 * an error at the start alone; later the journal holds what comes until the disk is back, up to its bound. */
PtEventlog *pt_eventlog_new(const PtEventlogSettings *settings, GError **error);
/* Writes everything out and ends; takes NULL. */
/* What was there could not be read: it has another name now (events.db.damaged-…), and this one began empty. */
bool pt_eventlog_was_damaged(const PtEventlog *log);
void pt_eventlog_free(PtEventlog *log);

/* From any thread; microseconds. must: P6, kept although the log lags far behind, and FALSE means that it must not be done.
 * Without must a full journal drops and counts. The same event twice (by id) is logged once. */
gboolean pt_eventlog_append(PtEventlog *log, PtEvent *event, bool must, GError **error);

/* P5: the end of a timed action of a relay, at due_mono_ns on this boot's CLOCK_MONOTONIC; < 0: no longer. */
gboolean pt_eventlog_note_off(PtEventlog *log, const char *relay, int64_t due_mono_ns, GError **error);
/* What was noted and not taken back, as found at the start: monotonic time of this boot (after a reboot reckoned by the
 * wall clock; what is past is overdue); -1: nothing. */
int64_t pt_eventlog_off_due(PtEventlog *log, const char *relay);

typedef struct {
	int64_t since_ns, until_ns; /* wall time, [since, until); 0: open */
	int64_t told_ns;            /* wall time; late ones alone, told since then; 0: any */
	const char *topic, *source; /* NULL: any. source ending in '/': all of that kind ("input/") */
	uint64_t before_id;         /* the cursor: 0, or the id of the last event of the page before */
	unsigned limit;             /* 1 .. 10000; 0: 200 */
	bool oldest_first;          /* else newest first; the cursor goes the same way */
} PtEventlogQuery;

/* The events in order of their ids (which is their time), of PtEvent *; free with g_ptr_array_unref(). NULL and error
 * when the database cannot be read. */
GPtrArray *pt_eventlog_query(PtEventlog *log, const PtEventlogQuery *query, GError **error);
uint64_t pt_eventlog_last_id(PtEventlog *log); /* highest id found at the start: for pt_event_set_hub() */

/* This boot's clock was off by by_ns, more than a second, until it was set: what happened here from from_ns on, at times
 * that were less_mono_ns ahead of the monotonic clock, happened so much later. To be asked again it does no harm. Blocks on
 * the disk. */
gboolean pt_eventlog_shift(PtEventlog *log, int64_t from_ns, int64_t less_mono_ns, int64_t by_ns, GError **error);

/* Waits until all that was appended is in the database; for tests and the end. FALSE: it took longer. */
gboolean pt_eventlog_flush(PtEventlog *log, int64_t timeout_ns);

typedef struct {
	uint64_t appended, dropped; /* since the start */
	unsigned waiting;           /* not in the database yet */
	char error[200];            /* the last failure of the database; "" when it works */
} PtEventlogCounters;
void pt_eventlog_counters(PtEventlog *log, PtEventlogCounters *ret);
