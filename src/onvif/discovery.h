/* WS-Discovery (OASIS 2005, as ONVIF Core §7 uses it): finding devices, and being found. Multicast and unicast, IPv4. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/soap.h"

#define PT_DISCOVERY_PORT 3702
#define PT_DISCOVERY_GROUP "239.255.255.250"

/* ---- messages: pure ---- */

typedef enum {
	PT_DISCOVERY_PROBE,
	PT_DISCOVERY_RESOLVE,
	PT_DISCOVERY_MATCH,
	PT_DISCOVERY_HELLO,
	PT_DISCOVERY_BYE
} PtDiscoveryKind;

/* One device, as it tells of itself. Lists are separated by spaces, as on the wire. */
typedef struct {
	char *endpoint;  /* "urn:uuid:…" */
	char *types;     /* "dn:NetworkVideoTransmitter tds:Device", with our prefixes */
	char *scopes;    /* "onvif://www.onvif.org/name/Gate …" */
	char *xaddrs;    /* addresses of its device service */
	int64_t version; /* of its metadata */
} PtDiscoveryDevice;
void pt_discovery_device_clear(PtDiscoveryDevice *device);

typedef struct {
	PtDiscoveryKind kind;
	char *id, *relates_to;      /* of the message, and of the one it answers; NULL: none */
	PtDiscoveryDevice *devices; /* of a match, hello or bye; of a probe: one, what is asked for */
	unsigned n_devices;
} PtDiscoveryMessage;

/* NULL: not a message of discovery. More than 16 devices in one are left out. */
PtDiscoveryMessage *pt_discovery_parse(const void *data, size_t size, GError **error);
void pt_discovery_message_free(PtDiscoveryMessage *message); /* takes NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtDiscoveryMessage, pt_discovery_message_free)

GBytes *pt_discovery_probe(const char *id);
GBytes *pt_discovery_hello(const PtDiscoveryDevice *device, uint64_t instance, unsigned number);
GBytes *pt_discovery_bye(const PtDiscoveryDevice *device, uint64_t instance, unsigned number);
/* The answer to a probe or a resolve; NULL: it does not mean this device. */
GBytes *pt_discovery_answer(const PtDiscoveryMessage *question, const PtDiscoveryDevice *device, uint64_t instance,
                            unsigned number);
/* A word of a scope ("name", "hardware", "location"): its value, decoded; NULL: none. Caller frees. */
char *pt_discovery_scope(const char *scopes, const char *word);

/* ---- looking for devices ---- */

typedef struct PtDiscoverySearch PtDiscoverySearch;
/* device: new, or known by its endpoint and with more to tell; remote: the address it answered from. Once per device. */
typedef void (*PtDiscoveryFn)(void *user, const PtDiscoveryDevice *device, const char *remote);
/* Probes all networks of this machine three times (hosts: these addresses too, unicast; NULL: none) on the thread-default
 * context, until it is freed. NULL and error when there is no socket to be had. */
PtDiscoverySearch *pt_discovery_search_new(const char *const *hosts, PtDiscoveryFn fn, void *user, GError **error);
void pt_discovery_search_free(PtDiscoverySearch *search); /* takes NULL */

/* ---- being found ---- */

typedef struct PtDiscoveryServer PtDiscoveryServer;
typedef struct {
	/* Fills in what it says of itself to somebody at `local` (the address of this machine that the other one reaches).
	 * FALSE: it is not to be found at the moment. */
	bool (*describe)(void *user, const char *local, PtDiscoveryDevice *ret);
	void *user;
} PtDiscoveryServerOps;
/* Says Hello on all networks. */
PtDiscoveryServer *pt_discovery_server_new(const PtDiscoveryServerOps *ops, GError **error);
void pt_discovery_server_hello(PtDiscoveryServer *server); /* what it says has changed */
void pt_discovery_server_free(PtDiscoveryServer *server);  /* says Bye; takes NULL */
