/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/push.h"
#include "onvif/server/call.h"
#include <string.h>

#define ACTION "http://docs.oasis-open.org/wsn/bw-2/NotificationConsumer/Notify"
#define MESSAGES_MAX 50 /* of one delivery */
#define FAILURES_MAX 5  /* deliveries that fail one after the other until the subscription ends */

typedef struct {
	PtOnvifServer *server;
	PtSubscription *subscription; /* NULL: it has ended */
	PtHttpCall *call;
} Delivery;

bool pt_push_address_is_good(const char *address) {
	g_autoptr(GUri) uri = g_uri_parse(address, G_URI_FLAGS_NONE, NULL);
	const char *scheme = uri ? g_uri_get_scheme(uri) : NULL;
	return scheme && (!strcmp(scheme, "http") || !strcmp(scheme, "https")) && g_uri_get_host(uri) &&
	       *g_uri_get_host(uri);
}

static void delivered(void *user, unsigned status, const char *body, size_t size, const GError *error) {
	g_autofree Delivery *d = user;
	PtSubscription *sub = d->subscription;
	if (!sub)
		return;
	sub->sending = NULL;
	sub->failures = status >= 200 && status < 300 ? 0 : sub->failures + 1;
	if (sub->failures >= FAILURES_MAX)
		pt_subscriptions_remove(d->server->subscriptions, sub);
	else if (sub->queue.length)
		pt_push_send(d->server, sub);
}

void pt_push_send(PtOnvifServer *s, PtSubscription *sub) {
	if (sub->sending)
		return;
	if (!s->http)
		s->http = pt_http_new(0);
	g_autofree char *id = pt_soap_new_id();
	PtXml *x = pt_soap_new(&(PtSoapHeader){.action = ACTION, .to = sub->consumer, .message_id = id});
	pt_xml_open(x, "wsnt:Notify");
	for (unsigned i = 0; i < MESSAGES_MAX && sub->queue.length; i++) {
		PtNotice *n = g_queue_pop_head(&sub->queue);
		pt_notice_put(x, n);
		pt_notice_unref(n);
		s->stats.notifications++;
	}
	g_autoptr(GBytes) body = pt_xml_finish(x);
	Delivery *d = g_new0(Delivery, 1);
	d->server = s;
	d->subscription = sub;
	sub->sending = d;
	d->call = pt_http_send(s->http,
	                       &(PtHttpRequest){.method = "POST",
	                                        .url = sub->consumer,
	                                        .content_type = PT_SOAP_TYPE,
	                                        .body = g_bytes_get_data(body, NULL),
	                                        .body_size = g_bytes_get_size(body)},
	                       delivered, d);
}

void pt_push_forget(PtSubscription *sub) {
	Delivery *d = g_steal_pointer(&sub->sending);
	if (d) /* on its way it stays; its answer is nobody's */
		d->subscription = NULL;
}
