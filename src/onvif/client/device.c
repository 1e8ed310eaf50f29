/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/device.h"
#include "base/error.h"
#include "onvif/client/address.h"
#include "onvif/client/answers.h"
#include <string.h>

#define ANSWER_MAX (2u << 20)
#define TRIES 3

static const char *const titles[PT_ONVIF_N_SERVICES] = {
    "device", "media", "media2", "event", "device I/O", "imaging", "PTZ", "analytics", "recording", "search", "replay"};

/* How it wants to be logged in to. All that is new is tried with both. */
typedef enum { LOGIN_BOTH, LOGIN_DIGEST } LoginWay;

struct PtOnvifDevice {
	PtHttp *http;
	PtClock *clock;
	char *url, *user, *password;
	bool clear;
	PtHttpTrust trust;
	PtHttpPeer peer;
	PtDigestClient *digest;
	char *services[PT_ONVIF_N_SERVICES];
	bool clock_known;
	int64_t told_ns; /* its clock less our monotonic one, so that it stays true when ours is set; 0: it never told */
	LoginWay way;
	GPtrArray *calls; /* under way; borrowed */
};

/* One question and its answer, with all the tries that it takes. */
struct PtOnvifCall {
	PtOnvifDevice *device;
	char *url, *action, *to;
	PtXml *body, *extra;
	unsigned timeout_s, tries;
	bool anonymous; /* without any login: the clock is asked so first */
	bool stranger;  /* and never with one */
	LoginWay way;   /* as it was before this call: what it tries in vain is nothing to go by */
	PtHttpCall *http;
	GSource *idle;
	GError *late_error; /* said by it */
	PtOnvifFn fn;
	void *user;
	/* pt_onvif_device_open(): the question of its own that is under way */
	PtOnvifCall *step;
	/* the clock is being measured for this call */
	int64_t clock_sent_ns; /* monotonic */
	PtOnvifFn clock_then;
};

PtOnvifDevice *pt_onvif_device_new(PtHttp *http, PtClock *clock, const PtOnvifParams *params) {
	PtOnvifDevice *d = g_new0(PtOnvifDevice, 1);
	d->http = http;
	d->clock = clock;
	d->url = g_strdup(params->url);
	d->user = g_strdup(params->user);
	d->password = g_strdup(params->password ? params->password : "");
	d->clear = params->clear;
	d->trust = params->trust;
	d->digest = pt_digest_client_new(d->user, d->user ? d->password : NULL);
	pt_digest_client_allow_basic(d->digest, d->clear);
	d->services[PT_ONVIF_DEVICE] = g_strdup(params->url);
	d->calls = g_ptr_array_new();
	return d;
}

void pt_onvif_device_free(PtOnvifDevice *d) {
	if (!d)
		return;
	while (d->calls->len)
		pt_onvif_cancel(g_ptr_array_index(d->calls, 0));
	g_ptr_array_unref(d->calls);
	for (unsigned i = 0; i < PT_ONVIF_N_SERVICES; i++)
		g_free(d->services[i]);
	pt_digest_client_free(d->digest);
	explicit_bzero(d->password, strlen(d->password));
	g_free(d->password);
	g_free(d->user);
	g_free(d->url);
	g_free(d);
}

bool pt_onvif_device_has(const PtOnvifDevice *d, PtOnvifService service) { return d->services[service] != NULL; }
const char *pt_onvif_device_url_of(const PtOnvifDevice *d, PtOnvifService service) { return d->services[service]; }
const char *pt_onvif_device_host_url(const PtOnvifDevice *d) { return d->url; }
const PtHttpPeer *pt_onvif_device_peer(const PtOnvifDevice *d) { return &d->peer; }
int64_t pt_onvif_device_offset_ns(const PtOnvifDevice *d) {
	int64_t offset = d->told_ns ? d->told_ns - (pt_wall_ns(d->clock) - pt_mono_ns(d->clock)) : 0;
	return ABS(offset) <= PT_NS_PER_S ? 0 : offset;
}
bool pt_onvif_device_clock_known(const PtOnvifDevice *d) { return d->clock_known; }

/* As makers ship them, or did for years. */
static const char *const well_known[][2] = {
    {"admin", ""},          {"admin", "admin"},        {"admin", "12345"},
    {"admin", "123456"},    {"admin", "1234"},         {"admin", "4321"},
    {"admin", "9999"},      {"admin", "pass"},         {"admin", "password"},
    {"admin", "888888"},    {"admin", "111111"},       {"admin", "camera"},
    {"admin", "meinsm"},    {"root", "root"},          {"root", "pass"},
    {"root", "admin"},      {"root", "camera"},        {"root", "system"},
    {"root", ""},           {"user", "user"},          {"supervisor", "supervisor"},
    {"service", "service"}, {"888888", "888888"},      {"666666", "666666"},
    {"ubnt", "ubnt"},       {"administrator", "1234"},
};

