/* A call's helpers: what handlers ask, and how an answer or a fault is made of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/call.h"
#include "base/error.h"
#include <string.h>

/* ---- asking ---- */

const char *pt_call_text(const PtCall *c, const char *path) { return pt_xml_value_at(c->in, path); }

char *pt_call_actor(const PtCall *c) { return g_strdup_printf("user/%s via onvif", c->user ? c->user : "nobody"); }

char *pt_call_address(const PtCall *c, const char *path) { return g_strconcat(c->origin, path, NULL); }

char *pt_call_host(const PtCall *c) {
	const char *host = strstr(c->origin, "://");
	host = host ? host + 3 : c->origin;
	const char *bracket = strchr(host, ']'), *colon = strrchr(bracket ? bracket : host, ':');
	return colon ? g_strndup(host, (gsize)(colon - host)) : g_strdup(host);
}

bool pt_call_may_see(const PtCall *c, const char *camera) {
	const PtOnvifHost *h = &c->server->host;
	return h->may_see(h->data, c->user, camera ? camera : "");
}

/* Lists of structs that begin with or hold the camera's name at this offset: those of other people's cameras go. */
static GArray *seen(const PtCall *c, GArray *list, size_t size, size_t camera_at) {
	for (guint i = list->len; i-- > 0;)
		if (!pt_call_may_see(c, list->data + i * size + camera_at))
			g_array_remove_index(list, i);
	return list;
}

GArray *pt_call_streams(PtCall *c) {
	if (!c->streams)
		c->streams = seen(c, c->server->host.streams(c->server->host.data), sizeof(PtOnvifStream),
		                  G_STRUCT_OFFSET(PtOnvifStream, camera));
	return c->streams;
}

GArray *pt_call_inputs(const PtCall *c) {
	return seen(c, c->server->host.inputs(c->server->host.data), sizeof(PtOnvifInput),
	            G_STRUCT_OFFSET(PtOnvifInput, camera));
}

GArray *pt_call_relays(const PtCall *c) {
	return seen(c, c->server->host.relays(c->server->host.data), sizeof(PtOnvifRelay),
	            G_STRUCT_OFFSET(PtOnvifRelay, camera));
}

void pt_call_network(const PtCall *c, PtOnvifNetwork *ret) {
	*ret = (PtOnvifNetwork){.interfaces = g_array_new(FALSE, TRUE, sizeof(PtOnvifInterface)),
	                        .dns = g_ptr_array_new_with_free_func(g_free),
	                        .search = g_ptr_array_new_with_free_func(g_free),
	                        .gateways = g_ptr_array_new_with_free_func(g_free)};
	c->server->host.network(c->server->host.data, ret);
}

void pt_network_clear(PtOnvifNetwork *n) {
	g_clear_pointer(&n->interfaces, g_array_unref);
	g_clear_pointer(&n->dns, g_ptr_array_unref);
	g_clear_pointer(&n->search, g_ptr_array_unref);
	g_clear_pointer(&n->gateways, g_ptr_array_unref);
}

/* ---- faults ---- */

/* Core specification, "Generic faults": these are ours, all others the sender's. */
static bool is_ours(const char *subcode) {
	static const char *const ours[] = {"ter:Action", "ter:ActionNotSupported", "ter:OutofMemory", "ter:CriticalError",
	                                   NULL};
	return subcode && g_strv_contains(ours, subcode);
}

static void set_fault(PtCall *c, const char *code, const char *subcode, const char *subsubcode, char *reason) {
	if (c->code) {
		g_free(reason);
		return;
	}
	c->code = code;
	c->subcode = g_strdup(subcode);
	c->subsubcode = g_strdup(subsubcode);
	c->reason = reason;
}

void pt_call_fault(PtCall *c, const char *subcode, const char *subsubcode, const char *format, ...) {
	va_list args;
	va_start(args, format);
	set_fault(c, is_ours(subcode) ? "s:Receiver" : "s:Sender", subcode, subsubcode, g_strdup_vprintf(format, args));
	va_end(args);
}

void pt_call_base_fault(PtCall *c, const char *name, const char *format, ...) {
	va_list args;
	va_start(args, format);
	g_autofree char *reason = g_strdup_vprintf(format, args);
	va_end(args);
	if (c->code)
		return;
	int64_t now = pt_wall_ns(c->server->host.clock);
	c->detail = pt_xml_new();
	pt_xml_open(c->detail, name);
	pt_xml_put_time(c->detail, "wsrf-bf:Timestamp", now);
	pt_xml_open(c->detail, "wsrf-bf:Description");
	pt_xml_attribute(c->detail, "xml:lang", "en");
	pt_xml_text(c->detail, reason);
	pt_xml_close(c->detail);
	if (strstr(name, "TerminationTimeFault")) {
		pt_xml_put_time(c->detail, "wsnt:MinimumTime", now);
		pt_xml_put_time(c->detail, "wsnt:MaximumTime", now + PT_SUBSCRIPTION_SPAN_MAX_NS);
	}
	if (strstr(name, "InvalidFilterFault"))
		pt_xml_put(c->detail, "wsnt:UnknownFilter", "wsnt:MessageContent");
	set_fault(c, "s:Sender", name, NULL, g_steal_pointer(&reason));
}

