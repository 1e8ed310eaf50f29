/* SPDX-License-Identifier: Apache-2.0 */
#include "media/alsa/alsa.h"
#include "media/codec/job.h"
#include "media/g711.h"
#include <alsa/asoundlib.h>
#include <string.h>

#define RETRY_FIRST PT_NS_PER_S
#define RETRY_MOST (30 * PT_NS_PER_S)
#define SILENCE (10 * PT_NS_PER_S)
#define TICK (20 * PT_NS_PER_MS)      /* a block of sound */
#define BLOCK_MOST (48000 / 50)       /* frames of one */
#define LATENCY_US 500000             /* what the device keeps while we are busy */
#define STRAY_NS (200 * PT_NS_PER_MS) /* from the line of times: beyond, something is missing */
#define AHEAD_PPM 2000                /* a card's clock may be faster than ours by so much */

typedef struct {
	PtSource base;
	PtLoop *loop; /* its own: opening a device may take a while */
	PtStream *stream;
	char *location;

	/* loop's thread only */
	PtAlsaLocation want;
	snd_pcm_t *pcm;
	PtCodecJob *job; /* AAC */
	PtFormat *raw, *format;
	PtTimer timer;
	int64_t start_mono, taken; /* frames, since then */
	int64_t sound_at, retry_ns;
	int64_t pts, wall_of_pts; /* of the next block; the wall time that pts 0 would have */
	bool anchored, live;
} Microphone;

/* ---- the location ---- */

bool pt_alsa_parse(const char *location, PtAlsaLocation *ret, GError **error) {
	static const struct {
		const char *word;
		PtCodec codec;
	} codecs[] = {{"codec=aac", PT_CODEC_AAC}, {"codec=pcmu", PT_CODEC_PCMU}, {"codec=pcma", PT_CODEC_PCMA}};
	PtAlsaLocation l = {.codec = PT_CODEC_AAC};
	const char *pcm = location + strlen("alsa:"), *query = strchr(pcm, '?');
	size_t n = query ? (size_t)(query - pcm) : strlen(pcm);
	if (!g_str_has_prefix(location, "alsa:") || !n || n >= sizeof l.pcm) {
		pt_error_set(error, INVALID, "%.200s is not alsa:PCM, such as alsa:default or alsa:plughw:1", location);
		return false;
	}
	memcpy(l.pcm, pcm, n);
	bool known = !query || !query[1];
	for (size_t i = 0; !known && i < G_N_ELEMENTS(codecs); i++)
		if ((known = !strcmp(query + 1, codecs[i].word)))
			l.codec = codecs[i].codec;
	if (!known) {
		pt_error_set(error, INVALID, "alsa: '%.60s' is not understood (codec=aac|pcmu|pcma)", query + 1);
		return false;
	}
	*ret = l;
	return true;
}

char *pt_alsa_location(const PtAlsaLocation *l) {
	return g_strdup_printf("alsa:%s?codec=%s", l->pcm,
	                       l->codec == PT_CODEC_AAC    ? "aac"
	                       : l->codec == PT_CODEC_PCMU ? "pcmu"
	                                                   : "pcma");
}

char *pt_alsa_pcm_name(const char *pcm) { return g_strconcat(g_str_has_prefix(pcm, "hw:") ? "plug" : "", pcm, NULL); }

/* ---- running ---- */

static void stop_device(Microphone *m) {
	g_clear_pointer(&m->pcm, snd_pcm_close);
	g_clear_pointer(&m->job, pt_codec_job_free);
	g_clear_pointer(&m->raw, pt_format_unref);
	g_clear_pointer(&m->format, pt_format_unref);
	pt_timer_cancel(&m->timer);
}

static void lose(Microphone *m, const char *reason) {
	stop_device(m);
	if (m->live)
		m->retry_ns = 0;
	m->live = m->anchored = false;
	pt_stream_set_state(m->stream, PT_STREAM_LOST, reason, pt_wall_ns(pt_clock_system()));
	m->retry_ns = CLAMP(m->retry_ns * 2, RETRY_FIRST, RETRY_MOST);
	pt_timer_set_in(m->loop, &m->timer, m->retry_ns);
}

