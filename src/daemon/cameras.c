/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cameras.h"
#include "base/clock.h"
#include "daemon/camera-feed.h"
#include "daemon/camera-motion.h"
#include "daemon/camera-onvif.h"
#include "web/host.h"
#include <string.h>

#define RING_SPARE_NS (90 * PT_NS_PER_S) /* segments are a minute long and go whole */

typedef struct {
	char *name;
	PtLoop *loop;
	PtSite *site; /* of the settings it was started with */
	const PtSiteCamera *settings;
	PtFeed *main, *sub;     /* set and changed under the list's lock; sub NULL: none */
	PtCameraOnvif *onvif;   /* NULL: it is none, and its addresses are those of the site file */
	PtCameraMotion *motion; /* NULL: it is not looked for */
	bool refillable;
	guint cut; /* of the main loop: its streams are stopped until then; 0: they are not */
	PtCameras *owner;
} Camera;

struct PtCameras {
	PtCamerasEnv env;
	PtSite *site;
	unsigned next_loop;
	PtFormat *metadata;
	PtNotifyDoor *door;
	GHashTable *locations; /* "gate/main" -> what goes before the site file's */
	GHashTable *texts;     /* "gate" -> PtOsdList that is burnt into its pictures */
	GHashTable *idle;      /* "gate/main" -> why it is not recorded although the site file says so */
	GMutex lock;
	GPtrArray *list; /* under lock: the RTSP server looks for streams on its own thread */
};

/* ---- starting and stopping ---- */

/* Records where nobody has switched it off. */
static void record(PtCameras *c, PtFeed *feed, const Camera *camera) {
	if (!g_hash_table_contains(c->idle, pt_stream_name(feed->stream)))
		pt_feed_record(feed, camera->refillable);
}

/* location: NULL while it is not known. */
static PtFeed *feed_new(PtCameras *c, const Camera *camera, const char *location, bool main) {
	PtFeed *feed =
	    pt_feed_new(&(PtFeedEnv){c->env.archive, c->env.bus, c->env.clock, camera->loop, c->metadata, camera->settings},
	                location, main);
	record(c, feed, camera);
	return feed;
}

/* What stands before the options is the device: what was set for another is not for it. */
static bool same_device(const char *a, const char *b) {
	size_t n = strcspn(a, "?");
	return n == strcspn(b, "?") && !strncmp(a, b, n);
}

const char *pt_cameras_location(PtCameras *c, const PtSiteCamera *s, const char *stream) {
	g_autofree char *key = g_strdup_printf("%s/%s", s->name, stream);
	const char *set = g_hash_table_lookup(c->locations, key);
	const char *written = !strcmp(stream, "main") ? s->source : !strcmp(stream, "sub") ? s->sub : s->microphone;
	return set && written && same_device(set, written) ? set : written;
}

static void play(PtFeed *feed, const Camera *camera, const char *location) {
	bool same = !g_strcmp0(feed->location, location);
	pt_feed_play(feed, location, g_hash_table_lookup(camera->owner->texts, camera->name));
	if (feed->main && !same)
		pt_feed_set_microphone(feed, pt_cameras_location(camera->owner, camera->settings, "microphone"));
}

/* The smaller stream, where there is one. Whenever streams came or changed. */
static void watch_motion(const Camera *camera) {
	const PtFeed *feed = camera->sub && camera->sub->location ? camera->sub : camera->main;
	if (camera->motion)
		pt_camera_motion_watch(camera->motion, feed->stream);
}

static void set_policies(PtCameras *c, const PtSite *site, const PtSiteCamera *s) {
	int64_t before = 0;
	if (!c->env.archive)
		return;
	for (guint i = 0; site->rules && i < site->rules->list->len; i++) {
		const PtRule *rule = g_ptr_array_index(site->rules->list, i);
		for (guint k = 0; k < rule->actions->len; k++) {
			const PtAction *a = g_ptr_array_index(rule->actions, k);
			if ((a->kind == PT_DO_RECORD || a->kind == PT_DO_SNAPSHOT) && !g_strcmp0(a->target, s->name))
				before = MAX(before, a->before_ns);
		}
	}
	if (s->motion)
		before = MAX(before, s->motion_before_ns);
	static const char *const names[] = {"main", "sub", "audio", "metadata"};
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		bool ring = i == 2   ? s->sound == PT_SOUND_EVENTS || s->record_main == PT_RECORD_EVENTS
		            : i == 1 ? s->record_sub == PT_RECORD_EVENTS
		                     : s->record_main == PT_RECORD_EVENTS;
		PtKeepPolicy policy = {.age_ns = s->keep_ns ? s->keep_ns : site->archive_keep_ns,
		                       .max_age_ns = s->max_keep_ns,
		                       .camera_bytes = (int64_t)s->keep_bytes,
		                       .ring_ns = ring ? before + RING_SPARE_NS : 0};
		pt_archive_set_policy(c->env.archive, s->name, names[i], &policy);
	}
}

