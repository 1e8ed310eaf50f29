/* A message out of a camera's speaker: the back channel of ONVIF (Streaming Specification, "Back Channel Connection"). It
 * has a session of its own, over TCP, for as long as it lasts, so that whoever records the camera notices nothing. One
 * message, one attempt; whoever asked decides whether to try again. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/loop.h"
#include "media/tls.h"
#include <glib.h>

#define PT_TALK_RATE 8000 /* samples per second of what is said */

typedef struct PtTalk PtTalk;

typedef struct {
	const char *camera;          /* for messages */
	const char *location;        /* "rtsp://192.0.2.20/stream1": never with a password in it */
	const char *user, *password; /* NULL: none */
	PtTrust trust;               /* rtsps:// */
	GBytes *sound;               /* int16_t, one channel, PT_TALK_RATE; a reference is kept */
	PtLoop *loop;                /* where it runs; outlives it */
	void *user_data;
	/* Both on the loop's thread. The camera takes it: from now on it is heard. */
	void (*started)(void *user_data);
	/* Once, as the last: NULL when all of it was sent. UNSUPPORTED, NOT_FOUND: it cannot be talked to, or not by us;
	 * AUTH; BUSY: somebody else talks, or it has no room. */
	void (*done)(void *user_data, const GError *error);
} PtTalkParams;

/* Copies the params. From any thread. */
PtTalk *pt_talk_start(const PtTalkParams *params);
/* From any thread but the loop's: breaks it off when it is not over. When it returns no callback runs or will. Takes NULL.
 */
void pt_talk_free(PtTalk *talk);
