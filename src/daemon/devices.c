/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/devices.h"
#include "daemon/state-file.h"
#include "base/error.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define LABEL_MAX 80
#define ENDPOINT_MAX 1000

struct PtDevices {
	char *path;
	dev_t medium;
	PtClock *clock;
	PtVapid *vapid;
	GPtrArray *list;
	void (*changed)(void *user);
	void *user;
};

static void device_free(void *data) {
	PtDevice *d = data;
	if (!d)
		return;
	g_free(d->id);
	g_free(d->user);
	g_free(d->label);
	g_free(d->endpoint);
	g_free(d);
}

/* ---- the file: a group for each ---- */

static bool save(PtDevices *s, GError **error) {
	g_autoptr(GKeyFile) file = g_key_file_new();
	for (guint i = 0; i < s->list->len; i++) {
		const PtDevice *d = s->list->pdata[i];
		g_autofree char *point = g_base64_encode(d->point, sizeof d->point),
		                *auth = g_base64_encode(d->auth, sizeof d->auth);
		g_key_file_set_string(file, d->id, "user", d->user);
		g_key_file_set_string(file, d->id, "label", d->label);
		g_key_file_set_string(file, d->id, "endpoint", d->endpoint);
		g_key_file_set_string(file, d->id, "point", point);
		g_key_file_set_string(file, d->id, "auth", auth);
		g_key_file_set_int64(file, d->id, "since", d->since_ns);
	}
	gsize size;
	g_autofree char *text = g_key_file_to_data(file, &size, NULL);
	/* an endpoint lets whoever knows it send: nobody else may read this */
	return pt_state_write(s->path, s->medium, text, (gssize)size, 0600, error);
}

static bool read_bytes(GKeyFile *file, const char *group, const char *key, uint8_t *ret, gsize size) {
	g_autofree char *text = g_key_file_get_string(file, group, key, NULL);
	gsize n = 0;
	g_autofree guchar *bytes = text ? g_base64_decode(text, &n) : NULL;
	if (n == size)
		memcpy(ret, bytes, size);
	return n == size;
}

static void load(PtDevices *s) {
	g_autoptr(GKeyFile) file = g_key_file_new();
	if (!g_key_file_load_from_file(file, s->path, G_KEY_FILE_NONE, NULL))
		return;
	g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
	for (char **id = groups; *id; id++) {
		PtDevice *d = g_new0(PtDevice, 1);
		d->id = g_strdup(*id);
		d->user = g_key_file_get_string(file, *id, "user", NULL);
		d->label = g_key_file_get_string(file, *id, "label", NULL);
		d->endpoint = g_key_file_get_string(file, *id, "endpoint", NULL);
		d->since_ns = g_key_file_get_int64(file, *id, "since", NULL);
		if (d->user && d->label && d->endpoint && read_bytes(file, *id, "point", d->point, sizeof d->point) &&
		    read_bytes(file, *id, "auth", d->auth, sizeof d->auth))
			g_ptr_array_add(s->list, d);
		else
			device_free(d);
	}
}

/* ---- the list ---- */

static PtDevice *find(const PtDevices *s, const char *id) {
	for (guint i = 0; i < s->list->len; i++)
		if (!strcmp(((PtDevice *)s->list->pdata[i])->id, id))
			return s->list->pdata[i];
	return NULL;
}

const GPtrArray *pt_devices_list(const PtDevices *s) { return s->list; }
const PtVapid *pt_devices_vapid(const PtDevices *s) { return s->vapid; }

void pt_devices_forget(PtDevices *s, const char *id) {
	PtDevice *d = find(s, id);
	if (!d)
		return;
	g_ptr_array_remove(s->list, d);
	save(s, NULL); /* one that comes back with the next start is forgotten again by its push service */
	s->changed(s->user);
}

/* ---- over the API ---- */

void pt_devices_get(PtDevices *s, PtRequest *r) {
	const char *user = pt_request_caller(r)->user;
	g_autoptr(JsonBuilder) b = json_builder_new();
	pt_json_object(b, NULL);
	pt_json_text(b, "key", pt_vapid_public_key(s->vapid));
	pt_json_array(b, "devices");
	for (guint i = 0; i < s->list->len; i++) {
		const PtDevice *d = s->list->pdata[i];
		if (strcmp(d->user, user))
			continue;
		pt_json_object(b, NULL);
		pt_json_text(b, "id", d->id);
		pt_json_text(b, "label", d->label);
		pt_json_time(b, "since", d->since_ns);
		json_builder_end_object(b);
	}
	json_builder_end_array(b);
	json_builder_end_object(b);
	pt_api_reply(r, b);
}

