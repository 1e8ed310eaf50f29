/* Fetches a span of a recording and prints a JSON line per sample and one about the end, for the tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "media/fetch.h"
#include "base/error.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char *user, *password_file, *kind, *trust;
static gint64 from, to = INT64_MAX, rate, enough = INT64_MAX;
static double seconds = 60;
static gboolean real_time, quiet;

static const GOptionEntry options[] = {
    {"from", 0, 0, G_OPTION_ARG_INT64, &from, "ns since 1970", "NS"},
    {"to", 0, 0, G_OPTION_ARG_INT64, &to, "ns since 1970", "NS"},
    {"rate", 0, 0, G_OPTION_ARG_INT64, &rate, "bit/s", "N"},
    {"enough", 0, 0, G_OPTION_ARG_INT64, &enough, "samples", "N"},
    {"seconds", 0, 0, G_OPTION_ARG_DOUBLE, &seconds, "and no longer", "S"},
    {"kind", 0, 0, G_OPTION_ARG_STRING, &kind, "video, audio or metadata", "KIND"},
    {"real-time", 0, 0, G_OPTION_ARG_NONE, &real_time, "as it was recorded", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "no line per sample", NULL},
    {"user", 'u', 0, G_OPTION_ARG_STRING, &user, "login", "NAME"},
    {"password-file", 'p', 0, G_OPTION_ARG_FILENAME, &password_file, "file with its password", "FILE"},
    {"tls", 0, 0, G_OPTION_ARG_STRING, &trust, "whom to trust over rtsps: any or verify", "WHOM"},
    {NULL}};

static GMutex lock;
static GCond over;
static bool done;
static GError *end;
static gint64 first_ns, last_ns, n;

static const char *yes(bool b) { return b ? "true" : "false"; }

/* Where a JPEG's scan begins, by its marker. */
static size_t scan_of(const PtSample *s) {
	size_t at = 0;
	while (s->format->codec == PT_CODEC_MJPEG && at + 1 < s->size && !(s->data[at] == 0xff && s->data[at + 1] == 0xda))
		at++;
	return at;
}

static bool on_sample(void *user_data, PtSample *s, const PtFetchFlags *flags) {
	first_ns = n ? MIN(first_ns, s->wall_ns) : s->wall_ns;
	last_ns = MAX(last_ns, s->wall_ns);
	n++;
	if (!quiet) {
		size_t scan = scan_of(s);
		g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, s->data, s->size);
		g_autofree char *rest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, s->data + scan, s->size - scan);
		printf("{\"codec\":\"%s\",\"wall_ns\":%" G_GINT64_FORMAT ",\"dts\":%" G_GINT64_FORMAT
		       ",\"pts\":%" G_GINT64_FORMAT
		       ",\"timescale\":%u,\"size\":%zu,\"sha256\":\"%s\",\"scan\":\"%s\",\"key\":%s,\"broken\":"
		       "%s,\"lost\":%u,\"c\":%s,\"e\":%s,"
		       "\"d\":%s,\"t\":%s}\n",
		       pt_codec_name(s->format->codec), s->wall_ns, s->dts, s->pts, s->format->timescale, s->size, sum, rest,
		       yes(s->key), yes(s->broken), s->lost, yes(flags->clean), yes(flags->end), yes(flags->discontinuity),
		       yes(flags->terminal));
	}
	return n < enough;
}

static void on_done(void *user_data, const GError *error) {
	g_mutex_lock(&lock);
	end = error ? g_error_copy(error) : NULL;
	done = true;
	g_cond_signal(&over);
	g_mutex_unlock(&lock);
}

int main(int argc, char **argv) {
	static const char *const kinds[] = {"video", "audio", "metadata"};
	static const char *const codes[] = {"FAILED", "INVALID",     "AUTH",      "DENIED", "NOT_FOUND", "TIMEOUT",
	                                    "CLOSED", "UNSUPPORTED", "TOO_LARGE", "DISK",   "BUSY"};
	g_autoptr(GError) error = NULL;
	g_autoptr(GOptionContext) context = g_option_context_new("URL");
	g_autofree char *password = NULL;
	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 2 ||
	    (password_file && !g_file_get_contents(password_file, &password, NULL, &error))) {
		fprintf(stderr, "fetch-probe: %s\n", error ? error->message : "one URL is wanted");
		return 2;
	}
	PtFetchParams params = {.camera = "probe",
	                        .location = argv[1],
	                        .user = user,
	                        .password = password ? g_strstrip(password) : NULL,
	                        .trust = {.kind = g_strcmp0(trust, "verify") ? PT_TRUST_ANY : PT_TRUST_VERIFY},
	                        .from_ns = from,
	                        .to_ns = to,
	                        .real_time = real_time,
	                        .rate = (uint64_t)rate,
	                        .loop = pt_loop_new("fetch"),
	                        .sample = on_sample,
	                        .done = on_done};
	while (kind && params.kind < PT_KIND_METADATA && strcmp(kind, kinds[params.kind]))
		params.kind++;
	gint64 begin = g_get_monotonic_time(), until = begin + (gint64)(seconds * 1e6);
	PtFetch *fetch = pt_fetch_start(&params);
	g_mutex_lock(&lock);
	while (!done && g_cond_wait_until(&over, &lock, until))
		continue;
	g_mutex_unlock(&lock);
	double took = (double)(g_get_monotonic_time() - begin) / 1e6, cpu = (double)pt_loop_cpu_ns(params.loop) / 1e9;
	PtFetchStats stats;
	pt_fetch_get_stats(fetch, &stats);
	pt_fetch_free(fetch);
	pt_loop_free(params.loop);
	g_autofree char *why = g_strescape(end ? end->message : "", NULL);
	printf("{\"done\":%s,\"code\":\"%s\",\"error\":\"%s\",\"seconds\":%.4f,\"cpu\":%.4f,\"footage\":%.3f,\"samples\":"
	       "%" G_GUINT64_FORMAT ",\"packets\":%" G_GUINT64_FORMAT ",\"lost\":%" G_GUINT64_FORMAT
	       ",\"bytes\":%" G_GUINT64_FORMAT ",\"told_times\":%s,\"scaled\":%s}\n",
	       yes(done), end ? codes[end->code] : "", why, took, cpu, n ? (double)(last_ns - first_ns) / 1e9 : 0.0,
	       stats.samples, stats.packets, stats.lost, stats.bytes, yes(stats.told_times), yes(stats.scaled));
	g_clear_error(&end);
	return 0;
}
