/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/serve.h"
#include "archive/replay.h"
#include "base/error.h"
#include "daemon/certificate.h"
#include "media/rtsp/server.h"
#include <string.h>

struct PtServe {
	PtServeEnv env;
	PtRtspServer *rtsp;
	PtTlsIdentity *identity; /* of serve.rtsps */

	GMutex lock;
	GCond quiet;
	/* under lock: the server asks on its own thread */
	PtSite *site;
	unsigned talkers; /* loudspeakers that are not silent yet */
};

static PtSite *take_site(PtServe *s) {
	g_mutex_lock(&s->lock);
	PtSite *site = s->site ? pt_site_ref(s->site) : NULL;
	g_mutex_unlock(&s->lock);
	return site;
}

/* "gate/main" taken apart, when it is a camera of the site and the user may see it. */
static char **split_path(PtSite *site, const char *path, const char *user, GError **error) {
	g_auto(GStrv) parts = g_strsplit(path, "/", 3);
	if (g_strv_length(parts) != 2 || !pt_site_camera(site, parts[0])) {
		pt_error_set(error, NOT_FOUND, "there is no stream at '%s' (CAMERA/main or CAMERA/sub)", path);
		return NULL;
	}
	const PtSiteUser *who = user ? pt_site_user(site, user) : NULL;
	if (user && (!who || (who->cameras && !g_strv_contains((const char *const *)who->cameras, parts[0])))) {
		pt_error_set(error, DENIED, "%s may not see camera %s", user, parts[0]);
		return NULL;
	}
	return g_steal_pointer(&parts);
}

static PtStream *find(void *data, const char *path, const char *user, GError **error) {
	PtServe *s = data;
	g_autoptr(PtSite) site = take_site(s);
	g_auto(GStrv) parts = split_path(site, path, user, error);
	if (!parts)
		return NULL;
	PtStream *stream = pt_cameras_stream(s->env.cameras, parts[0], parts[1]);
	if (!stream)
		pt_error_set(error, NOT_FOUND, "camera %s has no stream '%s'", parts[0], parts[1]);
	return stream;
}

char *pt_serve_password(const PtSite *site, const char *user) {
	if (!pt_site_user(site, user)) /* whoever was taken out of the users file has no rights left */
		return NULL;
	for (guint i = 0; i < site->app_passwords->len; i++) {
		const PtSiteLogin *app = g_ptr_array_index(site->app_passwords, i);
		if (!strcmp(app->user, user))
			return g_strdup(app->password);
	}
	return NULL;
}

static char *password(void *data, const char *user) {
	g_autoptr(PtSite) site = take_site(data);
	return pt_serve_password(site, user);
}

unsigned pt_serve_rtsp_port(PtServe *s) { return s->rtsp ? pt_rtsp_server_port(s->rtsp) : 0; }

static char *camera_of(const char *stream) { return g_strndup(stream, strcspn(stream, "/")); }

/* As on the pages: the policy of the camera, and the role of the user whose app password it is. */
static bool may_hear(void *data, const char *stream, const char *user) {
	g_autoptr(PtSite) site = take_site(data);
	g_autofree char *name = camera_of(stream);
	const PtSiteCamera *camera = pt_site_camera(site, name);
	const PtSiteUser *who = user ? pt_site_user(site, user) : NULL;
	if (!camera || camera->listen == PT_LISTEN_NEVER)
		return false;
	return camera->listen == PT_LISTEN_ALL || (who && who->role != PT_SITE_ROLE_VIEWER);
}

static PtReplay *replay(void *data, const char *path, const char *user, GError **error) {
	PtServe *s = data;
	g_autoptr(PtSite) site = take_site(s);
	g_auto(GStrv) parts = split_path(site, path + strlen(PT_RTSP_REPLAY), user, error);
	if (!parts)
		return NULL;
	if (!s->env.archive || (strcmp(parts[1], "main") && strcmp(parts[1], "sub"))) {
		pt_error_set(error, NOT_FOUND, "nothing of %s/%s is recorded here", parts[0], parts[1]);
		return NULL;
	}
	return pt_archive_replay(s->env.archive, parts[0], parts[1], may_hear(s, parts[0], user));
}

