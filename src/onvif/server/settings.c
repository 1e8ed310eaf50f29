/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/settings.h"
#include "base/error.h"
#include <string.h>

struct PtSettings {
	GKeyFile *file;
	char *path; /* NULL: not kept */
	char *endpoint;
	char **scopes;
};

static const char *const conf_keys[PT_N_CONF] = {"video-source", "video-encoder", "audio-source", "audio-encoder",
                                                 "metadata",     "audio-output",  "audio-decoder"};

static gboolean save(PtSettings *s, GError **error) {
	gsize n;
	g_autofree char *text = g_key_file_to_data(s->file, &n, NULL);
	if (!s->path || g_file_set_contents_full(s->path, text, (gssize)n, G_FILE_SET_CONTENTS_CONSISTENT, 0640, error))
		return TRUE;
	(*error)->domain = PT_ERROR;
	(*error)->code = PT_ERROR_DISK;
	return FALSE;
}

static void read_scopes(PtSettings *s) {
	g_strfreev(s->scopes);
	s->scopes = g_key_file_get_string_list(s->file, "device", "scopes", NULL, NULL);
	if (!s->scopes)
		s->scopes = g_new0(char *, 1);
}

PtSettings *pt_settings_new(const char *directory) {
	PtSettings *s = g_new0(PtSettings, 1);
	s->file = g_key_file_new();
	if (directory) {
		s->path = g_build_filename(directory, "onvif.conf", NULL);
		g_key_file_load_from_file(s->file, s->path, G_KEY_FILE_NONE, NULL);
	}
	g_autofree char *uuid = g_key_file_get_string(s->file, "device", "uuid", NULL);
	if (!uuid || !g_uuid_string_is_valid(uuid)) {
		g_free(uuid);
		uuid = g_uuid_string_random();
		g_key_file_set_string(s->file, "device", "uuid", uuid);
		g_autoptr(GError) error = NULL;
		if (!save(s, &error)) /* it is another device after the next start, and works until then */
			g_debug("onvif: %s", error->message);
	}
	s->endpoint = g_strconcat("urn:uuid:", uuid, NULL);
	read_scopes(s);
	return s;
}

void pt_settings_free(PtSettings *s) {
	if (!s)
		return;
	g_key_file_free(s->file);
	g_strfreev(s->scopes);
	g_free(s->endpoint);
	g_free(s->path);
	g_free(s);
}

const char *pt_settings_endpoint(const PtSettings *s) { return s->endpoint; }

bool pt_settings_discoverable(const PtSettings *s) {
	return !g_key_file_has_key(s->file, "device", "discoverable", NULL) ||
	       g_key_file_get_boolean(s->file, "device", "discoverable", NULL);
}

gboolean pt_settings_set_discoverable(PtSettings *s, bool discoverable, GError **error) {
	g_key_file_set_boolean(s->file, "device", "discoverable", discoverable);
	return save(s, error);
}

char **pt_settings_scopes(const PtSettings *s) { return s->scopes; }

gboolean pt_settings_set_scopes(PtSettings *s, const char *const *scopes, GError **error) {
	g_key_file_set_string_list(s->file, "device", "scopes", scopes, g_strv_length((char **)scopes));
	read_scopes(s);
	return save(s, error);
}

/* ---- relays: groups "relay NAME" ---- */

gboolean pt_settings_relay(const PtSettings *s, const char *relay, PtOnvifRelaySettings *ret) {
	g_autofree char *group = g_strconcat("relay ", relay, NULL);
	if (!g_key_file_has_group(s->file, group))
		return FALSE;
	*ret = (PtOnvifRelaySettings){.monostable = g_key_file_get_boolean(s->file, group, "monostable", NULL),
	                              .idle_closed = g_key_file_get_boolean(s->file, group, "idle-closed", NULL),
	                              .delay_ns = g_key_file_get_int64(s->file, group, "delay-ns", NULL)};
	ret->delay_ns = CLAMP(ret->delay_ns, PT_ONVIF_DELAY_MIN_NS, PT_ONVIF_DELAY_MAX_NS);
	return TRUE;
}

gboolean pt_settings_set_relay(PtSettings *s, const char *relay, const PtOnvifRelaySettings *v, GError **error) {
	g_autofree char *group = g_strconcat("relay ", relay, NULL);
	g_key_file_set_boolean(s->file, group, "monostable", v->monostable);
	g_key_file_set_boolean(s->file, group, "idle-closed", v->idle_closed);
	g_key_file_set_int64(s->file, group, "delay-ns", v->delay_ns);
	return save(s, error);
}

