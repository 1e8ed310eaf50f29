/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/client.h"
#include "media/rtsp/client-session.h"
#include <string.h>

#define ANSWER_NS (10 * PT_NS_PER_S) /* for a reply */
#define REPORT_NS (5 * PT_NS_PER_S)
#define GOOD_NS (30 * PT_NS_PER_S) /* streaming so long makes up for earlier failures */
#define BACKOFF_MIN_NS PT_NS_PER_S
#define BACKOFF_MAX_NS (30 * PT_NS_PER_S)
#define GOODBYE_NS (300 * PT_NS_PER_MS) /* for the reply to TEARDOWN at stop */
#define RETRIES 4                       /* logins tried for one request */

static const char *const step_names[] = {"OPTIONS", "DESCRIBE", "SETUP", "PLAY", "keep-alive", "TEARDOWN"};

void pt_rtsp_client_set_state(Client *c, PtStreamState state, const char *reason) {
	pt_stream_set_state(c->stream, state, reason, pt_loop_wall_ns(c->loop));
}

/* ---- requests ---- */

static void drop_session(Client *c) {
	pt_rtsp_tracks_drop(c);
	c->n_pending = 0;
	c->session[0] = 0;
	c->live = false;
	g_clear_pointer(&c->sdp, pt_sdp_free);
	g_clear_pointer(&c->asked_url, g_free);
	pt_timer_cancel(&c->deadline);
	pt_timer_cancel(&c->tick);
}

void pt_rtsp_client_request(Client *c, Step step, const char *method, const char *url, const char *transport) {
	PtBuf out = {0};
	if (c->n_pending == PENDING) /* some never answer a keep-alive */
		memmove(c->pending, c->pending + 1, --c->n_pending * sizeof *c->pending);
	c->pending[c->n_pending++] = step;
	if (step != KEEP_ALIVE) {
		char *copy = g_strdup(url);
		g_free(c->asked_url);
		c->asked_url = copy;
		pt_timer_set_in(c->loop, &c->deadline, ANSWER_NS);
	}
	pt_rtsp_write_request(&out, method, url, ++c->cseq);
	g_autofree char *login = pt_digest_client_authorize(c->login, method, url);
	if (login)
		pt_rtsp_write_header(&out, "Authorization", "%s", login);
	pt_rtsp_write_header(&out, "User-Agent", "pigtail");
	if (c->session[0])
		pt_rtsp_write_header(&out, "Session", "%s", c->session);
	if (step == DESCRIBE)
		pt_rtsp_write_header(&out, "Accept", "application/sdp");
	if (step == PLAY)
		pt_rtsp_write_header(&out, "Range", "npt=0.000-");
	if (transport)
		pt_rtsp_write_header(&out, "Transport", "%s", transport);
	pt_rtsp_write_end(&out, NULL, 0);
	pt_rtsp_connection_send(&c->connection, out.data, out.size);
	pt_buf_clear(&out);
}

static void say_goodbye(Client *c) {
	if (c->session[0] && c->sdp)
		pt_rtsp_client_request(c, TEARDOWN, "TEARDOWN", c->sdp->control, NULL);
}

void pt_rtsp_client_try_again(Client *c, int64_t wait_ns) {
	say_goodbye(c);
	pt_rtsp_connection_close(&c->connection);
	drop_session(c);
	c->state = WAITING;
	pt_timer_set_in(c->loop, &c->deadline, wait_ns);
}

void pt_rtsp_client_lost(Client *c, const char *format, ...) {
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args), *reason = g_utf8_make_valid(text, -1);
	va_end(args);
	for (char *p = reason; *p; p++) /* some of it may be the peer's words */
		if (g_ascii_iscntrl(*p))
			*p = ' ';
	if (c->state == STREAMING && c->live && now(c) - c->played_at > GOOD_NS)
		c->backoff = BACKOFF_MIN_NS;
	int64_t wait = (int64_t)((double)c->backoff * g_random_double_range(0.75, 1.25));
	c->backoff = MIN(c->backoff * 2, BACKOFF_MAX_NS);
	pt_rtsp_client_set_state(c, PT_STREAM_LOST, reason);
	pt_rtsp_client_try_again(c, wait);
}

/* Without the query: some cameras want logins in it. */
static char *path_of(const char *url) {
	const char *host = strstr(url, "://"), *path = host ? strchr(host + 3, '/') : NULL;
	return path ? g_strndup(path, strcspn(path, "?")) : g_strdup("/");
}

