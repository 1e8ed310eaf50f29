/* What runs and how well: /api/state, /api/cameras, /metrics. Never a secret. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "web/host.h"
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char *const stream_states[] = {"idle", "connecting", "live", "lost"};

static void put_track(JsonBuilder *b, const PtTrackStats *t) {
	const PtFormat *f = t->format;
	pt_json_object(b, NULL);
	pt_json_text(b, "kind", (const char *const[]){"video", "audio", "metadata"}[pt_codec_kind(f->codec)]);
	pt_json_text(b, "codec", pt_codec_name(f->codec));
	pt_json_text(b, "rfc6381", f->rfc6381[0] ? f->rfc6381 : NULL);
	if (f->width) {
		pt_json_int(b, "width", f->width);
		pt_json_int(b, "height", f->height);
	}
	if (f->sample_rate) {
		pt_json_int(b, "sample_rate", f->sample_rate);
		pt_json_int(b, "channels", f->channels);
	}
	pt_json_number(b, "bitrate", t->bitrate);
	pt_json_number(b, "fps", t->fps);
	pt_json_int(b, "samples", (int64_t)t->samples);
	pt_json_int(b, "bytes", (int64_t)t->bytes);
	pt_json_int(b, "packets", (int64_t)t->packets);
	pt_json_int(b, "lost_packets", (int64_t)t->lost_packets);
	pt_json_int(b, "dropped_samples", (int64_t)t->dropped_samples);
	pt_json_time(b, "last", t->last_wall_ns);
	json_builder_end_object(b);
}

static void put_stream(PtHost *host, JsonBuilder *b, const char *camera, const char *name) {
	PtStream *stream = host->stream(host->user, camera, name);
	if (!stream)
		return;
	PtStreamStats stats;
	pt_stream_get_stats(stream, &stats);
	pt_json_object(b, name);
	pt_json_text(b, "state", stream_states[stats.state]);
	pt_json_text(b, "reason", stats.reason[0] ? stats.reason : NULL);
	pt_json_time(b, "since", stats.since_ns);
	pt_json_int(b, "reconnects", stats.reconnects);
	if (stats.clock_known)
		pt_json_number(b, "clock_offset_ms", (double)stats.clock_offset_ns / PT_NS_PER_MS);
	pt_json_array(b, "tracks");
	for (int i = 0; i < stats.n_tracks; i++)
		if (stats.tracks[i].format)
			put_track(b, &stats.tracks[i]);
	json_builder_end_array(b);
	json_builder_end_object(b);
	pt_stream_stats_clear(&stats);
	pt_stream_unref(stream);
}

static void put_cameras(PtHost *host, PtRequest *r, JsonBuilder *b) {
	PtSite *site = host->site(host->user);
	PtRole role = pt_request_caller(r)->role;
	pt_json_array(b, "cameras");
	for (guint i = 0; i < site->cameras->len; i++) {
		const PtSiteCamera *c = g_ptr_array_index(site->cameras, i);
		if (!pt_request_may_see(r, c->name))
			continue;
		pt_json_object(b, NULL);
		pt_json_text(b, "name", c->name);
		g_autofree char *source = pt_site_shown_url(c->source);
		pt_json_text(b, "source", source);
		pt_json_text(b, "record", pt_record_words[c->record_main]);
		pt_json_bool(b, "may_listen",
		             c->listen == PT_LISTEN_ALL || (c->listen == PT_LISTEN_OPERATOR && role >= PT_ROLE_OPERATOR));
		pt_json_object(b, "streams");
		put_stream(host, b, c->name, "main");
		put_stream(host, b, c->name, "sub");
		json_builder_end_object(b);
		if (host->describe_camera)
			host->describe_camera(host->user, c->name, b);
		json_builder_end_object(b);
	}
	json_builder_end_array(b);
}

static void put_latency(JsonBuilder *b, const char *name, const PtLatencyFigures *f) {
	pt_json_object(b, name);
	pt_json_number(b, "p50", (double)f->p50_ns / PT_NS_PER_MS);
	pt_json_number(b, "p99", (double)f->p99_ns / PT_NS_PER_MS);
	pt_json_number(b, "max", (double)f->max_ns / PT_NS_PER_MS);
	json_builder_end_object(b);
}

static void put_archive(PtHost *host, JsonBuilder *b) {
	pt_json_object(b, "archive");
	if (!host->archive) {
		pt_json_text(b, "problem", host->archive_error);
		json_builder_end_object(b);
		return;
	}
	PtWriterStats w;
	struct statvfs fs;
	pt_writer_get_stats(pt_archive_writer(host->archive), &w);
	pt_json_text(b, "path", pt_archive_path(host->archive));
	pt_json_text(b, "problem", w.problem[0] ? w.problem : NULL);
	char crowded[200];
	pt_archive_get_crowded(host->archive, crowded, sizeof crowded);
	pt_json_text(b, "over_limit", crowded[0] ? crowded : NULL);
	pt_json_int(b, "bytes", pt_store_total_bytes(pt_archive_store(host->archive)));
	if (!statvfs(pt_archive_path(host->archive), &fs)) {
		pt_json_int(b, "disk_bytes", (int64_t)fs.f_blocks * (int64_t)fs.f_frsize);
		pt_json_int(b, "free_bytes", (int64_t)fs.f_bavail * (int64_t)fs.f_frsize);
	}
	pt_json_int(b, "samples_written", (int64_t)w.samples);
	pt_json_int(b, "bytes_written", (int64_t)w.bytes);
	pt_json_int(b, "samples_dropped", (int64_t)w.dropped_samples);
	pt_json_int(b, "queued_bytes", (int64_t)w.queued_bytes);
	pt_json_number(b, "last_sync_ms", (double)w.last_sync_ns / PT_NS_PER_MS);
	pt_json_number(b, "max_sync_ms", (double)w.syncs.max_ns / PT_NS_PER_MS);
	put_latency(b, "sync_ms", &w.syncs);
	put_latency(b, "write_ms", &w.writes);
	if (host->describe_archive)
		host->describe_archive(host->user, b);
	json_builder_end_object(b);
}

static int64_t read_pss(void) {
	g_autofree char *text = NULL;
	const char *line;
	if (!g_file_get_contents("/proc/self/smaps_rollup", &text, NULL, NULL) || !(line = strstr(text, "\nPss:")))
		return 0;
	return g_ascii_strtoll(line + 5, NULL, 10) * 1024;
}

static double cpu_seconds(void) {
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void put_daemon(PtHost *host, JsonBuilder *b) {
	PtServerStats s;
	uint64_t published, dropped;
	pt_server_get_stats(host->server, &s);
	pt_bus_counters(host->bus, &published, &dropped);
	pt_json_object(b, "daemon");
	pt_json_int(b, "pid", getpid());
	pt_json_number(b, "cpu_s", cpu_seconds());
	pt_json_int(b, "memory_bytes", read_pss());
	pt_json_int(b, "events_published", (int64_t)published);
	pt_json_int(b, "events_dropped", (int64_t)dropped);
	pt_json_object(b, "web");
	pt_json_int(b, "connections", s.connections);
	pt_json_int(b, "sockets", s.sockets);
	pt_json_int(b, "requests", (int64_t)s.requests);
	pt_json_int(b, "refused", s.refused);
	pt_json_int(b, "timed_out", s.timed_out);
	pt_json_int(b, "too_large", s.too_large);
	json_builder_end_object(b);
	if (host->describe)
		host->describe(host->user, b);
	const PtOwnAuthority *authority = host->authority ? host->authority(host->user) : NULL;
	if (authority)
		pt_api_put_authority(b, "authority", authority);
	json_builder_end_object(b);
}

static void put_site(PtHost *host, JsonBuilder *b) {
	PtSite *site = host->site(host->user);
	pt_json_object(b, "site");
	pt_json_text(b, "name", site->name);
	pt_json_text(b, "timezone", site->timezone);
	pt_json_time(b, "now", pt_wall_ns(host->clock));
	json_builder_end_object(b);
}

static void get_state(PtRequest *r, void *data) {
	PtHost *host = data;
	g_autoptr(JsonBuilder) b = json_builder_new();
	pt_json_object(b, NULL);
	put_site(host, b);
	put_cameras(host, r, b);
	pt_json_object(b, "plugs");
	pt_api_put_plugs(host, r, b);
	json_builder_end_object(b);
	put_archive(host, b);
	put_daemon(host, b);
	json_builder_end_object(b);
	pt_api_reply(r, b);
}

static void get_cameras(PtRequest *r, void *data) {
	g_autoptr(JsonBuilder) b = json_builder_new();
	pt_json_object(b, NULL);
	put_site(data, b);
	put_cameras(data, r, b);
	json_builder_end_object(b);
	pt_api_reply(r, b);
}

/* ---- Prometheus (text format 0.0.4) ---- */

