/* The contract of what makes samples: an RTSP camera, a looped file, the test picture. One static list, source.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/clock.h"
#include "base/loop.h"
#include "media/codec/osd.h"
#include "media/stream.h"
#include "media/tls.h"

typedef enum { PT_TRANSPORT_TCP, PT_TRANSPORT_UDP } PtTransport;

typedef struct {
	const char *camera; /* name as in the site file, for messages */
	const char
	    *location; /* "rtsps://192.0.2.21/stream1", "file:clip.mp4", "test:clock?…"; never with a password in it */
	const char *user, *password; /* NULL: none */
	PtTransport transport;
	PtTrust trust;               /* rtsps:// */
	bool video, audio, metadata; /* tracks that are wanted */
	PtLoop *loop;                /* the worker it lives on; outlives it */
	PtStream *stream;            /* where samples go; the source keeps a reference */
} PtSourceParams;

typedef struct PtSource PtSource;

#define PT_SOURCE_SIZES 8
/* What a source that is encoded on this machine can be asked for in its location. */
typedef struct {
	unsigned n_sizes;
	uint16_t widths[PT_SOURCE_SIZES], heights[PT_SOURCE_SIZES];
	bool h264, mjpeg;
	bool texts; /* set_texts() burns them in as things are */
} PtSourceAbilities;

typedef struct {
	const char *scheme; /* "rtsp" */
	/* Copies the params. From any thread. Never fails: what goes wrong shows as the stream's state and is tried again.
	 */
	PtSource *(*start)(const PtSourceParams *params);
	/* From any thread but the loop's. When it returns nothing is pushed any more and all memory is given back. */
	void (*stop)(PtSource *source);
	/* all of the following are optional */

	/* What is burnt into the pictures from now on; copied. From any thread. */
	void (*set_texts)(PtSource *source, const PtOsdList *texts);
	/* False: not known yet. From any thread. */
	bool (*abilities)(PtSource *source, PtSourceAbilities *ret);
} PtSourceOps;

struct PtSource {
	const PtSourceOps *ops;
};

/* NULL and an error when no source knows the scheme. */
PtSource *pt_source_start(const PtSourceParams *params, GError **error);
void pt_source_stop(PtSource *source); /* takes NULL */
