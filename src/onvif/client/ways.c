/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/ways.h"
#include "base/error.h"
#include <string.h>

#define QUIET_MS 10000 /* whoever keeps states tells them at once; a way that is silent so long brings nothing */
#define BEAT_MS 10000  /* where nothing else shows that it is there */
#define BEATS_MISSED 2
#define HEARD_MAX 64

const char *const pt_onvif_way_words[] = {"none", "pull", "push", "metadata", "any", NULL};

struct PtOnvifWays {
	PtOnvifDevice *device;
	PtClock *clock;
	PtOnvifWaysParams params;
	PtOnvifEventsHost host;

	PtOnvifWay now;
	PtOnvifEvents *events;     /* of pull and push; NULL: another way */
	PtOnvifEventsStats before; /* of earlier ways */
	char *door;                /* the address that is open; NULL: none */
	bool proven;               /* this way has brought something */
	bool settled;              /* all were tried in vain: the first that could be had it is */
	PtOnvifWay silent;         /* the first that could be had and brought nothing; NONE: not yet */
	GError *why;               /* of the first that could not be had */
	PtOnvifEvents *leaving;    /* the subscription of a silent way, being given back before the next is tried */
	GSource *quiet, *beat;
	PtOnvifCall *beating;
	unsigned missed;
	GArray *heard; /* of PtOnvifSaid: the last of each from the metadata track while another way is tried */
};

static void clear_source(GSource **source) {
	if (*source)
		g_source_destroy(*source);
	g_clear_pointer(source, g_source_unref);
}

static void set_timer(GSource **source, unsigned ms, GSourceFunc fn, void *data) {
	clear_source(source);
	*source = g_timeout_source_new(ms);
	g_source_set_callback(*source, fn, data, NULL);
	g_source_attach(*source, g_main_context_get_thread_default());
}

static void close_door(PtOnvifWays *w) {
	if (w->door)
		w->params.door.close(w->params.door.user, w->door);
	g_clear_pointer(&w->door, g_free);
}

/* What the current way holds, but for its subscription. */
static void stop_way(PtOnvifWays *w) {
	close_door(w);
	clear_source(&w->quiet);
	clear_source(&w->beat);
	g_clear_pointer(&w->beating, pt_onvif_cancel);
	w->missed = 0;
}

static void add_stats(PtOnvifEventsStats *to, const PtOnvifEvents *events) {
	PtOnvifEventsStats s;
	pt_onvif_events_get_stats(events, &s);
	to->pulls += s.pulls;
	to->messages += s.messages;
	to->subscriptions += s.subscriptions;
	to->renewals += s.renewals;
	to->refused_renewals += s.refused_renewals;
	to->pulled_ns = s.pulled_ns;
}

static void begin(PtOnvifWays *w, PtOnvifWay way);
static void try_next(PtOnvifWays *w);

/* ---- what is said ---- */

static void said(void *user, const PtOnvifSaid *what) {
	PtOnvifWays *w = user;
	w->proven = true;
	clear_source(&w->quiet);
	w->host.said(w->host.user, what);
}

static void hear(void *user, const PtOnvifSaid *what) {
	PtOnvifWays *w = user;
	if (w->now == PT_ONVIF_WAY_METADATA) {
		w->before.messages++;
		said(w, what);
		return;
	}
	guint i = 0;
	while (i < w->heard->len) {
		const PtOnvifSaid *old = &g_array_index(w->heard, PtOnvifSaid, i);
		if (!strcmp(old->topic, what->topic) && !strcmp(old->token, what->token))
			break;
		i++;
	}
	if (i == w->heard->len && i < HEARD_MAX)
		g_array_set_size(w->heard, i + 1);
	if (i < w->heard->len) {
		g_array_index(w->heard, PtOnvifSaid, i) = *what;
		if (what->how == PT_SAID_CHANGED) /* by the time it is told it is a state, and no news */
			g_array_index(w->heard, PtOnvifSaid, i).how = PT_SAID_INITIALIZED;
	}
}

void pt_onvif_ways_metadata(PtOnvifWays *w, const void *document, size_t size) {
	if (w->proven && w->now != PT_ONVIF_WAY_METADATA) /* all of it comes the other way */
		return;
	g_autoptr(PtXmlDoc) doc = pt_xml_parse(document, size, true, NULL);
	if (doc && pt_xml_is(pt_xml_root(doc), "tt:MetadataStream"))
		pt_onvif_read_all_said(pt_xml_root(doc), hear, w);
}

bool pt_onvif_ways_deliver(PtOnvifWays *w, const void *message, size_t size) {
	if (w->now != PT_ONVIF_WAY_PUSH || !w->events)
		return false;
	g_autoptr(PtSoap) soap = pt_soap_parse(message, size, true, NULL);
	return soap && pt_onvif_events_deliver(w->events, soap->body);
}

/* ---- from one to the next ---- */

static void given_back(void *user) {
	PtOnvifWays *w = user;
	w->leaving = NULL;
	try_next(w);
}

static gboolean too_quiet(void *data) {
	PtOnvifWays *w = data;
	if (w->silent == PT_ONVIF_WAY_NONE)
		w->silent = w->now;
	stop_way(w);
	w->leaving = g_steal_pointer(&w->events);
	if (w->leaving) {
		add_stats(&w->before, w->leaving);
		pt_onvif_events_leave(w->leaving, given_back, w);
	} else {
		try_next(w);
	}
	return G_SOURCE_REMOVE;
}

static void live(void *user) {
	PtOnvifWays *w = user;
	if (w->params.wish == PT_ONVIF_WAY_ANY && w->now != PT_ONVIF_WAY_NONE && !w->proven && !w->settled && !w->quiet)
		set_timer(&w->quiet, QUIET_MS, too_quiet, w);
	w->host.live(w->host.user);
}

