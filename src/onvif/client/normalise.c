/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/normalise.h"
#include <string.h>

/* A topic without prefixes ends in `path` (cameras differ in what they put in front, and in the prefixes); the state is the
 * first data item of `states` (words split by spaces), the token the first source item of `sources`, else the first of all.
 */
typedef struct {
	const char *path;
	PtSaysKind kind;
	const char *sources, *states;
	bool is_state;   /* the topic says it by itself: every message is "active" */
	const char *any; /* the token that stands for all of them together, and so for none; NULL: there is no such token */
} Row;

#define STATES "LogicalState State state Level RelayLogicalState Value value"

static const Row rows[] = {
    /* ONVIF Device IO §8.8, §8.9, and where cameras say State, Level, RelayLogicalState instead of LogicalState */
    {"Trigger/DigitalInput", PT_SAYS_INPUT, "InputToken Token Source port", STATES, false},
    {"Trigger/Relay", PT_SAYS_RELAY, "RelayToken RelayOutputToken Token", STATES, false},
    /* Axis: inputs and outputs share one topic; their tokens are those of its I/O ports */
    {"Device/IO/Port", PT_SAYS_INPUT, "port", "state", false, "-1"},
    {"Device/IO/VirtualPort", PT_SAYS_INPUT, "port", "state", false, "-1"},
    {"Device/Sensor/PIR", PT_SAYS_MOTION, "sensor", "state", false},
    /* motion: ONVIF Imaging and Analytics, and what vendors made of it */
    {"VideoSource/MotionAlarm", PT_SAYS_MOTION, "Source VideoSourceToken", "State state", false},
    {"CellMotionDetector/Motion", PT_SAYS_MOTION, "VideoSourceConfigurationToken", "IsMotion State", false},
    {"MotionRegionDetector/Motion", PT_SAYS_MOTION, "VideoSourceConfigurationToken VideoSource", "State IsMotion", false},
    {"VideoAnalytics/Motion", PT_SAYS_MOTION, "VideoSourceConfigurationToken VideoSourceToken", "State IsMotion", false},
    {"VideoSource/MotionRegion", PT_SAYS_MOTION, "VideoSourceToken", "State", false},
    {"VMD/vmd_video_1", PT_SAYS_MOTION, "area", "active state", false},          /* Axis VMD 2 */
    {"VMD3/vmd3_video_1", PT_SAYS_MOTION, "areaid", "active state", false},      /* Axis VMD 3 */
    {"VMD/Camera1ProfileANY", PT_SAYS_MOTION, "", "active", false},              /* Axis VMD 4 */
    {"MotionGuard/Camera1ProfileANY", PT_SAYS_MOTION, "", "active", false},      /* Axis Motion Guard */
    {"ObjectAnalytics/Device1ScenarioANY", PT_SAYS_MOTION, "", "active", false}, /* Axis Object Analytics */
    {"MyRuleDetector/PeopleDetect", PT_SAYS_MOTION, "Source", "State", false},   /* Reolink */
    {"MyRuleDetector/VehicleDetect", PT_SAYS_MOTION, "Source", "State", false},
    {"MyRuleDetector/DogCatDetect", PT_SAYS_MOTION, "Source", "State", false},
    {"MyRuleDetector/FaceDetect", PT_SAYS_MOTION, "Source", "State", false},
    {"MyRuleDetector/Visitor", PT_SAYS_INPUT, "Source", "State", false}, /* Reolink's door bell button */
    {"FieldDetector/ObjectsInside", PT_SAYS_MOTION, "VideoSourceConfigurationToken", "IsInside State", false},
    {"LineDetector/Crossed", PT_SAYS_MOTION, "VideoSourceConfigurationToken", "IsCrossed", true},
    {"PeopleDetector/People", PT_SAYS_MOTION, "VideoSourceConfigurationToken", "IsPeople State", false}, /* TP-Link */
    {"IntrusionDetector/Intrusion", PT_SAYS_MOTION, "VideoSourceConfigurationToken", "IsIntrusion State", false},
    /* tampering: ONVIF Imaging §8, and detectors */
    {"VideoSource/GlobalSceneChange/ImagingService", PT_SAYS_TAMPER, "Source VideoSourceToken", "State", false},
    {"VideoSource/GlobalSceneChange/AnalyticsService", PT_SAYS_TAMPER, "Source VideoSourceToken", "State", false},
    {"VideoSource/ImageTooBlurry/ImagingService", PT_SAYS_TAMPER, "Source", "State", false},
    {"VideoSource/ImageTooBlurry/AnalyticsService", PT_SAYS_TAMPER, "Source", "State", false},
    {"VideoSource/ImageTooDark/ImagingService", PT_SAYS_TAMPER, "Source", "State", false},
    {"VideoSource/ImageTooDark/AnalyticsService", PT_SAYS_TAMPER, "Source", "State", false},
    {"VideoSource/ImageTooBright/ImagingService", PT_SAYS_TAMPER, "Source", "State", false},
    {"VideoSource/ImageTooBright/AnalyticsService", PT_SAYS_TAMPER, "Source", "State", false},
    {"VideoSource/SignalLoss", PT_SAYS_TAMPER, "Source VideoSourceToken", "State", false},
    {"TamperDetector/Tamper", PT_SAYS_TAMPER, "VideoSourceConfigurationToken", "IsTamper State", false},
    {"Device/Trigger/Tampering", PT_SAYS_TAMPER, "", "State IsTamper", false},
    {"VideoSource/Tampering", PT_SAYS_TAMPER, "channel Source", "tampering State", true}, /* Axis */
    /* sound */
    {"Audio/DetectedSound", PT_SAYS_SOUND, "AudioSourceConfigurationToken Source", "IsSoundDetected isSoundDetected", false},
    {"AudioSource/TriggerLevel", PT_SAYS_SOUND, "channel", "triggered", false}, /* Axis */
    {"AudioAnalytics/Audio/LoudSound", PT_SAYS_SOUND, "", "State", false},
    /* storage */
    {"HardwareFailure/StorageFailure", PT_SAYS_STORAGE, "Token StorageToken", "Failed State", false},
    {"Storage/Alert", PT_SAYS_STORAGE, "disk_id", "alert", false},           /* Axis */
    {"Storage/Disruption", PT_SAYS_STORAGE, "disk_id", "disruption", false}, /* Axis */
    /* its own end: ONVIF Core §8 */
    {"OperationMode/ShutdownInitiated", PT_SAYS_REBOOT, "", "", true},
    {"OperatingTime/LastReboot", PT_SAYS_REBOOT, "", "", true},
};