static void lose_by(Microphone *m, const char *what, int code) {
	g_autofree char *reason = g_strdup_printf("microphone %s: %s%s", m->want.pcm, what, snd_strerror(code));
	lose(m, reason);
}

static void deliver(Microphone *m, PtSample *s) {
	if (!m->live)
		pt_stream_set_state(m->stream, PT_STREAM_LIVE, NULL, pt_wall_ns(pt_clock_system()));
	m->live = true;
	pt_stream_push(m->stream, s);
}

static void on_encoded(PtCodecJob *job, PtSample *s, void *data) { deliver(data, s); }

static void on_end(PtCodecJob *job, const GError *error, void *data) {
	g_autofree char *reason = g_strdup(error ? error->message : "the encoder ended");
	lose(data, reason);
}

static const PtCodecJobOps job_ops = {on_encoded, on_end};

/* The block before this instant begins at wall_ns, by the clock: times are a line that follows it slowly, and begin anew
 * where something is missing. */
static void follow_clock(Microphone *m, int64_t wall_ns, unsigned rate) {
	int64_t line = m->wall_of_pts + m->pts * PT_NS_PER_S / rate, stray = wall_ns - line;
	if (m->anchored && ABS(stray) <= STRAY_NS) {
		m->wall_of_pts += stray / 64;
		return;
	}
	if (m->pts)
		m->pts += MAX(stray, 0) * rate / PT_NS_PER_S;
	else
		m->pts = rate;
	m->wall_of_pts = wall_ns - m->pts * PT_NS_PER_S / rate;
	m->anchored = true;
}

static void take(Microphone *m, const int16_t *frames, unsigned n, int64_t wall_ns) {
	unsigned rate = pt_alsa_rate(m->want.codec);
	follow_clock(m, wall_ns, rate);
	bool wide = m->job != NULL;
	PtSample *s = pt_sample_new(n * (wide ? 2 : 1));
	uint8_t *to = pt_sample_grow(&s, n * (wide ? 2 : 1));
	for (unsigned i = 0; i < n; i++)
		if (wide)
			pt_put_u16(to + 2 * i, (uint16_t)frames[i]);
		else
			to[i] = m->want.codec == PT_CODEC_PCMU ? pt_g711_mu_law(frames[i]) : pt_g711_a_law(frames[i]);
	s->track = PT_ALSA_TRACK;
	s->key = true;
	s->pts = s->dts = m->pts;
	s->wall_ns = m->wall_of_pts + m->pts * PT_NS_PER_S / rate;
	s->format = pt_format_ref(wide ? m->raw : m->format);
	m->pts += n;
	if (wide)
		pt_codec_job_push(m->job, s);
	else
		deliver(m, s);
	pt_sample_unref(s);
}

/* All whole blocks that are there. What is no card gives as much as is asked for at once: no more than its time's is taken.
 * False: it is lost. */
static bool read_blocks(Microphone *m) {
	int16_t frames[BLOCK_MOST];
	unsigned rate = pt_alsa_rate(m->want.codec), block = rate / 50;
	int64_t now = pt_mono_ns(pt_clock_system());
	int64_t due = (int64_t)((__int128)(now - m->start_mono) * rate * (1000000 + AHEAD_PPM) / 1000000 / PT_NS_PER_S);
	while (m->taken + block <= due) {
		snd_pcm_sframes_t got = snd_pcm_avail_update(m->pcm), waiting = 0;
		if (got >= 0 && got < block)
			return true;
		if (got >= 0)
			got = snd_pcm_readi(m->pcm, frames, block);
		if (got == -EAGAIN)
			return true;
		if (got < 0) { /* we were too slow, or the machine slept: a hole */
			int code = got == -EPIPE || got == -ESTRPIPE ? snd_pcm_recover(m->pcm, (int)got, 1) : (int)got;
			if (code >= 0)
				code = snd_pcm_start(m->pcm);
			m->anchored = false;
			if (code >= 0)
				return true;
			lose_by(m, "it is gone: ", code);
			return false;
		}
		m->taken += got;
		m->sound_at = now;
		if (snd_pcm_delay(m->pcm, &waiting))
			waiting = 0;
		waiting = CLAMP(waiting, 0, rate / 2);
		take(m, frames, (unsigned)got, pt_wall_ns(pt_clock_system()) - (waiting + got) * PT_NS_PER_S / rate);
	}
	return true;
}

