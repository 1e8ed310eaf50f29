/* Device IO service: digital inputs, relay outputs, and how many sources and outputs there are. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/encoders.h"
#include "onvif/server/profiles.h"
#include "onvif/server/relays.h"
#include "base/error.h"
#include <string.h>

/* ---- relays ---- */

static gboolean find_relay(PtCall *c, const char *token, PtOnvifRelay *ret) {
	g_autoptr(GArray) all = pt_call_relays(c);
	for (guint i = 0; i < all->len; i++)
		if (!strcmp(g_array_index(all, PtOnvifRelay, i).token, token)) {
			*ret = g_array_index(all, PtOnvifRelay, i);
			return TRUE;
		}
	pt_call_fault(c, "ter:InvalidArgVal", "ter:RelayToken", "there is no relay '%.64s'", token);
	return FALSE;
}

void pt_relays_get(PtCall *c) {
	g_autoptr(GArray) all = pt_call_relays(c);
	for (guint i = 0; i < all->len; i++) {
		const PtOnvifRelay *r = &g_array_index(all, PtOnvifRelay, i);
		pt_xml_open(c->out, "tds:RelayOutputs");
		pt_xml_attribute(c->out, "token", r->token);
		pt_xml_open(c->out, "tt:Properties");
		pt_xml_put(c->out, "tt:Mode", r->settings.monostable ? "Monostable" : "Bistable");
		pt_xml_put_duration(c->out, "tt:DelayTime", r->settings.delay_ns);
		pt_xml_put(c->out, "tt:IdleState", r->settings.idle_closed ? "closed" : "open");
		pt_xml_close(c->out);
		pt_xml_close(c->out);
	}
}

void pt_relays_set_state(PtCall *c) {
	const char *state = pt_call_text(c, "tds:LogicalState");
	g_autofree char *actor = pt_call_actor(c);
	g_autoptr(GError) error = NULL;
	PtOnvifRelay r;
	if (!find_relay(c, pt_call_text(c, "tds:RelayOutputToken"), &r))
		return;
	if (strcmp(state, "active") && strcmp(state, "inactive"))
		pt_call_fault(c, "ter:InvalidArgVal", NULL, "LogicalState: '%.40s' is not one of active, inactive", state);
	else if (!c->server->host.set_relay(c->server->host.data, r.token, !strcmp(state, "active"), actor, &error))
		pt_call_fault_error(c, error);
}

static void set_settings(PtCall *c, const char *token, const PtXmlNode *in) {
	const char *mode = pt_xml_value_at(in, "tt:Mode"), *idle = pt_xml_value_at(in, "tt:IdleState");
	const char *delay = pt_xml_value_at(in, "tt:DelayTime");
	const PtOnvifHost *h = &c->server->host;
	g_autofree char *actor = pt_call_actor(c);
	g_autoptr(GError) error = NULL;
	PtOnvifRelay r;
	if (!find_relay(c, token, &r))
		return;
	bool monostable = !strcmp(mode, "Monostable"), closed = !strcmp(idle, "closed");
	if ((!monostable && strcmp(mode, "Bistable")) || (!closed && strcmp(idle, "open"))) {
		pt_call_fault(c, "ter:InvalidArgVal", NULL, "Mode is Monostable or Bistable, IdleState is open or closed");
		return;
	}
	PtOnvifRelaySettings wanted = {monostable, closed, r.settings.delay_ns};
	bool timed = pt_xml_duration(delay, &wanted.delay_ns) && wanted.delay_ns >= PT_ONVIF_DELAY_MIN_NS &&
	             wanted.delay_ns <= PT_ONVIF_DELAY_MAX_NS;
	if (!timed && monostable) {
		pt_call_fault(c, "ter:InvalidArgVal", "ter:ModeError", "DelayTime: '%.40s' is not from PT0.05S to PT3600S",
		              delay);
		return;
	}
	if (!timed) /* a bistable relay needs none (DeviceIO specification, "SetRelayOutputSettings") */
		wanted.delay_ns = r.settings.delay_ns;
	bool same = wanted.monostable == r.settings.monostable && wanted.idle_closed == r.settings.idle_closed &&
	            (!monostable || wanted.delay_ns == r.settings.delay_ns);
	if (same)
		return;
	if (r.fixed || !h->configure_relay)
		pt_call_fault(c, "ter:InvalidArgVal", "ter:ModeError", "%s is a %s: its settings are those of the site file",
		              r.token, r.kind);
	else if (!h->configure_relay(h->data, r.token, &wanted, actor, &error))
		pt_call_fault(c, "ter:InvalidArgVal", "ter:ModeError", "%s", error->message);
	else if (!pt_settings_set_relay(c->server->settings, r.token, &wanted, &error))
		pt_call_fault_error(c, error);
}

