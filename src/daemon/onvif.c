/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/onvif.h"
#include "base/error.h"
#include "web/host.h"
#include <string.h>

#define EVENTS_WAITING 1000
#define LOGIN_QUIET_NS (PT_NS_PER_S)
#define REPEAT_S 5 /* states in the metadata of streams, while somebody watches */

struct PtOnvif {
	PtOnvifEnv env;
	PtSite *site;
	PtOnvifServer *server;
	PtOnvifStreams *streams;
	PtServer *web;
	PtBusSubscription *inputs, *relays, *archive, *motion, *streams_state;
	guint repeat;
	int64_t login_said_ns; /* monotonic */
	int32_t utc_offset_s;  /* of the clocks in pictures */
	unsigned port;
	bool tls;
	unsigned asked; /* of the archive, and not answered yet */
	bool switching; /* a recording, now: its stream is as it was */
	void (*discovery_changed)(void *user);
	void *discovery_user;
};

/* ---- the host: who and what ---- */

static char *host_password(void *data, const char *user) { return pt_serve_password(((PtOnvif *)data)->site, user); }

static PtOnvifLevel level_of(const PtSiteUser *user) {
	static const PtOnvifLevel levels[] = {PT_ONVIF_USER, PT_ONVIF_OPERATOR, PT_ONVIF_ADMINISTRATOR};
	return user ? levels[user->role] : PT_ONVIF_USER;
}

static PtOnvifLevel host_level(void *data, const char *user) {
	return level_of(pt_site_user(((PtOnvif *)data)->site, user));
}

static bool host_may_see(void *data, const char *user, const char *camera) {
	const PtSiteUser *who = user ? pt_site_user(((PtOnvif *)data)->site, user) : NULL;
	return !user || (who && (!who->cameras || g_strv_contains((const char *const *)who->cameras, camera)));
}

static GArray *host_users(void *data) {
	PtOnvif *o = data;
	GArray *list = g_array_new(FALSE, TRUE, sizeof(PtOnvifUser));
	for (guint i = 0; i < o->site->app_passwords->len; i++) {
		const PtSiteLogin *app = g_ptr_array_index(o->site->app_passwords, i);
		bool listed = !pt_site_user(o->site, app->user);
		for (guint k = 0; k < list->len; k++)
			listed |= !strcmp(g_array_index(list, PtOnvifUser, k).name, app->user);
		PtOnvifUser user = {.level = level_of(pt_site_user(o->site, app->user))};
		g_strlcpy(user.name, app->user, sizeof user.name);
		if (!listed)
			g_array_append_val(list, user);
	}
	return list;
}

static void host_identify(void *data, PtOnvifIdentity *ret) {
	PtOnvif *o = data;
	g_strlcpy(ret->manufacturer, "Pigtail", sizeof ret->manufacturer);
	g_strlcpy(ret->model, "node", sizeof ret->model);
	g_strlcpy(ret->firmware, PT_VERSION, sizeof ret->firmware);
	g_strlcpy(ret->hardware, "pigtail", sizeof ret->hardware);
	pt_onvif_read_serial(o->env.directory, ret->serial, sizeof ret->serial);
	g_strlcpy(ret->name, o->site->name && *o->site->name ? o->site->name : "Pigtail", sizeof ret->name);
	pt_onvif_read_posix_tz(o->site->timezone, ret->posix_tz, sizeof ret->posix_tz);
	ret->ntp = pt_onvif_clock_is_kept();
}

static void host_network(void *data, PtOnvifNetwork *ret) {
	PtOnvif *o = data;
	pt_onvif_read_network(ret);
	*(o->tls ? &ret->https_port : &ret->http_port) = o->port;
	ret->rtsp_port = pt_serve_rtsp_port(o->env.serve);
}

/* ---- the host: streams ---- */

static GArray *host_streams(void *data) {
	PtOnvif *o = data;
	return pt_onvif_streams_list(o->streams, o->site);
}

static void host_snapshot(void *data, const char *camera, bool sub, PtOnvifSnapshotFn fn, void *user) {
	pt_onvif_streams_snapshot(((PtOnvif *)data)->streams, camera, sub, fn, user);
}

