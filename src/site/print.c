/* The site as text, and what differs between two of them. Both go over the same writers: what would be printed differently
 * has changed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"
#include "site/internal.h"
#include "site/yaml.h"
#include <string.h>

static void put_text(GString *out, const char *key, const char *text) {
	if (!text)
		return;
	g_autofree char *quoted = pt_yaml_quote(text);
	g_string_append_printf(out, "%s%s: %s", out->str[out->len - 1] == '{' ? " " : ", ", key, quoted);
}

static void put_duration(GString *out, const char *key, int64_t ns) {
	g_autofree char *text = ns ? pt_units_format_duration(ns) : NULL;
	if (text)
		g_string_append_printf(out, "%s%s: %s", out->str[out->len - 1] == '{' ? " " : ", ", key, text);
}

static void put_size(GString *out, const char *key, uint64_t bytes) {
	g_autofree char *text = bytes ? pt_units_format_size(bytes) : NULL;
	put_text(out, key, text);
}

static void put_days(GString *out, const char *key, int64_t ns) {
	char text[40];
	if (ns)
		g_string_append_printf(out, "%s%s: %s", out->str[out->len - 1] == '{' ? " " : ", ", key,
		                       g_ascii_formatd(text, sizeof text, "%.6g", (double)ns / 86400e9));
}

static void put_number(GString *out, const char *key, int64_t n) {
	g_string_append_printf(out, "%s%s: %" G_GINT64_FORMAT, out->str[out->len - 1] == '{' ? " " : ", ", key, n);
}

static void put_tls(GString *out, const PtSiteCamera *c) {
	if (c->tls == PT_SITE_TLS_VERIFY)
		put_text(out, "tls", "verify");
	if (c->tls != PT_SITE_TLS_PINNED)
		return;
	g_autoptr(GString) text = g_string_new("sha256:");
	for (size_t i = 0; i < sizeof c->tls_pin; i++)
		g_string_append_printf(text, "%02x", c->tls_pin[i]);
	put_text(out, "tls", text->str);
}

static void put_motion(GString *out, const PtSiteCamera *c) {
	char x[G_ASCII_DTOSTR_BUF_SIZE], y[G_ASCII_DTOSTR_BUF_SIZE];
	g_string_append_printf(out, ", motion: { sensitivity: %u", c->motion_sensitivity);
	g_autofree char *before = pt_units_format_duration(c->motion_before_ns);
	g_autofree char *after = pt_units_format_duration(c->motion_after_ns);
	put_duration(out, "hold", c->motion_hold_ns);
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
	put_text(out, "source", c->source);
	put_text(out, "sub", c->sub);
	put_text(out, "microphone", c->microphone);
	put_text(out, "snapshot", c->snapshot);
	put_text(out, "login", c->login ? c->login->name : NULL);
	put_text(out, "transport", pt_transport_words[c->transport]);
	put_tls(out, c);
	if (c->events != PT_SITE_EVENTS_ANY)
		put_text(out, "events", pt_site_events_words[c->events]);
	if (c->profile_main || c->profile_sub) {
		g_string_append(out, ", profiles: {");
		put_text(out, "main", c->profile_main);
		put_text(out, "sub", c->profile_sub);
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
		put_text(out, "order", c->backfill_oldest_first ? "oldest" : "newest");
		put_text(out, "rate", rate);
		if (c->backfill_from_min >= 0)
			g_string_append_printf(out, ", hours: \"%02d:%02d-%02d:%02d\"", c->backfill_from_min / 60,
			                       c->backfill_from_min % 60, c->backfill_to_min / 60, c->backfill_to_min % 60);
		g_string_append(out, " }");
	}
	if (c->motion)
		put_motion(out, c);
	g_string_append(out, " }\n");
}

static void print_plug(GString *out, const PtPlugSettings *s) {
	g_string_append_printf(out, "  %s: {", s->name);
	put_text(out, "driver", s->driver->name);
	put_text(out, "camera", s->camera);
	put_text(out, "token", s->token);
	put_text(out, "chip", s->chip);
	if (s->line_offset >= 0)
		put_number(out, "line", s->line_offset);
	put_text(out, "board", s->board);
	if (s->channel >= 0)
		put_number(out, "channel", s->channel);
	put_text(out, "contact", pt_contact_words[s->contact]);
	if (s->plug == PT_PLUG_INPUT) {
		put_text(out, "kind", pt_input_kind_words[s->input_kind]);
		put_duration(out, "debounce", s->debounce_ns);
	} else {
		put_text(out, "kind", pt_relay_kind_words[s->relay_kind]);
		put_text(out, "mode", pt_relay_mode_words[s->mode]);
		put_duration(out, "pulse", s->pulse_ns);
		g_string_append_printf(out, ", safe: %s", pt_relay_safe_words[s->safe]);
		put_duration(out, "max-on", s->max_on_ns);
		if (s->egress)
			put_text(out, "egress", pt_egress_words[s->egress]);
		put_text(out, "hub-timed", s->hub_timed ? "accepted" : NULL);
		put_text(out, "via", s->via_panel ? "panel" : NULL);
	}
	g_string_append(out, " }\n");
}

static void print_daytime(GString *out, const PtDaytime *t) {
	static const char *const sun[] = {"", "sunrise", "sunset"};
	if (t->kind == PT_DAYTIME_CLOCK)
		g_string_append_printf(out, "\"%02d:%02d\"", t->minutes / 60, t->minutes % 60);
	else if (t->minutes)
		g_string_append_printf(out, "%s%+dmin", sun[t->kind], t->minutes);
	else
		g_string_append(out, sun[t->kind]);
}

static void print_subject(GString *out, const PtSubject *s) {
	if (s->kind == PT_SUBJECT_START)
		g_string_append(out, "start");
	else
		g_string_append_printf(out, "%s %s %s", pt_subject_words[s->kind], s->name, s->state);
}

static void print_cond(GString *out, const PtCond *c) {
	static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	static const char *const several[] = {"and", "or", "not"};
	g_string_append(out, "{ ");
	switch (c->kind) {
	case PT_COND_BETWEEN:
		g_string_append(out, "between: [");
		print_daytime(out, &c->from);
		g_string_append(out, ", ");
		print_daytime(out, &c->to);
		g_string_append(out, "]");
		break;
	case PT_COND_DAYS:
		g_string_append(out, "days: [");
		for (int i = 0, n = 0; i < 7; i++)
			if (c->days >> i & 1)
				g_string_append_printf(out, "%s%s", n++ ? ", " : "", days[i]);
		g_string_append(out, "]");
		break;
	case PT_COND_STATE:
		g_string_append(out, "state: ");
		print_subject(out, &c->subject);
		break;
	default:
		g_string_append_printf(out, "%s: %s", several[c->kind], c->kind == PT_COND_NOT ? "" : "[");
		for (guint i = 0; i < c->of->len; i++) {
			if (i)
				g_string_append(out, ", ");
			print_cond(out, c->of->pdata[i]);
		}
		if (c->kind != PT_COND_NOT)
			g_string_append(out, "]");
	}
	g_string_append(out, " }");
}

static void print_action(GString *out, const PtAction *a) {
	static const char *const orders[] = {"off", "on", "pulse"};
	g_autofree char *text = a->text ? pt_yaml_quote(a->text) : NULL;
	g_autofree char *after = pt_units_format_duration(a->after_ns);
	g_string_append(out, "      - ");
	switch (a->kind) {
	case PT_DO_RELAY:
		g_string_append_printf(out, "relay: { %s: %s", a->target, orders[a->order]);
		put_duration(out, "for", a->for_ns);
		g_string_append(out, " }\n");
		break;
	case PT_DO_RECORD:
		g_string_append(out, "record: {");
		put_text(out, "camera", a->target);
		put_duration(out, "before", a->before_ns);
		g_string_append_printf(out, ", after: %s", after);
		put_duration(out, "keep", a->keep_ns);
		g_string_append(out, " }\n");
		break;
	case PT_DO_NOTIFY:
		if (a->target)
			g_string_append_printf(out, "notify: { to: %s, text: %s }\n", a->target, text);
		else
			g_string_append_printf(out, "notify: %s\n", text);
		break;
	case PT_DO_LOG:
		g_string_append_printf(out, "log: %s\n", text);
		break;
	}
}

static void print_rule(GString *out, const PtRule *r) {
	g_autofree char *name = pt_yaml_quote(r->name);
	g_string_append_printf(out, "  %s:\n    when: [", name);
	for (guint i = 0; i < r->when->len; i++) {
		const PtTrigger *t = r->when->pdata[i];
		g_autofree char *held = t->held_ns ? pt_units_format_duration(t->held_ns) : NULL;
		g_string_append(out, i ? ", " : "");
		print_subject(out, &t->subject);
		if (held)
			g_string_append_printf(out, " for %s", held);
	}
	g_string_append(out, "]\n");
	if (r->cond) {
		g_string_append(out, "    if: ");
		print_cond(out, r->cond);
		g_string_append_c(out, '\n');
	}
	if (r->cooldown_ns) {
		g_autofree char *cooldown = pt_units_format_duration(r->cooldown_ns);
		g_string_append_printf(out, "    cooldown: %s\n", cooldown);
	}
	g_string_append(out, "    do:\n");
	for (guint i = 0; i < r->actions->len; i++)
		print_action(out, r->actions->pdata[i]);
}

static void print_place(GString *out, const PtSite *s) {
	char latitude[40], longitude[40];
	g_string_append(out, "site: {");
	put_text(out, "name", s->name);
	if (s->located)
		g_string_append_printf(out, ", location: [%s, %s]",
		                       g_ascii_formatd(latitude, sizeof latitude, "%.6g", s->latitude),
		                       g_ascii_formatd(longitude, sizeof longitude, "%.6g", s->longitude));
	put_text(out, "timezone", s->timezone);
	g_string_append(out, " }\n");
}

static void print_web(GString *out, const PtSite *s) {
	g_string_append(out, "web: {");
	put_text(out, "listen", s->web_listen);
	if (s->web_names && s->web_names[0]) {
		g_autofree char *names = g_strjoinv(", ", s->web_names); /* checked: letters, digits, dots and hyphens */
		g_string_append_printf(out, ", names: [%s]", names);
	}
	put_number(out, "max-connections", s->web_max_connections);
	if (s->tls_cert) {
		g_string_append(out, ", tls: {");
		put_text(out, "cert", s->tls_cert);
		put_text(out, "key", s->tls_key);
		g_string_append(out, " }");
	}
	g_string_append(out, " }\n");
}

