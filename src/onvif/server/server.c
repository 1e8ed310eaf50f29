/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/call.h"
#include "base/error.h"
#include "onvif/server/events.h"
#include "onvif/server/recordings.h"
#include "onvif/server/snapshot.h"
#include <string.h>

#define REALM "Pigtail"
#define NONCE_LIFE_NS (300 * PT_NS_PER_S)
#define TEXT_MAX 4096 /* of one value in a request; what is longer is no argument of ours */

const PtService *const pt_services[] = {&pt_service_device,
                                        &pt_service_media,
                                        &pt_service_media2,
                                        &pt_service_deviceio,
                                        &pt_service_events,
                                        &pt_service_imaging,
                                        &pt_service_search,
                                        &pt_service_recording,
                                        &pt_service_replay,
                                        &pt_service_notification,
                                        NULL};

/* ---- life ---- */

static void restore_relay(void *user, const char *relay, const PtOnvifRelaySettings *settings) {
	PtOnvifServer *s = user;
	if (s->host.configure_relay)
		s->host.configure_relay(s->host.data, relay, settings, "start", NULL); /* one that is gone is gone */
}

static void restore_video(void *user, const char *camera, bool sub, const PtOnvifVideo *video) {
	PtOnvifServer *s = user;
	if (s->host.set_video)
		s->host.set_video(s->host.data, camera, sub, video, NULL);
}

static void restore_audio(void *user, const char *camera, bool sub, PtOnvifAudioCodec codec) {
	PtOnvifServer *s = user;
	if (s->host.set_audio)
		s->host.set_audio(s->host.data, camera, sub, codec, NULL);
}

static void restore_idle(void *user, const char *camera, bool sub, const char *who) {
	PtOnvifServer *s = user;
	if (s->host.set_recording)
		s->host.set_recording(s->host.data, camera, sub, false, who, NULL);
}

PtOnvifServer *pt_onvif_server_new(const PtOnvifHost *host) {
	PtOnvifServer *s = g_new0(PtOnvifServer, 1);
	s->host = *host;
	s->wsse = pt_wsse_server_new();
	s->attempts = pt_attempts_new();
	s->digest = pt_digest_server_new(REALM, NONCE_LIFE_NS, host->clock);
	s->settings = pt_settings_new(host->directory);
	s->subscriptions = pt_subscriptions_new(host->clock, &pt_events_subscriptions_ops, s);
	pt_settings_each_relay(s->settings, restore_relay, s);
	pt_settings_each_video(s->settings, restore_video, s);
	pt_settings_each_audio(s->settings, restore_audio, s);
	pt_settings_each_idle(s->settings, restore_idle, s);
	pt_onvif_server_repeat_osds(s);
	return s;
}

void pt_onvif_server_free(PtOnvifServer *s) {
	if (!s)
		return;
	pt_subscriptions_free(s->subscriptions);
	pt_searches_free(s->searches);
	pt_http_free(s->http);
	g_clear_handle_id(&s->tick, g_source_remove);
	pt_settings_free(s->settings);
	pt_digest_server_free(s->digest);
	pt_wsse_server_free(s->wsse);
	pt_attempts_free(s->attempts);
	g_free(s->claimed);
	g_free(s);
}

/* ---- who asks ---- */

static PtOnvifLevel least_level(PtAccess access) {
	switch (access) {
	case PT_ACCESS_PRE_AUTH:
		return PT_ONVIF_ANYBODY;
	case PT_ACCESS_READ_SYSTEM:
	case PT_ACCESS_READ_MEDIA:
		return PT_ONVIF_USER;
	case PT_ACCESS_READ_SYSTEM_SENSITIVE:
	case PT_ACCESS_ACTUATE:
		return PT_ONVIF_OPERATOR;
	default:
		return PT_ONVIF_ADMINISTRATOR;
	}
}

/* Who guesses at a name from somewhere is made to wait, and nobody else is. */
static char *lookup(void *data, const char *user) {
	PtOnvifServer *s = data;
	g_free(s->claimed);
	s->claimed = g_strdup_printf("%s %.64s", s->remote ? s->remote : "", user);
	s->claimed_wait_ns = pt_attempts_wait_ns(s->attempts, s->claimed, pt_mono_ns(s->host.clock));
	return s->claimed_wait_ns ? NULL : s->host.password(s->host.data, user);
}

static void begin_login(PtOnvifServer *s, const char *remote) {
	s->remote = remote;
	s->claimed_wait_ns = 0;
	g_clear_pointer(&s->claimed, g_free);
}

/* After it was looked at. wrong: the name or the password is. */
static void end_login(PtOnvifServer *s, bool right, bool wrong) {
	if (right && s->claimed)
		pt_attempts_forgive(s->attempts, s->claimed);
	if (wrong && s->claimed && !s->claimed_wait_ns)
		pt_attempts_failed(s->attempts, s->claimed, pt_mono_ns(s->host.clock));
}

