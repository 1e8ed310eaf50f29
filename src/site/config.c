/* SPDX-License-Identifier: Apache-2.0 */
#include "site/config.h"
#include "base/suggest.h"
#include "base/units.h"
#include "site/internal.h"
#include "site/yaml.h"
#include <errno.h>
#include <gio/gio.h>
#include <string.h>

#define MODES_MAX 16
#define YEAR_NS (INT64_C(365) * 86400 * PT_NS_PER_S)

/* ---- helpers shared by the readers ---- */

bool pt_site_name_valid(const char *name) {
	static const char *const reserved[] = {"con", "nul", "prn", "aux", "index", "lost-found", "tmp", NULL};
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
	return n >= 1 && n <= 40 && !name[n] && *name != '-' && *name != '_' && !g_strv_contains(reserved, name);
}

bool pt_site_check_name(const PtNode *node, const char *what, GPtrArray *problems) {
	if (pt_site_name_valid(node->key))
		return true;
	pt_problem(
	    problems, node,
	    "is no name for %s: use 1 to 40 of a-z, 0-9, - and _, beginning with a letter or digit, and none that the "
	    "system keeps for itself (index, tmp, con, nul, …)",
	    what);
	return false;
}

const char **pt_site_names(GPtrArray *list, size_t offset) {
	const char **names = g_new0(const char *, list->len + 1);
	for (guint i = 0; i < list->len; i++)
		names[i] = *(char **)((char *)list->pdata[i] + offset);
	return names;
}

bool pt_site_check_url(const PtNode *node, const char *url, const char *const *schemes, GPtrArray *problems) {
	const char *colon = strchr(url, ':');
	g_autofree char *scheme = colon ? g_ascii_strdown(url, colon - url) : g_strdup("");
	if (!g_strv_contains(schemes, scheme)) {
		g_autofree char *list = pt_suggest_join(schemes), *meant = pt_suggest_text(scheme, schemes);
		pt_problem(problems, node, "must begin with one of %s, followed by ':'%s (such as %s://ADDRESS)", list,
		           meant, schemes[0]);
		return false;
	}
	if (g_str_has_prefix(colon, "://")) {
		const char *host = colon + 3;
		size_t n = strcspn(host, "/?#");
		if (memchr(host, '@', n)) {
			pt_problem(
			    problems, node,
			    "carries a login, and a login does not belong in the site file: take USER:PASSWORD@ out, write "
			    "'login: NAME' here and 'logins: { NAME: { user: …, password: … } }' in secrets.yaml");
			return false;
		}
		if (!n) {
			pt_problem(problems, node, "names no host");
			return false;
		}
	}
	for (const char *p = url; *p; p++)
		if ((guchar)*p <= ' ' || *p == 0x7f) {
			pt_problem(problems, node, "contains a space or control character");
			return false;
		}
	return true;
}

bool pt_site_is_loopback(const char *host) {
	g_autoptr(GInetAddress) address = g_inet_address_new_from_string(host);
	return !strcmp(host, "localhost") || (address && g_inet_address_get_is_loopback(address));
}

/* "ADDRESS:PORT", "[v6]:PORT", ":PORT" */
static void read_listen(const PtNode *node, char **ret, GPtrArray *problems) {
	g_autofree char *text = NULL;
	if (!pt_node_read_text(node, &text, problems))
		return;
	const char *colon = strrchr(text, ':');
	gint64 port;
	g_autofree char *host = colon ? g_strndup(text, colon - text) : NULL;
	if (host && *host == '[' && g_str_has_suffix(host, "]")) {
		host[strlen(host) - 1] = 0;
		memmove(host, host + 1, strlen(host));
	}
	if (!host || !g_ascii_string_to_signed(colon + 1, 10, 1, 65535, &port, NULL) ||
	    (*host && !g_hostname_is_ip_address(host) && strcmp(host, "localhost"))) {
		pt_problem(problems, node, "'%.60s' is not ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080", text);
		return;
	}
	g_free(*ret);
	*ret = g_steal_pointer(&text);
}

