/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/mqtt-pictures.h"
#include "base/clock.h"
#include "daemon/still.h"
#include "media/codec/job.h"
#include <string.h>

#define EVENTS_MAX 1000
#define TICK_S 1
#define PAUSE_NS (2 * PT_NS_PER_S) /* between two of a camera, however much happens there */

typedef struct {
	char *name;
	bool asked;        /* something has happened */
	int64_t begun_ns;  /* monotonic: the last one */
	int64_t due_ns;    /* monotonic: the next by time */
	int64_t newest_ns; /* wall time of what the broker was given last; 0: nothing */
} Camera;

/* The one that is being made. */
typedef struct {
	PtMqttPictures *of; /* NULL: that has ended */
	char *camera;
} Still;

struct PtMqttPictures {
	PtCameras *source;
	PtMqtt *client;
	char *prefix;
	PtSite *site;
	GPtrArray *cameras; /* of Camera * */
	PtBusSubscription *heard;
	unsigned watch;
	guint tick;
	bool connected;
	Still *making; /* NULL: none is */
	uint64_t sent, failed;
};

static int64_t now_ns(void) { return pt_mono_ns(pt_clock_system()); }

char *pt_mqtt_picture_topic(const char *prefix, const char *camera) {
	return g_strdup_printf("%s/camera/%s/picture", prefix, camera);
}

static void camera_free(void *data) {
	g_free(((Camera *)data)->name);
	g_free(data);
}

static Camera *find(const PtMqttPictures *p, const char *name) {
	for (guint i = 0; i < p->cameras->len; i++)
		if (!strcmp(((Camera *)p->cameras->pdata[i])->name, name))
			return p->cameras->pdata[i];
	return NULL;
}

/* ---- making them ---- */

static void make_next(PtMqttPictures *p);

static void on_made(GBytes *jpeg, const GError *error, void *user) {
	Still *s = user;
	PtMqttPictures *p = s->of;
	gsize size;
	if (p && jpeg) {
		g_autofree char *topic = pt_mqtt_picture_topic(p->prefix, s->camera);
		const void *data = g_bytes_get_data(jpeg, &size);
		if (find(p, s->camera))
			p->sent += pt_mqtt_publish_bulk(p->client, topic, data, size, true);
	} else if (p) {
		p->failed++;
	}
	g_free(s->camera);
	g_free(s);
	if (!p)
		return;
	p->making = NULL;
	make_next(p);
}

/* False: there is nothing newer than what the broker has. */
static bool make(PtMqttPictures *p, Camera *c, int64_t now) {
	PtStream *stream = pt_cameras_stream(p->source, c->name, "main");
	PtSample *key = stream ? pt_stream_get_key(stream) : NULL;
	bool newer = key && key->wall_ns != c->newest_ns;
	c->due_ns = now + p->site->mqtt->pictures_ns;
	if (newer) {
		c->asked = false;
		c->begun_ns = now;
		c->newest_ns = key->wall_ns;
		p->making = g_new0(Still, 1);
		*p->making = (Still){p, g_strdup(c->name)};
		pt_codec_snapshot_async(key, PT_STILL_WIDTH, on_made, p->making);
	}
	pt_sample_unref(key);
	pt_stream_unref(stream);
	return newer;
}

static bool is_due(const Camera *c, int64_t now) {
	return (c->asked || now >= c->due_ns) && (!c->newest_ns || now - c->begun_ns >= PAUSE_NS);
}

static gint longest_waiting_first(gconstpointer a, gconstpointer b) {
	const Camera *x = *(Camera *const *)a, *y = *(Camera *const *)b;
	return x->asked != y->asked ? y->asked - x->asked : (x->begun_ns > y->begun_ns) - (x->begun_ns < y->begun_ns);
}