/* ---- what clients say ---- */

typedef struct {
	PtServe *serve;
	char *camera, *actor;
} Talker;

static PtEvent *talk_event(const Talker *t, const char *state, const char *reason) {
	g_autofree char *source = g_strconcat("camera/", t->camera, NULL);
	return pt_event_now(t->serve->env.clock, source, PT_TOPIC_TALK, state, t->actor,
	                    reason ? reason : "talks over RTSP");
}

/* On the loudspeaker's thread. */
static void talked(void *user, const GError *error) {
	Talker *t = user;
	PtServe *s = t->serve;
	g_autoptr(PtEvent) event = talk_event(t, error ? "failed" : "ended", error ? error->message : NULL);
	pt_bus_publish(s->env.bus, event);
	g_free(t->camera);
	g_free(t->actor);
	g_free(t);
	g_mutex_lock(&s->lock);
	s->talkers--;
	g_cond_signal(&s->quiet);
	g_mutex_unlock(&s->lock);
}

static bool may_talk(void *data, const char *stream, const char *user) {
	g_autoptr(PtSite) site = take_site(data);
	g_autofree char *name = camera_of(stream);
	const PtSiteCamera *camera = pt_site_camera(site, name);
	const PtSiteUser *who = user ? pt_site_user(site, user) : NULL;
	return camera && camera->speaker && who && who->role != PT_SITE_ROLE_VIEWER;
}

/* P6: written down first. */
static PtSpeaker *talk(void *data, const char *stream, const char *user, GError **error) {
	PtServe *s = data;
	g_autoptr(PtSite) site = take_site(s);
	Talker *t = g_new0(Talker, 1);
	*t = (Talker){s, camera_of(stream), g_strconcat("user/", user, NULL)};
	const PtSiteCamera *camera = pt_site_camera(site, t->camera);
	g_autoptr(PtEvent) intent = talk_event(t, "started", NULL);
	g_autoptr(GError) failed = NULL;
	g_mutex_lock(&s->lock);
	s->talkers++;
	g_mutex_unlock(&s->lock);
	PtSpeaker *speaker = NULL;
	if (!camera || !camera->speaker) {
		pt_error_set(&failed, NOT_FOUND, "camera %s has no loudspeaker any more", t->camera);
	} else if (s->env.journal(s->env.user, intent, &failed)) {
		pt_bus_publish(s->env.bus, intent);
		speaker = pt_speaker_open(camera->speaker, talked, t, &failed);
	}
	if (speaker)
		return speaker;
	talked(t, failed);
	g_propagate_error(error, g_steal_pointer(&failed));
	return NULL;
}

static const PtRtspServerOps rtsp_ops = {find, password, may_hear, replay, may_talk, talk};

PtServe *pt_serve_new(const PtServeEnv *env) {
	PtServe *s = g_new0(PtServe, 1);
	s->env = *env;
	g_mutex_init(&s->lock);
	g_cond_init(&s->quiet);
	return s;
}

void pt_serve_apply(PtServe *s, PtSite *site) {
	g_mutex_lock(&s->lock);
	PtSite *old = s->site;
	s->site = pt_site_ref(site);
	g_mutex_unlock(&s->lock);
	pt_site_unref(old);
}

/* ---- certificates ---- */

#define SELF_SIGNED_S (INT64_C(10) * 366 * 86400)

static bool make_own(const char *cert_path, const char *key_path, GError **error) {
	const char *host = g_get_host_name();
	int64_t now_s = pt_wall_ns(pt_clock_system()) / PT_NS_PER_S;
	g_autofree char *names = g_strdup_printf("DNS:%s,DNS:%s.local,DNS:localhost,IP:127.0.0.1", host, host);
	const PtCertificateWish wish = {
	    .name = host, .names = names, .from_s = now_s - 86400, .until_s = now_s + SELF_SIGNED_S};
	char *text = pt_certificate_make(&wish, NULL, error);
	if (!text)
		return false;
	g_autofree char *cert = pt_certificate_public(text);
	gssize key_size = (gssize)(strlen(text) - strlen(cert));
	bool ok = g_file_set_contents_full(key_path, text, key_size, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error) &&
	          g_file_set_contents_full(cert_path, cert, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, error);
	pt_certificate_wipe(text);
	return ok;
}

