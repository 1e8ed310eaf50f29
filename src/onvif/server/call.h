/* One request on its way through the server, and what the services are made of: tables of operations. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/attempts.h"
#include "http/client.h"
#include "onvif/server/server.h"
#include "onvif/server/settings.h"
#include "onvif/server/subscriptions.h"
#include "onvif/soap.h"

/* Core specification, "Access classes for service requests". */
typedef enum {
	PT_ACCESS_PRE_AUTH,
	PT_ACCESS_READ_SYSTEM,
	PT_ACCESS_READ_SYSTEM_SENSITIVE,
	PT_ACCESS_READ_SYSTEM_SECRET,
	PT_ACCESS_WRITE_SYSTEM,
	PT_ACCESS_UNRECOVERABLE,
	PT_ACCESS_READ_MEDIA,
	PT_ACCESS_ACTUATE,
} PtAccess;

typedef struct PtCall PtCall;
/* Writes the children of the response into call->out, or calls pt_call_fault(). */
typedef void (*PtOperationFn)(PtCall *call);

typedef struct {
	const char *name; /* of the request's element */
	PtAccess access;
	PtOperationFn fn; /* NULL: refused with ter:ActionNotSupported and why, if given */
	const char *why;  /* "ter:PTZNotSupported" */
	int arg;          /* for a handler of several operations */
} PtOperation;

typedef struct {
	const char *prefix; /* "tds" */
	const char *path;   /* of its XAddr; NULL: only at addresses given out */
	int major, minor;   /* of the specification; 0: not listed among the services */
	PtOperationFn capabilities;
	const PtOperation *operations; /* up to one without a name */
} PtService;

extern const PtService pt_service_device, pt_service_media, pt_service_media2, pt_service_deviceio, pt_service_events,
    pt_service_notification, pt_service_imaging, pt_service_search, pt_service_recording, pt_service_replay;
extern const PtService *const pt_services[]; /* NULL-terminated */

struct PtOnvifServer {
	PtOnvifHost host;
	PtWsseServer *wsse;
	PtDigestServer *digest;
	PtSettings *settings;
	PtSubscriptions *subscriptions;
	struct PtSearches *searches; /* made when first needed */
	PtHttp *http;                /* pushes notifications; made when first needed */
	guint tick;
	PtOnvifServerStats stats;
	PtAttempts *attempts; /* by address and name */
	/* while a login is looked at */
	const char *remote;
	char *claimed;           /* key of whoever it says it is; NULL: it named nobody */
	int64_t claimed_wait_ns; /* not 0: whatever the password is, it came too soon */
};

struct PtCall {
	PtOnvifServer *server;
	PtSoap *soap;
	const PtXmlNode *in; /* the request's element */
	PtXml *out;          /* the response's element is open */
	const PtService *service;
	const PtOperation *operation;
	char *origin, *path, *user; /* user NULL: not logged in */
	PtOnvifLevel level;
	bool deferred;
	GArray *streams;                 /* those the caller may see; NULL: not asked for yet */
	GArray *recordings, *happenings; /* likewise, of pt_recordings_then() */
	/* a fault, once code is set */
	const char *code; /* "s:Sender" */
	char *subcode, *subsubcode, *reason;
	PtXml *detail;
	const PtOnvifClient *client;
	void *client_data;
};

/* The answer is a fault: by its subcode the sender's or ours. subsubcode NULL: none. The first one counts. */
void pt_call_fault(PtCall *call, const char *subcode, const char *subsubcode, const char *format, ...) G_GNUC_PRINTF(4, 5);
/* A fault of WS-BaseNotification: "wsnt:UnableToGetMessagesFault", with its element in the detail. */
void pt_call_base_fault(PtCall *call, const char *name, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* What the host refused. */
void pt_call_fault_error(PtCall *call, const GError *error);
/* The answer follows later, by pt_call_finish(), unless the handler has made it a fault. */
void pt_call_defer(PtCall *call);
/* Answers and frees. */
void pt_call_finish(PtCall *call);
/* The same with HTTP's question for a login. */
void pt_call_finish_challenged(PtCall *call, char **challenges);

/* The text at a path below the request: "tds:ProfileToken". "" when it is not there. */
const char *pt_call_text(const PtCall *call, const char *path);
/* "user/anna via onvif"; caller frees. */
char *pt_call_actor(const PtCall *call);
bool pt_call_may_see(const PtCall *call, const char *camera); /* "": whoever sees all */
/* Those the caller may see. The streams are the call's own; caller unrefs the others. */
GArray *pt_call_streams(PtCall *call);
GArray *pt_call_inputs(const PtCall *call);
GArray *pt_call_relays(const PtCall *call);
/* "http://192.0.2.5:8081/onvif/NAME"; caller frees. */
char *pt_call_address(const PtCall *call, const char *path);
/* Host part of the origin, as in a URL. Caller frees. */
char *pt_call_host(const PtCall *call);
/* Addresses and ports; ended with pt_network_clear(). */
void pt_call_network(const PtCall *call, PtOnvifNetwork *ret);
void pt_network_clear(PtOnvifNetwork *network);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PtOnvifNetwork, pt_network_clear)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtXml, pt_xml_free)
