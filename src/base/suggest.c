/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"
#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define LONGEST 48 /* bytes; longer words are no typing mistakes */

/* Edits (insert, delete, replace, swap of neighbours) from a to b, ignoring case. Restricted Damerau-Levenshtein. */
static unsigned distance(const char *a, const char *b) {
	size_t na = strlen(a), nb = strlen(b);
	unsigned row[3][LONGEST + 1];
	if (na > LONGEST || nb > LONGEST)
		return LONGEST;
	for (size_t j = 0; j <= nb; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *before2 = row[(i + 1) % 3];
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			char ca = g_ascii_tolower(a[i - 1]), cb = g_ascii_tolower(b[j - 1]);
			unsigned best = MIN(before[j] + 1, now[j - 1] + 1);
			best = MIN(best, before[j - 1] + (ca != cb));
			if (i > 1 && j > 1 && ca == g_ascii_tolower(b[j - 2]) && g_ascii_tolower(a[i - 2]) == cb)
				best = MIN(best, before2[j - 2] + 1);
			now[j] = best;
		}
	}
	return row[na % 3][nb];
}

/* NC is normally-closed. */
static bool is_short_for(const char *word, const char *full) {
	size_t n = 0;
	for (const char *p = full; p; p = strchr(p, '-') ? strchr(p, '-') + 1 : NULL)
		if (!word[n] || g_ascii_tolower(word[n++]) != g_ascii_tolower(*p))
			return false;
	return n > 1 && !word[n];
}

const char *pt_suggest(const char *word, const char *const *list) {
	const char *best = NULL;
	unsigned limit = (unsigned)MAX(1, strlen(word) / 3), best_distance = limit + 1;
	for (size_t i = 0; list && list[i]; i++) {
		if (is_short_for(word, list[i]))
			return list[i];
		unsigned d = distance(word, list[i]);
		if (d < best_distance && d < strlen(list[i])) {
			best = list[i];
			best_distance = d;
		}
	}
	return best;
}

char *pt_suggest_text(const char *word, const char *const *list) {
	const char *best = pt_suggest(word, list);
	return best ? g_strdup_printf(" (did you mean %s?)", best) : g_strdup("");
}

char *pt_suggest_join(const char *const *list) { return g_strjoinv(", ", (char **)list); }
