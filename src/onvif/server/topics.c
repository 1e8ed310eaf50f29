/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/topics.h"
#include <string.h>

const PtTopic pt_topics[PT_ONVIF_N_TOPICS] = {
    [PT_ONVIF_DIGITAL_INPUT] = {"tns1:Device/Trigger/DigitalInput", "InputToken", "LogicalState", "xs:boolean", "true",
                                "false"},
    [PT_ONVIF_RELAY] = {"tns1:Device/Trigger/Relay", "RelayToken", "LogicalState", "tt:RelayLogicalState", "active",
                        "inactive"},
    [PT_ONVIF_MOTION_ALARM] = {"tns1:VideoSource/MotionAlarm", "Source", "State", "xs:boolean", "true", "false"},
    [PT_ONVIF_STORAGE_FAILURE] = {"tns1:Device/HardwareFailure/StorageFailure", "Token", "Failed", "xs:boolean", "true",
                                  "false"},
    [PT_ONVIF_LAST_REBOOT] = {"tns1:Monitoring/OperatingTime/LastReboot", NULL, "Status", "xs:dateTime", NULL, NULL},
    [PT_ONVIF_RECORDING_STATE] = {"tns1:RecordingHistory/Recording/State", "RecordingToken", "IsRecording", "xs:boolean",
                                  "true", "false"},
    [PT_ONVIF_TRACK_STATE] = {"tns1:RecordingHistory/Track/State", "RecordingToken", "IsDataPresent", "xs:boolean", "true",
                              "false", .track = PT_TRACK_VIDEO},
    [PT_ONVIF_JOB_STATE] = {"tns1:RecordingConfig/JobState", "RecordingJobToken", "State", "xs:string", "Active", "Idle",
                            .source_type = "tt:RecordingJobReference"},
};

/* ---- matching ---- */

/* One path, level by level. An empty level is what stands between two slashes: any number of levels, and as "//." at the
 * end the topic itself and all below. "*" is one level (the Full dialect of WS-Topics, which clients send under any name).
 */
static bool levels_match(char **e, char **topic) {
	if (!*e)
		return !*topic;
	if (!**e) {
		if (e[1] && !strcmp(e[1], ".") && !e[2])
			return true;
		for (; *topic; topic++)
			if (levels_match(e + 1, topic))
				return true;
		return false;
	}
	return *topic && (!strcmp(*e, "*") || !strcmp(*e, *topic)) && levels_match(e + 1, topic + 1);
}

bool pt_topic_matches(const char *expression, const char *topic) {
	g_auto(GStrv) paths = g_strsplit(expression, "|", 0), levels = g_strsplit(topic, "/", 0);
	for (char **p = paths; *p; p++) {
		g_auto(GStrv) e = g_strsplit(*p, "/", 0);
		if (*e && levels_match(e, levels))
			return true;
	}
	return false;
}

/* ---- reading ---- */

/* QNames and '*' between slashes; "//" nowhere but before '.' at the end or between two names. */
static bool is_path(const char *p) {
	if (!*p || *p == '/')
		return false;
	unsigned slashes = 0;
	bool name = false;
	for (; *p; p++) {
		if (*p == '/') {
			if (++slashes > 2)
				return false;
			name = false;
		} else if (*p == '.' && slashes == 2 && !p[1]) {
			return true;
		} else if (g_ascii_isalnum(*p) || strchr("_-:.*", *p) || (unsigned char)*p >= 0x80) {
			slashes = 0;
			name = true;
		} else {
			return false;
		}
	}
	return name;
}

/* The root's prefix as ours: topics of a namespace that we do not know match nothing. */
static void put_path(GString *out, const PtXmlNode *node, const char *path) {
	const char *colon = strchr(path, ':'), *slash = strchr(path, '/');
	if (!colon || (slash && slash < colon)) {
		g_string_append(out, path);
		return;
	}
	g_autofree char *theirs = g_strndup(path, (gsize)(colon - path));
	const char *uri = pt_xml_uri_of(node, theirs), *ours = uri ? pt_xml_prefix(uri) : NULL;
	g_string_append_printf(out, "%s%s", ours ? ours : uri ? "unknown" : theirs, colon);
}

