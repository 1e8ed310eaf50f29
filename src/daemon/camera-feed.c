/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/camera-feed.h"
#include "base/clock.h"
#include <string.h>

/* ---- what the bus hears of a stream ---- */

static void on_sample(PtSink *sink, PtSample *sample) {}

static void on_state(PtSink *sink, PtStreamState state, const char *reason, int64_t wall_ns) {
	PtFeed *feed = (PtFeed *)((char *)sink - G_STRUCT_OFFSET(PtFeed, watch));
	if (state == feed->told || (state != PT_STREAM_LIVE && state != PT_STREAM_LOST))
		return;
	feed->told = state;
	g_autofree char *source = g_strconcat("camera/", feed->env.settings->name, NULL);
	g_autoptr(PtEvent) event =
	    pt_event_now(feed->env.clock, source, PT_TOPIC_STREAM, state == PT_STREAM_LIVE ? "live" : "lost", NULL, reason);
	pt_bus_publish(feed->env.bus, event);
}

/* On the microphone's thread. */
static void on_sound(PtSink *sink, PtSample *sample) {
	PtFeed *feed = (PtFeed *)((char *)sink - G_STRUCT_OFFSET(PtFeed, along));
	pt_stream_push(feed->stream, sample);
}

/* Pictures go on without it: the stream is not lost. */
static void on_sound_state(PtSink *sink, PtStreamState state, const char *reason, int64_t wall_ns) {
	PtFeed *feed = (PtFeed *)((char *)sink - G_STRUCT_OFFSET(PtFeed, along));
	if (state == feed->sound_told || (state != PT_STREAM_LIVE && state != PT_STREAM_LOST))
		return;
	feed->sound_told = state;
	g_autofree char *source = g_strconcat("camera/", feed->env.settings->name, NULL);
	g_autofree char *detail = g_strdup(reason ? reason : "the microphone is heard");
	g_autoptr(PtEvent) event =
	    pt_event_now(feed->env.clock, source, PT_TOPIC_SYSTEM, state == PT_STREAM_LIVE ? "live" : "lost", NULL, detail);
	pt_bus_publish(feed->env.bus, event);
}

static const PtSinkOps along_ops = {"microphone", on_sound, on_sound_state};
static const PtSinkOps watch_ops = {"watch", on_sample, on_state};

/* ---- what is recorded ---- */

PtRecordMode pt_feed_record_mode(const PtSiteCamera *s, bool main) { return main ? s->record_main : s->record_sub; }

static bool records_sound(const PtSiteCamera *s) { return s->sound == PT_SOUND_ALWAYS || s->sound == PT_SOUND_EVENTS; }

void pt_feed_record(PtFeed *feed, bool refillable) {
	const PtSiteCamera *s = feed->env.settings;
	PtRecordMode mode = pt_feed_record_mode(s, feed->main);
	if (feed->recorder || mode == PT_RECORD_NEVER || !feed->env.archive)
		return;
	g_autoptr(GError) error = NULL;
	if (mode == PT_RECORD_ON_LOSS)
		feed->standby = pt_standby_new(feed->stream, feed->env.clock);
	PtRecorderParams params = {.camera = s->name,
	                           .video = feed->main ? "main" : "sub",
	                           .audio = feed->main && records_sound(s) ? "audio" : NULL,
	                           .metadata = feed->main && !feed->own_metadata ? "metadata" : NULL};
	feed->recorder = pt_archive_record(feed->env.archive,
	                                   feed->standby ? pt_standby_stream(feed->standby) : feed->stream, &params, &error);
	if (feed->recorder)
		pt_recorder_set_refillable(feed->recorder, refillable);
	else
		g_warning("camera %s is not recorded: %s", s->name, error->message);
}

void pt_feed_record_no_more(PtFeed *feed, PtGapCause cause, const char *reason) {
	pt_standby_end(feed->standby);
	pt_archive_stop(feed->env.archive, feed->recorder, cause, reason);
	pt_standby_free(feed->standby);
	feed->recorder = NULL;
	feed->standby = NULL;
}

/* ---- where it comes from ---- */

/* Cameras of this machine: what their events are is known here and nowhere else. */
static bool makes_itself(const char *location) {
	return g_str_has_prefix(location, "test:") || g_str_has_prefix(location, "v4l2:");
}

void pt_feed_lost(PtFeed *feed, const char *reason) {
	pt_stream_set_state(feed->stream, PT_STREAM_LOST, reason, pt_wall_ns(feed->env.clock));
}

static bool wants_sound(const PtSiteCamera *s) { return records_sound(s) || s->listen != PT_LISTEN_NEVER; }

static void stop_microphone(PtFeed *feed) {
	g_clear_pointer(&feed->microphone, pt_source_stop);
	if (feed->microphone_stream)
		pt_stream_remove_sink(&feed->along);
	g_clear_pointer(&feed->microphone_stream, pt_stream_unref);
}

