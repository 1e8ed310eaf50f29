/* The client of pigtail-codec: starts one process per job, feeds it samples, takes what comes back. A process that crashes,
 * hangs or talks nonsense ends its job and nothing else. On a worker loop it never blocks; for GTask threads there is a
 * blocking form. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/loop.h"
#include "media/codec/wire.h"
#include <gio/gio.h>

/* Where the program is, from now on, for tests and odd installations. NULL: beside the running program, then libexecdir. */
void pt_codec_set_program(const char *path);
/* Whether a program is there to start. */
bool pt_codec_available(void);

/* ---- on a worker loop; all calls and callbacks on its thread ---- */

typedef struct PtCodecJob PtCodecJob;

typedef struct {
	void (*sample)(PtCodecJob *job, PtSample *sample, void *data); /* takes a reference to keep it */
	/* Once, last; error NULL: done as asked. The job may be freed in it. */
	void (*end)(PtCodecJob *job, const GError *error, void *data);
} PtCodecJobOps;

/* NULL and an error when the program cannot be started (PT_ERROR_UNSUPPORTED: there is none). */
PtCodecJob *pt_codec_job_start(PtLoop *loop, const PtCodecJobParams *params, const PtCodecJobOps *ops, void *data,
                               GError **error);
/* False when the process is too slow or gone: the sample is dropped and counted. */
bool pt_codec_job_push(PtCodecJob *job, PtSample *sample);
/* CLOCK and VIDEO. The next picture becomes a key frame. */
void pt_codec_job_key(PtCodecJob *job);
/* CLOCK and VIDEO. What is burnt into the pictures from now on. */
void pt_codec_job_set_texts(PtCodecJob *job, const PtOsdList *texts);
void pt_codec_job_finish(PtCodecJob *job); /* nothing more is pushed; what is under way comes, then the end */
uint64_t pt_codec_job_dropped(const PtCodecJob *job);
pid_t pt_codec_job_pid(const PtCodecJob *job);
/* Ends the process, without a callback. Takes NULL. */
void pt_codec_job_free(PtCodecJob *job);

/* ---- blocking, never on the main or a worker thread ---- */

/* The next sample to convert (a reference that is taken over), or NULL at the end. */
typedef PtSample *(*PtCodecPull)(void *data);
/* A converted sample; takes a reference to keep it. False ends the conversion (the error is then PT_ERROR_CLOSED). */
typedef bool (*PtCodecPut)(PtSample *sample, void *data);

/* Runs a job to its end, with little in flight. A process that neither takes nor gives for timeout_ms is ended. */
bool pt_codec_convert(const PtCodecJobParams *params, PtCodecPull pull, PtCodecPut put, void *data, int timeout_ms,
                      GCancellable *cancellable, GError **error);
/* A JPEG (a sample of format MJPEG, which has its size) of a key sample, at most width x height (0: as it is). */
PtSample *pt_codec_snapshot(PtSample *key, unsigned width, unsigned height, GCancellable *cancellable, GError **error);

/* ---- on any thread with a main context ---- */

/* jpeg: the caller's; NULL: error says why. */
typedef void (*PtCodecSnapshotFn)(GBytes *jpeg, const GError *error, void *user);
/* The same without blocking: fn is called once, later, on the context of the calling thread. Keeps a reference to key. */
void pt_codec_snapshot_async(PtSample *key, unsigned width, PtCodecSnapshotFn fn, void *user);
