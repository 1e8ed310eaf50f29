/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pictures.h"
#include "daemon/state-file.h"
#include "daemon/still.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT_MAX 1000
#define BYTES_MAX (INT64_C(256) << 20)
#define KEEP_NS (INT64_C(30) * 86400 * PT_NS_PER_S) /* where neither site nor camera names a limit */
#define PRUNE_S 3600
#define THREADS 2
#define WAITING_MAX 50 /* more than that are not taken any more */
#define ID_LENGTH (PT_EVENT_ID_TEXT - 1)

struct PtPictures {
	PtPicturesEnv env;
	PtSite *site;
	char *dir;
	dev_t medium;
	GThreadPool *pool;
	GCancellable *ended;
	guint prune;
};

typedef struct {
	PtSite *site;
	PtSample *now; /* the newest key frame when it was asked for; NULL: none */
	char *camera;  /* NULL: those that are too old go, and no more */
	char *actor;
	int64_t wall_ns;
} Order;

static void order_free(Order *o) {
	pt_site_unref(o->site);
	pt_sample_unref(o->now);
	g_free(o->camera);
	g_free(o->actor);
	g_free(o);
}

/* ID-CAMERA.jpg: in order of their names they are in that of time. */
static char *path_of(const PtPictures *p, uint64_t id, const char *camera) {
	char text[PT_EVENT_ID_TEXT];
	pt_event_id_format(id, text);
	return g_strdup_printf("%s/%s-%s.jpg", p->dir, text, camera);
}

/* ---- what goes; on a thread of the pool ---- */

static int64_t keep_ns(const PtSite *site, const char *camera) {
	const PtSiteCamera *c = pt_site_camera(site, camera);
	int64_t keep = c && c->keep_ns ? c->keep_ns : site->archive_keep_ns ? site->archive_keep_ns : KEEP_NS;
	return c && c->max_keep_ns ? MIN(keep, c->max_keep_ns) : keep;
}

/* The id in a name; *ret_camera: the caller's. False: it is none of ours. */
static bool read_name(const char *name, uint64_t *ret_id, char **ret_camera) {
	if (strlen(name) <= ID_LENGTH || name[ID_LENGTH] != '-' || !g_str_has_suffix(name, ".jpg"))
		return false;
	g_autofree char *id = g_strndup(name, ID_LENGTH);
	if (!pt_event_id_parse(id, ret_id, NULL))
		return false;
	*ret_camera = g_strndup(name + ID_LENGTH + 1, strlen(name) - ID_LENGTH - 1 - strlen(".jpg"));
	return true;
}

static gint newest_first(gconstpointer a, gconstpointer b) { return -strcmp(*(char *const *)a, *(char *const *)b); }

static void prune(const PtPictures *p, const PtSite *site) {
	g_autoptr(GDir) dir = g_dir_open(p->dir, 0, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	for (const char *name; dir && (name = g_dir_read_name(dir));)
		g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, newest_first);
	int64_t now = pt_wall_ns(p->env.clock), bytes = 0, count = 0;
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *path = g_build_filename(p->dir, names->pdata[i], NULL), *camera = NULL;
		uint64_t id;
		struct stat st;
		if (!read_name(names->pdata[i], &id, &camera) || stat(path, &st))
			continue;
		count++;
		bytes += st.st_size;
		if (count > COUNT_MAX || bytes > BYTES_MAX || now - pt_event_time_of_id(id) > keep_ns(site, camera))
			remove(path);
	}
}

/* ---- taking; on a thread of the pool ---- */

static void take(PtPictures *p, const Order *o) {
	g_autoptr(GError) error = NULL;
	int64_t captured_ns = 0;
	g_autoptr(GBytes) jpeg = pt_still_at(p->env.archive, o->camera, o->wall_ns, o->now, &captured_ns, p->ended, &error);
	g_autofree char *source = g_strconcat("camera/", o->camera, NULL);
	g_autofree char *at = jpeg ? pt_time_format(captured_ns) : NULL;
	g_autofree char *seen = jpeg ? g_strdup_printf("as it was at %s", at) : NULL;
	g_autoptr(PtEvent) event = pt_event_now(p->env.clock, source, PT_TOPIC_PICTURE, "taken", o->actor, seen);
	g_autofree char *path = path_of(p, event->id, o->camera);
	gsize size = 0;
	const char *data = jpeg ? g_bytes_get_data(jpeg, &size) : NULL;
	if (jpeg && pt_state_write(path, p->medium, data, (gssize)size, 0640, &error)) {
		pt_bus_publish(p->env.bus, event);
		return;
	}
	g_autoptr(PtEvent) failed = pt_event_now(p->env.clock, source, PT_TOPIC_PICTURE, "failed", o->actor, error->message);
	pt_bus_publish(p->env.bus, failed);
}

