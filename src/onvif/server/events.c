/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/events.h"
#include "base/error.h"
#include "onvif/server/call.h"
#include "onvif/server/push.h"
#include <string.h>

#define MESSAGES_MAX 100 /* of one answer */

/* ---- time passes: one timer for whatever is due next ---- */

static void arm(PtOnvifServer *s);

static gboolean on_tick(gpointer data) {
	PtOnvifServer *s = data;
	s->tick = 0;
	pt_subscriptions_tick(s->subscriptions);
	arm(s);
	return G_SOURCE_REMOVE;
}

static void arm(PtOnvifServer *s) {
	int64_t due = pt_subscriptions_due(s->subscriptions);
	g_clear_handle_id(&s->tick, g_source_remove);
	if (due < 0)
		return;
	int64_t wait = MAX(due - pt_mono_ns(s->host.clock), 0) / PT_NS_PER_MS + 1;
	s->tick = g_timeout_add((guint)MIN(wait, 3600 * 1000), on_tick, s);
}

/* ---- answers of pull points ---- */

static int64_t wall_of(PtOnvifServer *s, int64_t mono_ns) {
	return pt_wall_ns(s->host.clock) + mono_ns - pt_mono_ns(s->host.clock);
}

static void put_messages(PtCall *c, PtSubscription *sub, unsigned limit) {
	PtOnvifServer *s = c->server;
	pt_xml_put_time(c->out, "tev:CurrentTime", pt_wall_ns(s->host.clock));
	pt_xml_put_time(c->out, "tev:TerminationTime", wall_of(s, sub->until_ns));
	for (unsigned i = 0; i < limit && sub->queue.length; i++) {
		PtNotice *n = g_queue_pop_head(&sub->queue);
		pt_notice_put(c->out, n);
		pt_notice_unref(n);
		s->stats.notifications++;
	}
}

static void ready(void *user, PtSubscription *sub) {
	PtOnvifServer *s = user;
	if (sub->consumer) {
		pt_push_send(s, sub);
		return;
	}
	PtCall *c = g_steal_pointer(&sub->waiting);
	if (c->client->gone && c->client->gone(c->client_data)) { /* what it would have got stays for its next question */
		pt_call_fault(c, "ter:Action", NULL, "nobody waits for this any more");
		pt_call_finish(c);
		return;
	}
	put_messages(c, sub, sub->limit);
	pt_call_finish(c);
}

static void ended(void *user, PtSubscription *sub) {
	PtCall *c = g_steal_pointer(&sub->waiting);
	if (c) {
		pt_call_base_fault(c, "wsrf-r:ResourceUnknownFault", "the subscription has ended");
		pt_call_finish(c);
	}
	pt_push_forget(sub);
}

/* ---- the metadata of streams (Streaming specification, "Metadata"): one document for one event ---- */

static void told(void *user, const PtNotice *n) {
	PtOnvifServer *s = user;
	if (!s->host.metadata)
		return;
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tt:MetadataStream");
	pt_xml_open(x, "tt:Event");
	pt_notice_put(x, n);
	g_autoptr(GBytes) document = pt_xml_finish(x);
	gsize size;
	const void *data = g_bytes_get_data(document, &size);
	s->host.metadata(s->host.data, n->camera, data, size, pt_wall_ns(s->host.clock));
}

void pt_onvif_server_repeat_metadata(PtOnvifServer *s) { pt_subscriptions_tell_all(s->subscriptions); }

static bool may_hear(void *user, const char *name, const char *camera) {
	const PtOnvifServer *s = user;
	return s->host.may_see(s->host.data, name, camera);
}

const PtSubscriptionsOps pt_events_subscriptions_ops = {ready, ended, told, may_hear};

/* ---- subscribing ---- */