void pt_settings_each_relay(const PtSettings *s,
                            void (*fn)(void *user, const char *relay, const PtOnvifRelaySettings *values), void *user) {
	g_auto(GStrv) groups = g_key_file_get_groups(s->file, NULL);
	for (char **g = groups; *g; g++) {
		PtOnvifRelaySettings values;
		if (g_str_has_prefix(*g, "relay ") && pt_settings_relay(s, *g + 6, &values))
			fn(user, *g + 6, &values);
	}
}

/* ---- encoders: groups "video CAMERA/STREAM" ---- */

gboolean pt_settings_set_video(PtSettings *s, const char *camera, bool sub, const PtOnvifVideo *v, GError **error) {
	g_autofree char *group = g_strdup_printf("video %s/%s", camera, sub ? "sub" : "main");
	g_key_file_set_integer(s->file, group, "codec", v->codec);
	g_key_file_set_integer(s->file, group, "width", (int)v->width);
	g_key_file_set_integer(s->file, group, "height", (int)v->height);
	g_key_file_set_double(s->file, group, "fps", v->fps);
	g_key_file_set_integer(s->file, group, "kbps", (int)v->kbps);
	g_key_file_set_integer(s->file, group, "gop", (int)v->gop);
	return save(s, error);
}

/* The camera and stream of a group of this kind: "video gate/main". Caller frees; NULL: it is none. */
static char *stream_of(const char *group, const char *kind, bool *ret_sub) {
	const char *slash = strrchr(group, '/');
	size_t n = strlen(kind);
	if (strncmp(group, kind, n) || group[n] != ' ' || !slash)
		return NULL;
	*ret_sub = !strcmp(slash, "/sub");
	return g_strndup(group + n + 1, (gsize)(slash - group) - n - 1);
}

void pt_settings_each_video(const PtSettings *s,
                            void (*fn)(void *user, const char *camera, bool sub, const PtOnvifVideo *video), void *user) {
	g_auto(GStrv) groups = g_key_file_get_groups(s->file, NULL);
	for (char **g = groups; *g; g++) {
		bool sub;
		g_autofree char *camera = stream_of(*g, "video", &sub);
		if (!camera)
			continue;
		PtOnvifVideo v = {
		    .codec = (PtOnvifVideoCodec)CLAMP(g_key_file_get_integer(s->file, *g, "codec", NULL), 0, PT_ONVIF_JPEG),
		    .width = (unsigned)CLAMP(g_key_file_get_integer(s->file, *g, "width", NULL), 0, 65535),
		    .height = (unsigned)CLAMP(g_key_file_get_integer(s->file, *g, "height", NULL), 0, 65535),
		    .fps = CLAMP(g_key_file_get_double(s->file, *g, "fps", NULL), 1, 240),
		    .kbps = (unsigned)CLAMP(g_key_file_get_integer(s->file, *g, "kbps", NULL), 0, 1000000),
		    .gop = (unsigned)CLAMP(g_key_file_get_integer(s->file, *g, "gop", NULL), 0, 100000)};
		fn(user, camera, sub, &v);
	}
}

/* ---- sound: groups "audio CAMERA/STREAM" ---- */

gboolean pt_settings_set_audio(PtSettings *s, const char *camera, bool sub, PtOnvifAudioCodec codec, GError **error) {
	g_autofree char *group = g_strdup_printf("audio %s/%s", camera, sub ? "sub" : "main");
	g_key_file_set_integer(s->file, group, "codec", codec);
	return save(s, error);
}

void pt_settings_each_audio(const PtSettings *s,
                            void (*fn)(void *user, const char *camera, bool sub, PtOnvifAudioCodec codec), void *user) {
	g_auto(GStrv) groups = g_key_file_get_groups(s->file, NULL);
	for (char **g = groups; *g; g++) {
		bool sub;
		g_autofree char *camera = stream_of(*g, "audio", &sub);
		int codec = camera ? g_key_file_get_integer(s->file, *g, "codec", NULL) : 0;
		if (codec > PT_ONVIF_NO_AUDIO && codec <= PT_ONVIF_OPUS)
			fn(user, camera, sub, (PtOnvifAudioCodec)codec);
	}
}

/* ---- recording jobs that are idle: groups "idle CAMERA/STREAM" ---- */

gboolean pt_settings_set_idle(PtSettings *s, const char *camera, bool sub, const char *who, GError **error) {
	g_autofree char *group = g_strdup_printf("idle %s/%s", camera, sub ? "sub" : "main");
	if (who)
		g_key_file_set_string(s->file, group, "by", who);
	else
		g_key_file_remove_group(s->file, group, NULL);
	return save(s, error);
}

