/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/camera-onvif.h"
#include "onvif/client/address.h"
#include "onvif/client/camera.h"
#include "plugs/input.h"
#include "web/host.h"
#include <string.h>

#define DOCUMENTS_WAITING 64
#define DOCUMENT_MAX (256 * 1024)

struct PtCameraOnvif {
	PtOnvifCamera *camera;
	PtCameraOnvifEnv env;
	const PtCameraOnvifOps *ops;
	void *user;
	char *source;     /* "camera/gate" */
	bool own_motion;  /* motion is looked for here: what the camera tells of it is left aside */
	bool push_chosen; /* its events are to be delivered, the site file says */
	uint64_t others;  /* events that are nobody's business */

	/* documents of the metadata track on their way from the stream's thread to ours */
	PtSink metadata;
	GSource *arrival;
	GMutex lock;
	GQueue documents; /* of PtSample *; under lock */
	uint64_t dropped; /* for which there was no room; under lock */
};

/* ---- the metadata track ---- */

/* Most documents tell of boxes around what moves, many times a second: those go no further. On the stream's thread. */
static void on_sample(PtSink *sink, PtSample *sample) {
	PtCameraOnvif *c = (PtCameraOnvif *)((char *)sink - G_STRUCT_OFFSET(PtCameraOnvif, metadata));
	static const char word[] = "NotificationMessage";
	if (sample->format->codec != PT_CODEC_ONVIF_METADATA || sample->size > DOCUMENT_MAX ||
	    !memmem(sample->data, sample->size, word, strlen(word)))
		return;
	g_mutex_lock(&c->lock);
	bool room = c->documents.length < DOCUMENTS_WAITING;
	if (room)
		g_queue_push_tail(&c->documents, pt_sample_ref(sample));
	else
		c->dropped++;
	g_mutex_unlock(&c->lock);
	if (room)
		g_source_set_ready_time(c->arrival, 0);
}

static const PtSinkOps metadata_ops = {"events", on_sample, NULL};

static gboolean documents_arrived(void *data) {
	PtCameraOnvif *c = data;
	g_source_set_ready_time(c->arrival, -1);
	for (;;) {
		g_mutex_lock(&c->lock);
		PtSample *sample = g_queue_pop_head(&c->documents);
		g_mutex_unlock(&c->lock);
		if (!sample)
			return G_SOURCE_CONTINUE;
		pt_onvif_camera_metadata(c->camera, sample->data, sample->size);
		pt_sample_unref(sample);
	}
}

static gboolean dispatch(GSource *source, GSourceFunc fn, void *data) { return fn(data); }

static void listen_to_metadata(PtCameraOnvif *c, PtStream *main) {
	static GSourceFuncs funcs = {.dispatch = dispatch};
	g_mutex_init(&c->lock);
	c->arrival = g_source_new(&funcs, sizeof *c->arrival);
	g_source_set_callback(c->arrival, documents_arrived, c, NULL);
	g_source_set_priority(c->arrival, PT_PLUG_PRIORITY);
	g_source_attach(c->arrival, NULL);
	c->metadata.ops = &metadata_ops;
	pt_stream_add_sink(main, &c->metadata);
}

static void stop_listening(PtCameraOnvif *c) {
	pt_stream_remove_sink(&c->metadata);
	g_source_destroy(c->arrival);
	g_source_unref(c->arrival);
	g_queue_clear_full(&c->documents, (GDestroyNotify)pt_sample_unref);
	g_mutex_clear(&c->lock);
}

/* ---- the door ---- */

static bool delivered(void *user, const void *message, size_t size) {
	return pt_onvif_camera_deliver(((PtCameraOnvif *)user)->camera, message, size);
}

static char *open_door(void *user, const char *remote, GError **error) {
	PtCameraOnvif *c = user;
	return pt_notify_door_open(c->env.door, remote, c->push_chosen, delivered, c, error);
}

