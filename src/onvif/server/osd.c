/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/osd.h"
#include "onvif/server/profiles.h"
#include <string.h>

/* What tt:OSDConfigurationOptions offers; any of them goes with any other. */
static const char *const positions[] = {"UpperLeft", "UpperRight", "LowerLeft", "LowerRight", "Custom", NULL};
static const char *const types[] = {"Plain", "Date", "Time", "DateAndTime", NULL};
static const char *const dates[] = {"yyyy-MM-dd",          "yyyy/MM/dd",    "M/d/yyyy",      "MM/dd/yyyy", "dd/MM/yyyy",
                                    "dddd, MMMM dd, yyyy", "MMMM dd, yyyy", "dd MMMM, yyyy", NULL};
static const char *const times[] = {"HH:mm:ss", "H:mm:ss", "hh:mm:ss tt", "h:mm:ss tt", NULL};

static const char *argument(PtCall *c, const char *name) {
	g_autofree char *path = g_strdup_printf("%s:%s", c->service->prefix, name);
	return pt_call_text(c, path);
}

static bool has_date(const PtOnvifOsd *o) { return !strcmp(o->type, "Date") || !strcmp(o->type, "DateAndTime"); }
static bool has_time(const PtOnvifOsd *o) { return !strcmp(o->type, "Time") || !strcmp(o->type, "DateAndTime"); }

/* The camera of a configuration of a video source, by its token. FALSE: a fault is set. */
static gboolean need_source(PtCall *c, const char *token, PtOnvifStream *ret) {
	if (pt_conf_find(c, PT_CONF_VIDEO_SOURCE, token, ret))
		return TRUE;
	pt_call_fault(c, "ter:InvalidArgVal", "ter:NoConfig", "there is no VideoSource configuration '%.64s'", token);
	return FALSE;
}

/* The stream of a camera that the caller may see; what is kept may be of one that is gone. */
static gboolean find_camera(PtCall *c, const char *camera, PtOnvifStream *ret) {
	g_autoptr(GArray) all = pt_conf_all(c, PT_CONF_VIDEO_SOURCE);
	for (guint i = 0; i < all->len; i++) {
		*ret = g_array_index(all, PtOnvifStream, i);
		if (!strcmp(ret->camera, camera))
			return TRUE;
	}
	return FALSE;
}

static gboolean need_osd(PtCall *c, const char *token, PtOnvifOsd *ret, PtOnvifStream *ret_stream) {
	g_autoptr(GArray) all = pt_settings_osds(c->server->settings, NULL);
	for (guint i = 0; i < all->len; i++) {
		*ret = g_array_index(all, PtOnvifOsd, i);
		if (!strcmp(ret->token, token) && find_camera(c, ret->camera, ret_stream))
			return TRUE;
	}
	pt_call_fault(c, "ter:InvalidArgVal", "ter:NoConfig", "there is no OSD '%.64s'", token);
	return FALSE;
}

/* ---- showing ---- */

static void put_osd(PtCall *c, const char *element, const PtOnvifOsd *o, const PtOnvifStream *s) {
	PtXml *x = c->out;
	char source[PT_ONVIF_TOKEN];
	g_autofree char *name = g_strdup_printf("%s:%s", c->service->prefix, element);
	pt_conf_token(s, PT_CONF_VIDEO_SOURCE, source);
	pt_xml_open(x, name);
	pt_xml_attribute(x, "token", o->token);
	pt_xml_put(x, "tt:VideoSourceConfigurationToken", source);
	pt_xml_put(x, "tt:Type", "Text");
	pt_xml_open(x, "tt:Position");
	pt_xml_put(x, "tt:Type", o->position);
	if (!strcmp(o->position, "Custom")) {
		char text[G_ASCII_DTOSTR_BUF_SIZE];
		pt_xml_open(x, "tt:Pos");
		pt_xml_attribute(x, "x", g_ascii_formatd(text, sizeof text, "%g", o->x));
		pt_xml_attribute(x, "y", g_ascii_formatd(text, sizeof text, "%g", o->y));
		pt_xml_close(x);
	}
	pt_xml_close(x);
	pt_xml_open(x, "tt:TextString");
	pt_xml_put(x, "tt:Type", o->type);
	if (has_date(o))
		pt_xml_put(x, "tt:DateFormat", o->date);
	if (has_time(o))
		pt_xml_put(x, "tt:TimeFormat", o->time);
	if (!strcmp(o->type, "Plain"))
		pt_xml_put(x, "tt:PlainText", o->text);
	pt_xml_close(x);
	pt_xml_close(x);
}

