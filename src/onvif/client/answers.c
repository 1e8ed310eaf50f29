/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/answers.h"
#include "onvif/client/describe.h"
#include <string.h>

#define PLUGS_MAX 64
#define LIST_MAX 256
#define POINTS_MAX 64

/* ---- what it is and has ---- */

static void set(char **to, const PtSoap *a, const char *name) {
	g_free(*to);
	*to = g_strdup(pt_xml_value_at(a->body, name));
}

void pt_onvif_read_information(const PtSoap *a, PtOnvifFound *f) {
	set(&f->maker, a, "Manufacturer");
	set(&f->model, a, "Model");
	set(&f->firmware, a, "FirmwareVersion");
	set(&f->serial, a, "SerialNumber");
}

void pt_onvif_read_inputs(const PtSoap *a, PtOnvifFound *f) {
	for (const PtXmlNode *n = pt_xml_child(a->body, "DigitalInputs"); n && f->plugs->len < PLUGS_MAX;
	     n = pt_xml_next(n, "DigitalInputs")) {
		const char *token = pt_xml_get(n, "token"), *idle = pt_xml_get(n, "IdleState");
		if (token && *token)
			pt_onvif_found_add_plug(f, PT_ONVIF_PLUG_INPUT, token)->idle_closed =
			    idle && !g_ascii_strcasecmp(idle, "closed");
	}
}

void pt_onvif_read_relays(const PtSoap *a, PtOnvifFound *f) {
	for (const PtXmlNode *n = pt_xml_child(a->body, "RelayOutputs"); n && f->plugs->len < PLUGS_MAX;
	     n = pt_xml_next(n, "RelayOutputs")) {
		const char *token = pt_xml_get(n, "token");
		if (!token || !*token)
			continue;
		PtOnvifPlug *p = pt_onvif_found_add_plug(f, PT_ONVIF_PLUG_RELAY, token);
		const PtXmlNode *settings = pt_xml_child(n, "Properties");
		int64_t delay = 0;
		p->monostable = !g_ascii_strcasecmp(pt_xml_value_at(settings, "Mode"), "Monostable");
		p->can_monostable = true; /* what it cannot it refuses; the hub times it then */
		p->idle_closed = !g_ascii_strcasecmp(pt_xml_value_at(settings, "IdleState"), "closed");
		if (pt_xml_duration(pt_xml_value_at(settings, "DelayTime"), &delay))
			p->delay_s = (double)delay / PT_NS_PER_S;
	}
}

int pt_onvif_read_audio(const PtSoap *a) {
	static const char *const names[] = {"Token", "AudioSources", "AudioOutputs"};
	int n = 0;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		for (const PtXmlNode *c = pt_xml_child(a->body, names[i]); c; c = pt_xml_next(c, names[i]))
			n++;
	return n;
}

/* ---- its clock and its services ---- */

static bool read_time(const PtXmlNode *node, int64_t *ret_ns) {
	static const char *const paths[] = {"tt:Date/tt:Year", "tt:Date/tt:Month",  "tt:Date/tt:Day",
	                                    "tt:Time/tt:Hour", "tt:Time/tt:Minute", "tt:Time/tt:Second"};
	int64_t v[6];
	for (unsigned i = 0; i < 6; i++)
		if (!pt_xml_int(pt_xml_value_at(node, paths[i]), &v[i]) || v[i] < 0 || v[i] > 9999)
			return false;
	g_autoptr(GDateTime) at =
	    g_date_time_new_utc((int)v[0], (int)v[1], (int)v[2], (int)v[3], (int)v[4], MIN((double)v[5], 59));
	if (!at)
		return false;
	*ret_ns = g_date_time_to_unix(at) * PT_NS_PER_S;
	return true;
}

bool pt_onvif_read_clock(const PtSoap *a, int64_t *ret_ns) {
	const PtXmlNode *when = pt_xml_child(a->body, "tds:SystemDateAndTime");
	return read_time(pt_xml_child(when, "tt:UTCDateTime"), ret_ns) ||
	       read_time(pt_xml_child(when, "tt:LocalDateTime"), ret_ns);
}

/* As GetServices (by its namespace) and GetCapabilities name them. */
static const struct {
	const char *prefix, *capability;
} services[PT_ONVIF_N_SERVICES] = {
    [PT_ONVIF_DEVICE] = {"tds", "tt:Device"},
    [PT_ONVIF_MEDIA] = {"trt", "tt:Media"},
    [PT_ONVIF_MEDIA2] = {"tr2", NULL},
    [PT_ONVIF_EVENTS] = {"tev", "tt:Events"},
    [PT_ONVIF_DEVICEIO] = {"tmd", "tt:Extension/tt:DeviceIO"},
    [PT_ONVIF_IMAGING] = {"timg", "tt:Imaging"},
    [PT_ONVIF_PTZ] = {"tptz", "tt:PTZ"},
    [PT_ONVIF_ANALYTICS] = {"tan", "tt:Analytics"},
    [PT_ONVIF_RECORDING] = {"trc", "tt:Extension/tt:Recording"},
    [PT_ONVIF_SEARCH] = {"tse", "tt:Extension/tt:Search"},
    [PT_ONVIF_REPLAY] = {"trp", "tt:Extension/tt:Replay"},
};