static void metric(GString *out, const char *name, const char *type, const char *help) {
	g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void camera_metric(PtHost *host, PtRequest *r, GString *out, const char *name,
                          double (*value)(const PtStreamStats *)) {
	PtSite *site = host->site(host->user);
	static const char *const names[] = {"main", "sub"};
	for (guint i = 0; i < site->cameras->len; i++)
		for (int k = 0; k < 2; k++) {
			const PtSiteCamera *c = g_ptr_array_index(site->cameras, i);
			PtStream *stream =
			    pt_request_may_see(r, c->name) ? host->stream(host->user, c->name, names[k]) : NULL;
			if (!stream)
				continue;
			PtStreamStats stats;
			pt_stream_get_stats(stream, &stats);
			g_string_append_printf(out, "%s{camera=\"%s\",stream=\"%s\"} %.17g\n", name, c->name, names[k],
			                       value(&stats));
			pt_stream_stats_clear(&stats);
			pt_stream_unref(stream);
		}
}

static double is_live(const PtStreamStats *s) { return s->state == PT_STREAM_LIVE; }

static double sum_of(const PtStreamStats *s, size_t offset) {
	double sum = 0;
	for (int i = 0; i < PT_STREAM_TRACKS; i++)
		sum += (double)*(const uint64_t *)(const void *)((const char *)&s->tracks[i] + offset);
	return sum;
}

static double bytes_in(const PtStreamStats *s) { return sum_of(s, G_STRUCT_OFFSET(PtTrackStats, bytes)); }
static double samples_in(const PtStreamStats *s) { return sum_of(s, G_STRUCT_OFFSET(PtTrackStats, samples)); }
static double packets_lost(const PtStreamStats *s) { return sum_of(s, G_STRUCT_OFFSET(PtTrackStats, lost_packets)); }
static double reconnects(const PtStreamStats *s) { return s->reconnects; }

static void get_metrics(PtRequest *r, void *data) {
	PtHost *host = data;
	static const struct {
		const char *name, *type, *help;
		double (*value)(const PtStreamStats *);
	} streams[] = {
	    {"pigtail_stream_live", "gauge", "1 while samples arrive", is_live},
	    {"pigtail_stream_bytes_total", "counter", "bytes of samples received", bytes_in},
	    {"pigtail_stream_samples_total", "counter", "samples received", samples_in},
	    {"pigtail_stream_packets_lost_total", "counter", "RTP packets lost", packets_lost},
	    {"pigtail_stream_reconnects_total", "counter", "times the stream was lost", reconnects},
	};
	g_autoptr(GString) out = g_string_new(NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(streams); i++) {
		metric(out, streams[i].name, streams[i].type, streams[i].help);
		camera_metric(host, r, out, streams[i].name, streams[i].value);
	}
	if (host->archive) {
		PtWriterStats w;
		pt_writer_get_stats(pt_archive_writer(host->archive), &w);
		metric(out, "pigtail_archive_bytes", "gauge", "bytes of all segments");
		g_string_append_printf(out, "pigtail_archive_bytes %" G_GINT64_FORMAT "\n",
		                       pt_store_total_bytes(pt_archive_store(host->archive)));
		metric(out, "pigtail_archive_samples_dropped_total", "counter", "samples that could not be written");
		g_string_append_printf(out, "pigtail_archive_samples_dropped_total %" G_GUINT64_FORMAT "\n",
		                       w.dropped_samples);
		metric(out, "pigtail_archive_sync_seconds", "gauge", "how long the last group sync took");
		g_string_append_printf(out, "pigtail_archive_sync_seconds %.6f\n", (double)w.last_sync_ns / PT_NS_PER_S);
		metric(out, "pigtail_archive_well", "gauge", "0 while recording is held up by a problem");
		g_string_append_printf(out, "pigtail_archive_well %d\n", !w.problem[0]);
	}
	metric(out, "pigtail_cpu_seconds_total", "counter", "CPU time of the daemon");
	g_string_append_printf(out, "pigtail_cpu_seconds_total %.3f\n", cpu_seconds());
	metric(out, "pigtail_memory_bytes", "gauge", "proportional set size of the daemon");
	g_string_append_printf(out, "pigtail_memory_bytes %" G_GINT64_FORMAT "\n", read_pss());
	pt_request_reply_text(r, 200, "text/plain; version=0.0.4", out->str);
}

static void post_reload(PtRequest *r, void *data) {
	PtHost *host = data;
	g_autoptr(GPtrArray) problems = pt_problems_new();
	if (host->reload(host->user, problems)) {
		pt_request_reply_text(r, 200, "application/json", "{\"ok\":true}");
		return;
	}
	g_autoptr(GString) text = g_string_new("the site file has problems, what ran before goes on");
	for (guint i = 0; i < problems->len; i++)
		g_string_append_printf(text, "\n%s", (char *)g_ptr_array_index(problems, i));
	pt_request_fail(r, 409, "%s", text->str);
}

void pt_api_add_state(PtHost *host) {
	pt_server_route(host->server, "GET", "/api/state", PT_ROLE_VIEWER, get_state, host);
	pt_server_route(host->server, "GET", "/api/cameras", PT_ROLE_VIEWER, get_cameras, host);
	pt_server_route(host->server, "GET", "/metrics", PT_ROLE_VIEWER, get_metrics, host);
	pt_server_route(host->server, "POST", "/api/reload", PT_ROLE_ADMIN, post_reload, host);
}
