/* What is set of sources that are encoded on this machine: it stands in their location. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "daemon/onvif.h"
#include "media/alsa/alsa.h"
#include "media/test/clock.h"
#include "media/v4l2/v4l2.h"
#include <math.h>
#include <string.h>

typedef struct {
	bool v4l2;
	PtV4l2Location camera; /* v4l2 */
	PtCodecJobParams test; /* else */
} Encoder;

static bool encoder_read(const char *location, Encoder *ret) {
	ret->v4l2 = g_str_has_prefix(location, "v4l2:");
	if (ret->v4l2)
		return pt_v4l2_parse(location, &ret->camera, NULL);
	return g_str_has_prefix(location, "test:") && pt_test_parse(location, &ret->test, NULL);
}

static char *encoder_write(const Encoder *e) { return e->v4l2 ? pt_v4l2_location(&e->camera) : pt_test_location(&e->test); }

/* What it is asked for now. False: it is not encoded here. */
static bool encoder_of(PtCameras *cameras, const PtSite *site, const char *camera, bool sub, Encoder *ret) {
	const PtSiteCamera *c = pt_site_camera(site, camera);
	const char *location = c ? pt_cameras_location(cameras, c, sub ? "sub" : "main") : NULL;
	return location && encoder_read(location, ret);
}

static unsigned frames(uint32_t gop_ms, unsigned fps) { return MAX((unsigned)lround(gop_ms * fps / 1000.0), 1); }

bool pt_onvif_encoder_describe(const char *location, PtOnvifStream *ret) {
	Encoder e;
	if (!encoder_read(location, &e))
		return false;
	if (e.v4l2)
		ret->video = (PtOnvifVideo){.codec = e.camera.mjpeg ? PT_ONVIF_JPEG : PT_ONVIF_H264,
		                            .width = e.camera.width,
		                            .height = e.camera.height,
		                            .fps = e.camera.fps,
		                            .kbps = e.camera.bitrate / 1000,
		                            .gop = e.camera.mjpeg ? 1 : frames(e.camera.gop_ms, e.camera.fps)};
	else
		ret->video = (PtOnvifVideo){.codec = PT_ONVIF_H264,
		                            .width = e.test.width,
		                            .height = e.test.height,
		                            .fps = e.test.fps,
		                            .kbps = e.test.bitrate / 1000,
		                            .gop = frames(e.test.gop_ms, e.test.fps)};
	ret->settable = true;
	if (!e.v4l2 && e.test.with_audio) {
		static const PtOnvifAudio options[] = {{PT_ONVIF_AAC, 48000, 64}, {PT_ONVIF_PCMU, 8000, 64}};
		memcpy(ret->audio_options, options, sizeof options);
		ret->n_audio_options = G_N_ELEMENTS(options);
		const PtOnvifAudio *asked = &options[e.test.audio == PT_CODEC_PCMU];
		ret->audio = asked->codec;
		ret->sample_rate = asked->sample_rate;
		ret->audio_kbps = asked->kbps;
		ret->channels = 1;
	}
	return true;
}

static const struct {
	PtOnvifAudioCodec named;
	PtCodec codec;
} microphone_codecs[] = {{PT_ONVIF_AAC, PT_CODEC_AAC}, {PT_ONVIF_PCMU, PT_CODEC_PCMU}, {PT_ONVIF_PCMA, PT_CODEC_PCMA}};

bool pt_onvif_microphone_describe(const char *location, PtOnvifStream *ret) {
	PtAlsaLocation l;
	if (!pt_alsa_parse(location, &l, NULL))
		return false;
	ret->n_audio_options = G_N_ELEMENTS(microphone_codecs);
	for (unsigned i = 0; i < ret->n_audio_options; i++) {
		PtOnvifAudio *o = &ret->audio_options[i];
		*o = (PtOnvifAudio){microphone_codecs[i].named, pt_alsa_rate(microphone_codecs[i].codec),
		                    PT_ALSA_BITRATE / 1000};
		if (microphone_codecs[i].codec != l.codec)
			continue;
		ret->audio = o->codec;
		ret->sample_rate = o->sample_rate;
		ret->audio_kbps = o->kbps;
		ret->channels = 1;
	}
	return true;
}

static gboolean set_microphone(PtCameras *cameras, const PtSiteCamera *camera, PtOnvifAudioCodec named, GError **error) {
	PtAlsaLocation l;
	if (!pt_alsa_parse(camera->microphone, &l, error))
		return FALSE;
	for (unsigned i = 0; i < G_N_ELEMENTS(microphone_codecs); i++)
		if (microphone_codecs[i].named == named) {
			l.codec = microphone_codecs[i].codec;
			g_autofree char *location = pt_alsa_location(&l);
			pt_cameras_set_location(cameras, camera->name, "microphone", location);
			return TRUE;
		}
	pt_error_set(error, UNSUPPORTED, "the sound of camera %s cannot be set to that", camera->name);
	return FALSE;
}

