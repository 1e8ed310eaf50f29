/* Pictures of any size and zones of any shape: what moves is inside the picture, and nothing does before it has settled. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "media/motion.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static uint8_t picture[PT_MOTION_WIDTH * PT_MOTION_HEIGHT_MAX];
	PtBytes b = pt_bytes(data, size);
	PtMotionZone zones[2] = {{.exclude = pt_bytes_u8(&b) & 1, .n = PT_MOTION_POINTS}, {.n = 3}};
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < zones[i].n; k++)
			zones[i].points[k] = (PtMotionPoint){(float)pt_bytes_u8(&b) / 255, (float)pt_bytes_u8(&b) / 255};
	PtMotionParams params = {
	    .sensitivity = pt_bytes_u8(&b), .hold_ns = 1000000000, .zones = zones, .n_zones = pt_bytes_u8(&b) % 3};
	PtMotion *motion = pt_motion_new(&params);
	int64_t time = 1, begun = 1;
	unsigned last_width = 0, last_height = 0;
	for (unsigned n = 0; b.left > 4 && n < 64; n++) {
		unsigned width = pt_bytes_u8(&b) % (PT_MOTION_WIDTH + 1),
		         height = pt_bytes_u16(&b) % (PT_MOTION_HEIGHT_MAX + 1);
		time += (int64_t)(int8_t)pt_bytes_u8(&b) * 20000000;
		memset(picture, pt_bytes_u8(&b), sizeof picture);
		PtBytes noise = pt_bytes_sub(&b, b.left < 64 ? b.left : 64);
		for (size_t i = 0; noise.left; i += 97)
			picture[i * 131 % sizeof picture] = pt_bytes_u8(&noise);
		if (width / 8 != last_width / 8 || height / 8 != last_height / 8)
			begun = time;
		last_width = width;
		last_height = height;
		PtMotionSeen seen;
		pt_motion_look(motion, picture, width, height, time, &seen);
		if (seen.moving &&
		    (!seen.active || seen.left < 0 || seen.left >= seen.right || seen.right > 1 || seen.top < 0 ||
		     seen.top >= seen.bottom || seen.bottom > 1 || time < begun + PT_MOTION_SETTLE_NS))
			abort();
	}
	pt_motion_free(motion);
	return 0;
}
