/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"
#include "base/units.h"
#include "plugs/relay.h"
#include "site/internal.h"
#include <string.h>

#define DAY_NS (86400 * PT_NS_PER_S)
#define OFF_AFTER_NS (INT64_C(3600) * PT_NS_PER_S)

static const char *const input_keys[] = {"driver", "kind", "contact", "debounce", "off-after", NULL};
static const char *const relay_keys[] = {"driver",    "kind",      "contact",      "mode",      "pulse",
                                         "safe",      "max-on",    "egress",       "hub-timed", "via",
                                         "interlock", "min-pause", "rated-cycles", "allow",     NULL};

static bool read_driver(const PtNode *node, PtPlugSettings *s, GPtrArray *problems) {
	g_autofree const char **names = pt_plug_driver_names();
	g_autofree char *name = NULL, *list = pt_suggest_join(names);
	const PtNode *driver = pt_node_get(node, "driver");
	if (!driver)
		pt_problem(problems, node, "has no driver; one of %s", list);
	if (!pt_node_read_text(driver, &name, problems))
		return false;
	s->driver = pt_plug_driver_find(name);
	if (s->driver)
		return true;
	g_autofree char *meant = pt_suggest_text(name, names);
	pt_problem(problems, driver, "'%.60s' is not one of %s%s", name, list, meant);
	return false;
}

/* Keys that are common, that the driver has, that another driver has, or that nobody has. */
static void check_keys(const PtNode *node, const char *const *common, const PtPlugDriver *driver, GPtrArray *problems) {
	g_autoptr(GPtrArray) known = g_ptr_array_new();
	for (size_t i = 0; common[i]; i++)
		g_ptr_array_add(known, (void *)common[i]);
	for (size_t i = 0; driver && driver->keys[i]; i++)
		g_ptr_array_add(known, (void *)driver->keys[i]);
	g_autofree const char **names = driver ? NULL : pt_plug_driver_names();
	for (size_t i = 0; names && names[i]; i++) /* what is wrong is the driver: its keys may be any's */
		for (const char *const *key = pt_plug_driver_find(names[i])->keys; *key; key++)
			g_ptr_array_add(known, (void *)*key);
	g_ptr_array_add(known, NULL);
	pt_node_check_keys(node, (const char *const *)known->pdata, problems);
}

static int choice(const PtNode *node, const char *key, const char *const *words, int otherwise, GPtrArray *problems) {
	pt_node_read_choice(pt_node_get(node, key), words, &otherwise, problems);
	return otherwise;
}

/* Of a chip: a number, or the name that its lines have. */
static void read_line(const PtNode *node, PtPlugSettings *s, GPtrArray *problems) {
	int64_t n;
	bool number = node && node->text && g_ascii_isdigit(node->text[0]) && !node->quoted;
	if (number && pt_node_read_integer(node, 0, 1023, &n, problems))
		s->line_offset = (int)n;
	else if (!number)
		pt_node_read_text(node, &s->line_name, problems);
}

/* What a device is spoken to with over HTTP, and what for. */
static void read_http(const PtSite *site, const PtNode *node, PtPlugSettings *s, GPtrArray *problems) {
	static const char *const schemes[] = {"http", "https", NULL};
	static const char *const methods[] = {"GET", "PUT", "POST", NULL};
	const PtNode *url = pt_node_get(node, "url"), *read = pt_node_get(node, "read"), *named = pt_node_get(node, "login");
	if (s->url)
		pt_site_check_url(url, s->url, schemes, problems);
	if (s->read_url)
		pt_site_check_url(read, s->read_url, schemes, problems);
	s->method = g_strdup(methods[choice(node, "method", methods, 0, problems)]);
	if (s->token && !(s->secret = pt_site_token(site, s->token)))
		pt_problem(problems, pt_node_get(node, "token"),
		           "there is no token named '%.60s': write 'tokens: { %.60s: … }' in secrets.yaml", s->token,
		           s->token);
	if (!s->login)
		return;
	const PtSiteLogin *found = pt_site_login(site, s->login);
	if (!found || !found->user)
		pt_problem(
		    problems, named,
		    "there is no login named '%.60s': write 'logins: { %.60s: { user: …, password: … } }' in secrets.yaml",
		    s->login, s->login);
	s->user = g_strdup(found ? found->user : NULL);
	g_free(s->secret);
	s->secret = g_strdup(found ? found->password : NULL);
}

