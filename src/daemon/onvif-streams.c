/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "daemon/onvif.h"
#include "media/codec/job.h"
#include <math.h>
#include <string.h>

struct PtOnvifStreams {
	PtCameras *cameras;
	GHashTable *seen; /* "gate/main" -> PtOnvifStream: rates are measured once, so that they stand still while a client
	                     reads them and writes them back */
};

PtOnvifStreams *pt_onvif_streams_new(PtCameras *cameras) {
	PtOnvifStreams *s = g_new0(PtOnvifStreams, 1);
	s->cameras = cameras;
	s->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return s;
}

void pt_onvif_streams_free(PtOnvifStreams *s) {
	if (!s)
		return;
	g_hash_table_unref(s->seen);
	g_free(s);
}

/* ---- describing ---- */

static void describe_video(PtOnvifStream *ret, const PtFormat *f) {
	static const PtOnvifVideoCodec codecs[PT_N_CODECS] = {
	    [PT_CODEC_H264] = PT_ONVIF_H264, [PT_CODEC_H265] = PT_ONVIF_H265, [PT_CODEC_MJPEG] = PT_ONVIF_JPEG};
	ret->video.codec = codecs[f->codec];
	ret->video.width = f->width;
	ret->video.height = f->height;
	const char *profile = f->codec == PT_CODEC_H265                 ? "Main"
	                      : g_str_has_prefix(f->rfc6381, "avc1.64") ? "High"
	                      : g_str_has_prefix(f->rfc6381, "avc1.4d") ? "Main"
	                      : g_str_has_prefix(f->rfc6381, "avc1.42") ? "Baseline"
	                                                                : "";
	g_strlcpy(ret->profile, profile, sizeof ret->profile);
}

static void describe_audio(PtOnvifStream *ret, const PtFormat *f, double bitrate) {
	static const PtOnvifAudioCodec codecs[PT_N_CODECS] = {[PT_CODEC_AAC] = PT_ONVIF_AAC,
	                                                      [PT_CODEC_PCMU] = PT_ONVIF_PCMU,
	                                                      [PT_CODEC_PCMA] = PT_ONVIF_PCMA,
	                                                      [PT_CODEC_OPUS] = PT_ONVIF_OPUS};
	ret->audio = codecs[f->codec];
	ret->sample_rate = f->sample_rate;
	ret->channels = f->channels;
	ret->audio_kbps = f->codec == PT_CODEC_AAC || f->codec == PT_CODEC_OPUS ? (unsigned)ceil(bitrate / 8000) * 8 : 64;
}

/* Of others it is measured. */
static void describe_rates(PtOnvifStream *ret, const PtTrackStats *t) {
	ret->video.fps = MAX(round(t->fps), 1);
	ret->video.kbps = MAX((unsigned)ceil(t->bitrate / 128000) * 128, 128);
	ret->video.gop = ret->video.codec == PT_ONVIF_JPEG ? 1 : (unsigned)ret->video.fps * 2;
}

static bool describe_tracks(PtOnvifStream *ret, PtStream *stream, bool known) {
	PtStreamStats stats;
	bool measured = false;
	pt_stream_get_stats(stream, &stats);
	for (int i = 0; i < stats.n_tracks; i++) {
		const PtTrackStats *t = &stats.tracks[i];
		if (!t->format)
			continue;
		ret->metadata |= t->format->codec == PT_CODEC_ONVIF_METADATA;
		if (pt_codec_kind(t->format->codec) == PT_KIND_AUDIO && !ret->audio)
			describe_audio(ret, t->format, t->bitrate);
		if (pt_codec_kind(t->format->codec) != PT_KIND_VIDEO || measured)
			continue;
		PtOnvifVideo asked = ret->video;
		describe_video(ret, t->format);
		if (known) { /* a device makes of a size what it can */
			asked.width = ret->video.width;
			asked.height = ret->video.height;
			ret->video = asked;
		} else {
			describe_rates(ret, t);
		}
		measured = known || t->fps > 0;
	}
	pt_stream_stats_clear(&stats);
	return measured;
}