/* One sentence for people; a number alone helps nobody. */
void pt_rtsp_client_refused(Client *c, Step step, unsigned status, const char *reason) {
	g_autofree char *path = path_of(c->at.url);
	switch (status) {
	case 403:
		pt_rtsp_client_lost(c, "403 camera %s does not allow this login to watch %s", c->camera, path);
		break;
	case 404:
		pt_rtsp_client_lost(c, "404 camera %s has no stream %s", c->camera, path);
		break;
	case 453:
	case 503:
		pt_rtsp_client_lost(c, "%u camera %s has no room for another viewer (it answered %s)", status, c->camera,
		                    step_names[step]);
		break;
	default:
		pt_rtsp_client_lost(c, "%u camera %s refused %s: %s", status, c->camera, step_names[step],
		                    *reason ? reason : pt_rtsp_reason(status));
	}
}

/* ---- replies ---- */

/* Which methods keep its session alive: what it offers, the one without side effects first. */
static void read_offer(Client *c, const char *offered) {
	static const char *const methods[] = {"GET_PARAMETER", "OPTIONS", "SET_PARAMETER"};
	c->keep_alive = "OPTIONS";
	for (size_t i = 0; offered && i < G_N_ELEMENTS(methods); i++)
		if (strstr(offered, methods[i])) {
			c->keep_alive = methods[i];
			return;
		}
}

static void on_description(Client *c, const PtRtspMessage *m) {
	g_autoptr(GError) error = NULL;
	c->sdp = pt_sdp_parse((const char *)m->body, m->body_size, c->at.url, pt_rtsp_message_get(m, "Content-Base"),
	                      pt_rtsp_message_get(m, "Content-Location"), &error);
	if (!c->sdp) {
		pt_rtsp_client_lost(c, "camera %s answered DESCRIBE, but %s", c->camera, error->message);
		return;
	}
	if (pt_rtsp_tracks_choose(c))
		pt_rtsp_tracks_set_up_next(c);
}

static void on_tick(PtTimer *timer);

static void on_playing(Client *c) {
	c->state = STREAMING;
	c->played_at = c->kept_alive_at = c->packet_at = c->sample_at = now(c);
	c->reported_at = now(c) - REPORT_NS + PT_NS_PER_S;
	c->packets_seen = c->samples_seen = 0;
	c->own_ssrc = g_random_int();
	pt_timer_cancel(&c->deadline);
	c->tick.due = on_tick;
	pt_timer_set_in(c->loop, &c->tick, PT_NS_PER_S);
}

static void on_login(Client *c, Step step, const PtRtspMessage *m) {
	unsigned cursor = 0;
	const char *value;
	pt_digest_client_begin(c->login);
	while ((value = pt_rtsp_message_next(m, "WWW-Authenticate", &cursor)))
		pt_digest_client_challenge(c->login, value);
	switch (c->tries++ < RETRIES ? pt_digest_client_choose(c->login) : PT_DIGEST_WRONG) {
	case PT_DIGEST_NO_LOGIN:
		pt_rtsp_client_lost(c, "401 camera %s asks for a login and none is given", c->camera);
		return;
	case PT_DIGEST_WRONG:
		pt_rtsp_client_lost(c, "401 wrong login for camera %s", c->camera);
		return;
	case PT_DIGEST_UNSUPPORTED:
		pt_rtsp_client_lost(
		    c, "401 camera %s asks for a login in a way that is not known (neither Basic nor Digest)", c->camera);
		return;
	case PT_DIGEST_FOREIGN:
		pt_rtsp_client_lost(
		    c,
		    "401 camera %s sends us to %s:%u, which asks for a login that was given for another host: "
		    "if it is to have it, write its address as the source",
		    c->camera, c->at.host, c->at.port);
		return;
	case PT_DIGEST_RETRY:
		break;
	}
	g_autofree char *url = g_strdup(c->asked_url);
	switch (step) {
	case SETUP:
		pt_udp_pair_close(&c->tracks[c->next_track].udp);
		pt_rtsp_tracks_set_up_next(c);
		break;
	case KEEP_ALIVE:
		pt_rtsp_client_request(c, KEEP_ALIVE, c->keep_alive, c->sdp->control, NULL);
		break;
	case TEARDOWN:
		break;
	default:
		pt_rtsp_client_request(c, step, step_names[step], url, NULL);
	}
}

static void leave(Client *c);

