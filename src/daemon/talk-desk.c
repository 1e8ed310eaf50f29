/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/talk-desk.h"
#include "daemon/camera-feed.h"
#include "daemon/speech.h"
#include "media/sound/sound.h"
#include "media/speaker/speaker.h"
#include "media/talk.h"
#include <string.h>

#define WAITING_MAX 4              /* behind the one that is being said */
#define WAIT_NS (30 * PT_NS_PER_S) /* for its turn: later it would be about something else */

struct PtTalkDesk {
	PtTalkDeskEnv env;
	PtSite *site;
	GHashTable *lines; /* camera -> GQueue of Message *, the first is being said */
};

typedef struct {
	PtTalkDesk *desk;
	char *camera, *actor, *text, *file;
	int64_t issued_ns; /* monotonic */
	PtTalkStarted started;
	void *user;
	GCancellable *preparing;
	GBytes *sound; /* as it is sent */
	/* while it is being said, one of them */
	PtTalk *talk;
	PtSpeaker *speaker; /* of this machine */
} Message;

static void next(PtTalkDesk *desk, const char *camera);

/* ---- what the log has of it ---- */

static PtEvent *event_new(const Message *m, const char *state, const char *reason) {
	g_autofree char *source = g_strconcat("camera/", m->camera, NULL);
	g_autofree char *detail = g_strdup_printf("%s %s%s%s", m->text ? "says" : "plays", m->text ? m->text : m->file,
	                                          reason ? ": " : "", reason ? reason : "");
	return pt_event_now(m->desk->env.clock, source, PT_TOPIC_TALK, state, m->actor, detail);
}

static void publish(const Message *m, const char *state, const char *reason) {
	g_autoptr(PtEvent) event = event_new(m, state, reason);
	pt_bus_publish(m->desk->env.bus, event);
}

/* Whoever waits for it is told once. */
static void tell(Message *m, const GError *error) {
	PtTalkStarted started = m->started;
	m->started = NULL;
	if (started)
		started(m->user, m->sound ? (double)(g_bytes_get_size(m->sound) / sizeof(int16_t)) / PT_TALK_RATE : 0,
		        error);
}

/* ---- the end ---- */

static void message_free(Message *m) {
	g_cancellable_cancel(m->preparing);
	g_object_unref(m->preparing);
	pt_talk_free(m->talk);
	pt_speaker_close(m->speaker, true);
	g_clear_pointer(&m->sound, g_bytes_unref);
	g_free(m->camera);
	g_free(m->actor);
	g_free(m->text);
	g_free(m->file);
	g_free(m);
}

/* error NULL: all of it was said. */
static void conclude(Message *m, const GError *error) {
	publish(m, error ? "failed" : "ended", error ? error->message : NULL);
	if (error)
		tell(m, error);
}

/* It is over, and in no line. */
static void finish(Message *m, const GError *error) {
	conclude(m, error);
	message_free(m);
}

/* The same of the first of its line. It leaves that when it has been told: a rule that speaks because of it waits its turn.
 */
static void finish_first(GQueue *line, const GError *error) {
	Message *m = g_queue_peek_head(line);
	conclude(m, error);
	g_queue_pop_head(line);
	message_free(m);
}

/* The same of the one that is being said: the next has its turn. */
static void finish_turn(Message *m, const GError *error) {
	PtTalkDesk *desk = m->desk;
	g_autofree char *camera = g_strdup(m->camera);
	finish_first(g_hash_table_lookup(desk->lines, camera), error);
	next(desk, camera);
}

/* ---- saying it ---- */

typedef struct {
	Message *message;
	bool done;
	GError *error;
} News;

static void news_free(void *data) {
	News *n = data;
	g_clear_error(&n->error);
	g_free(n);
}

static gboolean hear(void *data) {
	const News *n = data;
	if (n->done)
		finish_turn(n->message, n->error);
	else
		tell(n->message, NULL);
	return G_SOURCE_REMOVE;
}

/* Both on another thread. The main loop runs no more once a message is freed before its end. */
static void on_started(void *user) {
	News *n = g_new0(News, 1);
	n->message = user;
	g_idle_add_full(G_PRIORITY_DEFAULT, hear, n, news_free);
}

