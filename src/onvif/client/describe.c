/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/describe.h"
#include "base/error.h"
#include "onvif/client/address.h"
#include "onvif/client/answers.h"
#include <string.h>

struct PtOnvifDescribe {
	PtOnvifDevice *device;
	PtOnvifDescribeParams params;
	PtOnvifFound *found;
	unsigned step;
	PtOnvifCall *call;
	PtOnvifFoundFn fn;
	void *user;
};

/* ---- what was found ---- */

static void plug_free(void *data) {
	PtOnvifPlug *p = data;
	g_free(p->token);
	g_free(p);
}

PtOnvifFound *pt_onvif_found_new(void) {
	PtOnvifFound *f = g_new0(PtOnvifFound, 1);
	f->plugs = g_ptr_array_new_with_free_func(plug_free);
	f->notes = g_ptr_array_new_with_free_func(g_free);
	f->warnings = g_ptr_array_new_with_free_func(g_free);
	f->users = g_ptr_array_new_with_free_func(g_free);
	f->storage = g_ptr_array_new_with_free_func(g_free);
	f->auxiliary = g_new0(char *, 1);
	f->audio_sources = f->audio_outputs = -1;
	return f;
}

void pt_onvif_found_free(PtOnvifFound *f) {
	if (!f)
		return;
	g_free(f->maker);
	g_free(f->model);
	g_free(f->firmware);
	g_free(f->serial);
	g_clear_pointer(&f->profiles, g_ptr_array_unref);
	g_free(f->snapshot);
	g_ptr_array_unref(f->plugs);
	g_ptr_array_unref(f->notes);
	g_ptr_array_unref(f->warnings);
	g_ptr_array_unref(f->users);
	g_ptr_array_unref(f->storage);
	g_strfreev(f->auxiliary);
	g_free(f);
}

PtOnvifPlug *pt_onvif_found_add_plug(PtOnvifFound *f, PtOnvifPlugKind kind, const char *token) {
	PtOnvifPlug *p = g_new0(PtOnvifPlug, 1);
	p->kind = kind;
	p->token = g_strdup(token);
	g_ptr_array_add(f->plugs, p);
	return p;
}

/* ---- answers ---- */

static void take_information(PtOnvifDescribe *d, const PtSoap *a) { pt_onvif_read_information(a, d->found); }

static void take_profiles(PtOnvifDescribe *d, const PtSoap *a) {
	g_clear_pointer(&d->found->profiles, g_ptr_array_unref);
	d->found->profiles = pt_onvif_read_profiles(a);
	pt_onvif_choose_profiles(d->found->profiles, d->params.choice, &d->found->main, &d->found->sub);
}

/* A name that the site file has and the camera has not: with what it has instead. */
static void note_missing(PtOnvifFound *f, const char *wish, const PtOnvifProfile *taken) {
	if (!wish || taken)
		return;
	g_autoptr(GString) has = g_string_new(NULL);
	for (guint i = 0; i < f->profiles->len && has->len < 300; i++) {
		const PtOnvifProfile *p = g_ptr_array_index(f->profiles, i);
		g_string_append_printf(has, "%s%s '%s'", i ? ", " : "", p->token, p->name);
	}
	g_ptr_array_add(f->notes, g_strdup_printf("there is no profile '%s' (profiles:); it has %s", wish,
	                                          has->len ? has->str : "none with a picture"));
}

static void take_stream(PtOnvifDescribe *d, PtOnvifProfile *p, const PtSoap *a) {
	g_free(p->url);
	p->url = pt_onvif_stream_url(pt_onvif_device_host_url(d->device), pt_onvif_read_uri(a));
	if (!p->url)
		g_ptr_array_add(d->found->notes, g_strdup_printf("profile %s: it gave no RTSP address", p->token));
}

static void take_main(PtOnvifDescribe *d, const PtSoap *a) { take_stream(d, d->found->main, a); }
static void take_sub(PtOnvifDescribe *d, const PtSoap *a) { take_stream(d, d->found->sub, a); }

static void take_snapshot(PtOnvifDescribe *d, const PtSoap *a) {
	const char *given = pt_onvif_read_uri(a);
	if (g_str_has_prefix(given, "http"))
		d->found->snapshot = pt_onvif_service_url(pt_onvif_device_host_url(d->device), given);
}

static void take_inputs(PtOnvifDescribe *d, const PtSoap *a) { pt_onvif_read_inputs(a, d->found); }
static void take_users(PtOnvifDescribe *d, const PtSoap *a) { pt_onvif_read_users(a, d->found->users); }
static void take_storage(PtOnvifDescribe *d, const PtSoap *a) { pt_onvif_read_storage(a, d->found->storage); }
static void take_recordings(PtOnvifDescribe *d, const PtSoap *a) { pt_onvif_read_recordings(a, d->found->storage); }

static void take_auxiliary(PtOnvifDescribe *d, const PtSoap *a) {
	g_strfreev(d->found->auxiliary);
	d->found->auxiliary = pt_onvif_read_auxiliary(a);
}

