/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/catch-up.h"
#include "base/error.h"
#include "daemon/camera-clock.h"
#include "daemon/catch-up-plan.h"
#include "onvif/client/recordings.h"
#include "plugs/input.h"
#include "plugs/relay.h"
#include <string.h>

#define LOOK_S 1
#define BACK_NS (60 * PT_NS_PER_S)  /* a break may have begun so long before it is noticed: a pull's time and more */
#define SETTLE_NS (3 * PT_NS_PER_S) /* after the return: what the camera has to write, and its clock to be measured */
#define CLOCK_NS (15 * PT_NS_PER_S) /* then its rough clock has to do */
#define MOST_NS (INT64_C(7) * 86400 * PT_NS_PER_S) /* what is older is not asked for */
#define AGAIN_NS (20 * PT_NS_PER_S)
#define TRIES 5
#define LOGGED_MAX 10000 /* events of one source */
static const PtPastSlack fine = {300 * PT_NS_PER_MS, 2 * PT_NS_PER_S};
static const PtPastSlack rough = {3 * PT_NS_PER_S / 2, 3 * PT_NS_PER_S};

/* A camera of the site. */
typedef struct {
	char *name;
	bool own_motion; /* what it tells of motion is left aside */
	bool listening;
	uint64_t spell;
	int64_t owed_ns;          /* wall time: what happened since then is to be asked for; 0: nothing */
	int64_t first_ns;         /* wall time at which it was first listened to; nothing before it is ours. 0: not yet */
	int64_t since_ns, due_ns; /* monotonic: since when it is listened to; not asked before */
	unsigned tries;
	bool asking, again; /* again: another break since it was asked */
} Camera;

/* A question, from the main thread to the camera, on to the log's reader, and back. */
typedef struct {
	PtCatchUp *owner; /* NULL: gone, and the camera has not answered yet */
	char *camera;
	int64_t from_ns, to_ns, offset_ns;
	bool fine;
	GArray *past; /* of PtPast */
	GError *error;
} Ask;

struct PtCatchUp {
	PtCatchUpEnv env;
	PtSite *site;
	GPtrArray *cameras; /* of Camera */
	GPtrArray *asked;   /* of Ask, at the cameras; not owned */
	guint timer;
	char *path;
	/* [first]: per camera first_ns; those that were never listened to have no marks. [owed]: owed_ns, as it stands when
	 * this hub ends: 0 is then since when it was last up */
	GKeyFile *marks;
	GThreadPool *readers; /* of one thread */
	GAsyncQueue *read;    /* of Ask, that it is done with */
};

static void camera_free(void *data) {
	g_free(((Camera *)data)->name);
	g_free(data);
}

static void ask_free(void *data) {
	Ask *a = data;
	g_free(a->camera);
	g_clear_pointer(&a->past, g_array_unref);
	g_clear_error(&a->error);
	g_free(a);
}

static Camera *find(const PtCatchUp *u, const char *name) {
	for (guint i = 0; i < u->cameras->len; i++)
		if (!strcmp(((Camera *)u->cameras->pdata[i])->name, name))
			return u->cameras->pdata[i];
	return NULL;
}

/* ---- what is owed ---- */

static void set_owed(PtCatchUp *u, Camera *c, int64_t owed_ns) {
	g_autoptr(GError) error = NULL;
	c->owed_ns = owed_ns;
	c->tries = 0;
	if (g_key_file_get_int64(u->marks, "first", c->name, NULL) == c->first_ns &&
	    g_key_file_get_int64(u->marks, "owed", c->name, NULL) == owed_ns)
		return;
	g_key_file_set_int64(u->marks, "first", c->name, c->first_ns);
	g_key_file_set_int64(u->marks, "owed", c->name, owed_ns);
	if (!g_key_file_save_to_file(u->marks, u->path, &error))
		g_warning("%s", error->message);
}

static void owe(PtCatchUp *u, Camera *c, int64_t since_ns) {
	c->again = c->asking;
	since_ns = MAX(since_ns, c->first_ns);
	set_owed(u, c, c->owed_ns ? MIN(c->owed_ns, since_ns) : since_ns);
}

