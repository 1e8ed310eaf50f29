/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"
#include "site/internal.h"
#include <stdio.h>
#include <string.h>

#define DAY_NS (86400 * PT_NS_PER_S)

const char *const pt_record_words[] = {"never", "events", "always", "on-loss", NULL};
const char *const pt_listen_words[] = {"never", "operator", "all", NULL};
const char *const pt_sound_words[] = {"never", "events", "always", "talk", NULL};
const char *const pt_transport_words[] = {"tcp", "udp", NULL};
const char *const pt_site_events_words[] = {"any", "none", "pull", "push", "metadata", NULL};

static const char *const source_schemes[] = {"onvif", "onvifs", "rtsp", "rtsps", "v4l2", "file", "test", NULL};

void pt_site_camera_free(void *data) {
	PtSiteCamera *c = data;
	g_free(c->name);
	g_free(c->source);
	g_free(c->sub);
	g_free(c->microphone);
	g_free(c->speaker);
	g_free(c->snapshot);
	g_clear_pointer(&c->motion_zones, g_array_unref);
	g_free(c->profile_main);
	g_free(c->profile_sub);
	g_free(c);
}

bool pt_site_is_onvif(const PtSiteCamera *c) {
	return c->source && (g_str_has_prefix(c->source, "onvif:") || g_str_has_prefix(c->source, "onvifs:"));
}

static void read_source(PtSite *site, const PtNode *node, char **ret, GPtrArray *problems) {
	if (!pt_node_read_text(node, ret, problems) || !pt_site_check_url(node, *ret, source_schemes, problems))
		return;
	g_autofree char *scheme = g_ascii_strdown(*ret, strchr(*ret, ':') - *ret);
	if (!strcmp(scheme, "test") && strcmp(*ret, "test:clock") && strncmp(*ret, "test:clock?", 11))
		pt_problem(problems, node,
		           "'%.60s' is not test:clock, with options or without (test:clock?size=640x360&fps=15)", *ret);
	if (!strcmp(scheme, "v4l2") && !g_str_has_prefix(*ret + 5, "/dev/"))
		pt_problem(problems, node, "'%.60s' is not v4l2:/dev/videoN, with options or without (?size=640x480&fps=15)",
		           *ret);
	const char *file = !strcmp(scheme, "file") ? *ret + strlen("file:") : NULL;
	if (file && !g_path_is_absolute(file) && strncmp(file, "//", 2)) { /* relative to the site file */
		char *absolute = g_strconcat("file:", site->dir, "/", file, NULL);
		g_free(*ret);
		*ret = absolute;
	}
}

static bool has_scheme(const char *source, const char *scheme) {
	return source && !g_ascii_strncasecmp(source, scheme, strlen(scheme));
}

static bool is_secure(const char *source) { return has_scheme(source, "rtsps:") || has_scheme(source, "onvifs:"); }

/* tls: any, tls: verify, or tls: sha256:AB:CD:… of the camera's own certificate */
static void read_tls(PtSite *site, const PtNode *camera, PtSiteCamera *c, GPtrArray *problems) {
	const PtNode *node = pt_node_get(camera, "tls");
	g_autofree char *text = NULL;
	unsigned n = 0;
	bool secure = is_secure(c->source) || is_secure(c->sub);
	if (node && !pt_node_read_text(node, &text, problems))
		return;
	if ((has_scheme(c->source, "rtsps:") || has_scheme(c->sub, "rtsps:")) && c->transport == PT_SITE_TRANSPORT_UDP)
		pt_problem(problems, pt_node_get(camera, "transport"),
		           "over udp the pictures of rtsps:// would not be encrypted: leave it at tcp");
	if (!text || !strcmp(text, "any")) {
		g_autofree char *path = pt_node_path(camera);
		if (secure)
			g_ptr_array_add(
			    site->notes,
			    g_strdup_printf(
			        "%s:%d: %s: encrypted, but not authenticated: whoever answers is taken for the camera "
			        "(tls: verify, or tls: sha256:… with its certificate's fingerprint)",
			        pt_node_file(node ? node : camera), node ? node->line : camera->line, path));
		return;
	}
	if (!strcmp(text, "verify")) {
		c->tls = PT_SITE_TLS_VERIFY;
	} else {
		const char *p = g_str_has_prefix(text, "sha256:") ? text + strlen("sha256:") : "";
		for (; n < sizeof c->tls_pin && g_ascii_isxdigit(p[0]) && g_ascii_isxdigit(p[1]); p += 2 + (p[2] == ':'))
			c->tls_pin[n++] = (uint8_t)(g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]));
		if (n < sizeof c->tls_pin || *p)
			pt_problem(problems, node,
			           "'%.80s' is neither any nor verify nor sha256: with the 64 hex digits of a fingerprint",
			           text);
		c->tls = PT_SITE_TLS_PINNED;
	}
	if (!secure && c->source)
		pt_problem(problems, node, "is for a source of rtsps:// or onvifs://");
}