static void on_done(void *user, const GError *error) {
	News *n = g_new0(News, 1);
	*n = (News){user, true, error ? g_error_copy(error) : NULL};
	g_idle_add_full(G_PRIORITY_DEFAULT, hear, n, news_free);
}

bool pt_talk_desk_may(const PtSiteCamera *c) {
	return c->speaker || pt_site_is_onvif(c) || g_str_has_prefix(c->source, "rtsp:") ||
	       g_str_has_prefix(c->source, "rtsps:");
}

static const PtSiteCamera *find_camera(const PtTalkDesk *desk, const char *name, GError **error) {
	const PtSiteCamera *c = pt_site_camera(desk->site, name);
	if (!c)
		pt_error_set(error, NOT_FOUND, "there is no camera of this name any more");
	else if (!pt_talk_desk_may(c))
		pt_error_set(error, UNSUPPORTED,
		             "it has no speaker: it is reached neither by ONVIF nor by RTSP, and the site file names none");
	else
		return c;
	return NULL;
}

/* All of it at once: the loudspeaker takes it as it is heard. */
static bool play(Message *m, const char *speaker, GError **error) {
	gsize n;
	const int16_t *sound = g_bytes_get_data(m->sound, &n);
	G_STATIC_ASSERT(PT_SPEAKER_RATE == PT_TALK_RATE);
	m->speaker = pt_speaker_open(speaker, on_done, m, error);
	if (!m->speaker)
		return false;
	on_started(m);
	pt_speaker_put(m->speaker, sound, n / sizeof *sound);
	pt_speaker_finish(m->speaker);
	return true;
}

/* P6: written down first. */
static bool say(Message *m, GError **error) {
	const PtTalkDeskEnv *env = &m->desk->env;
	const PtSiteCamera *c = find_camera(m->desk, m->camera, error);
	const char *location = c ? pt_cameras_played(env->cameras, m->camera) : NULL;
	if (c && !location)
		pt_error_set(error, NOT_FOUND, "it has not told yet where its streams are");
	if (!location)
		return false;
	g_autoptr(PtEvent) intent = event_new(m, "started", NULL);
	if (!env->journal(env->user, intent, error))
		return false;
	pt_bus_publish(env->bus, intent);
	if (c->speaker)
		return play(m, c->speaker, error);
	m->talk = pt_talk_start(&(PtTalkParams){.camera = m->camera,
	                                        .location = location,
	                                        .user = c->login ? c->login->user : NULL,
	                                        .password = c->login ? c->login->password : NULL,
	                                        .trust = pt_feed_trust(c),
	                                        .sound = m->sound,
	                                        .loop = env->loop,
	                                        .user_data = m,
	                                        .started = on_started,
	                                        .done = on_done});
	return true;
}

/* ---- before that: what is said becomes sound ---- */

typedef struct {
	char *path;  /* of a file, or */
	GBytes *wav; /* spoken */
} Material;

static void material_free(void *data) {
	Material *m = data;
	g_free(m->path);
	g_clear_pointer(&m->wav, g_bytes_unref);
	g_free(m);
}

static void make_sound(GTask *task, void *source, void *data, GCancellable *cancellable) {
	const Material *m = data;
	GError *error = NULL;
	GBytes *sound = m->wav ? pt_sound_decode(m->wav, cancellable, &error) : pt_sound_load(m->path, cancellable, &error);
	if (sound)
		g_task_return_pointer(task, sound, (GDestroyNotify)g_bytes_unref);
	else
		g_task_return_error(task, error);
}

/* A message that was freed meanwhile has cancelled it, and is not to be looked at. */
static void prepared(GObject *source, GAsyncResult *result, void *data) {
	g_autoptr(GError) error = NULL;
	GBytes *sound = g_task_propagate_pointer(G_TASK(result), &error);
	Message *m = data;
	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	m->sound = sound;
	if (!sound || !say(m, &error))
		finish_turn(m, error);
}

/* Takes both over; one of them is NULL. */
static void make(Message *m, char *path, GBytes *wav) {
	Material *material = g_new0(Material, 1);
	*material = (Material){path, wav};
	g_autoptr(GTask) task = g_task_new(NULL, m->preparing, prepared, m);
	g_task_set_task_data(task, material, material_free);
	g_task_run_in_thread(task, make_sound);
}