typedef struct {
	PtOnvif *onvif;
	PtOnvifRecordingsFn fn;
	void *user;
} Asked;

static void recordings_read(void *user, GArray *recordings, GArray *happenings, const GError *error) {
	Asked *a = user;
	a->fn(a->user, recordings, happenings, error);
	a->onvif->asked--;
	g_free(a);
}

static void host_recordings(void *data, const PtOnvifRecordingsQuery *query, PtOnvifRecordingsFn fn, void *user) {
	PtOnvif *o = data;
	if (o->env.archive) {
		Asked *a = g_new(Asked, 1);
		*a = (Asked){o, fn, user};
		o->asked++;
		pt_onvif_recordings_list(&o->env, o->site, query, recordings_read, a);
		return;
	}
	g_autoptr(GArray) none = g_array_new(FALSE, FALSE, sizeof(PtOnvifRecording));
	fn(user, none, NULL, NULL);
}

/* ---- the host: jobs ---- */

/* What the states of recordings are, for those who have subscribed to them. */
static void follow_recordings(PtOnvif *o) {
	int64_t now = pt_wall_ns(o->env.clock), since;
	for (guint i = 0; o->env.archive && i < o->site->cameras->len; i++) {
		const PtSiteCamera *camera = g_ptr_array_index(o->site->cameras, i);
		for (unsigned sub = 0; sub < 2; sub++) {
			const char *stream = sub ? "sub" : "main";
			if ((sub ? camera->record_sub : camera->record_main) == PT_RECORD_NEVER)
				continue;
			bool records = pt_cameras_records(o->env.cameras, camera->name, stream, &since);
			g_autofree char *recording = g_strdup_printf("%s-%s", camera->name, stream);
			g_autofree char *job = g_strconcat("job-", recording, NULL);
			static const PtOnvifTopic topics[] = {PT_ONVIF_RECORDING_STATE, PT_ONVIF_TRACK_STATE,
			                                      PT_ONVIF_JOB_STATE};
			for (unsigned k = 0; k < G_N_ELEMENTS(topics); k++)
				pt_onvif_server_set_property(o->server, topics[k],
				                             topics[k] == PT_ONVIF_JOB_STATE ? job : recording, camera->name,
				                             records, since && !o->switching ? since : now);
		}
	}
}

static gboolean host_set_recording(void *data, const char *camera, bool sub, bool on, const char *user, GError **error) {
	PtOnvif *o = data;
	const char *stream = sub ? "sub" : "main";
	const PtSiteCamera *c = pt_site_camera(o->site, camera);
	if (on && (!c || (sub ? c->record_sub : c->record_main) == PT_RECORD_NEVER)) {
		pt_error_set(error, UNSUPPORTED, "%s/%s is not recorded: the site file says so", camera, stream);
		return FALSE;
	}
	g_autofree char *why_not = g_strdup_printf("switched off over ONVIF by %s", user);
	pt_cameras_set_recording(o->env.cameras, camera, stream, on ? NULL : why_not);
	if (!o->server)
		return TRUE; /* as it was before the start */
	g_autofree char *source = g_strconcat("camera/", camera, NULL), *actor = g_strdup_printf("user/%s via onvif", user);
	g_autofree char *detail = g_strdup_printf("recording of the %s stream %s", stream, on ? "goes on" : why_not);
	g_autoptr(PtEvent) event =
	    pt_event_now(o->env.clock, source, PT_TOPIC_ARCHIVE, on ? "recording" : "idle", actor, detail);
	pt_bus_publish(o->env.bus, event);
	o->switching = true;
	follow_recordings(o);
	o->switching = false;
	return TRUE;
}

static bool host_video_options(void *data, const char *camera, bool sub, PtOnvifVideoOptions *ret) {
	PtOnvif *o = data;
	return pt_onvif_encoder_options(o->env.cameras, o->site, camera, sub, ret);
}

