/* What is said out of cameras' speakers: texts and sound files, one at a time for each camera, by people and by rules. Each
 * is written down before it is heard (P6), as topic talk: started, then ended or failed. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bus.h"
#include "daemon/cameras.h"

#define PT_TALK_TEXT_MAX 500 /* bytes of a text */

typedef struct PtTalkDesk PtTalkDesk;

typedef struct {
	PtClock *clock;
	PtBus *bus;
	PtLoop *loop; /* where messages are sent from */
	PtCameras *cameras;
	gboolean (*journal)(void *user, PtEvent *intent, GError **error);
	void *user;
} PtTalkDeskEnv;

/* The camera takes it, seconds long; or error: why nothing of it is heard. */
typedef void (*PtTalkStarted)(void *user, double seconds, const GError *error);

typedef struct {
	const char *camera, *actor; /* "user/anna", "rule/NAME" */
	const char *text, *file;    /* one of them; a file of talk.messages */
	PtTalkStarted started;      /* once, maybe at once; NULL: nobody waits for it */
	void *user;
} PtTalkOrder;

PtTalkDesk *pt_talk_desk_new(const PtTalkDeskEnv *env);  /* copied; what it names outlives this */
void pt_talk_desk_apply(PtTalkDesk *desk, PtSite *site); /* keeps a reference */
/* Breaks off what is being said, and what waits. Takes NULL. */
void pt_talk_desk_free(PtTalkDesk *desk);

/* Copies the order. */
void pt_talk_desk_say(PtTalkDesk *desk, const PtTalkOrder *order);
/* Whether it is one whose speaker can be tried at all. */
bool pt_talk_desk_may(const PtSiteCamera *camera);