char *pt_topic_expression(const PtXmlNode *node, bool *ret_unknown_dialect) {
	const char *dialect = pt_xml_get(node, "Dialect");
	*ret_unknown_dialect = dialect && strcmp(dialect, PT_DIALECT_CONCRETE_SET) && strcmp(dialect, PT_DIALECT_CONCRETE) &&
	                       !g_str_has_suffix(dialect, "/TopicExpression/Full") &&
	                       !g_str_has_suffix(dialect, "/TopicExpression/Simple");
	if (*ret_unknown_dialect || strlen(pt_xml_value(node)) > 4096)
		return NULL;
	g_auto(GStrv) paths = g_strsplit(pt_xml_value(node), "|", 64);
	GString *out = g_string_new(NULL);
	for (char **p = paths; *p; p++) {
		g_strstrip(*p);
		if (!is_path(*p)) {
			g_string_free(out, TRUE);
			return NULL;
		}
		if (out->len)
			g_string_append_c(out, '|');
		put_path(out, node, *p);
	}
	if (out->len)
		return g_string_free(out, FALSE);
	g_string_free(out, TRUE);
	return NULL;
}

/* ---- messages ---- */

static void put_value(PtXml *x, const char *name, const char *value) {
	pt_xml_open(x, "tt:SimpleItem");
	pt_xml_attribute(x, "Name", name);
	pt_xml_attribute(x, "Value", value);
	pt_xml_close(x);
}

void pt_topic_put_message(PtXml *x, PtOnvifTopic topic, const char *operation, const char *token, bool active,
                          int64_t wall_ns) {
	const PtTopic *t = &pt_topics[topic];
	g_autofree char *when = pt_time_format(wall_ns);
	pt_xml_open(x, "wsnt:Topic");
	pt_xml_attribute(x, "Dialect", PT_DIALECT_CONCRETE_SET);
	pt_xml_declare(x, "tns1");
	pt_xml_text(x, t->path);
	pt_xml_close(x);
	pt_xml_open(x, "wsnt:Message");
	pt_xml_open(x, "tt:Message");
	pt_xml_attribute(x, "UtcTime", when);
	pt_xml_attribute(x, "PropertyOperation", operation);
	if (t->source) {
		pt_xml_open(x, "tt:Source");
		put_value(x, t->source, token);
		if (t->track)
			put_value(x, "Track", t->track);
		pt_xml_close(x);
	}
	pt_xml_open(x, "tt:Data");
	put_value(x, t->data, !t->yes ? when : active ? t->yes : t->no);
	pt_xml_close(x);
	pt_xml_close(x);
	pt_xml_close(x);
}

/* ---- the set ---- */

static void put_item(PtXml *x, const char *name, const char *type) {
	pt_xml_open(x, "tt:SimpleItemDescription");
	pt_xml_attribute(x, "Name", name);
	pt_xml_attribute(x, "Type", type);
	pt_xml_close(x);
}

void pt_topic_put_set(PtXml *x, unsigned mask) {
	static const PtOnvifTopic order[] = {
	    PT_ONVIF_DIGITAL_INPUT, PT_ONVIF_RELAY,           PT_ONVIF_STORAGE_FAILURE,
	    PT_ONVIF_MOTION_ALARM,  PT_ONVIF_RECORDING_STATE, PT_ONVIF_TRACK_STATE,
	    PT_ONVIF_JOB_STATE,     PT_ONVIF_LAST_REBOOT}; /* those with the same beginning side by side */
	g_auto(GStrv) open = g_new0(char *, 1);
	pt_xml_open(x, "wstop:TopicSet");
	for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
		const PtTopic *t = &pt_topics[order[i]];
		if (!(mask >> order[i] & 1))
			continue;
		char **levels = g_strsplit(t->path, "/", 0);
		guint same = 0;
		while (open[same] && levels[same] && !strcmp(open[same], levels[same]))
			same++;
		for (guint k = g_strv_length(open); k > same; k--)
			pt_xml_close(x);
		for (guint k = same; levels[k]; k++)
			pt_xml_open(x, levels[k]);
		pt_xml_attribute(x, "wstop:topic", "true");
		pt_xml_open(x, "tt:MessageDescription");
		pt_xml_attribute(x, "IsProperty", "true");
		pt_xml_declare(x, "tt");
		pt_xml_declare(x, "xs");
		if (t->source) {
			pt_xml_open(x, "tt:Source");
			put_item(x, t->source, t->source_type ? t->source_type : "tt:ReferenceToken");
			if (t->track)
				put_item(x, "Track", "tt:ReferenceToken");
			pt_xml_close(x);
		}
		pt_xml_open(x, "tt:Data");
		put_item(x, t->data, t->data_type);
		pt_xml_close(x);
		pt_xml_close(x);
		g_strfreev(open);
		open = levels;
	}
	for (guint k = g_strv_length(open); k > 0; k--)
		pt_xml_close(x);
	pt_xml_close(x);
}
