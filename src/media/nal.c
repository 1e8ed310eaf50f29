/* SPDX-License-Identifier: Apache-2.0 */
#include "media/nal.h"
#include "base/bytes.h"
#include <glib.h>
#include <string.h>

bool pt_param_sets_put(PtParamSets *sets, uint8_t kind, uint8_t id, const void *data, size_t size) {
	if (!size || size > PT_PARAM_SET_MAX)
		return false;
	unsigned i = 0;
	while (i < sets->n && (sets->sets[i].kind < kind || (sets->sets[i].kind == kind && sets->sets[i].id < id)))
		i++;
	PtParamSet *s = &sets->sets[i];
	bool same = i < sets->n && s->kind == kind && s->id == id;
	if (same && s->size == size && !memcmp(s->data, data, size))
		return true;
	if (same) {
		g_free(s->data);
	} else {
		if (sets->n == PT_PARAM_SETS)
			return false;
		memmove(s + 1, s, (sets->n - i) * sizeof *s);
		sets->n++;
	}
	*s = (PtParamSet){kind, id, (uint16_t)size, g_memdup2(data, size)};
	sets->changed = true;
	return true;
}

unsigned pt_param_sets_count(const PtParamSets *sets, uint8_t kind) {
	unsigned n = 0;
	for (unsigned i = 0; i < sets->n; i++)
		n += sets->sets[i].kind == kind;
	return n;
}

const PtParamSet *pt_param_sets_first(const PtParamSets *sets, uint8_t kind) {
	for (unsigned i = 0; i < sets->n; i++)
		if (sets->sets[i].kind == kind)
			return &sets->sets[i];
	return NULL;
}

void pt_param_sets_clear(PtParamSets *sets) {
	for (unsigned i = 0; i < sets->n; i++)
		g_free(sets->sets[i].data);
	*sets = (PtParamSets){0};
}

static unsigned take_sets(PtBytes *b, unsigned count, PtNal *ret, unsigned n, unsigned max) {
	for (; count; count--) {
		size_t size = pt_bytes_u16(b);
		const uint8_t *p = pt_bytes_take(b, size);
		if (p && size && n < max)
			ret[n++] = (PtNal){p, size};
	}
	return n;
}

unsigned pt_format_parameter_sets(const PtFormat *format, PtNal *ret, unsigned max) {
	PtBytes b = pt_bytes(format->config, format->config_size);
	unsigned n = 0;
	if (format->codec == PT_CODEC_H264) { /* ISO 14496-15 §5.3.3.1 */
		pt_bytes_take(&b, 5);
		n = take_sets(&b, pt_bytes_u8(&b) & 31, ret, n, max);
		n = take_sets(&b, pt_bytes_u8(&b), ret, n, max);
	} else if (format->codec == PT_CODEC_H265) { /* ISO 14496-15 §8.3.3.1 */
		pt_bytes_take(&b, 22);
		for (unsigned arrays = pt_bytes_u8(&b); arrays && !b.bad; arrays--) {
			pt_bytes_u8(&b);
			unsigned count = pt_bytes_u16(&b);
			for (; count && !b.bad; count--)
				n = take_sets(&b, 1, ret, n, max);
		}
	}
	return b.bad ? 0 : n;
}

size_t pt_find_start_code(const uint8_t *p, size_t n) {
	if (n < 3)
		return n;
	/* from 01 backwards: a byte of 1 is rarer than one of 0 */
	for (const uint8_t *at = p + 2, *end = p + n; at < end; at++) {
		at = memchr(at, 1, (size_t)(end - at));
		if (!at)
			break;
		if (!at[-1] && !at[-2])
			return (size_t)(at - 2 - p);
	}
	return n;
}

bool pt_annexb_next(PtBytes *b, PtNal *ret) {
	for (;;) {
		pt_bytes_take(b, pt_find_start_code(b->p, b->left));
		if (!pt_bytes_take(b, 3))
			return false;
		size_t n = pt_find_start_code(b->p, b->left);
		const uint8_t *data = pt_bytes_take(b, n);
		while (n && !data[n - 1]) /* of the start code that follows, or filled up */
			n--;
		*ret = (PtNal){data, n};
		if (n)
			return true;
	}
}