static char *beside(const PtSite *site, const char *path) {
	return g_path_is_absolute(path) ? g_strdup(path) : g_build_filename(site->dir, path, NULL);
}

void pt_site_read_path(const PtSite *site, const PtNode *node, char **ret, GPtrArray *problems) {
	g_autofree char *text = NULL;
	if (!pt_node_read_text(node, &text, problems))
		return;
	g_free(*ret);
	*ret = beside(site, text);
}

/* A section that may be absent. */
static bool section(const PtNode *node, const char *const *known, GPtrArray *problems) {
	return node && pt_node_check_keys(node, known, problems);
}

/* ---- sections ---- */

/* The first is what a new site is in. */
static void read_modes(PtSite *site, const PtNode *node, GPtrArray *problems) {
	g_autoptr(GStrvBuilder) modes = g_strv_builder_new();
	guint before = problems->len;
	if (!node || !pt_node_is_kind(node, PT_NODE_LIST, problems))
		return;
	if (pt_node_count(node) < 2 || pt_node_count(node) > MODES_MAX)
		pt_problem(problems, node, "must name 2 to %d modes", MODES_MAX);
	for (unsigned i = 0; i < pt_node_count(node); i++) {
		const PtNode *mode = pt_node_at(node, i);
		if (mode->kind == PT_NODE_SCALAR && pt_site_name_valid(mode->text))
			g_strv_builder_add(modes, mode->text);
		else
			pt_problem(problems, mode, "is no name of a mode: small letters, digits, - and _, at most 40");
	}
	g_auto(GStrv) list = g_strv_builder_end(modes);
	for (char **m = list; *m; m++)
		if (g_strv_contains((const char *const *)(m + 1), *m))
			pt_problem(problems, node, "%s is named twice", *m);
	if (problems->len > before)
		return;
	g_strfreev(site->modes);
	site->modes = g_steal_pointer(&list);
}

static void read_holidays(PtSite *site, const PtNode *node, GPtrArray *problems) {
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL, *problem = NULL;
	if (!node)
		return;
	pt_site_read_path(site, node, &site->holidays_path, problems);
	if (!site->holidays_path)
		return;
	if (!g_file_get_contents(site->holidays_path, &text, NULL, &error))
		pt_problem(problems, node, "cannot read the holidays: %s", error->message);
	else
		site->holidays = pt_holidays_parse(text, &problem);
	if (problem)
		pt_problem(problems, node, "%s: %s", site->holidays_path, problem);
	if (!site->holidays) /* rules that ask for them are not told that there are none */
		site->holidays = pt_holidays_parse("", &problem);
}

static void read_site(PtSite *site, const PtNode *node, GPtrArray *problems) {
	static const char *const known[] = {"name", "location", "timezone", "modes", "holidays", NULL};
	if (!section(node, known, problems))
		return;
	pt_node_read_text(pt_node_get(node, "name"), &site->name, problems);
	read_modes(site, pt_node_get(node, "modes"), problems);
	read_holidays(site, pt_node_get(node, "holidays"), problems);
	const PtNode *location = pt_node_get(node, "location"), *zone = pt_node_get(node, "timezone");
	if (location && (location->kind != PT_NODE_LIST || pt_node_count(location) != 2))
		pt_problem(problems, location, "must be [latitude, longitude] in degrees, such as [52.52, 13.40]");
	else if (location)
		site->located = pt_node_read_number(pt_node_at(location, 0), -90, 90, &site->latitude, problems) &&
		                pt_node_read_number(pt_node_at(location, 1), -180, 180, &site->longitude, problems);
	if (pt_node_read_text(zone, &site->timezone, problems)) {
		site->zone = g_time_zone_new_identifier(site->timezone);
		if (!site->zone)
			pt_problem(problems, zone, "'%.60s' is no time zone: write one such as Europe/Berlin or UTC",
			           site->timezone);
	}
}

