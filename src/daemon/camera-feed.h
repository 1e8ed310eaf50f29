/* One stream of a camera with all that hangs on it: its source, what records it, a microphone of this machine that goes
 * along. Main thread, but for what says otherwise. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"
#include "archive/standby.h"
#include "base/bus.h"
#include "media/source.h"
#include "site/config.h"

#define PT_FEED_METADATA_TRACK (PT_STREAM_TRACKS - 1) /* of ours; sources count theirs from 0 */

/* What a feed is given. Outlives it; the site's settings as long as it plays. */
typedef struct {
	PtArchive *archive; /* NULL: nothing is recorded */
	PtBus *bus;
	PtClock *clock;
	PtLoop *loop;
	PtFormat *metadata;
	const PtSiteCamera *settings;
} PtFeedEnv;

typedef struct {
	PtFeedEnv env;
	bool main; /* else sub */
	PtStream *stream;
	char *location;   /* where the source plays from; NULL: not known (yet) */
	PtSource *source; /* NULL: none */
	PtRecorder *recorder;
	PtStandby *standby; /* between stream and recorder; NULL: all is recorded */
	bool own_metadata;  /* events travel along; the source has none of its own */
	/* a microphone of this machine, whose sound goes along */
	PtStream *microphone_stream; /* for its state; NULL: none */
	PtSource *microphone;
	/* private */
	PtSink watch;             /* tells the bus when it is lost and when it is back */
	PtStreamState told;       /* pushing thread only */
	int64_t last_metadata_ns; /* likewise */
	PtSink along;
	PtStreamState sound_told; /* microphone's thread only */
} PtFeed;

/* location: NULL while it is not known. Nothing plays, and nothing is recorded, yet. */
PtFeed *pt_feed_new(const PtFeedEnv *env, const char *location, bool main);
/* cause, reason: of the gap that this makes. Takes NULL. */
void pt_feed_free(PtFeed *feed, PtGapCause cause, const char *reason);

/* Plays from there from now on; nothing happens when it does already. texts: burnt into its pictures; NULL: none. */
void pt_feed_play(PtFeed *feed, const char *location, const PtOsdList *texts);
void pt_feed_lost(PtFeed *feed, const char *reason);
/* location NULL: there is none. Begins anew when it runs. */
void pt_feed_set_microphone(PtFeed *feed, const char *location);

/* Whom the site file trusts over rtsps:// and onvifs://. */
PtTrust pt_feed_trust(const PtSiteCamera *settings);

PtRecordMode pt_feed_record_mode(const PtSiteCamera *settings, bool main);
/* Where the site file wants it. refillable: what is lost can be fetched again. */
void pt_feed_record(PtFeed *feed, bool refillable);
void pt_feed_record_no_more(PtFeed *feed, PtGapCause cause, const char *reason);

/* Of a feed that has metadata of its own: takes sample, which lacks its times only. */
void pt_feed_push_metadata(PtFeed *feed, PtSample *sample);
/* Whether anybody but ourselves looks at the stream; others: of our own, besides watch and recorder. */
bool pt_feed_is_watched(const PtFeed *feed, unsigned others);