/* ---- cameras that tell their addresses themselves ---- */

/* profile: what the site file wants; NULL: whatever is there. */
static void no_stream(PtFeed *feed, const char *profile, const char *reason) {
	if (feed->source) /* its address is known from an earlier time: it says itself how it is */
		return;
	g_autofree char *missing = profile ? g_strdup_printf("it offers no profile '%s' (profiles:)", profile) : NULL;
	pt_feed_lost(feed, missing ? missing : reason);
}

static void onvif_found(void *user, const char *main, const char *sub) {
	Camera *camera = user;
	PtCameras *c = camera->owner;
	if (main)
		play(camera->main, camera, main);
	else
		no_stream(camera->main, camera->settings->profile_main, "it offers no stream that can be recorded");
	if (camera->settings->sub || (!sub && !camera->sub)) {
		watch_motion(camera);
		return;
	}
	if (!camera->sub) {
		PtFeed *feed = feed_new(c, camera, NULL, false);
		g_mutex_lock(&c->lock);
		camera->sub = feed;
		g_mutex_unlock(&c->lock);
	}
	if (sub)
		play(camera->sub, camera, sub);
	else
		no_stream(camera->sub, camera->settings->profile_sub, "it offers no second stream");
	watch_motion(camera);
}

/* Where its streams are is known from an earlier time: they say themselves how they are. */
static void onvif_lost(void *user, const char *reason) {
	Camera *camera = user;
	if (!camera->main->source)
		pt_feed_lost(camera->main, reason);
	if (camera->sub && !camera->sub->source)
		pt_feed_lost(camera->sub, reason);
}

static const PtCameraOnvifOps onvif_ops = {onvif_found, onvif_lost};

static Camera *camera_start(PtCameras *c, PtSite *site, const PtSiteCamera *settings) {
	Camera *camera = g_new0(Camera, 1);
	camera->owner = c;
	camera->name = g_strdup(settings->name);
	camera->loop = c->env.loops[c->next_loop++ % c->env.n_loops];
	camera->site = pt_site_ref(site);
	camera->settings = settings;
	const char *main = pt_site_is_onvif(settings) ? NULL : pt_cameras_location(c, settings, "main");
	const char *sub = pt_cameras_location(c, settings, "sub");
	camera->main = feed_new(c, camera, main, true);
	if (sub || (pt_site_is_onvif(settings) && settings->record_sub != PT_RECORD_NEVER))
		camera->sub = feed_new(c, camera, sub, false);
	if (sub)
		play(camera->sub, camera, sub);
	if (settings->motion)
		camera->motion = pt_camera_motion_new(
		    settings, &(PtCameraMotionEnv){c->env.clock, c->env.bus, c->env.keeper, camera->loop});
	if (main || sub)
		watch_motion(camera);
	if (main)
		play(camera->main, camera, main);
	else
		camera->onvif = pt_camera_onvif_new(settings, camera->main->stream,
		                                    &(PtCameraOnvifEnv){c->env.http, c->env.clock, c->env.bus, c->door},
		                                    &onvif_ops, camera);
	return camera;
}

/* next: the site that is to run; NULL: the program ends. What is not recorded there is not missing. */
static PtGapCause cause_of_stop(const Camera *camera, bool main, const PtSite *next) {
	const PtSiteCamera *s = next ? pt_site_camera(next, camera->name) : camera->settings;
	return s && pt_feed_record_mode(s, main) != PT_RECORD_NEVER ? PT_GAP_HUB : PT_GAP_POLICY;
}