static void read_names(PtSite *site, const PtNode *node, GPtrArray *problems) {
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();
	if (!node || !pt_node_is_kind(node, PT_NODE_LIST, problems))
		return;
	for (unsigned i = 0; i < pt_node_count(node); i++) {
		const PtNode *name = pt_node_at(node, i);
		bool good = name->kind == PT_NODE_SCALAR && name->text[0] &&
		            strspn(name->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") ==
		                strlen(name->text);
		if (good)
			g_strv_builder_add(names, name->text);
		else
			pt_problem(problems, name,
			           "is no host name: write one such as gate.example.org, without port or scheme");
	}
	site->web_names = g_strv_builder_end(names);
}

/* own, or { cert: …, key: … } */
static void read_tls(PtSite *site, const PtNode *node, GPtrArray *problems) {
	static const char *const known[] = {"cert", "key", NULL};
	bool word = node && node->kind == PT_NODE_SCALAR;
	site->tls_own = word && !strcmp(node->text, "own");
	if (word && !site->tls_own)
		pt_problem(problems, node, "'%.40s' is neither own nor { cert: FILE, key: FILE }", node->text);
	if (word || !section(node, known, problems))
		return;
	pt_site_read_path(site, pt_node_get(node, "cert"), &site->tls_cert, problems);
	pt_site_read_path(site, pt_node_get(node, "key"), &site->tls_key, problems);
	if (!site->tls_cert || !site->tls_key)
		pt_problem(problems, node, "needs both cert and key: paths of PEM files");
}

static void read_web(PtSite *site, const PtNode *node, GPtrArray *problems) {
	static const char *const known[] = {"listen", "names", "tls", "install", "max-connections", NULL};
	int64_t n;
	if (!section(node, known, problems))
		return;
	read_listen(pt_node_get(node, "listen"), &site->web_listen, problems);
	if (pt_node_read_integer(pt_node_get(node, "max-connections"), 8, 10000, &n, problems))
		site->web_max_connections = (int)n;
	read_names(site, pt_node_get(node, "names"), problems);
	read_tls(site, pt_node_get(node, "tls"), problems);
	const PtNode *install = pt_node_get(node, "install");
	read_listen(install, &site->web_install, problems);
	if (install && !site->tls_own)
		pt_problem(problems, install, "gives phones the certificate of an own authority: it needs tls: own");
}

static bool lies_below(const char *path, const char *directory) {
	g_autofree char *inner = g_canonicalize_filename(path, "/"), *outer = g_canonicalize_filename(directory, "/");
	size_t n = strlen(outer);
	return !strncmp(inner, outer, n) && inner[n] == '/' && inner[n + 1];
}

static void read_archive(PtSite *site, const PtNode *node, GPtrArray *problems) {
	static const char *const known[] = {"path", "card", "state", "keep", "sync", NULL};
	static const char *const keep_known[] = {"days", "size", "free", NULL};
	if (!section(node, known, problems))
		return;
	pt_site_read_path(site, pt_node_get(node, "path"), &site->archive_path, problems);
	pt_site_read_path(site, pt_node_get(node, "card"), &site->archive_card, problems);
	pt_site_read_path(site, pt_node_get(node, "state"), &site->archive_state, problems);
	if (site->archive_card && !lies_below(site->archive_path, site->archive_card))
		pt_problem(problems, pt_node_get(node, "card"),
		           "path has to be a directory below card, so that there is none while no card is mounted");
	if (site->archive_card && site->archive_state && lies_below(site->archive_state, site->archive_card))
		pt_problem(problems, pt_node_get(node, "state"), "has to lie elsewhere than on the card");
	pt_node_read_duration(pt_node_get(node, "sync"), PT_NS_PER_S / 10, 60 * PT_NS_PER_S, &site->archive_sync_ns,
	                      problems);
	const PtNode *keep = pt_node_get(node, "keep");
	if (!section(keep, keep_known, problems))
		return;
	pt_site_read_days(pt_node_get(keep, "days"), &site->archive_keep_ns, problems);
	pt_node_read_size(pt_node_get(keep, "size"), &site->archive_keep_bytes, problems);
	const PtNode *space = pt_node_get(keep, "free");
	if (!space || !pt_node_is_kind(space, PT_NODE_SCALAR, problems))
		return;
	site->archive_free_percent = 0;
	if (strchr(space->text, '%')) {
		g_autoptr(GError) error = NULL;
		if (!pt_units_parse_percent(space->text, &site->archive_free_percent, &error))
			pt_problem(problems, space, "%s", error->message);
	} else if (!pt_units_parse_size(space->text, &site->archive_free_bytes, NULL)) {
		pt_problem(problems, space, "'%.40s' is neither a share such as 5%% nor a size such as 20GiB", space->text);
	}
}

static void read_serve(PtSite *site, const PtNode *node, GPtrArray *problems) {
	static const char *const known[] = {"rtsp", "rtsps", "onvif", "events", "plain", NULL};
	static const char *const plain[] = {"off", "lan", NULL};
	int value;
	if (!section(node, known, problems))
		return;
	read_listen(pt_node_get(node, "rtsp"), &site->serve_rtsp, problems);
	read_listen(pt_node_get(node, "rtsps"), &site->serve_rtsps, problems);
	read_listen(pt_node_get(node, "onvif"), &site->serve_onvif, problems);
	read_listen(pt_node_get(node, "events"), &site->serve_events, problems);
	if (pt_node_read_choice(pt_node_get(node, "plain"), plain, &value, problems))
		site->serve_plain = value == 1;
}

/* ---- cameras.d: one file per camera, written by the UI ---- */

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void merge_cameras(const PtSite *site, PtNode *root, GPtrArray *kept, GPtrArray *problems) {
	g_autofree char *path = g_build_filename(site->dir, "cameras.d", NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	const char *name;
	while (dir && (name = g_dir_read_name(dir)))
		if (g_str_has_suffix(name, ".yaml") && *name != '.')
			g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, by_name);
	for (guint i = 0; i < names->len; i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *file = g_build_filename(path, names->pdata[i], NULL);
		PtNode *node = pt_yaml_load(file, &error);
		if (!node) {
			pt_problem_text(problems, "%s", error->message);
			continue;
		}
		g_ptr_array_add(kept, node);
		g_free(node->file);
		node->file = g_build_filename("cameras.d", names->pdata[i], NULL);
		node->key = g_strndup(names->pdata[i], strlen(names->pdata[i]) - strlen(".yaml"));
	}
}

/* ---- the whole ---- */

static const char *const sections[] = {"site",  "web",     "archive", "cameras", "inputs", "relays", "rules", "serve",
                                       "users", "secrets", "notify",  "mqtt",    "alarm",  "talk",   NULL};

static void read_all(PtSite *site, PtNode *root, GPtrArray *problems) {
	g_autoptr(GPtrArray) extra = g_ptr_array_new_with_free_func((GDestroyNotify)pt_node_free);
	if (!pt_node_check_keys(root, sections, problems))
		return;
	pt_site_read_path(site, pt_node_get(root, "secrets"), &site->secrets_path, problems);
	pt_site_read_secrets(site, pt_node_get(root, "secrets") != NULL, problems);
	read_site(site, pt_node_get(root, "site"), problems);
	read_web(site, pt_node_get(root, "web"), problems);
	read_archive(site, pt_node_get(root, "archive"), problems);
	read_serve(site, pt_node_get(root, "serve"), problems);
	pt_site_read_notify(site, pt_node_get(root, "notify"), problems);
	pt_site_read_mqtt(site, pt_node_get(root, "mqtt"), problems);
	pt_site_read_talk(site, pt_node_get(root, "talk"), problems);
	pt_site_read_cameras(site, pt_node_get(root, "cameras"), problems);
	merge_cameras(site, root, extra, problems);
	for (guint i = 0; i < extra->len; i++) { /* as if it stood below `cameras:`, but with the place of its own file */
		g_autoptr(PtNode) holder = pt_node_new(PT_NODE_MAP, NULL, 1, 1);
		PtNode *one = extra->pdata[i];
		holder->file = g_strdup(one->file);
		g_autofree char *key = g_steal_pointer(&one->key);
		pt_node_add(holder, one, key, 1);
		extra->pdata[i] = NULL;
		pt_site_read_cameras(site, holder, problems);
	}
	pt_site_read_plugs(site, pt_node_get(root, "inputs"), pt_node_get(root, "relays"), problems);
	pt_site_read_alarm(site, pt_node_get(root, "alarm"), pt_node_get(root, "rules"), problems);
	g_autofree const char **cameras = pt_site_names(site->cameras, G_STRUCT_OFFSET(PtSiteCamera, name));
	g_autofree const char **inputs = pt_site_names(site->inputs, G_STRUCT_OFFSET(PtPlugSettings, name));
	g_autofree const char **relays = pt_site_names(site->relays, G_STRUCT_OFFSET(PtPlugSettings, name));
	g_autofree const char **zones = pt_alarm_plan_zone_names(site->alarm);
	g_autofree const char **targets = pt_site_names(site->notify, G_STRUCT_OFFSET(PtNotifyTarget, name));
	g_autofree const char **tokens = pt_site_tokens(site);
	g_auto(GStrv) messages = pt_site_messages(site);
	PtRuleNames names = {.inputs = inputs,
	                     .relays = relays,
	                     .cameras = cameras,
	                     .targets = targets,
	                     .tokens = tokens,
	                     .modes = (const char *const *)site->modes,
	                     .messages = (const char *const *)messages,
	                     .zones = zones,
	                     .holidays = site->holidays,
	                     .broker = site->mqtt != NULL,
	                     .located = site->located};
	site->rules = pt_rules_parse(pt_node_get(root, "rules"), &names, problems);
	pt_site_read_path(site, pt_node_get(root, "users"), &site->users_path, problems);
	pt_site_read_users(site, pt_node_get(root, "users") != NULL, cameras, problems);
	pt_site_finish_notify(site, problems);
}

static void login_free(void *data) {
	PtSiteLogin *l = data;
	g_free(l->name);
	g_free(l->user);
	g_free(l->place);
	if (l->password)
		memset(l->password, 0, strlen(l->password));
	g_free(l->password);
	g_free(l);
}

static void user_free(void *data) {
	PtSiteUser *u = data;
	g_free(u->name);
	g_strfreev(u->cameras);
	g_free(u->password);
	g_free(u->pin);
	g_free(u);
}

static PtSite *site_new(const char *path) {
	PtSite *site = g_new0(PtSite, 1);
	g_atomic_ref_count_init(&site->refs);
	site->path = g_canonicalize_filename(path, NULL);
	site->dir = g_path_get_dirname(site->path);
	site->name = g_strdup("Pigtail");
	site->web_listen = g_strdup("127.0.0.1:8080");
	site->web_max_connections = 256;
	site->archive_path = beside(site, "archive");
	site->archive_sync_ns = 2 * PT_NS_PER_S;
	site->archive_free_percent = 5;
	site->modes = g_strsplit("disarmed home night away", " ", -1);
	site->users_path = beside(site, "users.yaml");
	site->secrets_path = beside(site, "secrets.yaml");
	site->cameras = g_ptr_array_new_with_free_func(pt_site_camera_free);
	site->inputs = g_ptr_array_new_with_free_func((GDestroyNotify)pt_plug_settings_free);
	site->relays = g_ptr_array_new_with_free_func((GDestroyNotify)pt_plug_settings_free);
	site->notify = g_ptr_array_new_with_free_func(pt_notify_target_unref);
	site->users = g_ptr_array_new_with_free_func(user_free);
	site->logins = g_ptr_array_new_with_free_func(login_free);
	site->app_passwords = g_ptr_array_new_with_free_func(login_free);
	site->notes = g_ptr_array_new_with_free_func(g_free);
	return site;
}

gboolean pt_site_load(const char *path, PtSite **ret_site, GPtrArray *problems) {
	g_autoptr(GError) error = NULL;
	guint before = problems->len;
	g_autoptr(PtNode) root = pt_yaml_load(path, &error);
	if (!root) {
		pt_problem_text(problems, "%s", error->message);
		return FALSE;
	}
	g_autoptr(PtSite) site = site_new(path);
	read_all(site, root, problems);
	if (!site->zone)
		site->zone = g_time_zone_new_local();
	if (!site->archive_state)
		site->archive_state = site->archive_card ? beside(site, "state") : g_strdup(site->archive_path);
	if (problems->len != before)
		return FALSE;
	*ret_site = g_steal_pointer(&site);
	return TRUE;
}

PtSite *pt_site_ref(PtSite *site) {
	g_atomic_ref_count_inc(&site->refs);
	return site;
}

void pt_site_unref(PtSite *site) {
	if (!site || !g_atomic_ref_count_dec(&site->refs))
		return;
	char *strings[] = {site->web_install,   site->path,          site->dir,           site->name,
	                   site->timezone,      site->web_listen,    site->tls_cert,      site->tls_key,
	                   site->archive_path,  site->users_path,    site->secrets_path,  site->serve_rtsp,
	                   site->serve_rtsps,   site->serve_onvif,   site->serve_events,  site->archive_card,
	                   site->archive_state, site->holidays_path, site->talk_messages, site->talk_voice};
	for (size_t i = 0; i < G_N_ELEMENTS(strings); i++)
		g_free(strings[i]);
	pt_site_mqtt_free(site->mqtt);
	g_strfreev(site->modes);
	pt_holidays_unref(site->holidays);
	GPtrArray *lists[] = {site->cameras, site->inputs, site->relays,        site->notify,
	                      site->users,   site->logins, site->app_passwords, site->notes};
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		g_ptr_array_unref(lists[i]);
	g_strfreev(site->web_names);
	pt_rules_free(site->rules);
	pt_alarm_plan_free(site->alarm);
	g_clear_pointer(&site->zone, g_time_zone_unref);
	g_free(site);
}

#define FIND(type, list, wanted)                                                                                            \
	for (guint i = 0; i < (list)->len; i++)                                                                             \
		if (!strcmp(((type *)(list)->pdata[i])->name, wanted))                                                      \
			return (list)->pdata[i];                                                                            \
	return NULL

const PtSiteCamera *pt_site_camera(const PtSite *site, const char *name) { FIND(PtSiteCamera, site->cameras, name); }
const PtPlugSettings *pt_site_input(const PtSite *site, const char *name) { FIND(PtPlugSettings, site->inputs, name); }
const PtPlugSettings *pt_site_relay(const PtSite *site, const char *name) { FIND(PtPlugSettings, site->relays, name); }
const PtSiteUser *pt_site_user(const PtSite *site, const char *name) { FIND(PtSiteUser, site->users, name); }
const PtSiteLogin *pt_site_login(const PtSite *site, const char *name) { FIND(PtSiteLogin, site->logins, name); }

bool pt_site_has_pins(const PtSite *site) {
	for (guint i = 0; i < site->users->len; i++)
		if (((const PtSiteUser *)g_ptr_array_index(site->users, i))->pin)
			return true;
	return false;
}

char *pt_site_shown_url(const char *url) {
	g_autoptr(GRegex) secret =
	    g_regex_new("(pass(?:word|wd)?|pwd|token|auth|key|secret)=[^&/?#]*", G_REGEX_CASELESS, 0, NULL);
	return g_regex_replace(secret, url, -1, 0, "\\1=…", 0, NULL);
}
