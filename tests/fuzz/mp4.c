/* Whatever the file says: samples lie within it, times rise, loading gives what was promised. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/fmp4/read.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	int fd = memfd_create("fuzz", 0);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	PtMp4 *mp4 = pt_mp4_read(fd, NULL);
	for (size_t t = 0; mp4 && t < mp4->n_tracks; t++) {
		for (size_t i = 0; i < mp4->tracks[t].n_samples; i++) {
			const PtMp4Sample *s = &mp4->tracks[t].samples[i];
			if (!s->size || s->offset > size || s->size > size - s->offset || (i && s->dts <= s[-1].dts))
				abort();
			if (i < 8)
				pt_sample_unref(pt_mp4_load(mp4, fd, t, i, NULL));
		}
	}
	if (mp4 && mp4->whole_size > size)
		abort();
	pt_mp4_free(mp4);
	close(fd);
	return 0;
}