static bool start_device(Microphone *m, GError **error) {
	if (!pt_alsa_parse(m->location, &m->want, error))
		return false;
	unsigned rate = pt_alsa_rate(m->want.codec);
	g_autofree char *name = pt_alsa_pcm_name(m->want.pcm);
	int code = snd_pcm_open(&m->pcm, name, SND_PCM_STREAM_CAPTURE, SND_PCM_NONBLOCK);
	if (code >= 0)
		code = snd_pcm_set_params(m->pcm, SND_PCM_FORMAT_S16, SND_PCM_ACCESS_RW_INTERLEAVED, 1, rate, 1, LATENCY_US);
	if (code >= 0)
		code = snd_pcm_start(m->pcm);
	if (code < 0) {
		pt_error_set(error, NOT_FOUND, "microphone %s: %s", m->want.pcm, snd_strerror(code));
		return false;
	}
	PtFormat f = {.codec = m->want.codec, .timescale = rate, .sample_rate = rate, .channels = 1};
	if (m->want.codec == PT_CODEC_AAC) {
		PtCodecJobParams params = {.kind = PT_CODEC_JOB_AUDIO, .audio = PT_CODEC_AAC, .bitrate = PT_ALSA_BITRATE};
		f.codec = PT_CODEC_L16;
		m->raw = pt_format_new(&f, NULL, 0);
		m->job = pt_codec_job_start(m->loop, &params, &job_ops, m, error);
		if (!m->job)
			return false;
	} else {
		m->format = pt_format_new(&f, NULL, 0);
	}
	m->start_mono = m->sound_at = pt_mono_ns(pt_clock_system());
	m->taken = 0;
	return true;
}

static void due(PtTimer *timer) {
	Microphone *m = (Microphone *)((char *)timer - offsetof(Microphone, timer));
	g_autoptr(GError) error = NULL;
	if (!m->pcm && !start_device(m, &error)) {
		lose(m, error->message);
		return;
	}
	if (!read_blocks(m))
		return;
	if (pt_mono_ns(pt_clock_system()) - m->sound_at > SILENCE)
		lose(m, "no sound for 10 s");
	else
		pt_timer_set_in(m->loop, &m->timer, TICK);
}

static void begin(void *data) {
	Microphone *m = data;
	pt_stream_set_state(m->stream, PT_STREAM_CONNECTING, NULL, pt_wall_ns(pt_clock_system()));
	due(&m->timer);
}

/* The library would write what goes wrong to our standard error. */
static void say_nothing(const char *file, int line, const char *function, int code, const char *format, ...) {}

void pt_alsa_be_quiet(void) {
	static gsize once;
	if (g_once_init_enter(&once)) {
		snd_lib_error_set_handler(say_nothing);
		g_once_init_leave(&once, 1);
	}
}

static PtSource *start(const PtSourceParams *params) {
	pt_alsa_be_quiet();
	Microphone *m = g_new0(Microphone, 1);
	m->base.ops = &pt_alsa_source;
	m->loop = pt_loop_new("pt-alsa");
	m->stream = pt_stream_ref(params->stream);
	m->location = g_strdup(params->location);
	m->timer.due = due;
	pt_loop_post(m->loop, begin, m);
	return &m->base;
}

static void end(void *data) {
	Microphone *m = data;
	stop_device(m);
	pt_stream_set_state(m->stream, PT_STREAM_IDLE, NULL, pt_wall_ns(pt_clock_system()));
}

static void stop(PtSource *source) {
	Microphone *m = (Microphone *)source;
	pt_loop_call(m->loop, end, m);
	pt_loop_free(m->loop);
	pt_stream_unref(m->stream);
	g_free(m->location);
	g_free(m);
}

const PtSourceOps pt_alsa_source = {.scheme = "alsa", .start = start, .stop = stop};
