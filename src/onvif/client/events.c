/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/events.h"
#include "base/error.h"
#include "onvif/client/address.h"
#include "onvif/client/answers.h"
#include <string.h>

#define LIFETIME_S 120     /* of a subscription, asked for anew at half of what was granted */
#define PULL_S 30          /* a pull waits so long for something to say */
#define FIRST_PULL_S 1     /* the first one, which shows that the subscription is alive */
#define MESSAGES 64        /* at most, of one pull */
#define SLACK_S 10         /* what an answer may come later than the device's own time */
#define EMPTY_PAUSE_MS 500 /* between pulls of a device that does not wait but answers "nothing" at once */
#define PUSH_RENEW_S 15    /* nothing else tells that the device has forgotten us */
#define EMPTY_FAST_NS (250 * PT_NS_PER_MS)

#define EVENTS "http://www.onvif.org/ver10/events/wsdl/"
#define WSN "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/"

struct PtOnvifEvents {
	PtOnvifDevice *device;
	PtClock *clock;
	PtOnvifEventsHost host;
	PtOnvifEventsStats stats;

	char *consumer;    /* NULL: a pull point */
	char *url, *other; /* of the subscription; other: a second guess, NULL: none */
	PtXml *reference;  /* what its messages have to carry in their header; NULL: nothing */
	bool live;         /* it has been pulled from, or was granted */
	bool again;        /* it was lost once and made anew, and has not been live since */
	bool no_renew;     /* the device refuses to renew: it is made anew before it ends */
	int64_t granted_ns, pulled_ns;

	PtOnvifCall *call;  /* subscribe, or pull */
	PtOnvifCall *renew; /* beside a pull */
	GSource *timer, *pause;

	void (*gone)(void *user);
	void *gone_user;
};

static void clear_source(GSource **source) {
	if (!*source)
		return;
	g_source_destroy(*source);
	g_clear_pointer(source, g_source_unref);
}

static void set_timer(GSource **source, unsigned ms, GSourceFunc fn, void *data) {
	clear_source(source);
	*source = g_timeout_source_new(ms);
	g_source_set_callback(*source, fn, data, NULL);
	g_source_attach(*source, g_main_context_get_thread_default());
}

static PtOnvifCall *tell(PtOnvifEvents *e, const char *action, PtXml *body, unsigned timeout_s, PtOnvifFn fn) {
	PtSoapHeader header = {.action = action, .to = e->url, .extra = e->reference ? pt_xml_copy(e->reference) : NULL};
	return pt_onvif_call_at(e->device, e->url, &header, body, timeout_s, fn, e);
}

static void forget_subscription(PtOnvifEvents *e) {
	g_clear_pointer(&e->call, pt_onvif_cancel);
	g_clear_pointer(&e->renew, pt_onvif_cancel);
	clear_source(&e->timer);
	clear_source(&e->pause);
	g_clear_pointer(&e->url, g_free);
	g_clear_pointer(&e->other, g_free);
	g_clear_pointer(&e->reference, pt_xml_free);
	e->live = false;
}

static void subscribe(PtOnvifEvents *e);
static void pull(PtOnvifEvents *e);

static void nobody_listens(void *user, const PtSoap *answer, const GError *error) {}

/* If it can be: leaked ones fill the few slots that cameras have. Nobody waits for it. */
static void give_back(PtOnvifEvents *e) {
	if (e->url) {
		PtSoapHeader header = {
		    .action = WSN "UnsubscribeRequest", .to = e->url, .extra = g_steal_pointer(&e->reference)};
		pt_onvif_call_at(e->device, e->url, &header, pt_onvif_request("wsnt:Unsubscribe"), 0, nobody_listens, NULL);
	}
	forget_subscription(e);
}

static void subscribe_anew(PtOnvifEvents *e) {
	give_back(e);
	subscribe(e);
}

static void lost(PtOnvifEvents *e, const GError *error) {
	g_autoptr(GError) reason = g_error_copy(error);
	if (!e->again) {
		e->again = true;
		subscribe_anew(e);
		return;
	}
	give_back(e);
	e->host.lost(e->host.user, reason);
}

