/* pigtail parse: what our parsers make of a file, without a daemon. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "base/bytes.h"
#include "media/fmp4/read.h"
#include "media/rtp/packet.h"
#include "media/rtsp/message.h"
#include "media/rtsp/sdp.h"
#include "site/config.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool read_file(const char *path, char **ret, gsize *ret_size) {
	g_autoptr(GError) error = NULL;
	if (g_file_get_contents(path, ret, ret_size, &error))
		return true;
	fprintf(stderr, "pigtail parse: %s\n", error->message);
	return false;
}

static int parse_site(const char *path) {
	g_autoptr(GPtrArray) problems = pt_problems_new();
	g_autoptr(PtSite) site = NULL;
	bool ok = pt_site_load(path, &site, problems);
	for (guint i = 0; i < problems->len; i++)
		fprintf(stderr, "%s\n", (char *)g_ptr_array_index(problems, i));
	if (!ok)
		return PT_EXIT_SITE;
	g_autofree char *text = pt_site_print(site);
	fputs(text, stdout);
	return PT_EXIT_DONE;
}

static int parse_mp4(const char *path) {
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	g_autoptr(GError) error = NULL;
	g_autoptr(PtMp4) mp4 = fd < 0 ? NULL : pt_mp4_read(fd, &error);
	if (fd >= 0)
		close(fd);
	if (!mp4) {
		fprintf(stderr, "pigtail parse: %s: %s\n", path, error ? error->message : g_strerror(errno));
		return PT_EXIT_FAILED;
	}
	printf("%s, whole up to byte %" G_GUINT64_FORMAT "\n", mp4->fragmented ? "fragmented" : "progressive",
	       mp4->whole_size);
	for (size_t t = 0; t < mp4->n_tracks; t++) {
		const PtMp4Track *track = &mp4->tracks[t];
		printf("track %u: %s %s, %zu samples, %u ticks/s\n", track->track_id, pt_codec_name(track->format->codec),
		       track->format->rfc6381, track->n_samples, track->format->timescale);
		for (size_t i = 0; i < track->n_samples; i++) {
			const PtMp4Sample *s = &track->samples[i];
			printf("  %6zu at %10" G_GUINT64_FORMAT " size %7u dts %10" G_GINT64_FORMAT
			       " pts %10" G_GINT64_FORMAT "%s",
			       i, s->offset, s->size, s->dts, s->pts, s->key ? " key" : "");
			if (s->wall_ns) {
				g_autofree char *when = pt_time_format(s->wall_ns);
				printf(" %s", when);
			}
			putchar('\n');
		}
	}
	return PT_EXIT_DONE;
}

static int parse_sdp(const char *text, gsize size) {
	g_autoptr(GError) error = NULL;
	g_autoptr(PtSdp) sdp = pt_sdp_parse(text, size, "rtsp://camera.invalid/", NULL, NULL, &error);
	if (!sdp) {
		fprintf(stderr, "pigtail parse: %s\n", error->message);
		return PT_EXIT_FAILED;
	}
	pt_sdp_print(sdp, stdout);
	return PT_EXIT_DONE;
}

static int print_message(const PtRtspMessage *m) {
	if (m->request)
		printf("%s %s\n", m->method, m->uri);
	else
		printf("%u %s\n", m->status, m->reason);
	for (unsigned i = 0; i < m->n_headers; i++)
		printf("  %s: %s\n", m->headers[i].name, m->headers[i].value);
	const char *type = pt_rtsp_message_get(m, "Content-Type");
	if (m->body && (!type || g_ascii_strncasecmp(type, "application/sdp", 15) == 0))
		return parse_sdp((const char *)m->body, m->body_size);
	return PT_EXIT_DONE;
}

static int parse_rtsp(const char *text, gsize size) {
	PtRtspParser *parser = pt_rtsp_parser_new();
	g_autoptr(GError) error = NULL;
	int result = PT_EXIT_DONE;
	unsigned messages = 0;
	for (gsize at = 0; at < size && result == PT_EXIT_DONE;) {
		const PtRtspMessage *m = NULL;
		ssize_t n = pt_rtsp_parser_feed(parser, text + at, size - at, &m, &error);
		if (n < 0) {
			fprintf(stderr, "pigtail parse: %s\n", error->message);
			result = PT_EXIT_FAILED;
		} else if (n == 0 && !m) {
			fprintf(stderr, "pigtail parse: interleaved data at byte %zu\n", (size_t)at);
			result = PT_EXIT_FAILED;
		}
		if (m) {
			messages++;
			result = print_message(m);
		}
		at += (gsize)MAX(n, 0);
	}
	if (!messages && result == PT_EXIT_DONE) {
		fprintf(stderr, "pigtail parse: no whole RTSP message in it\n");
		result = PT_EXIT_FAILED;
	}
	pt_rtsp_parser_free(parser);
	return result;
}

static int parse_rtp(const char *data, gsize size) {
	PtRtpPacket p;
	if (!pt_rtp_parse(data, size, &p)) {
		fprintf(stderr, "pigtail parse: not an RTP packet, or its lengths lie\n");
		return PT_EXIT_FAILED;
	}
	printf("payload type %u, sequence %u, timestamp %u, SSRC %08x%s, %zu bytes of payload", p.payload_type, p.seq,
	       p.timestamp, p.ssrc, p.marker ? ", marker" : "", p.size);
	if (p.ext)
		printf(", extension %04x of %zu bytes", p.ext_profile, p.ext_size);
	putchar('\n');
	return PT_EXIT_DONE;
}

int pt_cli_parse(int argc, char **argv) {
	if (argc != 3) {
		fprintf(stderr, "usage: pigtail parse rtsp|sdp|rtp|mp4|site FILE    (rtp: the bytes of one packet)\n");
		return PT_EXIT_USAGE;
	}
	const char *kind = argv[1];
	if (!strcmp(kind, "site"))
		return parse_site(argv[2]);
	if (!strcmp(kind, "mp4") || !strcmp(kind, "fmp4"))
		return parse_mp4(argv[2]);
	g_autofree char *text = NULL;
	gsize size;
	if (!read_file(argv[2], &text, &size))
		return PT_EXIT_FAILED;
	if (!strcmp(kind, "sdp"))
		return parse_sdp(text, size);
	if (!strcmp(kind, "rtsp"))
		return parse_rtsp(text, size);
	if (!strcmp(kind, "rtp"))
		return parse_rtp(text, size);
	fprintf(stderr, "pigtail parse: '%s' is not one of rtsp, sdp, rtp, mp4, site\n", kind);
	return PT_EXIT_USAGE;
}
