/* What a crash or a power cut left, made true again; and the check of everything against everything. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/archive.h"
#include "archive/fill.h"
#include "archive/segment.h"
#include "base/clock.h"
#include "base/db.h"
#include "base/error.h"
#include "media/fmp4/read.h"
#include <errno.h>
#include <stdio.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBLEMS_MAX 1000
#define SECTOR 512

static int64_t sample_duration(const PtMp4Track *t, size_t i) {
	int64_t ticks = t->n_samples < 2       ? t->format->timescale / 25
	                : i + 1 < t->n_samples ? t->samples[i + 1].dts - t->samples[i].dts
	                                       : t->samples[i].dts - t->samples[i - 1].dts;
	return CLAMP(ticks, 1, (int64_t)t->format->timescale) * PT_NS_PER_S / t->format->timescale;
}

/* The span of a file's one track by its own times. False when nothing is whole. */
static bool measure(const PtMp4 *mp4, PtSegmentRow *row) {
	if (!mp4->n_tracks || !mp4->tracks[0].n_samples)
		return false;
	const PtMp4Track *t = &mp4->tracks[0];
	row->start_ns = INT64_MAX;
	row->end_ns = INT64_MIN;
	for (size_t i = 0; i < t->n_samples; i++) {
		const PtMp4Sample *s = &t->samples[i];
		int64_t wall = s->wall_ns - (s->pts - s->dts) * PT_NS_PER_S / t->format->timescale;
		row->start_ns = MIN(row->start_ns, wall);
		row->end_ns = MAX(row->end_ns, wall + sample_duration(t, i));
	}
	row->fetched = pt_fill_read_comment(mp4->comment, &row->start_ns, &row->other);
	row->bytes = (int64_t)mp4->whole_size;
	row->width = t->format->width;
	row->height = t->format->height;
	g_strlcpy(row->codec, t->format->rfc6381[0] ? t->format->rfc6381 : pt_codec_name(t->format->codec),
	          sizeof row->codec);
	return t->samples[0].wall_ns > 0;
}

/* After a power cut a file may be as long as it was and yet lack what never reached the medium: that reads as zeros, a
 * sector at least, which no coded picture or sound has. Where in [from, to) it begins; to: nowhere. */
static int64_t find_hole(int fd, int64_t from, int64_t to) {
	static const uint8_t zeros[SECTOR];
	uint8_t data[64 * SECTOR];
	for (int64_t at = from / SECTOR * SECTOR; at < to;) {
		ssize_t n = pread(fd, data, (size_t)MIN((int64_t)sizeof data, to - at), at);
		for (ssize_t i = 0; i < n; i += SECTOR)
			if (!memcmp(data + i, zeros, (size_t)MIN(SECTOR, n - i)))
				return at + i;
		if (n <= 0)
			break;
		at += n;
	}
	return to;
}

/* What is whole of a segment of ours. What its row promises is not doubted; what stands behind that may never have been
 * synced: cut ends the file before the first hole in it. */
static PtMp4 *read_whole(int fd, int64_t promised, bool cut, PtSegmentRow *row, GError **error) {
	g_autoptr(PtMp4) mp4 = pt_mp4_read(fd, error);
	if (!cut || !mp4 || !mp4->fragmented || !measure(mp4, row))
		return g_steal_pointer(&mp4);
	int64_t whole = (int64_t)mp4->whole_size, hole = find_hole(fd, promised, whole);
	if (hole == whole)
		return g_steal_pointer(&mp4);
	if (ftruncate(fd, hole)) {
		pt_error_set(error, DISK, "%s: cut what was not written: %s", row->path, g_strerror(errno));
		return NULL;
	}
	return pt_mp4_read(fd, error);
}