GTlsCertificate *pt_serve_own_certificate(const char *directory, GError **error) {
	g_autofree char *cert = g_build_filename(directory, "tls.crt", NULL);
	g_autofree char *key = g_build_filename(directory, "tls.key", NULL);
	if (!g_file_test(cert, G_FILE_TEST_EXISTS) || !g_file_test(key, G_FILE_TEST_EXISTS))
		if (!make_own(cert, key, error))
			return NULL;
	return g_tls_certificate_new_from_files(cert, key, error);
}

/* The certificate of the pages, or the one that Pigtail makes for itself. */
static bool load_identity(PtServe *s, const PtSite *site, GError **error) {
	g_autofree char *cert =
	    site->tls_cert ? g_strdup(site->tls_cert) : g_build_filename(site->archive_state, "tls.crt", NULL);
	g_autofree char *key =
	    site->tls_key ? g_strdup(site->tls_key) : g_build_filename(site->archive_state, "tls.key", NULL);
	g_autoptr(GTlsCertificate) made = site->tls_cert ? NULL : pt_serve_own_certificate(site->archive_state, error);
	if (site->tls_cert || made)
		s->identity = pt_tls_identity_load(cert, key, error);
	if (!s->identity)
		g_prefix_error(error, "serve.rtsps: ");
	return s->identity != NULL;
}

bool pt_serve_start(PtServe *s, PtSite *site, GError **error) {
	const char *where = site->serve_rtsp;
	bool loopback = where && (g_str_has_prefix(where, "127.") || g_str_has_prefix(where, "[::1]") ||
	                          g_str_has_prefix(where, "localhost:"));
	if (where && !loopback && !site->serve_plain) {
		pt_error_set(error, DENIED,
		             "serve.rtsp: %s is beyond this machine and RTSP is not encrypted: write it as serve.rtsps, or "
		             "'plain: lan' under serve if the network can be trusted",
		             where);
		return false;
	}
	if (!where && !site->serve_rtsps)
		return true;
	if (site->serve_rtsps && !load_identity(s, site, error))
		return false;
	PtRtspListen on = {.plain = where, .secure = site->serve_rtsps, .identity = s->identity};
	s->rtsp = pt_rtsp_server_new(s->env.loop, &on, &rtsp_ops, s, error);
	return s->rtsp != NULL;
}

void pt_serve_describe(PtServe *s, JsonBuilder *b) {
	if (!s->rtsp)
		return;
	PtRtspServerStats stats;
	pt_rtsp_server_get_stats(s->rtsp, &stats);
	const struct {
		const char *name;
		uint64_t value;
	} members[] = {
	    {"port", pt_rtsp_server_port(s->rtsp)},
	    {"secure_port", pt_rtsp_server_secure_port(s->rtsp)},
	    {"connections", stats.connections},
	    {"playing", stats.playing},
	    {"refused", stats.refused},
	    {"bad_requests", stats.bad_requests},
	    {"failed_logins", stats.failed_logins},
	    {"failed_tls", stats.failed_tls},
	    {"timeouts", stats.timeouts},
	    {"replays", stats.replays},
	    {"packets", stats.packets},
	    {"dropped_samples", stats.dropped_samples},
	};
	json_builder_set_member_name(b, "rtsp");
	json_builder_begin_object(b);
	for (unsigned i = 0; i < G_N_ELEMENTS(members); i++) {
		json_builder_set_member_name(b, members[i].name);
		json_builder_add_int_value(b, (int64_t)members[i].value);
	}
	json_builder_end_object(b);
}

void pt_serve_free(PtServe *s) {
	if (!s)
		return;
	pt_rtsp_server_free(s->rtsp);
	g_mutex_lock(&s->lock);
	while (s->talkers)
		g_cond_wait(&s->quiet, &s->lock);
	g_mutex_unlock(&s->lock);
	pt_tls_identity_free(s->identity);
	pt_site_unref(s->site);
	g_mutex_clear(&s->lock);
	g_cond_clear(&s->quiet);
	g_free(s);
}