static void camera_stop(PtCameras *c, Camera *camera, const PtSite *next, const char *reason) {
	if (camera->cut)
		g_source_remove(camera->cut);
	pt_camera_onvif_free(camera->onvif);
	pt_camera_motion_free(camera->motion);
	pt_feed_free(camera->main, cause_of_stop(camera, true, next), reason);
	pt_feed_free(camera->sub, cause_of_stop(camera, false, next), reason);
	pt_site_unref(camera->site);
	g_free(camera->name);
	g_free(camera);
}

static Camera *find(PtCameras *c, const char *name) {
	for (guint i = 0; i < c->list->len; i++) {
		Camera *camera = g_ptr_array_index(c->list, i);
		if (!strcmp(camera->name, name))
			return camera;
	}
	return NULL;
}

PtCameras *pt_cameras_new(const PtCamerasEnv *env) {
	PtCameras *c = g_new0(PtCameras, 1);
	c->env = *env;
	g_mutex_init(&c->lock);
	c->metadata = pt_format_new(&(PtFormat){.codec = PT_CODEC_ONVIF_METADATA, .timescale = 90000}, NULL, 0);
	c->door = pt_notify_door_new();
	c->locations = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	c->texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	c->idle = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	c->list = g_ptr_array_new();
	return c;
}

void pt_cameras_apply(PtCameras *c, PtSite *site) {
	g_autoptr(PtSiteDiff) diff = c->site ? pt_site_diff(c->site, site) : NULL;
	for (guint i = 0; diff && i < diff->cameras_gone->len; i++) {
		Camera *camera = find(c, g_ptr_array_index(diff->cameras_gone, i));
		if (camera) {
			g_mutex_lock(&c->lock);
			g_ptr_array_remove(c->list, camera);
			g_mutex_unlock(&c->lock);
			camera_stop(c, camera, site, "its settings were changed");
		}
	}
	pt_notify_door_set_listen(c->door, site->serve_events, site->serve_plain);
	if (c->env.archive)
		pt_archive_set_fallback_policy(c->env.archive, &(PtKeepPolicy){.age_ns = site->archive_keep_ns});
	for (guint i = 0; i < site->cameras->len; i++) {
		const PtSiteCamera *settings = g_ptr_array_index(site->cameras, i);
		set_policies(c, site, settings);
		if (find(c, settings->name))
			continue;
		Camera *camera = camera_start(c, site, settings);
		g_mutex_lock(&c->lock);
		g_ptr_array_add(c->list, camera);
		g_mutex_unlock(&c->lock);
	}
	PtSite *old = c->site;
	c->site = pt_site_ref(site);
	pt_site_unref(old);
}

void pt_cameras_free(PtCameras *c, const char *reason) {
	if (!c)
		return;
	for (guint i = 0; i < c->list->len; i++)
		camera_stop(c, g_ptr_array_index(c->list, i), NULL, reason);
	g_ptr_array_unref(c->list);
	pt_notify_door_free(c->door);
	g_hash_table_unref(c->locations);
	g_hash_table_unref(c->texts);
	g_hash_table_unref(c->idle);
	pt_format_unref(c->metadata);
	g_mutex_clear(&c->lock);
	pt_site_unref(c->site);
	g_free(c);
}

void pt_cameras_set_location(PtCameras *c, const char *name, const char *stream, const char *location) {
	Camera *camera = find(c, name);
	bool main = !strcmp(stream, "main");
	g_hash_table_insert(c->locations, g_strdup_printf("%s/%s", name, stream), g_strdup(location));
	if (!camera)
		return;
	if (!strcmp(stream, "microphone")) {
		pt_feed_set_microphone(camera->main, pt_cameras_location(c, camera->settings, "microphone"));
		return;
	}
	PtFeed **place = main ? &camera->main : &camera->sub;
	g_mutex_lock(&c->lock);
	PtFeed *old = *place;
	*place = NULL;
	g_mutex_unlock(&c->lock);
	if (camera->motion)
		pt_camera_motion_watch(camera->motion, NULL);
	pt_feed_free(old, PT_GAP_HUB, "its settings were changed");
	PtFeed *feed = feed_new(c, camera, location, main);
	play(feed, camera, location);
	g_mutex_lock(&c->lock);
	*place = feed;
	g_mutex_unlock(&c->lock);
	watch_motion(camera);
}

const char *pt_cameras_played(PtCameras *c, const char *name) {
	const Camera *camera = find(c, name);
	return camera ? camera->main->location : NULL;
}

