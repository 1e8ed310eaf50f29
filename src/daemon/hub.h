/* The daemon: opens all rooms in the right order, wires them together, follows signals, closes them again. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "site/config.h"
#include <glib.h>

typedef struct {
	const char *site_path;
	bool print_link;     /* a link that logs in goes to the terminal, when there is one (P7) */
	bool link_to_stdout; /* and to standard output although that is none: for `pigtail demo` */
} PtHubOptions;

/* Runs until SIGTERM or SIGINT. Exit status: 0 done, 1 failed, 3 the site file is invalid. */
int pt_hub_run(const PtHubOptions *options);