static bool endpoint_is_good(const char *endpoint) {
	g_autoptr(GUri) uri =
	    endpoint && strlen(endpoint) <= ENDPOINT_MAX ? g_uri_parse(endpoint, G_URI_FLAGS_NONE, NULL) : NULL;
	return uri && !strcmp(g_uri_get_scheme(uri), "https") && g_uri_get_host(uri) && *g_uri_get_host(uri) &&
	       !g_uri_get_userinfo(uri) && !strpbrk(endpoint, "\"\\");
}

static unsigned count_of(const PtDevices *s, const char *user) {
	unsigned n = 0;
	for (guint i = 0; i < s->list->len; i++)
		n += !strcmp(((PtDevice *)s->list->pdata[i])->user, user);
	return n;
}

void pt_devices_post(PtDevices *s, PtRequest *r) {
	g_autoptr(JsonParser) parser = NULL;
	g_autoptr(GError) error = NULL;
	const char *user = pt_request_caller(r)->user;
	JsonObject *body = pt_api_body(r, &parser);
	if (!body)
		return;
	const char *endpoint = pt_api_text(body, "endpoint"), *p256dh = pt_api_text(body, "p256dh"),
	           *auth = pt_api_text(body, "auth"), *label = pt_api_text(body, "label");
	PtDevice found = {0};
	if (!endpoint_is_good(endpoint)) {
		pt_request_fail(r, 400, "endpoint: it is no https address of a push service");
		return;
	}
	if (!p256dh || !auth || !pt_push_read_keys(p256dh, auth, found.point, found.auth)) {
		pt_request_fail(r, 400, "p256dh and auth are no keys of a browser");
		return;
	}
	g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, endpoint, -1);
	sum[16] = 0;
	PtDevice *old = find(s, sum);
	if (!old && count_of(s, user) >= PT_DEVICES_PER_USER) {
		pt_request_fail(r, 409, "%s has %d devices already: take one away first", user, PT_DEVICES_PER_USER);
		return;
	}
	if (old)
		g_ptr_array_remove(s->list, old);
	PtDevice *d = g_new0(PtDevice, 1);
	*d = found;
	d->id = g_strdup(sum);
	d->user = g_strdup(user);
	d->label =
	    label && *label ? g_utf8_substring(label, 0, MIN(g_utf8_strlen(label, -1), LABEL_MAX)) : g_strdup("a browser");
	d->endpoint = g_strdup(endpoint);
	d->since_ns = pt_wall_ns(s->clock);
	g_ptr_array_add(s->list, d);
	if (!save(s, &error)) {
		g_ptr_array_remove(s->list, d);
		pt_request_fail(r, 500, "the device could not be written down: %s", error->message);
		return;
	}
	s->changed(s->user);
	pt_devices_get(s, r);
}

void pt_devices_delete(PtDevices *s, PtRequest *r) {
	const PtDevice *d = find(s, pt_request_segment(r, 0));
	if (!d || strcmp(d->user, pt_request_caller(r)->user)) {
		pt_request_fail(r, 404, "you have no such device");
		return;
	}
	pt_devices_forget(s, d->id);
	pt_devices_get(s, r);
}

/* ---- life ---- */

PtDevices *pt_devices_open(const char *dir, PtClock *clock, void (*changed)(void *user), void *user, GError **error) {
	g_autofree char *key = g_build_filename(dir, "push-key.pem", NULL);
	PtVapid *vapid = pt_vapid_open(key, error);
	if (!vapid)
		return NULL;
	PtDevices *s = g_new0(PtDevices, 1);
	*s = (PtDevices){.path = g_build_filename(dir, "push-devices", NULL),
	                 .clock = clock,
	                 .vapid = vapid,
	                 .list = g_ptr_array_new_with_free_func(device_free),
	                 .changed = changed,
	                 .user = user};
	s->medium = pt_state_medium(s->path);
	load(s);
	return s;
}

void pt_devices_free(PtDevices *s) {
	if (!s)
		return;
	pt_vapid_free(s->vapid);
	g_ptr_array_unref(s->list);
	g_free(s->path);
	g_free(s);
}