const char *pt_onvif_device_login_warning(const PtOnvifDevice *d) {
	if (!d->user)
		return "it answers without any login: give it a password";
	for (size_t i = 0; i < G_N_ELEMENTS(well_known); i++)
		if (!g_ascii_strcasecmp(d->user, well_known[i][0]) && !strcmp(d->password, well_known[i][1]))
			return "its login is one that makers ship: whoever knows the maker can log in; change the password "
			       "in the camera";
	return !g_ascii_strcasecmp(d->user, d->password) ? "its password is its user's name: change it in the camera" : NULL;
}

PtXml *pt_onvif_request(const char *name) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, name);
	pt_xml_close(x);
	return x;
}

/* ---- one call ---- */

static PtOnvifCall *call_new(PtOnvifDevice *d, const char *url, PtXml *body, PtOnvifFn fn, void *user) {
	PtOnvifCall *c = g_new0(PtOnvifCall, 1);
	c->device = d;
	c->url = g_strdup(url);
	c->body = body;
	c->timeout_s = PT_ONVIF_TIMEOUT_S;
	c->way = d->way;
	c->fn = fn;
	c->user = user;
	g_ptr_array_add(d->calls, c);
	return c;
}

static void call_free(PtOnvifCall *c) {
	g_ptr_array_remove_fast(c->device->calls, c);
	if (c->idle) {
		g_source_destroy(c->idle);
		g_source_unref(c->idle);
	}
	g_clear_error(&c->late_error);
	pt_xml_free(c->body);
	pt_xml_free(c->extra);
	g_free(c->url);
	g_free(c->action);
	g_free(c->to);
	g_free(c);
}

void pt_onvif_cancel(PtOnvifCall *c) {
	if (!c)
		return;
	pt_http_cancel(c->http);
	pt_onvif_cancel(c->step);
	call_free(c);
}

static void end(PtOnvifCall *c, const PtSoap *answer, const GError *error) {
	PtOnvifFn fn = c->fn;
	void *user = c->user;
	call_free(c);
	fn(user, answer, error);
}

static void send_it(PtOnvifCall *c);
static void measure_clock(PtOnvifDevice *d, PtOnvifCall *c, PtOnvifFn fn);

static void clock_again(void *user, const PtSoap *answer, const GError *error) { send_it(user); }

/* Refused although there is a login: its clock may have moved, or it takes but one of the two ways. */
static bool try_again(PtOnvifCall *c) {
	PtOnvifDevice *d = c->device;
	if (!d->user || c->stranger)
		return false;
	if (++c->tries >= TRIES) {
		d->way = c->way;
		return false;
	}
	pt_digest_client_reset(d->digest);
	if (c->anonymous) {
		c->anonymous = false;
		send_it(c);
	} else if (c->tries == 1 && d->way == LOGIN_BOTH) {
		measure_clock(d, c, clock_again);
	} else {
		d->way = d->way == LOGIN_BOTH ? LOGIN_DIGEST : LOGIN_BOTH;
		send_it(c);
	}
	return true;
}

static GError *refused(const PtOnvifDevice *d, const char *what) {
	if (!d->user)
		return g_error_new(PT_ERROR, PT_ERROR_AUTH, "401 it wants a login and the site file names none (login:)");
	g_autofree char *skew = NULL;
	int64_t offset = pt_onvif_device_offset_ns(d);
	if (d->clock_known && ABS(offset) > 5 * PT_NS_PER_S)
		skew = g_strdup_printf("; its clock is %" G_GINT64_FORMAT " s %s, which was allowed for",
		                       ABS(offset) / PT_NS_PER_S, offset > 0 ? "ahead" : "behind");
	return g_error_new(PT_ERROR, PT_ERROR_AUTH, "401 wrong login%s%s%s%s", *what ? " (" : "", what, *what ? ")" : "",
	                   skew ? skew : "");
}