bool pt_onvif_encoder_options(PtCameras *cameras, const PtSite *site, const char *camera, bool sub,
                              PtOnvifVideoOptions *ret) {
	static const unsigned rates[] = {5, 10, 15, 20, 25, 30};
	PtSourceAbilities can;
	Encoder e;
	if (!encoder_of(cameras, site, camera, sub, &e) ||
	    !pt_cameras_abilities(cameras, camera, sub ? "sub" : "main", &can))
		return false;
	*ret = (PtOnvifVideoOptions){.n_rates = G_N_ELEMENTS(rates),
	                             .kbps_min = 64,
	                             .kbps_max = 8000,
	                             .gop_min = 1,
	                             .gop_max = 600,
	                             .n_sizes = MIN(can.n_sizes, PT_ONVIF_SIZES)};
	memcpy(ret->rates, rates, sizeof rates);
	for (unsigned i = 0; i < ret->n_sizes; i++) {
		ret->widths[i] = can.widths[i];
		ret->heights[i] = can.heights[i];
	}
	if (can.h264)
		ret->codecs[ret->n_codecs++] = PT_ONVIF_H264;
	if (can.mjpeg)
		ret->codecs[ret->n_codecs++] = PT_ONVIF_JPEG;
	return true;
}

static gboolean play(PtCameras *cameras, const char *camera, bool sub, const Encoder *e, GError **error) {
	g_autofree char *location = encoder_write(e);
	PtV4l2Location camera_again;
	PtCodecJobParams test_again;
	if (e->v4l2 ? !pt_v4l2_parse(location, &camera_again, error) : !pt_test_parse(location, &test_again, error))
		return FALSE;
	pt_cameras_set_location(cameras, camera, sub ? "sub" : "main", location);
	return TRUE;
}

static gboolean need_encoder(PtCameras *cameras, const PtSite *site, const char *camera, bool sub, Encoder *ret,
                             GError **error) {
	if (encoder_of(cameras, site, camera, sub, ret))
		return TRUE;
	pt_error_set(error, UNSUPPORTED, "camera %s cannot be set", camera);
	return FALSE;
}

gboolean pt_onvif_encoder_set_video(PtCameras *cameras, const PtSite *site, const char *camera, bool sub,
                                    const PtOnvifVideo *v, GError **error) {
	Encoder e;
	if (!need_encoder(cameras, site, camera, sub, &e, error))
		return FALSE;
	uint16_t width = (uint16_t)v->width, height = (uint16_t)v->height, fps = (uint16_t)lround(v->fps);
	uint32_t gop_ms = (uint32_t)lround(v->gop * 1000.0 / v->fps), bitrate = v->kbps * 1000;
	if (e.v4l2) {
		e.camera.width = width;
		e.camera.height = height;
		e.camera.fps = fps;
		e.camera.bitrate = bitrate;
		e.camera.mjpeg = v->codec == PT_ONVIF_JPEG;
		if (!e.camera.mjpeg)
			e.camera.gop_ms = gop_ms;
	} else {
		e.test.width = width;
		e.test.height = height;
		e.test.fps = fps;
		e.test.bitrate = bitrate;
		e.test.gop_ms = gop_ms;
	}
	return play(cameras, camera, sub, &e, error);
}

gboolean pt_onvif_encoder_set_audio(PtCameras *cameras, const PtSite *site, const char *camera, bool sub,
                                    PtOnvifAudioCodec codec, GError **error) {
	const PtSiteCamera *c = pt_site_camera(site, camera);
	if (c && c->microphone && !sub)
		return set_microphone(cameras, c, codec, error);
	Encoder e;
	if (!need_encoder(cameras, site, camera, sub, &e, error))
		return FALSE;
	if (e.v4l2 || !e.test.with_audio || (codec != PT_ONVIF_AAC && codec != PT_ONVIF_PCMU)) {
		pt_error_set(error, UNSUPPORTED, "the sound of camera %s cannot be set", camera);
		return FALSE;
	}
	e.test.audio = codec == PT_ONVIF_AAC ? PT_CODEC_AAC : PT_CODEC_PCMU;
	return play(cameras, camera, sub, &e, error);
}

/* ---- texts ---- */

int32_t pt_onvif_utc_offset(const PtSite *site, int64_t wall_ns) {
	g_autoptr(GTimeZone) zone = site->timezone ? g_time_zone_new_identifier(site->timezone) : NULL;
	if (!zone)
		zone = g_time_zone_new_local();
	gint interval = g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, wall_ns / PT_NS_PER_S);
	return interval < 0 ? 0 : g_time_zone_get_offset(zone, interval);
}

void pt_onvif_set_texts(PtCameras *cameras, const char *camera, int32_t utc_offset_s, const PtOnvifOsd *osds, unsigned n) {
	PtOsdList list = {.n = MIN(n, PT_OSD_MAX), .utc_offset_s = utc_offset_s};
	for (unsigned i = 0; i < list.n; i++) {
		const PtOnvifOsd *o = &osds[i];
		PtOsd *to = &list.items[i];
		bool custom = !strcmp(o->position, "Custom");
		double x = custom ? o->x : strstr(o->position, "Right") ? 1 : -1;
		double y = custom ? o->y : strstr(o->position, "Upper") ? 1 : -1;
		to->x = (uint16_t)lround((x + 1) * 500);
		to->y = (uint16_t)lround((1 - y) * 500);
		to->clock = strcmp(o->type, "Plain") != 0;
		bool date = g_str_has_prefix(o->type, "Date"), time = g_str_has_suffix(o->type, "Time");
		g_snprintf(to->text, sizeof to->text, "%s%s%s",
		           !to->clock ? o->text
		           : date     ? o->date
		                      : "",
		           date && time ? " " : "", time ? o->time : "");
	}
	pt_cameras_set_texts(cameras, camera, &list);
}
