/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/dialog.h"
#include <string.h>

#define ANSWER_NS (10 * PT_NS_PER_S)    /* for a reply */
#define GOODBYE_NS (300 * PT_NS_PER_MS) /* for the reply to TEARDOWN at the end */
#define RETRIES 4                       /* logins tried for one request */

static const char *const step_names[] = {"OPTIONS", "DESCRIBE", "SETUP", "PLAY", "keep-alive", "TEARDOWN"};

#define DIALOG_OF(ptr, member) ((PtRtspDialog *)((char *)(ptr)-offsetof(PtRtspDialog, member)))

/* ---- what goes wrong ---- */

void pt_rtsp_dialog_lose(PtRtspDialog *d, PtErrorCode code, const char *format, ...) {
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args), *reason = g_utf8_make_valid(text, -1);
	va_end(args);
	for (char *p = reason; *p; p++) /* some of it may be the peer's words */
		if (g_ascii_iscntrl(*p))
			*p = ' ';
	d->ops->lost(d, code, reason);
}

char *pt_rtsp_dialog_path(const PtRtspDialog *d) {
	const char *host = strstr(d->at.url, "://"), *path = host ? strchr(host + 3, '/') : NULL;
	return path ? g_strndup(path, strcspn(path, "?")) : g_strdup("/");
}

/* One sentence for people; a number alone helps nobody. */
void pt_rtsp_dialog_refused(PtRtspDialog *d, PtRtspStep step, const PtRtspMessage *m) {
	g_autofree char *path = pt_rtsp_dialog_path(d);
	if (m->status == 551 && d->require) {
		pt_rtsp_dialog_lose(d, PT_ERROR_UNSUPPORTED, "551 camera %s cannot do that: it refused Require: %s",
		                    d->camera, d->require);
		return;
	}
	switch (m->status) {
	case 403:
		pt_rtsp_dialog_lose(d, PT_ERROR_AUTH, "403 camera %s does not allow this login to watch %s", d->camera,
		                    path);
		break;
	case 404:
		pt_rtsp_dialog_lose(d, PT_ERROR_NOT_FOUND, "404 camera %s has no stream %s", d->camera, path);
		break;
	case 453:
	case 503:
		pt_rtsp_dialog_lose(d, PT_ERROR_BUSY, "%u camera %s has no room for another viewer (it answered %s)",
		                    m->status, d->camera, step_names[step]);
		break;
	default:
		pt_rtsp_dialog_lose(d, PT_ERROR_FAILED, "%u camera %s refused %s: %s", m->status, d->camera,
		                    step_names[step], *m->reason ? m->reason : pt_rtsp_reason(m->status));
	}
}

/* ---- requests ---- */

static void asked_clear(PtRtspAsked *a) {
	g_free(a->url);
	pt_buf_clear(&a->headers);
}

static PtRtspAsked take_asked(PtRtspDialog *d) {
	PtRtspAsked first = d->pending[0];
	memmove(d->pending, d->pending + 1, --d->n_pending * sizeof *d->pending);
	return first;
}

/* Takes it over. */
static void send_asked(PtRtspDialog *d, PtRtspAsked a) {
	const char *method = a.step == PT_RTSP_KEEP_ALIVE ? d->keep_alive : step_names[a.step];
	PtBuf out = {0};
	if (d->n_pending == PT_RTSP_PENDING) { /* some never answer a keep-alive */
		PtRtspAsked never = take_asked(d);
		asked_clear(&never);
	}
	d->pending[d->n_pending++] = a;
	if (a.step != PT_RTSP_KEEP_ALIVE)
		pt_timer_set_in(d->loop, &d->deadline, ANSWER_NS);
	pt_rtsp_write_request(&out, method, a.url, ++d->cseq);
	g_autofree char *login = pt_digest_client_authorize(d->login, method, a.url);
	if (login)
		pt_rtsp_write_header(&out, "Authorization", "%s", login);
	pt_rtsp_write_header(&out, "User-Agent", "pigtail");
	if (d->session[0])
		pt_rtsp_write_header(&out, "Session", "%s", d->session);
	if (d->require && a.step >= PT_RTSP_DESCRIBE && a.step <= PT_RTSP_PLAY)
		pt_rtsp_write_header(&out, "Require", "%s", d->require);
	pt_buf_put(&out, a.headers.data, a.headers.size);
	pt_rtsp_write_end(&out, NULL, 0);
	pt_rtsp_connection_send(&d->connection, out.data, out.size);
	pt_buf_clear(&out);
}

void pt_rtsp_dialog_ask(PtRtspDialog *d, PtRtspStep step, const char *url, const PtBuf *headers) {
	PtRtspAsked a = {.step = step, .url = g_strdup(url)};
	if (headers)
		pt_buf_put(&a.headers, headers->data, headers->size);
	send_asked(d, a);
}

void pt_rtsp_dialog_keep_alive(PtRtspDialog *d) {
	int64_t now = pt_loop_mono_ns(d->loop);
	if (now - d->kept_alive_at < MAX(1, d->timeout) * PT_NS_PER_S / 2)
		return;
	d->kept_alive_at = now;
	pt_rtsp_dialog_ask(d, PT_RTSP_KEEP_ALIVE, d->sdp->control, NULL);
}