static gboolean host_set_video(void *data, const char *camera, bool sub, const PtOnvifVideo *video, GError **error) {
	PtOnvif *o = data;
	return pt_onvif_encoder_set_video(o->env.cameras, o->site, camera, sub, video, error);
}

static gboolean host_set_audio(void *data, const char *camera, bool sub, PtOnvifAudioCodec codec, GError **error) {
	PtOnvif *o = data;
	return pt_onvif_encoder_set_audio(o->env.cameras, o->site, camera, sub, codec, error);
}

static void host_key_frame(void *data, const char *camera, bool sub) {
	PtOnvif *o = data;
	PtStream *stream = pt_cameras_stream(o->env.cameras, camera, sub ? "sub" : "main");
	if (stream)
		pt_stream_request_key(stream);
	pt_stream_unref(stream);
}

static void host_set_osds(void *data, const char *camera, const PtOnvifOsd *osds, unsigned n) {
	PtOnvif *o = data;
	pt_onvif_set_texts(o->env.cameras, camera, o->utc_offset_s, osds, n);
}

/* The clocks in the pictures follow the site's: they change twice a year, and with the site file. */
static void follow_clocks(PtOnvif *o) {
	int32_t offset = pt_onvif_utc_offset(o->site, pt_wall_ns(o->env.clock));
	if (offset == o->utc_offset_s)
		return;
	o->utc_offset_s = offset;
	pt_onvif_server_repeat_osds(o->server);
}

/* ---- the host: plugs ---- */

static GArray *host_inputs(void *data) {
	GPtrArray *all = pt_plugs_inputs(((PtOnvif *)data)->env.plugs);
	GArray *list = g_array_new(FALSE, TRUE, sizeof(PtOnvifInput));
	for (guint i = 0; i < all->len; i++) {
		const PtPlugSettings *s = pt_input_settings(g_ptr_array_index(all, i));
		PtOnvifInput one = {.idle_closed = s->contact == PT_CONTACT_CLOSED_NORMALLY};
		g_strlcpy(one.token, s->name, sizeof one.token);
		g_strlcpy(one.camera, s->camera ? s->camera : "", sizeof one.camera);
		g_array_append_val(list, one);
	}
	return list;
}

/* What moves what a person could be hurt by is set up by whoever stands before it. */
static bool is_fixed(const PtPlugSettings *s) {
	return s->relay_kind == PT_RELAY_DOOR || s->relay_kind == PT_RELAY_GATE || s->relay_kind == PT_RELAY_FIRE;
}

static GArray *host_relays(void *data) {
	GPtrArray *all = pt_plugs_relays(((PtOnvif *)data)->env.plugs);
	GArray *list = g_array_new(FALSE, TRUE, sizeof(PtOnvifRelay));
	for (guint i = 0; i < all->len; i++) {
		const PtPlugSettings *s = pt_relay_settings(g_ptr_array_index(all, i));
		PtOnvifRelay one = {.settings = {.monostable = s->mode == PT_MODE_MONOSTABLE,
		                                 .idle_closed = s->contact == PT_CONTACT_CLOSED_NORMALLY,
		                                 .delay_ns = s->pulse_ns ? s->pulse_ns : PT_RELAY_PULSE_NS},
		                    .fixed = is_fixed(s)};
		g_strlcpy(one.token, s->name, sizeof one.token);
		g_strlcpy(one.camera, s->camera ? s->camera : "", sizeof one.camera);
		g_strlcpy(one.kind, pt_relay_kind_words[s->relay_kind], sizeof one.kind);
		g_array_append_val(list, one);
	}
	return list;
}

static PtRelay *need_relay(PtOnvif *o, const char *name, GError **error) {
	PtRelay *relay = pt_plugs_relay(o->env.plugs, name);
	if (!relay)
		pt_error_set(error, NOT_FOUND, "there is no relay '%s'", name);
	return relay;
}

static gboolean order(PtOnvif *o, const char *name, bool on, const char *actor, GError **error) {
	PtRelay *relay = need_relay(o, name, error);
	PtRelayCommand command = {
	    .order = on ? PT_ORDER_ON : PT_ORDER_OFF, .issued_ns = pt_mono_ns(o->env.clock), .actor = actor};
	return relay && pt_relay_command(relay, &command, error);
}