/* events: pull, profiles: { main: Profile_1, sub: Profile_3 } */
static void read_onvif(const PtNode *camera, PtSiteCamera *c, GPtrArray *problems) {
	static const char *const known[] = {"main", "sub", NULL};
	const PtNode *events = pt_node_get(camera, "events"), *profiles = pt_node_get(camera, "profiles");
	int value;
	if (pt_node_read_choice(events, pt_site_events_words, &value, problems))
		c->events = (PtSiteEvents)value;
	if (profiles && pt_node_check_keys(profiles, known, problems)) {
		pt_node_read_text(pt_node_get(profiles, "main"), &c->profile_main, problems);
		pt_node_read_text(pt_node_get(profiles, "sub"), &c->profile_sub, problems);
	}
	if ((events || profiles) && c->source && !pt_site_is_onvif(c))
		pt_problem(problems, events ? events : profiles, "is for a source of onvif://");
	if (c->sub && c->profile_sub)
		pt_problem(problems, profiles, "sub is given twice: as an address (sub:) and as a profile");
}

void pt_site_read_days(const PtNode *node, int64_t *ret_ns, GPtrArray *problems) {
	double days;
	if (node && node->kind == PT_NODE_SCALAR && g_str_has_suffix(node->text, "d"))
		pt_problem(problems, node, "'%.20s' has a unit, and this is a number of days: write %.*s", node->text,
		           (int)MIN(strlen(node->text) - 1, 20), node->text);
	else if (pt_node_read_number(node, 0.01, 3650, &days, problems))
		*ret_ns = (int64_t)(days * (double)DAY_NS);
}

/* record: always, or record: { main: always, sub: events } */
static void read_record(const PtNode *node, PtSiteCamera *c, GPtrArray *problems) {
	static const char *const known[] = {"main", "sub", NULL};
	int mode;
	if (!node)
		return;
	if (node->kind == PT_NODE_SCALAR) {
		if (pt_node_read_choice(node, pt_record_words, &mode, problems))
			c->record_main = (PtRecordMode)mode;
		return;
	}
	if (!pt_node_check_keys(node, known, problems))
		return;
	if (pt_node_read_choice(pt_node_get(node, "main"), pt_record_words, &mode, problems))
		c->record_main = (PtRecordMode)mode;
	if (pt_node_read_choice(pt_node_get(node, "sub"), pt_record_words, &mode, problems))
		c->record_sub = (PtRecordMode)mode;
	const PtNode *sub = pt_node_get(node, "sub");
	if (sub && !c->sub && c->record_sub != PT_RECORD_NEVER && g_str_has_prefix(c->source ? c->source : "", "rtsp"))
		pt_problem(problems, sub, "the camera has no sub stream: write 'sub: rtsp://…' beside its source");
}