/* ---- replies ---- */

/* Which methods keep its session alive: what it offers, the one without side effects first. */
static void read_offer(PtRtspDialog *d, const char *offered) {
	static const char *const methods[] = {"GET_PARAMETER", "OPTIONS", "SET_PARAMETER"};
	d->keep_alive = "OPTIONS";
	for (size_t i = 0; offered && i < G_N_ELEMENTS(methods); i++)
		if (strstr(offered, methods[i])) {
			d->keep_alive = methods[i];
			return;
		}
}

static void ask_description(PtRtspDialog *d) {
	PtBuf headers = {0};
	pt_rtsp_write_header(&headers, "Accept", "application/sdp");
	pt_rtsp_dialog_ask(d, PT_RTSP_DESCRIBE, d->at.url, &headers);
	pt_buf_clear(&headers);
}

static void on_description(PtRtspDialog *d, const PtRtspMessage *m) {
	g_autoptr(GError) error = NULL;
	d->sdp = pt_sdp_parse((const char *)m->body, m->body_size, d->at.url, pt_rtsp_message_get(m, "Content-Base"),
	                      pt_rtsp_message_get(m, "Content-Location"), &error);
	if (d->sdp)
		d->ops->described(d);
	else
		pt_rtsp_dialog_lose(d, PT_ERROR_INVALID, "camera %s answered DESCRIBE, but %s", d->camera, error->message);
}

/* Asks once more with the login that is wanted, or says why not. Takes the request over. */
static void on_login(PtRtspDialog *d, PtRtspAsked asked, const PtRtspMessage *m) {
	unsigned cursor = 0;
	const char *value;
	pt_digest_client_begin(d->login);
	while ((value = pt_rtsp_message_next(m, "WWW-Authenticate", &cursor)))
		pt_digest_client_challenge(d->login, value);
	PtDigestAnswer answer = d->tries++ < RETRIES ? pt_digest_client_choose(d->login) : PT_DIGEST_WRONG;
	if (answer == PT_DIGEST_RETRY) {
		send_asked(d, asked);
		return;
	}
	asked_clear(&asked);
	switch (answer) {
	case PT_DIGEST_NO_LOGIN:
		pt_rtsp_dialog_lose(d, PT_ERROR_AUTH, "401 camera %s asks for a login and none is given", d->camera);
		break;
	case PT_DIGEST_UNSUPPORTED:
		pt_rtsp_dialog_lose(d, PT_ERROR_AUTH,
		                    "401 camera %s asks for a login in a way that is not known (neither Basic nor Digest)",
		                    d->camera);
		break;
	case PT_DIGEST_FOREIGN:
		pt_rtsp_dialog_lose(
		    d, PT_ERROR_AUTH,
		    "401 camera %s sends us to %s:%u, which asks for a login that was given for another host: "
		    "if it is to have it, write its address as the source",
		    d->camera, d->at.host, d->at.port);
		break;
	default:
		pt_rtsp_dialog_lose(d, PT_ERROR_AUTH, "401 wrong login for camera %s", d->camera);
	}
}

static void left(PtRtspDialog *d) {
	d->session[0] = 0;
	pt_rtsp_dialog_close(d);
	d->ops->left(d);
}

static void on_reply(PtRtspDialog *d, PtRtspStep step, const PtRtspMessage *m) {
	bool good = m->status >= 200 && m->status < 300;
	d->tries = 0;
	pt_digest_client_accepted(d->login); /* whatever it does not like, it is not the login */
	if (step != PT_RTSP_KEEP_ALIVE)
		pt_timer_cancel(&d->deadline);
	if (step != PT_RTSP_KEEP_ALIVE && pt_rtsp_dialog_redirected(d, m))
		return;
	if (good && (step == PT_RTSP_SETUP || step == PT_RTSP_PLAY))
		pt_rtsp_message_session(m, d->session, sizeof d->session, &d->timeout); /* some change it on the way */
	switch (step) {
	case PT_RTSP_OPTIONS: /* a refusal tells nothing yet */
		read_offer(d, good ? pt_rtsp_message_get(m, "Public") : NULL);
		ask_description(d);
		break;
	case PT_RTSP_DESCRIBE:
		if (good)
			on_description(d, m);
		else
			pt_rtsp_dialog_refused(d, step, m);
		break;
	case PT_RTSP_KEEP_ALIVE: /* no matter what it says: the packets tell whether it lives */
		if (m->status == 405 || m->status == 501 || m->status == 400 || m->status == 451)
			d->keep_alive = "OPTIONS";
		break;
	default:
		d->kept_alive_at = pt_loop_mono_ns(d->loop);
		d->ops->replied(d, step, m);
	}
}