static gboolean host_set_relay(void *data, const char *name, bool active, const char *actor, GError **error) {
	return order(data, name, active, actor, error);
}

static gboolean host_configure_relay(void *data, const char *name, const PtOnvifRelaySettings *v, const char *actor,
                                     GError **error) {
	PtOnvif *o = data;
	PtRelay *relay = need_relay(o, name, error);
	if (!relay || is_fixed(pt_relay_settings(relay))) {
		if (relay)
			pt_error_set(error, DENIED, "relay %s: its settings are those of the site file", name);
		return FALSE;
	}
	return pt_plugs_configure_relay(o->env.plugs, name, v->monostable ? PT_MODE_MONOSTABLE : PT_MODE_BISTABLE,
	                                v->delay_ns, v->idle_closed ? PT_CONTACT_CLOSED_NORMALLY : PT_CONTACT_OPEN_NORMALLY,
	                                actor, error);
}

/* A relay called CAMERA-ir-cut moves the filter: on is in, by day. */
static PtRelay *filter_of(PtOnvif *o, const char *camera) {
	g_autofree char *name = g_strconcat(camera, "-ir-cut", NULL);
	return pt_plugs_relay(o->env.plugs, name);
}

static bool host_ir_cut(void *data, const char *camera, bool *ret_day) {
	PtRelay *relay = filter_of(data, camera);
	PtRelayView v;
	if (!relay)
		return false;
	pt_relay_view(relay, &v);
	*ret_day = (v.commanded == PT_RELAY_UNKNOWN ? v.seen : v.commanded) == PT_RELAY_ON;
	return true;
}

static gboolean host_set_ir_cut(void *data, const char *camera, bool day, const char *actor, GError **error) {
	g_autofree char *name = g_strconcat(camera, "-ir-cut", NULL);
	return order(data, name, day, actor, error);
}

static void host_metadata(void *data, const char *camera, const void *xml, size_t size, int64_t wall_ns) {
	PtOnvif *o = data;
	if (pt_cameras_metadata_watched(o->env.cameras))
		pt_cameras_push_metadata(o->env.cameras, camera, xml, size, wall_ns);
}

static gboolean repeat(gpointer data) {
	PtOnvif *o = data;
	follow_clocks(o);
	follow_recordings(o);
	if (pt_cameras_metadata_watched(o->env.cameras))
		pt_onvif_server_repeat_metadata(o->server);
	return G_SOURCE_CONTINUE;
}

/* Into the log, but not once for each try of somebody who guesses. */
static void host_login_refused(void *data, const char *user, const char *remote, const char *why) {
	PtOnvif *o = data;
	int64_t now = pt_mono_ns(o->env.clock);
	if (now < o->login_said_ns + LOGIN_QUIET_NS)
		return;
	o->login_said_ns = now;
	g_autofree char *source = g_strconcat("user/", *user ? user : "unknown", NULL);
	g_autofree char *detail = g_strdup_printf("ONVIF from %s: %s", remote ? remote : "unknown", why);
	g_autoptr(PtEvent) event = pt_event_now(o->env.clock, source, PT_TOPIC_LOGIN, "refused", NULL, detail);
	pt_bus_publish(o->env.bus, event);
}

static void host_discovery_changed(void *data) {
	PtOnvif *o = data;
	if (o->discovery_changed)
		o->discovery_changed(o->discovery_user);
}

/* ---- events ---- */

static void set_input(PtOnvif *o, const PtPlugSettings *s, const char *state, int64_t wall_ns) {
	bool active; /* unknown and fault are no state that ONVIF has a word for */
	if (pt_onvif_history_state(PT_ONVIF_DIGITAL_INPUT, state, &active))
		pt_onvif_server_set_property(o->server, PT_ONVIF_DIGITAL_INPUT, s->name, s->camera, active, wall_ns);
}