static void answered(void *user, unsigned status, const char *body, size_t size, const GError *error) {
	PtOnvifCall *c = user;
	PtOnvifDevice *d = c->device;
	c->http = NULL;
	if (error) {
		end(c, NULL, error);
		return;
	}
	g_autoptr(GError) own = NULL;
	g_autoptr(PtSoap) soap = size ? pt_soap_parse(body, size, true, &own) : NULL;
	PtSoapFault fault;
	bool is_fault = soap && pt_soap_read_fault(soap, &fault);
	g_autoptr(GError) said = is_fault ? pt_soap_fault_error(&fault) : NULL;
	if (status == 401 || status == 403 || (said && said->code == PT_ERROR_AUTH)) {
		if (try_again(c))
			return;
		g_clear_error(&own);
		own = refused(d, said ? said->message : "");
		end(c, NULL, own);
	} else if (is_fault) {
		end(c, NULL, said);
	} else if (status != 200) {
		g_clear_error(&own);
		own = g_error_new(PT_ERROR, status == 404 ? PT_ERROR_NOT_FOUND : PT_ERROR_FAILED, "it answered HTTP %u%s",
		                  status, status == 404 ? ": this address is no ONVIF service" : "");
		end(c, NULL, own);
	} else if (!soap || !soap->body) {
		if (!own)
			own = g_error_new_literal(PT_ERROR, PT_ERROR_INVALID, "it answered with an empty message");
		end(c, NULL, own);
	} else {
		end(c, soap, NULL);
	}
}

static void send_it(PtOnvifCall *c) {
	PtOnvifDevice *d = c->device;
	PtWsseLogin login = {d->user, d->password, pt_wall_ns(d->clock) + pt_onvif_device_offset_ns(d), d->clear};
	bool token = d->user && !c->anonymous && d->way == LOGIN_BOTH;
	PtSoapHeader header = {.action = c->action,
	                       .to = c->to,
	                       .login = token ? &login : NULL,
	                       .extra = c->extra ? pt_xml_copy(c->extra) : NULL};
	bool any = header.action || header.to || header.login || header.extra;
	PtXml *x = pt_soap_new(any ? &header : NULL);
	pt_xml_append(x, pt_xml_copy(c->body));
	g_autoptr(GBytes) message = pt_xml_finish(x);
	gsize size;
	const char *text = g_bytes_get_data(message, &size);
	c->http = pt_http_send(d->http,
	                       &(PtHttpRequest){.method = "POST",
	                                        .url = c->url,
	                                        .content_type = PT_SOAP_TYPE,
	                                        .body = text,
	                                        .body_size = size,
	                                        .login = c->anonymous ? NULL : d->digest,
	                                        .timeout_s = c->timeout_s,
	                                        .trust = d->trust,
	                                        .peer = &d->peer,
	                                        .body_max = ANSWER_MAX},
	                       answered, c);
}

static gboolean say_error(void *data) {
	PtOnvifCall *c = data;
	g_autoptr(GError) error = g_steal_pointer(&c->late_error);
	end(c, NULL, error);
	return G_SOURCE_REMOVE;
}

static PtOnvifCall *call(PtOnvifDevice *d, PtOnvifService service, PtXml *body, bool stranger, PtOnvifFn fn, void *user) {
	PtOnvifCall *c = call_new(d, d->services[service], body, fn, user);
	c->anonymous = c->stranger = stranger;
	if (d->services[service]) {
		send_it(c);
	} else {
		c->late_error = g_error_new(PT_ERROR, PT_ERROR_UNSUPPORTED, "it has no %s service", titles[service]);
		c->idle = g_idle_source_new();
		g_source_set_callback(c->idle, say_error, c, NULL);
		g_source_attach(c->idle, g_main_context_get_thread_default());
	}
	return c;
}

PtOnvifCall *pt_onvif_call(PtOnvifDevice *d, PtOnvifService service, PtXml *body, PtOnvifFn fn, void *user) {
	return call(d, service, body, false, fn, user);
}

PtOnvifCall *pt_onvif_call_as_stranger(PtOnvifDevice *d, PtOnvifService service, PtXml *body, PtOnvifFn fn, void *user) {
	return call(d, service, body, true, fn, user);
}

PtOnvifCall *pt_onvif_call_at(PtOnvifDevice *d, const char *url, const PtSoapHeader *header, PtXml *body, unsigned timeout_s,
                              PtOnvifFn fn, void *user) {
	PtOnvifCall *c = call_new(d, url, body, fn, user);
	c->timeout_s = timeout_s ? timeout_s : PT_ONVIF_TIMEOUT_S;
	c->action = g_strdup(header->action);
	c->to = g_strdup(header->to);
	c->extra = header->extra;
	send_it(c);
	return c;
}

/* ---- its clock ---- */

static void clock_answered(void *user, const PtSoap *answer, const GError *error) {
	PtOnvifCall *c = user;
	PtOnvifDevice *d = c->device;
	int64_t theirs;
	c->step = NULL;
	/* what counts is what it takes for UTC, right or wrong; to the second, so half of one is the best guess */
	if (answer && pt_onvif_read_clock(answer, &theirs)) {
		int64_t now = pt_mono_ns(d->clock);
		d->told_ns = theirs + PT_NS_PER_S / 2 - (now - (now - c->clock_sent_ns) / 2);
		d->clock_known = true;
	}
	c->clock_then(c, answer, error);
}