/* Reads a segment; cut: cuts a torn tail off. PT_ERROR_CLOSED: it is ours, but nothing whole was ever written to it. */
static bool inspect(const char *root, const char *path, bool cut, PtSegmentRow *row, int64_t *ret_torn, GError **error) {
	g_autofree char *full = g_build_filename(root, path, NULL);
	int fd = open(full, (cut ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	if (fd < 0 || fstat(fd, &st)) {
		pt_error_set(error, NOT_FOUND, "%s: %s", path, g_strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	g_strlcpy(row->path, path, sizeof row->path);
	g_autoptr(PtMp4) mp4 = read_whole(fd, row->bytes, cut, row, error);
	bool ok = mp4 != NULL;
	bool blank = !ok && find_hole(fd, 0, MIN(st.st_size, SECTOR)) == 0; /* or empty */
	if (blank || (ok && mp4->fragmented && !(mp4->n_tracks && mp4->tracks[0].n_samples))) {
		g_clear_error(error);
		pt_error_set(error, CLOSED, "%s: holds no whole fragment", path);
		ok = false;
	} else if (ok && !measure(mp4, row)) {
		pt_error_set(error, INVALID, "%s: is not a segment of this archive (no capture times in it)", path);
		ok = false;
	}
	if (ok) {
		*ret_torn = st.st_size - (int64_t)mp4->whole_size;
		if (cut && *ret_torn > 0 && (ftruncate(fd, (off_t)mp4->whole_size) || fdatasync(fd))) {
			pt_error_set(error, DISK, "%s: cut the torn tail: %s", path, g_strerror(errno));
			ok = false;
		}
	}
	close(fd);
	return ok;
}

bool pt_archive_inspect(const char *root, const char *path, PtSegmentRow *ret_row, GError **error) {
	int64_t torn;
	return inspect(root, path, false, ret_row, &torn, error);
}

static void remove_file(const char *root, const char *path) {
	g_autofree char *full = g_build_filename(root, path, NULL);
	unlink(full);
}

static bool recover_open(PtStore *store, const char *root, PtRecovery *ret, GError **error) {
	g_autoptr(GArray) rows = pt_store_open_segments(store, error);
	if (!rows)
		return false;
	for (guint i = 0; i < rows->len; i++) {
		PtSegmentRow row = g_array_index(rows, PtSegmentRow, i);
		g_autoptr(GError) why = NULL;
		int64_t torn = 0, start = row.start_ns;
		g_autofree char *path = g_strdup(row.path);
		if (!inspect(root, path, true, &row, &torn, &why)) {
			if (g_error_matches(why, PT_ERROR, PT_ERROR_DISK)) {
				g_propagate_error(error, g_steal_pointer(&why));
				return false;
			}
			if (g_error_matches(why, PT_ERROR, PT_ERROR_CLOSED))
				remove_file(root, path);
			if (!pt_store_delete_segment(store, row.id, error))
				return false;
			ret->removed++;
			continue;
		}
		row.start_ns = start;
		row.open = false;
		ret->cut_bytes += torn;
		ret->recovered++;
		if (!pt_store_put_segment(store, &row, error))
			return false;
	}
	return true;
}

/* ---- files that the index does not know ---- */

typedef struct {
	PtStore *store;
	const char *root;
	unsigned days; /* newest day directories to look at; 0: all */
	bool cut;
	void (*found)(void *user, const char *path, const char *camera, const char *stream);
	void *user;
} Walk;

static int newest_first(const void *a, const void *b) { return strcmp(*(char *const *)b, *(char *const *)a); }

static GPtrArray *list_directory(const char *path) {
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	while (dir && (name = g_dir_read_name(dir)))
		if (name[0] != '.')
			g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, newest_first);
	return names;
}

static bool is_day(const char *name) {
	return strlen(name) == 10 && name[4] == '-' && name[7] == '-' && strspn(name, "0123456789-") == 10;
}

static void walk_stream(const Walk *w, const char *camera, const char *stream) {
	g_autofree char *path = g_build_filename(w->root, camera, stream, NULL);
	g_autoptr(GPtrArray) days = list_directory(path);
	unsigned seen = 0;
	for (guint d = 0; d < days->len && (!w->days || seen < w->days); d++) {
		const char *day = g_ptr_array_index(days, d);
		if (!is_day(day))
			continue;
		seen++;
		g_autofree char *day_path = g_build_filename(path, day, NULL);
		g_autoptr(GPtrArray) files = list_directory(day_path);
		for (guint f = files->len; f-- > 0;) {
			const char *name = g_ptr_array_index(files, f);
			g_autofree char *file = g_build_filename(camera, stream, day, name, NULL);
			if (g_str_has_suffix(name, ".mp4") && strlen(file) < sizeof((PtSegmentRow *)0)->path)
				w->found(w->user, file, camera, stream);
		}
	}
}

static void walk(const Walk *w) {
	g_autoptr(GPtrArray) cameras = list_directory(w->root);
	for (guint c = 0; c < cameras->len; c++) {
		const char *camera = g_ptr_array_index(cameras, c);
		g_autofree char *path = g_build_filename(w->root, camera, NULL);
		if (!pt_segment_name_is_safe(camera) || !g_file_test(path, G_FILE_TEST_IS_DIR))
			continue;
		g_autoptr(GPtrArray) streams = list_directory(path);
		for (guint s = 0; s < streams->len; s++)
			if (pt_segment_name_is_safe(g_ptr_array_index(streams, s)))
				walk_stream(w, camera, g_ptr_array_index(streams, s));
	}
}

typedef struct {
	PtStore *store;
	const char *root;
	PtRecovery *recovery;
	PtCheck *check;
	bool rebuild;
	GError *error;
} Adoption;

static void adopt(void *user, const char *path, const char *camera, const char *stream) {
	Adoption *a = user;
	if (a->error || pt_store_has_path(a->store, path))
		return;
	PtSegmentRow row = {0};
	g_autoptr(GError) why = NULL;
	int64_t torn = 0;
	if (!inspect(a->root, path, true, &row, &torn, &why)) {
		/* what is not ours to judge stays where it is; `archive check` names it */
		if (g_error_matches(why, PT_ERROR, PT_ERROR_CLOSED)) {
			remove_file(a->root, path);
			a->recovery->removed++;
		}
		return;
	}
	row.id = pt_store_new_id(a->store);
	row.shift_ns = pt_store_shift_of(a->store, row.start_ns);
	row.start_ns += row.shift_ns;
	row.end_ns += row.shift_ns;
	row.series = pt_store_series(a->store, camera, stream, &a->error);
	if (!row.series || (row.fetched ? !pt_store_fill(a->store, &row, row.start_ns, row.end_ns, 0, &a->error)
	                                : !pt_store_put_segment(a->store, &row, &a->error)))
		return;
	a->recovery->adopted++;
	a->recovery->cut_bytes += torn;
}

static bool add_unknown_gaps(PtStore *store, GError **error);

/* What was being fetched is fetched again: its gap is still there. */
static bool remove_fetching(PtStore *store, const char *root, GError **error) {
	g_autoptr(GPtrArray) paths = pt_store_fetching(store, error);
	for (guint i = 0; paths && i < paths->len; i++) {
		const char *path = g_ptr_array_index(paths, i);
		remove_file(root, path);
		if (!pt_store_forget_fetching(store, path, error))
			return false;
	}
	return paths != NULL;
}

bool pt_archive_recover(PtStore *store, const char *root, PtRecovery *ret, GError **error) {
	if (!pt_store_begin(store, true, error))
		return false;
	bool ok = remove_fetching(store, root, error) && recover_open(store, root, ret, error);
	if (!pt_store_commit(store, ok ? error : NULL))
		return false;
	if (!ok)
		return false;
	/* after a power cut the index may be older than the files, by seconds; two days cover midnight. A new one knows
	 * nothing */
	Adoption a = {.store = store, .root = root, .recovery = ret};
	walk(&(Walk){.store = store, .root = root, .days = pt_store_is_new(store) ? 0 : 2, .found = adopt, .user = &a});
	if (a.error) {
		g_propagate_error(error, a.error);
		return false;
	}
	return !pt_store_is_new(store) || add_unknown_gaps(store, error);
}

/* ---- check ---- */

static void complain(PtCheck *check, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void complain(PtCheck *check, const char *format, ...) {
	if (check->problems->len >= PROBLEMS_MAX)
		return;
	va_list args;
	va_start(args, format);
	g_ptr_array_add(check->problems, g_strdup_vprintf(format, args));
	va_end(args);
}

static void check_row(const char *root, const PtSegmentRow *row, PtCheck *check) {
	PtSegmentRow seen = {0};
	int64_t torn = 0;
	g_autoptr(GError) why = NULL;
	check->segments++;
	if (!inspect(root, row->path, false, &seen, &torn, &why)) {
		bool missing = g_error_matches(why, PT_ERROR, PT_ERROR_NOT_FOUND);
		missing ? check->missing++ : check->unreadable++;
		complain(check, "%s", why->message);
	} else if (seen.bytes < row->bytes) {
		check->torn++;
		complain(check, "%s: %" G_GINT64_FORMAT " bytes are whole, the index promises %" G_GINT64_FORMAT, row->path,
		         seen.bytes, row->bytes);
	} else if (row->end_ns > seen.end_ns + row->shift_ns + PT_NS_PER_S) {
		check->torn++;
		complain(check, "%s: the index promises footage until later than the file holds", row->path);
	}
}

static bool check_rows(PtStore *store, const char *root, PtCheck *check, GError **error) {
	/* those that a hub left open, or is writing, are promised as well as far as their rows say */
	g_autoptr(GArray) open = pt_store_open_segments(store, error);
	for (guint i = 0; open && i < open->len; i++)
		check_row(root, &g_array_index(open, PtSegmentRow, i), check);
	if (!open)
		return false;
	for (int64_t from = INT64_MIN;;) {
		g_autoptr(GArray) rows = pt_store_oldest_segments(store, 0, from, INT64_MAX, 1000, error);
		if (!rows)
			return false;
		for (guint i = 0; i < rows->len; i++) {
			check_row(root, &g_array_index(rows, PtSegmentRow, i), check);
			from = g_array_index(rows, PtSegmentRow, i).start_ns + 1;
		}
		if (rows->len < 1000)
			return true;
	}
}

static void check_file(void *user, const char *path, const char *camera, const char *stream) {
	Adoption *a = user;
	a->check->files++;
	if (!pt_store_has_path(a->store, path)) {
		a->check->unknown++;
		complain(a->check, "%s: the index does not know it", path);
	}
}

/* An index made from files alone does not know why footage is missing, but it must not be silent about it (P2). */
static bool add_unknown_gaps(PtStore *store, GError **error) {
	g_autoptr(GArray) series = pt_store_all_series(store, false, error);
	for (guint i = 0; series && i < series->len; i++) {
		int64_t id = g_array_index(series, PtSeriesRow, i).id;
		g_autoptr(GArray) rows = pt_store_segments(store, id, INT64_MIN / 2, INT64_MAX / 2, error);
		for (guint k = 1; rows && k < rows->len; k++) {
			const PtSegmentRow *a = &g_array_index(rows, PtSegmentRow, k - 1), *b = a + 1;
			if (b->start_ns - a->end_ns <= PT_NS_PER_S)
				continue;
			g_autoptr(GArray) known =
			    pt_store_gaps(store, id, a->end_ns - PT_NS_PER_S, b->start_ns + PT_NS_PER_S, error);
			PtGapRow gap = {
			    .id = pt_store_new_id(store), .series = id, .start_ns = a->end_ns, .end_ns = b->start_ns};
			g_strlcpy(gap.reason, "not known: the index was made anew from the files", sizeof gap.reason);
			if (!known || (!known->len && !pt_store_put_gap(store, &gap, error)))
				return false;
		}
		if (!rows)
			return false;
	}
	return series != NULL;
}

static bool rebuild(PtStore *store, const char *root, PtCheck *check, GError **error) {
	PtRecovery recovery = {0};
	Adoption a = {.store = store, .root = root, .recovery = &recovery, .check = check};
	if (!pt_store_begin(store, true, error))
		return false;
	if (!pt_store_forget_everything(store, error)) {
		pt_store_rollback(store);
		return false;
	}
	if (!pt_store_commit(store, error))
		return false;
	walk(&(Walk){.store = store, .root = root, .found = adopt, .user = &a});
	if (a.error) {
		g_propagate_error(error, a.error);
		return false;
	}
	complain(check,
	         "rebuilt: %u segments entered, %u files without a whole fragment removed, %" G_GINT64_FORMAT
	         " bytes of torn tails cut",
	         recovery.adopted, recovery.removed, recovery.cut_bytes);
	return add_unknown_gaps(store, error);
}

bool pt_archive_check(const char *root, bool do_rebuild, PtCheck *ret_check, GError **error) {
	*ret_check = (PtCheck){.problems = g_ptr_array_new_with_free_func(g_free)};
	g_autofree char *db = g_build_filename(root, "index.db", NULL);
	if (do_rebuild) { /* a damaged database is put aside, not thrown away */
		g_autoptr(GError) why = NULL;
		PtStore *probe = pt_store_open(db, &why);
		pt_store_free(probe);
		if (g_error_matches(why, PT_ERROR, PT_ERROR_INVALID)) {
			if (!pt_db_put_aside(db, error))
				return false;
		}
	}
	PtStore *store = pt_store_open(db, error);
	if (!store)
		return false;
	bool ok = !do_rebuild || rebuild(store, root, ret_check, error);
	Adoption a = {.store = store, .root = root, .check = ret_check};
	ok = ok && check_rows(store, root, ret_check, error);
	if (ok)
		walk(&(Walk){.store = store, .root = root, .found = check_file, .user = &a});
	pt_store_free(store);
	return ok;
}

void pt_check_clear(PtCheck *check) { g_clear_pointer(&check->problems, g_ptr_array_unref); }
