/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/guard.h"
#include "base/units.h"

/* The pause of self, counted from when which went off. */
static char *still(const PtGuardRelay *self, const PtGuardRelay *which, int64_t now_ns) {
	int64_t left = which->off_since_ns + self->settings->min_pause_ns - now_ns;
	if (!self->off || !self->settings->min_pause_ns || left <= 0)
		return NULL;
	int64_t unit = left > PT_NS_PER_S ? PT_NS_PER_S : PT_NS_PER_MS; /* rounded up: then it may */
	g_autofree char *pause = pt_units_format_duration(self->settings->min_pause_ns);
	g_autofree char *wait = pt_units_format_duration((left + unit - 1) / unit * unit);
	return g_strdup_printf("min-pause %s: %s went off less than that ago; give the order again in %s", pause,
	                       which == self ? "it" : which->settings->name, wait);
}

char *pt_guard_interlock(const PtGuardRelay *self, const PtGuardRelay *other, int64_t now_ns) {
	const char *word = self->settings->interlock;
	if (!word || self->settings == other->settings || g_strcmp0(word, other->settings->interlock))
		return NULL;
	if (other->off)
		return still(self, other, now_ns);
	return g_strdup_printf("interlock %s: %s is %s, and the two are never on together; switch %s off first", word,
	                       other->settings->name, other->state, other->settings->name);
}

char *pt_guard_pause(const PtGuardRelay *self, int64_t now_ns) { return still(self, self, now_ns); }

char *pt_guard_wear(int64_t rated, int64_t cycles) {
	if (!rated || cycles < rated - rated / 10)
		return NULL;
	return g_strdup_printf("its contact has switched %" G_GINT64_FORMAT " times, and is rated for %" G_GINT64_FORMAT
	                       ": replace it%s, and begin its count anew (relay-cycles in the state directory)",
	                       cycles, rated, cycles < rated ? " soon" : "");
}

bool pt_guard_wear_said_at(int64_t rated, int64_t cycles) {
	int64_t tenth = MAX(rated / 10, 1);
	return rated && cycles >= rated - rated / 10 && (cycles - (rated - rated / 10)) % tenth == 0;
}
