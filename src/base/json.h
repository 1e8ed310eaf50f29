/* The few lines needed to write JSON into a string. Reading JSON is json-glib's work, in the rooms that need it. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <glib.h>

/* Appends text as a JSON string with its quotes (RFC 8259 §7); NULL gives null. Bytes that are not UTF-8 become U+FFFD. */
void pt_json_string(GString *out, const char *text);

/* Whether the text has at most so many arrays and objects, hence none nested deeper: brackets are counted wherever they
 * stand, so that no quote or comment hides one. json-glib descends by recursion: text of others is to be asked this first,
 * or 100 kB of '[' end the process. */
#define PT_JSON_DEPTH_MAX 64
bool pt_json_is_shallow(const char *text, size_t size, unsigned max);
