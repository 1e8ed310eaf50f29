/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/reorder.h"
#include "base/clock.h"
#include <glib.h>

#define WAIT_NS (200 * PT_NS_PER_MS)
#define FAR 3000 /* a jump that is no reordering: the sender began anew */

PtReorder *pt_reorder_new(void (*deliver)(void *data, const uint8_t *packet, size_t size), void *data) {
	PtReorder *r = g_new0(PtReorder, 1);
	r->deliver = deliver;
	r->data = data;
	return r;
}

void pt_reorder_free(PtReorder *r) {
	if (!r)
		return;
	for (int i = 0; i < PT_REORDER_SLOTS; i++)
		g_free(r->slots[i].packet);
	g_free(r);
}

/* Delivers what stands at .next; false when nothing does. */
static bool deliver_next(PtReorder *r) {
	unsigned i = r->next % PT_REORDER_SLOTS;
	uint8_t *packet = r->slots[i].packet;
	if (!packet)
		return false;
	r->slots[i].packet = NULL;
	r->held--;
	r->next++;
	r->deliver(r->data, packet, r->slots[i].size);
	g_free(packet);
	return true;
}

static void skip_to_held(PtReorder *r) {
	while (r->held && !r->slots[r->next % PT_REORDER_SLOTS].packet)
		r->next++;
	while (deliver_next(r))
		;
}

bool pt_reorder_put(PtReorder *r, uint16_t seq, const uint8_t *packet, size_t size, int64_t mono_ns) {
	int distance = r->started ? (int16_t)(seq - r->next) : 0;
	if (distance > FAR || distance < -FAR) {
		while (r->held)
			skip_to_held(r);
		distance = 0;
	}
	if (!r->started || distance == 0)
		r->next = seq;
	r->started = true;
	if (distance < 0)
		return false;
	while (distance > PT_REORDER_WINDOW) {
		if (!r->held) {
			r->next = seq;
			distance = 0;
			break;
		}
		skip_to_held(r);
		distance = (int16_t)(seq - r->next);
		if (distance < 0)
			return false;
	}
	if (distance == 0) {
		r->next++;
		r->deliver(r->data, packet, size);
		while (deliver_next(r))
			;
		r->waiting_since = mono_ns;
		return true;
	}
	unsigned i = seq % PT_REORDER_SLOTS;
	if (r->slots[i].packet)
		return false;
	if (!r->held)
		r->waiting_since = mono_ns;
	r->slots[i].packet = g_memdup2(packet, size);
	r->slots[i].size = size;
	r->held++;
	pt_reorder_expire(r, mono_ns);
	return true;
}

void pt_reorder_expire(PtReorder *r, int64_t mono_ns) {
	if (!r->held || mono_ns - r->waiting_since < WAIT_NS)
		return;
	skip_to_held(r);
	r->waiting_since = mono_ns;
}
