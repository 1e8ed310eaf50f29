/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/camera.h"
#include "base/error.h"
#include "onvif/client/address.h"
#include "onvif/client/describe.h"
#include <string.h>

#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 60000
#define ORDERS_MS 2000               /* at the end of the program */
#define DELAYED_NS (2 * PT_NS_PER_S) /* what is older when it comes was held up; some tell whole seconds */
#define DOUBT_NS (30 * PT_NS_PER_S)
#define SETTLE_MS 3000 /* a state that was not told by then will not be told */

struct PtOnvifCamera {
	int refs;
	char *name;
	PtHttp *http;
	PtClock *clock;
	PtOnvifCameraHost host;
	PtOnvifDevice *device; /* NULL: stopped */
	PtOnvifCall *opening;
	PtOnvifDescribe *describing;
	PtOnvifFound *found;
	PtOnvifWays *events;
	PtOnvifWay wish;
	PtOnvifDoor door;
	char *profile_main, *profile_sub; /* as the site file wants them */
	PtOnvifChoice choice;             /* the same */
	bool events_live;
	uint64_t spells;
	bool clock_fine;
	int64_t fine_offset_ns; /* when clock_fine */
	int64_t clock_asked_ns; /* monotonic: it was asked once more */
	int64_t said_ns;        /* monotonic: when what is being said happened */
	int64_t held_up_ns;     /* the same of what was said last, when that was held up; else 0 */
	int64_t restarted_ns;   /* wall time; 0: not known */
	PtOnvifState state;
	char *reason;
	GSource *retry, *settle;
	unsigned failures;
	GPtrArray *watches;  /* of PtOnvifWatch *, borrowed */
	GPtrArray *orders;   /* of Order * */
	GPtrArray *promises; /* of Promise *, borrowed */
};

struct PtOnvifWatch {
	PtOnvifCamera *camera; /* a reference */
	PtOnvifPlugKind kind;
	char *token;
	int64_t pulse_ns;
	PtOnvifContactFn fn;
	void *user;
	PtOnvifContact told;
	bool told_once;
};

/* An order to a relay that has not been answered yet. */
typedef struct {
	PtOnvifCamera *camera;
	char *token;
	bool active, second; /* second: sent to Device IO */
	PtOnvifCall *call;
} Order;

static void order_free(void *data);

/* A call of somebody who is always answered, or who waits. */
typedef struct {
	PtOnvifCamera *camera;
	PtOnvifCall *call;
	GSource *pause;
	PtOnvifFn fn;
	void *user;
} Promise;

static GHashTable *cameras; /* name → PtOnvifCamera *, borrowed */
static unsigned leaving;    /* subscriptions that are being given back */
static unsigned ordered;    /* orders under way */

/* ---- the list ---- */

PtOnvifCamera *pt_onvif_camera_get(const char *name) {
	if (!cameras)
		cameras = g_hash_table_new(g_str_hash, g_str_equal);
	PtOnvifCamera *c = g_hash_table_lookup(cameras, name);
	if (!c) {
		c = g_new0(PtOnvifCamera, 1);
		c->name = g_strdup(name);
		c->reason = g_strdup("");
		c->watches = g_ptr_array_new();
		c->orders = g_ptr_array_new_with_free_func(order_free);
		c->promises = g_ptr_array_new();
		g_hash_table_insert(cameras, c->name, c);
	}
	c->refs++;
	return c;
}

PtOnvifCamera *pt_onvif_camera_ref(PtOnvifCamera *c) {
	c->refs++;
	return c;
}

void pt_onvif_camera_unref(PtOnvifCamera *c) {
	if (!c || --c->refs)
		return;
	pt_onvif_camera_stop(c);
	g_hash_table_remove(cameras, c->name);
	if (!g_hash_table_size(cameras))
		g_clear_pointer(&cameras, g_hash_table_unref);
	pt_onvif_found_free(c->found);
	g_ptr_array_unref(c->watches);
	g_ptr_array_unref(c->orders);
	g_ptr_array_unref(c->promises);
	g_free(c->reason);
	g_free(c->name);
	g_free(c);
}

static void set_state(PtOnvifCamera *c, PtOnvifState state, const char *reason) {
	if (c->state == state && !strcmp(c->reason, reason))
		return;
	c->state = state;
	g_free(c->reason);
	c->reason = g_strdup(reason);
	if (c->host.state)
		c->host.state(c->host.user, state, c->reason);
}

