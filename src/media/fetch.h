/* A fetch: what a camera recorded on its card between two instants, as samples, as fast as it gives them: ONVIF Streaming
 * §6 (replay over RTSP). One track, one attempt; whoever asked decides whether to try again. It judges nothing: what came is
 * counted, what is missing is seen by the times. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/loop.h"
#include "media/sample.h"
#include "media/tls.h"
#include <glib.h>

typedef struct PtFetch PtFetch;

/* What a packet's header extension (0xABAC) said beside the time. */
typedef struct {
	bool clean;         /* C: decoding can start here, as the camera sees it */
	bool end;           /* E: the last before a gap, or of all there is */
	bool discontinuity; /* D: it does not follow the one before in time */
	bool terminal;      /* T: the last of this run */
} PtFetchFlags;

typedef struct {
	const char *camera;          /* for messages */
	const char *location;        /* "rtsp://192.0.2.20/replay/1": never with a password in it */
	const char *user, *password; /* NULL: none */
	PtTrust trust;               /* rtsps:// */
	PtKind kind;                 /* the first track of this kind is fetched */
	int64_t from_ns, to_ns;      /* by the camera's clock, ns UTC; begins at the clean point at or before from_ns */
	bool real_time;              /* as it was recorded, for cameras that cannot give it faster (Rate-Control) */
	uint64_t rate;               /* bit/s taken at most; 0: no limit */
	PtLoop *loop;                /* where it runs; outlives it */
	void *user_data;
	/* All on the loop's thread. sample->wall_ns is its capture time by the camera's clock (of its pts), dts and pts are
	 * unwrapped RTP ticks, broken and lost as of live footage. False: enough, it ends well. */
	bool (*sample)(void *user_data, PtSample *sample, const PtFetchFlags *flags);
	/* Once, as the last: NULL when the camera gave all it has of the span, or sample() had enough. NOT_FOUND: it has
	 * nothing there; UNSUPPORTED: it replays otherwise or not at all; AUTH; BUSY: no room; else it may be tried again.
	 */
	void (*done)(void *user_data, const GError *error);
} PtFetchParams;

typedef struct {
	uint64_t packets, lost, samples, bytes;
	bool told_times; /* the packets carried the header extension: without it the times are a guess */
	bool scaled;     /* it took Rate-Control: no */
} PtFetchStats;

/* Copies the params. From any thread. */
PtFetch *pt_fetch_start(const PtFetchParams *params);
void pt_fetch_get_stats(PtFetch *fetch, PtFetchStats *ret); /* from any thread */
/* From any thread but the loop's. When it returns no callback runs or will. Takes NULL. */
void pt_fetch_free(PtFetch *fetch);
