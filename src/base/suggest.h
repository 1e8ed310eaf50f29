/* "did you mean …?": the word of a list that is nearest to a mistyped one. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The word of the NULL-terminated list that is near enough to be what was meant, or NULL. Belongs to the list. */
const char *pt_suggest(const char *word, const char *const *list);
/* " (did you mean flood?)" or "". Caller frees. */
char *pt_suggest_text(const char *word, const char *const *list);
/* "one, two, three". Caller frees. */
char *pt_suggest_join(const char *const *list);
