/* The index of the archive: which segments, gaps and kept spans there are. The only file here that sees SQLite (the event
 * log has its own). Thread-safe: writes go through one connection under a lock, every read borrows one of its own. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct PtStore PtStore;

/* Opens or creates index.db. A damaged database is PT_ERROR_INVALID, one of another version PT_ERROR_UNSUPPORTED. */
PtStore *pt_store_open(const char *path, GError **error);
/* One that is not open: all that needs the database fails until it is. */
PtStore *pt_store_new(const char *path);
/* Opens the database anew, or another one that is in its place now; as pt_store_open(). Not within a transaction. What was
 * borrowed for reading goes on with the old one. */
bool pt_store_reopen(PtStore *store, GError **error);
void pt_store_close(PtStore *store); /* what was open goes on where it is borrowed, and ends with that */
void pt_store_free(PtStore *store);  /* takes NULL */
/* It was made by this opening: what is kept came back from the file beside it (index.db.keeps), footage has to be entered.
 */
bool pt_store_is_new(const PtStore *store);

/* Ids are unique across hubs: 41 bits of milliseconds, 10 bits of the hub, 12 bits of a counter. */
int64_t pt_store_new_id(PtStore *store);

/* A camera's main, sub, audio or metadata. Made when it does not exist. Returns 0 on error. */
int64_t pt_store_series(PtStore *store, const char *camera, const char *stream, GError **error);

typedef struct {
	int64_t id, series;
	int64_t start_ns, end_ns; /* wall time, UTC; end is that of the last sample */
	int64_t bytes;            /* as far as it is promised */
	bool open;                /* still being written */
	char path[192];           /* relative to the archive's root */
	char codec[48];           /* RFC 6381, or the codec's name where that has none */
	int width, height;
	int64_t shift_ns; /* what is to be added to the times in its file: it was written before the clock was set */
	bool fetched; /* later, from the camera's card: its file holds more in front of start_ns, to be decoded from (fill.h)
	               */
	bool other;   /* fetched, and in another quality: its pictures have another size than what was recorded live */
} PtSegmentRow;

/* Why footage is missing. What a policy wants is not there to be fetched, and where a clock jumped nothing is missing. */
typedef enum {
	PT_GAP_UNKNOWN,
	PT_GAP_NETWORK, /* it did not reach us */
	PT_GAP_CAMERA,  /* it was off, began anew, or sent nothing */
	PT_GAP_HUB,     /* this program did not run */
	PT_GAP_DISK,
	PT_GAP_POLICY, /* nobody wanted it recorded */
	PT_GAP_CLOCK,  /* the hub's clock was set: nothing is missing */
	PT_N_GAP_CAUSES
} PtGapCause;
extern const char *const pt_gap_cause_words[PT_N_GAP_CAUSES]; /* "unknown", "network", … */

typedef struct {
	int64_t id, series;
	int64_t start_ns, end_ns; /* end 0: still open */
	PtGapCause cause;
	char reason[200];
} PtGapRow;

typedef struct {
	int64_t id;
	char camera[72];
	int64_t start_ns, end_ns;
	int64_t until_ns; /* 0: until released */
	bool person;      /* a named person's hold: not even max-days overrides it */
	bool ring;        /* what a rule wants kept of `record: events`; not a hold against retention by days and size */
	char who[72], why[200];
} PtKeepRow;

/* Writes between these are one transaction; they nest, and the outermost counts. The lock is held from begin to commit.
 * durable: on the medium when commit returns, and all that was committed before as well. */
bool pt_store_begin(PtStore *store, bool durable, GError **error);
bool pt_store_commit(PtStore *store, GError **error);
void pt_store_rollback(PtStore *store);

bool pt_store_put_segment(PtStore *store, const PtSegmentRow *row, GError **error);
bool pt_store_delete_segment(PtStore *store, int64_t id, GError **error);
bool pt_store_put_gap(PtStore *store, const PtGapRow *row, GError **error); /* one that ends where it begins goes */
bool pt_store_delete_gap(PtStore *store, int64_t id, GError **error);
/* A file that is being fetched into: until pt_store_fill() took it, it is nobody's footage, and after a crash it goes. */
bool pt_store_note_fetching(PtStore *store, const char *path, GError **error);
bool pt_store_forget_fetching(PtStore *store, const char *path, GError **error);
GPtrArray *pt_store_fetching(PtStore *store, GError **error); /* of char *, paths */
/* A segment that was fetched, whole and on the medium: nothing is missing any more in [from, to), which holds it. What
 * remains of a gap and is not longer than slack_ns counts for nothing. One transaction, durable. */
bool pt_store_fill(PtStore *store, const PtSegmentRow *row, int64_t from_ns, int64_t to_ns, int64_t slack_ns,
                   GError **error);
bool pt_store_delete_gaps_before(PtStore *store, int64_t series, int64_t end_ns, GError **error);
bool pt_store_put_keep(PtStore *store, const PtKeepRow *row, GError **error);
bool pt_store_delete_keep(PtStore *store, int64_t id, GError **error); /* NOT_FOUND when there is none */
/* What was recorded in [from, to) of a clock that was not set yet happened by_ns later: closed segments, gaps and what is
 * kept are moved there, and a gap that said that the clock was set goes. Durable; an index made anew does the same.
 * *ret_open: segments of then that are still being written and were left: try again. */
bool pt_store_shift(PtStore *store, int64_t from_ns, int64_t to_ns, int64_t by_ns, unsigned *ret_open, GError **error);
/* By how much footage of that time, by its own file, was moved so; 0: it was not. */
int64_t pt_store_shift_of(PtStore *store, int64_t start_ns);
bool pt_store_forget_everything(PtStore *store, GError **error); /* segments alone: before a rebuild */