static void close_door(void *user, const char *address) { pt_notify_door_close(((PtCameraOnvif *)user)->env.door, address); }

/* ---- what it tells ---- */

static void found(void *user, const PtOnvifFound *f) {
	PtCameraOnvif *c = user;
	c->ops->found(c->user, f->main ? f->main->url : NULL, f->sub ? f->sub->url : NULL);
}

static void state_changed(void *user, PtOnvifState state, const char *reason) {
	PtCameraOnvif *c = user;
	if (state == PT_ONVIF_LOST)
		c->ops->lost(c->user, reason);
}

/* Inputs and relays are told by their plugs. What a subscription repeats when it begins is state and no alarm. */
static void said(void *user, const PtOnvifSaid *s) {
	PtCameraOnvif *c = user;
	if (s->kind == PT_SAYS_OTHER || s->kind == PT_SAYS_INPUT || s->kind == PT_SAYS_RELAY || s->active < 0 ||
	    (s->kind == PT_SAYS_MOTION && c->own_motion)) {
		c->others += s->kind == PT_SAYS_OTHER;
		return;
	}
	g_autofree char *detail = g_strdup_printf("%s %s", s->topic, s->text);
	int64_t now = pt_mono_ns(c->env.clock), mono = pt_onvif_camera_said_ns(c->camera);
	PtEvent what = {.wall_ns = pt_wall_ns(c->env.clock) - (now - mono),
	                .mono_ns = mono,
	                .noticed_ns = now,
	                .source = c->source,
	                .topic = pt_says_word(s->kind),
	                .state = s->active ? "active" : "inactive",
	                .detail = detail,
	                .initial = s->how == PT_SAID_INITIALIZED,
	                .late = now - mono > PT_INPUT_LATE_NS};
	g_autoptr(PtEvent) event = pt_event_new(&what);
	pt_bus_publish(c->env.bus, event);
}

static PtOnvifCameraParams params_of(const PtSiteCamera *s, PtCameraOnvif *c, const char *url) {
	static const PtHttpTrustKind kinds[] = {
	    [PT_SITE_TLS_ANY] = PT_HTTP_ANY, [PT_SITE_TLS_VERIFY] = PT_HTTP_VERIFY, [PT_SITE_TLS_PINNED] = PT_HTTP_PINNED};
	static const PtOnvifWay ways[] = {[PT_SITE_EVENTS_ANY] = PT_ONVIF_WAY_ANY,
	                                  [PT_SITE_EVENTS_NONE] = PT_ONVIF_WAY_NONE,
	                                  [PT_SITE_EVENTS_PULL] = PT_ONVIF_WAY_PULL,
	                                  [PT_SITE_EVENTS_PUSH] = PT_ONVIF_WAY_PUSH,
	                                  [PT_SITE_EVENTS_METADATA] = PT_ONVIF_WAY_METADATA};
	PtOnvifCameraParams p = {.device = {.url = url, .trust = {.kind = kinds[s->tls]}},
	                         .events = ways[s->events],
	                         .door = {open_door, close_door, c},
	                         .main = s->profile_main,
	                         .sub = s->profile_sub};
	memcpy(p.device.trust.sha256, s->tls_pin, sizeof p.device.trust.sha256);
	if (s->login) {
		p.device.user = s->login->user;
		p.device.password = s->login->password;
	}
	return p;
}

PtCameraOnvif *pt_camera_onvif_new(const PtSiteCamera *s, PtStream *main, const PtCameraOnvifEnv *env,
                                   const PtCameraOnvifOps *ops, void *user) {
	PtCameraOnvif *c = g_new0(PtCameraOnvif, 1);
	c->env = *env;
	c->ops = ops;
	c->user = user;
	c->source = g_strconcat("camera/", s->name, NULL);
	c->own_motion = s->motion;
	c->push_chosen = s->events == PT_SITE_EVENTS_PUSH;
	c->camera = pt_onvif_camera_get(s->name);
	listen_to_metadata(c, main);
	g_autoptr(GError) error = NULL;
	g_autofree char *url = pt_onvif_device_url(s->source, &error);
	if (!url) {
		ops->lost(user, error->message);
		return c;
	}
	PtOnvifCameraParams params = params_of(s, c, url);
	PtOnvifCameraHost host = {found, state_changed, said, c};
	pt_onvif_camera_start(c->camera, env->http, env->clock, &params, &host);
	return c;
}