static void set_relay(PtOnvif *o, const PtPlugSettings *s, const char *state, int64_t wall_ns) {
	bool active;
	if (pt_onvif_history_state(PT_ONVIF_RELAY, state, &active))
		pt_onvif_server_set_property(o->server, PT_ONVIF_RELAY, s->name, s->camera, active, wall_ns);
}

static void on_input(PtEvent *event, void *data) {
	PtOnvif *o = data;
	const char *name = pt_event_name(event, "input");
	PtInput *input = name ? pt_plugs_input(o->env.plugs, name) : NULL;
	if (input && !event->past)
		set_input(o, pt_input_settings(input), event->state, event->wall_ns);
}

static void on_relay(PtEvent *event, void *data) {
	PtOnvif *o = data;
	const char *name = pt_event_name(event, "relay");
	PtRelay *relay = name ? pt_plugs_relay(o->env.plugs, name) : NULL;
	if (relay && !event->past)
		set_relay(o, pt_relay_settings(relay), event->state, event->wall_ns);
}

/* As it is at the start; what changes from then on comes as an event. */
static void set_storage(PtOnvif *o) {
	PtWriterStats stats = {0};
	if (o->env.archive)
		pt_writer_get_stats(pt_archive_writer(o->env.archive), &stats);
	pt_onvif_server_set_property(o->server, PT_ONVIF_STORAGE_FAILURE, "archive", NULL, stats.problem[0] != 0,
	                             pt_wall_ns(o->env.clock));
}

/* The archive's own; what cameras say of theirs is their affair. */
static void on_storage(PtEvent *event, void *data) {
	PtOnvif *o = data;
	const char *token = strcmp(event->source, "archive") ? pt_event_name(event, "archive") : "archive";
	bool failed;
	if (token && pt_onvif_history_state(PT_ONVIF_STORAGE_FAILURE, event->state, &failed))
		pt_onvif_server_set_property(o->server, PT_ONVIF_STORAGE_FAILURE, token, NULL, failed, event->wall_ns);
}

/* Unknown is no state that ONVIF has a word for: what cannot be seen is no alarm. */
static void on_motion(PtEvent *event, void *data) {
	PtOnvif *o = data;
	const char *name = pt_event_name(event, "camera");
	const PtSiteCamera *camera = name ? pt_site_camera(o->site, name) : NULL;
	if (camera && camera->motion && !event->past)
		pt_onvif_server_set_property(o->server, PT_ONVIF_MOTION_ALARM, name, name, !strcmp(event->state, "active"),
		                             event->wall_ns);
}

static void on_stream(PtEvent *event, void *data) { follow_recordings(data); }

static bool host_motion(void *data) {
	PtOnvif *o = data;
	for (guint i = 0; i < o->site->cameras->len; i++)
		if (((const PtSiteCamera *)g_ptr_array_index(o->site->cameras, i))->motion)
			return true;
	return false;
}

static bool looks_for_motion(const PtOnvif *o, const char *name) {
	const PtSiteCamera *camera = pt_site_camera(o->site, name);
	return camera && camera->motion;
}

/* A recording or the job of one: whether the site file still has it. */
static bool is_to_be_recorded(const PtOnvif *o, const char *token) {
	if (g_str_has_prefix(token, "job-"))
		token += strlen("job-");
	const char *dash = strrchr(token, '-');
	g_autofree char *name = dash ? g_strndup(token, (gsize)(dash - token)) : NULL;
	const PtSiteCamera *camera = name ? pt_site_camera(o->site, name) : NULL;
	return camera && (!strcmp(dash, "-sub") ? camera->record_sub : camera->record_main) != PT_RECORD_NEVER;
}

static bool still_there(void *user, PtOnvifTopic topic, const char *token) {
	PtOnvif *o = user;
	switch (topic) {
	case PT_ONVIF_DIGITAL_INPUT:
		return pt_plugs_input(o->env.plugs, token) != NULL;
	case PT_ONVIF_RELAY:
		return pt_plugs_relay(o->env.plugs, token) != NULL;
	case PT_ONVIF_MOTION_ALARM:
		return looks_for_motion(o, token);
	case PT_ONVIF_RECORDING_STATE:
	case PT_ONVIF_TRACK_STATE:
	case PT_ONVIF_JOB_STATE:
		return is_to_be_recorded(o, token);
	default:
		return true;
	}
}