static Camera *camera_new(PtCatchUp *u, const PtSiteCamera *s) {
	Camera *c = g_new0(Camera, 1);
	c->name = g_strdup(s->name);
	c->first_ns = g_key_file_get_int64(u->marks, "first", c->name, NULL);
	c->owed_ns = g_key_file_get_int64(u->marks, "owed", c->name, NULL);
	if (c->first_ns && !c->owed_ns && u->env.last_ns)
		owe(u, c, u->env.last_ns - BACK_NS);
	return c;
}

/* ---- in the words of the log ---- */

/* An input or relay, with its bounces taken out as its live edges are. */
typedef struct {
	const PtPlugSettings *settings;
	PtDebounce debounce;
} Plug;

static const PtPlugSettings *settings_of(const PtSite *site, PtOnvifPlugKind kind, const char *camera, const char *token) {
	const GPtrArray *list = kind == PT_ONVIF_PLUG_INPUT ? site->inputs : site->relays;
	for (guint i = 0; i < list->len; i++) {
		const PtPlugSettings *s = list->pdata[i];
		if (!strcmp(s->driver->name, "onvif") && !g_strcmp0(s->camera, camera) && !g_strcmp0(s->token, token))
			return s;
	}
	return NULL;
}

static Plug *plug_of(GArray *plugs, const PtPlugSettings *s) {
	for (guint i = 0; i < plugs->len; i++)
		if (g_array_index(plugs, Plug, i).settings == s)
			return &g_array_index(plugs, Plug, i);
	Plug plug = {.settings = s};
	pt_debounce_init(&plug.debounce, s->debounce_ns, PT_LEVEL_UNKNOWN);
	g_array_append_val(plugs, plug);
	return &g_array_index(plugs, Plug, plugs->len - 1);
}

static void add_edge(GArray *past, const PtPlugSettings *s, PtLevel level, int64_t wall_ns) {
	bool input = s->plug == PT_PLUG_INPUT;
	bool on = (level == PT_LEVEL_CLOSED) == pt_relay_closed_for(true, s->contact);
	PtPast p = {.source = g_strconcat(input ? "input/" : "relay/", s->name, NULL),
	            .topic = input ? PT_TOPIC_INPUT : PT_TOPIC_RELAY,
	            .state = input ? pt_input_state_word(pt_input_state_of(level, s->contact))
	                     : on  ? "on"
	                           : "off",
	            .wall_ns = wall_ns};
	g_array_append_val(past, p);
}

static void read_plug(Ask *a, PtOnvifCamera *camera, const PtOnvifSaid *s, GArray *plugs) {
	PtOnvifPlugKind kind;
	PtOnvifContact contact;
	const char *token;
	if (!pt_onvif_camera_read_plug(camera, s, &kind, &token, &contact))
		return;
	const PtPlugSettings *settings = settings_of(a->owner->site, kind, a->camera, token);
	if (!settings)
		return;
	PtLevel level = contact == PT_ONVIF_CONTACT_CLOSED ? PT_LEVEL_CLOSED : PT_LEVEL_OPEN, accepted;
	Plug *plug = plug_of(plugs, settings);
	int64_t wall = s->utc_ns - a->offset_ns, edge;
	if (s->how == PT_SAID_INITIALIZED)
		pt_debounce_init(&plug->debounce, settings->debounce_ns, level);
	else if (pt_debounce_feed(&plug->debounce, level, wall, &accepted, &edge))
		add_edge(a->past, settings, accepted, edge);
}

static void read_other(Ask *a, const PtOnvifSaid *s, bool own_motion) {
	if (s->kind == PT_SAYS_OTHER || s->how == PT_SAID_INITIALIZED || s->active < 0 ||
	    (s->kind == PT_SAYS_MOTION && own_motion))
		return;
	PtPast p = {.source = g_strconcat("camera/", a->camera, NULL),
	            .topic = pt_says_word(s->kind),
	            .state = s->active ? "active" : "inactive",
	            .detail = g_strdup_printf("%s %s", s->topic, s->text),
	            .wall_ns = s->utc_ns - a->offset_ns};
	g_array_append_val(a->past, p);
}