unsigned pt_onvif_read_services(const PtSoap *a, const char *ret[PT_ONVIF_N_SERVICES]) {
	const PtXmlNode *all = pt_xml_child(a->body, "tds:Capabilities");
	unsigned n = 0;
	for (unsigned i = 0; i < PT_ONVIF_N_SERVICES; i++) {
		const char *given =
		    services[i].capability ? pt_xml_value_at(pt_xml_at(all, services[i].capability), "tt:XAddr") : "";
		for (const PtXmlNode *s = pt_xml_child(a->body, "tds:Service"); s && !*given;
		     s = pt_xml_next(s, "tds:Service"))
			if (!g_strcmp0(pt_xml_prefix(pt_xml_value_at(s, "tds:Namespace")), services[i].prefix))
				given = pt_xml_value_at(s, "tds:XAddr");
		ret[i] = *given ? given : NULL;
		n += ret[i] != NULL;
	}
	return n;
}

/* ---- subscriptions ---- */

const PtXmlNode *pt_onvif_read_subscription(const PtSoap *a, const char **ret_address) {
	const PtXmlNode *reference = pt_xml_child(a->body, "SubscriptionReference");
	*ret_address = pt_xml_value_at(reference, "Address");
	return pt_xml_child(reference, "ReferenceParameters");
}

int64_t pt_onvif_read_granted(const PtSoap *a, int64_t otherwise_ns) {
	int64_t now, end;
	if (!pt_xml_time(pt_xml_value_at(a->body, "CurrentTime"), &now) ||
	    !pt_xml_time(pt_xml_value_at(a->body, "TerminationTime"), &end))
		return otherwise_ns;
	return CLAMP(end - now, 4 * PT_NS_PER_S, 3600 * PT_NS_PER_S);
}

/* ---- what it lets itself be told ---- */

static void preset_free(void *data) {
	PtOnvifPreset *p = data;
	g_free(p->token);
	g_free(p->name);
	g_free(p);
}

GPtrArray *pt_onvif_presets_new(void) { return g_ptr_array_new_with_free_func(preset_free); }

void pt_onvif_read_presets(const PtSoap *a, GPtrArray *presets) {
	for (const PtXmlNode *n = pt_xml_child(a->body, "Preset"); n && presets->len < LIST_MAX;
	     n = pt_xml_next(n, "Preset")) {
		const char *token = pt_xml_get(n, "token"), *name = pt_xml_value_at(n, "Name");
		if (!token || !*token)
			continue;
		PtOnvifPreset *p = g_new0(PtOnvifPreset, 1);
		p->token = g_strdup(token);
		p->name = g_strdup(*name ? name : token);
		g_ptr_array_add(presets, p);
	}
}

char *pt_onvif_read_ir_cut(const PtSoap *a) {
	const char *mode = pt_xml_value_at(a->body, "ImagingSettings/IrCutFilter");
	return *mode ? g_ascii_strup(mode, -1) : NULL;
}

/* By ONVIF Core a list in an attribute; some write several spaces between. */
char **pt_onvif_read_auxiliary(const PtSoap *a) {
	const char *words = pt_xml_get(pt_xml_below(a->body, "Misc"), "AuxiliaryCommands");
	g_auto(GStrv) all = g_strsplit_set(words ? words : "", " \t\r\n", 64);
	g_autoptr(GStrvBuilder) b = g_strv_builder_new();
	for (char **w = all; *w; w++)
		if (**w)
			g_strv_builder_add(b, *w);
	return g_strv_builder_end(b);
}

char *pt_onvif_read_ntp(const PtSoap *a, bool *ret_from_dhcp) {
	const PtXmlNode *info = pt_xml_child(a->body, "NTPInformation");
	static const char *const forms[] = {"DNSname", "IPv4Address", "IPv6Address"};
	GString *out = g_string_new(NULL);
	*ret_from_dhcp = false;
	pt_xml_bool(pt_xml_value_at(info, "FromDHCP"), ret_from_dhcp);
	const char *list = *ret_from_dhcp ? "NTPFromDHCP" : "NTPManual";
	for (const PtXmlNode *n = pt_xml_child(info, list); n && out->len < 400; n = pt_xml_next(n, list))
		for (size_t i = 0; i < G_N_ELEMENTS(forms); i++)
			if (*pt_xml_value_at(n, forms[i]))
				g_string_append_printf(out, "%s%s", out->len ? " " : "", pt_xml_value_at(n, forms[i]));
	return g_string_free(out, FALSE);
}

