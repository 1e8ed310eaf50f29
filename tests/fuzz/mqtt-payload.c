/* What any device at a broker may send: the first byte's bits choose the field asked for and the words. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/mqtt/payload.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <glib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const char *const fields[] = {NULL, "state", "a.b.c", ""};
	char value[PT_PAYLOAD_VALUE_MAX + 1];
	if (!size)
		return 0;
	g_autofree char *payload = g_malloc(size);
	memcpy(payload, data + 1, size - 1);
	payload[size - 1] = 0;
	if (pt_payload_value(payload, size - 1, fields[data[0] & 3], value)) {
		if (strlen(value) > PT_PAYLOAD_VALUE_MAX || !g_utf8_validate(value, -1, NULL))
			abort();
		pt_payload_state(value, data[0] & 4 ? "on" : NULL, data[0] & 8 ? "off" : NULL);
	}
	return 0;
}