/* Caller frees. */
static char *too_soon(const PtOnvifServer *s) {
	return g_strdup_printf("too many wrong attempts: wait %d s", (int)(s->claimed_wait_ns / PT_NS_PER_S) + 1);
}

static void refused(PtOnvifServer *s, const char *user, const char *remote, const char *why) {
	s->stats.failed_logins++;
	if (s->host.login_refused)
		s->host.login_refused(s->host.data, user, remote, why);
}

/* The user by HTTP Digest. ret_challenges: what to ask for, when nobody is known by it; g_strfreev. */
static char *login_http(PtOnvifServer *s, const PtOnvifRequest *r, char ***ret_challenges) {
	char *user = NULL;
	begin_login(s, r->remote);
	PtDigestVerdict verdict = pt_digest_server_verify(s->digest, r->authorization, r->method, r->path, lookup, s, &user);
	end_login(s, verdict == PT_DIGEST_OK, verdict == PT_DIGEST_REFUSED);
	if (verdict == PT_DIGEST_OK)
		return user;
	if (verdict != PT_DIGEST_MISSING && verdict != PT_DIGEST_STALE)
		refused(s, "", r->remote,
		        s->claimed_wait_ns ? "HTTP Digest: too many wrong attempts"
		                           : "HTTP Digest: the user name or the password is wrong");
	*ret_challenges = pt_digest_server_challenges(s->digest, verdict == PT_DIGEST_STALE);
	return NULL;
}

/* The user by UsernameToken; sets a fault when it is wrong. */
static char *login_token(PtCall *c, const char *remote) {
	static const char *const words[] = {[PT_WSSE_REFUSED] = "the user name or the password is wrong",
	                                    [PT_WSSE_STALE] = "the token was made more than 5 min ago or in the future",
	                                    [PT_WSSE_REPLAYED] = "the token was used before"};
	PtOnvifServer *s = c->server;
	char *user = NULL;
	begin_login(s, remote);
	PtWsseVerdict verdict = pt_wsse_server_verify(s->wsse, c->soap->header, pt_wall_ns(s->host.clock), lookup, s, &user);
	end_login(s, verdict == PT_WSSE_OK, verdict == PT_WSSE_REFUSED);
	if (verdict == PT_WSSE_OK)
		return user;
	g_autofree char *soon = s->claimed_wait_ns ? too_soon(s) : NULL;
	const char *why = soon ? soon : words[verdict];
	refused(s, pt_xml_value_at(c->soap->header, "wsse:Security/wsse:UsernameToken/wsse:Username"), remote, why);
	s->stats.replays += verdict == PT_WSSE_REPLAYED;
	pt_call_fault(c, "ter:NotAuthorized", NULL, "%s", why);
	return NULL;
}

static void check_level(PtCall *c) {
	c->level = c->server->host.level(c->server->host.data, c->user);
	if (c->level < least_level(c->operation->access))
		pt_call_fault(c, "ter:NotAuthorized", NULL, "%s may not do %s", c->user, c->operation->name);
}

/* Core specification, "Authentication over HTTP and HTTPS": either way; who uses both must be right in both. */
static void login(PtCall *c, const PtOnvifRequest *r, char ***ret_challenges) {
	PtOnvifServer *s = c->server;
	bool token = pt_xml_at(c->soap->header, "wsse:Security/wsse:UsernameToken") != NULL;
	if (r->authorization || !token)
		c->user = login_http(s, r, ret_challenges);
	if (*ret_challenges) {
		g_autofree char *soon = s->claimed_wait_ns ? too_soon(s) : NULL;
		pt_call_fault(c, "ter:NotAuthorized", NULL, "%s%s", soon ? soon : c->operation->name,
		              soon ? "" : " asks for a login");
		return;
	}
	if (token) {
		g_free(c->user);
		c->user = login_token(c, r->remote);
		if (!c->user)
			return;
	}
	check_level(c);
}

/* ---- which operation ---- */

static bool find_operation(PtCall *c) {
	for (const PtService *const *s = pt_services; *s; s++) {
		g_autofree char *any = g_strconcat((*s)->prefix, ":*", NULL);
		if (!pt_xml_is(c->in, any))
			continue;
		for (const PtOperation *o = (*s)->operations; o->name; o++)
			if (!strcmp(o->name, pt_xml_name(c->in))) {
				c->service = *s;
				c->operation = o;
				return true;
			}
	}
	return false;
}

