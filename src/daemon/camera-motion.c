/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/camera-motion.h"
#include "media/codec/eye.h"
#include "web/host.h"
#include <string.h>

#define AHEAD_NS (60 * PT_NS_PER_S) /* while it moves, footage is kept so far ahead: nothing goes while it lasts */
#define PROLONG_MS 30000
#define JOIN_NS (30 * PT_NS_PER_S) /* what moves again so soon is the same to the archive */

struct PtCameraMotion {
	const PtSiteCamera *settings;
	PtCameraMotionEnv env;
	char *source; /* "camera/gate" */
	PtEye *eye;   /* NULL: no stream */

	/* under lock: the eye tells on the loop's thread */
	GMutex lock;
	bool told_blind, moving;
	PtKeepRow kept; /* id 0: nothing */
	guint prolong;  /* main thread: while it moves */
};

static bool keeps(const PtCameraMotion *m) {
	const PtSiteCamera *s = m->settings;
	return m->env.keeper && (s->record_main == PT_RECORD_EVENTS || s->record_sub == PT_RECORD_EVENTS);
}

/* ---- what is kept ---- */

/* Under lock. */
static void keep_until(PtCameraMotion *m, int64_t end_ns) {
	m->kept.end_ns = end_ns;
	pt_keeper_put(m->env.keeper, &m->kept);
}

static void keep_from(PtCameraMotion *m, int64_t wall_ns) {
	int64_t start = wall_ns - m->settings->motion_before_ns;
	if (!m->kept.id || start > m->kept.end_ns + JOIN_NS) {
		m->kept = (PtKeepRow){.id = pt_keeper_new_id(m->env.keeper), .start_ns = start, .ring = true};
		g_strlcpy(m->kept.camera, m->settings->name, sizeof m->kept.camera);
		g_strlcpy(m->kept.who, m->source, sizeof m->kept.who);
		g_strlcpy(m->kept.why, "something moved", sizeof m->kept.why);
	}
	keep_until(m, wall_ns + AHEAD_NS);
}

static gboolean prolong(gpointer data) {
	PtCameraMotion *m = data;
	g_mutex_lock(&m->lock);
	if (m->moving)
		keep_until(m, pt_wall_ns(m->env.clock) + AHEAD_NS);
	g_mutex_unlock(&m->lock);
	return G_SOURCE_CONTINUE;
}

/* ---- what the bus hears ---- */

static void publish(PtCameraMotion *m, const PtEyeNews *news) {
	static const char *const states[] = {
	    [PT_EYE_BLIND] = "unknown", [PT_EYE_STILL] = "inactive", [PT_EYE_MOTION] = "active"};
	const PtMotionSeen *w = &news->where;
	int64_t now = pt_wall_ns(m->env.clock), mono = pt_mono_ns(m->env.clock);
	char where[80];
	g_snprintf(where, sizeof where, "%.0f to %.0f %% from the left, %.0f to %.0f %% from the top", (double)w->left * 100,
	           (double)w->right * 100, (double)w->top * 100, (double)w->bottom * 100);
	PtEvent what = {.wall_ns = news->wall_ns,
	                .mono_ns = mono - MAX(now - news->wall_ns, 0),
	                .noticed_ns = mono,
	                .source = m->source,
	                .topic = PT_TOPIC_MOTION,
	                .state = states[news->state],
	                .detail = news->state == PT_EYE_MOTION  ? where
	                          : news->state == PT_EYE_BLIND ? news->reason
	                                                        : NULL,
	                .initial = news->found && news->state != PT_EYE_BLIND};
	g_autoptr(PtEvent) event = pt_event_new(&what);
	pt_bus_publish(m->env.bus, event);
}

/* On the loop's thread. */
static void on_news(const PtEyeNews *news, void *user) {
	PtCameraMotion *m = user;
	bool blind = news->state == PT_EYE_BLIND, moving = news->state == PT_EYE_MOTION;
	g_mutex_lock(&m->lock);
	bool again = blind && m->told_blind; /* another reason; the page shows it */
	m->told_blind = blind;
	if (keeps(m) && moving)
		keep_from(m, news->wall_ns);
	else if (keeps(m) && m->moving)
		keep_until(m, news->wall_ns + m->settings->motion_after_ns);
	m->moving = moving;
	g_mutex_unlock(&m->lock);
	if (!again)
		publish(m, news);
}