void pt_onvif_apply(PtOnvif *o, PtSite *site) {
	if (!o)
		return;
	PtSite *old = o->site;
	o->site = pt_site_ref(site);
	pt_site_unref(old);
	follow_clocks(o);
	int64_t now = pt_wall_ns(o->env.clock);
	GPtrArray *inputs = pt_plugs_inputs(o->env.plugs), *relays = pt_plugs_relays(o->env.plugs);
	pt_onvif_server_drop_unless(o->server, still_there, o);
	for (guint i = 0; i < inputs->len; i++) {
		PtInput *input = g_ptr_array_index(inputs, i);
		int64_t since = pt_input_since_ns(input);
		set_input(o, pt_input_settings(input), pt_input_state_word(pt_input_state(input)), since ? since : now);
	}
	for (guint i = 0; i < relays->len; i++) {
		PtRelay *relay = g_ptr_array_index(relays, i);
		PtRelayView v;
		pt_relay_view(relay, &v);
		set_relay(o, pt_relay_settings(relay), pt_relay_state_word(v.seen), v.seen_wall_ns ? v.seen_wall_ns : now);
	}
}

/* ---- HTTP ---- */

static void http_reply(void *user, const PtOnvifAnswer *answer) {
	PtRequest *r = user;
	for (char **c = answer->challenges; c && *c; c++)
		pt_request_add_header(r, "WWW-Authenticate", *c);
	pt_request_reply(r, answer->status, answer->type, answer->body);
	pt_request_unref(r);
}

static bool http_gone(void *user) { return pt_request_is_gone(user); }
static void http_patience(void *user, unsigned seconds) { pt_request_be_patient(user, seconds); }

static const PtOnvifClient http_client = {http_reply, http_gone, http_patience};

static void on_request(PtRequest *r, void *data) {
	PtOnvif *o = data;
	g_autoptr(GBytes) body = pt_request_body(r);
	gsize size;
	const void *bytes = g_bytes_get_data(body, &size);
	pt_onvif_server_handle(o->server,
	                       &(PtOnvifRequest){.method = pt_request_method(r),
	                                         .path = pt_request_path(r),
	                                         .body = bytes ? bytes : "",
	                                         .size = size,
	                                         .authorization = pt_request_header(r, "Authorization"),
	                                         .origin = pt_request_origin(r),
	                                         .remote = pt_request_remote(r)},
	                       &http_client, pt_request_ref(r));
}

/* ---- life ---- */