const char *pt_says_word(PtSaysKind kind) {
	static const char *const words[] = {"other", "input", "relay", "motion", "tamper", "sound", "storage", "reboot"};
	return words[kind];
}

/* "tns1:Device/axis:IO/Port" without prefixes. */
static char *bare_path(const char *topic) {
	GString *out = g_string_new(NULL);
	g_auto(GStrv) parts = g_strsplit(topic, "/", 16);
	for (char **p = parts; *p; p++) {
		const char *colon = strrchr(*p, ':');
		g_string_append_printf(out, "%s%s", out->len ? "/" : "", colon ? colon + 1 : *p);
	}
	return g_string_free(out, FALSE);
}

static char *our_topic(const PtXmlNode *node) {
	GString *out = g_string_new(NULL);
	g_auto(GStrv) parts = g_strsplit(pt_xml_value(node), "/", 16);
	for (char **p = parts; *p; p++) {
		const char *colon = strrchr(*p, ':');
		g_autofree char *theirs = g_strndup(*p, colon ? (gsize)(colon - *p) : 0);
		const char *ours = colon ? pt_xml_prefix(pt_xml_uri_of(node, theirs)) : NULL;
		g_string_append(out, out->len ? "/" : "");
		if (ours)
			g_string_append_printf(out, "%s:%s", ours, colon + 1);
		else
			g_string_append(out, *p);
	}
	return g_string_free(out, FALSE);
}

static const Row *row_of(const char *path) {
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		size_t n = strlen(path), m = strlen(rows[i].path);
		if (n >= m && !strcmp(path + n - m, rows[i].path) && (n == m || path[n - m - 1] == '/'))
			return &rows[i];
	}
	return NULL;
}

