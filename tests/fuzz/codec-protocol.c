/* What the other end of the codec's socket may send: each sample that comes out survives being written and read again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/codec/wire.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	PtWireReader in = {0}, again = {0};
	PtWireWriter writer = {0};
	PtBuf out = {0};
	PtWireMessage m = {0}, m2;
	size_t half = size / 2;
	for (unsigned part = 0; part < 2; part++) {
		pt_wire_reader_feed(&in, data + (part ? half : 0), part ? size - half : half);
		while (pt_wire_reader_next(&in, &m, NULL) && m.type != PT_WIRE_NONE) {
			g_clear_error(&m.error);
			if (!m.sample)
				continue;
			pt_wire_put_sample(&writer, &out, m.sample);
			pt_wire_reader_feed(&again, out.data, out.size);
			out.size = 0;
			if (!pt_wire_reader_next(&again, &m2, NULL) || m2.type != PT_WIRE_SAMPLE ||
			    m2.sample->size != m.sample->size || m2.sample->pts != m.sample->pts ||
			    !pt_format_equal(m2.sample->format, m.sample->format))
				abort();
			pt_sample_unref(m.sample);
			pt_sample_unref(m2.sample);
		}
	}
	pt_wire_reader_clear(&in);
	pt_wire_reader_clear(&again);
	pt_wire_writer_clear(&writer);
	pt_buf_clear(&out);
	return 0;
}