static void spoken(GObject *source, GAsyncResult *result, void *data) {
	g_autoptr(GError) error = NULL;
	GBytes *wav = pt_speech_say_finish(result, &error);
	if (wav)
		make(data, NULL, wav);
	else if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		finish_turn(data, error);
}

static void prepare(Message *m) {
	const PtSite *site = m->desk->site;
	if (m->text)
		pt_speech_say_async(m->text, site->talk_voice, m->preparing, spoken, m);
	else
		make(m, g_build_filename(site->talk_messages ? site->talk_messages : "", m->file, NULL), NULL);
}

/* ---- one after the other ---- */

static void next(PtTalkDesk *desk, const char *camera) {
	GQueue *line = g_hash_table_lookup(desk->lines, camera);
	for (Message *m; (m = g_queue_peek_head(line));) {
		if (pt_mono_ns(desk->env.clock) - m->issued_ns <= WAIT_NS) {
			prepare(m);
			return;
		}
		g_autoptr(GError) error = g_error_new(PT_ERROR, PT_ERROR_BUSY, "it waited for its turn for more than %d s",
		                                      (int)(WAIT_NS / PT_NS_PER_S));
		finish_first(line, error);
	}
}

static bool check(const Message *m, const GQueue *line, GError **error) {
	const PtSite *site = m->desk->site;
	if (!find_camera(m->desk, m->camera, error))
		return false;
	if (m->text && (!*m->text || strlen(m->text) > PT_TALK_TEXT_MAX)) {
		pt_error_set(error, INVALID, "a text has 1 to %d bytes", PT_TALK_TEXT_MAX);
		return false;
	}
	g_auto(GStrv) messages = pt_site_messages(site);
	if (!m->text && !g_strv_contains((const char *const *)messages, m->file)) {
		pt_error_set(error, NOT_FOUND,
		             site->talk_messages ? "talk.messages holds no file of this name"
		                                 : "the site file names no folder of messages (talk.messages)");
		return false;
	}
	if (line && line->length > WAITING_MAX) {
		pt_error_set(error, BUSY, "%d messages wait already", WAITING_MAX);
		return false;
	}
	return true;
}

void pt_talk_desk_say(PtTalkDesk *desk, const PtTalkOrder *order) {
	Message *m = g_new0(Message, 1);
	*m = (Message){.desk = desk,
	               .camera = g_strdup(order->camera),
	               .actor = g_strdup(order->actor),
	               .text = g_strdup(order->text),
	               .file = g_strdup(order->file),
	               .issued_ns = pt_mono_ns(desk->env.clock),
	               .started = order->started,
	               .user = order->user,
	               .preparing = g_cancellable_new()};
	GQueue *line = g_hash_table_lookup(desk->lines, order->camera);
	g_autoptr(GError) error = NULL;
	if (!check(m, line, &error)) {
		finish(m, error);
		return;
	}
	if (!line)
		g_hash_table_insert(desk->lines, g_strdup(order->camera), line = g_queue_new());
	g_queue_push_tail(line, m);
	if (line->length == 1)
		prepare(m);
}

/* ---- life ---- */

static void line_free(void *data) {
	g_autoptr(GError) error = g_error_new_literal(PT_ERROR, PT_ERROR_CLOSED, "pigtail was stopped");
	for (Message *m; (m = g_queue_pop_head(data));)
		finish(m, error);
	g_queue_free(data);
}

PtTalkDesk *pt_talk_desk_new(const PtTalkDeskEnv *env) {
	PtTalkDesk *desk = g_new0(PtTalkDesk, 1);
	desk->env = *env;
	desk->lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, line_free);
	return desk;
}

void pt_talk_desk_apply(PtTalkDesk *desk, PtSite *site) {
	PtSite *old = desk->site;
	desk->site = pt_site_ref(site);
	pt_site_unref(old);
}

void pt_talk_desk_free(PtTalkDesk *desk) {
	if (!desk)
		return;
	g_hash_table_unref(desk->lines);
	pt_site_unref(desk->site);
	g_free(desk);
}
