/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/read-back.h"
#include "archive/archive.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "media/fmp4/read.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BATCH 256
#define MINUTE_NS (60 * PT_NS_PER_S)

/* What can be told without decoding: NAL units fill their sample and begin with a zero bit (H.264 §7.3.1, H.265 §7.3.1.2), a
 * JPEG begins with its mark. */
static bool is_plausible(const PtMp4Track *t, const uint8_t *data, size_t size) {
	PtBytes b = pt_bytes(data, size);
	if (t->format->codec == PT_CODEC_MJPEG)
		return pt_bytes_u16(&b) == 0xffd8;
	if (t->nal_size != 4)
		return true;
	while (b.left) {
		uint32_t n = pt_bytes_u32(&b);
		const uint8_t *nal = n ? pt_bytes_take(&b, n) : NULL;
		if (!nal || nal[0] & 0x80)
			return false;
	}
	return size > 0;
}

static bool read_samples(int fd, const PtMp4Track *t, int64_t *bytes, GError **error) {
	g_autoptr(GByteArray) data = g_byte_array_new();
	for (size_t i = 0; i < t->n_samples; i++) {
		const PtMp4Sample *s = &t->samples[i];
		g_byte_array_set_size(data, s->size);
		ssize_t n = pread(fd, data->data, s->size, (off_t)s->offset);
		if (n != (ssize_t)s->size) {
			pt_error_set(error, DISK, "read at byte %" G_GUINT64_FORMAT ": %s", s->offset,
			             n < 0 ? g_strerror(errno) : "the file ends");
			return false;
		}
		*bytes += n;
		if (!is_plausible(t, data->data, s->size)) {
			pt_error_set(error, INVALID, "what stands at byte %" G_GUINT64_FORMAT " is no %s any more",
			             s->offset, pt_codec_name(t->format->codec));
			return false;
		}
	}
	return true;
}

static bool read_file(const char *root, const PtSegmentRow *row, int64_t *bytes, GError **error) {
	PtSegmentRow seen = {0};
	g_autofree char *path = g_build_filename(root, row->path, NULL);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		pt_error_set(error, DISK, "%s: %s", row->path, g_strerror(errno));
		return false;
	}
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* the medium is asked, not the memory */
	g_autoptr(PtMp4) mp4 = pt_mp4_read(fd, error);
	bool ok = mp4 != NULL;
	for (size_t i = 0; ok && i < mp4->n_tracks; i++)
		ok = read_samples(fd, &mp4->tracks[i], bytes, error);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* and viewers keep theirs */
	close(fd);
	if (!ok) {
		g_prefix_error(error, "%s: ", row->path);
		return false;
	}
	if (!pt_archive_inspect(root, row->path, &seen, error))
		return false;
	if (seen.bytes >= row->bytes && seen.end_ns + PT_NS_PER_S >= row->end_ns)
		return true;
	pt_error_set(error, INVALID, "%s: %" G_GINT64_FORMAT " bytes are whole, the index promises %" G_GINT64_FORMAT,
	             row->path, seen.bytes, row->bytes);
	return false;
}

static void read_one(PtStore *store, const char *root, const PtSegmentRow *row, PtReadBack *r) {
	g_autoptr(GError) why = NULL;
	if (!read_file(root, row, &r->bytes, &why)) {
		if (!pt_store_has_path(store, row->path)) /* it was its time to go */
			return;
		if (!r->bad++)
			g_strlcpy(r->first, why->message, sizeof r->first);
	}
	r->files++;
}

static bool is_stopped(const PtReadBackParams *p) { return p->stop && g_atomic_int_get(p->stop); }

/* Sleeps in pieces: a program that ends does not wait for it. */
static void keep_to_rate(const PtReadBackParams *p, int64_t begun_mono, int64_t bytes) {
	int64_t until = p->bytes_per_s ? begun_mono + bytes * 1000 / p->bytes_per_s * PT_NS_PER_MS : 0;
	while (pt_mono_ns(pt_clock_system()) < until && !is_stopped(p))
		g_usleep(20000);
}

void pt_read_back(PtStore *store, const char *root, const PtReadBackParams *p, PtReadBack *ret) {
	int64_t from = INT64_MIN, begun_mono = pt_mono_ns(pt_clock_system());
	PtReadBack r = {.begun_ns = pt_wall_ns(pt_clock_system())};
	bool more = true;
	while (more && !is_stopped(p)) {
		g_autoptr(GArray) rows = pt_store_oldest_segments(store, 0, from, INT64_MAX, BATCH, NULL);
		more = rows && rows->len == BATCH;
		for (guint i = 0; rows && i < rows->len && !is_stopped(p); i++) {
			const PtSegmentRow *row = &g_array_index(rows, PtSegmentRow, i);
			from = row->start_ns + 1;
			if (row->start_ns / MINUTE_NS % p->parts != p->part)
				continue;
			read_one(store, root, row, &r);
			keep_to_rate(p, begun_mono, r.bytes);
		}
	}
	r.ended_ns = is_stopped(p) ? 0 : pt_wall_ns(pt_clock_system());
	*ret = r;
}