static void read_ohm(const PtNode *node, double *ret, GPtrArray *problems) {
	g_autoptr(GError) error = NULL;
	if (node && pt_node_is_kind(node, PT_NODE_SCALAR, problems) && !pt_units_parse_ohm(node->text, ret, &error))
		pt_problem(problems, node, "%s", error->message);
}

/* A supervised loop. */
static void read_adc(const PtNode *node, PtPlugSettings *s, GPtrArray *problems) {
	const PtNode *tolerance = pt_node_get(node, "tolerance");
	g_autoptr(GError) error = NULL;
	double percent = 25;
	read_ohm(pt_node_get(node, "series"), &s->series_ohm, problems);
	read_ohm(pt_node_get(node, "parallel"), &s->parallel_ohm, problems);
	read_ohm(pt_node_get(node, "pull-up"), &s->pull_up_ohm, problems);
	pt_node_read_integer(pt_node_get(node, "full"), 15, INT64_C(1) << 32, &s->full_scale, problems);
	s->every_ns = 50 * PT_NS_PER_MS;
	pt_node_read_duration(pt_node_get(node, "every"), 5 * PT_NS_PER_MS, 10 * PT_NS_PER_S, &s->every_ns, problems);
	if (tolerance && pt_node_is_kind(tolerance, PT_NODE_SCALAR, problems)) {
		if (!pt_units_parse_percent(tolerance->text, &percent, &error))
			pt_problem(problems, tolerance, "%s", error->message);
		else if (percent < 1 || percent > 50)
			pt_problem(problems, tolerance, "must be 1%% to 50%%");
	}
	s->tolerance = percent / 100;
}

static void check_broker(const PtSite *site, const PtNode *node, GPtrArray *problems) {
	if (!site->mqtt)
		pt_problem(problems, node, "driver mqtt needs a broker: write mqtt: { broker: mqtts://… } in the site file");
}

static void read_address(const PtSite *site, const PtNode *node, PtPlugSettings *s, GPtrArray *problems) {
	int64_t n;
	for (const PtPlugText *t = pt_plug_texts; t->offset; t++)
		if (t->key)
			pt_node_read_text(pt_node_get(node, t->key), pt_plug_text(s, t), problems);
	read_line(pt_node_get(node, "line"), s, problems);
	s->bias = (PtBias)choice(node, "bias", pt_bias_words, PT_BIAS_AS_IS, problems);
	s->active = (PtActive)choice(node, "active", pt_active_words, PT_ACTIVE_USUAL, problems);
	if (pt_node_read_integer(pt_node_get(node, "channel"), 0, 64, &n, problems))
		s->channel = (int)n;
	if (s->board && !pt_site_name_valid(s->board))
		pt_problem(problems, pt_node_get(node, "board"), "is no name for a board: use a-z, 0-9, - and _");
	if (!s->camera || pt_site_camera(site, s->camera))
		return;
	g_autofree const char **names = pt_site_names(site->cameras, G_STRUCT_OFFSET(PtSiteCamera, name));
	g_autofree char *meant = pt_suggest_text(s->camera, names);
	pt_problem(problems, pt_node_get(node, "camera"), "there is no camera named '%.60s'%s", s->camera, meant);
}

/* Two plugs on one wire would fight; problems name the first. */
static void check_twice(GPtrArray *list, const PtNode *node, const PtPlugSettings *s, GPtrArray *problems) {
	for (guint i = 0; i < list->len; i++) {
		const PtPlugSettings *o = list->pdata[i];
		bool same = o->driver == s->driver && !g_strcmp0(o->camera, s->camera) && !g_strcmp0(o->token, s->token) &&
		            !g_strcmp0(o->chip, s->chip) && o->line_offset == s->line_offset &&
		            !g_strcmp0(o->line_name, s->line_name) && !g_strcmp0(o->topic, s->topic) &&
		            !g_strcmp0(o->field, s->field) && !g_strcmp0(o->board, s->board) && o->channel == s->channel;
		if (same && (s->token || s->line_offset >= 0 || s->line_name || s->topic || s->channel >= 0))
			pt_problem(problems, node, "is the same wire as %s in line %d", o->name, o->line);
	}
}