/* The value of the first item whose name is among `names`; "" names: none; NULL: the first item of all. */
static const char *item(const PtXmlNode *set, const char *names) {
	if (!names) {
		const char *value = pt_xml_get(pt_xml_child(set, "SimpleItem"), "Value");
		return value;
	}
	g_auto(GStrv) list = g_strsplit(names, " ", 0);
	for (char **name = list; *name && **name; name++)
		for (const PtXmlNode *i = pt_xml_child(set, "SimpleItem"); i; i = pt_xml_next(i, "SimpleItem"))
			if (!g_strcmp0(pt_xml_get(i, "Name"), *name))
				return pt_xml_get(i, "Value");
	return NULL;
}

static void add_items(GString *out, const PtXmlNode *set) {
	for (const PtXmlNode *i = pt_xml_child(set, "SimpleItem"); i && out->len < 400; i = pt_xml_next(i, "SimpleItem")) {
		const char *name = pt_xml_get(i, "Name"), *value = pt_xml_get(i, "Value");
		g_string_append_printf(out, "%s%s=%s", out->len ? " " : "", name ? name : "?", value ? value : "");
	}
}

static void copy_text(char *to, size_t size, const char *text) {
	g_strlcpy(to, text, size);
	const char *end;
	if (!g_utf8_validate(to, -1, &end)) /* cut in the middle of a character */
		to[end - to] = 0;
}

bool pt_onvif_read_said(const PtXmlNode *notification, PtOnvifSaid *ret) {
	return pt_xml_is(notification, "wsnt:NotificationMessage") && pt_onvif_read_notification(notification, ret);
}

bool pt_onvif_read_notification(const PtXmlNode *holder, PtOnvifSaid *ret) {
	const PtXmlNode *topic = pt_xml_child(holder, "Topic");
	const PtXmlNode *message = pt_xml_at(holder, "Message/Message");
	if (!topic || !message)
		return false;
	const PtXmlNode *source = pt_xml_child(message, "Source"), *data = pt_xml_child(message, "Data");
	PtOnvifSaid s = {.active = -1};
	g_autofree char *name = our_topic(topic), *path = bare_path(pt_xml_value(topic));
	copy_text(s.topic, sizeof s.topic, name);
	const char *how = pt_xml_get(message, "PropertyOperation"), *time = pt_xml_get(message, "UtcTime");
	s.how = !g_strcmp0(how, "Initialized") ? PT_SAID_INITIALIZED
	        : !g_strcmp0(how, "Changed")   ? PT_SAID_CHANGED
	        : !g_strcmp0(how, "Deleted")   ? PT_SAID_DELETED
	                                       : PT_SAID_NONE;
	if (!time || !pt_xml_time(time, &s.utc_ns))
		s.utc_ns = 0;
	const Row *row = row_of(path);
	s.kind = row ? row->kind : PT_SAYS_OTHER;
	const char *token = row ? item(source, row->sources) : NULL;
	if (!token)
		token = item(source, NULL);
	copy_text(s.token, sizeof s.token, token ? token : "");
	if (row && row->any && !strcmp(s.token, row->any))
		s.kind = PT_SAYS_OTHER;
	const char *state = row ? item(data, row->states) : item(data, STATES);
	bool on;
	if (state && pt_xml_bool(state, &on))
		s.active = on;
	else if (row && row->is_state && !state)
		s.active = 1;
	const char *told = s.kind == PT_SAYS_REBOOT ? item(data, NULL) : NULL;
	if (!told || !pt_xml_time(told, &s.told_ns))
		s.told_ns = 0;
	g_autoptr(GString) text = g_string_new(NULL);
	add_items(text, source);
	add_items(text, data);
	copy_text(s.text, sizeof s.text, text->str);
	*ret = s;
	return true;
}

unsigned pt_onvif_read_all_said(const PtXmlNode *holder, void (*said)(void *user, const PtOnvifSaid *said), void *user) {
	unsigned n = 0;
	for (const PtXmlNode *m = pt_xml_child(holder, "wsnt:NotificationMessage"); m;
	     m = pt_xml_next(m, "wsnt:NotificationMessage"), n++) {
		PtOnvifSaid s;
		if (said && pt_onvif_read_said(m, &s))
			said(user, &s);
	}
	for (const PtXmlNode *event = pt_xml_child(holder, "tt:Event"); event; event = pt_xml_next(event, "tt:Event"))
		n += pt_onvif_read_all_said(event, said, user);
	return n;
}