/* Cameras seldom ask, but they may. */
static void on_request(PtRtspDialog *d, const PtRtspMessage *m) {
	static const char *const harmless[] = {"OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE", "TEARDOWN"};
	unsigned status = 501;
	PtBuf out = {0};
	for (size_t i = 0; i < G_N_ELEMENTS(harmless); i++)
		if (!strcmp(m->method, harmless[i]))
			status = 200;
	pt_rtsp_write_response(&out, status, pt_rtsp_message_get(m, "CSeq"));
	pt_rtsp_write_end(&out, NULL, 0);
	pt_rtsp_connection_send(&d->connection, out.data, out.size);
	pt_buf_clear(&out);
	if (!strcmp(m->method, "TEARDOWN") && !d->leaving)
		d->ops->torn_down(d);
}

/* ---- the connection ---- */

static void on_connected(PtRtspConnection *connection) {
	PtRtspDialog *d = DIALOG_OF(connection, connection);
	d->tries = 0;
	pt_digest_client_reset(d->login);
	pt_rtsp_dialog_ask(d, PT_RTSP_OPTIONS, d->at.url, NULL);
}

static void on_message(PtRtspConnection *connection, const PtRtspMessage *m) {
	PtRtspDialog *d = DIALOG_OF(connection, connection);
	if (m->request) {
		on_request(d, m);
		return;
	}
	if (m->status < 200 || !d->n_pending)
		return; /* "100 Continue", or a reply nobody waits for */
	/* replies come in order; the CSeq of some cameras is not to be trusted */
	PtRtspAsked asked = take_asked(d);
	if (m->status == 401 && !d->leaving) {
		on_login(d, asked, m);
		return;
	}
	asked_clear(&asked);
	if (!d->leaving)
		on_reply(d, asked.step, m);
	else if (asked.step == PT_RTSP_TEARDOWN)
		left(d);
}

static void on_frame(PtRtspConnection *connection, uint8_t channel, const uint8_t *data, size_t n) {
	PtRtspDialog *d = DIALOG_OF(connection, connection);
	d->ops->frame(d, channel, data, n);
}

static bool expects(PtRtspConnection *connection, uint8_t channel) {
	PtRtspDialog *d = DIALOG_OF(connection, connection);
	return d->ops->expects(d, channel);
}

static void on_failed(PtRtspConnection *connection, const char *reason) {
	PtRtspDialog *d = DIALOG_OF(connection, connection);
	if (d->leaving)
		left(d);
	else
		pt_rtsp_dialog_lose(d, PT_ERROR_CLOSED, "camera %s: %s", d->camera, reason);
}

static const PtRtspConnectionOps connection_ops = {on_connected, on_message, on_frame, expects, on_failed};

static void on_deadline(PtTimer *timer) {
	PtRtspDialog *d = DIALOG_OF(timer, deadline);
	if (d->leaving)
		left(d);
	else
		pt_rtsp_dialog_lose(d, PT_ERROR_TIMEOUT, "camera %s did not answer %s within 10 s", d->camera,
		                    d->n_pending ? step_names[d->pending[0].step] : "a request");
}

/* ---- life ---- */

void pt_rtsp_dialog_init(PtRtspDialog *d, PtLoop *loop, const PtRtspDialogOps *ops, const char *camera, const char *location,
                         const char *user, const char *password, const PtTrust *trust) {
	*d = (PtRtspDialog){.ops = ops, .loop = loop, .trust = *trust, .timeout = 60, .keep_alive = "OPTIONS"};
	d->camera = g_strdup(camera);
	d->location = g_strdup(location);
	d->login = d->own_login = pt_digest_client_new(user, password);
	d->deadline.due = on_deadline;
	pt_rtsp_connection_init(&d->connection, loop, &connection_ops);
}

void pt_rtsp_dialog_finish(PtRtspDialog *d) {
	pt_rtsp_dialog_forget_way(d);
	pt_digest_client_free(d->own_login);
	pt_rtsp_address_clear(&d->at);
	g_free(d->camera);
	g_free(d->location);
}

void pt_rtsp_dialog_open(PtRtspDialog *d) {
	pt_rtsp_connection_open(&d->connection, d->at.host, d->at.port, d->at.tls ? &d->trust : NULL);
}

static bool say_goodbye(PtRtspDialog *d) {
	bool any = d->session[0] && d->sdp && pt_rtsp_connection_is_open(&d->connection);
	if (any)
		pt_rtsp_dialog_ask(d, PT_RTSP_TEARDOWN, d->sdp->control, NULL);
	return any;
}

void pt_rtsp_dialog_close(PtRtspDialog *d) {
	say_goodbye(d);
	pt_rtsp_connection_close(&d->connection);
	while (d->n_pending) {
		PtRtspAsked asked = take_asked(d);
		asked_clear(&asked);
	}
	d->session[0] = 0;
	g_clear_pointer(&d->sdp, pt_sdp_free);
	pt_timer_cancel(&d->deadline);
}

void pt_rtsp_dialog_leave(PtRtspDialog *d) {
	d->leaving = true;
	if (say_goodbye(d))
		pt_timer_set_in(d->loop, &d->deadline, GOODBYE_NS);
	else
		left(d);
}
