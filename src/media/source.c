/* The list of sources: one line per scheme. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/source.h"
#include "base/error.h"
#include "media/alsa/alsa.h"
#include "media/file/file.h"
#include "media/rtsp/client.h"
#include "media/test/clock.h"
#include "media/v4l2/v4l2.h"
#include <glib.h>
#include <string.h>

static const PtSourceOps *const sources[] = {
    &pt_rtsp_source_ops, &pt_rtsps_source_ops, &pt_file_source, &pt_test_source, &pt_v4l2_source, &pt_alsa_source,
};

PtSource *pt_source_start(const PtSourceParams *params, GError **error) {
	g_autoptr(GString) known = g_string_new(NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(sources); i++) {
		size_t n = strlen(sources[i]->scheme);
		if (!g_ascii_strncasecmp(params->location, sources[i]->scheme, n) && params->location[n] == ':')
			return sources[i]->start(params);
		g_string_append_printf(known, "%s%s:", i ? ", " : "", sources[i]->scheme);
	}
	pt_error_set(error, UNSUPPORTED, "camera %s: nothing here knows the source '%s' (known: %s)", params->camera,
	             params->location, known->str);
	return NULL;
}

void pt_source_stop(PtSource *source) {
	if (source)
		source->ops->stop(source);
}
