/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/segment-read.h"
#include "base/clock.h"
#include <fcntl.h>
#include <glib.h>
#include <unistd.h>

#define ROUNDING_NS 1000 /* times in files are NTP's */

PtMp4 *pt_segment_read(const char *root, const PtSegmentRow *row, int *ret_fd) {
	g_autofree char *path = g_build_filename(root, row->path, NULL);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	PtMp4 *mp4 = fd < 0 ? NULL : pt_mp4_read(fd, NULL);
	if (!mp4 || !mp4->n_tracks || !mp4->tracks[0].n_samples) {
		pt_mp4_free(mp4);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	for (size_t i = 0; row->shift_ns && i < mp4->tracks[0].n_samples; i++)
		mp4->tracks[0].samples[i].wall_ns += row->shift_ns;
	*ret_fd = fd;
	return mp4;
}

size_t pt_segment_lead(const PtMp4Track *t, const PtSegmentRow *row, int64_t reached_ns) {
	int64_t from = row->start_ns - reached_ns > PT_HOLE_NS ? reached_ns : row->start_ns;
	size_t i = 0;
	for (; row->fetched && i < t->n_samples; i++) {
		const PtMp4Sample *s = &t->samples[i];
		if (s->wall_ns - (s->pts - s->dts) * PT_NS_PER_S / t->format->timescale >= from - ROUNDING_NS)
			break;
	}
	return i;
}
