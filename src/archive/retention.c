/* Deletes whole segments, oldest first, when age, size or free space ask for it; never what a rule or a person keeps (P3).
 * A thread of its own: unlinking a large file may take its time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/archive.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/units.h"
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PASS_NS (10 * PT_NS_PER_S)
#define LOOK_NS PT_NS_PER_S /* at the room that is left: a small card is full within seconds of a start */
#define BATCH 64
#define FULL_NS (600 * PT_NS_PER_S)    /* what was found to be kept is looked at again so often */
#define OVERLAP_NS (600 * PT_NS_PER_S) /* no segment is longer */
/* Kept on the disk for the day it is full: to forget a segment the index has to write, and that needs room. */
#define RESERVE_NAME ".reserve"
#define RESERVE_BYTES (1 << 20)

typedef struct {
	char *camera, *stream; /* "" and "": for what has no policy of its own */
	PtKeepPolicy policy;
	int64_t ring_from_ns; /* what began before it was kept when it was looked at last; 0: nothing was */
} Entry;

struct PtRetention {
	pthread_t thread;
	PtStore *store;
	char *root;
	PtRetentionParams limits;

	GMutex lock, pass; /* pass: held while a pass runs */
	GCond wake;
	/* under lock */
	GArray *entries;
	bool quit, kicked;
	char crowded[200]; /* "": limits are met */
	/* under pass */
	int64_t full_ns; /* when all was looked at last */
	guint n_keeps;
	unsigned missed; /* passes in a row that did not meet the limits */
};

static void entry_clear(void *data) {
	Entry *e = data;
	g_free(e->camera);
	g_free(e->stream);
}

/* Under lock. */
static Entry *find_entry(PtRetention *r, const char *camera, const char *stream) {
	for (guint i = 0; i < r->entries->len; i++) {
		Entry *e = &g_array_index(r->entries, Entry, i);
		if (!strcmp(e->camera, camera) && !strcmp(e->stream, stream))
			return e;
	}
	return NULL;
}

void pt_retention_set(PtRetention *r, const char *camera, const char *stream, const PtKeepPolicy *policy) {
	g_mutex_lock(&r->lock);
	Entry *known = find_entry(r, camera, stream);
	if (known) {
		known->policy = *policy;
		known->ring_from_ns = 0;
	} else {
		Entry e = {.camera = g_strdup(camera), .stream = g_strdup(stream), .policy = *policy};
		g_array_append_val(r->entries, e);
	}
	g_mutex_unlock(&r->lock);
}

static PtKeepPolicy policy_of(PtRetention *r, const char *camera, const char *stream) {
	PtKeepPolicy policy = {0};
	g_mutex_lock(&r->lock);
	for (guint i = 0; i < r->entries->len; i++) {
		const Entry *e = &g_array_index(r->entries, Entry, i);
		if (!strcmp(e->camera, camera) && !strcmp(e->stream, stream)) {
			policy = e->policy;
			break;
		}
		if (!e->camera[0])
			policy = e->policy;
	}
	g_mutex_unlock(&r->lock);
	return policy;
}

/* ---- what is kept ---- */

typedef struct {
	PtRetention *retention;
	int64_t now;
	GArray *keeps;  /* of all cameras, by camera and start */
	GArray *ends;   /* int64_t for each: the latest end of it and of those of its camera before it */
	GArray *series; /* PtSeriesRow */
} Pass;

static const PtSeriesRow *series_of(const Pass *p, int64_t id) {
	for (guint i = 0; i < p->series->len; i++)
		if (g_array_index(p->series, PtSeriesRow, i).id == id)
			return &g_array_index(p->series, PtSeriesRow, i);
	return NULL;
}

typedef enum { BY_RING, BY_AGE, BY_MAX_AGE } Cause;

