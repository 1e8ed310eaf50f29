/* SPDX-License-Identifier: Apache-2.0 */
#include "media/sound/sound.h"
#include "base/clock.h"
#include "media/codec/job.h"
#include "media/fmp4/read.h"
#include "media/talk.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define STUCK_MS 10000 /* pigtail-codec, without a sample in or out */

/* ---- to what is said ---- */

typedef struct {
	GPtrArray *samples;
	guint next;
	GByteArray *out;
	bool too_long;
} Conversion;

static PtSample *pull(void *data) {
	Conversion *c = data;
	return c->next < c->samples->len ? pt_sample_ref(c->samples->pdata[c->next++]) : NULL;
}

static bool put(PtSample *s, void *data) {
	Conversion *c = data;
	PtBytes b = pt_bytes(s->data, s->size);
	while (b.left >= 2) {
		int16_t value = (int16_t)pt_bytes_u16(&b);
		g_byte_array_append(c->out, (const guint8 *)&value, sizeof value);
	}
	c->too_long = c->out->len > PT_SOUND_MAX_S * PT_TALK_RATE * sizeof(int16_t);
	return !c->too_long;
}

static GBytes *convert(GPtrArray *samples, GCancellable *cancellable, GError **error) {
	PtCodecJobParams params = {.kind = PT_CODEC_JOB_AUDIO, .audio = PT_CODEC_L16};
	Conversion c = {.samples = samples, .out = g_byte_array_new()};
	g_autoptr(GError) failed = NULL;
	bool ok = pt_codec_convert(&params, pull, put, &c, STUCK_MS, cancellable, &failed);
	g_autoptr(GBytes) sound = g_byte_array_free_to_bytes(c.out);
	if (c.too_long)
		pt_error_set(error, TOO_LARGE, "it is longer than %d minutes", PT_SOUND_MAX_S / 60);
	else if (!ok)
		g_propagate_error(error, g_steal_pointer(&failed));
	else if (!g_bytes_get_size(sound))
		pt_error_set(error, INVALID, "nothing of it can be heard");
	else
		return g_steal_pointer(&sound);
	return NULL;
}

static GPtrArray *samples_new(void) { return g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref); }

GBytes *pt_sound_decode(GBytes *file, GCancellable *cancellable, GError **error) {
	g_autoptr(GPtrArray) samples = samples_new();
	gsize n;
	const uint8_t *p = g_bytes_get_data(file, &n);
	gboolean ok = FALSE;
	if (n >= 12 && !memcmp(p, "RIFF", 4) && !memcmp(p + 8, "WAVE", 4))
		ok = pt_wav_read(pt_bytes(p, n), samples, error);
	else if (n >= 4 && !memcmp(p, "OggS", 4))
		ok = pt_ogg_read(pt_bytes(p, n), samples, error);
	else
		pt_error_set(error, UNSUPPORTED, "it is neither WAV nor Ogg nor MP4");
	return ok ? convert(samples, cancellable, error) : NULL;
}

/* ---- files ---- */

/* The first track of sound. NULL and no error: it is no MP4. */
static GPtrArray *read_mp4(int fd, GError **error) {
	g_autoptr(PtMp4) mp4 = pt_mp4_read(fd, NULL);
	for (size_t i = 0; mp4 && i < mp4->n_tracks; i++) {
		g_autoptr(GPtrArray) samples = samples_new();
		if (pt_codec_kind(mp4->tracks[i].format->codec) != PT_KIND_AUDIO)
			continue;
		for (size_t k = 0; k < mp4->tracks[i].n_samples; k++) {
			PtSample *s = pt_mp4_load(mp4, fd, i, k, error);
			if (!s)
				return NULL;
			s->track = 0;
			g_ptr_array_add(samples, s);
		}
		return g_steal_pointer(&samples);
	}
	if (mp4)
		pt_error_set(error, UNSUPPORTED, "there is no sound in this MP4 that is understood");
	return NULL;
}

static GBytes *read_all(int fd, size_t size, GError **error) {
	g_autofree uint8_t *data = g_malloc(size + 1);
	size_t got = 0;
	for (ssize_t n = 1; got < size && n;) {
		n = pread(fd, data + got, size - got, (off_t)got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			pt_error_set(error, DISK, "%s", g_strerror(errno));
			return NULL;
		}
		got += (size_t)n;
	}
	return g_bytes_new_take(g_steal_pointer(&data), got);
}

static GBytes *load(int fd, GCancellable *cancellable, GError **error) {
	struct stat s;
	g_autoptr(GError) failed = NULL;
	if (fstat(fd, &s) || !S_ISREG(s.st_mode)) {
		pt_error_set(error, NOT_FOUND, "it is no file");
		return NULL;
	}
	if (s.st_size > PT_SOUND_FILE_MAX) {
		pt_error_set(error, TOO_LARGE, "it is larger than %u MiB", PT_SOUND_FILE_MAX / 1024 / 1024);
		return NULL;
	}
	g_autoptr(GPtrArray) samples = read_mp4(fd, &failed);
	if (samples)
		return convert(samples, cancellable, error);
	if (failed) {
		g_propagate_error(error, g_steal_pointer(&failed));
		return NULL;
	}
	g_autoptr(GBytes) file = read_all(fd, (size_t)s.st_size, error);
	return file ? pt_sound_decode(file, cancellable, error) : NULL;
}

GBytes *pt_sound_load(const char *path, GCancellable *cancellable, GError **error) {
	g_autofree char *name = g_path_get_basename(path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		pt_error_set(error, NOT_FOUND, "%s: %s", name, g_strerror(errno));
		return NULL;
	}
	GBytes *sound = load(fd, cancellable, error);
	if (!sound)
		g_prefix_error(error, "%s: ", name);
	close(fd);
	return sound;
}
