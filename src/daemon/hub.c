/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/hub-internal.h"
#include "archive/eventlog.h"
#include "archive/journal.h"
#include "onvif/client/camera.h"
#include <glib-unix.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define GATHER_NS (4 * PT_NS_PER_MS) /* what arrives within it is handled together; see pt_loop_set_gather() */
#define LOG_ROWS_MAX 5000000
#define CAMERA_CONNECTIONS 2000 /* each ONVIF camera keeps one open, for its events */

void pt_hub_say(const char *format, ...) {
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	fprintf(stderr, "%s\n", text);
}

void pt_hub_publish(PtHub *h, const char *source, const char *topic, const char *state, const char *actor,
                    const char *detail) {
	g_autoptr(PtEvent) event = pt_event_now(h->clock, source, topic, state, actor, detail);
	pt_bus_publish(h->bus, event);
}

/* ---- the log and the archive ---- */

static void log_event(PtEvent *event, void *data) {
	PtHub *h = data;
	/* intents are there already: they were written before the act (P6); what became of some is not */
	bool command = !strcmp(event->topic, PT_TOPIC_COMMAND), talk = !strcmp(event->topic, PT_TOPIC_TALK);
	bool intent = (command && strcmp(event->state, "refused") && strcmp(event->state, "failed")) ||
	              (talk && !strcmp(event->state, "started"));
	if (!intent)
		pt_eventlog_append(h->log, event, false, NULL);
}

gboolean pt_hub_journal(void *user, PtEvent *intent, GError **error) {
	return pt_eventlog_append(((PtHub *)user)->log, intent, true, error);
}

static gboolean note_off(void *user, const char *relay, int64_t due_mono_ns, GError **error) {
	return pt_eventlog_note_off(((PtHub *)user)->log, relay, due_mono_ns, error);
}

static int64_t relay_cycles(void *user, const char *relay) { return pt_relay_cycles_get(((PtHub *)user)->cycles, relay); }
static void note_cycles(void *user, const char *relay, int64_t n) {
	pt_relay_cycles_note(((PtHub *)user)->cycles, relay, n);
}

static int64_t off_due(void *user, const char *relay) { return pt_eventlog_off_due(((PtHub *)user)->log, relay); }

static void archive_problem(void *user, const char *what) {
	PtHub *h = user;
	pt_hub_publish(h, "archive", PT_TOPIC_ARCHIVE, what ? "problem" : "well", NULL, what);
	pt_hub_publish(h, "archive", PT_TOPIC_STORAGE, what ? "active" : "inactive", NULL, what);
	if (what)
		pt_hub_say("archive: %s", what);
	else
		pt_hub_say("archive: recording goes on");
}

static void archive_crowded(void *user, const char *what) {
	PtHub *h = user;
	pt_hub_publish(h, "archive", PT_TOPIC_ARCHIVE, what ? "over-limit" : "within-limits", NULL, what);
	if (what)
		pt_hub_say("archive: %s", what);
}

static bool open_log(PtHub *h, GError **error) {
	if (!pt_archive_make_directory(h->site->archive_state, error))
		return false;
	h->runtime_dir = pt_journal_dir(h->site->archive_path, error);
	if (!h->runtime_dir)
		return false;
	g_autofree char *path = g_build_filename(h->site->archive_state, "events.db", NULL);
	h->log = pt_eventlog_new(&(PtEventlogSettings){.path = path,
	                                               .journal_dir = h->runtime_dir,
	                                               .keep_ns = INT64_C(366) * 86400 * PT_NS_PER_S,
	                                               .keep_rows = LOG_ROWS_MAX},
	                         error);
	if (!h->log)
		return false;
	pt_event_set_hub((uint16_t)g_str_hash(h->site->archive_path), pt_eventlog_last_id(h->log));
	h->logged = pt_bus_subscribe_direct(h->bus, NULL, log_event, h);
	if (pt_eventlog_was_damaged(h->log)) {
		static const char text[] =
		    "the event log was damaged: it was put aside (events.db.damaged-…) and a new one begun";
		pt_hub_say("%s", text);
		pt_hub_publish(h, "system/log", PT_TOPIC_SYSTEM, "recovered", NULL, text);
	}
	return true;
}