static PtPlugSettings *read_common(PtSite *site, const PtNode *node, PtPlugKind plug, GPtrArray *problems) {
	static const char *const what[] = {"an input", "a relay"};
	if (!pt_site_check_name(node, what[plug], problems) || !pt_node_is_kind(node, PT_NODE_MAP, problems))
		return NULL;
	PtPlugSettings *s = pt_plug_settings_new(plug);
	s->name = g_strdup(node->key);
	s->line = node->key_line;
	guint before = problems->len;
	read_driver(node, s, problems);
	check_keys(node, plug == PT_PLUG_INPUT ? input_keys : relay_keys, s->driver, problems);
	read_address(site, node, s, problems);
	if (s->driver && !strcmp(s->driver->name, "http"))
		read_http(site, node, s, problems);
	if (s->driver && !strcmp(s->driver->name, "adc"))
		read_adc(node, s, problems);
	if (s->driver && !strcmp(s->driver->name, "mqtt"))
		check_broker(site, node, problems);
	if (s->driver && s->driver->check && problems->len == before)
		s->driver->check(s, node, problems);
	s->contact = (PtContact)choice(node, "contact", pt_contact_words, PT_CONTACT_OPEN_NORMALLY, problems);
	if (s->driver && !(plug == PT_PLUG_INPUT ? (void *)s->driver->input : (void *)s->driver->relay)) {
		g_autofree char *path = pt_node_path(node);
		g_ptr_array_add(site->notes,
		                g_strdup_printf("%s:%d: %s: this build has no driver %s: it will be shown as unknown",
		                                pt_node_file(node), node->line, path, s->driver->name));
	}
	return s;
}

/* off-after: 1h, or never. ONVIF cameras are known to forget the end of an event; a door may well stand open for long. */
static void read_off_after(const PtNode *node, PtPlugSettings *s, GPtrArray *problems) {
	bool forgets = s->driver && !strcmp(s->driver->name, "onvif") && s->input_kind != PT_INPUT_DOOR;
	s->off_after_ns = forgets ? OFF_AFTER_NS : 0;
	if (node && node->kind == PT_NODE_SCALAR && !strcmp(node->text, "never"))
		s->off_after_ns = 0;
	else
		pt_node_read_duration(node, PT_NS_PER_S / 10, 7 * DAY_NS, &s->off_after_ns, problems);
}

static void read_input(PtSite *site, const PtNode *node, GPtrArray *problems) {
	PtPlugSettings *s = read_common(site, node, PT_PLUG_INPUT, problems);
	if (!s)
		return;
	s->input_kind = (PtInputKind)choice(node, "kind", pt_input_kind_words, PT_INPUT_OTHER, problems);
	pt_node_read_duration(pt_node_get(node, "debounce"), 0, 10 * PT_NS_PER_S, &s->debounce_ns, problems);
	read_off_after(pt_node_get(node, "off-after"), s, problems);
	check_twice(site->inputs, node, s, problems);
	g_ptr_array_add(site->inputs, s);
}

/* P9 and P5: what a relay that moves metal, or that saves lives, must say of itself. */
static void check_safety(const PtNode *node, const PtPlugSettings *s, GPtrArray *problems) {
	bool metal = s->relay_kind == PT_RELAY_DOOR || s->relay_kind == PT_RELAY_GATE;
	if (metal && s->egress == PT_EGRESS_NONE)
		pt_problem(
		    problems, node,
		    "a %s needs egress: hardwired (an exit button or release in the wiring) or mechanical (a handle that "
		    "always opens): nobody may depend on this program to get out",
		    pt_relay_kind_words[s->relay_kind]);
	if (s->relay_kind == PT_RELAY_FIRE && !s->via_panel)
		pt_problem(problems, node, "kind fire is accepted only as a signal to a fire panel: write via: panel");
	if (metal && s->driver && !pt_plug_has_own_timer(s) && !s->hub_timed)
		pt_problem(
		    problems, node,
		    "driver %s has no timer of its own: a %s that is timed only by this program stays as it is when the "
		    "program dies. Accept it with hub-timed: accepted, or use a device with a timer",
		    s->driver->name, pt_relay_kind_words[s->relay_kind]);
}

/* allow: [mqtt, http] */
static void read_allow(const PtNode *node, PtPlugSettings *s, GPtrArray *problems) {
	static const char *const ways[] = {"mqtt", "http", NULL};
	if (!node || !pt_node_is_kind(node, PT_NODE_LIST, problems))
		return;
	for (unsigned i = 0; i < pt_node_count(node); i++) {
		int way;
		if (!pt_node_read_choice(pt_node_at(node, i), ways, &way, problems))
			continue;
		s->allow_mqtt |= way == 0;
		s->allow_http |= way == 1;
	}
}