/* xs:duration or xs:dateTime as a span from now; FALSE: a fault is set. */
static gboolean read_span(PtCall *c, const char *text, const char *fault, int64_t *ret) {
	int64_t at;
	*ret = PT_SUBSCRIPTION_SPAN_NS;
	if (!*text)
		return TRUE;
	if (!pt_xml_duration(text, ret)) {
		if (!pt_xml_time(text, &at)) {
			pt_call_base_fault(c, fault, "'%.40s' is neither a duration nor a time", text);
			return FALSE;
		}
		*ret = at - pt_wall_ns(c->server->host.clock);
	}
	if (*ret < PT_NS_PER_S) {
		pt_call_base_fault(c, fault, "'%.40s' is over at once", text);
		return FALSE;
	}
	*ret = MIN(*ret, PT_SUBSCRIPTION_SPAN_MAX_NS);
	return TRUE;
}

static bool matches_any(const char *expression) {
	for (int i = 0; i < PT_ONVIF_N_TOPICS; i++)
		if (pt_topic_matches(expression, pt_topics[i].path))
			return true;
	return false;
}

/* The topics asked for, joined to one expression; "": all. NULL: a fault is set. Caller frees. */
static char *read_filter(PtCall *c, const PtXmlNode *filter) {
	g_autoptr(GString) all = g_string_new(NULL);
	for (const PtXmlNode *n = pt_xml_child(filter, "*"); n; n = pt_xml_next(n, "*")) {
		bool unknown_dialect = false;
		if (pt_xml_is(n, "wsnt:MessageContent") && !*pt_xml_value(n))
			continue;
		if (!pt_xml_is(n, "wsnt:TopicExpression")) {
			pt_call_base_fault(c, "wsnt:InvalidFilterFault", "events are filtered by topic alone, not by %s",
			                   pt_xml_name(n));
			return NULL;
		}
		g_autofree char *one = pt_topic_expression(n, &unknown_dialect);
		if (unknown_dialect)
			pt_call_base_fault(c, "wsnt:TopicExpressionDialectUnknownFault",
			                   "topics are named by ConcreteSet or Concrete");
		else if (!one)
			pt_call_base_fault(c, "wsnt:InvalidTopicExpressionFault", "'%.120s' is no topic expression",
			                   pt_xml_value(n));
		else if (!matches_any(one))
			pt_call_base_fault(c, "wsnt:TopicNotSupportedFault", "'%.120s' is none of this device's topics",
			                   pt_xml_value(n));
		if (c->code)
			return NULL;
		g_string_append_printf(all, "%s%s", all->len ? "|" : "", one);
	}
	return g_strdup(all->str);
}

static void subscribe(PtCall *c, const char *filter_path, const char *time, const char *consumer, bool changed_only,
                      const char *response) {
	PtOnvifServer *s = c->server;
	int64_t span;
	g_autofree char *topics = read_filter(c, pt_xml_at(c->in, filter_path));
	if (!topics || !read_span(c, time, "wsnt:UnacceptableInitialTerminationTimeFault", &span))
		return;
	PtSubscription *sub =
	    pt_subscriptions_add(s->subscriptions, c->user, *topics ? topics : NULL, consumer, changed_only, span);
	if (!sub) {
		pt_call_base_fault(c, "wsnt:SubscribeCreationFailedFault", "there are %d subscriptions already",
		                   PT_SUBSCRIPTIONS_MAX);
		return;
	}
	g_autofree char *path = g_strconcat(PT_SUBSCRIPTION_PATH, sub->id, NULL);
	g_autofree char *address = pt_call_address(c, path);
	pt_xml_open(c->out, response);
	pt_xml_put(c->out, "wsa:Address", address);
	pt_xml_close(c->out);
	pt_xml_put_time(c->out, "wsnt:CurrentTime", pt_wall_ns(s->host.clock));
	pt_xml_put_time(c->out, "wsnt:TerminationTime", wall_of(s, sub->until_ns));
	arm(s);
}

static void create_pull_point(PtCall *c) {
	bool changed_only = pt_xml_at(c->in, "tev:SubscriptionPolicy/tev:ChangedOnly") != NULL;
	subscribe(c, "tev:Filter", pt_call_text(c, "tev:InitialTerminationTime"), NULL, changed_only,
	          "tev:SubscriptionReference");
}