static void end(PtOnvifWays *w, const GError *error) {
	stop_way(w);
	w->host.lost(w->host.user, error);
}

static void lost(void *user, const GError *error) {
	PtOnvifWays *w = user;
	bool away = error->code == PT_ERROR_TIMEOUT; /* then the next way is no better */
	if (w->params.wish != PT_ONVIF_WAY_ANY || w->proven || w->settled || away) {
		end(w, error);
		return;
	}
	if (!w->why)
		w->why = g_error_copy(error);
	stop_way(w);
	if (w->events)
		add_stats(&w->before, w->events);
	g_clear_pointer(&w->events, pt_onvif_events_free);
	try_next(w);
}

static bool can(const PtOnvifWays *w, PtOnvifWay way) {
	bool service = pt_onvif_device_has(w->device, PT_ONVIF_EVENTS);
	return way == PT_ONVIF_WAY_METADATA ? w->params.metadata || w->heard->len
	       : way == PT_ONVIF_WAY_PUSH   ? service && w->params.door.open
	                                    : service;
}

static void try_next(PtOnvifWays *w) {
	for (PtOnvifWay way = w->now + 1; way < PT_ONVIF_WAY_ANY; way++)
		if (can(w, way)) {
			begin(w, way);
			return;
		}
	if (w->silent != PT_ONVIF_WAY_NONE) {
		w->settled = true;
		begin(w, w->silent);
		return;
	}
	g_autoptr(GError) why = g_error_copy(w->why);
	end(w, why);
}

/* ---- where nothing else shows that it is there ---- */

static gboolean beat_due(void *data);

static void beaten(void *user, const PtSoap *answer, const GError *error) {
	PtOnvifWays *w = user;
	w->beating = NULL;
	w->missed = error ? w->missed + 1 : 0;
	if (w->missed >= BEATS_MISSED)
		end(w, error);
	else
		set_timer(&w->beat, error ? 1000 : BEAT_MS, beat_due, w);
}

static gboolean beat_due(void *data) {
	PtOnvifWays *w = data;
	clear_source(&w->beat);
	w->beating = pt_onvif_call(w->device, PT_ONVIF_DEVICE, pt_onvif_request("tds:GetSystemDateAndTime"), beaten, w);
	return G_SOURCE_REMOVE;
}

/* ---- beginning ---- */

static void begin_subscription(PtOnvifWays *w) {
	g_autoptr(GError) error = NULL;
	const PtOnvifDoor *d = &w->params.door;
	if (!can(w, w->now))
		pt_error_set(&error, UNSUPPORTED, "it has no event service");
	else if (w->now == PT_ONVIF_WAY_PUSH)
		w->door = d->open(d->user, pt_onvif_device_peer(w->device)->address, &error);
	if (error) {
		lost(w, error);
		return;
	}
	PtOnvifEventsHost host = {said, live, lost, w};
	w->events = pt_onvif_events_new(w->device, w->clock, w->door, &host);
}

static void begin(PtOnvifWays *w, PtOnvifWay way) {
	w->now = way;
	if (way == PT_ONVIF_WAY_PULL || way == PT_ONVIF_WAY_PUSH) {
		begin_subscription(w);
		return;
	}
	set_timer(&w->beat, BEAT_MS, beat_due, w);
	live(w);
	if (way == PT_ONVIF_WAY_METADATA)
		for (guint i = 0; i < w->heard->len; i++)
			said(w, &g_array_index(w->heard, PtOnvifSaid, i));
}

static gboolean first_due(void *data) {
	PtOnvifWays *w = data;
	clear_source(&w->beat);
	PtOnvifWay wish = w->params.wish;
	if (wish == PT_ONVIF_WAY_ANY && !pt_onvif_device_has(w->device, PT_ONVIF_EVENTS))
		wish = w->params.metadata ? PT_ONVIF_WAY_METADATA : PT_ONVIF_WAY_NONE;
	begin(w, wish == PT_ONVIF_WAY_ANY ? PT_ONVIF_WAY_PULL : wish);
	return G_SOURCE_REMOVE;
}

PtOnvifWays *pt_onvif_ways_new(PtOnvifDevice *device, PtClock *clock, const PtOnvifWaysParams *params,
                               const PtOnvifEventsHost *host) {
	PtOnvifWays *w = g_new0(PtOnvifWays, 1);
	w->device = device;
	w->clock = clock;
	w->params = *params;
	w->host = *host;
	w->heard = g_array_new(FALSE, TRUE, sizeof(PtOnvifSaid));
	set_timer(&w->beat, 0, first_due, w); /* nothing is said before its owner knows it */
	return w;
}

PtOnvifWay pt_onvif_ways_now(const PtOnvifWays *w) { return w->now; }

void pt_onvif_ways_get_stats(const PtOnvifWays *w, PtOnvifEventsStats *ret) {
	*ret = w->before;
	if (w->events)
		add_stats(ret, w->events);
}

void pt_onvif_ways_leave(PtOnvifWays *w, void (*gone)(void *user), void *user) {
	PtOnvifEvents *events = g_steal_pointer(&w->events);
	if (!events) /* it is on its way out already; what it was given back for does not matter any more */
		events = g_steal_pointer(&w->leaving);
	pt_onvif_ways_free(w);
	if (events)
		pt_onvif_events_leave(events, gone, user);
	else
		gone(user);
}

void pt_onvif_ways_free(PtOnvifWays *w) {
	if (!w)
		return;
	stop_way(w);
	pt_onvif_events_free(w->events);
	pt_onvif_events_free(w->leaving);
	g_clear_error(&w->why);
	g_array_unref(w->heard);
	g_free(w);
}
