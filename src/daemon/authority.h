/* The authority that this hub is for its own pages (web.tls: own). Made once and kept (ca.pem, mode 0600); by it the
 * server's certificate (web.pem, likewise), which is made anew before it ends and when the names and addresses of the hub
 * change. Whoever installed the authority's certificate notices nothing of that. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bus.h"
#include "site/config.h"
#include "web/host.h"
#include <gio/gio.h>

typedef struct PtAuthority PtAuthority;

typedef struct {
	PtClock *clock;
	PtBus *bus;
	void (*changed)(void *user, GTlsCertificate *certificate); /* this is to be shown from now on */
	void *user;
} PtAuthorityEnv;

/* Makes what is missing, unless the clock was not set yet: then as soon as it is. What goes wrong is said on stderr and as
 * events of "system/certificate", and tried again. */
PtAuthority *pt_authority_new(const PtAuthorityEnv *env, PtSite *site);
GTlsCertificate *pt_authority_certificate(const PtAuthority *authority); /* borrowed; NULL: there is none yet */
const PtOwnAuthority *pt_authority_show(const PtAuthority *authority); /* borrowed until the main loop runs again */
/* Makes a new certificate of the server, and a new authority where its file was removed; answered. */
void pt_authority_renew(PtAuthority *authority, PtRequest *request);
void pt_authority_free(PtAuthority *authority); /* waits for what is being made; takes NULL */