static void print_archive(GString *out, const PtSite *s) {
	g_autofree char *percent = pt_units_format_percent(s->archive_free_percent);
	g_string_append(out, "archive: {");
	put_text(out, "path", s->archive_path);
	put_text(out, "card", s->archive_card);
	if (strcmp(s->archive_state, s->archive_path))
		put_text(out, "state", s->archive_state);
	put_duration(out, "sync", s->archive_sync_ns);
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
	put_text(out, "rtsp", s->serve_rtsp);
	put_text(out, "rtsps", s->serve_rtsps);
	put_text(out, "onvif", s->serve_onvif);
	put_text(out, "events", s->serve_events);
	put_text(out, "plain", s->serve_plain ? "lan" : NULL);
	g_string_append(out, " }\n");
}

static void print_notify(GString *out, const PtSite *s) {
	for (guint i = 0; i < s->notify->len; i++) {
		const PtSiteNotify *n = s->notify->pdata[i];
		g_string_append_printf(out, "%s  %s: {", i ? "" : "notify:\n", n->name);
		put_text(out, n->ntfy ? "ntfy" : "webhook", n->url);
		g_string_append(out, " }\n");
	}
}

static void print_rules(GString *out, const PtSite *s) {
	for (guint i = 0; i < s->rules->list->len; i++) {
		g_string_append(out, i ? "" : "rules:\n");
		print_rule(out, s->rules->list->pdata[i]);
	}
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
	print_rules(out, s);
	print_notify(out, s);
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

static bool same_notify(const PtSite *a, const PtSite *b) {
	if (a->notify->len != b->notify->len || differs(a, b, print_notify))
		return false;
	for (guint i = 0; i < a->notify->len; i++)
		if (g_strcmp0(((PtSiteNotify *)a->notify->pdata[i])->secret, ((PtSiteNotify *)b->notify->pdata[i])->secret))
			return false;
	return true;
}

static bool same_users(const PtSite *a, const PtSite *b) {
	if (a->users->len != b->users->len || a->app_passwords->len != b->app_passwords->len)
		return false;
	for (guint i = 0; i < a->users->len; i++) {
		const PtSiteUser *x = a->users->pdata[i], *y = pt_site_user(b, x->name);
		bool same_list =
		    y && !x->cameras == !y->cameras &&
		    (!x->cameras || g_strv_equal((const char *const *)x->cameras, (const char *const *)y->cameras));
		if (!y || x->role != y->role || g_strcmp0(x->password, y->password) || !same_list)
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
	d->rules = differs(before, after, print_rules);
	d->notify = !same_notify(before, after);
	d->users = !same_users(before, after);
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