static void work(gpointer data, gpointer user) {
	Order *o = data;
	if (o->camera)
		take(user, o);
	prune(user, o->site);
	order_free(o);
}

/* ---- main thread ---- */

void pt_pictures_take(PtPictures *p, const char *camera, int64_t wall_ns, const char *actor) {
	if (g_thread_pool_unprocessed(p->pool) >= WAITING_MAX) {
		g_autofree char *source = g_strconcat("camera/", camera, NULL);
		g_autoptr(PtEvent) event = pt_event_now(p->env.clock, source, PT_TOPIC_PICTURE, "failed", actor,
		                                        "more pictures were asked for than can be taken");
		pt_bus_publish(p->env.bus, event);
		return;
	}
	PtStream *stream = pt_cameras_stream(p->env.cameras, camera, "main");
	Order *o = g_new0(Order, 1);
	*o = (Order){.site = pt_site_ref(p->site),
	             .now = stream ? pt_stream_get_key(stream) : NULL,
	             .camera = g_strdup(camera),
	             .actor = g_strdup(actor),
	             .wall_ns = wall_ns};
	pt_stream_unref(stream);
	g_thread_pool_push(p->pool, o, NULL);
}

static gboolean prune_later(gpointer data) {
	PtPictures *p = data;
	Order *o = g_new0(Order, 1);
	o->site = pt_site_ref(p->site);
	g_thread_pool_push(p->pool, o, NULL);
	return G_SOURCE_CONTINUE;
}

static void on_loaded(GObject *source, GAsyncResult *result, gpointer data) {
	PtRequest *r = data;
	g_autoptr(GBytes) jpeg = g_file_load_bytes_finish(G_FILE(source), result, NULL, NULL);
	if (jpeg)
		pt_request_reply(r, 200, "image/jpeg", jpeg);
	else
		pt_request_fail(r, 404, "there is no such picture: it may have been deleted for its age");
	pt_request_unref(r);
}

void pt_pictures_get(PtPictures *p, const char *camera, const char *name, PtRequest *r) {
	g_autofree char *text = g_str_has_suffix(name, ".jpg") ? g_strndup(name, strlen(name) - 4) : NULL;
	uint64_t id;
	if (!text || !pt_event_id_parse(text, &id, NULL)) {
		pt_request_fail(r, 404, "there is no such picture: write the id of its event, and .jpg");
		return;
	}
	g_autofree char *path = path_of(p, id, camera);
	g_autoptr(GFile) file = g_file_new_for_path(path);
	g_file_load_bytes_async(file, NULL, on_loaded, pt_request_ref(r));
}

/* ---- life ---- */

PtPictures *pt_pictures_new(const PtPicturesEnv *env, GError **error) {
	g_autofree char *dir = g_build_filename(env->state_dir, "pictures", NULL);
	if (!pt_archive_make_directory(dir, error))
		return NULL;
	PtPictures *p = g_new0(PtPictures, 1);
	p->env = *env;
	p->env.state_dir = NULL;
	p->dir = g_steal_pointer(&dir);
	p->medium = pt_state_medium(p->dir);
	p->ended = g_cancellable_new();
	p->pool = g_thread_pool_new(work, p, THREADS, FALSE, NULL);
	p->prune = g_timeout_add_seconds(PRUNE_S, prune_later, p);
	return p;
}

void pt_pictures_apply(PtPictures *p, PtSite *site) {
	PtSite *old = p->site;
	p->site = pt_site_ref(site);
	pt_site_unref(old);
	prune_later(p);
}

void pt_pictures_free(PtPictures *p) {
	if (!p)
		return;
	g_source_remove(p->prune);
	g_cancellable_cancel(p->ended);
	g_thread_pool_free(p->pool, FALSE, TRUE);
	g_object_unref(p->ended);
	pt_site_unref(p->site);
	g_free(p->dir);
	g_free(p);
}