/* The newest time that log and archive know of; 0: they know none. */
static int64_t last_known(PtHub *h) {
	int64_t last = pt_event_time_of_id(pt_eventlog_last_id(h->log));
	g_autoptr(GArray) series = pt_store_all_series(pt_archive_store(h->archive), false, NULL);
	for (guint i = 0; series && i < series->len; i++)
		last = MAX(last, g_array_index(series, PtSeriesRow, i).last_ns);
	return last;
}

static void archive_recovered(void *user, const PtRecovery *recovery) {
	PtHub *h = user;
	if (recovery->damaged) {
		static const char text[] =
		    "the index was damaged: it was put aside (index.db.damaged-…) and made anew from the footage";
		pt_hub_say("archive: %s", text);
		pt_hub_publish(h, "archive", PT_TOPIC_ARCHIVE, "recovered", NULL, text);
	}
	if (recovery->recovered || recovery->adopted || recovery->removed) {
		g_autofree char *text =
		    g_strdup_printf("after an unclean end: %u open segments made whole, %u found, %u without a whole "
		                    "fragment removed, %" G_GINT64_FORMAT " torn bytes cut",
		                    recovery->recovered, recovery->adopted, recovery->removed, recovery->cut_bytes);
		pt_hub_say("archive: %s", text);
		pt_hub_publish(h, "archive", PT_TOPIC_ARCHIVE, "recovered", NULL, text);
	}
}

static bool open_archive(PtHub *h, GError **error) {
	PtRecovery recovery;
	PtSite *s = h->site;
	g_autofree char *identity = g_build_filename(s->archive_state, "card.identity", NULL);
	h->archive = pt_archive_open(&(PtArchiveParams){.path = s->archive_path,
	                                                .card = s->archive_card,
	                                                .card_identity = identity,
	                                                .sync_ns = s->archive_sync_ns,
	                                                .max_bytes = (int64_t)s->archive_keep_bytes,
	                                                .free_bytes = (int64_t)s->archive_free_bytes,
	                                                .free_percent = s->archive_free_percent,
	                                                .user = h,
	                                                .problem = archive_problem,
	                                                .crowded = archive_crowded,
	                                                .recovered = archive_recovered},
	                             &recovery, error);
	if (!h->archive)
		return false;
	archive_recovered(h, &recovery);
	return true;
}

/* ---- the site ---- */

PtSite *pt_hub_site(void *user) { return ((PtHub *)user)->site; }

static void apply_site(PtHub *h) {
	pt_cameras_apply(h->cameras, h->site);
	pt_backfill_apply(h->backfill, h->site);
	pt_catch_up_apply(h->catch_up, h->site);
	pt_card_health_set_zone(h->health, h->site->zone);
	pt_plugs_apply(h->plugs, h->site);
	pt_tell_apply(h->tell, h->site);
	pt_talk_desk_apply(h->talk, h->site);
	pt_pictures_apply(h->pictures, h->site);
	pt_actions_apply(h->actions, h->site);
	pt_rules_engine_set(h->rules, h->site->rules,
	                    &(PtRulesPlace){h->site->located, h->site->latitude, h->site->longitude, h->site->zone});
	pt_alarm_desk_apply(h->alarm, h->site);
	pt_serve_apply(h->serve, h->site);
	pt_onvif_apply(h->onvif, h->site);
	if (h->mqtt)
		pt_mqtt_site_apply(h->mqtt, h->site);
	g_autofree PtLoginUser *users = g_new0(PtLoginUser, h->site->users->len);
	size_t n = 0;
	for (guint i = 0; i < h->site->users->len; i++) {
		const PtSiteUser *u = g_ptr_array_index(h->site->users, i);
		if (u->password)
			users[n++] = (PtLoginUser){
			    .name = u->name, .role = (PtRole)(u->role + 1), .cameras = u->cameras, .password = u->password};
	}
	pt_login_set_users(h->login, users, n);
}