static void base_subscribe(PtCall *c) {
	const char *address = pt_call_text(c, "wsnt:ConsumerReference/wsa:Address");
	if (!c->server->host.push)
		pt_call_fault(c, "ter:ActionNotSupported", NULL, "events are fetched here, not sent");
	else if (!pt_push_address_is_good(address))
		pt_call_base_fault(c, "wsnt:SubscribeCreationFailedFault", "'%.120s' is no address to send to", address);
	else
		subscribe(c, "wsnt:Filter", pt_call_text(c, "wsnt:InitialTerminationTime"), address, false,
		          "wsnt:SubscriptionReference");
}

/* ---- at the address of a subscription ---- */

/* NULL: a fault is set. Another user's is as unknown as none. */
static PtSubscription *addressed(PtCall *c) {
	PtSubscription *sub = g_str_has_prefix(c->path, PT_SUBSCRIPTION_PATH)
	                          ? pt_subscriptions_find(c->server->subscriptions, c->path + strlen(PT_SUBSCRIPTION_PATH))
	                          : NULL;
	if (sub && (c->level == PT_ONVIF_ADMINISTRATOR || !g_strcmp0(sub->user, c->user)))
		return sub;
	pt_call_base_fault(c, "wsrf-r:ResourceUnknownFault", "there is no such subscription");
	return NULL;
}

static void pull(PtCall *c) {
	int64_t timeout = 0, limit = 0;
	PtSubscription *sub = addressed(c);
	if (!sub)
		return;
	if (!pt_xml_duration(pt_call_text(c, "tev:Timeout"), &timeout) ||
	    !pt_xml_int(pt_call_text(c, "tev:MessageLimit"), &limit) || limit < 1) {
		pt_call_fault(c, "ter:InvalidArgVal", NULL, "Timeout is a duration, MessageLimit at least 1");
		return;
	}
	if (timeout > PT_PULL_MAX_NS) {
		pt_call_fault(c, "ter:InvalidArgVal", NULL, "Timeout is at most 10 min");
		c->detail = pt_xml_new();
		pt_xml_open(c->detail, "tev:PullMessagesFaultResponse");
		pt_xml_put_duration(c->detail, "tev:MaxTimeout", PT_PULL_MAX_NS);
		pt_xml_put_int(c->detail, "tev:MaxMessageLimit", MESSAGES_MAX);
		pt_xml_close(c->detail);
		return;
	}
	PtCall *other = sub->waiting;
	if (sub->consumer || (other && !(other->client->gone && other->client->gone(other->client_data)))) {
		pt_call_base_fault(c, "wsnt:UnableToGetMessagesFault",
		                   sub->consumer ? "this subscription is sent its messages" : "somebody waits here already");
		return;
	}
	if (other)
		ready(c->server, sub); /* lets go of it */
	limit = MIN(limit, MESSAGES_MAX);
	if (!pt_subscription_wait(sub, c, timeout, (unsigned)limit)) {
		put_messages(c, sub, (unsigned)limit);
		return;
	}
	if (c->client->patience)
		c->client->patience(c->client_data, (unsigned)(timeout / PT_NS_PER_S) + 30);
	pt_call_defer(c);
	arm(c->server);
}

static void synchronise(PtCall *c) {
	PtSubscription *sub = addressed(c);
	if (sub)
		pt_subscription_repeat(sub);
}

static void renew(PtCall *c) {
	PtSubscription *sub = addressed(c);
	int64_t span;
	if (!sub || !read_span(c, pt_call_text(c, "wsnt:TerminationTime"), "wsnt:UnacceptableTerminationTimeFault", &span))
		return;
	sub->until_ns = pt_mono_ns(c->server->host.clock) + span;
	pt_xml_put_time(c->out, "wsnt:TerminationTime", wall_of(c->server, sub->until_ns));
	pt_xml_put_time(c->out, "wsnt:CurrentTime", pt_wall_ns(c->server->host.clock));
	arm(c->server);
}

static void unsubscribe(PtCall *c) {
	PtSubscription *sub = addressed(c);
	if (sub)
		pt_subscriptions_remove(c->server->subscriptions, sub);
}

/* ---- what there is ---- */

