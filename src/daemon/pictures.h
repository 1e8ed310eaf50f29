/* Pictures that rules take of cameras: each a JPEG in the state directory, named by the id of the event that tells of it.
 * They go as footage of their camera does (its keep: days and max-days; 30 days where there is no limit), and the oldest
 * before that when there are more than a thousand or 256 MiB of them. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "archive/archive.h"
#include "base/bus.h"
#include "daemon/cameras.h"
#include "site/config.h"
#include "web/server.h"

typedef struct PtPictures PtPictures;

typedef struct {
	PtClock *clock;
	PtBus *bus;
	PtArchive *archive;
	PtCameras *cameras;
	const char *state_dir;
} PtPicturesEnv;

PtPictures *pt_pictures_new(const PtPicturesEnv *env, GError **error); /* copied; what it names outlives this */
void pt_pictures_apply(PtPictures *pictures, PtSite *site);            /* keeps a reference */
void pt_pictures_free(PtPictures *pictures); /* after what is being taken is done, but for waiting; takes NULL */
/* Of a camera as it was at an instant, for whoever asked. What became of it is an event: taken, or failed. */
void pt_pictures_take(PtPictures *pictures, const char *camera, int64_t wall_ns, const char *actor);
/* Answers with the picture of an event (its id, and ".jpg"). */
void pt_pictures_get(PtPictures *pictures, const char *camera, const char *name, PtRequest *request);