static void on_reply(Client *c, Step step, const PtRtspMessage *m) {
	if (step == TEARDOWN) {
		if (c->state == LEAVING)
			leave(c);
		return;
	}
	if (c->state == LEAVING)
		return;
	if (m->status == 401) {
		on_login(c, step, m);
		return;
	}
	bool good = m->status >= 200 && m->status < 300;
	c->tries = 0;
	pt_digest_client_accepted(c->login); /* whatever it does not like, it is not the login */
	if (step != KEEP_ALIVE && pt_rtsp_client_redirected(c, m))
		return;
	if (good && (step == SETUP || step == PLAY))
		pt_rtsp_message_session(m, c->session, sizeof c->session, &c->timeout); /* some change it on the way */
	switch (step) {
	case OPTIONS: /* a refusal tells nothing yet */
		read_offer(c, good ? pt_rtsp_message_get(m, "Public") : NULL);
		pt_rtsp_client_request(c, DESCRIBE, "DESCRIBE", c->at.url, NULL);
		break;
	case DESCRIBE:
		if (good)
			on_description(c, m);
		else
			pt_rtsp_client_refused(c, step, m->status, m->reason);
		break;
	case SETUP:
		if (good)
			pt_rtsp_tracks_on_setup(c, m);
		else
			pt_rtsp_tracks_on_setup_refused(c, m);
		break;
	case PLAY:
		if (good)
			on_playing(c);
		else
			pt_rtsp_client_refused(c, step, m->status, m->reason);
		break;
	case KEEP_ALIVE: /* no matter what it says: the packets tell whether it lives */
		if (m->status == 405 || m->status == 501 || m->status == 400 || m->status == 451)
			c->keep_alive = "OPTIONS";
		break;
	default:
		break;
	}
}

/* Cameras seldom ask, but they may. */
static void on_request(Client *c, const PtRtspMessage *m) {
	static const char *const harmless[] = {"OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE", "TEARDOWN"};
	unsigned status = 501;
	PtBuf out = {0};
	for (size_t i = 0; i < G_N_ELEMENTS(harmless); i++)
		if (!strcmp(m->method, harmless[i]))
			status = 200;
	pt_rtsp_write_response(&out, status, pt_rtsp_message_get(m, "CSeq"));
	pt_rtsp_write_end(&out, NULL, 0);
	pt_rtsp_connection_send(&c->connection, out.data, out.size);
	pt_buf_clear(&out);
	if (!strcmp(m->method, "TEARDOWN") && c->state == STREAMING)
		pt_rtsp_client_lost(c, "camera %s ended the session", c->camera);
}

/* ---- the connection ---- */

static void on_connected(PtRtspConnection *connection) {
	Client *c = CLIENT_OF(connection, connection);
	c->state = ASKING;
	c->tries = 0;
	pt_digest_client_reset(c->login);
	pt_rtsp_client_request(c, OPTIONS, "OPTIONS", c->at.url, NULL);
}

static void on_message(PtRtspConnection *connection, const PtRtspMessage *m) {
	Client *c = CLIENT_OF(connection, connection);
	if (m->request) {
		on_request(c, m);
		return;
	}
	if (m->status < 200 || !c->n_pending)
		return; /* "100 Continue", or a reply nobody waits for */
	/* replies come in order; the CSeq of some cameras is not to be trusted */
	Step step = c->pending[0];
	memmove(c->pending, c->pending + 1, --c->n_pending * sizeof *c->pending);
	on_reply(c, step, m);
}

static void on_frame(PtRtspConnection *connection, uint8_t channel, const uint8_t *data, size_t n) {
	pt_rtsp_tracks_on_frame(CLIENT_OF(connection, connection), channel, data, n);
}

static void on_failed(PtRtspConnection *connection, const char *reason) {
	Client *c = CLIENT_OF(connection, connection);
	if (c->state == LEAVING)
		leave(c);
	else
		pt_rtsp_client_lost(c, "camera %s: %s", c->camera, reason);
}

static bool expects(PtRtspConnection *connection, uint8_t channel) {
	return CLIENT_OF(connection, connection)->channels[channel] != 0;
}

static const PtRtspConnectionOps connection_ops = {on_connected, on_message, on_frame, expects, on_failed};

static void start_attempt(Client *c) {
	c->state = CONNECTING;
	if (!c->sent_on)
		pt_rtsp_client_go_home(c);
	c->sent_on = false;
	if (!c->at.host) {
		pt_rtsp_client_lost(c, "camera %s: the source is no rtsp://HOST/PATH", c->camera);
		return;
	}
	if (c->at.tls && c->want_udp && c->n_visited == 1) {
		pt_rtsp_client_lost(
		    c, "camera %s: over UDP its pictures would not be encrypted: rtsps:// goes with transport tcp",
		    c->camera);
		return;
	}
	pt_rtsp_connection_open(&c->connection, c->at.host, c->at.port, c->at.tls ? &c->trust : NULL);
}