void pt_cameras_set_recording(PtCameras *c, const char *name, const char *stream, const char *why_not) {
	const Camera *camera = find(c, name);
	bool main = !strcmp(stream, "main");
	PtFeed *feed = !camera ? NULL : main ? camera->main : camera->sub;
	g_autofree char *key = g_strdup_printf("%s/%s", name, stream);
	if (why_not)
		g_hash_table_replace(c->idle, g_steal_pointer(&key), g_strdup(why_not));
	else
		g_hash_table_remove(c->idle, key);
	if (feed && why_not)
		pt_feed_record_no_more(feed, PT_GAP_POLICY, why_not);
	if (feed && !why_not) {
		record(c, feed, camera);
		pt_stream_request_key(feed->stream); /* what comes before one cannot be kept */
	}
}

int64_t pt_cameras_hold_ns(PtCameras *c, const char *name) {
	const Camera *camera = find(c, name);
	const PtFeed *feed = !camera ? NULL : camera->main && camera->main->recorder ? camera->main : camera->sub;
	return feed && feed->recorder ? pt_recorder_hold_ns(feed->recorder) : 0;
}

static gboolean cut_is_over(void *data) {
	Camera *camera = data;
	PtFeed *const feeds[] = {camera->main, camera->sub};
	camera->cut = 0;
	for (int k = 0; k < 2; k++) {
		if (!feeds[k] || feeds[k]->source)
			continue;
		g_autofree char *location = g_steal_pointer(&feeds[k]->location);
		play(feeds[k], camera, location);
	}
	return G_SOURCE_REMOVE;
}

bool pt_cameras_cut(PtCameras *c, const char *name, int64_t length_ns, const char *reason) {
	Camera *camera = find(c, name);
	for (guint i = 0; i < c->list->len; i++)
		if (((const Camera *)g_ptr_array_index(c->list, i))->cut)
			return false;
	int64_t since;
	if (!camera || !(pt_cameras_records(c, name, "main", &since) || pt_cameras_records(c, name, "sub", &since)))
		return false;
	PtFeed *const feeds[] = {camera->main, camera->sub};
	for (int k = 0; k < 2; k++) {
		if (!feeds[k] || !feeds[k]->source)
			continue;
		pt_feed_lost(feeds[k], reason); /* before the source says why it ends */
		g_clear_pointer(&feeds[k]->source, pt_source_stop);
	}
	camera->cut = g_timeout_add((guint)(length_ns / PT_NS_PER_MS), cut_is_over, camera);
	return true;
}

void pt_cameras_set_refillable(PtCameras *c, const char *name, bool refillable) {
	Camera *camera = find(c, name);
	if (!camera || camera->refillable == refillable)
		return;
	camera->refillable = refillable;
	const PtFeed *const feeds[] = {camera->main, camera->sub};
	for (int k = 0; k < 2; k++)
		if (feeds[k] && feeds[k]->recorder)
			pt_recorder_set_refillable(feeds[k]->recorder, refillable);
}

bool pt_cameras_is_to_record(PtCameras *c, const PtSiteCamera *camera, const char *stream) {
	g_autofree char *key = g_strdup_printf("%s/%s", camera->name, stream);
	return pt_feed_record_mode(camera, !strcmp(stream, "main")) != PT_RECORD_NEVER &&
	       !g_hash_table_contains(c->idle, key);
}

bool pt_cameras_records(PtCameras *c, const char *name, const char *stream, int64_t *ret_since_ns) {
	const Camera *camera = find(c, name);
	const PtFeed *feed = !camera ? NULL : !strcmp(stream, "main") ? camera->main : camera->sub;
	*ret_since_ns = 0;
	if (!feed || !feed->recorder)
		return false;
	PtStreamStats stats;
	pt_stream_get_stats(feed->stream, &stats);
	bool live = stats.state == PT_STREAM_LIVE;
	*ret_since_ns = stats.since_ns;
	pt_stream_stats_clear(&stats);
	return live;
}

void pt_cameras_set_texts(PtCameras *c, const char *name, const PtOsdList *texts) {
	const Camera *camera = find(c, name);
	g_hash_table_insert(c->texts, g_strdup(name), g_memdup2(texts, sizeof *texts));
	const PtFeed *const feeds[] = {camera ? camera->main : NULL, camera ? camera->sub : NULL};
	for (int k = 0; k < 2; k++)
		if (feeds[k] && feeds[k]->source && feeds[k]->source->ops->set_texts)
			feeds[k]->source->ops->set_texts(feeds[k]->source, texts);
}