/* ---- keeping it alive ---- */

static gboolean renew_due(void *data);
static void ask_renewal(PtOnvifEvents *e);

static void plan_renewal(PtOnvifEvents *e, bool refused) {
	int64_t ns = e->granted_ns / 2;
	if (e->consumer && !e->no_renew)
		ns = MIN(ns, PUSH_RENEW_S * PT_NS_PER_S);
	set_timer(&e->timer, (unsigned)MAX(ns / PT_NS_PER_MS - (refused ? 2000 : 0), 2000), renew_due, e);
}

static void renewed(void *user, const PtSoap *answer, const GError *error) {
	PtOnvifEvents *e = user;
	e->renew = NULL;
	if (!error)
		e->again = false;
	if (error && e->consumer && e->other && !e->stats.renewals) { /* it gave an address that leads nowhere */
		g_free(e->url);
		e->url = g_steal_pointer(&e->other);
		ask_renewal(e);
		return;
	}
	/* a device that has renewed before and does not now has forgotten the subscription, or is gone */
	if (error && e->consumer && (e->stats.renewals || error->code == PT_ERROR_TIMEOUT)) {
		lost(e, error);
		return;
	}
	if (error) {
		/* some refuse, and some that refuse live on by being pulled from: it is made anew only when it ends */
		e->stats.refused_renewals++;
		e->no_renew = true;
	} else {
		e->stats.renewals++;
	}
	plan_renewal(e, error != NULL);
}

static void ask_renewal(PtOnvifEvents *e) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "wsnt:Renew");
	pt_xml_put_duration(x, "wsnt:TerminationTime", LIFETIME_S * PT_NS_PER_S);
	e->renew = tell(e, WSN "RenewRequest", x, 0, renewed);
}

static gboolean renew_due(void *data) {
	PtOnvifEvents *e = data;
	clear_source(&e->timer);
	if (e->no_renew)
		subscribe_anew(e);
	else
		ask_renewal(e);
	return G_SOURCE_REMOVE;
}

/* ---- pulling ---- */

static gboolean pause_over(void *data) {
	PtOnvifEvents *e = data;
	clear_source(&e->pause);
	pull(e);
	return G_SOURCE_REMOVE;
}

static void said(void *user, const PtOnvifSaid *what) {
	PtOnvifEvents *e = user;
	e->stats.messages++;
	e->host.said(e->host.user, what);
}

static void set_live(PtOnvifEvents *e) {
	e->live = true;
	e->host.live(e->host.user);
}

static void pulled(void *user, const PtSoap *answer, const GError *error) {
	PtOnvifEvents *e = user;
	e->call = NULL;
	if (error) {
		if (!e->live && e->other) { /* it gave an address that leads nowhere */
			g_free(e->url);
			e->url = g_steal_pointer(&e->other);
			pull(e);
		} else {
			lost(e, error);
		}
		return;
	}
	if (!e->live) {
		e->again = false;
		set_live(e);
	}
	bool any = pt_onvif_read_all_said(answer->body, said, e) > 0;
	if (!any && pt_mono_ns(e->clock) - e->pulled_ns < EMPTY_FAST_NS)
		set_timer(&e->pause, EMPTY_PAUSE_MS, pause_over, e);
	else
		pull(e);
}

static void pull(PtOnvifEvents *e) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tev:PullMessages");
	pt_xml_put_duration(x, "tev:Timeout", (e->live ? PULL_S : FIRST_PULL_S) * PT_NS_PER_S);
	pt_xml_put_int(x, "tev:MessageLimit", MESSAGES);
	e->stats.pulls++;
	e->pulled_ns = pt_mono_ns(e->clock);
	e->call = tell(e, EVENTS "PullPointSubscription/PullMessagesRequest", x, PULL_S + SLACK_S, pulled);
}

/* ---- subscribing ---- */

