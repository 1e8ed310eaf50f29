/* The plain tree that a configuration file becomes before anybody looks for meaning in it, the problems found in it,
 * and the readers that turn a node into a checked value. Which text format it came from is not seen here. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

typedef enum { PT_NODE_SCALAR, PT_NODE_LIST, PT_NODE_MAP } PtNodeKind;

typedef struct PtNode PtNode;
struct PtNode {
	PtNodeKind kind;
	bool quoted;         /* a scalar in quotes: text even when it looks like something else */
	int line, column;    /* 1-based; of the value */
	int key_line;        /* of its key, when it stands in a map */
	char *key;           /* its key in the map above; NULL in a list and at the root */
	char *text;          /* of a scalar; NULL else */
	GPtrArray *children; /* of PtNode *, owned, in the order of the file; NULL for a scalar */
	PtNode *parent;      /* NULL at the root */
	char *file;          /* root only: the name shown in problems */
};

PtNode *pt_node_new(PtNodeKind kind, const char *text, int line, int column);
/* Takes child; key is copied, NULL in a list. */
void pt_node_add(PtNode *parent, PtNode *child, const char *key, int key_line);
void pt_node_free(PtNode *node); /* with all below it; takes NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtNode, pt_node_free)

/* The child of a map with this key, or NULL; NULL when node is NULL or not a map. */
const PtNode *pt_node_get(const PtNode *node, const char *key);
static inline unsigned pt_node_count(const PtNode *node) { return node && node->children ? node->children->len : 0; }
static inline const PtNode *pt_node_at(const PtNode *node, unsigned i) { return node->children->pdata[i]; }
/* True for an absent node and for an empty, unquoted scalar ("key:" and nothing behind it), "~" and "null". */
bool pt_node_is_empty(const PtNode *node);
/* "relays.strike.contact", "rules.night door.do[2]". Caller frees. */
char *pt_node_path(const PtNode *node);
const char *pt_node_file(const PtNode *node);

/* ---- problems: all of them are collected, up to a bound, so that one look at the list mends the file ---- */

#define PT_PROBLEMS_MAX 50
GPtrArray *pt_problems_new(void); /* of char *, freed with it */
/* "site.yaml:14: relays.strike.contact: what is wrong". node: not NULL. Past the bound they are only counted in a last line.
 */
void pt_problem(GPtrArray *problems, const PtNode *node, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* The same without a place in a file. */
void pt_problem_text(GPtrArray *problems, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* ---- readers: false when node is NULL (nothing is said), or wrong (a problem is added); *ret is then untouched ---- */

bool pt_node_read_text(const PtNode *node, char **ret, GPtrArray *problems); /* frees what *ret held */
bool pt_node_read_duration(const PtNode *node, int64_t min_ns, int64_t max_ns, int64_t *ret_ns, GPtrArray *problems);
bool pt_node_read_size(const PtNode *node, uint64_t *ret_bytes, GPtrArray *problems);
bool pt_node_read_rate(const PtNode *node, uint64_t *ret_bits_per_s, GPtrArray *problems);
bool pt_node_read_integer(const PtNode *node, int64_t min, int64_t max, int64_t *ret, GPtrArray *problems);
bool pt_node_read_number(const PtNode *node, double min, double max, double *ret, GPtrArray *problems);
/* on/off, yes/no, true/false, in any case: the same to readers of YAML 1.1 and of YAML 1.2. */
bool pt_node_read_switch(const PtNode *node, bool *ret, GPtrArray *problems);
/* The index of the scalar in the NULL-terminated list. Where the list holds "on" or "off", the words YAML 1.1 would have
 * made of them (true, yes, false, no) are taken as well. */
bool pt_node_read_choice(const PtNode *node, const char *const *words, int *ret, GPtrArray *problems);
/* Without adding problems: 1, 0, or -1 when the text is not a switch. */
int pt_node_switch_of(const char *text);

/* Adds a problem for each key of the map that is not in the NULL-terminated list, or one when it is no map. */
bool pt_node_check_keys(const PtNode *node, const char *const *known, GPtrArray *problems);
bool pt_node_is_kind(const PtNode *node, PtNodeKind kind, GPtrArray *problems); /* or says what was expected */