/* Asked without a login, and answered: whoever reaches it is its master. */
static void take_strangers(PtOnvifDescribe *d, const PtSoap *a) {
	g_ptr_array_add(d->found->warnings, g_strdup("it answers without any login: give it a password"));
}

static void take_relays(PtOnvifDescribe *d, const PtSoap *a) { pt_onvif_read_relays(a, d->found); }

static void take_audio_sources(PtOnvifDescribe *d, const PtSoap *a) { d->found->audio_sources = pt_onvif_read_audio(a); }
static void take_audio_outputs(PtOnvifDescribe *d, const PtSoap *a) { d->found->audio_outputs = pt_onvif_read_audio(a); }

/* ---- questions ---- */

static PtXml *ask_stream(const PtOnvifProfile *p) {
	PtXml *x = pt_xml_new();
	if (p->media2) {
		pt_xml_open(x, "tr2:GetStreamUri");
		pt_xml_put(x, "tr2:Protocol", "RTSP");
		pt_xml_put(x, "tr2:ProfileToken", p->token);
	} else {
		pt_xml_open(x, "trt:GetStreamUri");
		pt_xml_open(x, "trt:StreamSetup");
		pt_xml_put(x, "tt:Stream", "RTP-Unicast");
		pt_xml_open(x, "tt:Transport");
		pt_xml_put(x, "tt:Protocol", "RTSP");
		pt_xml_close(x);
		pt_xml_close(x);
		pt_xml_put(x, "trt:ProfileToken", p->token);
	}
	pt_xml_close(x);
	return x;
}

static PtXml *ask_main(const PtOnvifDescribe *d) { return d->found->main ? ask_stream(d->found->main) : NULL; }
static PtXml *ask_sub(const PtOnvifDescribe *d) { return d->found->sub ? ask_stream(d->found->sub) : NULL; }

static PtXml *ask_snapshot(const PtOnvifDescribe *d) {
	const PtOnvifProfile *p = d->found->main;
	if (!p)
		return NULL;
	PtXml *x = pt_xml_new();
	pt_xml_open(x, p->media2 ? "tr2:GetSnapshotUri" : "trt:GetSnapshotUri");
	pt_xml_put(x, p->media2 ? "tr2:ProfileToken" : "trt:ProfileToken", p->token);
	pt_xml_close(x);
	return x;
}

static PtXml *ask_profiles2(const PtOnvifDescribe *d) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tr2:GetProfiles");
	pt_xml_put(x, "tr2:Type", "All");
	pt_xml_close(x);
	return x;
}

/* A camera whose Media2 says nothing useful is asked the older way. */
static PtXml *ask_profiles(const PtOnvifDescribe *d) { return d->found->main ? NULL : pt_onvif_request("trt:GetProfiles"); }

static PtXml *ask_users(const PtOnvifDescribe *d) { return pt_onvif_request("tds:GetUsers"); }
static PtXml *ask_storage(const PtOnvifDescribe *d) { return pt_onvif_request("tds:GetStorageConfigurations"); }
static PtXml *ask_recordings(const PtOnvifDescribe *d) { return pt_onvif_request("trc:GetRecordings"); }
static PtXml *ask_auxiliary(const PtOnvifDescribe *d) { return pt_onvif_request("tds:GetServiceCapabilities"); }
static PtXml *ask_information(const PtOnvifDescribe *d) { return pt_onvif_request("tds:GetDeviceInformation"); }
static PtXml *ask_inputs(const PtOnvifDescribe *d) { return pt_onvif_request("tmd:GetDigitalInputs"); }
static PtXml *ask_relays(const PtOnvifDescribe *d) { return pt_onvif_request("tds:GetRelayOutputs"); }
static PtXml *ask_audio_sources(const PtOnvifDescribe *d) { return pt_onvif_request("tmd:GetAudioSources"); }
static PtXml *ask_audio_outputs(const PtOnvifDescribe *d) { return pt_onvif_request("tmd:GetAudioOutputs"); }

typedef enum { ALWAYS, IF_THERE, MEDIA_OF_MAIN, MEDIA_OF_SUB, LOOKED_AT, STRANGER } When;