static void make_next(PtMqttPictures *p) {
	int64_t now = now_ns();
	if (p->making || !p->connected)
		return;
	g_ptr_array_sort(p->cameras, longest_waiting_first);
	for (guint i = 0; i < p->cameras->len; i++)
		if (is_due(p->cameras->pdata[i], now) && make(p, p->cameras->pdata[i], now))
			return;
}

static gboolean on_tick(gpointer data) {
	make_next(data);
	return G_SOURCE_CONTINUE;
}

/* ---- what asks for one ---- */

/* The camera that an event is of, or that its plug is at; NULL: none. */
static const char *camera_of(const PtSite *site, const PtEvent *event) {
	const char *input = pt_event_name(event, "input"), *relay = pt_event_name(event, "relay");
	const PtPlugSettings *plug = input ? pt_site_input(site, input) : relay ? pt_site_relay(site, relay) : NULL;
	return plug ? plug->camera : pt_event_name(event, "camera");
}

static void on_event(PtEvent *event, void *data) {
	PtMqttPictures *p = data;
	const char *name = p->site && !event->late ? camera_of(p->site, event) : NULL;
	Camera *c = name ? find(p, name) : NULL;
	if (!c)
		return;
	c->asked = true;
	make_next(p);
}

/* The broker may have forgotten what it had. */
static void on_connection(void *user, bool connected, const char *why) {
	PtMqttPictures *p = user;
	if (connected && !p->connected)
		for (guint i = 0; i < p->cameras->len; i++)
			((Camera *)p->cameras->pdata[i])->due_ns = ((Camera *)p->cameras->pdata[i])->newest_ns = 0;
	p->connected = connected;
}

/* ---- life ---- */

PtMqttPictures *pt_mqtt_pictures_new(PtBus *bus, PtCameras *cameras, PtMqtt *client, const char *prefix) {
	PtMqttPictures *p = g_new0(PtMqttPictures, 1);
	p->source = cameras;
	p->client = client;
	p->prefix = g_strdup(prefix);
	p->cameras = g_ptr_array_new_with_free_func(camera_free);
	p->heard = pt_bus_subscribe_queued(bus, NULL, NULL, G_PRIORITY_DEFAULT, EVENTS_MAX, on_event, p);
	p->watch = pt_mqtt_watch(client, on_connection, p);
	p->tick = g_timeout_add_seconds(TICK_S, on_tick, p);
	return p;
}

void pt_mqtt_pictures_apply(PtMqttPictures *p, PtSite *site) {
	PtSite *old = p->site;
	bool wanted = site->mqtt && site->mqtt->pictures_ns;
	p->site = pt_site_ref(site);
	pt_site_unref(old);
	for (guint i = p->cameras->len; i-- > 0;) {
		const Camera *c = p->cameras->pdata[i];
		if (wanted && pt_site_camera(site, c->name))
			continue;
		g_autofree char *topic = pt_mqtt_picture_topic(p->prefix, c->name);
		pt_mqtt_publish(p->client, topic, "", true);
		g_ptr_array_remove_index(p->cameras, i);
	}
	for (guint i = 0; wanted && i < site->cameras->len; i++) {
		const PtSiteCamera *s = site->cameras->pdata[i];
		if (find(p, s->name))
			continue;
		Camera *c = g_new0(Camera, 1);
		c->name = g_strdup(s->name);
		g_ptr_array_add(p->cameras, c);
	}
}

void pt_mqtt_pictures_free(PtMqttPictures *p) {
	if (!p)
		return;
	if (p->making)
		p->making->of = NULL;
	g_source_remove(p->tick);
	pt_bus_unsubscribe(p->heard);
	pt_mqtt_unwatch(p->client, p->watch);
	g_ptr_array_unref(p->cameras);
	pt_site_unref(p->site);
	g_free(p->prefix);
	g_free(p);
}

void pt_mqtt_pictures_counters(const PtMqttPictures *p, uint64_t *ret_sent, uint64_t *ret_failed) {
	*ret_sent = p ? p->sent : 0;
	*ret_failed = p ? p->failed : 0;
}