static int by_camera_and_start(const void *a, const void *b) {
	const PtKeepRow *x = a, *y = b;
	int camera = strcmp(x->camera, y->camera);
	return camera ? camera : (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static void sort_keeps(Pass *p) {
	g_array_sort(p->keeps, by_camera_and_start);
	p->ends = g_array_new(FALSE, FALSE, sizeof(int64_t));
	for (guint i = 0; i < p->keeps->len; i++) {
		const PtKeepRow *k = &g_array_index(p->keeps, PtKeepRow, i);
		bool same = i && !strcmp(k->camera, g_array_index(p->keeps, PtKeepRow, i - 1).camera);
		int64_t end = same ? MAX(k->end_ns, g_array_index(p->ends, int64_t, i - 1)) : k->end_ns;
		g_array_append_val(p->ends, end);
	}
}

/* The first keep of the camera, or behind it, before which none reaches beyond start_ns. */
static guint first_keep(const Pass *p, const char *camera, int64_t start_ns) {
	guint low = 0, high = p->keeps->len;
	while (low < high) {
		guint middle = (low + high) / 2;
		int order = strcmp(g_array_index(p->keeps, PtKeepRow, middle).camera, camera);
		if (order < 0 || (!order && g_array_index(p->ends, int64_t, middle) <= start_ns))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_kept(const Pass *p, const char *camera, const PtSegmentRow *s, Cause cause) {
	for (guint i = first_keep(p, camera, s->start_ns); i < p->keeps->len; i++) {
		const PtKeepRow *k = &g_array_index(p->keeps, PtKeepRow, i);
		if (strcmp(k->camera, camera) || k->start_ns >= s->end_ns)
			return false;
		if (k->end_ns <= s->start_ns || (k->until_ns && k->until_ns <= p->now))
			continue;
		if (k->person || (cause == BY_RING) || (cause == BY_AGE && !k->ring))
			return true;
	}
	return false;
}

static void make_reserve(PtRetention *r) {
	g_autofree char *path = g_build_filename(r->root, RESERVE_NAME, NULL);
	struct statvfs fs;
	g_autofree char *index = g_build_filename(r->root, "index.db", NULL); /* without it this is not the archive's disk */
	if (!access(path, F_OK) || access(index, F_OK) || statvfs(r->root, &fs) ||
	    (int64_t)fs.f_bavail * (int64_t)fs.f_frsize < 4 * RESERVE_BYTES)
		return;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return;
	bool made = !posix_fallocate(fd, 0, RESERVE_BYTES);
	close(fd);
	if (!made)
		unlink(path);
}

bool pt_retention_release_reserve(const char *root) {
	g_autofree char *path = g_build_filename(root, RESERVE_NAME, NULL);
	return !unlink(path);
}

static bool forget_segments(PtRetention *r, GArray *rows) {
	if (!pt_store_begin(r->store, true, NULL))
		return false;
	bool ok = true;
	for (guint i = 0; ok && i < rows->len; i++)
		ok = pt_store_delete_segment(r->store, g_array_index(rows, PtSegmentRow, i).id, NULL);
	if (!ok) {
		pt_store_rollback(r->store);
		return false;
	}
	return pt_store_commit(r->store, NULL);
}

/* Not even the reserve is left for the index to write with. The oldest file has to go before its row, which follows at once:
 * a disk that stays full would keep nothing new. */
static bool forget_on_full_disk(PtRetention *r, GArray *rows) {
	struct statvfs fs;
	if (statvfs(r->root, &fs) || (int64_t)fs.f_bavail * (int64_t)fs.f_frsize >= RESERVE_BYTES)
		return false;
	g_autofree char *oldest = g_build_filename(r->root, g_array_index(rows, PtSegmentRow, 0).path, NULL);
	return !unlink(oldest) && forget_segments(r, rows);
}

/* The index forgets first, and durably, so that it never promises what is gone; then the files go. */
static bool delete_segments(PtRetention *r, GArray *rows, int64_t *ret_bytes) {
	*ret_bytes = 0;
	if (!rows->len ||
	    (!forget_segments(r, rows) && !(pt_retention_release_reserve(r->root) && forget_segments(r, rows)) &&
	     !forget_on_full_disk(r, rows)))
		return false;
	for (guint i = 0; i < rows->len; i++) {
		const PtSegmentRow *row = &g_array_index(rows, PtSegmentRow, i);
		g_autofree char *full = g_build_filename(r->root, row->path, NULL);
		g_autofree char *day = g_path_get_dirname(full);
		unlink(full);
		rmdir(day); /* goes only when it is empty */
		*ret_bytes += row->bytes;
	}
	return true;
}

/* Deletes closed segments of a camera (NULL: see series) or of one series (0: all) that began in [from, before), up to so
 * many bytes. Returns bytes freed. */
static int64_t delete_between(Pass *p, const char *camera, int64_t series, int64_t from, int64_t before_ns, Cause cause,
                              int64_t want_bytes) {
	PtStore *store = p->retention->store;
	int64_t freed = 0;
	while (freed < want_bytes) {
		g_autoptr(GArray) rows = camera ? pt_store_oldest_of_camera(store, camera, from, before_ns, BATCH, NULL)
		                                : pt_store_oldest_segments(store, series, from, before_ns, BATCH, NULL);
		g_autoptr(GArray) doomed = g_array_new(FALSE, FALSE, sizeof(PtSegmentRow));
		int64_t bytes = 0;
		if (!rows || !rows->len)
			break;
		for (guint i = 0; i < rows->len && freed + bytes < want_bytes; i++) {
			const PtSegmentRow *row = &g_array_index(rows, PtSegmentRow, i);
			const PtSeriesRow *owner = series_of(p, row->series);
			from = row->start_ns + 1;
			if (row->end_ns > before_ns || (owner && is_kept(p, owner->camera, row, cause)))
				continue;
			g_array_append_val(doomed, *row);
			bytes += row->bytes;
		}
		if (doomed->len && !delete_segments(p->retention, doomed, &bytes))
			break;
		freed += doomed->len ? bytes : 0;
		if (rows->len < BATCH)
			break;
	}
	return freed;
}

static int64_t delete_until(Pass *p, int64_t series, int64_t before_ns, Cause cause, int64_t want_bytes) {
	return delete_between(p, NULL, series, INT64_MIN, before_ns, cause, want_bytes);
}

/* What rules and motion kept may be months of segments: they are not looked at in each pass. */
static void delete_ring(Pass *p, const PtSeriesRow *s, int64_t ring_ns, bool full) {
	PtRetention *r = p->retention;
	int64_t before = p->now - ring_ns, from = INT64_MIN;
	g_mutex_lock(&r->lock);
	Entry *e = find_entry(r, s->camera, s->stream);
	if (e && e->ring_from_ns && e->ring_from_ns < before && !full)
		from = e->ring_from_ns;
	g_mutex_unlock(&r->lock);
	delete_between(p, NULL, s->id, from, before, BY_RING, INT64_MAX);
	g_mutex_lock(&r->lock);
	e = find_entry(r, s->camera, s->stream);
	if (e)
		e->ring_from_ns = before - OVERLAP_NS;
	g_mutex_unlock(&r->lock);
}

/* What the policies of its series allow all footage of a camera together. Returns by how much it is more after all that may
 * go has gone. */
static int64_t fit_camera(Pass *p, const char *camera, int64_t limit) {
	int64_t over = pt_store_camera_bytes(p->retention->store, camera) - limit;
	return over > 0 ? over - delete_between(p, camera, 0, INT64_MIN, INT64_MAX, BY_AGE, over) : 0;
}

static int64_t over_size(PtRetention *r) {
	return r->limits.max_bytes ? pt_store_total_bytes(r->store) - r->limits.max_bytes : 0;
}

static int64_t over_free(PtRetention *r) {
	struct statvfs fs;
	if ((!(r->limits.free_percent > 0) && !r->limits.free_bytes) || statvfs(r->root, &fs))
		return 0;
	int64_t free_now = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	return MAX(r->limits.free_bytes,
	           (int64_t)(r->limits.free_percent / 100 * (double)fs.f_blocks * (double)fs.f_frsize)) -
	       free_now;
}

/* After a pass: limits that are not met, twice in a row, since nothing may be deleted for them. Told once, and once when it
 * is over. */
static void tell_crowded(PtRetention *r, const char *camera) {
	int64_t size = over_size(r), space = over_free(r);
	char text[sizeof r->crowded] = "";
	g_autofree char *by = pt_units_about_size((uint64_t)MAX(size > 0 ? size : space, 0));
	r->missed = size > 0 || space > 0 || camera ? r->missed + 1 : 0;
	if (r->missed >= 2 && size <= 0 && space <= 0)
		g_snprintf(
		    text, sizeof text,
		    "keep.size of camera %s cannot be met: all that is left is kept or being recorded. Release what is "
		    "kept, or give it more room",
		    camera);
	else if (r->missed >= 2)
		g_snprintf(
		    text, sizeof text,
		    "%s cannot be met by %s: all that is left is kept or being recorded. Release what is kept, or give "
		    "it more room",
		    size > 0 ? "keep.size" : "keep.free", by);
	g_mutex_lock(&r->lock);
	bool was = r->crowded[0] != 0, is = text[0] != 0;
	g_strlcpy(r->crowded, text, sizeof r->crowded);
	g_mutex_unlock(&r->lock);
	if (was != is && r->limits.crowded)
		r->limits.crowded(r->limits.user, is ? text : NULL);
}

void pt_retention_get_crowded(PtRetention *r, char *ret, size_t size) {
	g_mutex_lock(&r->lock);
	g_strlcpy(ret, r->crowded, size);
	g_mutex_unlock(&r->lock);
}

/* Nothing that it kept is there any more. */
static bool is_gone(const Pass *p, const PtKeepRow *k) {
	if (k->end_ns > p->now - FULL_NS)
		return false;
	for (guint i = 0; i < p->series->len; i++) {
		const PtSeriesRow *s = &g_array_index(p->series, PtSeriesRow, i);
		if (!strcmp(s->camera, k->camera) && s->first_ns && s->first_ns < k->end_ns)
			return false;
	}
	return true;
}

static void forget_old_keeps(Pass *p) {
	for (guint i = 0; i < p->keeps->len; i++) {
		const PtKeepRow *k = &g_array_index(p->keeps, PtKeepRow, i);
		bool over = k->until_ns && k->until_ns <= p->now;
		if (over || (k->ring && !k->person && is_gone(p, k)))
			pt_store_delete_keep(p->retention->store, k->id, NULL);
	}
}

/* What was missing of footage that is not kept any more, and what was done about it. */
static void forget_gaps(PtRetention *r, int64_t series, int64_t before_ns) {
	pt_store_delete_gaps_before(r->store, series, before_ns, NULL);
	pt_store_delete_jobs_before(r->store, series, before_ns, NULL);
}

void pt_retention_run(PtRetention *r, int64_t now_ns) {
	g_mutex_lock(&r->pass);
	Pass p = {.retention = r, .now = now_ns};
	p.keeps = pt_store_keeps(r->store, NULL, NULL);
	p.series = pt_store_all_series(r->store, false, NULL);
	if (p.keeps && p.series) {
		sort_keeps(&p);
		const char *crowded = NULL; /* a camera that cannot be fitted */
		bool full = p.keeps->len < r->n_keeps || now_ns - r->full_ns > FULL_NS || now_ns < r->full_ns;
		if (full)
			r->full_ns = now_ns;
		r->n_keeps = p.keeps->len;
		for (guint i = 0; i < p.series->len; i++) {
			const PtSeriesRow *s = &g_array_index(p.series, PtSeriesRow, i);
			PtKeepPolicy policy = policy_of(r, s->camera, s->stream);
			if (policy.ring_ns)
				delete_ring(&p, s, policy.ring_ns, full);
			if (policy.age_ns)
				delete_until(&p, s->id, now_ns - policy.age_ns, BY_AGE, INT64_MAX);
			if (policy.max_age_ns)
				delete_until(&p, s->id, now_ns - policy.max_age_ns, BY_MAX_AGE, INT64_MAX);
			bool seen = i && !strcmp(s->camera, g_array_index(p.series, PtSeriesRow, i - 1).camera);
			if (policy.camera_bytes && !seen && fit_camera(&p, s->camera, policy.camera_bytes) > 0)
				crowded = s->camera;
			int64_t oldest = s->first_ns;
			if (policy.age_ns || policy.ring_ns || policy.camera_bytes)
				forget_gaps(r, s->id, oldest);
		}
		int64_t want = MAX(over_size(r), over_free(r));
		if (want > 0)
			delete_until(&p, 0, INT64_MAX, BY_AGE, want);
		tell_crowded(r, crowded);
		forget_old_keeps(&p);
		make_reserve(r);
	}
	g_clear_pointer(&p.keeps, g_array_unref);
	g_clear_pointer(&p.ends, g_array_unref);
	g_clear_pointer(&p.series, g_array_unref);
	g_mutex_unlock(&r->pass);
}

static void *retention_thread(void *data) {
	PtRetention *r = data;
	pthread_setname_np(pthread_self(), "pt-retention");
	g_mutex_lock(&r->lock);
	int64_t due = pt_mono_ns(pt_clock_system()) + PASS_NS;
	bool met = true; /* the last pass left the room that is wanted: it is worth looking for less before the next */
	while (!r->quit) {
		int64_t now = pt_mono_ns(pt_clock_system());
		if (!r->kicked && now < due && !(met && over_free(r) > 0)) {
			g_cond_wait_until(&r->wake, &r->lock, MIN(due, now + LOOK_NS) / PT_NS_PER_US);
			continue;
		}
		r->kicked = false;
		g_mutex_unlock(&r->lock);
		pt_retention_run(r, pt_wall_ns(pt_clock_system()));
		g_mutex_lock(&r->lock);
		met = over_free(r) <= 0;
		due = pt_mono_ns(pt_clock_system()) + PASS_NS;
	}
	g_mutex_unlock(&r->lock);
	return NULL;
}

void pt_retention_kick(PtRetention *r) {
	g_mutex_lock(&r->lock);
	r->kicked = true;
	g_cond_signal(&r->wake);
	g_mutex_unlock(&r->lock);
}

PtRetention *pt_retention_new(PtStore *store, const char *root, const PtRetentionParams *params) {
	PtRetention *r = g_new0(PtRetention, 1);
	r->store = store;
	r->root = g_strdup(root);
	r->limits = *params;
	g_mutex_init(&r->lock);
	g_mutex_init(&r->pass);
	g_cond_init(&r->wake);
	r->entries = g_array_new(FALSE, FALSE, sizeof(Entry));
	g_array_set_clear_func(r->entries, entry_clear);
	make_reserve(r);
	int e = pthread_create(&r->thread, NULL, retention_thread, r);
	if (e)
		g_error("cannot start the archive's retention: %s", g_strerror(e));
	return r;
}

void pt_retention_free(PtRetention *r) {
	if (!r)
		return;
	g_mutex_lock(&r->lock);
	r->quit = true;
	g_cond_signal(&r->wake);
	g_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	g_array_unref(r->entries);
	g_mutex_clear(&r->lock);
	g_mutex_clear(&r->pass);
	g_cond_clear(&r->wake);
	g_free(r->root);
	g_free(r);
}