/* A site file with problems changes nothing: what runs goes on. */
bool pt_hub_reload(void *user, GPtrArray *problems) {
	PtHub *h = user;
	PtSite *site = NULL;
	if (!pt_site_load(h->options.site_path, &site, problems)) {
		pt_hub_publish(h, "system/site", PT_TOPIC_SYSTEM, "refused", NULL,
		               "the site file has problems; what ran before goes on");
		return false;
	}
	g_autoptr(PtSite) old = h->site;
	g_autoptr(PtSiteDiff) diff = pt_site_diff(old, site);
	h->site = site;
	/* the new rules know the old plugs only once these are in place, so the engine is set within */
	apply_site(h);
	if (diff->web || diff->archive || diff->mqtt)
		pt_hub_say("site: changes under web:, archive: and mqtt: are taken up at the next start");
	pt_hub_publish(h, "system/site", PT_TOPIC_SYSTEM, "reloaded", NULL, NULL);
	return true;
}

/* ---- start, signals, stop ---- */

static gboolean on_stop(gpointer data) {
	PtHub *h = data;
	g_main_loop_quit(h->main);
	return G_SOURCE_REMOVE;
}

static gboolean on_hangup(gpointer data) {
	g_autoptr(GPtrArray) problems = pt_problems_new();
	sd_notify(0, "RELOADING=1");
	bool ok = pt_hub_reload(data, problems);
	for (guint i = 0; i < problems->len; i++)
		pt_hub_say("%s", (char *)g_ptr_array_index(problems, i));
	for (guint i = 0; ok && i < ((PtHub *)data)->site->notes->len; i++)
		pt_hub_say("note: %s", (char *)g_ptr_array_index(((PtHub *)data)->site->notes, i));
	pt_hub_say(ok ? "site file reloaded" : "site file not taken: what ran before goes on");
	sd_notify(0, "READY=1");
	return G_SOURCE_CONTINUE;
}

static gboolean watchdog(gpointer data) {
	sd_notify(0, "WATCHDOG=1");
	return G_SOURCE_CONTINUE;
}

static void start_workers(PtHub *h) {
	h->n_workers = CLAMP(g_get_num_processors(), 1, PT_HUB_WORKERS_MAX);
	for (unsigned i = 0; i < h->n_workers; i++) {
		g_autofree char *name = g_strdup_printf("pt-ingest-%u", i);
		h->workers[i] = pt_loop_new(name);
		pt_loop_set_gather(h->workers[i], GATHER_NS);
	}
	h->serving = pt_loop_new("pt-serve");
}