/* P9: what holds an order back may hold nobody in, and no signal of a fire. */
static void check_guards(const PtNode *node, const PtPlugSettings *s, GPtrArray *problems) {
	bool life = s->relay_kind == PT_RELAY_DOOR || s->relay_kind == PT_RELAY_FIRE;
	if (life && (s->interlock || s->min_pause_ns))
		pt_problem(problems, node, "a %s must not be held back: leave out interlock and min-pause",
		           pt_relay_kind_words[s->relay_kind]);
	if (s->interlock && s->safe != PT_SAFE_OFF)
		pt_problem(problems, node, "interlock needs safe: off: at the start all of them have to be off");
	if (s->min_pause_ns && s->safe == PT_SAFE_ON)
		pt_problem(problems, node, "min-pause and safe: on contradict each other");
}

/* A word that only one relay has locks nothing. */
static void check_interlocks(const PtSite *site, const PtNode *relays, GPtrArray *problems) {
	for (guint i = 0; i < site->relays->len; i++) {
		const PtPlugSettings *s = site->relays->pdata[i];
		unsigned with = 0;
		for (guint k = 0; s->interlock && k < site->relays->len; k++)
			with += !g_strcmp0(s->interlock, ((const PtPlugSettings *)site->relays->pdata[k])->interlock);
		if (with == 1)
			pt_problem(problems, pt_node_get(pt_node_get(relays, s->name), "interlock"),
			           "no other relay has interlock: %.40s; give it to all that must never be on together",
			           s->interlock);
	}
}

static void read_relay(PtSite *site, const PtNode *node, GPtrArray *problems) {
	static const char *const accepted[] = {"accepted", NULL};
	static const char *const panel[] = {"panel", NULL};
	PtPlugSettings *s = read_common(site, node, PT_PLUG_RELAY, problems);
	if (!s)
		return;
	s->relay_kind = (PtRelayKind)choice(node, "kind", pt_relay_kind_words, PT_RELAY_OTHER, problems);
	s->mode = (PtRelayMode)choice(node, "mode", pt_relay_mode_words, PT_MODE_BISTABLE, problems);
	s->safe = (PtRelaySafe)choice(node, "safe", pt_relay_safe_words, PT_SAFE_OFF, problems);
	s->egress = (PtEgress)choice(node, "egress", pt_egress_words, PT_EGRESS_NONE, problems);
	s->hub_timed = choice(node, "hub-timed", accepted, -1, problems) == 0;
	s->via_panel = choice(node, "via", panel, -1, problems) == 0;
	read_allow(pt_node_get(node, "allow"), s, problems);
	pt_node_read_duration(pt_node_get(node, "pulse"), 50 * PT_NS_PER_MS, 3600 * PT_NS_PER_S, &s->pulse_ns, problems);
	pt_node_read_duration(pt_node_get(node, "max-on"), PT_NS_PER_S / 10, 7 * DAY_NS, &s->max_on_ns, problems);
	if (s->interlock && !pt_site_name_valid(s->interlock))
		pt_problem(problems, pt_node_get(node, "interlock"), "is no word for a group: use a-z, 0-9, - and _");
	pt_node_read_duration(pt_node_get(node, "min-pause"), PT_NS_PER_S / 10, DAY_NS, &s->min_pause_ns, problems);
	pt_node_read_integer(pt_node_get(node, "rated-cycles"), 1000, INT64_C(1000000000), &s->rated_cycles, problems);
	if (s->mode == PT_MODE_MONOSTABLE && !pt_node_get(node, "pulse"))
		pt_problem(problems, node, "mode monostable needs pulse: how long, such as 1s");
	if (s->mode == PT_MODE_MONOSTABLE && s->safe == PT_SAFE_ON)
		pt_problem(problems, node, "a monostable relay cannot be safe: on");
	if (s->max_on_ns && s->safe == PT_SAFE_ON)
		pt_problem(problems, node, "max-on and safe: on contradict each other");
	check_safety(node, s, problems);
	check_guards(node, s, problems);
	check_twice(site->relays, node, s, problems);
	g_ptr_array_add(site->relays, s);
}

void pt_site_read_plugs(PtSite *site, const PtNode *inputs, const PtNode *relays, GPtrArray *problems) {
	if (!pt_node_is_empty(inputs) && pt_node_is_kind(inputs, PT_NODE_MAP, problems))
		for (unsigned i = 0; i < pt_node_count(inputs); i++)
			read_input(site, pt_node_at(inputs, i), problems);
	if (!pt_node_is_empty(relays) && pt_node_is_kind(relays, PT_NODE_MAP, problems))
		for (unsigned i = 0; i < pt_node_count(relays); i++)
			read_relay(site, pt_node_at(relays, i), problems);
	check_interlocks(site, relays, problems);
}