static int by_time(const void *a, const void *b) {
	const PtPast *x = a, *y = b;
	return (x->wall_ns > y->wall_ns) - (x->wall_ns < y->wall_ns);
}

static void read_all(Ask *a, const GPtrArray *said, bool own_motion) {
	PtOnvifCamera *camera = pt_onvif_camera_get(a->camera);
	g_autoptr(GArray) plugs = g_array_new(FALSE, FALSE, sizeof(Plug));
	a->past = pt_past_new();
	for (guint i = 0; i < said->len; i++) {
		const PtOnvifSaid *s = said->pdata[i];
		if (s->how == PT_SAID_DELETED)
			continue;
		if (s->kind == PT_SAYS_INPUT || s->kind == PT_SAYS_RELAY)
			read_plug(a, camera, s, plugs);
		else
			read_other(a, s, own_motion);
	}
	for (guint i = 0; i < plugs->len; i++) {
		Plug *plug = &g_array_index(plugs, Plug, i);
		PtLevel accepted;
		int64_t edge;
		if (pt_debounce_tick(&plug->debounce, a->to_ns, &accepted, &edge))
			add_edge(a->past, plug->settings, accepted, edge);
	}
	g_array_sort(a->past, by_time);
	pt_onvif_camera_unref(camera);
}

/* ---- what the log has of it ---- */

/* The reader's thread. */
static void read_log(void *data, void *user) {
	Ask *a = data;
	PtCatchUp *u = user;
	PtPastSlack slack = a->fine ? fine : rough;
	g_autoptr(GHashTable) sources = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GPtrArray) logged = g_ptr_array_new_with_free_func((GDestroyNotify)pt_event_unref);
	for (guint i = 0; i < a->past->len && !a->error; i++) {
		PtPast *p = &g_array_index(a->past, PtPast, i);
		if (!g_hash_table_add(sources, p->source))
			continue;
		PtEventlogQuery query = {.since_ns = a->from_ns - slack.early_ns,
		                         .until_ns = a->to_ns + slack.late_ns,
		                         .source = p->source,
		                         .limit = LOGGED_MAX};
		g_autoptr(GPtrArray) found = pt_eventlog_query(u->env.log, &query, &a->error);
		for (guint k = 0; found && k < found->len; k++)
			g_ptr_array_add(logged, pt_event_ref(found->pdata[k]));
	}
	pt_past_mark(a->past, logged, slack);
	g_async_queue_push(u->read, a);
}

/* ---- asking ---- */

static void tell(PtCatchUp *u, const char *camera, const char *state, const char *detail) {
	g_autofree char *source = g_strconcat("camera/", camera, NULL);
	g_autoptr(PtEvent) event = pt_event_now(u->env.clock, source, PT_TOPIC_ARCHIVE, state, NULL, detail);
	pt_bus_publish(u->env.bus, event);
}

/* Those of one millisecond keep their order: an id is told by it. */
static unsigned publish(PtCatchUp *u, const GArray *past) {
	int64_t now = pt_mono_ns(u->env.clock), wall = pt_wall_ns(u->env.clock), last_ms = 0;
	unsigned n = 0;
	for (guint i = 0; i < past->len; i++) {
		const PtPast *p = &g_array_index(past, PtPast, i);
		if (p->known)
			continue;
		int64_t ms = MAX(p->wall_ns / PT_NS_PER_MS, last_ms + 1);
		last_ms = ms;
		PtEvent what = {.wall_ns = MAX(p->wall_ns, ms * PT_NS_PER_MS),
		                .source = p->source,
		                .topic = p->topic,
		                .state = p->state,
		                .detail = p->detail,
		                .past = true};
		what.mono_ns = now - (wall - what.wall_ns);
		what.noticed_ns = now;
		g_autoptr(PtEvent) event = pt_event_new(&what);
		pt_bus_publish(u->env.bus, event);
		n++;
	}
	return n;
}