static void describe(PtOnvifStreams *s, const PtSiteCamera *c, bool sub, PtOnvifStream *ret) {
	const char *camera = c->name, *name = sub ? "sub" : "main";
	g_autofree char *key = g_strdup_printf("%s/%s", camera, name);
	const PtOnvifStream *before = g_hash_table_lookup(s->seen, key);
	*ret = (PtOnvifStream){.sub = sub, .metadata = pt_cameras_has_metadata(s->cameras, camera)};
	g_strlcpy(ret->camera, camera, sizeof ret->camera);
	bool known = pt_onvif_encoder_describe(pt_cameras_location(s->cameras, c, name), ret);
	if (c->microphone && !sub)
		pt_onvif_microphone_describe(pt_cameras_location(s->cameras, c, "microphone"), ret);
	const PtOnvifStream asked = *ret;
	ret->audio = PT_ONVIF_NO_AUDIO; /* whether it is wanted at all, its tracks say */
	PtStream *stream = pt_cameras_stream(s->cameras, camera, name);
	bool measured = stream && describe_tracks(ret, stream, known);
	PtSourceAbilities can;
	bool texts = pt_cameras_abilities(s->cameras, camera, name, &can) && can.texts;
	pt_stream_unref(stream);
	bool same = before && before->video.codec == ret->video.codec && before->video.width == ret->video.width &&
	            before->video.height == ret->video.height && before->audio == ret->audio &&
	            before->sample_rate == ret->sample_rate;
	if (before && !measured) { /* lost for a while: a profile does not go with the connection */
		*ret = *before;
		if (known)
			ret->video = asked.video;
	} else if (before && same && !known) {
		*ret = *before;
	} else if (measured) {
		g_hash_table_insert(s->seen, g_steal_pointer(&key), g_memdup2(ret, sizeof *ret));
	}
	ret->osd = texts;
	ret->speaker = c->speaker != NULL;
	if (asked.audio == PT_ONVIF_NO_AUDIO || ret->audio == PT_ONVIF_NO_AUDIO)
		return;
	ret->audio = asked.audio; /* what was set is read back at once */
	ret->sample_rate = asked.sample_rate;
	ret->channels = asked.channels;
	ret->audio_kbps = asked.audio_kbps;
	ret->n_audio_options = asked.n_audio_options;
	memcpy(ret->audio_options, asked.audio_options, sizeof asked.audio_options);
}

GArray *pt_onvif_streams_list(PtOnvifStreams *s, const PtSite *site) {
	GArray *list = g_array_new(FALSE, TRUE, sizeof(PtOnvifStream));
	for (guint i = 0; i < site->cameras->len; i++) {
		const PtSiteCamera *c = g_ptr_array_index(site->cameras, i);
		for (int sub = 0; sub < (c->sub ? 2 : 1); sub++) {
			PtOnvifStream one;
			describe(s, c, sub, &one);
			g_array_append_val(list, one);
		}
	}
	return list;
}

/* ---- pictures ---- */

typedef struct {
	PtOnvifSnapshotFn fn;
	void *user;
} Asked;

static void taken(GBytes *jpeg, const GError *error, void *data) {
	g_autofree Asked *asked = data;
	asked->fn(asked->user, jpeg, error);
}

void pt_onvif_streams_snapshot(PtOnvifStreams *s, const char *camera, bool sub, PtOnvifSnapshotFn fn, void *user) {
	PtStream *stream = pt_cameras_stream(s->cameras, camera, sub ? "sub" : "main");
	PtSample *key = stream ? pt_stream_get_key(stream) : NULL;
	pt_stream_unref(stream);
	if (!key) {
		g_autoptr(GError) error =
		    g_error_new(PT_ERROR, PT_ERROR_NOT_FOUND, "camera %s has shown no picture yet", camera);
		fn(user, NULL, error);
		return;
	}
	Asked *asked = g_new(Asked, 1);
	*asked = (Asked){fn, user};
	pt_codec_snapshot_async(key, 0, taken, asked);
	pt_sample_unref(key);
}
