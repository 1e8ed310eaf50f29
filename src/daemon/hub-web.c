/* The hub as others reach it: what the web room asks of it, and the ports that are opened. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/hub-internal.h"
#include "daemon/controls.h"
#include "daemon/devices.h"
#include "daemon/speech.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INSTALL_CONNECTIONS 16 /* of devices that come once */

/* ---- what the web room asks ---- */

static PtStream *host_stream(void *user, const char *camera, const char *stream) {
	return pt_cameras_stream(((PtHub *)user)->cameras, camera, stream);
}
static GPtrArray *host_inputs(void *user) { return pt_plugs_inputs(((PtHub *)user)->plugs); }
static GPtrArray *host_relays(void *user) { return pt_plugs_relays(((PtHub *)user)->plugs); }

static PtRulesEngine *host_rules(void *user) { return ((PtHub *)user)->rules; }

static const PtAlarmCentre *host_alarm(void *user) { return pt_alarm_desk_centre(((PtHub *)user)->alarm); }
static gboolean host_set_mode(void *user, const char *mode, const char *actor, const char *detail, bool force,
                              GError **error) {
	return pt_alarm_desk_set_mode(((PtHub *)user)->alarm, mode, actor, detail, force, error);
}
static gboolean host_acknowledge(void *user, int64_t id, const char *actor, GError **error) {
	return pt_alarm_desk_acknowledge(((PtHub *)user)->alarm, id, actor, error);
}
static gboolean host_clear(void *user, int64_t id, const char *actor, GError **error) {
	return pt_alarm_desk_clear(((PtHub *)user)->alarm, id, actor, error);
}
static void host_when_kept(void *user, void (*done)(void *, const char *), void *data) {
	pt_alarm_desk_when_kept(((PtHub *)user)->alarm, done, data);
}

static void host_discover(void *user, PtRequest *r) { pt_add_camera_discover(((PtHub *)user)->add, r); }
static void host_preview(void *user, PtRequest *r) { pt_add_camera_preview(((PtHub *)user)->add, r); }
static void host_add_camera(void *user, PtRequest *r) { pt_add_camera_save(((PtHub *)user)->add, r); }
static void host_remove_camera(void *user, PtRequest *r) { pt_add_camera_remove(((PtHub *)user)->add, r); }

static void host_controls(void *user, const PtSiteCamera *camera, PtRequest *r) { pt_controls_get(camera, r); }
static void host_control(void *user, const PtSiteCamera *camera, PtRequest *r) {
	PtHub *h = user;
	pt_controls_post(&(PtControlsEnv){h->clock, h->bus, pt_hub_journal, h}, camera, r);
}

static void host_say(void *user, const char *camera, const char *actor, const char *text, const char *file,
                     void (*started)(void *data, double seconds, const GError *error), void *data) {
	pt_talk_desk_say(((PtHub *)user)->talk, &(PtTalkOrder){camera, actor, text, file, started, data});
}
static bool host_may_say(void *user, const PtSiteCamera *camera) { return pt_talk_desk_may(camera); }
static bool host_speaks(void *user) { return pt_speech_available(); }

static void host_picture(void *user, const PtSiteCamera *camera, const char *name, PtRequest *r) {
	pt_pictures_get(((PtHub *)user)->pictures, camera->name, name, r);
}

static void host_devices(void *user, PtRequest *r) { pt_devices_get(pt_tell_devices(((PtHub *)user)->tell), r); }
static void host_add_device(void *user, PtRequest *r) {
	PtHub *h = user;
	if (pt_site_user(h->site, pt_request_caller(r)->user))
		pt_devices_post(pt_tell_devices(h->tell), r);
	else
		pt_request_fail(
		    r, 409, "devices belong to users of the users file: make one with pigtail user add, and log in as it");
}
static void host_remove_device(void *user, PtRequest *r) { pt_devices_delete(pt_tell_devices(((PtHub *)user)->tell), r); }

static const PtOwnAuthority *host_authority(void *user) {
	const PtAuthority *authority = ((PtHub *)user)->authority;
	return authority ? pt_authority_show(authority) : NULL;
}
static void host_renew(void *user, PtRequest *r) { pt_authority_renew(((PtHub *)user)->authority, r); }