static void put_capabilities(PtCall *c) {
	pt_xml_open(c->out, "tev:Capabilities");
	pt_xml_attribute_bool(c->out, "WSSubscriptionPolicySupport", true);
	pt_xml_attribute_bool(c->out, "WSPausableSubscriptionManagerInterfaceSupport", false);
	pt_xml_attribute_int(c->out, "MaxNotificationProducers", c->server->host.push ? PT_SUBSCRIPTIONS_MAX : 0);
	pt_xml_attribute_int(c->out, "MaxPullPoints", PT_SUBSCRIPTIONS_MAX);
	pt_xml_attribute_bool(c->out, "PersistentNotificationStorage", false);
	pt_xml_close(c->out);
}

static void get_properties(PtCall *c) {
	unsigned mask = (1u << PT_ONVIF_N_TOPICS) - 1;
	const PtOnvifHost *host = &c->server->host;
	if (!host->motion || !host->motion(host->data))
		mask &= ~(1u << PT_ONVIF_MOTION_ALARM);
	pt_xml_put(c->out, "tev:TopicNamespaceLocation", "http://www.onvif.org/onvif/ver10/topics/topicns.xml");
	pt_xml_put_bool(c->out, "wsnt:FixedTopicSet", true);
	pt_topic_put_set(c->out, mask);
	pt_xml_put(c->out, "wsnt:TopicExpressionDialect", PT_DIALECT_CONCRETE_SET);
	pt_xml_put(c->out, "wsnt:TopicExpressionDialect", PT_DIALECT_CONCRETE);
	pt_xml_put(c->out, "tev:MessageContentFilterDialect", ""); /* none */
	pt_xml_put(c->out, "tev:MessageContentSchemaLocation", "http://www.onvif.org/onvif/ver10/schema/onvif.xsd");
}

static const PtOperation operations[] = {
    {"GetServiceCapabilities", PT_ACCESS_PRE_AUTH, put_capabilities},
    {"GetEventProperties", PT_ACCESS_READ_MEDIA, get_properties},
    {"CreatePullPointSubscription", PT_ACCESS_READ_MEDIA, create_pull_point},
    {"PullMessages", PT_ACCESS_READ_MEDIA, pull},
    {"SetSynchronizationPoint", PT_ACCESS_READ_MEDIA, synchronise},
    {"Seek", PT_ACCESS_READ_MEDIA}, /* nothing is kept to seek in */
    {"AddEventBroker", PT_ACCESS_WRITE_SYSTEM},
    {"DeleteEventBroker", PT_ACCESS_WRITE_SYSTEM},
    {"GetEventBrokers", PT_ACCESS_READ_MEDIA},
    {NULL},
};

static const PtOperation notification[] = {
    {"Subscribe", PT_ACCESS_READ_MEDIA, base_subscribe},
    {"Renew", PT_ACCESS_READ_MEDIA, renew},
    {"Unsubscribe", PT_ACCESS_READ_MEDIA, unsubscribe},
    {"GetCurrentMessage", PT_ACCESS_READ_MEDIA},
    {"PauseSubscription", PT_ACCESS_READ_MEDIA},
    {"ResumeSubscription", PT_ACCESS_READ_MEDIA},
    {NULL},
};

const PtService pt_service_events = {"tev", "/onvif/event_service", 21, 12, put_capabilities, operations};
const PtService pt_service_notification = {"wsnt", NULL, 0, 0, NULL, notification};

/* ---- the host's side ---- */

void pt_onvif_server_set_property(PtOnvifServer *s, PtOnvifTopic topic, const char *token, const char *camera, bool active,
                                  int64_t wall_ns) {
	pt_subscriptions_set(s->subscriptions, topic, token, camera, active, wall_ns);
	arm(s);
}

void pt_onvif_server_drop_property(PtOnvifServer *s, PtOnvifTopic topic, const char *token, int64_t wall_ns) {
	pt_subscriptions_drop(s->subscriptions, topic, token, wall_ns);
}

void pt_onvif_server_drop_unless(PtOnvifServer *s, bool (*keep)(void *user, PtOnvifTopic topic, const char *token),
                                 void *user) {
	pt_subscriptions_drop_unless(s->subscriptions, keep, user, pt_wall_ns(s->host.clock));
}
