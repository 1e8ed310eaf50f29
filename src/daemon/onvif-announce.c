/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/onvif-announce.h"
#include "onvif/discovery.h"
#include <string.h>

struct PtOnvifAnnounce {
	PtOnvif *onvif;
	char *host; /* of the address it listens at */
	PtDiscoveryServer *server;
};

static bool reached_at(const PtOnvifAnnounce *a, const char *local) {
	return !strcmp(a->host, local) || !a->host[0] || !strcmp(a->host, "0.0.0.0") || !strcmp(a->host, "[::]") ||
	       (!strcmp(a->host, "localhost") && g_str_has_prefix(local, "127."));
}

static bool describe(void *user, const char *local, PtDiscoveryDevice *ret) {
	const PtOnvifAnnounce *a = user;
	PtOnvifServer *server = pt_onvif_server(a->onvif);
	unsigned port = pt_onvif_port(a->onvif);
	if (!port || !reached_at(a, local) || !pt_onvif_server_discoverable(server))
		return false;
	g_autofree char *origin = g_strdup_printf("%s://%s:%u", pt_onvif_is_tls(a->onvif) ? "https" : "http", local, port);
	*ret = (PtDiscoveryDevice){.endpoint = g_strdup(pt_onvif_server_endpoint(server)),
	                           .types = g_strdup(PT_ONVIF_TYPES),
	                           .scopes = pt_onvif_server_scopes(server),
	                           .xaddrs = pt_onvif_server_xaddr(origin),
	                           .version = 1};
	return true;
}

static void changed(void *user) { pt_discovery_server_hello(((PtOnvifAnnounce *)user)->server); }

PtOnvifAnnounce *pt_onvif_announce_new(PtOnvif *onvif, const char *listen, GError **error) {
	PtOnvifAnnounce *a = g_new0(PtOnvifAnnounce, 1);
	const char *colon = strrchr(listen, ':');
	a->onvif = onvif;
	a->host = g_strndup(listen, colon ? (gsize)(colon - listen) : strlen(listen));
	a->server = pt_discovery_server_new(&(PtDiscoveryServerOps){describe, a}, error);
	if (!a->server) {
		pt_onvif_announce_free(a);
		return NULL;
	}
	pt_onvif_on_discovery_changed(onvif, changed, a);
	return a;
}

void pt_onvif_announce_free(PtOnvifAnnounce *a) {
	if (!a)
		return;
	pt_onvif_on_discovery_changed(a->onvif, NULL, NULL);
	pt_discovery_server_free(a->server);
	g_free(a->host);
	g_free(a);
}