void pt_feed_set_microphone(PtFeed *feed, const char *location) {
	const PtSiteCamera *s = feed->env.settings;
	g_autoptr(GError) error = NULL;
	stop_microphone(feed);
	if (!location || !wants_sound(s))
		return;
	g_autofree char *name = g_strconcat(s->name, "/microphone", NULL);
	feed->microphone_stream = pt_stream_new(name);
	feed->along = (PtSink){.ops = &along_ops};
	pt_stream_add_sink(feed->microphone_stream, &feed->along);
	feed->microphone = pt_source_start(&(PtSourceParams){.camera = s->name,
	                                                     .location = location,
	                                                     .audio = true,
	                                                     .loop = feed->env.loop,
	                                                     .stream = feed->microphone_stream},
	                                   &error);
	if (!feed->microphone)
		pt_stream_set_state(feed->microphone_stream, PT_STREAM_LOST, error->message, pt_wall_ns(feed->env.clock));
}

PtTrust pt_feed_trust(const PtSiteCamera *s) {
	static const PtTrustKind kinds[] = {[PT_SITE_TLS_ANY] = PT_TRUST_ANY,
	                                    [PT_SITE_TLS_VERIFY] = PT_TRUST_VERIFY,
	                                    [PT_SITE_TLS_PINNED] = PT_TRUST_PINNED};
	PtTrust trust = {.kind = kinds[s->tls]};
	memcpy(trust.sha256, s->tls_pin, sizeof trust.sha256);
	return trust;
}

void pt_feed_play(PtFeed *feed, const char *location, const PtOsdList *texts) {
	const PtSiteCamera *s = feed->env.settings;
	if (!g_strcmp0(feed->location, location))
		return;
	g_clear_pointer(&feed->source, pt_source_stop);
	g_free(feed->location);
	feed->location = g_strdup(location);
	g_autoptr(GError) error = NULL;
	PtSourceParams params = {
	    .camera = s->name,
	    .location = location,
	    .user = s->login ? s->login->user : NULL,
	    .password = s->login ? s->login->password : NULL,
	    .transport = s->transport == PT_SITE_TRANSPORT_UDP ? PT_TRANSPORT_UDP : PT_TRANSPORT_TCP,
	    .trust = pt_feed_trust(s),
	    .video = true,
	    .audio = feed->main && wants_sound(s) && !s->microphone,
	    .metadata = feed->main,
	    .loop = feed->env.loop,
	    .stream = feed->stream,
	};
	feed->source = pt_source_start(&params, &error);
	if (!feed->source)
		pt_feed_lost(feed, error->message);
	else if (texts && feed->source->ops->set_texts)
		feed->source->ops->set_texts(feed->source, texts);
}

/* ---- metadata of our own ---- */

typedef struct {
	PtFeed *feed;
	PtSample *sample;
} Document;

/* On the camera's loop, where its source pushes. */
static void push_document(void *data) {
	Document *d = data;
	int64_t *last = &d->feed->last_metadata_ns;
	*last = MAX(*last + 100 * PT_NS_PER_US, d->sample->wall_ns); /* ticks that rise */
	d->sample->dts = d->sample->pts = *last / 100000 * 9;
	pt_stream_push(d->feed->stream, d->sample);
	pt_sample_unref(d->sample);
	g_free(d);
}

void pt_feed_push_metadata(PtFeed *feed, PtSample *sample) {
	Document *d = g_new(Document, 1);
	*d = (Document){feed, sample};
	pt_loop_post(feed->env.loop, push_document, d); /* stopping the source waits for it */
}

bool pt_feed_is_watched(const PtFeed *feed, unsigned others) {
	return pt_stream_n_sinks(feed->stream) > (feed->watch.stream != NULL) + (feed->recorder != NULL) + others;
}

/* ---- life ---- */

PtFeed *pt_feed_new(const PtFeedEnv *env, const char *location, bool main) {
	PtFeed *feed = g_new0(PtFeed, 1);
	g_autofree char *stream_name = g_strdup_printf("%s/%s", env->settings->name, main ? "main" : "sub");
	feed->env = *env;
	feed->main = main;
	feed->stream = pt_stream_new(stream_name);
	feed->watch.ops = &watch_ops;
	if (main)
		pt_stream_add_sink(feed->stream, &feed->watch);
	feed->own_metadata = location && makes_itself(location);
	if (feed->own_metadata)
		pt_stream_set_format(feed->stream, PT_FEED_METADATA_TRACK, env->metadata);
	return feed;
}

void pt_feed_free(PtFeed *feed, PtGapCause cause, const char *reason) {
	if (!feed)
		return;
	/* the recorder first: what the source says while it ends is not the reason of the gap */
	pt_feed_record_no_more(feed, cause, reason);
	stop_microphone(feed);
	pt_source_stop(feed->source);
	pt_stream_remove_sink(&feed->watch);
	pt_stream_unref(feed->stream);
	g_free(feed->location);
	g_free(feed);
}
