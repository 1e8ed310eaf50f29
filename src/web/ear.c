/* SPDX-License-Identifier: Apache-2.0 */
#include "web/ear.h"
#include "media/codec/job.h"

struct PtEar {
	int refs; /* atomic: its owner, what is posted to the loop */
	PtLoop *loop;

	GMutex lock;
	/* under lock */
	PtEarHeard heard; /* NULL once freed */
	void *user;

	/* the loop's thread */
	PtCodecJob *job;
	bool over; /* the job failed or the owner is gone: none is started any more */
};

typedef struct {
	PtEar *ear;
	PtSample *sample; /* NULL: end the job */
} Posted;

static void ear_unref(PtEar *ear) {
	if (!g_atomic_int_dec_and_test(&ear->refs))
		return;
	g_mutex_clear(&ear->lock);
	g_free(ear);
}

static void tell(PtEar *ear, PtSample *sample) {
	g_mutex_lock(&ear->lock);
	if (ear->heard)
		ear->heard(sample, ear->user);
	g_mutex_unlock(&ear->lock);
}

static void end_job(PtEar *ear) {
	pt_codec_job_free(ear->job);
	ear->job = NULL;
	ear->over = true;
}

static void job_sample(PtCodecJob *job, PtSample *sample, void *data) { tell(data, sample); }
static void job_end(PtCodecJob *job, const GError *error, void *data) { end_job(data); }

static void on_loop(void *data) {
	static const PtCodecJobOps ops = {job_sample, job_end};
	Posted *posted = data;
	PtEar *ear = posted->ear;
	if (!posted->sample) {
		end_job(ear);
	} else if (!ear->over) {
		if (!ear->job)
			ear->job = pt_codec_job_start(ear->loop,
			                              &(PtCodecJobParams){.kind = PT_CODEC_JOB_AUDIO, .audio = PT_CODEC_AAC},
			                              &ops, ear, NULL);
		if (ear->job)
			pt_codec_job_push(ear->job, posted->sample);
		else
			ear->over = true;
	}
	pt_sample_unref(posted->sample);
	ear_unref(ear);
	g_free(posted);
}

static void post(PtEar *ear, PtSample *sample) {
	Posted *posted = g_new(Posted, 1);
	g_atomic_int_inc(&ear->refs);
	*posted = (Posted){ear, sample ? pt_sample_ref(sample) : NULL};
	pt_loop_post(ear->loop, on_loop, posted);
}

PtEar *pt_ear_new(PtLoop *loop, PtEarHeard heard, void *user) {
	PtEar *ear = g_new0(PtEar, 1);
	ear->refs = 1;
	ear->loop = loop;
	ear->heard = heard;
	ear->user = user;
	g_mutex_init(&ear->lock);
	return ear;
}

void pt_ear_push(PtEar *ear, PtSample *sample) {
	if (sample->format->codec == PT_CODEC_AAC)
		tell(ear, sample);
	else
		post(ear, sample);
}

void pt_ear_free(PtEar *ear) {
	if (!ear)
		return;
	g_mutex_lock(&ear->lock);
	ear->heard = NULL;
	g_mutex_unlock(&ear->lock);
	post(ear, NULL);
	ear_unref(ear);
}
