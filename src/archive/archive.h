/* The archive as the rest of the house sees it: opened (and repaired) once, recorded into, asked, kept within its limits. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/recorder.h"
#include "archive/store.h"
#include "archive/writer.h"

typedef struct PtArchive PtArchive;

/* What is kept how long. 0 = no such limit. */
typedef struct {
	int64_t age_ns;       /* whole segments older than this go */
	int64_t max_age_ns;   /* they go even when a rule keeps them; a named person's hold stays */
	int64_t camera_bytes; /* all footage of the camera together; the same in the policies of all its series */
	int64_t ring_ns;      /* not 0: footage older than this goes unless something asked for it (record: events) */
} PtKeepPolicy;

/* What opening found and mended. */
typedef struct {
	unsigned recovered; /* segments that were open, now whole */
	unsigned adopted;   /* files the index did not know */
	unsigned removed;   /* rows without a file, files without a whole fragment */
	int64_t cut_bytes;  /* of torn tails */
	bool damaged;       /* the index was: it was put aside and made anew from the files */
} PtRecovery;

typedef struct {
	const char *path;
	const char *card;          /* where the medium that holds it is mounted, if that may go and come back; else NULL */
	const char *card_identity; /* file that tells whose card it is, elsewhere; see pt_card_take() */
	int64_t sync_ns;           /* how much a power cut may cost, see PtWriter */
	int64_t max_bytes;         /* of all segments; 0 = no limit */
	double free_percent;       /* of the file system, left free; 0 = no limit */
	int64_t free_bytes;        /* likewise */
	void *user;
	void (*problem)(void *user, const char *what); /* a sentence, NULL when well again; from any thread */
	void (*recovered)(void *user,
	                  const PtRecovery *recovery); /* with a card: what its return found and mended; likewise */
	void (*crowded)(void *user,
	                const char *what); /* limits that cannot be met, since all that is left is kept; likewise */
} PtArchiveParams;

/* mkdir -p, and on the medium when it returns: the footage in it is worth no more than its name. */
bool pt_archive_make_directory(const char *path, GError **error);

/* Without its card it is open all the same: it waits, and tells so as a problem.
 * Takes the directory (BUSY when another process has it), recovers what a crash left. Blocks on the disk. */
PtArchive *pt_archive_open(const PtArchiveParams *params, PtRecovery *ret_recovery, GError **error);
void pt_archive_free(PtArchive *archive); /* all recorders must be stopped; takes NULL */

PtStore *pt_archive_store(PtArchive *archive);
PtWriter *pt_archive_writer(PtArchive *archive);
const char *pt_archive_path(PtArchive *archive);
/* Why the limits by size or free space are not met; "" when they are. Any thread. */
void pt_archive_get_crowded(PtArchive *archive, char *ret, size_t size);

PtRecorder *pt_archive_record(PtArchive *archive, PtStream *stream, const PtRecorderParams *params, GError **error);
void pt_archive_stop(PtArchive *archive, PtRecorder *recorder, PtGapCause cause, const char *reason);

/* Policies by camera and series ("main"); what has none follows `fallback`. Copied. */
void pt_archive_set_policy(PtArchive *archive, const char *camera, const char *stream, const PtKeepPolicy *policy);
void pt_archive_set_fallback_policy(PtArchive *archive, const PtKeepPolicy *policy);
/* Applies them now instead of within ten seconds, and waits. For tests and the command line. */
void pt_archive_retain_now(PtArchive *archive);

/* What was recorded in [from, to) of a clock that was not set yet happened by_ns later. False: not yet, something of then is
 * still being written; ask again. Blocks on the disk. */
bool pt_archive_shift(PtArchive *archive, int64_t from_ns, int64_t to_ns, int64_t by_ns);

/* recover.c */
typedef struct {
	unsigned segments, files, missing, torn, unknown, unreadable;
	GPtrArray *problems; /* sentences; of the first thousand */
} PtCheck;
bool pt_archive_recover(PtStore *store, const char *root, PtRecovery *ret, GError **error);
/* Reads every file that the index names and every file that is there. rebuild: makes the index's segments anew from the
 * files. Only on an archive that nobody records into. */
bool pt_archive_check(const char *root, bool rebuild, PtCheck *ret_check, GError **error);
void pt_check_clear(PtCheck *check);
/* What a file holds, from the file alone: fills start, end, bytes, codec, size; false and error when nothing in it is whole.
 */
bool pt_archive_inspect(const char *root, const char *path, PtSegmentRow *ret_row, GError **error);

/* retention.c */
typedef struct PtRetention PtRetention;
typedef struct {
	int64_t max_bytes, free_bytes; /* as in PtArchiveParams */
	double free_percent;
	void *user;
	void (*crowded)(void *user, const char *what); /* may be NULL */
} PtRetentionParams;
PtRetention *pt_retention_new(PtStore *store, const char *root, const PtRetentionParams *params);
/* The sentence last told, "" when limits are met. Any thread. */
void pt_retention_get_crowded(PtRetention *retention, char *ret, size_t size);
void pt_retention_free(PtRetention *retention);
void pt_retention_set(PtRetention *retention, const char *camera, const char *stream, const PtKeepPolicy *policy);
/* Gives what is kept for the day the disk is full to the index, which has to write before anything can be deleted. False:
 * there is nothing left of it. */
bool pt_retention_release_reserve(const char *root);
void pt_retention_kick(PtRetention *retention);                /* never blocks */
void pt_retention_run(PtRetention *retention, int64_t now_ns); /* one pass on the calling thread */