/* ---- masks ---- */

static void mask_free(void *data) {
	PtOnvifMask *m = data;
	g_free(m->token);
	g_free(m->configuration);
	g_free(m->type);
	g_array_unref(m->points);
	g_free(m);
}

GPtrArray *pt_onvif_masks_new(void) { return g_ptr_array_new_with_free_func(mask_free); }

static double coordinate(const PtXmlNode *point, const char *name) {
	const char *text = pt_xml_get(point, name);
	double v = 0;
	return text && pt_xml_float(text, &v) ? CLAMP(v, -1, 1) : 0;
}

void pt_onvif_read_masks(const PtSoap *a, GPtrArray *masks) {
	for (const PtXmlNode *n = pt_xml_child(a->body, "Masks"); n && masks->len < LIST_MAX; n = pt_xml_next(n, "Masks")) {
		const char *token = pt_xml_get(n, "token");
		if (!token || !*token)
			continue;
		PtOnvifMask *m = g_new0(PtOnvifMask, 1);
		m->token = g_strdup(token);
		m->configuration = g_strdup(pt_xml_value_at(n, "ConfigurationToken"));
		m->type = g_strdup(pt_xml_value_at(n, "Type"));
		m->points = g_array_new(FALSE, FALSE, sizeof(PtOnvifPoint));
		pt_xml_bool(pt_xml_value_at(n, "Enabled"), &m->enabled);
		for (const PtXmlNode *p = pt_xml_at(n, "Polygon/Point"); p && m->points->len < POINTS_MAX;
		     p = pt_xml_next(p, "Point"))
			g_array_append_val(m->points, ((PtOnvifPoint){coordinate(p, "x"), coordinate(p, "y")}));
		g_ptr_array_add(masks, m);
	}
}

/* ---- as people read it ---- */

void pt_onvif_read_users(const PtSoap *a, GPtrArray *lines) {
	for (const PtXmlNode *n = pt_xml_child(a->body, "User"); n && lines->len < LIST_MAX; n = pt_xml_next(n, "User"))
		g_ptr_array_add(lines, g_strdup_printf("%.64s (%.32s)", pt_xml_value_at(n, "Username"),
		                                       pt_xml_value_at(n, "UserLevel")));
}

/* A share may be given with a login in its address: that is cut off. */
static char *without_login(const char *uri) {
	const char *scheme = strstr(uri, "://");
	const char *from = scheme ? scheme + 3 : uri, *at = g_strrstr_len(from, (gssize)strcspn(from, "/"), "@");
	return at ? g_strdup_printf("%.*s%s", (int)(from - uri), uri, at + 1) : g_strdup(uri);
}

void pt_onvif_read_storage(const PtSoap *a, GPtrArray *lines) {
	for (const PtXmlNode *n = pt_xml_child(a->body, "StorageConfigurations"); n && lines->len < LIST_MAX;
	     n = pt_xml_next(n, "StorageConfigurations")) {
		const PtXmlNode *data = pt_xml_child(n, "Data");
		const char *type = pt_xml_get(data, "type"), *token = pt_xml_get(n, "token");
		const char *path = pt_xml_value_at(data, "LocalPath");
		g_autofree char *uri = without_login(pt_xml_value_at(data, "StorageUri"));
		g_ptr_array_add(lines, g_strdup_printf("storage %.64s: %.64s%s%.100s", token ? token : "?",
		                                       type ? type : "?", *path || *uri ? " at " : "", *path ? path : uri));
	}
}

void pt_onvif_read_recordings(const PtSoap *a, GPtrArray *lines) {
	for (const PtXmlNode *n = pt_xml_child(a->body, "RecordingItem"); n && lines->len < LIST_MAX;
	     n = pt_xml_next(n, "RecordingItem")) {
		g_autoptr(GString) tracks = g_string_new(NULL);
		for (const PtXmlNode *t = pt_xml_at(n, "Tracks/Track"); t && tracks->len < 100; t = pt_xml_next(t, "Track"))
			g_string_append_printf(tracks, "%s%.20s", tracks->len ? ", " : "",
			                       pt_xml_value_at(t, "Configuration/TrackType"));
		g_autofree char *what = g_ascii_strdown(tracks->str, -1);
		const char *content = pt_xml_value_at(n, "Configuration/Content");
		g_ptr_array_add(lines, g_strdup_printf("recording %.64s%s%.80s%s (%s)", pt_xml_value_at(n, "RecordingToken"),
		                                       *content ? " '" : "", content, *content ? "'" : "",
		                                       *what ? what : "no tracks"));
	}
}