void pt_relays_set_tds(PtCall *c) {
	set_settings(c, pt_call_text(c, "tds:RelayOutputToken"), pt_xml_child(c->in, "tds:Properties"));
}

void pt_relays_set_tmd(PtCall *c) {
	const PtXmlNode *relay = pt_xml_child(c->in, "tmd:RelayOutput");
	const char *token = relay ? pt_xml_get(relay, "token") : NULL;
	set_settings(c, token ? token : "", pt_xml_child(relay, "tt:Properties"));
}

void pt_relays_get_options(PtCall *c) {
	const char *token = pt_call_text(c, "tmd:RelayOutputToken");
	g_autoptr(GArray) all = pt_call_relays(c);
	for (guint i = 0; i < all->len; i++) {
		const PtOnvifRelay *r = &g_array_index(all, PtOnvifRelay, i);
		double seconds = (double)r->settings.delay_ns / PT_NS_PER_S;
		if (*token && strcmp(token, r->token))
			continue;
		pt_xml_open(c->out, "tmd:RelayOutputOptions");
		pt_xml_attribute(c->out, "token", r->token);
		if (!r->fixed || !r->settings.monostable)
			pt_xml_put(c->out, "tmd:Mode", "Bistable");
		if (!r->fixed || r->settings.monostable)
			pt_xml_put(c->out, "tmd:Mode", "Monostable");
		if (!r->fixed)
			pt_xml_put(c->out, "tmd:DelayTimes", "0.05 3600");
		else if (r->settings.monostable)
			pt_xml_put_float(c->out, "tmd:DelayTimes", seconds);
		pt_xml_put_bool(c->out, "tmd:Discrete", r->fixed);
		pt_xml_close(c->out);
	}
}

/* ---- inputs ---- */

static const char *idle_word(const PtOnvifInput *i) { return i->idle_closed ? "closed" : "open"; }

static gboolean find_input(PtCall *c, const char *token, PtOnvifInput *ret) {
	g_autoptr(GArray) all = pt_call_inputs(c);
	for (guint i = 0; i < all->len; i++)
		if (!strcmp(g_array_index(all, PtOnvifInput, i).token, token)) {
			*ret = g_array_index(all, PtOnvifInput, i);
			return TRUE;
		}
	pt_call_fault(c, "ter:InvalidArgVal", "ter:NoConfig", "there is no input '%.64s'", token);
	return FALSE;
}

static void get_inputs(PtCall *c) {
	g_autoptr(GArray) all = pt_call_inputs(c);
	for (guint i = 0; i < all->len; i++) {
		const PtOnvifInput *in = &g_array_index(all, PtOnvifInput, i);
		pt_xml_open(c->out, "tmd:DigitalInputs");
		pt_xml_attribute(c->out, "token", in->token);
		pt_xml_attribute(c->out, "IdleState", idle_word(in));
		pt_xml_close(c->out);
	}
}

/* How an input is wired is the site file's knowledge: what it says is the one option. */
static void get_input_options(PtCall *c) {
	const char *token = pt_call_text(c, "tmd:Token");
	g_autoptr(GArray) all = pt_call_inputs(c);
	PtOnvifInput in;
	bool open = false, closed = false;
	if (*token && !find_input(c, token, &in))
		return;
	for (guint i = 0; i < all->len; i++) {
		const PtOnvifInput *each = &g_array_index(all, PtOnvifInput, i);
		if (*token && strcmp(each->token, token))
			continue;
		closed |= each->idle_closed;
		open |= !each->idle_closed;
	}
	pt_xml_open(c->out, "tmd:DigitalInputOptions");
	if (closed)
		pt_xml_put(c->out, "tmd:IdleState", "closed");
	if (open || !closed)
		pt_xml_put(c->out, "tmd:IdleState", "open");
	pt_xml_close(c->out);
}

