/* What the files of the HTTP server share: a connection, a request, the server. The only header besides that sees libsoup.
 * Main thread only. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "web/server.h"
#include <libsoup/soup.h>
#include <sys/types.h>

#define HEADER_SECONDS 10 /* from connecting, or the first byte of a request, to its last header */

/* One accepted connection. Lives until its GSocketConnection is finalised. */
typedef struct {
	PtServer *server;
	GSocket *socket;
	GSocketAddress *remote;
	guint deadline; /* source id */
	bool local, tls;
	GTlsConnection *stream; /* weak; NULL: not TLS, or gone */
	bool upgraded;          /* it speaks WebSocket */
	bool busy;              /* between the first byte of a request and the last of its answer */
	bool gone;              /* the peer closed it or it broke while it was not busy */
	uid_t uid;
} PtConn;

struct PtServer {
	int refs; /* its owner's, and one of each connection: some end a moment after it */
	SoupServer *soup;
	GPtrArray *services; /* GSocketService */
	GPtrArray *conns;    /* of PtConn *; borrowed */
	GPtrArray *sockets;  /* of PtSocket *, open or on their way; borrowed */
	GPtrArray *routes;
	PtServerParams params;
	PtServerStats stats;
	char *unix_path;
};

struct PtRequest {
	int refs; /* atomic: work on other threads holds one */
	PtServer *server;
	SoupServerMessage *msg; /* NULL once the exchange is over */
	char *path, *remote, *origin, *cookie;
	GHashTable *query;
	GPtrArray *stars;
	PtCaller caller;
	bool answered, tls, paused;
	guint timeout;
	unsigned patience; /* seconds */
	/* a streamed body */
	PtBodyRead read;
	void *read_user;
	GDestroyNotify read_free;
	uint64_t offset, end;
	bool reading;
	guint stall;
};

PtConn *pt_conn_of(SoupServerMessage *msg);                /* borrowed; NULL once it is gone */
void pt_conn_set_deadline(PtConn *conn, unsigned seconds); /* takes NULL; 0: none. When it passes the connection is cut */
void pt_conn_cut(PtConn *conn);                            /* takes NULL: nothing more in either direction */

void pt_server_unref(PtServer *server); /* gives the memory back with the last one */

/* A request for this message, which is told when it is over. Caller holds one reference, the exchange the other. */
PtRequest *pt_request_new(PtServer *server, SoupServerMessage *msg, const char *path, GHashTable *query);
/* After a handler that has not replied: its answer is due from now on. */
void pt_request_await(PtRequest *request);
