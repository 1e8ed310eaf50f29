/* What a device gives as a compressed picture: what comes out is whole, and the same when it is given again (MJPEG). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/v4l2/picture.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	PtV4l2Pictures p = {.codec = PT_CODEC_H264};
	if (!size)
		return 0;
	if (data[0] & 1)
		p.codec = PT_CODEC_MJPEG;
	data++;
	size--;
	for (unsigned part = 0; part < 2; part++) {
		size_t half = size / 2;
		PtSample *s = pt_v4l2_picture(&p, part ? data : data + half, part ? size : size - half);
		if (!s)
			continue;
		if (s->format->codec != p.codec || !s->size)
			abort();
		if (p.codec == PT_CODEC_MJPEG) {
			PtSample *again = pt_v4l2_picture(&p, s->data, s->size);
			if (!again || again->size != s->size || memcmp(again->data, s->data, s->size))
				abort();
			pt_sample_unref(again);
		}
		pt_sample_unref(s);
	}
	pt_v4l2_pictures_clear(&p);
	return 0;
}
