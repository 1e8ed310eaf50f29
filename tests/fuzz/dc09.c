/* What a monitoring station, or somebody in its place, may answer. The first byte chooses the key. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/dc09.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const unsigned sizes[] = {0, 16, 24, 32};
	PtDc09Reply reply = {.answer = (PtDc09Answer)77};
	if (!size)
		return 0;
	PtDc09Key key = {"0123456789abcdef0123456789abcde", sizes[data[0] & 3]};
	/* a copy of just that size: reading past it is found */
	void *frame = g_memdup2(data + 1, size - 1);
	g_autoptr(GError) error = NULL;
	bool ok = pt_dc09_read(frame, size - 1, &key, &reply, &error);
	if (ok != !error || (ok && (reply.answer > PT_DC09_DUH || reply.sequence > 9999)) ||
	    (!ok && reply.answer != (PtDc09Answer)77))
		abort();
	g_free(frame);
	return 0;
}
