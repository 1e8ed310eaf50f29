/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/snapshot.h"
#include "base/error.h"
#include "onvif/server/call.h"
#include "onvif/server/profiles.h"
#include <string.h>

typedef struct {
	const PtOnvifClient *client;
	void *data;
} Waiting;

static void refuse(const PtOnvifClient *client, void *data, unsigned status, const char *why) {
	g_autofree char *line = g_strconcat(why, "\n", NULL);
	g_autoptr(GBytes) body = g_bytes_new(line, strlen(line));
	client->reply(data, &(PtOnvifAnswer){.status = status, .type = "text/plain; charset=utf-8", .body = body});
}

static void taken(void *user, GBytes *jpeg, const GError *error) {
	Waiting *w = user;
	if (jpeg)
		w->client->reply(w->data, &(PtOnvifAnswer){.status = 200, .type = "image/jpeg", .body = jpeg});
	else
		refuse(w->client, w->data, g_error_matches(error, PT_ERROR, PT_ERROR_NOT_FOUND) ? 404 : 503, error->message);
	g_free(w);
}

void pt_snapshot_answer(PtOnvifServer *s, const char *path, const char *user, const PtOnvifClient *client, void *data) {
	PtCall call = {.server = s, .user = (char *)user};
	PtProfile profile;
	PtOnvifStream stream;
	bool found = s->host.snapshot && g_str_has_prefix(path, PT_SNAPSHOT_PATH) &&
	             pt_profile_find(&call, path + strlen(PT_SNAPSHOT_PATH), &profile) &&
	             pt_profile_stream(&call, &profile, &stream);
	g_clear_pointer(&call.streams, g_array_unref);
	if (!found) {
		refuse(client, data, 404, "there is no such picture");
		return;
	}
	Waiting *w = g_new(Waiting, 1);
	*w = (Waiting){client, data};
	s->host.snapshot(s->host.data, stream.camera, stream.sub, taken, w);
}
