/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/relay-cycles.h"
#include "daemon/state-file.h"
#include <gio/gio.h>
#include <stdbool.h>
#include <string.h>

#define WRITE_S 5

struct PtRelayCycles {
	char *path;
	dev_t medium;
	GHashTable *counts; /* name -> int64_t *, both owned */
	guint timer;        /* 0: all is written, or being written */
	bool writing;
};

PtRelayCycles *pt_relay_cycles_new(const char *path) {
	PtRelayCycles *c = g_new0(PtRelayCycles, 1);
	g_autofree char *text = NULL;
	c->path = g_strdup(path);
	c->medium = pt_state_medium(path);
	c->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_file_get_contents(path, &text, NULL, NULL);
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", 0);
	for (char **line = lines; *line; line++) {
		char *gap = strchr(*line, ' ');
		if (!gap)
			continue;
		*gap = 0;
		pt_relay_cycles_note(c, *line, MAX(g_ascii_strtoll(gap + 1, NULL, 10), 0));
	}
	g_clear_handle_id(&c->timer, g_source_remove);
	return c;
}

int64_t pt_relay_cycles_get(const PtRelayCycles *c, const char *relay) {
	const int64_t *count = g_hash_table_lookup(c->counts, relay);
	return count ? *count : 0;
}

static char *format(const PtRelayCycles *c) {
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(c->counts), (GCompareFunc)strcmp);
	for (GList *n = names; n; n = n->next)
		g_string_append_printf(text, "%s %" G_GINT64_FORMAT "\n", (const char *)n->data,
		                       pt_relay_cycles_get(c, n->data));
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static void written(GObject *source, GAsyncResult *result, gpointer data) { ((PtRelayCycles *)data)->writing = false; }

static gboolean on_timer(gpointer data) {
	PtRelayCycles *c = data;
	if (c->writing) /* a slow disk: later */
		return G_SOURCE_CONTINUE;
	c->timer = 0;
	c->writing = true;
	pt_state_write_async(c->path, c->medium, format(c), 0640, written, c);
	return G_SOURCE_REMOVE;
}

void pt_relay_cycles_note(PtRelayCycles *c, const char *relay, int64_t count) {
	int64_t *kept = g_new(int64_t, 1);
	*kept = count;
	g_hash_table_insert(c->counts, g_strdup(relay), kept);
	if (!c->timer)
		c->timer = g_timeout_add_seconds(WRITE_S, on_timer, c);
}

void pt_relay_cycles_free(PtRelayCycles *c) {
	if (!c)
		return;
	while (c->writing)
		g_main_context_iteration(NULL, TRUE);
	if (c->timer) {
		g_autofree char *text = format(c);
		g_source_remove(c->timer);
		pt_state_write(c->path, c->medium, text, -1, 0640, NULL);
	}
	g_hash_table_unref(c->counts);
	g_free(c->path);
	g_free(c);
}