/* What lasted until somebody listened was told then, as if it had happened then. */
static void add_seen(GString *detail, const GArray *past) {
	for (guint i = 0; i < past->len; i++) {
		const PtPast *p = &g_array_index(past, PtPast, i);
		g_autofree char *since = p->seen_ns ? pt_time_format(p->wall_ns) : NULL, *seen = pt_time_format(p->seen_ns);
		if (since)
			g_string_append_printf(detail, "%s%s was %s since %s, which was seen at %s", detail->len ? "; " : "",
			                       p->source, p->state, since, seen);
	}
}

static bool is_away(const GError *error) {
	return g_error_matches(error, PT_ERROR, PT_ERROR_CLOSED) || g_error_matches(error, PT_ERROR, PT_ERROR_TIMEOUT);
}

/* Back on the main thread, with an answer or an error. */
static void finish(PtCatchUp *u, Ask *a) {
	Camera *c = find(u, a->camera);
	if (!c) {
		ask_free(a);
		return;
	}
	c->asking = false;
	if (!a->error) {
		unsigned n = publish(u, a->past);
		g_autofree char *from = pt_time_format(a->from_ns), *to = pt_time_format(a->to_ns);
		g_autoptr(GString) detail = g_string_new(NULL);
		if (n)
			g_string_printf(detail, "%u that nobody heard between %s and %s", n, from, to);
		add_seen(detail, a->past);
		if (detail->len)
			tell(u, c->name, "events-fetched", detail->str);
		set_owed(u, c, c->again ? MAX(a->to_ns - BACK_NS, c->first_ns) : 0);
	} else if (g_error_matches(a->error, PT_ERROR, PT_ERROR_UNSUPPORTED) ||
	           (!is_away(a->error) && ++c->tries >= TRIES)) {
		g_autofree char *from = pt_time_format(a->from_ns);
		g_autofree char *detail = g_strdup_printf("since %s: %s", from, a->error->message);
		if (c->tries)
			tell(u, c->name, "events-not-fetched", detail);
		set_owed(u, c, 0);
	} else {
		c->due_ns = pt_mono_ns(u->env.clock) + AGAIN_NS;
	}
	ask_free(a);
}

static void answered(void *user, const GPtrArray *said, const GError *error) {
	Ask *a = user;
	PtCatchUp *u = a->owner;
	Camera *c = u ? find(u, a->camera) : NULL;
	if (u)
		g_ptr_array_remove_fast(u->asked, a);
	if (!c) {
		ask_free(a);
		return;
	}
	a->error = error ? g_error_copy(error) : NULL;
	if (error) {
		finish(u, a);
		return;
	}
	read_all(a, said, c->own_motion);
	g_thread_pool_push(u->readers, a, NULL);
}

static void ask(PtCatchUp *u, Camera *c, PtOnvifCamera *camera, const PtOnvifView *view) {
	int64_t now = pt_mono_ns(u->env.clock), wall = pt_wall_ns(u->env.clock), offset;
	PtOnvifDevice *device = pt_onvif_camera_device(camera);
	bool fresh, known = pt_camera_clock(u->env.cameras, c->name, view, &offset, &fresh);
	if (c->asking || now < c->due_ns || now - c->since_ns < SETTLE_NS || (!known && now - c->since_ns < CLOCK_NS))
		return;
	if (!pt_onvif_device_has(device, PT_ONVIF_SEARCH)) {
		set_owed(u, c, 0);
		return;
	}
	if (wall - c->owed_ns > MOST_NS)
		c->owed_ns = wall - MOST_NS;
	Ask *a = g_new0(Ask, 1);
	*a = (Ask){.owner = u,
	           .camera = g_strdup(c->name),
	           .from_ns = c->owed_ns,
	           .to_ns = wall,
	           .offset_ns = offset,
	           .fine = known};
	c->asking = true;
	c->again = false;
	g_ptr_array_add(u->asked, a);
	pt_onvif_events_between(camera, a->from_ns + offset, a->to_ns + offset, answered, a);
}

/* ---- the look ---- */

