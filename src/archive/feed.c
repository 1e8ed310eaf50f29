/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/feed.h"
#include "base/clock.h"
#include "base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Segments are placed by wall time, but not for less than this: estimates of it tremble a little, and a player would
 * have to stretch or drop for it. Far below what anybody sees or hears as out of sync. */
#define TREMBLE_NS (10 * PT_NS_PER_MS)

/* ---- files ---- */

typedef struct {
	char *path; /* NULL: the temporary one */
	int fd;     /* -1: not held */
} File;

struct PtFiles {
	char *root;
	GArray *files; /* File; complete before the first read from another thread */
	uint64_t scratch_size;
	unsigned held;
};

PtFiles *pt_files_new(const char *root) {
	PtFiles *f = g_new0(PtFiles, 1);
	f->root = g_strdup(root);
	f->files = g_array_new(FALSE, FALSE, sizeof(File));
	File scratch = {.fd = -1};
	g_array_append_val(f->files, scratch);
	return f;
}

void pt_files_free(PtFiles *f) {
	if (!f)
		return;
	for (guint i = 0; i < f->files->len; i++) {
		File *file = &g_array_index(f->files, File, i);
		if (file->fd >= 0)
			close(file->fd);
		g_free(file->path);
	}
	g_array_unref(f->files);
	g_free(f->root);
	g_free(f);
}