static bool start(PtHub *h, GError **error) {
	start_workers(h);
	if (!open_log(h, error) || !open_archive(h, error))
		return false;
	int64_t last_ns = last_known(h);
	h->unset_clock = pt_unset_clock_new(h->clock, h->bus, h->archive, h->log, last_ns);
	h->keeper = pt_keeper_new(h->archive);
	h->health = pt_card_health_new(h->archive, h->clock, h->bus);
	g_autofree char *cycles = g_build_filename(h->site->archive_state, "relay-cycles", NULL);
	h->cycles = pt_relay_cycles_new(cycles);
	PtPlugEnv env = {.clock = h->clock,
	                 .bus = h->bus,
	                 .journal = pt_hub_journal,
	                 .note_off = note_off,
	                 .cycles = relay_cycles,
	                 .note_cycles = note_cycles,
	                 .user = h};
	h->plugs = pt_plugs_new(&env, off_due, h);
	h->alarm = pt_alarm_desk_new(&(PtAlarmDeskEnv){h->clock, h->bus, pt_hub_journal, h}, h->site);
	h->http = pt_http_new(CAMERA_CONNECTIONS);
	h->cameras =
	    pt_cameras_new(&(PtCamerasEnv){h->archive, h->bus, h->workers, h->n_workers, h->http, h->clock, h->keeper});
	if (h->site->mqtt) {
		h->mqtt = pt_mqtt_site_new(&(PtMqttSiteEnv){h->clock, h->bus, h->log, h->plugs, h->alarm, h->cameras},
		                           h->site, error);
		if (!h->mqtt)
			return false;
	}
	h->tell = pt_tell_new(&(PtTellEnv){h->clock, h->bus, h->archive, h->site->archive_state}, error);
	if (!h->tell)
		return false;
	h->pictures =
	    pt_pictures_new(&(PtPicturesEnv){h->clock, h->bus, h->archive, h->cameras, h->site->archive_state}, error);
	if (!h->pictures)
		return false;
	h->talk = pt_talk_desk_new(&(PtTalkDeskEnv){h->clock, h->bus, h->serving, h->cameras, pt_hub_journal, h});
	pt_talk_desk_apply(h->talk, h->site);
	h->actions = pt_actions_new(&(PtActionsEnv){h->clock, h->bus, h->plugs, h->keeper, h->pictures, h->alarm, h->tell,
	                                            h->talk, pt_hub_journal, h});
	h->rules = pt_rules_engine_new(h->clock, h->bus, NULL, pt_actions_act, h->actions);
	h->backfill = pt_backfill_new(&(PtBackfillEnv){h->archive, h->bus, h->clock, h->cameras});
	h->catch_up =
	    pt_catch_up_new(&(PtCatchUpEnv){h->bus, h->clock, h->cameras, h->log, h->site->archive_state, last_ns});
	h->add =
	    pt_add_camera_new(&(PtAddCameraEnv){h->http, h->clock, h->bus, h->workers[0], h, pt_hub_site, pt_hub_reload});
	h->serve = pt_serve_new(&(PtServeEnv){h->serving, h->cameras, h->archive, h->clock, h->bus, pt_hub_journal, h});
	if (!pt_hub_open_web(h, error))
		return false;
	/* P5: overdue offs and safe states before anything else; the rules know the site before inputs report */
	pt_rules_engine_set(h->rules, h->site->rules,
	                    &(PtRulesPlace){h->site->located, h->site->latitude, h->site->longitude, h->site->zone});
	pt_alarm_desk_begin(h->alarm);
	pt_plugs_apply(h->plugs, h->site);
	if (h->site->serve_onvif)
		h->onvif = pt_onvif_new(&(PtOnvifEnv){h->clock, h->bus, h->plugs, h->cameras, h->serve,
		                                      h->site->archive_state, h->archive, h->log},
		                        h->site);
	apply_site(h);
	if (!pt_serve_start(h->serve, h->site, error))
		return false;
	g_autoptr(PtVirtualBoard) board = pt_virtual_board_get(PT_VIRTUAL_BOARD);
	g_autofree char *hand = g_build_filename(h->runtime_dir, "board.sock", NULL);
	h->hand = pt_virtual_hand_new(board, hand, NULL, error);
	if (!h->hand)
		return false;
	h->network = pt_network_watch_new(h->clock, h->bus);
	pt_rules_engine_start(h->rules);
	return pt_hub_listen_onvif(h, error) && pt_hub_listen_web(h, error);
}