static void read_keep(const PtNode *node, PtSiteCamera *c, GPtrArray *problems) {
	static const char *const known[] = {"days", "max-days", "size", NULL};
	if (!node || !pt_node_check_keys(node, known, problems))
		return;
	pt_site_read_days(pt_node_get(node, "days"), &c->keep_ns, problems);
	pt_site_read_days(pt_node_get(node, "max-days"), &c->max_keep_ns, problems);
	pt_node_read_size(pt_node_get(node, "size"), &c->keep_bytes, problems);
	if (c->max_keep_ns && c->keep_ns > c->max_keep_ns)
		pt_problem(problems, node, "days is more than max-days, which ends everything");
}

static void read_audio(const PtNode *node, PtSiteCamera *c, GPtrArray *problems) {
	static const char *const known[] = {"listen", "record", NULL};
	int value;
	if (!node || !pt_node_check_keys(node, known, problems))
		return;
	if (pt_node_read_choice(pt_node_get(node, "listen"), pt_listen_words, &value, problems))
		c->listen = (PtListen)value;
	if (pt_node_read_choice(pt_node_get(node, "record"), pt_sound_words, &value, problems))
		c->sound = (PtSoundRecord)value;
}

/* "any", or "22:00-06:00" */
static void read_hours(const PtNode *node, PtSiteCamera *c, GPtrArray *problems) {
	g_autofree char *text = NULL;
	int h1, m1, h2, m2, used = 0;
	if (!pt_node_read_text(node, &text, problems) || !strcmp(text, "any"))
		return;
	if (sscanf(text, "%2d:%2d-%2d:%2d%n", &h1, &m1, &h2, &m2, &used) != 4 || text[used] || h1 < 0 || h1 > 23 || h2 < 0 ||
	    h2 > 24 || m1 < 0 || m1 > 59 || m2 < 0 || m2 > 59 || h2 * 60 + m2 > 1440) {
		pt_problem(problems, node, "'%.40s' is neither any nor a span such as 22:00-06:00", text);
		return;
	}
	c->backfill_from_min = h1 * 60 + m1;
	c->backfill_to_min = h2 * 60 + m2;
}

static void read_backfill(const PtNode *node, PtSiteCamera *c, GPtrArray *problems) {
	static const char *const known[] = {"rate", "hours", "order", NULL};
	static const char *const orders[] = {"newest", "oldest", NULL};
	int order = 0;
	c->backfill = pt_site_is_onvif(c);
	if (node && node->kind == PT_NODE_SCALAR && !g_strcmp0(node->text, "never"))
		c->backfill = false;
	else if (node && node->kind == PT_NODE_SCALAR)
		pt_problem(problems, node, "is neither never nor a map of rate, hours, order");
	if (!node || node->kind == PT_NODE_SCALAR || !pt_node_check_keys(node, known, problems))
		return;
	c->backfill = true;
	pt_node_read_rate(pt_node_get(node, "rate"), &c->backfill_rate, problems);
	read_hours(pt_node_get(node, "hours"), c, problems);
	pt_node_read_choice(pt_node_get(node, "order"), orders, &order, problems);
	c->backfill_oldest_first = order == 1;
}

/* [[0, 0.5], [1, 0.5], [1, 1], [0, 1]] */
static bool read_polygon(const PtNode *node, PtSiteZone *zone, GPtrArray *problems) {
	if (node->kind != PT_NODE_LIST || pt_node_count(node) < 3 || pt_node_count(node) > PT_ZONE_POINTS) {
		pt_problem(
		    problems, node,
		    "is not 3 to %d corners, each [x, y] from 0 to 1, from the picture's top left: [[0, 0.5], [1, 0.5], "
		    "[1, 1]]",
		    PT_ZONE_POINTS);
		return false;
	}
	for (unsigned i = 0; i < pt_node_count(node); i++) {
		const PtNode *corner = pt_node_at(node, i);
		double x, y;
		if (corner->kind != PT_NODE_LIST || pt_node_count(corner) != 2) {
			pt_problem(problems, corner, "is not a corner: write [x, y], both from 0 to 1");
			return false;
		}
		if (!pt_node_read_number(pt_node_at(corner, 0), 0, 1, &x, problems) ||
		    !pt_node_read_number(pt_node_at(corner, 1), 0, 1, &y, problems))
			return false;
		zone->x[zone->n] = (float)x;
		zone->y[zone->n++] = (float)y;
	}
	return true;
}