static int host_backfill_ask(void *user, const char *camera, int64_t from, int64_t to, GError **error) {
	return pt_backfill_ask(((PtHub *)user)->backfill, camera, from, to, error);
}
static bool host_drill(void *user, const char *camera, int64_t length_ns, GError **error) {
	return pt_backfill_drill(((PtHub *)user)->backfill, camera, length_ns, error);
}
static void host_backfill_pause(void *user, bool pause) { pt_backfill_pause(((PtHub *)user)->backfill, pause); }
static bool host_backfill_paused(void *user) { return pt_backfill_paused(((PtHub *)user)->backfill); }
static unsigned host_backfill_progress(void *user, PtJobProgress *ret, unsigned max) {
	return pt_backfill_get_progress(((PtHub *)user)->backfill, ret, max);
}
static void host_backfill_wait(void *user, const PtJobRow *job, char *ret, size_t size) {
	pt_backfill_get_wait(((PtHub *)user)->backfill, job, ret, size);
}

static void host_describe_camera(void *user, const char *camera, JsonBuilder *b) {
	pt_cameras_describe(((PtHub *)user)->cameras, camera, b);
}

static void host_describe_archive(void *user, JsonBuilder *b) { pt_card_health_describe(((PtHub *)user)->health, b); }

static void host_describe(void *user, JsonBuilder *b) {
	PtHub *h = user;
	pt_json_array(b, "workers_cpu_s");
	for (unsigned i = 0; i < h->n_workers; i++)
		json_builder_add_double_value(b, (double)pt_loop_cpu_ns(h->workers[i]) / PT_NS_PER_S);
	json_builder_end_array(b);
	PtEventlogCounters log;
	pt_eventlog_counters(h->log, &log);
	pt_json_object(b, "log");
	pt_json_int(b, "appended", (int64_t)log.appended);
	pt_json_int(b, "dropped", (int64_t)log.dropped);
	pt_json_int(b, "waiting", log.waiting);
	pt_json_text(b, "error", log.error[0] ? log.error : NULL);
	json_builder_end_object(b);
	pt_mqtt_site_describe(h->mqtt, b);
	pt_tell_describe(h->tell, b);
	pt_serve_describe(h->serve, b);
	pt_onvif_describe(h->onvif, b);
}

/* ---- ports ---- */

static void login_observed(const char *user, const char *remote, const char *what, void *data) {
	g_autofree char *source = g_strconcat("user/", user, NULL);
	g_autofree char *detail = g_strdup_printf("%s from %s", what, remote);
	pt_hub_publish(data, source, PT_TOPIC_LOGIN, strcmp(what, "logged in") ? "refused" : "in", NULL, detail);
}

static GTlsCertificate *load_certificate(PtHub *h, GError **error) {
	if (h->site->tls_cert)
		return g_tls_certificate_new_from_files(h->site->tls_cert, h->site->tls_key, error);
	return pt_serve_own_certificate(h->site->archive_state, error);
}

static void take_certificate(void *user, GTlsCertificate *certificate) {
	pt_server_set_certificate(((PtHub *)user)->server, certificate);
}

/* What phones get without TLS, since they do not trust it yet: nothing else is there, and nobody logs in. */
static bool listen_install(PtHub *h, GError **error) {
	if (!h->site->web_install)
		return true;
	h->install = pt_server_new(&(PtServerParams){.names = h->site->web_names, .max_connections = INSTALL_CONNECTIONS});
	pt_install_add_routes(&h->host, h->install);
	return pt_server_listen(h->install, h->site->web_install, NULL, error) != 0;
}

/* Of the pages. */
static GTlsCertificate *get_certificate(PtHub *h, GError **error) {
	if (h->site->tls_own)
		h->authority = pt_authority_new(&(PtAuthorityEnv){h->clock, h->bus, take_certificate, h}, h->site);
	GTlsCertificate *own = h->authority ? pt_authority_certificate(h->authority) : NULL;
	return own ? g_object_ref(own) : load_certificate(h, error); /* one that nobody trusts until there is a better one */
}

static bool is_loopback(const char *listen) {
	return g_str_has_prefix(listen, "127.") || g_str_has_prefix(listen, "[::1]") ||
	       g_str_has_prefix(listen, "localhost:");
}

