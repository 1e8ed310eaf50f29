/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/http/http.h"
#include "base/error.h"
#include "http/client.h"
#include "plugs/driver.h"
#include "plugs/hook.h"
#include <string.h>

#define CHOICE "\\{([^{}|]*)\\|([^{}|]*)\\}" /* {on|off} */

#define LOOK_S 5        /* a relay is read back so often */
#define ANSWER_S 3      /* and has so long to answer */
#define UNHEARD_MS 5000 /* an order must not come later */

struct PtRelayPort {
	const PtPlugSettings *settings;
	PtRelayHost host;
	PtHttp *http;
	PtDigestClient *login; /* NULL: none */
	PtHttpCall *order, *look;
	GSource *again;
	bool there; /* it answered last time */
};

static void port_free(void *data) {
	PtRelayPort *port = data;
	pt_digest_client_free(port->login);
	g_free(port);
}

static void lose(PtRelayPort *port, const char *what, unsigned status, const GError *error) {
	g_autofree char *why =
	    error ? g_strdup_printf("%s: %s", what, error->message) : g_strdup_printf("%s: HTTP status %u", what, status);
	port->there = false;
	port->host.trouble(port->host.user, why);
	port->host.level(port->host.user, PT_LEVEL_UNKNOWN, pt_driver_now_ns());
}

static char *without_blanks(const char *text, size_t size) {
	GString *out = g_string_sized_new(size);
	for (size_t i = 0; i < size; i++)
		if (!g_ascii_isspace(text[i]))
			g_string_append_c(out, text[i]);
	return g_string_free(out, FALSE);
}

static void on_read(void *user, unsigned status, const char *body, size_t size, const GError *error) {
	PtRelayPort *port = user;
	port->look = NULL;
	if (status / 100 != 2) {
		lose(port, "read its state", status, error);
		return;
	}
	port->there = true;
	port->host.trouble(port->host.user, NULL);
	g_autofree char *told = without_blanks(body, size);
	g_autofree char *shows = without_blanks(port->settings->shows, strlen(port->settings->shows));
	bool on = strstr(told, shows);
	port->host.level(port->host.user, pt_driver_level(port->settings, on), pt_driver_now_ns());
}

static PtHttpCall *ask(PtRelayPort *port, const char *method, const char *url, const char *body, PtHttpFn fn) {
	PtHttpRequest request = {.method = method,
	                         .url = url,
	                         .login = port->login,
	                         .timeout_s = ANSWER_S,
	                         .unheard_ms = UNHEARD_MS,
	                         .body = body};
	request.content_type =
	    body ? (body[0] == '{' || body[0] == '[' ? "application/json" : "application/x-www-form-urlencoded") : NULL;
	request.body_size = body ? strlen(body) : 0;
	return pt_http_send(port->http, &request, fn, port);
}

static gboolean look(gpointer data) {
	PtRelayPort *port = data;
	if (!port->look && !port->order)
		port->look = ask(port, "GET", port->settings->read_url, NULL, on_read);
	return G_SOURCE_CONTINUE;
}

static void on_ordered(void *user, unsigned status, const char *body, size_t size, const GError *error) {
	PtRelayPort *port = user;
	port->order = NULL;
	if (status / 100 == 2)
		look(port);
	else
		lose(port, "switch it", status, error);
}

/* "turn={on|off}" with on or off. */
static char *fill(const char *text, bool on) {
	g_autoptr(GRegex) choice = g_regex_new(CHOICE, 0, 0, NULL);
	return text ? g_regex_replace(choice, text, -1, 0, on ? "\\1" : "\\2", 0, NULL) : NULL;
}

static gboolean relay_set(PtRelayPort *port, bool closed, int64_t for_ns, GError **error) {
	const PtPlugSettings *s = port->settings;
	bool on = pt_driver_is_on(s, closed);
	if (!port->there) {
		pt_error_set(error, TIMEOUT, "the device does not answer");
		return FALSE;
	}
	pt_http_cancel(port->look);  /* what it would say is old */
	pt_http_cancel(port->order); /* the last order counts */
	port->look = NULL;
	g_autofree char *url = fill(s->url, on), *body = fill(s->body, on);
	port->order = ask(port, s->method ? s->method : "GET", url, body, on_ordered);
	return TRUE;
}

static PtRelayPort *relay_open(const PtPlugSettings *settings, GMainContext *context, PtRelayHost host, GError **error) {
	PtRelayPort *port = g_new0(PtRelayPort, 1);
	*port = (PtRelayPort){.settings = settings, .host = host, .http = pt_http_new(2)};
	port->login = settings->user ? pt_digest_client_new(settings->user, settings->secret) : NULL;
	port->again = pt_driver_every(context, LOOK_S, look, port);
	look(port);
	return port;
}

static void relay_close(PtRelayPort *port) {
	pt_driver_drop(&port->again);
	pt_http_cancel(port->look);
	pt_http_leave(port->http, port_free, port); /* the last order makes safe (P5) */
}

/* ---- the address in the site file ---- */

/* Without a choice in one of them, off would be the same request as on. */
static void check_order(const PtPlugSettings *s, const PtNode *node, GPtrArray *problems) {
	bool takes_body = s->method && strcmp(s->method, "GET") != 0;
	if (s->body && !takes_body)
		pt_problem(problems, pt_node_get(node, "body"), "goes with method: POST or PUT");
	if (!g_regex_match_simple(CHOICE, s->url, 0, 0) && !(s->body && g_regex_match_simple(CHOICE, s->body, 0, 0)))
		pt_problem(
		    problems, pt_node_get(node, "url"),
		    "switches on and off with the same request: write {A|B} in url or body, such as {true|false}, where "
		    "A stands for on and B for off");
}

static void check(const PtPlugSettings *s, const PtNode *node, GPtrArray *problems) {
	pt_hook_check(s, node, problems);
	if (s->url)
		check_order(s, node, problems);
	if (s->shows && !s->shows[strspn(s->shows, " \t\r\n")])
		pt_problem(problems, pt_node_get(node, "shows"),
		           "is empty: every answer holds that, and it would always be on");
	if (s->plug == PT_PLUG_RELAY && (!s->url || !s->read_url || !s->shows))
		pt_problem(problems, node,
		           "driver http needs url (what switches it), read (what tells its state) and shows (what that "
		           "holds when on)");
}

static const char *const keys[] = {"token", "url", "method", "body", "read", "shows", "login", NULL};
static const PtRelayDriver relay_driver = {.open = relay_open, .set = relay_set, .close = relay_close};

const PtPlugDriver pt_http_driver = {.name = "http",
                                     .about = "webhooks, and devices switched over HTTP",
                                     .keys = keys,
                                     .check = check,
                                     .input = &pt_hook_input,
                                     .relay = &relay_driver};