static void stop(PtHub *h) {
	pt_unset_clock_free(h->unset_clock);
	pt_network_watch_free(h->network);
	pt_onvif_announce_free(h->announce);
	pt_onvif_free(h->onvif);
	pt_serve_free(h->serve);
	/* viewers go before what they look at, rules before the plugs they switch */
	pt_authority_free(h->authority);
	pt_server_free(h->install);
	pt_server_free(h->server);
	pt_api_free_clips(&h->host);
	pt_add_camera_free(h->add);
	pt_login_free(h->login);
	pt_mqtt_site_stop(h->mqtt);
	pt_rules_engine_free(h->rules);
	pt_actions_free(h->actions);
	pt_talk_desk_free(h->talk);
	pt_pictures_free(h->pictures);
	pt_alarm_desk_free(h->alarm);
	pt_tell_free(h->tell);
	pt_virtual_hand_free(h->hand);
	pt_plugs_free(h->plugs);
	pt_mqtt_site_free(h->mqtt);
	pt_relay_cycles_free(h->cycles);
	pt_onvif_cameras_finish_orders(NULL);
	pt_http_finish();
	pt_backfill_free(h->backfill);
	pt_catch_up_free(h->catch_up);
	pt_cameras_free(h->cameras, "pigtail was stopped");
	pt_onvif_cameras_leave(NULL);
	pt_http_free(h->http);
	pt_card_health_free(h->health);
	pt_keeper_free(h->keeper);
	pt_archive_free(h->archive);
	pt_bus_unsubscribe(h->logged);
	pt_eventlog_free(h->log);
	for (unsigned i = 0; i < h->n_workers; i++)
		pt_loop_free(h->workers[i]);
	pt_loop_free(h->serving);
	pt_bus_free(h->bus);
	pt_site_unref(h->site);
	if (h->runtime_dir)
		rmdir(h->runtime_dir); /* unless something is left in it that the next start has to see */
	g_free(h->archive_error);
	g_free(h->runtime_dir);
}

static bool load_site(PtHub *h) {
	g_autoptr(GPtrArray) problems = pt_problems_new();
	bool ok = pt_site_load(h->options.site_path, &h->site, problems);
	for (guint i = 0; i < problems->len; i++)
		pt_hub_say("%s", (char *)g_ptr_array_index(problems, i));
	for (guint i = 0; ok && i < h->site->notes->len; i++)
		pt_hub_say("note: %s", (char *)g_ptr_array_index(h->site->notes, i));
	return ok;
}

int pt_hub_run(const PtHubOptions *options) {
	PtHub h = {.options = *options, .clock = pt_clock_system()};
	struct rlimit files;
	if (!getrlimit(RLIMIT_NOFILE, &files)) { /* several descriptors per stream */
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	umask(0027); /* footage, log and index are nobody else's */
	mallopt(M_ARENA_MAX, 4);
	mallopt(M_MMAP_THRESHOLD, 256 * 1024); /* fixed: fragments of it must not grow with the largest frame ever seen */
	if (!load_site(&h))
		return 3;
	h.bus = pt_bus_new();
	h.main = g_main_loop_new(NULL, FALSE);
	g_unix_signal_add(SIGTERM, on_stop, &h);
	g_unix_signal_add(SIGINT, on_stop, &h);
	guint hangup = g_unix_signal_add(SIGHUP, on_hangup, &h);
	g_autoptr(GError) error = NULL;
	if (start(&h, &error)) {
		uint64_t watchdog_us = 0;
		guint dog = sd_watchdog_enabled(0, &watchdog_us) > 0
		                ? g_timeout_add((guint)(watchdog_us / 3000), watchdog, NULL)
		                : 0;
		pt_hub_say("ready");
		sd_notify(0, "READY=1");
		pt_hub_publish(&h, "system/daemon", PT_TOPIC_SYSTEM, "started", NULL, NULL);
		g_main_loop_run(h.main);
		sd_notify(0, "STOPPING=1");
		pt_hub_publish(&h, "system/daemon", PT_TOPIC_SYSTEM, "stopped", NULL, NULL);
		g_clear_handle_id(&dog, g_source_remove);
	} else {
		pt_hub_say("%s", error ? error->message : "could not start");
		h.exit_code = 1;
	}
	g_source_remove(hangup);
	stop(&h);
	g_main_loop_unref(h.main);
	return h.exit_code;
}