/* ---- levels ---- */

static PtOnvifPlug *plug_of(const PtOnvifCamera *c, PtOnvifPlugKind kind, const char *token) {
	for (guint i = 0; c->found && i < c->found->plugs->len; i++) {
		PtOnvifPlug *p = g_ptr_array_index(c->found->plugs, i);
		if (p->kind == kind && !strcmp(p->token, token))
			return p;
	}
	return NULL;
}

/* Logical state to contact and back: inactive is what the contact idles at. */
static bool closed_of(const PtOnvifPlug *p, bool active) { return active != p->idle_closed; }

/* again: also what was told already, since that an input is still active says that it is not over. */
static void tell_watch(PtOnvifWatch *w, int64_t mono_ns, bool initial, bool again) {
	const PtOnvifPlug *p = w->camera->state == PT_ONVIF_READY ? plug_of(w->camera, w->kind, w->token) : NULL;
	PtOnvifContact level = !p || !p->known           ? PT_ONVIF_CONTACT_UNKNOWN
	                       : closed_of(p, p->active) ? PT_ONVIF_CONTACT_CLOSED
	                                                 : PT_ONVIF_CONTACT_OPEN;
	/* a state that is repeated on a new subscription is none that anybody has to hear of again */
	if (w->told_once && level == w->told && !again)
		return;
	bool first = !w->told_once || w->told == PT_ONVIF_CONTACT_UNKNOWN;
	w->told = level;
	w->told_once = true;
	w->fn(w->user, level, mono_ns, initial || first);
}

static void tell_watches(PtOnvifCamera *c, const PtOnvifPlug *p, int64_t mono_ns, bool initial) {
	for (guint i = 0; i < c->watches->len; i++) {
		PtOnvifWatch *w = g_ptr_array_index(c->watches, i);
		if (!p || (w->kind == p->kind && !strcmp(w->token, p->token)))
			tell_watch(w, mono_ns, initial, p && p->kind == PT_ONVIF_PLUG_INPUT);
	}
}

static void forget_levels(PtOnvifCamera *c) {
	for (guint i = 0; c->found && i < c->found->plugs->len; i++)
		((PtOnvifPlug *)g_ptr_array_index(c->found->plugs, i))->known = false;
	tell_watches(c, NULL, pt_mono_ns(c->clock), true);
}

/* ---- events ---- */

/* Cameras name a plug differently in events than in lists; where there is one of its kind, it is that one. */
static PtOnvifPlug *plug_said(PtOnvifCamera *c, const PtOnvifSaid *said) {
	PtOnvifPlugKind kind = said->kind == PT_SAYS_INPUT ? PT_ONVIF_PLUG_INPUT : PT_ONVIF_PLUG_RELAY;
	PtOnvifPlug *p = plug_of(c, kind, said->token), *only = NULL;
	unsigned n = 0;
	/* Axis reports inputs and outputs alike as ports */
	if (!p && g_str_has_suffix(said->topic, "IO/Port"))
		p = plug_of(c, PT_ONVIF_PLUG_RELAY, said->token);
	for (guint i = 0; i < c->found->plugs->len; i++) {
		PtOnvifPlug *q = g_ptr_array_index(c->found->plugs, i);
		if (q->kind == kind) {
			only = q;
			n++;
		}
	}
	if (!p && n == 1)
		p = only;
	if (!p && !n && said->token[0]) /* a camera without Device IO that tells of an input all the same */
		p = pt_onvif_found_add_plug(c->found, kind, said->token);
	return p;
}

bool pt_onvif_camera_read_plug(PtOnvifCamera *c, const PtOnvifSaid *said, PtOnvifPlugKind *ret_kind, const char **ret_token,
                               PtOnvifContact *ret_level) {
	bool is_plug = said->kind == PT_SAYS_INPUT || said->kind == PT_SAYS_RELAY;
	const PtOnvifPlug *p = is_plug && said->active >= 0 && c->found ? plug_said(c, said) : NULL;
	if (!p)
		return false;
	*ret_kind = p->kind;
	*ret_token = p->token;
	*ret_level = closed_of(p, said->active) ? PT_ONVIF_CONTACT_CLOSED : PT_ONVIF_CONTACT_OPEN;
	return true;
}

void pt_onvif_camera_set_clock(PtOnvifCamera *c, bool known, int64_t offset_ns) {
	c->clock_fine = known;
	c->fine_offset_ns = offset_ns;
}

