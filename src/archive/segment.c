/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/segment.h"
#include "base/clock.h"
#include "base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

struct PtSegment {
	int fd, dir_fd;
	char *path, *full;
	int64_t size, synced, synced_end_ns;
	bool entry_synced, failed;
	GPtrArray *parents; /* directories that got an entry for it and are not synced yet */
};

bool pt_segment_name_is_safe(const char *name) {
	size_t n = 0;
	for (; name && name[n]; n++)
		if (!g_ascii_islower(name[n]) && !g_ascii_isdigit(name[n]) && !(n && (name[n] == '_' || name[n] == '-')))
			return false;
	return n > 0 && n <= 64;
}

static bool disk_error(GError **error, const char *what, const char *path) {
	int e = errno;
	pt_error_set(error, DISK, "%s %s: %s", what, path, g_strerror(e));
	return false;
}

/* mkdir; a parent that gained an entry is noted, to be synced with the segment and not here, where twenty cameras that start
 * at once would wait for each other's syncs. */
static bool make_directory(const char *path, GPtrArray *parents, GError **error) {
	if (!mkdir(path, 0750)) {
		g_ptr_array_add(parents, g_path_get_dirname(path));
		return true;
	}
	if (errno == EEXIST)
		return true;
	return disk_error(error, "create directory", path);
}

static bool make_day_directory(const char *root, const char *camera, const char *stream, const char *day, GPtrArray *parents,
                               char **ret_dir, GError **error) {
	g_autofree char *a = g_build_filename(root, camera, NULL);
	g_autofree char *b = g_build_filename(a, stream, NULL);
	g_autofree char *c = g_build_filename(b, day, NULL);
	if (!make_directory(a, parents, error) || !make_directory(b, parents, error) || !make_directory(c, parents, error))
		return false;
	*ret_dir = g_steal_pointer(&c);
	return true;
}

static bool sync_parents(PtSegment *s, GError **error) {
	for (guint i = 0; i < s->parents->len; i++) {
		const char *path = g_ptr_array_index(s->parents, i);
		int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		bool ok = fd >= 0 && !fsync(fd);
		if (!ok)
			disk_error(error, "sync directory", path);
		if (fd >= 0)
			close(fd);
		if (!ok)
			return false;
	}
	g_ptr_array_set_size(s->parents, 0);
	return true;
}

PtSegment *pt_segment_create(const char *root, const char *camera, const char *stream, int64_t start_ns, GError **error) {
	if (!pt_segment_name_is_safe(camera) || !pt_segment_name_is_safe(stream)) {
		pt_error_set(error, INVALID, "'%s/%s' cannot be a directory name", camera, stream);
		return NULL;
	}
	time_t t = start_ns / PT_NS_PER_S;
	struct tm tm;
	gmtime_r(&t, &tm);
	char day[32], clock[32];
	strftime(day, sizeof day, "%Y-%m-%d", &tm);
	strftime(clock, sizeof clock, "%H-%M-%SZ", &tm);
	g_autofree char *dir = NULL;
	g_autoptr(GPtrArray) parents = g_ptr_array_new_with_free_func(g_free);
	if (!make_day_directory(root, camera, stream, day, parents, &dir, error))
		return NULL;
	for (int n = 1; n < 1000; n++) {
		char suffix[16] = "";
		if (n > 1)
			g_snprintf(suffix, sizeof suffix, "-%d", n);
		g_autofree char *name = g_strdup_printf("%s%s.mp4", clock, suffix);
		g_autofree char *full = g_build_filename(dir, name, NULL);
		int fd = open(full, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
		if (fd < 0 && errno == ENOENT && n == 1) { /* retention removed the day's directory as it was empty */
			g_clear_pointer(&dir, g_free);
			if (!make_day_directory(root, camera, stream, day, parents, &dir, error))
				return NULL;
			fd = open(full, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
		}
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0) {
			disk_error(error, "create", full);
			return NULL;
		}
		PtSegment *s = g_new0(PtSegment, 1);
		s->fd = fd;
		s->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		s->path = g_build_filename(camera, stream, day, name, NULL);
		s->full = g_steal_pointer(&full);
		s->parents = g_steal_pointer(&parents);
		return s;
	}
	pt_error_set(error, DISK, "a thousand segments of %s/%s begin in the same second %s %s", camera, stream, day, clock);
	return NULL;
}

const char *pt_segment_path(const PtSegment *segment) { return segment->path; }
int64_t pt_segment_size(const PtSegment *segment) { return segment->size; }

bool pt_segment_append(PtSegment *s, struct iovec *iov, size_t n, GError **error) {
	int64_t at = s->size;
	while (n) {
		ssize_t done = pwritev(s->fd, iov, (int)MIN(n, IOV_MAX), at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			disk_error(error, "write", s->path);
			if (ftruncate(s->fd, s->size)) {
				/* recovery cuts the torn tail at the next start; until then nothing promises it */
			}
			return false;
		}
		at += done;
		for (size_t left = (size_t)done; n && left >= iov->iov_len; iov++, n--) {
			left -= iov->iov_len;
			done = (ssize_t)left;
		}
		if (n && done > 0) {
			iov->iov_base = (uint8_t *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	s->size = at;
	return true;
}

void pt_segment_start_sync(PtSegment *s, int64_t size) {
	sync_file_range(s->fd, s->synced, size - s->synced, SYNC_FILE_RANGE_WRITE);
}

static bool sync_all_of(PtSegment *s, GError **error) {
	if (fdatasync(s->fd))
		return disk_error(error, "sync", s->path);
	if (!s->entry_synced && (s->dir_fd < 0 || fsync(s->dir_fd)))
		return disk_error(error, "sync the directory of", s->path);
	return sync_parents(s, error);
}

bool pt_segment_sync(PtSegment *s, int64_t size, int64_t end_ns, GError **error) {
	if (s->failed) {
		fdatasync(s->fd); /* that it was cut back, if that still works: what lies behind is promised by nobody */
		return true;
	}
	s->failed = !sync_all_of(s, error);
	if (s->failed)
		return false;
	pt_segment_was_synced(s, size, end_ns);
	return true;
}

/* syncfs() returns errors of writing back since Linux 5.8, but a FUSE file system is not told to sync by it. */
bool pt_segment_sync_all(const PtSegment *any) {
	struct statfs fs;
	if (fstatfs(any->fd, &fs))
		return false;
	switch ((unsigned long)fs.f_type) {
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
		return syncfs(any->fd) == 0;
	}
	return false;
}

void pt_segment_was_synced(PtSegment *s, int64_t size, int64_t end_ns) {
	if (s->failed)
		return;
	g_ptr_array_set_size(s->parents, 0);
	s->entry_synced = true;
	s->synced = size;
	s->synced_end_ns = end_ns;
}

int64_t pt_segment_synced_size(const PtSegment *s) { return s->synced; }
int64_t pt_segment_synced_end_ns(const PtSegment *s) { return s->synced_end_ns; }

void pt_segment_cut_to_synced(PtSegment *s) {
	if (!ftruncate(s->fd, s->synced))
		s->size = s->synced;
	if (!s->synced)
		unlink(s->full);
}

bool pt_segment_still_there(const PtSegment *s) {
	struct stat a, b;
	return !fstat(s->fd, &a) && a.st_nlink > 0 && !stat(s->full, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

void pt_segment_close(PtSegment *s) {
	if (!s)
		return;
	close(s->fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	g_ptr_array_unref(s->parents);
	g_free(s->path);
	g_free(s->full);
	g_free(s);
}