bool pt_cameras_abilities(PtCameras *c, const char *name, const char *stream, PtSourceAbilities *ret) {
	const Camera *camera = find(c, name);
	const PtFeed *feed = !camera ? NULL : !strcmp(stream, "main") ? camera->main : camera->sub;
	return feed && feed->source && feed->source->ops->abilities && feed->source->ops->abilities(feed->source, ret);
}

/* ---- metadata ---- */

void pt_cameras_push_metadata(PtCameras *c, const char *name, const void *xml, size_t size, int64_t wall_ns) {
	for (guint i = 0; i < c->list->len; i++) {
		const Camera *camera = g_ptr_array_index(c->list, i);
		PtFeed *const feeds[] = {camera->main, camera->sub};
		for (int k = 0; k < 2; k++) {
			if ((name && strcmp(name, camera->name)) || !feeds[k] || !feeds[k]->own_metadata ||
			    !feeds[k]->source)
				continue;
			PtSample *sample = pt_sample_new(size);
			memcpy(pt_sample_grow(&sample, size), xml, size);
			sample->track = PT_FEED_METADATA_TRACK;
			sample->key = true;
			sample->wall_ns = wall_ns;
			sample->format = pt_format_ref(c->metadata);
			pt_feed_push_metadata(feeds[k], sample);
		}
	}
}

bool pt_cameras_has_metadata(PtCameras *c, const char *name) {
	const Camera *camera = find(c, name);
	return camera && camera->main && camera->main->own_metadata;
}

bool pt_cameras_metadata_watched(PtCameras *c) {
	for (guint i = 0; i < c->list->len; i++) {
		const Camera *camera = g_ptr_array_index(c->list, i);
		PtFeed *const feeds[] = {camera->main, camera->sub};
		for (int k = 0; k < 2; k++)
			if (feeds[k] && feeds[k]->own_metadata &&
			    pt_feed_is_watched(feeds[k], pt_camera_motion_watches(camera->motion, feeds[k]->stream)))
				return true;
	}
	return false;
}

PtStream *pt_cameras_stream(PtCameras *c, const char *camera, const char *stream) {
	g_mutex_lock(&c->lock);
	const Camera *found = find(c, camera);
	const PtFeed *feed = !found                    ? NULL
	                     : !strcmp(stream, "main") ? found->main
	                     : !strcmp(stream, "sub")  ? found->sub
	                                               : NULL;
	PtStream *ref = feed ? pt_stream_ref(feed->stream) : NULL;
	g_mutex_unlock(&c->lock);
	return ref;
}

static void describe_microphone(PtStream *stream, JsonBuilder *b) {
	static const char *const words[] = {"idle", "connecting", "live", "lost"};
	PtStreamStats stats;
	pt_stream_get_stats(stream, &stats);
	json_builder_set_member_name(b, "microphone");
	json_builder_begin_object(b);
	pt_json_text(b, "state", words[stats.state]);
	pt_json_text(b, "reason", stats.reason[0] ? stats.reason : NULL);
	pt_json_time(b, "since", stats.since_ns);
	pt_json_int(b, "reconnects", stats.reconnects);
	json_builder_end_object(b);
	pt_stream_stats_clear(&stats);
}

/* Of `record: on-loss`, by stream: whether it records. */
static void describe_standby(const Camera *camera, JsonBuilder *b) {
	const PtFeed *const feeds[] = {camera->main, camera->sub};
	bool any = false;
	for (int k = 0; k < 2; k++) {
		if (!feeds[k] || !feeds[k]->standby)
			continue;
		if (!any)
			pt_json_object(b, "on_loss");
		any = true;
		pt_json_text(b, k ? "sub" : "main", pt_standby_records(feeds[k]->standby) ? "recording" : "waiting");
	}
	if (any)
		json_builder_end_object(b);
}

void pt_cameras_describe(PtCameras *c, const char *name, JsonBuilder *b) {
	const Camera *camera = find(c, name);
	if (camera && camera->onvif)
		pt_camera_onvif_describe(camera->onvif, b);
	if (camera && camera->main->microphone_stream)
		describe_microphone(camera->main->microphone_stream, b);
	if (camera && camera->motion)
		pt_camera_motion_describe(camera->motion, b);
	if (camera)
		describe_standby(camera, b);
}
