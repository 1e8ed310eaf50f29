/* Calls to one ONVIF device: finds its services, logs in the way it wants to be logged in to (WS-UsernameToken with its own
 * clock, HTTP Digest), and turns whatever goes wrong into one sentence. Asynchronous on the context of its PtHttp. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "http/client.h"
#include "onvif/soap.h"

typedef enum {
	PT_ONVIF_DEVICE,
	PT_ONVIF_MEDIA,
	PT_ONVIF_MEDIA2,
	PT_ONVIF_EVENTS,
	PT_ONVIF_DEVICEIO,
	PT_ONVIF_IMAGING,
	PT_ONVIF_PTZ,
	PT_ONVIF_ANALYTICS,
	PT_ONVIF_RECORDING,
	PT_ONVIF_SEARCH,
	PT_ONVIF_REPLAY,
	PT_ONVIF_N_SERVICES,
} PtOnvifService;

typedef struct PtOnvifDevice PtOnvifDevice;
typedef struct PtOnvifCall PtOnvifCall; /* under way; gone once its fn was called */

typedef struct {
	const char *url;             /* of the device service, by pt_onvif_device_url() */
	const char *user, *password; /* NULL: none */
	PtHttpTrust trust;           /* of an address of https:// */
	bool clear;                  /* a password in clear is allowed (a camera that knows nothing else) */
} PtOnvifParams;

/* Copies the params; http and clock outlive it. */
PtOnvifDevice *pt_onvif_device_new(PtHttp *http, PtClock *clock, const PtOnvifParams *params);
void pt_onvif_device_free(PtOnvifDevice *device); /* cancels its calls, whose fn is not called; takes NULL */

/* answer: NULL on error, else no fault. Both are valid during the call. */
typedef void (*PtOnvifFn)(void *user, const PtSoap *answer, const GError *error);

/* A sentence when the login that it is used with is one that whoever knows the maker knows, or when it needs none; NULL: all
 * is well. Nothing is tried for it. */
const char *pt_onvif_device_login_warning(const PtOnvifDevice *device);

/* Measures the clock and asks for the services. Before it succeeded only the device service can be called. */
PtOnvifCall *pt_onvif_device_open(PtOnvifDevice *device, PtOnvifFn fn, void *user);
bool pt_onvif_device_has(const PtOnvifDevice *device, PtOnvifService service);
const char *pt_onvif_device_url_of(const PtOnvifDevice *device, PtOnvifService service); /* NULL: it has none */
const char *pt_onvif_device_host_url(const PtOnvifDevice *device);                       /* what it was reached by */
const PtHttpPeer *pt_onvif_device_peer(const PtOnvifDevice *device);                     /* who answered last */
int64_t pt_onvif_device_offset_ns(const PtOnvifDevice *device);                          /* its clock less ours */
bool pt_onvif_device_clock_known(const PtOnvifDevice *device);
/* Once more; what it was stays when there is no answer. */
void pt_onvif_device_measure_clock(PtOnvifDevice *device);

#define PT_ONVIF_TIMEOUT_S 8

/* body: one element, taken. UNSUPPORTED at once (by an idle call) when the device has no such service. */
PtOnvifCall *pt_onvif_call(PtOnvifDevice *device, PtOnvifService service, PtXml *body, PtOnvifFn fn, void *user);
/* Without the login, and with no second try. */
PtOnvifCall *pt_onvif_call_as_stranger(PtOnvifDevice *device, PtOnvifService service, PtXml *body, PtOnvifFn fn, void *user);
/* To an address of its own, as subscriptions have one. header: action, to and extra of it are used, extra is taken. */
PtOnvifCall *pt_onvif_call_at(PtOnvifDevice *device, const char *url, const PtSoapHeader *header, PtXml *body,
                              unsigned timeout_s, PtOnvifFn fn, void *user);
void pt_onvif_cancel(PtOnvifCall *call); /* its fn is not called; takes NULL */

/* The same, waited for: on a thread whose default context is the one of the device's PtHttp. NULL on error. */
PtSoap *pt_onvif_ask(PtOnvifDevice *device, PtOnvifService service, PtXml *body, GError **error);
bool pt_onvif_device_open_wait(PtOnvifDevice *device, GError **error);

/* An empty request: <tds:GetHostname/>. */
PtXml *pt_onvif_request(const char *name);
