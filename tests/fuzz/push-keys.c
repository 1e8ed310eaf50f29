/* What a page says its browser's keys are: two texts, parted by a line's end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/push.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	uint8_t point[PT_PUSH_POINT], auth[PT_PUSH_AUTH];
	g_autofree char *text = g_strndup((const char *)data, size);
	char *second = strchr(text, '\n');
	if (second)
		*second++ = 0;
	if (!pt_push_read_keys(text, second ? second : "", point, auth))
		return 0;
	/* keys that were taken are such that can be encrypted for */
	g_autoptr(GString) out = g_string_new(NULL);
	if (!pt_push_encrypt(point, auth, "x", 1, out) || out->len != 16 + 5 + PT_PUSH_POINT + 1 + 1 + 16)
		abort();
	return 0;
}