static void measure_clock(PtOnvifDevice *d, PtOnvifCall *c, PtOnvifFn then) {
	c->clock_sent_ns = pt_mono_ns(d->clock);
	c->clock_then = then;
	c->step = call_new(d, d->services[PT_ONVIF_DEVICE], pt_onvif_request("tds:GetSystemDateAndTime"), clock_answered, c);
	c->step->anonymous = true;
	send_it(c->step);
}

static void clock_measured(void *user, const PtSoap *answer, const GError *error) { end(user, answer, error); }

static void nothing(void *user, const PtSoap *answer, const GError *error) {}

void pt_onvif_device_measure_clock(PtOnvifDevice *d) {
	measure_clock(d, call_new(d, NULL, NULL, nothing, NULL), clock_measured);
}

/* ---- its services ---- */

/* The address of the device service is the one that works, whatever it says itself. */
static unsigned take_services(PtOnvifDevice *d, const PtSoap *answer) {
	const char *given[PT_ONVIF_N_SERVICES];
	unsigned n = pt_onvif_read_services(answer, given);
	for (unsigned i = PT_ONVIF_DEVICE + 1; i < PT_ONVIF_N_SERVICES; i++) {
		if (!given[i])
			continue;
		g_free(d->services[i]);
		d->services[i] = pt_onvif_service_url(d->url, given[i]);
	}
	return n;
}

static void capabilities_answered(void *user, const PtSoap *answer, const GError *error) {
	PtOnvifCall *c = user;
	c->step = NULL;
	if (answer)
		take_services(c->device, answer);
	end(c, answer, error);
}

static void services_answered(void *user, const PtSoap *answer, const GError *error) {
	PtOnvifCall *c = user;
	PtOnvifDevice *d = c->device;
	c->step = NULL;
	if ((answer && take_services(d, answer)) || (error && error->code == PT_ERROR_AUTH) ||
	    (error && error->code == PT_ERROR_TIMEOUT)) {
		end(c, answer, error);
		return;
	}
	/* older than GetServices, or it lists nothing */
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tds:GetCapabilities");
	pt_xml_put(x, "tds:Category", "All");
	pt_xml_close(x);
	c->step = pt_onvif_call(d, PT_ONVIF_DEVICE, x, capabilities_answered, c);
}

static void clock_known(void *user, const PtSoap *answer, const GError *error) {
	PtOnvifCall *c = user;
	PtOnvifDevice *d = c->device;
	bool away = error && error->code != PT_ERROR_AUTH && error->code != PT_ERROR_NOT_FOUND &&
	            error->code != PT_ERROR_INVALID && error->code != PT_ERROR_UNSUPPORTED;
	if (away && !d->clock_known) { /* nobody there: one sentence is enough */
		end(c, NULL, error);
		return;
	}
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tds:GetServices");
	pt_xml_put_bool(x, "tds:IncludeCapability", false);
	pt_xml_close(x);
	c->step = pt_onvif_call(d, PT_ONVIF_DEVICE, x, services_answered, c);
}

PtOnvifCall *pt_onvif_device_open(PtOnvifDevice *d, PtOnvifFn fn, void *user) {
	PtOnvifCall *c = call_new(d, NULL, NULL, fn, user);
	d->clock_known = false;
	measure_clock(d, c, clock_known);
	return c;
}

/* ---- waited for ---- */

typedef struct {
	PtSoap *answer;
	GError *error;
	bool done;
} Wait;

static void wait_done(void *user, const PtSoap *answer, const GError *error) {
	Wait *w = user;
	w->done = true;
	if (error)
		w->error = g_error_copy(error);
	else
		w->answer = pt_soap_ref(answer);
}

PtSoap *pt_onvif_ask(PtOnvifDevice *d, PtOnvifService service, PtXml *body, GError **error) {
	Wait w = {0};
	GMainContext *context = g_main_context_get_thread_default();
	pt_onvif_call(d, service, body, wait_done, &w);
	while (!w.done)
		g_main_context_iteration(context, TRUE);
	if (w.error)
		g_propagate_error(error, w.error);
	return w.answer;
}

bool pt_onvif_device_open_wait(PtOnvifDevice *d, GError **error) {
	Wait w = {0};
	GMainContext *context = g_main_context_get_thread_default();
	pt_onvif_device_open(d, wait_done, &w);
	while (!w.done)
		g_main_context_iteration(context, TRUE);
	pt_soap_free(w.answer);
	if (w.error)
		g_propagate_error(error, w.error);
	return !w.error;
}