void pt_onvif_camera_doubt_clock(PtOnvifCamera *c) {
	int64_t now = c->device ? pt_mono_ns(c->clock) : 0;
	if (c->state != PT_ONVIF_READY || (c->clock_asked_ns && now - c->clock_asked_ns < DOUBT_NS))
		return;
	c->clock_asked_ns = now;
	pt_onvif_device_measure_clock(c->device);
}

/* When it happened. The camera's own time is worth nothing better than its clock, so what has just arrived has just
 * happened. But on a connection that outlives a cut what happened meanwhile arrives afterwards. That is believed where the
 * clock is watched by other means, and of nothing that is older than the question it answers, or than what was held up
 * before it. */
static int64_t when(const PtOnvifCamera *c, const PtOnvifSaid *said) {
	int64_t now = pt_mono_ns(c->clock);
	PtOnvifEventsStats stats = {0};
	if (c->events)
		pt_onvif_ways_get_stats(c->events, &stats);
	if (!stats.pulled_ns || !said->utc_ns || said->how == PT_SAID_INITIALIZED || !c->clock_fine)
		return now;
	int64_t age = pt_wall_ns(c->clock) - (said->utc_ns - c->fine_offset_ns);
	int64_t first = c->held_up_ns ? MIN(c->held_up_ns, stats.pulled_ns) : stats.pulled_ns;
	return age > DELAYED_NS && now - age > first - DELAYED_NS ? now - age : now;
}

int64_t pt_onvif_camera_said_ns(const PtOnvifCamera *c) { return c->said_ns; }

static void events_said(void *user, const PtOnvifSaid *said) {
	PtOnvifCamera *c = user;
	int64_t now = pt_mono_ns(c->clock);
	c->said_ns = when(c, said);
	c->held_up_ns = c->said_ns < now ? c->said_ns : 0;
	if ((said->kind == PT_SAYS_INPUT || said->kind == PT_SAYS_RELAY) && c->found) {
		PtOnvifPlug *p = plug_said(c, said);
		if (p && said->active >= 0) {
			p->known = said->how != PT_SAID_DELETED;
			p->assumed = false;
			p->active = said->active;
			tell_watches(c, p, c->said_ns, said->how == PT_SAID_INITIALIZED);
		}
	}
	if (said->told_ns && pt_onvif_device_clock_known(c->device))
		c->restarted_ns = said->told_ns - (c->clock_fine ? c->fine_offset_ns : pt_onvif_device_offset_ns(c->device));
	if (c->host.said)
		c->host.said(c->host.user, said);
}

static void try_later(PtOnvifCamera *c, const char *reason);

/* Relays that the camera tells nothing of are taken to be at rest: so their safe state can be ordered, and what it accepts
 * is what is known of them from then on. */
static gboolean settle(void *data) {
	PtOnvifCamera *c = data;
	g_clear_pointer(&c->settle, g_source_unref);
	for (guint i = 0; i < c->found->plugs->len; i++) {
		PtOnvifPlug *p = g_ptr_array_index(c->found->plugs, i);
		if (p->kind != PT_ONVIF_PLUG_RELAY || p->known)
			continue;
		p->known = p->assumed = true;
		p->active = false;
		tell_watches(c, p, pt_mono_ns(c->clock), true);
	}
	return G_SOURCE_REMOVE;
}

static void set_ready(PtOnvifCamera *c) {
	c->failures = 0;
	c->spells += c->state != PT_ONVIF_READY;
	set_state(c, PT_ONVIF_READY, "");
	if (c->settle)
		return;
	c->settle = g_timeout_source_new(SETTLE_MS);
	g_source_set_callback(c->settle, settle, c, NULL);
	g_source_attach(c->settle, g_main_context_get_thread_default());
}

static void events_live(void *user) {
	PtOnvifCamera *c = user;
	c->events_live = pt_onvif_ways_now(c->events) != PT_ONVIF_WAY_NONE;
	set_ready(c);
}

static void events_lost(void *user, const GError *error) {
	PtOnvifCamera *c = user;
	bool slots = error->code == PT_ERROR_AUTH || strstr(error->message, "MaxPullPoints") ||
	             strstr(error->message, "ResourceUnknown");
	bool any = c->events && pt_onvif_ways_now(c->events) != PT_ONVIF_WAY_NONE;
	g_autofree char *reason =
	    g_strdup_printf("%s%s%s", any ? "events: " : "", error->message,
	                    slots ? " (all its subscriptions may be taken; those that leaked end by themselves)" : "");
	try_later(c, reason);
}

