/* Plays one source and prints a JSON line per sample and per change of state, for the tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "media/source.h"
#include <glib.h>
#include <stdio.h>
#include <string.h>

static char *user, *password_file, *only, *raw, *trust;
static FILE *raw_file;
static double seconds = 5;
static gboolean udp, quiet, hash;

static const GOptionEntry options[] = {
    {"seconds", 's', 0, G_OPTION_ARG_DOUBLE, &seconds, "how long", "S"},
    {"user", 'u', 0, G_OPTION_ARG_STRING, &user, "login", "NAME"},
    {"password-file", 'p', 0, G_OPTION_ARG_FILENAME, &password_file, "file with its password", "FILE"},
    {"tls", 0, 0, G_OPTION_ARG_STRING, &trust, "whom to trust over rtsps: any, verify, or the fingerprint in hex", "WHOM"},
    {"udp", 0, 0, G_OPTION_ARG_NONE, &udp, "RTP over UDP", NULL},
    {"only", 0, 0, G_OPTION_ARG_STRING, &only, "video, audio or metadata alone", "KIND"},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "no line per sample", NULL},
    {"raw", 0, 0, G_OPTION_ARG_FILENAME, &raw, "the bytes of track 0, one sample behind the other", "FILE"},
    {"hash", 0, 0, G_OPTION_ARG_NONE, &hash, "a checksum of each sample's bytes", NULL},
    {NULL}};

static void on_sample(PtSink *sink, PtSample *s) {
	const PtFormat *f = s->format;
	if (raw_file && s->track == 0)
		fwrite(s->data, 1, s->size, raw_file);
	if (quiet)
		return;
	g_autofree char *sum = hash ? g_compute_checksum_for_data(G_CHECKSUM_MD5, s->data, s->size) : NULL;
	printf(
	    "{\"track\":%u,\"codec\":\"%s\",\"rfc6381\":\"%s\",\"width\":%u,\"height\":%u,\"timescale\":%u,\"channels\":%u,"
	    "\"reorder\":%u,\"size\":%zu,\"key\":%s,\"dts\":%" G_GINT64_FORMAT ",\"pts\":%" G_GINT64_FORMAT
	    ",\"wall_ns\":%" G_GINT64_FORMAT ",\"now_ns\":%" G_GINT64_FORMAT ",\"broken\":%s,\"lost\":%u%s%s%s}\n",
	    s->track, pt_codec_name(f->codec), f->rfc6381, f->width, f->height, f->timescale, f->channels, f->reorder,
	    s->size, s->key ? "true" : "false", s->dts, s->pts, s->wall_ns, pt_wall_ns(pt_clock_system()),
	    s->broken ? "true" : "false", s->lost, sum ? ",\"md5\":\"" : "", sum ? sum : "", sum ? "\"" : "");
}

static void on_state(PtSink *sink, PtStreamState state, const char *reason, int64_t wall_ns) {
	static const char *const names[] = {"idle", "connecting", "live", "lost"};
	g_autofree char *escaped = g_strescape(reason ? reason : "", NULL);
	printf("{\"state\":\"%s\",\"reason\":\"%s\",\"wall_ns\":%" G_GINT64_FORMAT "}\n", names[state], escaped, wall_ns);
	fflush(stdout);
}

static PtTrust read_trust(void) {
	PtTrust t = {.kind = PT_TRUST_PINNED};
	if (!trust || !strcmp(trust, "any"))
		return (PtTrust){.kind = PT_TRUST_ANY};
	if (!strcmp(trust, "verify"))
		return (PtTrust){.kind = PT_TRUST_VERIFY};
	for (unsigned i = 0; i < sizeof t.sha256 && strlen(trust) == 2 * sizeof t.sha256; i++)
		t.sha256[i] = (uint8_t)(g_ascii_xdigit_value(trust[2 * i]) << 4 | g_ascii_xdigit_value(trust[2 * i + 1]));
	return t;
}

static long memory_kib(void) {
	g_autofree char *text = NULL;
	long pages = 0;
	if (g_file_get_contents("/proc/self/statm", &text, NULL, NULL))
		sscanf(text, "%*d %ld", &pages);
	return pages * 4;
}

int main(int argc, char **argv) {
	g_autoptr(GError) error = NULL;
	g_autoptr(GOptionContext) context = g_option_context_new("URL");
	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 2) {
		fprintf(stderr, "rtsp-dump: %s\n", error ? error->message : "one URL is wanted");
		return 2;
	}
	g_autofree char *password = NULL;
	if (password_file && !g_file_get_contents(password_file, &password, NULL, &error)) {
		fprintf(stderr, "rtsp-dump: %s\n", error->message);
		return 1;
	}
	if (raw && !(raw_file = fopen(raw, "w"))) {
		fprintf(stderr, "rtsp-dump: %s cannot be written\n", raw);
		return 1;
	}
	static const PtSinkOps ops = {.name = "dump", .sample = on_sample, .state = on_state};
	PtSink sink = {.ops = &ops};
	PtLoop *loop = pt_loop_new("ingest");
	PtStream *stream = pt_stream_new("dump/main");
	pt_stream_add_sink(stream, &sink);
	PtSourceParams params = {
	    .camera = "gate",
	    .location = argv[1],
	    .user = user,
	    .password = password ? g_strchomp(password) : NULL,
	    .transport = udp ? PT_TRANSPORT_UDP : PT_TRANSPORT_TCP,
	    .trust = read_trust(),
	    .video = !only || !strcmp(only, "video"),
	    .audio = !only || !strcmp(only, "audio"),
	    .metadata = !only || !strcmp(only, "metadata"),
	    .loop = loop,
	    .stream = stream,
	};
	PtSource *source = pt_source_start(&params, &error);
	if (!source) {
		fprintf(stderr, "rtsp-dump: %s\n", error->message);
		return 1;
	}
	g_usleep((gulong)(seconds * 1e6));
	pt_source_stop(source);
	pt_stream_remove_sink(&sink);
	PtStreamStats stats;
	pt_stream_get_stats(stream, &stats);
	for (int i = 0; i < stats.n_tracks; i++)
		printf("{\"stats\":%d,\"samples\":%" G_GUINT64_FORMAT ",\"bytes\":%" G_GUINT64_FORMAT
		       ",\"packets\":%" G_GUINT64_FORMAT ",\"lost\":%" G_GUINT64_FORMAT ",\"dropped\":%" G_GUINT64_FORMAT
		       ",\"clock_known\":%s,\"clock_offset_ns\":%" G_GINT64_FORMAT "}\n",
		       i, stats.tracks[i].samples, stats.tracks[i].bytes, stats.tracks[i].packets,
		       stats.tracks[i].lost_packets, stats.tracks[i].dropped_samples, stats.clock_known ? "true" : "false",
		       stats.clock_offset_ns);
	printf("{\"cpu_ns\":%" G_GINT64_FORMAT ",\"rss_kib\":%ld,\"reconnects\":%u,\"refused\":%" G_GUINT64_FORMAT "}\n",
	       pt_loop_cpu_ns(loop), memory_kib(), stats.reconnects, stats.refused_packets);
	if (raw_file)
		fclose(raw_file);
	pt_stream_stats_clear(&stats);
	pt_stream_unref(stream);
	pt_loop_free(loop);
	return 0;
}
