/* The site as text, and what differs between two of them. Both go over the same writers: what would be printed differently
 * has changed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"
#include "site/internal.h"
#include "site/yaml.h"
#include <string.h>

void pt_print_text(GString *out, const char *key, const char *text) {
	if (!text)
		return;
	g_autofree char *quoted = pt_yaml_quote(text);
	g_string_append_printf(out, "%s%s: %s", out->str[out->len - 1] == '{' ? " " : ", ", key, quoted);
}

void pt_print_duration(GString *out, const char *key, int64_t ns) {
	g_autofree char *text = ns ? pt_units_format_duration(ns) : NULL;
	if (text)
		g_string_append_printf(out, "%s%s: %s", out->str[out->len - 1] == '{' ? " " : ", ", key, text);
}

static void put_size(GString *out, const char *key, uint64_t bytes) {
	g_autofree char *text = bytes ? pt_units_format_size(bytes) : NULL;
	pt_print_text(out, key, text);
}

static void put_days(GString *out, const char *key, int64_t ns) {
	char text[40];
	if (ns)
		g_string_append_printf(out, "%s%s: %s", out->str[out->len - 1] == '{' ? " " : ", ", key,
		                       g_ascii_formatd(text, sizeof text, "%.6g", (double)ns / 86400e9));
}

void pt_print_number(GString *out, const char *key, int64_t n) {
	g_string_append_printf(out, "%s%s: %" G_GINT64_FORMAT, out->str[out->len - 1] == '{' ? " " : ", ", key, n);
}

static void put_tls(GString *out, const PtSiteCamera *c) {
	if (c->tls == PT_SITE_TLS_VERIFY)
		pt_print_text(out, "tls", "verify");
	if (c->tls != PT_SITE_TLS_PINNED)
		return;
	g_autoptr(GString) text = g_string_new("sha256:");
	for (size_t i = 0; i < sizeof c->tls_pin; i++)
		g_string_append_printf(text, "%02x", c->tls_pin[i]);
	pt_print_text(out, "tls", text->str);
}

static void put_motion(GString *out, const PtSiteCamera *c) {
	char x[G_ASCII_DTOSTR_BUF_SIZE], y[G_ASCII_DTOSTR_BUF_SIZE];
	g_string_append_printf(out, ", motion: { sensitivity: %u", c->motion_sensitivity);
	g_autofree char *before = pt_units_format_duration(c->motion_before_ns);
	g_autofree char *after = pt_units_format_duration(c->motion_after_ns);
	pt_print_duration(out, "hold", c->motion_hold_ns);
	g_string_append_printf(out, ", before: %s, after: %s", before, after);
	for (guint i = 0; c->motion_zones && i < c->motion_zones->len; i++) {
		const PtSiteZone *zone = &g_array_index(c->motion_zones, PtSiteZone, i);
		g_string_append_printf(out, "%s{ %s: [", i ? ", " : ", zones: [", zone->exclude ? "exclude" : "include");
		for (unsigned k = 0; k < zone->n; k++)
			g_string_append_printf(out, "%s[%s, %s]", k ? ", " : "",
			                       g_ascii_formatd(x, sizeof x, "%.6g", zone->x[k]),
			                       g_ascii_formatd(y, sizeof y, "%.6g", zone->y[k]));
		g_string_append(out, i + 1 < c->motion_zones->len ? "] }" : "] }]");
	}
	g_string_append(out, " }");
}

static void print_camera(GString *out, const PtSiteCamera *c) {
	g_string_append_printf(out, "  %s: {", c->name);
	pt_print_text(out, "source", c->source);
	pt_print_text(out, "sub", c->sub);
	pt_print_text(out, "microphone", c->microphone);
	pt_print_text(out, "speaker", c->speaker);
	pt_print_text(out, "snapshot", c->snapshot);
	pt_print_text(out, "login", c->login ? c->login->name : NULL);
	pt_print_text(out, "transport", pt_transport_words[c->transport]);
	put_tls(out, c);
	if (c->events != PT_SITE_EVENTS_ANY)
		pt_print_text(out, "events", pt_site_events_words[c->events]);
	if (c->profile_main || c->profile_sub) {
		g_string_append(out, ", profiles: {");
		pt_print_text(out, "main", c->profile_main);
		pt_print_text(out, "sub", c->profile_sub);
		g_string_append(out, " }");
	}
	g_string_append_printf(out, ", record: { main: %s, sub: %s }", pt_record_words[c->record_main],
	                       pt_record_words[c->record_sub]);
	if (c->keep_ns || c->max_keep_ns || c->keep_bytes) {
		g_string_append(out, ", keep: {");
		put_days(out, "days", c->keep_ns);
		put_days(out, "max-days", c->max_keep_ns);
		put_size(out, "size", c->keep_bytes);
		g_string_append(out, " }");
	}
	g_string_append_printf(out, ", audio: { listen: %s, record: %s }", pt_listen_words[c->listen],
	                       pt_sound_words[c->sound]);
	if (!c->backfill && pt_site_is_onvif(c))
		g_string_append(out, ", backfill: never");
	if (c->backfill) {
		g_autofree char *rate = c->backfill_rate ? pt_units_format_rate(c->backfill_rate) : NULL;
		g_string_append(out, ", backfill: {");
		pt_print_text(out, "order", c->backfill_oldest_first ? "oldest" : "newest");
		pt_print_text(out, "rate", rate);
		if (c->backfill_from_min >= 0)
			g_string_append_printf(out, ", hours: \"%02d:%02d-%02d:%02d\"", c->backfill_from_min / 60,
			                       c->backfill_from_min % 60, c->backfill_to_min / 60, c->backfill_to_min % 60);
		g_string_append(out, " }");
	}
	if (c->motion)
		put_motion(out, c);
	g_string_append(out, " }\n");
}

/* Of a supervised loop. */
static void print_loop(GString *out, const PtPlugSettings *s) {
	const struct {
		const char *key;
		double ohm;
	} table[] = {{"pull-up", s->pull_up_ohm}, {"series", s->series_ohm}, {"parallel", s->parallel_ohm}};
	if (!s->full_scale)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autofree char *text = table[i].ohm > 0 ? pt_units_format_ohm(table[i].ohm) : NULL;
		pt_print_text(out, table[i].key, text);
	}
	g_autofree char *tolerance = pt_units_format_percent(s->tolerance * 100);
	pt_print_text(out, "tolerance", tolerance);
	pt_print_number(out, "full", s->full_scale);
	pt_print_duration(out, "every", s->every_ns);
}