static void set_inputs(PtCall *c) {
	for (const PtXmlNode *n = pt_xml_child(c->in, "tmd:DigitalInputs"); n; n = pt_xml_next(n, "tmd:DigitalInputs")) {
		const char *token = pt_xml_get(n, "token"), *idle = pt_xml_get(n, "IdleState");
		PtOnvifInput in;
		if (!find_input(c, token ? token : "", &in))
			return;
		if (idle && strcmp(idle, idle_word(&in))) {
			pt_call_fault(c, "ter:InvalidArgVal", "ter:SettingsInvalid",
			              "%s is wired %s when idle: the site file says so", in.token, idle_word(&in));
			return;
		}
	}
}

/* ---- how many there are of the rest ---- */

static void put_tokens(PtCall *c, PtConf conf) {
	g_autoptr(GArray) all = pt_conf_all(c, conf);
	for (guint i = 0; i < all->len; i++)
		pt_xml_put(c->out, "tmd:Token", g_array_index(all, PtOnvifStream, i).camera);
}

static void get_video_sources(PtCall *c) { put_tokens(c, PT_CONF_VIDEO_SOURCE); }
static void get_audio_sources(PtCall *c) { put_tokens(c, PT_CONF_AUDIO_SOURCE); }
static void get_audio_outputs(PtCall *c) { put_tokens(c, PT_CONF_AUDIO_OUTPUT); }
static void nothing(PtCall *c) {}

static void put_capabilities(PtCall *c) {
	g_autoptr(GArray) videos = pt_conf_all(c, PT_CONF_VIDEO_SOURCE), audios = pt_conf_all(c, PT_CONF_AUDIO_SOURCE);
	g_autoptr(GArray) outputs = pt_conf_all(c, PT_CONF_AUDIO_OUTPUT);
	g_autoptr(GArray) inputs = pt_call_inputs(c), relays = pt_call_relays(c);
	pt_xml_open(c->out, "tmd:Capabilities");
	pt_xml_attribute_int(c->out, "VideoSources", videos->len);
	pt_xml_attribute_int(c->out, "VideoOutputs", 0);
	pt_xml_attribute_int(c->out, "AudioSources", audios->len);
	pt_xml_attribute_int(c->out, "AudioOutputs", outputs->len);
	pt_xml_attribute_int(c->out, "RelayOutputs", relays->len);
	pt_xml_attribute_int(c->out, "SerialPorts", 0);
	pt_xml_attribute_int(c->out, "DigitalInputs", inputs->len);
	pt_xml_attribute_bool(c->out, "DigitalInputOptions", true);
	pt_xml_close(c->out);
}

static void get_source(PtCall *c, PtConf conf, const char *argument, const char *element, bool options) {
	const char *token = pt_call_text(c, argument);
	g_autoptr(GArray) all = pt_conf_all(c, conf);
	for (guint i = 0; i < all->len; i++) {
		const PtOnvifStream *s = &g_array_index(all, PtOnvifStream, i);
		if (strcmp(s->camera, token))
			continue;
		if (!options) {
			pt_conf_put(c, c->out, element, conf, s, true);
			return;
		}
		if (conf == PT_CONF_AUDIO_OUTPUT) {
			pt_encoders_put_output(c, element, s);
			return;
		}
		pt_xml_open(c->out, element);
		pt_xml_put(c->out, "tt:InputTokensAvailable", s->camera);
		pt_xml_close(c->out);
		return;
	}
	pt_call_fault(c, "ter:InvalidArgVal",
	              conf == PT_CONF_VIDEO_SOURCE   ? "ter:NoVideoSource"
	              : conf == PT_CONF_AUDIO_SOURCE ? "ter:NoAudioSource"
	                                             : "ter:NoAudioOutput",
	              "there is no '%.64s'", token);
}