void pt_call_fault_error(PtCall *c, const GError *error) {
	PtErrorCode code = error->domain == PT_ERROR ? (PtErrorCode)error->code : PT_ERROR_FAILED;
	switch (code) {
	case PT_ERROR_INVALID:
		pt_call_fault(c, "ter:InvalidArgVal", NULL, "%s", error->message);
		return;
	case PT_ERROR_DENIED:
		pt_call_fault(c, "ter:OperationProhibited", NULL, "%s", error->message);
		return;
	case PT_ERROR_UNSUPPORTED:
		pt_call_fault(c, "ter:ActionNotSupported", NULL, "%s", error->message);
		return;
	default:
		pt_call_fault(c, "ter:Action", NULL, "%s", error->message);
	}
}

static void put_subcode(PtXml *x, const char *code, const char *inner) {
	g_autofree char *prefix = g_strndup(code, strcspn(code, ":"));
	pt_xml_declare(x, prefix);
	pt_xml_open(x, "s:Subcode");
	pt_xml_put(x, "s:Value", code);
	if (inner)
		put_subcode(x, inner, NULL);
	pt_xml_close(x);
}

static void put_fault(PtCall *c, PtXml *x) {
	pt_xml_open(x, "s:Fault");
	pt_xml_open(x, "s:Code");
	pt_xml_put(x, "s:Value", c->code);
	if (c->subcode)
		put_subcode(x, c->subcode, c->subsubcode);
	pt_xml_close(x);
	pt_xml_open(x, "s:Reason");
	pt_xml_open(x, "s:Text");
	pt_xml_attribute(x, "xml:lang", "en");
	pt_xml_text(x, c->reason);
	pt_xml_close(x);
	pt_xml_close(x);
	if (c->detail) {
		pt_xml_open(x, "s:Detail");
		pt_xml_append(x, g_steal_pointer(&c->detail));
		pt_xml_close(x);
	}
}

/* ---- answering ---- */

/* What answers a request by WS-Addressing; NULL: the request used none of it. */
static PtXml *new_envelope(PtCall *c) {
	const PtXmlNode *header = c->soap ? c->soap->header : NULL;
	const char *action = pt_xml_value_at(header, "wsa:Action"), *id = pt_xml_value_at(header, "wsa:MessageID");
	if (!*action && !*id)
		return pt_soap_new(NULL);
	g_autofree char *answer = NULL;
	if (c->code)
		answer = g_strdup("http://www.w3.org/2005/08/addressing/soap/fault");
	else if (g_str_has_suffix(action, "Request"))
		answer = g_strdup_printf("%.*sResponse", (int)(strlen(action) - strlen("Request")), action);
	else if (*action)
		answer = g_strconcat(action, "Response", NULL);
	else
		answer = g_strdup_printf("%s/%sResponse", pt_xml_uri(c->service->prefix), c->operation->name);
	return pt_soap_new(&(PtSoapHeader){.action = answer, .relates_to = *id ? id : NULL});
}

static unsigned status_of(const PtCall *c, bool login) {
	if (!c->code)
		return 200;
	if (login)
		return 401;
	return !strcmp(c->code, "s:Receiver") ? 500 : 400;
}

/* login: the client is asked for one. */
static void answer(PtCall *c, char **challenges) {
	PtXml *x = new_envelope(c);
	if (c->code)
		put_fault(c, x);
	else
		pt_xml_append(x, g_steal_pointer(&c->out));
	g_autoptr(GBytes) body = pt_xml_finish(x);
	if (c->code)
		c->server->stats.faults++;
	c->client->reply(c->client_data, &(PtOnvifAnswer){.status = status_of(c, challenges != NULL),
	                                                  .type = PT_SOAP_TYPE,
	                                                  .body = body,
	                                                  .challenges = challenges});
}

void pt_call_defer(PtCall *c) { c->deferred = true; }

void pt_call_finish_challenged(PtCall *c, char **challenges) {
	answer(c, challenges);
	pt_xml_free(c->out);
	pt_xml_free(c->detail);
	pt_soap_free(c->soap);
	g_clear_pointer(&c->streams, g_array_unref);
	g_clear_pointer(&c->recordings, g_array_unref);
	g_clear_pointer(&c->happenings, g_array_unref);
	g_free(c->origin);
	g_free(c->path);
	g_free(c->user);
	g_free(c->subcode);
	g_free(c->subsubcode);
	g_free(c->reason);
	g_free(c);
}

void pt_call_finish(PtCall *c) { pt_call_finish_challenged(c, NULL); }