/* Headers that must be understood: ours are WS-Security's and WS-Addressing's. */
static bool headers_understood(PtCall *c) {
	for (const PtXmlNode *h = pt_xml_child(c->soap->header, "*"); h; h = pt_xml_next(h, "*")) {
		bool must = false;
		const char *value = pt_xml_get(h, "mustUnderstand");
		if (value && pt_xml_bool(value, &must) && must && !pt_xml_is(h, "wsse:Security") && !pt_xml_is(h, "wsa:*")) {
			c->code = "s:MustUnderstand";
			c->reason = g_strdup_printf("the header %s is not understood", pt_xml_name(h));
			return false;
		}
	}
	return true;
}

/* Arguments of a request are short: what is not is refused before a handler sees it. */
static bool arguments_short(const PtXmlNode *node) {
	if (strlen(pt_xml_value(node)) > TEXT_MAX)
		return false;
	for (const PtXmlNode *child = pt_xml_child(node, "*"); child; child = pt_xml_next(child, "*"))
		if (!arguments_short(child))
			return false;
	return true;
}

static void run(PtCall *c) {
	const PtOperation *o = c->operation;
	if (!o->fn) {
		pt_call_fault(c, "ter:ActionNotSupported", o->why, "%s is not something this device can do", o->name);
		return;
	}
	g_autofree char *name = g_strdup_printf("%s:%sResponse", c->service->prefix, o->name);
	c->out = pt_xml_new();
	pt_xml_open(c->out, name);
	o->fn(c);
}

/* trusted NULL: it has to log in. */
static void handle_message(PtOnvifServer *s, const PtOnvifRequest *r, const char *trusted, const PtOnvifClient *client,
                           void *user) {
	PtCall *c = g_new0(PtCall, 1);
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) challenges = NULL;
	c->server = s;
	c->client = client;
	c->client_data = user;
	c->origin = g_strdup(r->origin);
	c->path = g_strdup(r->path);
	if (!r->size && !r->authorization &&
	    !trusted) { /* a client that asks for the challenge before it sends its message */
		challenges = pt_digest_server_challenges(s->digest, false);
		pt_call_fault(c, "ter:NotAuthorized", NULL, "log in first");
		pt_call_finish_challenged(c, challenges);
		return;
	}
	c->soap = pt_soap_parse(r->body, r->size, false, &error);
	c->in = c->soap ? c->soap->body : NULL;
	if (!c->soap)
		pt_call_fault(c, "ter:WellFormed", NULL, "%s", error->message);
	else if (!c->in)
		pt_call_fault(c, "ter:Tag", NULL, "the body is empty");
	else if (!find_operation(c))
		pt_call_fault(c, "ter:UnknownAction", NULL, "'%.80s' is none of this device's operations",
		              pt_xml_name(c->in));
	else if (headers_understood(c) && !arguments_short(c->in))
		pt_call_fault(c, "ter:InvalidArgs", NULL, "an argument is longer than %d bytes", TEXT_MAX);
	if (!c->code && trusted) {
		c->user = g_strdup(trusted);
		check_level(c);
	} else if (!c->code && c->operation->access != PT_ACCESS_PRE_AUTH) {
		login(c, r, &challenges);
	}
	if (!c->code)
		run(c);
	if (c->code || !c->deferred)
		pt_call_finish_challenged(c, challenges);
}

void pt_onvif_server_handle(PtOnvifServer *s, const PtOnvifRequest *r, const PtOnvifClient *client, void *user) {
	s->stats.requests++;
	if (!strcmp(r->method, "POST")) {
		handle_message(s, r, NULL, client, user);
		return;
	}
	g_auto(GStrv) challenges = NULL;
	g_autofree char *name = login_http(s, r, &challenges);
	if (name && s->host.level(s->host.data, name) >= PT_ONVIF_USER)
		pt_snapshot_answer(s, r->path, name, client, user);
	else
		client->reply(user, &(PtOnvifAnswer){.status = name ? 403 : 401, .challenges = challenges});
}

void pt_onvif_server_handle_trusted(PtOnvifServer *s, const PtOnvifRequest *r, const char *trusted,
                                    const PtOnvifClient *client, void *user) {
	s->stats.requests++;
	handle_message(s, r, trusted, client, user);
}

/* ---- the rest of the interface ---- */

char *pt_onvif_server_xaddr(const char *origin) { return g_strconcat(origin, pt_service_device.path, NULL); }

const char *pt_onvif_server_endpoint(PtOnvifServer *s) { return pt_settings_endpoint(s->settings); }

bool pt_onvif_server_discoverable(PtOnvifServer *s) { return pt_settings_discoverable(s->settings); }

void pt_onvif_server_get_stats(PtOnvifServer *s, PtOnvifServerStats *ret) {
	*ret = s->stats;
	ret->subscriptions = pt_subscriptions_count(s->subscriptions);
	ret->dropped = pt_subscriptions_dropped(s->subscriptions);
}
