/* An event: something that happened, immutable and ref-counted. Who hears of it is the bus's concern (bus.h), what stays
 * of it the event log's. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/clock.h"
#include <stdbool.h>

/* An id is 63 bits: 41 bits of milliseconds since 2020-01-01 UTC (until 2089), 16 bits of hub, 6 bits of count.
 * Why so: it is unique across hubs without asking anybody, sorts by time when the events of several hubs are merged,
 * fits SQLite's signed integer primary key, and its fixed 16 hex digits go through JSON unharmed (JavaScript would round
 * a number of this size). It never runs backwards: when the clock steps back or more than 64 events fall into one
 * millisecond, it counts on from the last one. Late events alone stand at the time they happened: what else the id holds is
 * then a digest of what they say, and never this hub's number, so that they meet no id given out before. */
typedef struct PtEvent PtEvent;
struct PtEvent {
	uint64_t id;
	int64_t wall_ns;    /* when it happened, UTC */
	int64_t mono_ns;    /* the same on CLOCK_MONOTONIC of this boot; 0 when it happened on another machine */
	int64_t noticed_ns; /* CLOCK_MONOTONIC when this program learnt of it */
	const char *source; /* "input/door", "relay/flood", "camera/gate", "rule/night door", "user/anna", "system/disk" */
	const char *topic;  /* PT_TOPIC_… */
	const char *state;  /* "active" "inactive" "on" "off" "unknown" "fault" "lost" "live" …; never NULL */
	const char *actor;  /* "user/anna", "rule/night door", "timer", "start"; NULL when nobody did it */
	const char *detail; /* a sentence; NULL when there is nothing more to say; at most 4096 bytes */
	bool late;          /* reported so long after it happened that only rules which ask for that act on it */
	bool past;          /* late, and fetched from a log: no news of how it is now */
	bool initial;       /* the state found at the start or on a device's return: state, not an alarm */
	/* private */
	gatomicrefcount refs;
	char text[];
};

#define PT_TOPIC_INPUT "input"
#define PT_TOPIC_RELAY "relay"     /* what a relay is seen to do */
#define PT_TOPIC_COMMAND "command" /* what a relay is told to do; logged before it is done (P6) */
#define PT_TOPIC_STREAM "stream"
#define PT_TOPIC_RULE "rule"
#define PT_TOPIC_TALK "talk"
#define PT_TOPIC_SYSTEM "system"
#define PT_TOPIC_LOGIN "login"
#define PT_TOPIC_ARCHIVE "archive"
#define PT_TOPIC_NOTIFY "notify"
/* what cameras tell of themselves and of what they see: "active", "inactive" */
#define PT_TOPIC_MOTION "motion"
#define PT_TOPIC_TAMPER "tamper"
#define PT_TOPIC_SOUND "sound"
#define PT_TOPIC_STORAGE "storage" /* active: it has failed */
#define PT_TOPIC_REBOOT "reboot"
#define PT_TOPIC_MODE "mode" /* the site's arming mode; its state is the mode's name */
#define PT_SOURCE_MODE "system/mode"
#define PT_TOPIC_ALARM "alarm"     /* raised, acknowledged, cleared */
#define PT_TOPIC_NETWORK "network" /* this machine's: lost, live */
#define PT_SOURCE_NETWORK "system/network"
#define PT_TOPIC_SHOW "show"       /* a camera that operators should look at now */
#define PT_TOPIC_PICTURE "picture" /* taken of a camera, and kept under the id of this event; failed */

#define PT_EVENT_DETAIL_MAX 4096
#define PT_EVENT_TEXT_MAX 160 /* bytes of source, topic, state and actor each; longer ones are cut */

/* Copies the strings of what; an id of 0 is replaced by a new one (of a late event: by that of its time), topic and state
 * must be set. */
PtEvent *pt_event_new(const PtEvent *what);
/* The same for something that happens now: the three times come from the clock. Any of actor and detail may be NULL. */
PtEvent *pt_event_now(PtClock *clock, const char *source, const char *topic, const char *state, const char *actor,
                      const char *detail);
PtEvent *pt_event_ref(PtEvent *event);
void pt_event_unref(PtEvent *event); /* takes NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtEvent, pt_event_unref)

/* The part of source behind "input/" when that is its kind, else NULL: pt_event_name(e, "input") is "door". */
const char *pt_event_name(const PtEvent *event, const char *kind);

/* Which hub this is (any number that differs between the hubs of one site), and the highest id known to have been given
 * out before, so that a clock that stepped back before a restart cannot give one out twice. From any thread. */
void pt_event_set_hub(uint16_t hub, uint64_t last_id);
uint64_t pt_event_next_id(int64_t wall_ns);
/* When this program learnt of it, wall time; wall_ns when that is not known. */
int64_t pt_event_told_ns(const PtEvent *event);
int64_t pt_event_time_of_id(uint64_t id); /* ns UTC, to the millisecond; 0 for 0 */

#define PT_EVENT_ID_TEXT 17 /* 16 hex digits and the terminator */
void pt_event_id_format(uint64_t id, char text[PT_EVENT_ID_TEXT]);
gboolean pt_event_id_parse(const char *text, uint64_t *ret_id, GError **error);

/* {"id":"…","time":"…Z","source":…,"topic":…,"state":…,"actor":…,"detail":…,"late":true,"told":"…Z"}; what is NULL or
 * false is left out, and told goes with late. */
void pt_event_to_json(const PtEvent *event, GString *out);