static const PtOnvifEventsHost events_host = {events_said, events_live, events_lost, NULL};

/* ---- reaching it ---- */

static gboolean retry_due(void *data);

static void clear_source(GSource **source) {
	if (*source)
		g_source_destroy(*source);
	g_clear_pointer(source, g_source_unref);
}

static void drop_all(PtOnvifCamera *c) {
	g_clear_pointer(&c->opening, pt_onvif_cancel);
	g_clear_pointer(&c->describing, pt_onvif_describe_free);
	g_clear_pointer(&c->events, pt_onvif_ways_free);
	c->events_live = false;
	clear_source(&c->retry);
	clear_source(&c->settle);
}

static void try_later(PtOnvifCamera *c, const char *reason) {
	drop_all(c);
	set_state(c, PT_ONVIF_LOST, reason);
	forget_levels(c);
	unsigned wait = MIN(RETRY_MIN_MS << MIN(c->failures, 6), RETRY_MAX_MS);
	c->failures++;
	wait += (unsigned)g_random_int_range(0, (gint32)wait / 4 + 1);
	c->retry = g_timeout_source_new(wait);
	g_source_set_callback(c->retry, retry_due, c, NULL);
	g_source_attach(c->retry, g_main_context_get_thread_default());
}

static void not_waited_for(void *user, const PtSoap *answer, const GError *error) {}

/* The site wants a relay monostable, or bistable, and the camera has it otherwise. */
static void set_modes(PtOnvifCamera *c) {
	for (guint i = 0; i < c->watches->len; i++) {
		const PtOnvifWatch *w = g_ptr_array_index(c->watches, i);
		PtOnvifPlug *p = w->kind == PT_ONVIF_PLUG_RELAY ? plug_of(c, w->kind, w->token) : NULL;
		if (!p)
			continue;
		bool want = w->pulse_ns > 0 && p->can_monostable;
		double delay = (double)w->pulse_ns / PT_NS_PER_S;
		if (p->monostable == want && (!want || p->delay_s == delay))
			continue;
		p->monostable = want;
		p->delay_s = delay;
		pt_onvif_call(c->device, PT_ONVIF_DEVICE, pt_onvif_relay_mode(p), not_waited_for, NULL);
	}
}

static void described(void *user, PtOnvifFound *found, const GError *error) {
	PtOnvifCamera *c = user;
	c->describing = NULL;
	if (error) {
		try_later(c, error->message);
		return;
	}
	pt_onvif_found_free(c->found);
	c->found = found;
	set_modes(c);
	if (c->host.found)
		c->host.found(c->host.user, found);
	PtOnvifEventsHost host = events_host;
	host.user = c;
	PtOnvifWaysParams params = {.wish = c->wish, .metadata = found->main && found->main->metadata, .door = c->door};
	c->events = pt_onvif_ways_new(c->device, c->clock, &params, &host);
}

static void opened(void *user, const PtSoap *answer, const GError *error) {
	PtOnvifCamera *c = user;
	c->opening = NULL;
	if (error)
		try_later(c, error->message);
	else
		c->describing =
		    pt_onvif_describe_device(c->device, &(PtOnvifDescribeParams){.choice = &c->choice}, described, c);
}

static void reach(PtOnvifCamera *c) {
	if (c->state != PT_ONVIF_LOST)
		set_state(c, PT_ONVIF_CONNECTING, "");
	c->opening = pt_onvif_device_open(c->device, opened, c);
}

static gboolean retry_due(void *data) {
	PtOnvifCamera *c = data;
	g_clear_pointer(&c->retry, g_source_unref);
	reach(c);
	return G_SOURCE_REMOVE;
}

void pt_onvif_camera_start(PtOnvifCamera *c, PtHttp *http, PtClock *clock, const PtOnvifCameraParams *params,
                           const PtOnvifCameraHost *host) {
	g_assert(!c->device);
	c->http = http;
	c->clock = clock;
	c->host = host ? *host : (PtOnvifCameraHost){0};
	c->failures = 0;
	c->wish = params->events;
	c->door = params->door;
	c->profile_main = g_strdup(params->main);
	c->profile_sub = g_strdup(params->sub);
	c->choice = (PtOnvifChoice){c->profile_main, c->profile_sub};
	c->device = pt_onvif_device_new(http, clock, &params->device);
	reach(c);
}

