/* What H.264 and H.265 share: NAL units and the parameter sets a decoder needs before the first of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"
#include "media/sample.h"

typedef struct {
	const uint8_t *data; /* with its NAL header, without start code or length */
	size_t size;
} PtNal;

#define PT_PARAM_SETS 32            /* of all kinds together */
#define PT_PARAM_SET_MAX (4 * 1024) /* bytes of one */

typedef struct {
	uint8_t kind; /* NAL unit type */
	uint8_t id;
	uint16_t size;
	uint8_t *data;
} PtParamSet;

/* Zero-initialise; drop with pt_param_sets_clear. */
typedef struct {
	PtParamSet sets[PT_PARAM_SETS]; /* ordered by kind, then id */
	unsigned n;
	bool changed; /* something is new since the owner last cleared this */
} PtParamSets;

/* Copies the set in, in place of one with the same kind and id. False when it is over a bound. */
bool pt_param_sets_put(PtParamSets *sets, uint8_t kind, uint8_t id, const void *data, size_t size);
unsigned pt_param_sets_count(const PtParamSets *sets, uint8_t kind);
const PtParamSet *pt_param_sets_first(const PtParamSets *sets, uint8_t kind); /* or NULL */
void pt_param_sets_clear(PtParamSets *sets);

/* The parameter sets of a format's configuration record in the order a decoder wants them, pointing into the format; how
 * many (at most max). 0 for codecs without any and for a record that is damaged. */
unsigned pt_format_parameter_sets(const PtFormat *format, PtNal *ret, unsigned max);

/* Where the next 00 00 01 begins in [p, p+n), or n. */
size_t pt_find_start_code(const uint8_t *p, size_t n);
/* The next NAL unit of a stream with start codes (ITU-T H.264 annex B); false: there is none. Advances *b. */
bool pt_annexb_next(PtBytes *b, PtNal *ret);
