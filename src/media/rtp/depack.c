/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/depack.h"
#include <glib.h>
#include <string.h>

static const PtDepackOps *const all[] = {&pt_depack_h264, &pt_depack_h265, &pt_depack_mjpeg, &pt_depack_aac,
                                         &pt_depack_pcmu, &pt_depack_pcma, &pt_depack_opus,  &pt_depack_metadata,
                                         &pt_depack_l16,  &pt_depack_g726};

PtDepack *pt_depack_new(PtCodec codec, const PtDepackParams *params, void (*emit)(PtDepack *, PtSample *), void *user) {
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		if (all[i]->codec == codec) {
			PtDepack *d = g_malloc0(all[i]->size);
			d->ops = all[i];
			d->emit = emit;
			d->user = user;
			d->ops->init(d, params);
			return d;
		}
	g_assert_not_reached();
}

void pt_depack_free(PtDepack *d) {
	if (!d)
		return;
	if (d->ops->finish)
		d->ops->finish(d);
	pt_format_unref(d->format);
	g_free(d);
}

char *pt_fmtp_get(const char *fmtp, const char *name) {
	size_t length = strlen(name);
	for (const char *p = fmtp; p && *p; p = strchr(p, ';')) {
		p += strspn(p, "; \t");
		if (!g_ascii_strncasecmp(p, name, length)) {
			const char *value = p + length + strspn(p + length, " \t");
			if (*value == '=') {
				value++;
				return g_strstrip(g_strndup(value, strcspn(value, ";")));
			}
		}
	}
	return NULL;
}

void pt_depack_emit(PtDepack *d, PtSample *sample, int64_t ticks, bool key) {
	if (!d->format) {
		pt_sample_unref(sample);
		d->dropped++;
		return;
	}
	sample->format = pt_format_ref(d->format);
	sample->pts = ticks;
	sample->key = key;
	sample->broken = d->broken;
	sample->lost = d->lost;
	d->broken = false;
	d->lost = 0;
	d->emit(d, sample);
}

void pt_depack_emit_whole(PtDepack *d, int64_t ticks, const void *data, size_t size) {
	PtSample *s = pt_sample_new(size);
	memcpy(pt_sample_grow(&s, size), data, size);
	pt_depack_emit(d, s, ticks, true);
}