bool pt_onvif_camera_deliver(PtOnvifCamera *c, const void *message, size_t size) {
	return c->events && pt_onvif_ways_deliver(c->events, message, size);
}

void pt_onvif_camera_metadata(PtOnvifCamera *c, const void *document, size_t size) {
	if (c->events)
		pt_onvif_ways_metadata(c->events, document, size);
}

/* ---- calls of others ---- */

static void keep_promise(void *user, const PtSoap *answer, const GError *error) {
	g_autofree Promise *p = user;
	g_ptr_array_remove_fast(p->camera->promises, p);
	p->fn(p->user, answer, error);
}

void pt_onvif_camera_call(PtOnvifCamera *c, PtOnvifService service, PtXml *body, PtOnvifFn fn, void *user) {
	g_assert(c->state == PT_ONVIF_READY);
	Promise *p = g_new(Promise, 1);
	*p = (Promise){.camera = c, .fn = fn, .user = user};
	g_ptr_array_add(c->promises, p);
	p->call = pt_onvif_call(c->device, service, body, keep_promise, p);
}

static gboolean paused(void *data) {
	Promise *p = data;
	clear_source(&p->pause);
	keep_promise(p, NULL, NULL);
	return G_SOURCE_REMOVE;
}

void pt_onvif_camera_wait(PtOnvifCamera *c, unsigned ms, PtOnvifFn fn, void *user) {
	Promise *p = g_new(Promise, 1);
	*p = (Promise){.camera = c, .pause = g_timeout_source_new(ms), .fn = fn, .user = user};
	g_ptr_array_add(c->promises, p);
	g_source_set_callback(p->pause, paused, p, NULL);
	g_source_attach(p->pause, g_main_context_get_thread_default());
}

static void break_promises(PtOnvifCamera *c) {
	g_autoptr(GError) error = g_error_new_literal(PT_ERROR, PT_ERROR_CLOSED, "the camera is no longer asked");
	while (c->promises->len) {
		g_autofree Promise *p = g_ptr_array_steal_index_fast(c->promises, 0);
		pt_onvif_cancel(p->call);
		clear_source(&p->pause);
		p->fn(p->user, NULL, error);
	}
}

/* ---- leaving ---- */

static void gone(void *device) {
	pt_onvif_device_free(device);
	leaving--;
}

void pt_onvif_camera_stop(PtOnvifCamera *c) {
	if (!c->device)
		return;
	PtOnvifWays *events = g_steal_pointer(&c->events);
	g_ptr_array_set_size(c->orders, 0);
	break_promises(c);
	PtOnvifDevice *device = g_steal_pointer(&c->device);
	drop_all(c);
	c->host = (PtOnvifCameraHost){0};
	g_clear_pointer(&c->profile_main, g_free);
	g_clear_pointer(&c->profile_sub, g_free);
	c->choice = (PtOnvifChoice){0};
	set_state(c, PT_ONVIF_STOPPED, "");
	forget_levels(c);
	if (events) {
		leaving++;
		pt_onvif_ways_leave(events, gone, device);
	} else {
		pt_onvif_device_free(device);
	}
}

static gboolean late(void *data) {
	*(bool *)data = true;
	return G_SOURCE_CONTINUE;
}

void pt_onvif_cameras_finish_orders(GMainContext *context) {
	bool over = false;
	g_autoptr(GSource) deadline = g_timeout_source_new(ORDERS_MS);
	g_source_set_callback(deadline, late, &over, NULL);
	g_source_attach(deadline, context);
	while (ordered && !over)
		g_main_context_iteration(context, TRUE);
	g_source_destroy(deadline);
}

void pt_onvif_cameras_leave(GMainContext *context) {
	while (leaving) /* each has a deadline of its own */
		g_main_context_iteration(context, TRUE);
}

void pt_onvif_camera_view(const PtOnvifCamera *c, PtOnvifView *ret) {
	PtOnvifView v = {.state = c->state,
	                 .reason = c->reason,
	                 .events = c->events_live,
	                 .found = c->found,
	                 .restarted_ns = c->restarted_ns,
	                 .spell = c->spells << 32};
	if (c->device) {
		v.offset_ns = pt_onvif_device_offset_ns(c->device);
		v.clock_known = pt_onvif_device_clock_known(c->device);
	}
	if (c->events) {
		pt_onvif_ways_get_stats(c->events, &v.stats);
		v.spell |= v.stats.subscriptions & UINT32_MAX;
		v.way = pt_onvif_ways_now(c->events);
	}
	*ret = v;
}

