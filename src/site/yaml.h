/* YAML text to the plain tree of base/node.h, through libyaml's event interface: its document loader needs minutes for
 * hostile input and forgets lines. What a configuration file has no use for (anchors, aliases, tags, several documents)
 * is refused, so that the same text means the same to every reader of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/node.h"

#define PT_YAML_DEPTH_MAX 32
#define PT_YAML_BYTES_MAX (4 * 1024 * 1024)
#define PT_YAML_NODES_MAX 100000

/* file: the name shown in problems. NULL and an error "FILE:LINE: what is wrong" for the first thing that is no valid
 * YAML; an empty text gives an empty map. */
PtNode *pt_yaml_parse(const char *text, size_t size, const char *file, GError **error);
/* Reads the file first; its base name is what problems show. */
PtNode *pt_yaml_load(const char *path, GError **error);
/* Text as a YAML scalar that every reader takes for this very text: quoted where needed. Caller frees. */
char *pt_yaml_quote(const char *text);