/* All return arrays that the caller unrefs; NULL on error. */
GArray *pt_store_segments(PtStore *store, int64_t series, int64_t from_ns, int64_t to_ns, GError **error); /* by time */
GArray *pt_store_open_segments(PtStore *store, GError **error);
/* Closed ones that begin in [from, before), oldest first; series 0: of all. */
GArray *pt_store_oldest_segments(PtStore *store, int64_t series, int64_t from_ns, int64_t before_ns, unsigned limit,
                                 GError **error);
/* The segment of a series that begins next after start_ns, or last before it. 1: there is one, 0: none, -1: error. */
int pt_store_neighbour(PtStore *store, int64_t series, int64_t start_ns, bool later, PtSegmentRow *ret, GError **error);
/* The same of all series of a camera. */
GArray *pt_store_oldest_of_camera(PtStore *store, const char *camera, int64_t from_ns, int64_t before_ns, unsigned limit,
                                  GError **error);
int64_t pt_store_camera_bytes(PtStore *store, const char *camera); /* of its segments; 0 on error */
int64_t pt_store_total_bytes(PtStore *store);                      /* of all segments, kept up to date by the database */
GArray *pt_store_gaps(PtStore *store, int64_t series, int64_t from_ns, int64_t to_ns, GError **error);
GArray *pt_store_keeps(PtStore *store, const char *camera, GError **error); /* NULL: of all cameras */
bool pt_store_has_path(PtStore *store, const char *path);

typedef struct {
	int64_t id;
	char camera[72], stream[72];
	int64_t first_ns, last_ns, bytes, segments; /* 0 when it holds nothing */
} PtSeriesRow;
GArray *pt_store_all_series(PtStore *store, bool totals, GError **error);

/* Spans of footage [start, end) with what is nearer than merge_ns joined; int64_t pairs. */
GArray *pt_store_coverage(PtStore *store, int64_t series, int64_t from_ns, int64_t to_ns, int64_t merge_ns, GError **error);
/* The same of what was fetched later alone. */
GArray *pt_store_fetched(PtStore *store, int64_t series, int64_t from_ns, int64_t to_ns, int64_t merge_ns, GError **error);

typedef struct {
	int64_t start_ns, end_ns;
	int width, height;
} PtQualitySpan;
/* Of those, what is in another quality than what was recorded live: PtQualitySpan, joined as far as the size is the same. */
GArray *pt_store_other_quality(PtStore *store, int64_t series, int64_t from_ns, int64_t to_ns, int64_t merge_ns,
                               GError **error);
/* The size of the pictures that were recorded live last before an instant, else first after it. False: there are none. */
bool pt_store_live_size(PtStore *store, int64_t series, int64_t at_ns, int *ret_width, int *ret_height);

/* ---- what is to be fetched from cameras: store-jobs.c ---- */

typedef enum {
	PT_JOB_FOUND,    /* a gap that may be filled */
	PT_JOB_ASKED,    /* the camera is asked what it has */
	PT_JOB_FETCHING, /* it comes */
	PT_JOB_VERIFYING,
	PT_JOB_FILLED, /* nothing of it is missing any more; this and the following are ends */
	PT_JOB_PARTLY,
	PT_JOB_IMPOSSIBLE,
	PT_N_JOB_STATES
} PtJobState;
extern const char *const pt_job_state_words[PT_N_JOB_STATES];

typedef enum {
	PT_SEAM_NONE,    /* not known (yet) */
	PT_SEAM_CLOCK,   /* by the camera's clock and its measured offset */
	PT_SEAM_CONTENT, /* frames of both sides were found in what was fetched */
} PtSeam;

/* One gap and what became of it. */
typedef struct {
	int64_t id, series;
	char camera[72], stream[72]; /* read only: of the series */
	int64_t start_ns, end_ns;    /* the gap as it was found */
	PtGapCause cause;            /* of it */
	PtJobState state;
	char reason[300]; /* in words: why it waits, failed, or is impossible; "" */
	bool urgent;      /* a person asked for it: now, whatever the hour */
	unsigned tries;
	int64_t due_ns; /* not before */
	int64_t found_ns, changed_ns;
	int64_t frames, bytes; /* fetched and kept */
	PtSeam seam;
	int64_t offset_ns; /* the camera's clock less the archive's, at the gap's begin */
} PtJobRow;

/* How far one that is being fetched has come. */
typedef struct {
	int64_t job;        /* its id */
	int64_t reached_ns; /* on the archive's axis; 0: nothing came yet */
	uint64_t bytes, samples;
} PtJobProgress;

bool pt_store_put_job(PtStore *store, const PtJobRow *row, GError **error);
bool pt_store_delete_jobs_before(PtStore *store, int64_t series, int64_t end_ns, GError **error);
/* Of one series (0: of all) that touch [from, to), by start; open: only those that have not ended. */
GArray *pt_store_jobs(PtStore *store, int64_t series, int64_t from_ns, int64_t to_ns, bool open, GError **error);

/* How a camera's clock stood to the archive's axis: its clock less ours, from then until the next row of the camera. */
typedef struct {
	int64_t since_ns; /* on the axis; 0: no row */
	int64_t offset_ns;
} PtClockRow;

/* One of the same camera and since_ns is replaced; those that ended before forget_ns go. */
bool pt_store_put_clock(PtStore *store, const char *camera, const PtClockRow *row, int64_t forget_ns, GError **error);
/* The row that counts at an instant; since_ns 0: it is not known, or the index cannot be read. */
PtClockRow pt_store_clock_at(PtStore *store, const char *camera, int64_t at_ns);