PtOnvifDevice *pt_onvif_camera_device(PtOnvifCamera *c) { return c->state == PT_ONVIF_READY ? c->device : NULL; }

/* ---- plugs ---- */

PtOnvifWatch *pt_onvif_camera_watch(PtOnvifCamera *c, PtOnvifPlugKind kind, const char *token, int64_t pulse_ns,
                                    PtOnvifContactFn fn, void *user) {
	PtOnvifWatch *w = g_new0(PtOnvifWatch, 1);
	w->camera = c;
	c->refs++;
	w->kind = kind;
	w->token = g_strdup(token);
	w->pulse_ns = pulse_ns;
	w->fn = fn;
	w->user = user;
	g_ptr_array_add(c->watches, w);
	if (c->state == PT_ONVIF_READY)
		set_modes(c);
	tell_watch(w, pt_mono_ns(c->clock ? c->clock : pt_clock_system()), true, false);
	return w;
}

void pt_onvif_watch_free(PtOnvifWatch *w) {
	if (!w)
		return;
	g_ptr_array_remove(w->camera->watches, w);
	pt_onvif_camera_unref(w->camera);
	g_free(w->token);
	g_free(w);
}

static void order_free(void *data) {
	Order *o = data;
	pt_onvif_cancel(o->call);
	ordered--;
	g_free(o->token);
	g_free(o);
}

static void order_answered(void *user, const PtSoap *answer, const GError *error) {
	Order *o = user;
	PtOnvifCamera *c = o->camera;
	o->call = NULL;
	bool unknown = error && (error->code == PT_ERROR_UNSUPPORTED || error->code == PT_ERROR_NOT_FOUND);
	if (unknown && !o->second && pt_onvif_device_has(c->device, PT_ONVIF_DEVICEIO)) {
		o->second = true;
		o->call = pt_onvif_call(c->device, PT_ONVIF_DEVICEIO, pt_onvif_relay_order(o->token, o->active),
		                        order_answered, o);
		return;
	}
	PtOnvifPlug *p = error ? NULL : plug_of(c, PT_ONVIF_PLUG_RELAY, o->token);
	/* a camera that has never told of this relay will not now: what it accepted is all there is to go by */
	if (p && (!p->known || p->assumed)) {
		p->known = p->assumed = true;
		p->active = o->active;
		tell_watches(c, p, pt_mono_ns(c->clock), false);
	}
	g_ptr_array_remove_fast(c->orders, o);
}

/* Whether it took the time or not: the hub counts too. */
static void time_set(void *user, const PtSoap *answer, const GError *error) {
	Order *o = user;
	o->call =
	    pt_onvif_call(o->camera->device, PT_ONVIF_DEVICE, pt_onvif_relay_order(o->token, o->active), order_answered, o);
}

bool pt_onvif_watch_set(PtOnvifWatch *w, bool closed, int64_t for_ns, GError **error) {
	PtOnvifCamera *c = w->camera;
	PtOnvifPlug *p = plug_of(c, PT_ONVIF_PLUG_RELAY, w->token);
	if (c->state != PT_ONVIF_READY) {
		pt_error_set(error, CLOSED, "camera %s cannot be reached%s%s", c->name, c->reason[0] ? ": " : "", c->reason);
		return false;
	}
	if (!p) {
		pt_error_set(error, NOT_FOUND, "camera %s has no relay '%s'", c->name, w->token);
		return false;
	}
	Order *o = g_new0(Order, 1);
	*o = (Order){.camera = c, .token = g_strdup(w->token), .active = closed != p->idle_closed};
	g_ptr_array_add(c->orders, o);
	ordered++;
	double delay = (double)for_ns / PT_NS_PER_S;
	if (for_ns > 0 && p->monostable && p->delay_s != delay) {
		p->delay_s = delay;
		o->call = pt_onvif_call(c->device, PT_ONVIF_DEVICE, pt_onvif_relay_mode(p), time_set, o);
	} else {
		o->call =
		    pt_onvif_call(c->device, PT_ONVIF_DEVICE, pt_onvif_relay_order(o->token, o->active), order_answered, o);
	}
	return true;
}
