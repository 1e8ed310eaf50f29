/* Texts with {names} in them that are filled when something happened. Braces around anything but small letters are text. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <glib.h>

/* NULL: there is nothing to say, and the name is filled with nothing. */
typedef struct {
	const char *site, *camera, *input, *time, *state, *cause;
} PtTemplateValues;

/* The first name that there is not; NULL: all are known. Caller frees. */
char *pt_template_unknown(const char *text);
extern const char *const pt_template_names[]; /* NULL-terminated */
/* Caller frees. */
char *pt_template_fill(const char *text, const PtTemplateValues *values);