static void subscribed(void *user, const PtSoap *answer, const GError *error) {
	PtOnvifEvents *e = user;
	e->call = NULL;
	if (error) {
		lost(e, error);
		return;
	}
	const char *given;
	const PtXmlNode *parameters = pt_onvif_read_subscription(answer, &given);
	const char *known = pt_onvif_device_url_of(e->device, PT_ONVIF_EVENTS);
	e->url = pt_onvif_service_url(known, given);
	e->other = pt_onvif_other_url(known, given);
	for (const PtXmlNode *p = pt_xml_child(parameters, "*"); p; p = pt_xml_next(p, "*")) {
		if (!e->reference)
			e->reference = pt_xml_new();
		pt_xml_append_node(e->reference, p);
	}
	e->granted_ns = pt_onvif_read_granted(answer, LIFETIME_S * PT_NS_PER_S);
	e->stats.subscriptions++;
	plan_renewal(e, false);
	/* not all know it; those that do repeat all states */
	tell(e, EVENTS "PullPointSubscription/SetSynchronizationPointRequest",
	     pt_onvif_request("tev:SetSynchronizationPoint"), 0, nobody_listens);
	if (e->consumer)
		set_live(e);
	else
		pull(e);
}

static void subscribe(PtOnvifEvents *e) {
	const char *url = pt_onvif_device_url_of(e->device, PT_ONVIF_EVENTS), *action;
	PtXml *x = pt_xml_new();
	if (e->consumer) {
		action = "http://docs.oasis-open.org/wsn/bw-2/NotificationProducer/SubscribeRequest";
		pt_xml_open(x, "wsnt:Subscribe");
		pt_xml_open(x, "wsnt:ConsumerReference");
		pt_xml_put(x, "wsa:Address", e->consumer);
		pt_xml_close(x);
		pt_xml_put_duration(x, "wsnt:InitialTerminationTime", LIFETIME_S * PT_NS_PER_S);
	} else {
		action = EVENTS "EventPortType/CreatePullPointSubscriptionRequest";
		pt_xml_open(x, "tev:CreatePullPointSubscription");
		pt_xml_put_duration(x, "tev:InitialTerminationTime", LIFETIME_S * PT_NS_PER_S);
	}
	e->call = pt_onvif_call_at(e->device, url, &(PtSoapHeader){.action = action, .to = url}, x, 0, subscribed, e);
}

bool pt_onvif_events_deliver(PtOnvifEvents *e, const PtXmlNode *notify) {
	if (!pt_xml_is(notify, "wsnt:Notify"))
		return false;
	pt_onvif_read_all_said(notify, said, e);
	return true;
}

PtOnvifEvents *pt_onvif_events_new(PtOnvifDevice *device, PtClock *clock, const char *consumer,
                                   const PtOnvifEventsHost *host) {
	PtOnvifEvents *e = g_new0(PtOnvifEvents, 1);
	e->device = device;
	e->clock = clock;
	e->consumer = g_strdup(consumer);
	e->host = *host;
	subscribe(e);
	return e;
}

void pt_onvif_events_get_stats(const PtOnvifEvents *e, PtOnvifEventsStats *ret) {
	*ret = e->stats;
	ret->pulled_ns = e->pulled_ns;
}

static void left(void *user, const PtSoap *answer, const GError *error) {
	PtOnvifEvents *e = user;
	void (*gone)(void *) = e->gone;
	void *gone_user = e->gone_user;
	e->call = NULL;
	pt_onvif_events_free(e);
	if (gone)
		gone(gone_user);
}

void pt_onvif_events_leave(PtOnvifEvents *e, void (*gone)(void *user), void *user) {
	g_clear_pointer(&e->call, pt_onvif_cancel);
	g_clear_pointer(&e->renew, pt_onvif_cancel);
	clear_source(&e->timer);
	clear_source(&e->pause);
	e->gone = gone;
	e->gone_user = user;
	if (e->url)
		e->call = tell(e, WSN "UnsubscribeRequest", pt_onvif_request("wsnt:Unsubscribe"), 2, left);
	else
		left(e, NULL, NULL);
}

void pt_onvif_events_free(PtOnvifEvents *e) {
	if (!e)
		return;
	forget_subscription(e);
	g_free(e->consumer);
	g_free(e);
}
