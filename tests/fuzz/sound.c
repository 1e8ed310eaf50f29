/* Sound files: WAV and Ogg. Samples are in order, none is empty, and there is one at least where it is understood. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/sound/sound.h"

static void look(gboolean (*reader)(PtBytes, GPtrArray *, GError **), const uint8_t *data, size_t size) {
	g_autoptr(GPtrArray) samples = g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref);
	g_autoptr(GError) error = NULL;
	gboolean ok = reader(pt_bytes(data, size), samples, &error);
	g_assert(ok ? samples->len && !error : error && *error->message);
	int64_t last = -1;
	for (guint i = 0; ok && i < samples->len; i++) {
		const PtSample *s = samples->pdata[i];
		g_assert(s->dts > last && s->size && s->size <= PT_SAMPLE_MAX && s->format->sample_rate &&
		         s->format->channels);
		last = s->dts;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	look(pt_wav_read, data, size);
	look(pt_ogg_read, data, size);
	return 0;
}
