/* Asks one ONVIF camera what it has recorded, where it replays that and what happened, for the tests:
 * onvif-recall ADDRESS USER FROM TO (ns since 1970); the password on standard input. Prints JSON lines. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "onvif/client/address.h"
#include "onvif/client/recordings.h"
#include <stdio.h>
#include <string.h>

static bool over;
static PtOnvifCamera *camera;
static GPtrArray *tokens;

static void print_error(const char *what, const GError *error) {
	g_autofree char *text = g_strescape(error->message, NULL);
	printf("{\"%s\":null,\"code\":%d,\"error\":\"%s\"}\n", what, error->code, text);
}

static void on_recordings(void *user, const GPtrArray *list, const GError *error) {
	static const char *const kinds[] = {"video", "audio", "metadata"};
	over = true;
	if (error)
		print_error("recordings", error);
	for (guint i = 0; list && i < list->len; i++) {
		const PtOnvifRecording *r = g_ptr_array_index(list, i);
		g_autofree char *token = g_strescape(r->token, NULL);
		printf("{\"recording\":\"%s\",\"source\":\"%s\",\"status\":\"%s\",\"first_ns\":%" G_GINT64_FORMAT
		       ",\"last_ns\":%" G_GINT64_FORMAT ",\"width\":%d,\"height\":%d,\"codec\":\"%s\",\"tracks\":[",
		       token, r->source, r->status, r->first_ns, r->last_ns, r->width, r->height, r->codec);
		for (guint k = 0; k < r->tracks->len; k++)
			printf("%s\"%s\"", k ? "," : "", kinds[((PtOnvifTrack *)g_ptr_array_index(r->tracks, k))->kind]);
		printf("]}\n");
		g_ptr_array_add(tokens, g_strdup(r->token));
	}
}

static void on_url(void *user, const char *url, const GError *error) {
	over = true;
	if (error)
		print_error("replay", error);
	else
		printf("{\"replay\":\"%s\"}\n", url);
}

static void on_happened(void *user, const GPtrArray *said, const GError *error) {
	over = true;
	if (error)
		print_error("events", error);
	for (guint i = 0; said && i < said->len; i++) {
		const PtOnvifSaid *s = g_ptr_array_index(said, i);
		printf("{\"event\":\"%s\",\"topic\":\"%s\",\"token\":\"%s\",\"active\":%d,\"initial\":%s,\"utc_ns\":"
		       "%" G_GINT64_FORMAT ",\"text\":\"%s\"}\n",
		       pt_says_word(s->kind), s->topic, s->token, s->active,
		       s->how == PT_SAID_INITIALIZED ? "true" : "false", s->utc_ns, s->text);
	}
}

static void wait_over(void) {
	while (!over)
		g_main_context_iteration(NULL, TRUE);
	over = false;
}

static gboolean on_tick(void *data) { return G_SOURCE_CONTINUE; }

/* So many seconds for the camera to be reached. */
static bool reached(int seconds) {
	gint64 until = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
	g_autoptr(GSource) tick = g_timeout_source_new(50);
	g_source_set_callback(tick, on_tick, NULL, NULL);
	g_source_attach(tick, NULL);
	while (!pt_onvif_camera_device(camera) && g_get_monotonic_time() < until)
		g_main_context_iteration(NULL, TRUE);
	g_source_destroy(tick);
	return pt_onvif_camera_device(camera) != NULL;
}

int main(int argc, char **argv) {
	char password[200] = "";
	if (argc != 5 || !fgets(password, sizeof password, stdin))
		return 2;
	g_strchomp(password);
	g_autoptr(GError) error = NULL;
	g_autofree char *url = pt_onvif_device_url(argv[1], &error);
	g_assert_no_error(error);
	PtHttp *http = pt_http_new(8);
	camera = pt_onvif_camera_get("recall");
	tokens = g_ptr_array_new_with_free_func(g_free);
	/* before it is reached */
	pt_onvif_recordings(camera, on_recordings, NULL);
	wait_over();
	PtOnvifCameraParams params = {.device = {.url = url, .user = argv[2], .password = password},
	                              .events = PT_ONVIF_WAY_ANY};
	pt_onvif_camera_start(camera, http, pt_clock_system(), &params, NULL);
	bool there = reached(20);
	if (there) {
		printf("{\"ready\":true}\n");
		pt_onvif_recordings(camera, on_recordings, NULL);
		wait_over();
		for (guint i = 0; i < tokens->len; i++) {
			pt_onvif_replay_url(camera, g_ptr_array_index(tokens, i), on_url, NULL);
			wait_over();
		}
		pt_onvif_events_between(camera, g_ascii_strtoll(argv[3], NULL, 10), g_ascii_strtoll(argv[4], NULL, 10),
		                        on_happened, NULL);
		wait_over();
		PtOnvifView view;
		pt_onvif_camera_view(camera, &view);
		printf("{\"restarted_ns\":%" G_GINT64_FORMAT "}\n", view.restarted_ns);
		/* given up in the middle: the answer comes all the same */
		pt_onvif_recordings(camera, on_recordings, NULL);
	}
	pt_onvif_camera_stop(camera);
	if (there)
		wait_over();
	pt_onvif_cameras_leave(NULL);
	pt_onvif_camera_unref(camera);
	pt_http_free(http);
	g_ptr_array_unref(tokens);
	return there ? 0 : 1;
}
