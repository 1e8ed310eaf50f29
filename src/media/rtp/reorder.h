/* Puts UDP packets back in order: up to 64 late ones are waited for, at most 200 ms. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PT_REORDER_SLOTS 128 /* power of two */
#define PT_REORDER_WINDOW 64

typedef struct {
	void (*deliver)(void *data, const uint8_t *packet, size_t size);
	void *data;
	/* private */
	bool started;
	uint16_t next;
	unsigned held;
	int64_t waiting_since;
	struct {
		uint8_t *packet;
		size_t size;
	} slots[PT_REORDER_SLOTS];
} PtReorder;

PtReorder *pt_reorder_new(void (*deliver)(void *data, const uint8_t *packet, size_t size), void *data);
void pt_reorder_free(PtReorder *r); /* takes NULL */
/* False when the packet came too late or twice. */
bool pt_reorder_put(PtReorder *r, uint16_t seq, const uint8_t *packet, size_t size, int64_t mono_ns);
/* Gives up on what has been waited for too long. */
void pt_reorder_expire(PtReorder *r, int64_t mono_ns);
