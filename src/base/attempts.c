/* SPDX-License-Identifier: Apache-2.0 */
#include "base/attempts.h"
#include "base/clock.h"
#include <glib.h>

#define KEYS_MAX 4096
#define FREE 3 /* slips that cost nothing */
#define DOUBLINGS 6
#define FORGET_NS (3600 * PT_NS_PER_S)

typedef struct {
	unsigned count;
	int64_t until_ns, last_ns;
} Failure;

struct PtAttempts {
	GHashTable *failures; /* key -> Failure */
};

PtAttempts *pt_attempts_new(void) {
	PtAttempts *a = g_new0(PtAttempts, 1);
	a->failures = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return a;
}

void pt_attempts_free(PtAttempts *a) {
	if (!a)
		return;
	g_hash_table_unref(a->failures);
	g_free(a);
}

int64_t pt_attempts_wait_ns(PtAttempts *a, const char *key, int64_t now_ns) {
	const Failure *f = g_hash_table_lookup(a->failures, key);
	return f ? MAX(f->until_ns - now_ns, 0) : 0;
}

static gboolean is_old(gpointer key, gpointer value, gpointer now_ns) {
	return *(const int64_t *)now_ns - ((const Failure *)value)->last_ns > FORGET_NS;
}

void pt_attempts_failed(PtAttempts *a, const char *key, int64_t now_ns) {
	Failure *f = g_hash_table_lookup(a->failures, key);
	if (!f && g_hash_table_size(a->failures) >= KEYS_MAX)
		g_hash_table_foreach_remove(a->failures, is_old, &now_ns);
	if (!f && g_hash_table_size(a->failures) >= KEYS_MAX)
		g_hash_table_remove_all(a->failures);
	if (!f) {
		f = g_new0(Failure, 1);
		g_hash_table_replace(a->failures, g_strdup(key), f);
	}
	f->count++;
	f->last_ns = now_ns;
	f->until_ns = f->count < FREE ? 0 : now_ns + (PT_NS_PER_S << MIN(f->count - FREE, DOUBLINGS));
}

void pt_attempts_forgive(PtAttempts *a, const char *key) { g_hash_table_remove(a->failures, key); }