static int open_file(const PtFiles *f, const char *path) {
	g_autofree char *full = g_build_filename(f->root, path, NULL);
	return open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

uint32_t pt_files_add(PtFiles *f, const char *path) {
	/* a path that was there is among the last, if at all: series come one after the other, in order of time */
	File file = {.path = g_strdup(path), .fd = -1};
	if (f->held < PT_FILES_HELD && (file.fd = open_file(f, path)) >= 0)
		f->held++;
	g_array_append_val(f->files, file);
	return f->files->len - 1;
}

/* Without a name from the start where the file system can, so that a crash leaves nothing behind. */
static int open_scratch(const char *root) {
	int fd = open(root, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	g_autofree char *path = g_build_filename(root, ".export-XXXXXX", NULL);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

int64_t pt_files_append(PtFiles *f, const void *data, size_t size, GError **error) {
	File *scratch = &g_array_index(f->files, File, 0);
	if (f->scratch_size + size > PT_FILES_SCRATCH_MAX) {
		pt_error_set(error, TOO_LARGE, "what is to be converted comes to more than 4 GiB: ask for a shorter span");
		return -1;
	}
	if (scratch->fd < 0 && (scratch->fd = open_scratch(f->root)) < 0) {
		pt_error_set(error, DISK, "cannot make a temporary file in the archive: %s", g_strerror(errno));
		return -1;
	}
	int64_t begin = (int64_t)f->scratch_size;
	for (const uint8_t *p = data; size;) {
		ssize_t n = pwrite(scratch->fd, p, size, (off_t)f->scratch_size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			pt_error_set(error, DISK, "cannot write a temporary file in the archive: %s", g_strerror(errno));
			return -1;
		}
		p += n;
		size -= (size_t)n;
		f->scratch_size += (uint64_t)n;
	}
	return begin;
}

static bool read_whole(int fd, const char *path, uint64_t offset, void *to, size_t size, GError **error) {
	for (uint8_t *p = to; size;) {
		ssize_t n = pread(fd, p, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			pt_error_set(error, DISK, "%s: %s", path ? path : "temporary file",
			             n ? g_strerror(errno) : "it is shorter than it was");
			return false;
		}
		p += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return true;
}

bool pt_files_read(PtFiles *f, uint32_t number, uint64_t offset, void *to, size_t size, GError **error) {
	const File *file = &g_array_index(f->files, File, number);
	if (file->fd >= 0)
		return read_whole(file->fd, file->path, offset, to, size, error);
	int fd = file->path ? open_file(f, file->path) : -1;
	if (fd < 0) {
		pt_error_set(error, DISK, "%s: %s", file->path ? file->path : "temporary file", g_strerror(errno));
		return false;
	}
	bool ok = read_whole(fd, file->path, offset, to, size, error);
	close(fd);
	return ok;
}

/* ---- samples ---- */

int64_t pt_feed_ticks(int64_t ns, int64_t scale) {
	return ns / PT_NS_PER_S * scale + (ns % PT_NS_PER_S * scale + PT_NS_PER_S / 2) / PT_NS_PER_S;
}

int64_t pt_feed_ns(int64_t ticks, int64_t scale) {
	return ticks / scale * PT_NS_PER_S + ticks % scale * PT_NS_PER_S / scale;
}

bool pt_feed_open(PtFeed *feed, PtArchive *archive, PtFiles *files, int64_t series, int64_t origin_ns, int64_t from_ns,
                  int64_t to_ns, GError **error) {
	*feed = (PtFeed){.files = files, .origin_ns = origin_ns, .last_dts = -1};
	feed->reader = pt_reader_new(pt_archive_store(archive), pt_archive_path(archive), series, from_ns, to_ns, error);
	return feed->reader != NULL;
}

void pt_feed_close(PtFeed *feed) {
	pt_reader_free(feed->reader);
	pt_format_unref(feed->format);
	g_free(feed->path);
	*feed = (PtFeed){0};
}

static void place(PtFeed *feed, const PtFootage *f) {
	int64_t scale = f->format->timescale;
	int64_t wall = f->wall_ns - (f->pts - f->dts) * PT_NS_PER_S / scale - feed->origin_ns;
	int64_t want = pt_feed_ticks(MAX(wall, 0), scale);
	bool follows = feed->format && feed->format->timescale == f->format->timescale;
	if (follows && ABS(want - feed->expected) <= pt_feed_ticks(TREMBLE_NS, scale))
		want = feed->expected;
	if (follows && want <= feed->last_dts)
		want = feed->last_dts + 1;
	feed->offset = want - f->dts;
}

int pt_feed_next(PtFeed *feed, PtFeedItem *ret, GError **error) {
	const PtFootage *f = pt_reader_next(feed->reader);
	if (!f)
		return 0;
	if (!f->plain) {
		pt_error_set(error, UNSUPPORTED,
		             "%s was not written by this program and cannot be exported; it is an MP4 file as it is",
		             f->path);
		return -1;
	}
	if (f->fresh)
		place(feed, f);
	if (g_strcmp0(feed->path, f->path)) {
		g_free(feed->path);
		feed->path = g_strdup(f->path);
		feed->file = feed->files ? pt_files_add(feed->files, f->path) : 0;
	}
	if (feed->format != f->format) {
		bool other_scale = feed->format && feed->format->timescale != f->format->timescale;
		if (other_scale)
			feed->last_dts = -1;
		pt_format_unref(feed->format);
		feed->format = pt_format_ref(f->format);
	}
	int64_t dts = MAX(f->dts + feed->offset, feed->last_dts + 1);
	*ret = (PtFeedItem){.format = feed->format,
	                    .file = feed->file,
	                    .size = f->size,
	                    .offset = f->offset,
	                    .dts = dts,
	                    .pts = MAX(f->pts + feed->offset, 0),
	                    .duration = CLAMP(f->duration, 1, (int64_t)f->format->timescale * 3600),
	                    .key = f->key,
	                    .fresh = f->fresh};
	feed->last_dts = dts;
	feed->expected = dts + ret->duration;
	return 1;
}

PtSample *pt_feed_load(const PtFeed *feed, const PtFeedItem *item, GError **error) {
	if (item->size > PT_SAMPLE_MAX) {
		pt_error_set(error, TOO_LARGE, "a frame of %u bytes is more than anybody can decode", item->size);
		return NULL;
	}
	PtSample *s = pt_sample_new(item->size);
	if (!pt_files_read(feed->files, item->file, item->offset, pt_sample_grow(&s, item->size), item->size, error)) {
		pt_sample_unref(s);
		return NULL;
	}
	s->key = item->key;
	s->dts = item->dts;
	s->pts = item->pts;
	s->wall_ns = feed->origin_ns + pt_feed_ns(item->pts, item->format->timescale);
	s->format = pt_format_ref(item->format);
	return s;
}