/* zones: [{ include: [[0, 0.5], …] }, { exclude: [[…], …] }] */
static void read_zones(const PtNode *node, PtSiteCamera *c, GPtrArray *problems) {
	static const char *const known[] = {"include", "exclude", NULL};
	if (!node || !pt_node_is_kind(node, PT_NODE_LIST, problems))
		return;
	if (pt_node_count(node) > PT_ZONES)
		pt_problem(problems, node, "more than %d zones", PT_ZONES);
	c->motion_zones = g_array_new(FALSE, TRUE, sizeof(PtSiteZone));
	for (unsigned i = 0; i < pt_node_count(node) && i < PT_ZONES; i++) {
		const PtNode *one = pt_node_at(node, i);
		if (!pt_node_check_keys(one, known, problems))
			continue;
		const PtNode *in = pt_node_get(one, "include"), *out = pt_node_get(one, "exclude");
		PtSiteZone zone = {.exclude = out != NULL};
		if (!in == !out)
			pt_problem(problems, one, "must be one of { include: CORNERS } and { exclude: CORNERS }");
		else if (read_polygon(in ? in : out, &zone, problems))
			g_array_append_val(c->motion_zones, zone);
	}
}

/* motion: on, or a map */
static void read_motion(const PtNode *node, PtSiteCamera *c, GPtrArray *problems) {
	static const char *const known[] = {"sensitivity", "zones", "hold", "before", "after", NULL};
	int64_t sensitivity;
	if (!node)
		return;
	c->motion_sensitivity = 50;
	c->motion_hold_ns = c->motion_before_ns = 5 * PT_NS_PER_S;
	c->motion_after_ns = 10 * PT_NS_PER_S;
	if (node->kind == PT_NODE_SCALAR) {
		pt_node_read_switch(node, &c->motion, problems);
		return;
	}
	c->motion = pt_node_check_keys(node, known, problems);
	if (!c->motion)
		return;
	if (pt_node_read_integer(pt_node_get(node, "sensitivity"), 1, 100, &sensitivity, problems))
		c->motion_sensitivity = (unsigned)sensitivity;
	read_zones(pt_node_get(node, "zones"), c, problems);
	pt_node_read_duration(pt_node_get(node, "hold"), PT_NS_PER_S, 600 * PT_NS_PER_S, &c->motion_hold_ns, problems);
	pt_node_read_duration(pt_node_get(node, "before"), 0, 600 * PT_NS_PER_S, &c->motion_before_ns, problems);
	pt_node_read_duration(pt_node_get(node, "after"), 0, 600 * PT_NS_PER_S, &c->motion_after_ns, problems);
}

static void read_login(PtSite *site, const PtNode *node, PtSiteCamera *c, GPtrArray *problems) {
	g_autofree char *name = NULL;
	if (!pt_node_read_text(node, &name, problems))
		return;
	c->login = pt_site_login(site, name);
	if (c->login && c->login->user)
		return;
	g_autofree const char **names = pt_site_names(site->logins, G_STRUCT_OFFSET(PtSiteLogin, name));
	g_autofree char *meant = pt_suggest_text(name, names);
	pt_problem(problems, node,
	           "there is no login named '%.60s' in %s%s: write 'logins: { %.60s: { user: …, password: … } }' there",
	           name, "the secrets file", meant, name);
}

/* Beside pictures that are made on this machine: what comes over the network has its own. */
static void check_is_own(const PtNode *node, const PtSiteCamera *c, GPtrArray *problems) {
	if (c->source && !g_str_has_prefix(c->source, "v4l2:") && !g_str_has_prefix(c->source, "test:"))
		pt_problem(problems, node, "is for pictures that are made on this machine (v4l2:, test:)");
}