void pt_camera_onvif_free(PtCameraOnvif *c) {
	if (!c)
		return;
	stop_listening(c);
	pt_onvif_camera_stop(c->camera);
	pt_onvif_camera_unref(c->camera);
	g_free(c->source);
	g_free(c);
}

static void put_lines(JsonBuilder *b, const char *name, const GPtrArray *lines) {
	pt_json_array(b, name);
	for (guint i = 0; i < lines->len; i++)
		json_builder_add_string_value(b, g_ptr_array_index(lines, i));
	json_builder_end_array(b);
}

static void describe_found(const PtOnvifFound *f, JsonBuilder *b) {
	pt_json_text(b, "maker", f->maker);
	pt_json_text(b, "model", f->model);
	pt_json_text(b, "firmware", f->firmware);
	pt_json_text(b, "serial", f->serial);
	pt_json_array(b, "plugs");
	for (guint i = 0; i < f->plugs->len; i++) {
		const PtOnvifPlug *p = g_ptr_array_index(f->plugs, i);
		pt_json_object(b, NULL);
		pt_json_text(b, "kind", p->kind == PT_ONVIF_PLUG_INPUT ? "input" : "relay");
		pt_json_text(b, "token", p->token);
		pt_json_text(b, "idle", p->idle_closed ? "closed" : "open");
		pt_json_text(b, "state", !p->known ? "unknown" : p->active ? "active" : "inactive");
		if (p->assumed)
			pt_json_bool(b, "assumed", true);
		json_builder_end_object(b);
	}
	json_builder_end_array(b);
	put_lines(b, "notes", f->notes);
	put_lines(b, "warnings", f->warnings);
}

/* Of all cameras that deliver: what came in vain has no address that would say whose it is. */
static void describe_door(const PtNotifyDoor *door, JsonBuilder *b) {
	PtNotifyDoorStats s;
	pt_notify_door_get_stats(door, &s);
	pt_json_object(b, "door");
	pt_json_int(b, "delivered", (int64_t)s.delivered);
	pt_json_int(b, "strangers", (int64_t)s.strangers);
	pt_json_int(b, "nonsense", (int64_t)s.nonsense);
	json_builder_end_object(b);
}

void pt_camera_onvif_describe(PtCameraOnvif *c, JsonBuilder *b) {
	static const char *const words[] = {"stopped", "connecting", "ready", "lost"};
	PtOnvifView v;
	pt_onvif_camera_view(c->camera, &v);
	pt_json_object(b, "onvif");
	pt_json_text(b, "state", words[v.state]);
	pt_json_text(b, "reason", v.reason[0] ? v.reason : NULL);
	pt_json_bool(b, "events", v.events);
	pt_json_text(b, "events_by", v.events ? pt_onvif_way_words[v.way] : NULL);
	if (v.clock_known)
		pt_json_int(b, "clock_offset_ms", v.offset_ns / PT_NS_PER_MS);
	pt_json_int(b, "messages", (int64_t)v.stats.messages);
	pt_json_int(b, "subscriptions", (int64_t)v.stats.subscriptions);
	g_mutex_lock(&c->lock);
	uint64_t dropped = c->dropped;
	g_mutex_unlock(&c->lock);
	if (dropped)
		pt_json_int(b, "metadata_dropped", (int64_t)dropped);
	if (v.way == PT_ONVIF_WAY_PUSH)
		describe_door(c->env.door, b);
	if (v.found)
		describe_found(v.found, b);
	json_builder_end_object(b);
}