PtOnvif *pt_onvif_new(const PtOnvifEnv *env, PtSite *site) {
	PtOnvif *o = g_new0(PtOnvif, 1);
	o->env = *env;
	o->env.directory = g_strdup(env->directory); /* the site file is read again while this lives */
	o->site = pt_site_ref(site);
	o->utc_offset_s = pt_onvif_utc_offset(site, pt_wall_ns(env->clock));
	o->streams = pt_onvif_streams_new(env->cameras);
	o->server = pt_onvif_server_new(&(PtOnvifHost){.clock = env->clock,
	                                               .directory = o->env.directory,
	                                               .data = o,
	                                               .identify = host_identify,
	                                               .network = host_network,
	                                               .streams = host_streams,
	                                               .inputs = host_inputs,
	                                               .relays = host_relays,
	                                               .set_relay = host_set_relay,
	                                               .configure_relay = host_configure_relay,
	                                               .password = host_password,
	                                               .level = host_level,
	                                               .may_see = host_may_see,
	                                               .users = host_users,
	                                               .snapshot = host_snapshot,
	                                               .recordings = host_recordings,
	                                               .set_recording = host_set_recording,
	                                               .video_options = host_video_options,
	                                               .set_video = host_set_video,
	                                               .set_audio = host_set_audio,
	                                               .key_frame = host_key_frame,
	                                               .set_osds = host_set_osds,
	                                               .ir_cut = host_ir_cut,
	                                               .set_ir_cut = host_set_ir_cut,
	                                               .metadata = host_metadata,
	                                               .login_refused = host_login_refused,
	                                               .discovery_changed = host_discovery_changed,
	                                               .motion = host_motion,
	                                               .push = true});
	pt_onvif_server_set_property(o->server, PT_ONVIF_LAST_REBOOT, "", NULL, true, pt_wall_ns(env->clock));
	o->inputs = pt_bus_subscribe_queued(env->bus, PT_TOPIC_INPUT, NULL, PT_PLUG_PRIORITY, EVENTS_WAITING, on_input, o);
	o->relays = pt_bus_subscribe_queued(env->bus, PT_TOPIC_RELAY, NULL, PT_PLUG_PRIORITY, EVENTS_WAITING, on_relay, o);
	o->archive =
	    pt_bus_subscribe_queued(env->bus, PT_TOPIC_STORAGE, NULL, G_PRIORITY_DEFAULT, EVENTS_WAITING, on_storage, o);
	set_storage(o);
	o->motion =
	    pt_bus_subscribe_queued(env->bus, PT_TOPIC_MOTION, NULL, G_PRIORITY_DEFAULT, EVENTS_WAITING, on_motion, o);
	o->streams_state =
	    pt_bus_subscribe_queued(env->bus, PT_TOPIC_STREAM, NULL, G_PRIORITY_DEFAULT, EVENTS_WAITING, on_stream, o);
	o->repeat = g_timeout_add_seconds(REPEAT_S, repeat, o);
	return o;
}

bool pt_onvif_listen(PtOnvif *o, GTlsCertificate *certificate, GError **error) {
	o->web = pt_server_new(&(PtServerParams){.names = o->site->web_names});
	pt_server_route(o->web, "POST", "/onvif/**", PT_ROLE_NONE, on_request, o);
	pt_server_route(o->web, "GET", "/onvif/snapshot/*", PT_ROLE_NONE, on_request, o);
	o->tls = certificate != NULL;
	o->port = pt_server_listen(o->web, o->site->serve_onvif, certificate, error);
	return o->port != 0;
}

void pt_onvif_describe(PtOnvif *o, JsonBuilder *b) {
	if (!o)
		return;
	PtOnvifServerStats s;
	pt_onvif_server_get_stats(o->server, &s);
	pt_json_object(b, "onvif");
	pt_json_int(b, "port", o->port);
	pt_json_bool(b, "tls", o->tls);
	pt_json_int(b, "requests", (int64_t)s.requests);
	pt_json_int(b, "faults", (int64_t)s.faults);
	pt_json_int(b, "failed_logins", (int64_t)s.failed_logins);
	pt_json_int(b, "replays", (int64_t)s.replays);
	pt_json_int(b, "subscriptions", s.subscriptions);
	pt_json_int(b, "notifications", (int64_t)s.notifications);
	pt_json_int(b, "dropped", (int64_t)s.dropped);
	json_builder_end_object(b);
}

void pt_onvif_free(PtOnvif *o) {
	if (!o)
		return;
	while (o->asked)
		g_main_context_iteration(NULL, TRUE);
	g_source_remove(o->repeat);
	pt_bus_unsubscribe(o->inputs);
	pt_bus_unsubscribe(o->relays);
	pt_bus_unsubscribe(o->archive);
	pt_bus_unsubscribe(o->motion);
	pt_bus_unsubscribe(o->streams_state);
	pt_onvif_server_free(o->server);
	pt_server_free(o->web);
	pt_onvif_streams_free(o->streams);
	pt_site_unref(o->site);
	g_free((char *)o->env.directory);
	g_free(o);
}

PtOnvifServer *pt_onvif_server(PtOnvif *o) { return o->server; }
unsigned pt_onvif_port(PtOnvif *o) { return o ? o->port : 0; }
bool pt_onvif_is_tls(PtOnvif *o) { return o && o->tls; }

void pt_onvif_on_discovery_changed(PtOnvif *o, void (*fn)(void *user), void *user) {
	o->discovery_changed = fn;
	o->discovery_user = user;
}