static void print_plug(GString *out, const PtPlugSettings *s) {
	g_string_append_printf(out, "  %s: {", s->name);
	pt_print_text(out, "driver", s->driver->name);
	for (const PtPlugText *t = pt_plug_texts; t->offset; t++)
		if (t->key)
			pt_print_text(out, t->key, *pt_plug_text(s, t));
	if (s->line_offset >= 0)
		pt_print_number(out, "line", s->line_offset);
	pt_print_text(out, "line", s->line_name);
	pt_print_text(out, "bias", s->bias ? pt_bias_words[s->bias] : NULL);
	pt_print_text(out, "active", s->active == PT_ACTIVE_USUAL ? NULL : pt_active_words[s->active]);
	pt_print_text(out, "method", s->url ? s->method : NULL);
	print_loop(out, s);
	if (s->channel >= 0)
		pt_print_number(out, "channel", s->channel);
	pt_print_text(out, "contact", pt_contact_words[s->contact]);
	if (s->plug == PT_PLUG_INPUT) {
		pt_print_text(out, "kind", pt_input_kind_words[s->input_kind]);
		pt_print_duration(out, "debounce", s->debounce_ns);
		pt_print_duration(out, "off-after", s->off_after_ns);
		if (!s->off_after_ns && !strcmp(s->driver->name, "onvif"))
			g_string_append(out, ", off-after: never");
	} else {
		pt_print_text(out, "kind", pt_relay_kind_words[s->relay_kind]);
		pt_print_text(out, "mode", pt_relay_mode_words[s->mode]);
		pt_print_duration(out, "pulse", s->pulse_ns);
		g_string_append_printf(out, ", safe: %s", pt_relay_safe_words[s->safe]);
		pt_print_duration(out, "max-on", s->max_on_ns);
		pt_print_duration(out, "min-pause", s->min_pause_ns);
		if (s->rated_cycles)
			pt_print_number(out, "rated-cycles", s->rated_cycles);
		if (s->egress)
			pt_print_text(out, "egress", pt_egress_words[s->egress]);
		pt_print_text(out, "hub-timed", s->hub_timed ? "accepted" : NULL);
		pt_print_text(out, "via", s->via_panel ? "panel" : NULL);
		if (s->allow_mqtt || s->allow_http)
			g_string_append_printf(out, ", allow: [%s%s%s]", s->allow_mqtt ? "mqtt" : "",
			                       s->allow_mqtt && s->allow_http ? ", " : "", s->allow_http ? "http" : "");
	}
	g_string_append(out, " }\n");
}