void pt_settings_each_idle(const PtSettings *s, void (*fn)(void *user, const char *camera, bool sub, const char *who),
                           void *user) {
	g_auto(GStrv) groups = g_key_file_get_groups(s->file, NULL);
	for (char **g = groups; *g; g++) {
		bool sub;
		g_autofree char *camera = stream_of(*g, "idle", &sub);
		g_autofree char *who = camera ? g_key_file_get_string(s->file, *g, "by", NULL) : NULL;
		if (camera)
			fn(user, camera, sub, who ? who : "");
	}
}

/* ---- texts in pictures: groups "osd TOKEN" ---- */

static void read_word(const PtSettings *s, const char *group, const char *key, char *ret, size_t size) {
	g_autofree char *text = g_key_file_get_string(s->file, group, key, NULL);
	g_strlcpy(ret, text ? text : "", size);
}

GArray *pt_settings_osds(const PtSettings *s, const char *camera) {
	GArray *list = g_array_new(FALSE, TRUE, sizeof(PtOnvifOsd));
	g_auto(GStrv) groups = g_key_file_get_groups(s->file, NULL);
	for (char **g = groups; *g; g++) {
		PtOnvifOsd o = {0};
		if (!g_str_has_prefix(*g, "osd "))
			continue;
		g_strlcpy(o.token, *g + 4, sizeof o.token);
		read_word(s, *g, "camera", o.camera, sizeof o.camera);
		read_word(s, *g, "position", o.position, sizeof o.position);
		read_word(s, *g, "type", o.type, sizeof o.type);
		read_word(s, *g, "date", o.date, sizeof o.date);
		read_word(s, *g, "time", o.time, sizeof o.time);
		read_word(s, *g, "text", o.text, sizeof o.text);
		o.x = CLAMP(g_key_file_get_double(s->file, *g, "x", NULL), -1, 1);
		o.y = CLAMP(g_key_file_get_double(s->file, *g, "y", NULL), -1, 1);
		if (!camera || !strcmp(camera, o.camera))
			g_array_append_val(list, o);
	}
	return list;
}

gboolean pt_settings_set_osd(PtSettings *s, const PtOnvifOsd *o, GError **error) {
	g_autofree char *group = g_strconcat("osd ", o->token, NULL);
	g_key_file_set_string(s->file, group, "camera", o->camera);
	g_key_file_set_string(s->file, group, "position", o->position);
	g_key_file_set_double(s->file, group, "x", o->x);
	g_key_file_set_double(s->file, group, "y", o->y);
	g_key_file_set_string(s->file, group, "type", o->type);
	g_key_file_set_string(s->file, group, "date", o->date);
	g_key_file_set_string(s->file, group, "time", o->time);
	g_key_file_set_string(s->file, group, "text", o->text);
	return save(s, error);
}

gboolean pt_settings_remove_osd(PtSettings *s, const char *token, GError **error) {
	g_autofree char *group = g_strconcat("osd ", token, NULL);
	g_key_file_remove_group(s->file, group, NULL);
	return save(s, error);
}

/* ---- profiles: groups "profile TOKEN" ---- */

GArray *pt_settings_profiles(const PtSettings *s) {
	GArray *list = g_array_new(FALSE, TRUE, sizeof(PtProfile));
	g_auto(GStrv) groups = g_key_file_get_groups(s->file, NULL);
	for (char **g = groups; *g; g++) {
		PtProfile p = {0};
		if (!g_str_has_prefix(*g, "profile "))
			continue;
		g_strlcpy(p.token, *g + 8, sizeof p.token);
		g_autofree char *name = g_key_file_get_string(s->file, *g, "name", NULL);
		g_strlcpy(p.name, name ? name : p.token, sizeof p.name);
		for (int i = 0; i < PT_N_CONF; i++) {
			g_autofree char *token = g_key_file_get_string(s->file, *g, conf_keys[i], NULL);
			g_strlcpy(p.configs[i], token ? token : "", PT_ONVIF_TOKEN);
		}
		g_array_append_val(list, p);
	}
	return list;
}

gboolean pt_settings_set_profile(PtSettings *s, const PtProfile *p, GError **error) {
	g_autofree char *group = g_strconcat("profile ", p->token, NULL);
	g_key_file_set_string(s->file, group, "name", p->name);
	for (int i = 0; i < PT_N_CONF; i++)
		g_key_file_set_string(s->file, group, conf_keys[i], p->configs[i]);
	return save(s, error);
}

gboolean pt_settings_remove_profile(PtSettings *s, const char *token, GError **error) {
	g_autofree char *group = g_strconcat("profile ", token, NULL);
	g_key_file_remove_group(s->file, group, NULL);
	return save(s, error);
}