/* ---- life ---- */

PtCameraMotion *pt_camera_motion_new(const PtSiteCamera *settings, const PtCameraMotionEnv *env) {
	PtCameraMotion *m = g_new0(PtCameraMotion, 1);
	m->settings = settings;
	m->env = *env;
	m->source = g_strconcat("camera/", settings->name, NULL);
	g_mutex_init(&m->lock);
	if (keeps(m))
		m->prolong = g_timeout_add(PROLONG_MS, prolong, m);
	return m;
}

void pt_camera_motion_watch(PtCameraMotion *m, PtStream *stream) {
	if (m->eye ? pt_eye_stream(m->eye) == stream : !stream)
		return;
	g_clear_pointer(&m->eye, pt_eye_free);
	if (!stream)
		return;
	const PtSiteCamera *s = m->settings;
	PtMotionZone zones[PT_ZONES] = {0};
	guint n = s->motion_zones ? s->motion_zones->len : 0;
	G_STATIC_ASSERT(PT_ZONES <= PT_MOTION_ZONES && PT_ZONE_POINTS <= PT_MOTION_POINTS);
	for (guint i = 0; i < n; i++) {
		const PtSiteZone *zone = &g_array_index(s->motion_zones, PtSiteZone, i);
		zones[i].exclude = zone->exclude;
		zones[i].n = zone->n;
		for (unsigned k = 0; k < zone->n; k++)
			zones[i].points[k] = (PtMotionPoint){zone->x[k], zone->y[k]};
	}
	PtMotionParams params = {
	    .sensitivity = s->motion_sensitivity, .hold_ns = s->motion_hold_ns, .zones = zones, .n_zones = n};
	m->eye = pt_eye_new(m->env.loop, stream, &params, on_news, m);
}

bool pt_camera_motion_watches(PtCameraMotion *m, PtStream *stream) { return m && m->eye && pt_eye_stream(m->eye) == stream; }

void pt_camera_motion_free(PtCameraMotion *m) {
	if (!m)
		return;
	pt_eye_free(m->eye);
	g_clear_handle_id(&m->prolong, g_source_remove);
	if (m->moving) {
		PtEyeNews news = {.state = PT_EYE_STILL, .wall_ns = pt_wall_ns(m->env.clock)};
		on_news(&news, m);
	}
	g_mutex_clear(&m->lock);
	g_free(m->source);
	g_free(m);
}

/* ---- what it says of itself ---- */

static void describe_zones(const PtSiteCamera *s, JsonBuilder *b) {
	pt_json_array(b, "zones");
	for (guint i = 0; s->motion_zones && i < s->motion_zones->len; i++) {
		const PtSiteZone *zone = &g_array_index(s->motion_zones, PtSiteZone, i);
		pt_json_object(b, NULL);
		pt_json_bool(b, "exclude", zone->exclude);
		pt_json_array(b, "corners");
		for (unsigned k = 0; k < zone->n; k++) {
			json_builder_begin_array(b);
			json_builder_add_double_value(b, (double)zone->x[k]);
			json_builder_add_double_value(b, (double)zone->y[k]);
			json_builder_end_array(b);
		}
		json_builder_end_array(b);
		json_builder_end_object(b);
	}
	json_builder_end_array(b);
}

void pt_camera_motion_describe(PtCameraMotion *m, JsonBuilder *b) {
	static const char *const states[] = {
	    [PT_EYE_BLIND] = "unknown", [PT_EYE_STILL] = "still", [PT_EYE_MOTION] = "motion"};
	PtEyeView v = {.reason = "the camera has no stream yet"};
	if (m->eye)
		pt_eye_view(m->eye, &v);
	pt_json_object(b, "motion");
	pt_json_text(b, "state", states[v.state]);
	pt_json_text(b, "reason", v.state == PT_EYE_BLIND ? v.reason : NULL);
	pt_json_int(b, "pictures", (int64_t)v.pictures);
	pt_json_int(b, "restarts", v.restarts);
	pt_json_time(b, "moved", v.moved_wall_ns);
	describe_zones(m->settings, b);
	json_builder_end_object(b);
}