/* Whether what happens now is heard. Events out of the metadata track come and go with the stream. */
static bool is_heard(const PtCatchUp *u, const Camera *c, const PtOnvifView *view) {
	if (view->state != PT_ONVIF_READY || !view->events || view->way != PT_ONVIF_WAY_METADATA)
		return view->state == PT_ONVIF_READY && view->events;
	PtStream *stream = pt_cameras_stream(u->env.cameras, c->name, "main");
	PtStreamStats stats = {0};
	if (stream)
		pt_stream_get_stats(stream, &stats);
	bool live = stats.state == PT_STREAM_LIVE;
	pt_stream_stats_clear(&stats);
	pt_stream_unref(stream);
	return live;
}

static void look_at(PtCatchUp *u, Camera *c) {
	PtOnvifCamera *camera = pt_onvif_camera_get(c->name);
	PtOnvifView view;
	pt_onvif_camera_view(camera, &view);
	bool listening = is_heard(u, c, &view);
	int64_t offset, wall = pt_wall_ns(u->env.clock);
	bool fresh, known = pt_camera_clock(u->env.cameras, c->name, &view, &offset, &fresh);
	pt_onvif_camera_set_clock(camera, known, offset);
	if (c->listening && (!listening || view.spell != c->spell))
		owe(u, c, wall - BACK_NS);
	if (listening && (!c->listening || view.spell != c->spell)) {
		c->since_ns = pt_mono_ns(u->env.clock);
		if (!c->first_ns) {
			c->first_ns = wall;
			set_owed(u, c, 0);
		}
	}
	c->listening = listening;
	c->spell = view.spell;
	if (listening && c->owed_ns)
		ask(u, c, camera, &view);
	pt_onvif_camera_unref(camera);
}

static gboolean look(void *data) {
	PtCatchUp *u = data;
	Ask *a;
	while ((a = g_async_queue_try_pop(u->read)))
		finish(u, a);
	for (guint i = 0; i < u->cameras->len; i++)
		look_at(u, u->cameras->pdata[i]);
	return G_SOURCE_CONTINUE;
}

/* ---- life ---- */

PtCatchUp *pt_catch_up_new(const PtCatchUpEnv *env) {
	PtCatchUp *u = g_new0(PtCatchUp, 1);
	u->env = *env;
	u->path = g_build_filename(env->directory, "events.owed", NULL);
	u->marks = g_key_file_new();
	g_key_file_load_from_file(u->marks, u->path, G_KEY_FILE_NONE, NULL); /* none yet: nothing is owed */
	u->cameras = g_ptr_array_new_with_free_func(camera_free);
	u->asked = g_ptr_array_new();
	u->read = g_async_queue_new_full(ask_free);
	u->readers = g_thread_pool_new(read_log, u, 1, FALSE, NULL);
	u->timer = g_timeout_add_seconds(LOOK_S, look, u);
	return u;
}

void pt_catch_up_apply(PtCatchUp *u, PtSite *site) {
	PtSite *old = u->site;
	GPtrArray *before = u->cameras;
	u->site = pt_site_ref(site);
	u->cameras = g_ptr_array_new_with_free_func(camera_free);
	for (guint i = 0; i < site->cameras->len; i++) {
		const PtSiteCamera *s = site->cameras->pdata[i];
		if (!pt_site_is_onvif(s))
			continue;
		Camera *c = NULL;
		for (guint k = 0; k < before->len && !c; k++)
			if (!strcmp(((Camera *)before->pdata[k])->name, s->name))
				c = g_ptr_array_steal_index_fast(before, k);
		if (!c)
			c = camera_new(u, s);
		c->own_motion = s->motion;
		g_ptr_array_add(u->cameras, c);
	}
	g_ptr_array_unref(before);
	pt_site_unref(old);
}

void pt_catch_up_free(PtCatchUp *u) {
	if (!u)
		return;
	g_source_remove(u->timer);
	for (guint i = 0; i < u->asked->len; i++)
		((Ask *)u->asked->pdata[i])->owner = NULL;
	g_thread_pool_free(u->readers, FALSE, TRUE);
	g_async_queue_unref(u->read);
	g_ptr_array_unref(u->asked);
	g_ptr_array_unref(u->cameras);
	g_key_file_unref(u->marks);
	g_free(u->path);
	pt_site_unref(u->site);
	g_free(u);
}
