/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plugs.h"
#include "base/error.h"
#include <string.h>

struct PtPlugs {
	PtPlugEnv env;
	int64_t (*off_due)(void *user, const char *relay);
	void *user;
	GPtrArray *inputs, *relays;
	GHashTable *set; /* name -> PtPlugSettings * whose mode, pulse and contact go before the site file's */
};

PtPlugs *pt_plugs_new(const PtPlugEnv *env, int64_t (*off_due)(void *user, const char *relay), void *user) {
	PtPlugs *p = g_new0(PtPlugs, 1);
	p->env = *env;
	p->off_due = off_due;
	p->user = user;
	p->inputs = g_ptr_array_new_with_free_func((GDestroyNotify)pt_input_free);
	p->set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)pt_plug_settings_free);
	p->relays = g_ptr_array_new_with_free_func((GDestroyNotify)pt_relay_free);
	p->env.relays = p->relays;
	return p;
}

PtInput *pt_plugs_input(PtPlugs *p, const char *name) {
	for (guint i = 0; i < p->inputs->len; i++)
		if (!strcmp(pt_input_settings(g_ptr_array_index(p->inputs, i))->name, name))
			return g_ptr_array_index(p->inputs, i);
	return NULL;
}

PtRelay *pt_plugs_relay(PtPlugs *p, const char *name) {
	for (guint i = 0; i < p->relays->len; i++)
		if (!strcmp(pt_relay_settings(g_ptr_array_index(p->relays, i))->name, name))
			return g_ptr_array_index(p->relays, i);
	return NULL;
}

GPtrArray *pt_plugs_inputs(PtPlugs *plugs) { return plugs->inputs; }
GPtrArray *pt_plugs_relays(PtPlugs *plugs) { return plugs->relays; }

/* A copy of the site's settings with what was set besides. */
static PtPlugSettings *settings_of(PtPlugs *p, const PtPlugSettings *site) {
	PtPlugSettings *copy = pt_plug_settings_copy(site);
	const PtPlugSettings *set = g_hash_table_lookup(p->set, site->name);
	if (set) {
		copy->mode = set->mode;
		copy->pulse_ns = set->pulse_ns;
		copy->contact = set->contact;
	}
	return copy;
}

gboolean pt_plugs_configure_relay(PtPlugs *p, const char *name, PtRelayMode mode, int64_t pulse_ns, PtContact contact,
                                  const char *actor, GError **error) {
	PtRelay *relay = pt_plugs_relay(p, name);
	if (!relay) {
		pt_error_set(error, NOT_FOUND, "there is no relay '%s'", name);
		return FALSE;
	}
	if (!pt_relay_configure(relay, mode, pulse_ns, contact, actor, error))
		return FALSE;
	g_hash_table_insert(p->set, g_strdup(name), pt_plug_settings_copy(pt_relay_settings(relay)));
	return TRUE;
}

/* Those whose settings are no longer what the site says go first: two of them may share a line of a chip. */
static void drop_changed(PtPlugs *p, const PtSite *site) {
	for (guint i = p->inputs->len; i-- > 0;) {
		const PtPlugSettings *s = pt_input_settings(g_ptr_array_index(p->inputs, i));
		const PtPlugSettings *now = pt_site_input(site, s->name);
		if (!now || !pt_plug_settings_equal(s, now))
			g_ptr_array_remove_index(p->inputs, i);
	}
	for (guint i = p->relays->len; i-- > 0;) {
		const PtPlugSettings *s = pt_relay_settings(g_ptr_array_index(p->relays, i));
		const PtPlugSettings *named = pt_site_relay(site, s->name);
		g_autoptr(PtPlugSettings) now = named ? settings_of(p, named) : NULL;
		if (!named)
			g_hash_table_remove(p->set, s->name);
		if (!now || !pt_plug_settings_equal(s, now))
			g_ptr_array_remove_index(p->relays, i);
	}
}

void pt_plugs_apply(PtPlugs *p, PtSite *site) {
	drop_changed(p, site);
	/* relays before inputs: overdue offs run before anything can switch anew (P5) */
	for (guint i = 0; i < site->relays->len; i++) {
		g_autoptr(PtPlugSettings) s = settings_of(p, g_ptr_array_index(site->relays, i));
		if (!pt_plugs_relay(p, s->name))
			g_ptr_array_add(p->relays, pt_relay_new(s, &p->env, p->off_due ? p->off_due(p->user, s->name) : -1));
	}
	for (guint i = 0; i < site->inputs->len; i++) {
		const PtPlugSettings *s = g_ptr_array_index(site->inputs, i);
		if (!pt_plugs_input(p, s->name))
			g_ptr_array_add(p->inputs, pt_input_new(s, &p->env));
	}
}

void pt_plugs_free(PtPlugs *p) {
	if (!p)
		return;
	g_ptr_array_unref(p->inputs);
	g_ptr_array_unref(p->relays);
	g_hash_table_unref(p->set);
	g_free(p);
}