void pt_osd_get_all(PtCall *c) {
	const char *one = argument(c, "OSDToken"), *source = argument(c, "ConfigurationToken");
	PtOnvifStream s, of;
	PtOnvifOsd osd;
	if (*one) {
		if (need_osd(c, one, &osd, &s))
			put_osd(c, "OSDs", &osd, &s);
		return;
	}
	if (*source && !need_source(c, source, &of))
		return;
	g_autoptr(GArray) all = pt_settings_osds(c->server->settings, *source ? of.camera : NULL);
	for (guint i = 0; i < all->len; i++) {
		const PtOnvifOsd *each = &g_array_index(all, PtOnvifOsd, i);
		if (find_camera(c, each->camera, &s))
			put_osd(c, "OSDs", each, &s);
	}
}

void pt_osd_get(PtCall *c) {
	PtOnvifStream s;
	PtOnvifOsd osd;
	if (need_osd(c, argument(c, "OSDToken"), &osd, &s))
		put_osd(c, "OSD", &osd, &s);
}

static void put_words(PtXml *x, const char *element, const char *const *words) {
	for (; *words; words++)
		pt_xml_put(x, element, *words);
}

void pt_osd_get_options(PtCall *c) {
	g_autofree char *element = g_strconcat(c->service->prefix, ":OSDOptions", NULL);
	PtXml *x = c->out;
	PtOnvifStream s;
	if (!need_source(c, argument(c, "ConfigurationToken"), &s))
		return;
	pt_xml_open(x, element);
	pt_xml_open(x, "tt:MaximumNumberOfOSDs");
	static const char *const counts[] = {"Total", "PlainText", "Date", "Time", "DateAndTime"};
	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
		pt_xml_attribute_int(x, counts[i], s.osd ? PT_ONVIF_OSDS : 0);
	pt_xml_close(x);
	pt_xml_put(x, "tt:Type", "Text");
	put_words(x, "tt:PositionOption", positions);
	pt_xml_open(x, "tt:TextOption");
	put_words(x, "tt:Type", types);
	put_words(x, "tt:DateFormat", dates);
	put_words(x, "tt:TimeFormat", times);
	pt_xml_close(x);
	pt_xml_close(x);
}

/* ---- changing ---- */

/* Media2, "OSD": env:Receiver, ter:InvalidArgVal, ter:ConfigModify. */
static void cannot(PtCall *c, const char *what) {
	if (c->code)
		return;
	pt_call_fault(c, "ter:InvalidArgVal", "ter:ConfigModify", "%s cannot be set to that", what);
	c->code = "s:Receiver";
}

/* One of the words; "" where the element is not there and may be left out. */
static void read_word(PtCall *c, const PtXmlNode *in, const char *path, const char *const *words, bool needed, char *ret,
                      size_t size) {
	const char *text = pt_xml_value_at(in, path);
	if (!g_strv_contains(words, text) && (needed || *text))
		cannot(c, path);
	else
		g_strlcpy(ret, text, size);
}

static void read_place(PtCall *c, const PtXmlNode *in, PtOnvifOsd *o) {
	const PtXmlNode *pos = pt_xml_at(in, "tt:Position/tt:Pos");
	read_word(c, in, "tt:Position/tt:Type", positions, true, o->position, sizeof o->position);
	o->x = o->y = 0;
	if (strcmp(o->position, "Custom"))
		return;
	const char *x = pos ? pt_xml_get(pos, "x") : NULL, *y = pos ? pt_xml_get(pos, "y") : NULL;
	if (!x || !y || !pt_xml_float(x, &o->x) || !pt_xml_float(y, &o->y) || !(o->x >= -1 && o->x <= 1) ||
	    !(o->y >= -1 && o->y <= 1))
		cannot(c, "the place");
}

static bool is_line(const char *text) {
	for (; *text; text = g_utf8_next_char(text))
		if (g_unichar_iscntrl(g_utf8_get_char(text)))
			return false;
	return true;
}