bool pt_hub_open_web(PtHub *h, GError **error) {
	g_autofree char *sessions = g_build_filename(h->site->archive_state, "sessions", NULL);
	h->login = pt_login_new(sessions);
	pt_login_set_observer(h->login, login_observed, h);
	h->server = pt_server_new(&(PtServerParams){.login = pt_login_hook,
	                                            .still_in = pt_login_still_in,
	                                            .user = h->login,
	                                            .names = h->site->web_names,
	                                            .max_connections = (unsigned)MAX(h->site->web_max_connections, 0)});
	h->host = (PtHost){.clock = h->clock,
	                   .bus = h->bus,
	                   .archive = h->archive,
	                   .archive_error = h->archive_error,
	                   .log = h->log,
	                   .loop = h->serving,
	                   .login = h->login,
	                   .server = h->server,
	                   .user = h,
	                   .site = pt_hub_site,
	                   .stream = host_stream,
	                   .inputs = host_inputs,
	                   .relays = host_relays,
	                   .rules = host_rules,
	                   .alarm = host_alarm,
	                   .set_mode = host_set_mode,
	                   .acknowledge = host_acknowledge,
	                   .clear = host_clear,
	                   .when_kept = host_when_kept,
	                   .describe = host_describe,
	                   .describe_archive = host_describe_archive,
	                   .describe_camera = host_describe_camera,
	                   .reload = pt_hub_reload,
	                   .discover = host_discover,
	                   .preview = host_preview,
	                   .add_camera = host_add_camera,
	                   .remove_camera = host_remove_camera,
	                   .backfill_ask = host_backfill_ask,
	                   .drill = host_drill,
	                   .backfill_pause = host_backfill_pause,
	                   .backfill_paused = host_backfill_paused,
	                   .backfill_progress = host_backfill_progress,
	                   .backfill_wait = host_backfill_wait,
	                   .devices = host_devices,
	                   .add_device = host_add_device,
	                   .remove_device = host_remove_device,
	                   .authority = host_authority,
	                   .renew = host_renew,
	                   .picture = host_picture,
	                   .controls = host_controls,
	                   .control = host_control,
	                   .may_say = host_may_say,
	                   .speaks = host_speaks,
	                   .say = host_say};
	pt_api_add_routes(&h->host);
	return true;
}

/* The port opens last, when everything behind it is there. */
bool pt_hub_listen_web(PtHub *h, GError **error) {
	g_autofree char *socket = g_build_filename(h->runtime_dir, "control.sock", NULL);
	if (!pt_server_listen_unix(h->server, socket, error))
		return false;
	/* P7: beyond loopback only TLS */
	bool tls = h->site->tls_cert || h->site->tls_own || !is_loopback(h->site->web_listen);
	g_autoptr(GTlsCertificate) certificate = tls ? get_certificate(h, error) : NULL;
	if (tls && !certificate) {
		g_prefix_error(error, "web.tls: ");
		return false;
	}
	guint16 port = pt_server_listen(h->server, h->site->web_listen, certificate, error);
	if (!port || !listen_install(h, error))
		return false;
	g_autofree char *host =
	    g_strndup(h->site->web_listen, (gsize)(strrchr(h->site->web_listen, ':') - h->site->web_listen));
	const char *shown = !host[0] || !strcmp(host, "0.0.0.0") || !strcmp(host, "[::]") ? g_get_host_name() : host;
	g_autofree char *url = g_strdup_printf("%s://%s:%u/", tls ? "https" : "http", shown, port);
	if (h->options.print_link && (h->options.link_to_stdout || isatty(STDOUT_FILENO))) {
		g_autofree char *token = pt_login_make_link_token(h->login);
		printf("%s#login=%s\n", url, token);
		fflush(stdout);
	}
	pt_hub_say("pages at %s", url);
	return true;
}

/* The same rule as for RTSP, except that HTTP has TLS: in the clear only on this machine or where the site file trusts the
 * network. */
bool pt_hub_listen_onvif(PtHub *h, GError **error) {
	if (!h->onvif)
		return true;
	bool tls = !is_loopback(h->site->serve_onvif) && !h->site->serve_plain;
	g_autoptr(GTlsCertificate) certificate = tls ? load_certificate(h, error) : NULL;
	if ((tls && !certificate) || !pt_onvif_listen(h->onvif, certificate, error)) {
		g_prefix_error(error, "serve.onvif: ");
		return false;
	}
	g_autoptr(GError) unheard = NULL;
	h->announce = pt_onvif_announce_new(h->onvif, h->site->serve_onvif, &unheard);
	if (!h->announce)
		pt_hub_say("serve.onvif: it is served, but nobody finds it by itself: %s", unheard->message);
	return true;
}