static void print_place(GString *out, const PtSite *s) {
	char latitude[40], longitude[40];
	g_string_append(out, "site: {");
	pt_print_text(out, "name", s->name);
	if (s->located)
		g_string_append_printf(out, ", location: [%s, %s]",
		                       g_ascii_formatd(latitude, sizeof latitude, "%.6g", s->latitude),
		                       g_ascii_formatd(longitude, sizeof longitude, "%.6g", s->longitude));
	pt_print_text(out, "timezone", s->timezone);
	g_autofree char *modes = g_strjoinv(", ", s->modes); /* names: letters and digits */
	g_string_append_printf(out, ", modes: [%s]", modes);
	pt_print_text(out, "holidays", s->holidays_path);
	g_string_append(out, " }\n");
}

static void print_web(GString *out, const PtSite *s) {
	g_string_append(out, "web: {");
	pt_print_text(out, "listen", s->web_listen);
	if (s->web_names && s->web_names[0]) {
		g_autofree char *names = g_strjoinv(", ", s->web_names); /* checked: letters, digits, dots and hyphens */
		g_string_append_printf(out, ", names: [%s]", names);
	}
	pt_print_number(out, "max-connections", s->web_max_connections);
	pt_print_text(out, "tls", s->tls_own ? "own" : NULL);
	pt_print_text(out, "install", s->web_install);
	if (s->tls_cert) {
		g_string_append(out, ", tls: {");
		pt_print_text(out, "cert", s->tls_cert);
		pt_print_text(out, "key", s->tls_key);
		g_string_append(out, " }");
	}
	g_string_append(out, " }\n");
}

static void print_archive(GString *out, const PtSite *s) {
	g_autofree char *percent = pt_units_format_percent(s->archive_free_percent);
	g_string_append(out, "archive: {");
	pt_print_text(out, "path", s->archive_path);
	pt_print_text(out, "card", s->archive_card);
	if (strcmp(s->archive_state, s->archive_path))
		pt_print_text(out, "state", s->archive_state);
	pt_print_duration(out, "sync", s->archive_sync_ns);
	g_string_append(out, ", keep: {");
	put_days(out, "days", s->archive_keep_ns);
	put_size(out, "size", s->archive_keep_bytes);
	if (s->archive_free_bytes)
		put_size(out, "free", s->archive_free_bytes);
	else
		g_string_append_printf(out, "%s%s", out->str[out->len - 1] == '{' ? " free: " : ", free: ", percent);
	g_string_append(out, " } }\n");
}

static void print_serve(GString *out, const PtSite *s) {
	if (!s->serve_rtsp && !s->serve_rtsps && !s->serve_onvif && !s->serve_events && !s->serve_plain)
		return;
	g_string_append(out, "serve: {");
	pt_print_text(out, "rtsp", s->serve_rtsp);
	pt_print_text(out, "rtsps", s->serve_rtsps);
	pt_print_text(out, "onvif", s->serve_onvif);
	pt_print_text(out, "events", s->serve_events);
	pt_print_text(out, "plain", s->serve_plain ? "lan" : NULL);
	g_string_append(out, " }\n");
}

char *pt_site_print(const PtSite *s) {
	GString *out = g_string_new(NULL);
	print_place(out, s);
	print_web(out, s);
	print_archive(out, s);
	for (guint i = 0; i < s->cameras->len; i++) {
		g_string_append(out, i ? "" : "cameras:\n");
		print_camera(out, s->cameras->pdata[i]);
	}
	for (guint i = 0; i < s->inputs->len; i++) {
		g_string_append(out, i ? "" : "inputs:\n");
		print_plug(out, s->inputs->pdata[i]);
	}
	for (guint i = 0; i < s->relays->len; i++) {
		g_string_append(out, i ? "" : "relays:\n");
		print_plug(out, s->relays->pdata[i]);
	}
	pt_site_print_alarm(out, s);
	pt_site_print_rules(out, s);
	pt_site_print_mqtt(out, s);
	pt_site_print_talk(out, s);
	pt_site_print_notify(out, s);
	print_serve(out, s);
	return g_string_free(out, FALSE);
}

