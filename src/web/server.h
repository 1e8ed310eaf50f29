/* The one place that knows libsoup. It owns what libsoup does not bound: how many connections there are, how long a request
 * may take to arrive, how large it may be, and how much may wait for a viewer that does not read. Main thread only, except
 * where said. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct PtServer PtServer;
typedef struct PtRequest PtRequest; /* reference-counted; outlives its connection harmlessly */
typedef struct PtSocket PtSocket;   /* a WebSocket */

typedef enum { PT_ROLE_NONE, PT_ROLE_VIEWER, PT_ROLE_OPERATOR, PT_ROLE_ADMIN } PtRole;
const char *pt_role_name(PtRole role);  /* "viewer", … */
PtRole pt_role_parse(const char *name); /* PT_ROLE_NONE when there is no such role */

/* Who asks. Filled by the login hook before a handler runs. */
typedef struct {
	char user[72]; /* as the log shows it: "anna", "local root" */
	PtRole role;
	char **cameras;   /* NULL: all; else only these; owned by the request */
	char session[65]; /* the login's own name for what he came in by; empty on the Unix socket */
} PtCaller;

typedef struct {
	/* Tells who asks, from cookie or token. Leaves role at PT_ROLE_NONE when nobody is logged in. */
	void (*login)(void *user, PtRequest *request, PtCaller *caller);
	/* Is somebody who was let in so still who he was then? Asked about open sockets; may be NULL: yes. */
	bool (*still_in)(void *user, const PtCaller *caller);
	void *user;
	unsigned max_connections; /* 0: 256 */
	char **names;             /* host names by which it may be called, besides addresses and localhost; NULL: none */
} PtServerParams;

PtServer *pt_server_new(const PtServerParams *params);
void pt_server_free(PtServer *server); /* takes NULL */
/* Somebody has left or may less than before: closes the sockets of those who are not in any more. */
void pt_server_recheck(PtServer *server);
/* "127.0.0.1:8080", "[::]:443", ":0" (any free port of all addresses). certificate NULL: plain HTTP. Returns the port, 0 on
 * error. */
guint16 pt_server_listen(PtServer *server, const char *address, GTlsCertificate *certificate, GError **error);
/* For connections from now on, at all addresses where there is TLS. */
void pt_server_set_certificate(PtServer *server, GTlsCertificate *certificate);
/* The command line's socket, mode 0660. Callers are known by SO_PEERCRED: our own user and root are admins. */
bool pt_server_listen_unix(PtServer *server, const char *path, GError **error);

typedef void (*PtHandler)(PtRequest *request, void *user);
/* pattern: "/api/cameras/STAR/clip.mp4" with '*' for one segment, a trailing '**' for any rest. The role is the least that
 * may. A handler replies now or later; what has not replied in 60 s is told 504. */
void pt_server_route(PtServer *server, const char *method, const char *pattern, PtRole role, PtHandler handler, void *user);

typedef struct {
	unsigned connections, refused, timed_out, too_large, sockets;
	uint64_t requests;
} PtServerStats;
void pt_server_get_stats(PtServer *server, PtServerStats *ret_stats);

/* ---- a request ---- */
PtRequest *pt_request_ref(PtRequest *request);
void pt_request_unref(PtRequest *request); /* takes NULL */
const char *pt_request_method(PtRequest *request);
const char *pt_request_path(PtRequest *request);                    /* decoded; has no "..", no NUL, no control characters */
const char *pt_request_segment(PtRequest *request, unsigned i);     /* what the i-th '*' stood for */
const char *pt_request_query(PtRequest *request, const char *name); /* decoded, or NULL */
const char *pt_request_header(PtRequest *request, const char *name);
const char *pt_request_cookie(PtRequest *request, const char *name); /* or NULL; valid until the next call */
const char *pt_request_remote(PtRequest *request);                   /* address without port; "local" for the Unix socket */
const char *pt_request_origin(PtRequest *request);                   /* "https://gate.example:8443", from Host */
bool pt_request_is_tls(PtRequest *request);
const PtCaller *pt_request_caller(PtRequest *request);
bool pt_request_may_see(PtRequest *request, const char *camera); /* by the caller's list of cameras */
GBytes *pt_request_body(PtRequest *request);                     /* at most 1 MiB, not NULL; caller unrefs */

/* Whoever asked has closed the connection: an answer would reach nobody. For what waits long. */
bool pt_request_is_gone(PtRequest *request);

/* Each request is answered once; later answers are ignored. */
void pt_request_add_header(PtRequest *request, const char *name, const char *value); /* before the answer */
void pt_request_reply(PtRequest *request, unsigned status, const char *type, GBytes *body);
void pt_request_reply_text(PtRequest *request, unsigned status, const char *type, const char *text);
/* {"error": "…"} with the sentence. */
void pt_request_fail(PtRequest *request, unsigned status, const char *format, ...) G_GNUC_PRINTF(3, 4);
void pt_request_fail_error(PtRequest *request, const GError *error); /* status by its code */
/* Before the answer, which is then due within this many seconds instead of 60: for what is known to take long. */
void pt_request_be_patient(PtRequest *request, unsigned seconds);
/* A body of known length that is read piece by piece on a thread of its own; ranges are answered. free_fn runs at the end.
 */
typedef gssize (*PtBodyRead)(void *user, uint64_t offset, uint8_t *to, size_t size, GError **error);
void pt_request_stream(PtRequest *request, const char *type, uint64_t size, PtBodyRead read, void *user,
                       GDestroyNotify free_fn);

/* ---- WebSockets ---- */
typedef struct {
	void (*opened)(PtSocket *socket, void *user);                    /* from here on it can be sent to */
	void (*message)(PtSocket *socket, const char *text, void *user); /* text from the page; at most 16 KiB */
	void (*closed)(PtSocket *socket, void *user);                    /* once, and last; also when it never opened */
} PtSocketOps;
/* False when the request is no WebSocket handshake: it has been answered then, and nothing of ops is called. */
bool pt_request_upgrade(PtRequest *request, const PtSocketOps *ops, void *user);
void pt_socket_send_text(PtSocket *socket, const char *text);
void pt_socket_send_binary(PtSocket *socket, GBytes *bytes);
/* Bytes sent that the page has not confirmed with {"ack": bytes received so far}. libsoup queues without end: whoever sends
 * more than a little looks here first. */
uint64_t pt_socket_backlog(PtSocket *socket);
void pt_socket_close(PtSocket *socket, unsigned code, const char *reason); /* closed() follows */