static void read_microphone(const PtNode *node, PtSiteCamera *c, GPtrArray *problems) {
	if (!pt_node_read_text(node, &c->microphone, problems))
		return;
	if (!g_str_has_prefix(c->microphone, "alsa:") || !c->microphone[5])
		pt_problem(problems, node, "'%.60s' is not alsa:PCM, such as alsa:default or alsa:plughw:1?codec=pcmu",
		           c->microphone);
	else
		check_is_own(node, c, problems);
}

/* alsa:PCM, or wav:FILE beside the site file */
static void read_speaker(const PtSite *site, const PtNode *node, PtSiteCamera *c, GPtrArray *problems) {
	if (!pt_node_read_text(node, &c->speaker, problems))
		return;
	bool wav = g_str_has_prefix(c->speaker, "wav:"), alsa = g_str_has_prefix(c->speaker, "alsa:");
	if (!(wav && c->speaker[4]) && !(alsa && c->speaker[5]))
		pt_problem(problems, node, "'%.60s' is neither alsa:PCM, such as alsa:default, nor wav:FILE", c->speaker);
	else
		check_is_own(node, c, problems);
	if (wav && !g_path_is_absolute(c->speaker + 4)) {
		char *absolute = g_strconcat("wav:", site->dir, "/", c->speaker + 4, NULL);
		g_free(c->speaker);
		c->speaker = absolute;
	}
}

static void read_camera(PtSite *site, const PtNode *node, GPtrArray *problems) {
	static const char *const known[] = {"source",     "sub",     "snapshot", "login", "transport", "record",
	                                    "keep",       "audio",   "backfill", "tls",   "events",    "profiles",
	                                    "microphone", "speaker", "motion",   NULL};
	static const char *const http[] = {"http", "https", NULL};
	int transport = PT_SITE_TRANSPORT_TCP;
	if (!pt_site_check_name(node, "a camera", problems) || !pt_node_check_keys(node, known, problems))
		return;
	if (pt_site_camera(site, node->key)) {
		pt_problem(problems, node, "there is a second camera of this name: remove one, or the file in cameras.d");
		return;
	}
	PtSiteCamera *c = g_new0(PtSiteCamera, 1);
	g_ptr_array_add(site->cameras, c);
	c->name = g_strdup(node->key);
	c->record_main = PT_RECORD_ALWAYS;
	c->backfill_from_min = c->backfill_to_min = -1;
	if (!pt_node_get(node, "source"))
		pt_problem(problems, node, "has no source: write 'source: rtsp://ADDRESS/PATH'");
	read_source(site, pt_node_get(node, "source"), &c->source, problems);
	read_source(site, pt_node_get(node, "sub"), &c->sub, problems);
	read_microphone(pt_node_get(node, "microphone"), c, problems);
	read_speaker(site, pt_node_get(node, "speaker"), c, problems);
	const PtNode *snapshot = pt_node_get(node, "snapshot");
	if (pt_node_read_text(snapshot, &c->snapshot, problems))
		pt_site_check_url(snapshot, c->snapshot, http, problems);
	read_login(site, pt_node_get(node, "login"), c, problems);
	pt_node_read_choice(pt_node_get(node, "transport"), pt_transport_words, &transport, problems);
	c->transport = (PtSiteTransport)transport;
	read_tls(site, node, c, problems);
	read_onvif(node, c, problems);
	read_record(pt_node_get(node, "record"), c, problems);
	read_keep(pt_node_get(node, "keep"), c, problems);
	read_audio(pt_node_get(node, "audio"), c, problems);
	read_backfill(pt_node_get(node, "backfill"), c, problems);
	read_motion(pt_node_get(node, "motion"), c, problems);
}

void pt_site_read_cameras(PtSite *site, const PtNode *node, GPtrArray *problems) {
	if (pt_node_is_empty(node) || !pt_node_is_kind(node, PT_NODE_MAP, problems))
		return;
	for (unsigned i = 0; i < pt_node_count(node); i++)
		read_camera(site, pt_node_at(node, i), problems);
}