/* ---- diff ---- */

static bool differs(const PtSite *a, const PtSite *b, void (*print)(GString *, const PtSite *)) {
	g_autoptr(GString) x = g_string_new(NULL);
	g_autoptr(GString) y = g_string_new(NULL);
	print(x, a);
	print(y, b);
	return strcmp(x->str, y->str) != 0;
}

static bool same_camera(const PtSiteCamera *a, const PtSiteCamera *b) {
	g_autoptr(GString) x = g_string_new(NULL);
	g_autoptr(GString) y = g_string_new(NULL);
	print_camera(x, a);
	print_camera(y, b);
	bool same_login = !a->login == !b->login && (!a->login || (!g_strcmp0(a->login->user, b->login->user) &&
	                                                           !g_strcmp0(a->login->password, b->login->password)));
	return !strcmp(x->str, y->str) && same_login;
}

static void compare_plugs(GPtrArray *before, GPtrArray *after, GPtrArray *changed) {
	for (guint i = 0; i < before->len; i++) {
		const PtPlugSettings *a = before->pdata[i], *b = NULL;
		for (guint k = 0; k < after->len && !b; k++)
			if (!strcmp(((PtPlugSettings *)after->pdata[k])->name, a->name))
				b = after->pdata[k];
		if (!b || !pt_plug_settings_equal(a, b))
			g_ptr_array_add(changed, g_strdup(a->name));
	}
}

static void compare_cameras(const PtSite *before, const PtSite *after, GPtrArray *changed) {
	for (guint i = 0; i < before->cameras->len; i++) {
		const PtSiteCamera *a = before->cameras->pdata[i], *b = pt_site_camera(after, a->name);
		if (!b || !same_camera(a, b))
			g_ptr_array_add(changed, g_strdup(a->name));
	}
}

static bool same_users(const PtSite *a, const PtSite *b) {
	if (a->users->len != b->users->len || a->app_passwords->len != b->app_passwords->len)
		return false;
	for (guint i = 0; i < a->users->len; i++) {
		const PtSiteUser *x = a->users->pdata[i], *y = pt_site_user(b, x->name);
		bool same_list =
		    y && !x->cameras == !y->cameras &&
		    (!x->cameras || g_strv_equal((const char *const *)x->cameras, (const char *const *)y->cameras));
		if (!y || x->role != y->role || g_strcmp0(x->password, y->password) || g_strcmp0(x->pin, y->pin) ||
		    !same_list)
			return false;
	}
	for (guint i = 0; i < a->app_passwords->len; i++) {
		const PtSiteLogin *x = a->app_passwords->pdata[i], *y = b->app_passwords->pdata[i];
		if (g_strcmp0(x->name, y->name) || g_strcmp0(x->user, y->user) || g_strcmp0(x->password, y->password))
			return false;
	}
	return true;
}

PtSiteDiff *pt_site_diff(const PtSite *before, const PtSite *after) {
	PtSiteDiff *d = g_new0(PtSiteDiff, 1);
	GPtrArray **lists[] = {&d->cameras_gone, &d->cameras_new, &d->inputs_gone,
	                       &d->inputs_new,   &d->relays_gone, &d->relays_new};
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		*lists[i] = g_ptr_array_new_with_free_func(g_free);
	compare_cameras(before, after, d->cameras_gone);
	compare_cameras(after, before, d->cameras_new);
	compare_plugs(before->inputs, after->inputs, d->inputs_gone);
	compare_plugs(after->inputs, before->inputs, d->inputs_new);
	compare_plugs(before->relays, after->relays, d->relays_gone);
	compare_plugs(after->relays, before->relays, d->relays_new);
	d->place = differs(before, after, print_place);
	d->web = differs(before, after, print_web);
	d->archive = differs(before, after, print_archive);
	d->serve = differs(before, after, print_serve);
	d->rules = differs(before, after, pt_site_print_rules);
	d->notify = !pt_site_same_notify(before, after);
	d->users = !same_users(before, after);
	d->mqtt = differs(before, after, pt_site_print_mqtt);
	return d;
}

void pt_site_diff_free(PtSiteDiff *d) {
	if (!d)
		return;
	GPtrArray *lists[] = {d->cameras_gone, d->cameras_new, d->inputs_gone, d->inputs_new, d->relays_gone, d->relays_new};
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		g_ptr_array_unref(lists[i]);
	g_free(d);
}