static const struct {
	const char *what;
	PtOnvifService service;
	When when;
	PtXml *(*ask)(const PtOnvifDescribe *d); /* NULL: need not be asked */
	void (*take)(PtOnvifDescribe *d, const PtSoap *answer);
} steps[] = {
    {"what it is", PT_ONVIF_DEVICE, ALWAYS, ask_information, take_information},
    {"profiles (Media2)", PT_ONVIF_MEDIA2, IF_THERE, ask_profiles2, take_profiles},
    {"profiles", PT_ONVIF_MEDIA, IF_THERE, ask_profiles, take_profiles},
    {"address of the main stream", PT_ONVIF_MEDIA, MEDIA_OF_MAIN, ask_main, take_main},
    {"address of the sub stream", PT_ONVIF_MEDIA, MEDIA_OF_SUB, ask_sub, take_sub},
    {"address of still pictures", PT_ONVIF_MEDIA, MEDIA_OF_MAIN, ask_snapshot, take_snapshot},
    {"inputs", PT_ONVIF_DEVICEIO, IF_THERE, ask_inputs, take_inputs},
    {"relays", PT_ONVIF_DEVICE, ALWAYS, ask_relays, take_relays},
    {"audio inputs", PT_ONVIF_DEVICEIO, IF_THERE, ask_audio_sources, take_audio_sources},
    {"audio outputs", PT_ONVIF_DEVICEIO, IF_THERE, ask_audio_outputs, take_audio_outputs},
    /* many do not know these, or tell them to administrators only: what they do not say is no news */
    {"lamps", PT_ONVIF_DEVICE, LOOKED_AT, ask_auxiliary, take_auxiliary},
    {"storage", PT_ONVIF_DEVICE, LOOKED_AT, ask_storage, take_storage},
    {"recordings", PT_ONVIF_RECORDING, LOOKED_AT, ask_recordings, take_recordings},
    {"users", PT_ONVIF_DEVICE, LOOKED_AT, ask_users, take_users},
    {"users, as a stranger", PT_ONVIF_DEVICE, STRANGER, ask_users, take_strangers},
};

static void next(PtOnvifDescribe *d);

static void finish(PtOnvifDescribe *d, const GError *error) {
	PtOnvifFoundFn fn = d->fn;
	void *user = d->user;
	PtOnvifFound *found = error ? NULL : g_steal_pointer(&d->found);
	pt_onvif_describe_free(d);
	fn(user, found, error);
}

static void answered(void *user, const PtSoap *answer, const GError *error) {
	PtOnvifDescribe *d = user;
	d->call = NULL;
	if (answer) {
		steps[d->step].take(d, answer);
	} else if (steps[d->step].when >= LOOKED_AT) {
		/* no news */
	} else if (error->code == PT_ERROR_AUTH || (d->step == 0 && error->code == PT_ERROR_TIMEOUT)) {
		finish(d, error);
		return;
	} else {
		g_ptr_array_add(d->found->notes, g_strdup_printf("%s: %s", steps[d->step].what, error->message));
	}
	d->step++;
	next(d);
}

static void next(PtOnvifDescribe *d) {
	for (; d->step < G_N_ELEMENTS(steps); d->step++) {
		const PtOnvifProfile *p = steps[d->step].when == MEDIA_OF_SUB ? d->found->sub : d->found->main;
		PtOnvifService service = steps[d->step].service;
		When when = steps[d->step].when;
		if (when == MEDIA_OF_MAIN || when == MEDIA_OF_SUB)
			service = p && p->media2 ? PT_ONVIF_MEDIA2 : PT_ONVIF_MEDIA;
		if (when >= LOOKED_AT && !d->params.thorough)
			continue;
		if (when != ALWAYS && !pt_onvif_device_has(d->device, service))
			continue;
		PtXml *question = steps[d->step].ask(d);
		if (!question)
			continue;
		d->call = when == STRANGER ? pt_onvif_call_as_stranger(d->device, service, question, answered, d)
		                           : pt_onvif_call(d->device, service, question, answered, d);
		return;
	}
	if (!d->found->profiles)
		d->found->profiles = g_ptr_array_new();
	if (d->params.choice) {
		note_missing(d->found, d->params.choice->main, d->found->main);
		note_missing(d->found, d->params.choice->sub, d->found->sub);
	}
	const char *warning = pt_onvif_device_login_warning(d->device);
	if (warning)
		g_ptr_array_add(d->found->warnings, g_strdup(warning));
	finish(d, NULL);
}

PtOnvifDescribe *pt_onvif_describe_device(PtOnvifDevice *device, const PtOnvifDescribeParams *params, PtOnvifFoundFn fn,
                                          void *user) {
	PtOnvifDescribe *d = g_new0(PtOnvifDescribe, 1);
	d->device = device;
	d->params = *params;
	d->found = pt_onvif_found_new();
	d->fn = fn;
	d->user = user;
	next(d);
	return d;
}

void pt_onvif_describe_free(PtOnvifDescribe *d) {
	if (!d)
		return;
	pt_onvif_cancel(d->call);
	pt_onvif_found_free(d->found);
	g_free(d);
}

/* ---- relays ---- */

PtXml *pt_onvif_relay_order(const char *token, bool active) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tds:SetRelayOutputState");
	pt_xml_put(x, "tds:RelayOutputToken", token);
	pt_xml_put(x, "tds:LogicalState", active ? "active" : "inactive");
	pt_xml_close(x);
	return x;
}

PtXml *pt_onvif_relay_mode(const PtOnvifPlug *p) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "tds:SetRelayOutputSettings");
	pt_xml_put(x, "tds:RelayOutputToken", p->token);
	pt_xml_open(x, "tds:Properties");
	pt_xml_put(x, "tt:Mode", p->monostable ? "Monostable" : "Bistable");
	pt_xml_put_duration(x, "tt:DelayTime", p->monostable ? (int64_t)(p->delay_s * PT_NS_PER_S) : 0);
	pt_xml_put(x, "tt:IdleState", p->idle_closed ? "closed" : "open");
	pt_xml_close(x);
	pt_xml_close(x);
	return x;
}
