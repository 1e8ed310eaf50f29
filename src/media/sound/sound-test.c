/* What is made of WAV and Ogg files: whole, odd and cut short. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/sound/sound.h"
#include <string.h>

#define HEAD "RIFF\0\0\0\0WAVE"
/* coding, channels, rate 8000, 16000 octets/s, block 2, bits */
#define FORM(tag, channels, bits) "fmt \x10\0\0\0" tag "\0" channels "\0\x40\x1f\0\0\x80\x3e\0\0\2\0" bits "\0"
#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

static const struct {
	const char *about;
	const uint8_t *file;
	size_t size;
	const char *want; /* "CODEC RATE/CHANNELS octets", or the error */
} waves[] = {
    {"16 bits", BYTES(HEAD FORM("\1", "\1", "\x10") "data\4\0\0\0\x01\x02\xff\x7f"), "L16 8000/1 02017fff"},
    {"8 bits, two channels", BYTES(HEAD FORM("\1", "\2", "\x08") "data\2\0\0\0\x80\xff"), "L16 8000/2 00007f00"},
    {"24 bits", BYTES(HEAD FORM("\1", "\1", "\x18") "data\3\0\0\0\x11\x22\x33"), "L16 8000/1 3322"},
    {"float", BYTES(HEAD FORM("\3", "\1", "\x20") "data\x0c\0\0\0\0\0\x80\x3f\0\0\0\xc0\0\0\xc0\x7f"),
     "L16 8000/1 7fff80010000"},
    {"G.711", BYTES(HEAD FORM("\7", "\1", "\x08") "data\2\0\0\0\x12\xff"), "G.711 µ-law 8000/1 12ff"},
    {"a chunk of odd length before it", BYTES(HEAD "LIST\1\0\0\0x\0" FORM("\6", "\1", "\x08") "data\1\0\0\0\x55"),
     "G.711 A-law 8000/1 55"},
    {"its length was not known", BYTES(HEAD FORM("\1", "\1", "\x10") "data\xff\xff\xff\xff\x01\x02"), "L16 8000/1 0201"},
    {"its length was not known either", BYTES(HEAD FORM("\1", "\1", "\x10") "data\0\0\0\0\x01\x02\x03"), "L16 8000/1 0201"},
    {"cut short", BYTES(HEAD FORM("\1", "\1", "\x10") "data\4\0\0\0\x01"), "there is no sound in this WAV"},
    {"no form", BYTES(HEAD "data\2\0\0\0\x01\x02"), "WAV of 0 channels, 0 bits, 0 Hz, coding 0 is not understood"},
    {"ADPCM", BYTES(HEAD FORM("\2", "\1", "\4") "data\2\0\0\0\x01\x02"), "coding 2 is not understood"},
    {"nothing", BYTES(HEAD), "there is no sound in this WAV"},
};

#define PAGE(serial, lacing) "OggS\0\0\0\0\0\0\0\0\0\0" serial "\0\0\0\0\0\0\0\0\0\0\0" lacing
#define OPUS "OpusHead\1\1\x38\1\x80\xbb\0\0\0\0\0"

static const struct {
	const char *about;
	const uint8_t *file;
	size_t size;
	const char *want;
} oggs[] = {
    /* config 31: CELT of 20 ms; then two frames of it */
    {"two packets",
     BYTES(PAGE("\7", "\1\x13") OPUS PAGE("\7", "\1\x08") "OpusTags" PAGE("\7", "\2\2\3") "\xf8\x01\xf9\x02\x03"),
     "Opus 48000/1 f801@0 f90203@960"},
    {"a packet over two pages, another stream between",
     BYTES(PAGE("\7", "\1\x13") OPUS PAGE("\7", "\1\x08") "OpusTags" PAGE("\1", "\1\2") "??" PAGE("\7", "\1\1") "\xf8"),
     "Opus 48000/1 f8@0"},
    {"Vorbis", BYTES(PAGE("\7", "\1\7") "\1vorbis"), "begins with something else than Opus"},
    {"no sound", BYTES(PAGE("\7", "\1\x13") OPUS), "there is no sound in this Ogg"},
    {"cut short", BYTES(PAGE("\7", "\1\x13") "Opus"), "there is no sound in this Ogg"},
};

static char *describe(gboolean (*reader)(PtBytes, GPtrArray *, GError **), const uint8_t *file, size_t size, bool times) {
	g_autoptr(GPtrArray) samples = g_ptr_array_new_with_free_func((GDestroyNotify)pt_sample_unref);
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) text = g_string_new(NULL);
	if (!reader(pt_bytes(file, size), samples, &error))
		return g_strdup(error->message);
	for (guint i = 0; i < samples->len; i++) {
		const PtSample *s = samples->pdata[i];
		if (!i)
			g_string_append_printf(text, "%s %u/%u", pt_codec_name(s->format->codec), s->format->sample_rate,
			                       s->format->channels);
		g_string_append_c(text, ' ');
		for (size_t k = 0; k < s->size; k++)
			g_string_append_printf(text, "%02x", s->data[k]);
		if (times)
			g_string_append_printf(text, "@%d", (int)s->pts);
	}
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static void test_wav(void) {
	for (size_t i = 0; i < G_N_ELEMENTS(waves); i++) {
		g_autofree char *got = describe(pt_wav_read, waves[i].file, waves[i].size, false);
		g_test_message("%s: %s", waves[i].about, got);
		g_assert_nonnull(strstr(got, waves[i].want));
	}
}

static void test_ogg(void) {
	for (size_t i = 0; i < G_N_ELEMENTS(oggs); i++) {
		g_autofree char *got = describe(pt_ogg_read, oggs[i].file, oggs[i].size, true);
		g_test_message("%s: %s", oggs[i].about, got);
		g_assert_nonnull(strstr(got, oggs[i].want));
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sound/wav", test_wav);
	g_test_add_func("/sound/ogg", test_ogg);
	return g_test_run();
}