/* Sizes and colours are adapted, as the specification lets us: there is one of each. */
static gboolean read_osd(PtCall *c, const PtXmlNode *in, PtOnvifOsd *o) {
	const char *text = pt_xml_value_at(in, "tt:TextString/tt:PlainText");
	if (strcmp(pt_xml_value_at(in, "tt:Type"), "Text"))
		cannot(c, "the type");
	read_place(c, in, o);
	read_word(c, in, "tt:TextString/tt:Type", types, true, o->type, sizeof o->type);
	read_word(c, in, "tt:TextString/tt:DateFormat", dates, has_date(o), o->date, sizeof o->date);
	read_word(c, in, "tt:TextString/tt:TimeFormat", times, has_time(o), o->time, sizeof o->time);
	if (strlen(text) >= sizeof o->text || !is_line(text))
		cannot(c, "the text: one line of at most 127 bytes");
	g_strlcpy(o->text, !strcmp(o->type, "Plain") ? text : "", sizeof o->text);
	return c->code == NULL;
}

static void tell_host(PtOnvifServer *s, const char *camera) {
	g_autoptr(GArray) all = pt_settings_osds(s->settings, camera);
	if (s->host.set_osds)
		s->host.set_osds(s->host.data, camera, (const PtOnvifOsd *)(const void *)all->data,
		                 MIN(all->len, PT_ONVIF_OSDS));
}

static gboolean save(PtCall *c, const PtOnvifOsd *o) {
	g_autoptr(GError) error = NULL;
	if (!pt_settings_set_osd(c->server->settings, o, &error))
		pt_call_fault_error(c, error);
	else
		tell_host(c->server, o->camera);
	return error == NULL;
}

static const PtXmlNode *osd_of(PtCall *c) {
	g_autofree char *element = g_strconcat(c->service->prefix, ":OSD", NULL);
	return pt_xml_child(c->in, element);
}

void pt_osd_create(PtCall *c) {
	const PtXmlNode *in = osd_of(c);
	g_autofree char *element = g_strconcat(c->service->prefix, ":OSDToken", NULL), *uuid = g_uuid_string_random();
	PtOnvifStream s;
	PtOnvifOsd o = {0};
	if (!in) {
		pt_call_fault(c, "ter:MissingAttr", NULL, "there is no OSD in the request");
		return;
	}
	if (!need_source(c, pt_xml_value_at(in, "tt:VideoSourceConfigurationToken"), &s))
		return;
	g_autoptr(GArray) have = pt_settings_osds(c->server->settings, s.camera);
	if (!s.osd || have->len >= PT_ONVIF_OSDS) {
		pt_call_fault(c, "ter:Action", "ter:MaxOSDs",
		              s.osd ? "camera %s shows as many texts as it can" : "nothing is burnt into the picture of %s",
		              s.camera);
		return;
	}
	g_strlcpy(o.camera, s.camera, sizeof o.camera);
	g_snprintf(o.token, sizeof o.token, "osd-%s", uuid);
	if (read_osd(c, in, &o) && save(c, &o))
		pt_xml_put(c->out, element, o.token);
}

void pt_osd_set(PtCall *c) {
	const PtXmlNode *in = osd_of(c);
	const char *token = in ? pt_xml_get(in, "token") : NULL;
	const char *source = in ? pt_xml_value_at(in, "tt:VideoSourceConfigurationToken") : "";
	char own[PT_ONVIF_TOKEN];
	PtOnvifStream s;
	PtOnvifOsd o;
	if (!need_osd(c, token ? token : "", &o, &s))
		return;
	pt_conf_token(&s, PT_CONF_VIDEO_SOURCE, own);
	if (strcmp(source, own)) {
		cannot(c, "the source");
		return;
	}
	if (read_osd(c, in, &o))
		save(c, &o);
}

void pt_osd_delete(PtCall *c) {
	g_autoptr(GError) error = NULL;
	PtOnvifStream s;
	PtOnvifOsd o;
	if (!need_osd(c, argument(c, "OSDToken"), &o, &s))
		return;
	if (!pt_settings_remove_osd(c->server->settings, o.token, &error))
		pt_call_fault_error(c, error);
	else
		tell_host(c->server, o.camera);
}

void pt_onvif_server_repeat_osds(PtOnvifServer *s) {
	g_autoptr(GArray) all = pt_settings_osds(s->settings, NULL);
	for (guint i = 0; i < all->len; i++)
		tell_host(s, g_array_index(all, PtOnvifOsd, i).camera);
}
