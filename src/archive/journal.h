/* The intent journal (P6): what must survive the death of this process is written here with one write() before it is done.
 * It lies in memory (tmpfs), so that no disk is ever waited for; the event log drains it into its database within a
 * second and trims it. What a crash left is given out again at the next start. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

typedef struct PtJournal PtJournal;

#define PT_JOURNAL_RECORD_MAX (16 * 1024)      /* bytes of one record */
#define PT_JOURNAL_SOFT_MAX (8 * 1024 * 1024)  /* beyond it what may be lost is refused (and counted by the caller) */
#define PT_JOURNAL_HARD_MAX (32 * 1024 * 1024) /* beyond it everything is */

/* The directory for it: $RUNTIME_DIRECTORY, else /run/pigtail-HASH, else $XDG_RUNTIME_DIR/pigtail-HASH, else
 * /dev/shm/pigtail-UID-HASH; HASH of the archive's path, so that two hubs on one machine do not meet. Made with mode
 * 0700; one that belongs to somebody else is refused. Caller frees. */
char *pt_journal_dir(const char *archive_path, GError **error);
/* The one that is there already, NULL: none. Caller frees. */
char *pt_journal_find_dir(const char *archive_path);

/* Opens it; what stands in it is given out by the first pt_journal_take(). */
PtJournal *pt_journal_open(const char *dir, GError **error);
void pt_journal_close(PtJournal *journal); /* keeps what stands in it; what is empty goes; takes NULL */

/* Appends one record; from any thread. When it returns TRUE, the record survives kill -9. must: counts against the hard
 * bound only. */
gboolean pt_journal_append(PtJournal *journal, const void *data, size_t size, bool must, GError **error);

/* Gives all records out in their order and then waits for pt_journal_done(); appends go on meanwhile. Returns how many.
 * One thread alone. A torn or damaged record ends what is read of its half. */
unsigned pt_journal_take(PtJournal *journal, void (*fn)(void *user, const uint8_t *data, size_t size), void *user);
/* What was taken is safe elsewhere and is removed. */
void pt_journal_done(PtJournal *journal);
bool pt_journal_empty(PtJournal *journal);