static void get_video_source(PtCall *c) {
	get_source(c, PT_CONF_VIDEO_SOURCE, "tmd:VideoSourceToken", "tmd:VideoSourceConfiguration", false);
}
static void get_audio_source(PtCall *c) {
	get_source(c, PT_CONF_AUDIO_SOURCE, "tmd:AudioSourceToken", "tmd:AudioSourceConfiguration", false);
}
static void get_audio_source_options(PtCall *c) {
	get_source(c, PT_CONF_AUDIO_SOURCE, "tmd:AudioSourceToken", "tmd:AudioSourceOptions", true);
}

static void get_audio_output(PtCall *c) {
	get_source(c, PT_CONF_AUDIO_OUTPUT, "tmd:AudioOutputToken", "tmd:AudioOutputConfiguration", false);
}
static void get_audio_output_options(PtCall *c) {
	get_source(c, PT_CONF_AUDIO_OUTPUT, "tmd:AudioOutputToken", "tmd:AudioOutputOptions", true);
}

static void no_video_output(PtCall *c) {
	pt_call_fault(c, "ter:InvalidArgVal", "ter:NoVideoOutput", "there is no output of pictures here");
}

static void no_port(PtCall *c) {
	pt_call_fault(c, "ter:InvalidArgVal", "ter:InvalidSerialPort", "there is no serial port here");
}

/* GetRelayOutputs and SetRelayOutputState of this service have elements of the device service: see device.c. */
static const PtOperation operations[] = {
    {"GetServiceCapabilities", PT_ACCESS_PRE_AUTH, put_capabilities},
    {"GetRelayOutputOptions", PT_ACCESS_PRE_AUTH, pt_relays_get_options},
    {"SetRelayOutputSettings", PT_ACCESS_ACTUATE, pt_relays_set_tmd},
    {"GetDigitalInputs", PT_ACCESS_READ_SYSTEM, get_inputs},
    {"GetDigitalInputConfigurationOptions", PT_ACCESS_READ_SYSTEM, get_input_options},
    {"SetDigitalInputConfigurations", PT_ACCESS_ACTUATE, set_inputs},
    {"GetVideoSources", PT_ACCESS_READ_MEDIA, get_video_sources},
    {"GetAudioSources", PT_ACCESS_READ_MEDIA, get_audio_sources},
    {"GetVideoOutputs", PT_ACCESS_READ_MEDIA, nothing},
    {"GetAudioOutputs", PT_ACCESS_READ_MEDIA, get_audio_outputs},
    {"GetVideoSourceConfiguration", PT_ACCESS_READ_MEDIA, get_video_source},
    {"GetAudioSourceConfiguration", PT_ACCESS_READ_MEDIA, get_audio_source},
    {"GetAudioSourceConfigurationOptions", PT_ACCESS_READ_MEDIA, get_audio_source_options},
    {"GetVideoSourceConfigurationOptions", PT_ACCESS_READ_MEDIA},
    {"SetVideoSourceConfiguration", PT_ACCESS_ACTUATE},
    {"SetAudioSourceConfiguration", PT_ACCESS_ACTUATE},
    {"GetVideoOutputConfiguration", PT_ACCESS_READ_MEDIA, no_video_output},
    {"SetVideoOutputConfiguration", PT_ACCESS_ACTUATE, no_video_output},
    {"GetVideoOutputConfigurationOptions", PT_ACCESS_READ_MEDIA, no_video_output},
    {"GetAudioOutputConfiguration", PT_ACCESS_READ_MEDIA, get_audio_output},
    {"SetAudioOutputConfiguration", PT_ACCESS_ACTUATE},
    {"GetAudioOutputConfigurationOptions", PT_ACCESS_READ_MEDIA, get_audio_output_options},
    {"GetSerialPorts", PT_ACCESS_READ_SYSTEM, nothing},
    {"GetSerialPortConfiguration", PT_ACCESS_READ_SYSTEM, no_port},
    {"SetSerialPortConfiguration", PT_ACCESS_ACTUATE, no_port},
    {"GetSerialPortConfigurationOptions", PT_ACCESS_READ_SYSTEM, no_port},
    {"SendReceiveSerialCommand", PT_ACCESS_ACTUATE, no_port},
    {NULL},
};

const PtService pt_service_deviceio = {"tmd", "/onvif/deviceio_service", 21, 6, put_capabilities, operations};
