/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/archive.h"
#include "archive/card.h"
#include "base/clock.h"
#include "base/db.h"
#include "base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FULL_BYTES (256 * 1024) /* the index may need as much to write at all */

struct PtArchive {
	char *path, *card, *card_identity;
	int lock_fd;
	PtStore *store;
	PtWriter *writer;
	PtRetention *retention;
	void *user;
	void (*problem)(void *user, const char *what);
	void (*crowded)(void *user, const char *what);
	void (*recovered)(void *user, const PtRecovery *recovery);

	GMutex lock;
	GPtrArray *recorders; /* under lock */
};

static void on_tick(void *user) {
	PtArchive *a = user;
	g_mutex_lock(&a->lock);
	for (guint i = 0; i < a->recorders->len; i++)
		pt_recorder_tick(g_ptr_array_index(a->recorders, i));
	g_mutex_unlock(&a->lock);
}

static void on_problem(void *user, const char *what) {
	PtArchive *a = user;
	if (a->problem)
		a->problem(a->user, what);
}

static void on_crowded(void *user, const char *what) {
	PtArchive *a = user;
	if (a->crowded)
		a->crowded(a->user, what);
}

static void on_disk_full(void *user) { pt_retention_kick(((PtArchive *)user)->retention); }

bool pt_archive_make_directory(const char *path, GError **error) {
	g_autofree char *parent = g_path_get_dirname(path);
	bool made = !mkdir(path, 0750);
	if (!made && errno == ENOENT && strcmp(parent, path)) {
		if (!pt_archive_make_directory(parent, error))
			return false;
		made = !mkdir(path, 0750);
	}
	if (!made && errno == EEXIST)
		return true;
	int fd = made ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	bool ok = fd >= 0 && !fsync(fd);
	if (!ok)
		pt_error_set(error, DISK, "archive: create %s: %s", path, g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

static void leave_directory(PtArchive *a) {
	if (a->lock_fd >= 0)
		close(a->lock_fd);
	a->lock_fd = -1;
}

static bool take_directory(PtArchive *a, GError **error) {
	if (!pt_archive_make_directory(a->path, error))
		return false;
	g_autofree char *lock = g_build_filename(a->path, ".lock", NULL);
	leave_directory(a);
	a->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (a->lock_fd < 0) {
		pt_error_set(error, DISK, "archive: open %s: %s", lock, g_strerror(errno));
		return false;
	}
	if (flock(a->lock_fd, LOCK_EX | LOCK_NB)) {
		pt_error_set(error, BUSY, "archive: another pigtail records into %s", a->path);
		return false;
	}
	return true;
}

static bool is_full(const char *path) {
	struct statvfs fs;
	return !statvfs(path, &fs) && (int64_t)fs.f_bavail * (int64_t)fs.f_frsize < FULL_BYTES;
}

static bool open_index(PtArchive *a, PtRecovery *recovery, GError **error) {
	g_autofree char *db = g_build_filename(a->path, "index.db", NULL);
	*recovery = (PtRecovery){0};
	for (;;) {
		g_autoptr(GError) why = NULL;
		bool damaged = recovery->damaged;
		if (pt_store_reopen(a->store, &why) && pt_archive_recover(a->store, a->path, recovery, &why))
			return true;
		pt_store_close(a->store);
		*recovery = (PtRecovery){.damaged = damaged};
		if (g_error_matches(why, PT_ERROR, PT_ERROR_DISK) && is_full(a->path) &&
		    pt_retention_release_reserve(a->path))
			continue;
		/* recording does not wait for somebody who mends an index that can be made again */
		if (damaged || !g_error_matches(why, PT_ERROR, PT_ERROR_INVALID) || !pt_db_put_aside(db, NULL)) {
			g_propagate_error(error, g_steal_pointer(&why));
			return false;
		}
		recovery->damaged = true;
	}
}

static bool take_medium(PtArchive *a, PtRecovery *recovery, GError **error) {
	return (!a->card || pt_card_take(a->card, a->path, a->card_identity, error)) && take_directory(a, error) &&
	       open_index(a, recovery, error);
}

/* The writer's thread: what is mounted now is not what was. */
static bool on_medium(void *user, GError **error) {
	PtArchive *a = user;
	PtRecovery recovery;
	/* nothing of it is held: the system could not mount it anew */
	pt_store_close(a->store);
	leave_directory(a);
	if (!take_medium(a, &recovery, error))
		return false;
	if (a->recovered)
		a->recovered(a->user, &recovery);
	return true;
}

PtArchive *pt_archive_open(const PtArchiveParams *params, PtRecovery *ret_recovery, GError **error) {
	PtArchive *a = g_new0(PtArchive, 1);
	a->lock_fd = -1;
	a->path = g_strdup(params->path);
	a->user = params->user;
	a->problem = params->problem;
	a->crowded = params->crowded;
	a->recovered = params->recovered;
	a->card = g_strdup(params->card);
	a->card_identity = g_strdup(params->card_identity);
	g_mutex_init(&a->lock);
	a->recorders = g_ptr_array_new();
	PtRecovery recovery = {0};
	g_autofree char *db = g_build_filename(a->path, "index.db", NULL);
	g_autoptr(GError) why = NULL;
	a->store = pt_store_new(db);
	bool there = take_medium(a, &recovery, &why);
	if (!there && (!a->card || g_error_matches(why, PT_ERROR, PT_ERROR_BUSY))) {
		g_propagate_error(error, g_steal_pointer(&why));
		pt_archive_free(a);
		return NULL;
	}
	if (ret_recovery)
		*ret_recovery = recovery;
	a->retention = pt_retention_new(a->store, a->path,
	                                &(PtRetentionParams){.max_bytes = params->max_bytes,
	                                                     .free_bytes = params->free_bytes,
	                                                     .free_percent = params->free_percent,
	                                                     .user = a,
	                                                     .crowded = on_crowded});
	a->writer = pt_writer_new(a->path, a->store, params->sync_ns,
	                          &(PtWriterHooks){.user = a,
	                                           .tick = on_tick,
	                                           .problem = on_problem,
	                                           .disk_full = on_disk_full,
	                                           .medium = a->card ? on_medium : NULL,
	                                           .no_medium = !there});
	return a;
}

void pt_archive_free(PtArchive *a) {
	if (!a)
		return;
	g_assert(a->recorders->len == 0);
	pt_writer_free(a->writer);
	pt_retention_free(a->retention);
	pt_store_free(a->store);
	leave_directory(a);
	g_ptr_array_unref(a->recorders);
	g_mutex_clear(&a->lock);
	g_free(a->path);
	g_free(a->card);
	g_free(a->card_identity);
	g_free(a);
}

PtStore *pt_archive_store(PtArchive *archive) { return archive->store; }
PtWriter *pt_archive_writer(PtArchive *archive) { return archive->writer; }
const char *pt_archive_path(PtArchive *archive) { return archive->path; }

void pt_archive_get_crowded(PtArchive *a, char *ret, size_t size) { pt_retention_get_crowded(a->retention, ret, size); }

PtRecorder *pt_archive_record(PtArchive *a, PtStream *stream, const PtRecorderParams *params, GError **error) {
	PtRecorder *r = pt_recorder_start(a->writer, stream, params, error);
	if (!r)
		return NULL;
	g_mutex_lock(&a->lock);
	g_ptr_array_add(a->recorders, r);
	g_mutex_unlock(&a->lock);
	return r;
}

void pt_archive_stop(PtArchive *a, PtRecorder *recorder, PtGapCause cause, const char *reason) {
	if (!recorder)
		return;
	g_mutex_lock(&a->lock);
	g_ptr_array_remove_fast(a->recorders, recorder);
	g_mutex_unlock(&a->lock);
	pt_recorder_stop(recorder, cause, reason);
}

void pt_archive_set_policy(PtArchive *a, const char *camera, const char *stream, const PtKeepPolicy *policy) {
	pt_retention_set(a->retention, camera, stream, policy);
}

void pt_archive_set_fallback_policy(PtArchive *a, const PtKeepPolicy *policy) {
	pt_retention_set(a->retention, "", "", policy);
}

void pt_archive_retain_now(PtArchive *a) { pt_retention_run(a->retention, pt_wall_ns(pt_clock_system())); }

bool pt_archive_shift(PtArchive *a, int64_t from_ns, int64_t to_ns, int64_t by_ns) {
	unsigned open = 1;
	pt_writer_flush(a->writer);
	return pt_store_shift(a->store, from_ns, to_ns, by_ns, &open, NULL) && !open;
}