static void on_deadline(PtTimer *timer) {
	Client *c = CLIENT_OF(timer, deadline);
	if (c->state == WAITING)
		start_attempt(c);
	else if (c->state == LEAVING)
		leave(c);
	else
		pt_rtsp_client_lost(c, "camera %s did not answer %s within 10 s", c->camera,
		                    c->n_pending ? step_names[c->pending[0]] : "a request");
}

/* ---- once a second while it plays ---- */

static void on_tick(PtTimer *timer) {
	Client *c = CLIENT_OF(timer, tick);
	pt_timer_set_in(c->loop, &c->tick, PT_NS_PER_S);
	for (unsigned i = 0; i < c->n_tracks; i++)
		pt_rtp_receiver_tick(c->tracks[i].receiver, now(c));
	for (unsigned i = 0; i < c->n_tracks; i++)
		if (pt_rtp_receiver_said_bye(c->tracks[i].receiver) && now(c) - c->packet_at >= 2 * PT_NS_PER_S) {
			pt_rtsp_client_lost(c, "camera %s ended the stream", c->camera);
			return;
		}
	if (!pt_rtsp_tracks_check_flow(c))
		return;
	if (c->backoff != BACKOFF_MIN_NS && c->live && now(c) - c->played_at > GOOD_NS)
		c->backoff = BACKOFF_MIN_NS;
	if (now(c) - c->reported_at >= REPORT_NS)
		pt_rtsp_tracks_send_reports(c);
	if (now(c) - c->kept_alive_at >= MAX(1, c->timeout) * PT_NS_PER_S / 2) {
		c->kept_alive_at = now(c);
		pt_rtsp_client_request(c, KEEP_ALIVE, c->keep_alive, c->sdp->control, NULL);
	}
}

/* ---- start and stop ---- */

static void begin(void *data) {
	Client *c = data;
	pt_rtsp_client_set_state(c, PT_STREAM_CONNECTING, NULL);
	start_attempt(c);
}

static PtSource *start(const PtSourceParams *params) {
	Client *c = g_new0(Client, 1);
	c->base.ops = &pt_rtsp_source_ops;
	c->camera = g_strdup(params->camera);
	c->video = params->video;
	c->audio = params->audio;
	c->metadata = params->metadata;
	c->want_udp = params->transport == PT_TRANSPORT_UDP;
	c->trust = params->trust;
	c->loop = params->loop;
	c->stream = pt_stream_ref(params->stream);
	c->login = c->own_login = pt_digest_client_new(params->user, params->password);
	c->backoff = BACKOFF_MIN_NS;
	c->keep_alive = "OPTIONS";
	c->timeout = 60;
	c->deadline.due = on_deadline;
	c->location = g_strdup(params->location);
	g_mutex_init(&c->lock);
	g_cond_init(&c->gone_cond);
	pt_rtsp_connection_init(&c->connection, c->loop, &connection_ops);
	pt_loop_post(c->loop, begin, c);
	return &c->base;
}

/* Nothing is left of it on the loop. */
static void leave(Client *c) {
	pt_rtsp_connection_close(&c->connection);
	drop_session(c);
	pt_rtsp_client_set_state(c, PT_STREAM_IDLE, NULL);
	g_mutex_lock(&c->lock);
	c->gone = true;
	g_cond_signal(&c->gone_cond);
	g_mutex_unlock(&c->lock);
}

static void begin_leaving(void *data) {
	Client *c = data;
	bool polite = c->session[0] && c->sdp && pt_rtsp_connection_is_open(&c->connection);
	c->state = LEAVING;
	pt_timer_cancel(&c->tick);
	if (!polite) {
		leave(c);
		return;
	}
	say_goodbye(c);
	pt_timer_set_in(c->loop, &c->deadline, GOODBYE_NS);
}

static void nothing(void *data) {}

static void stop(PtSource *source) {
	Client *c = (Client *)source;
	g_assert(!pt_loop_is_current(c->loop));
	pt_loop_post(c->loop, begin_leaving, c);
	g_mutex_lock(&c->lock);
	while (!c->gone)
		g_cond_wait(&c->gone_cond, &c->lock);
	g_mutex_unlock(&c->lock);
	pt_loop_call(c->loop, nothing, NULL); /* the callback that said so has returned */
	pt_rtsp_client_forget_way(c);
	pt_digest_client_free(c->own_login);
	pt_stream_unref(c->stream);
	g_mutex_clear(&c->lock);
	g_cond_clear(&c->gone_cond);
	g_free(c->camera);
	g_free(c->location);
	pt_rtsp_address_clear(&c->at);
	g_free(c);
}

const PtSourceOps pt_rtsp_source_ops = {"rtsp", start, stop}, pt_rtsps_source_ops = {"rtsps", start, stop};
