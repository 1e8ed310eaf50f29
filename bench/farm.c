/* A farm of RTSP cameras for benches and drills: plays one H.264 file to any number of clients, each as a camera of its own
 * (own sequence numbers, own phase), TCP interleaved only. It shares no line with our RTSP server, so that what it proves
 * is not our two ends agreeing. Prints "ready" when it listens; on SIGUSR1 and at its end one line of JSON with the frames
 * sent to each path; SIGUSR2 makes all cameras fall silent, and speak again.
 *
 * usage: farm FILE.mp4 PORT [FPS] */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/loop.h"
#include "media/fmp4/read.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MTU 1400
#define CLIENTS_MAX 2048
#define OUT_MAX (4u << 20)

typedef struct {
	uint8_t *data; /* interleaved RTP packets of one frame; sequence, time and SSRC are filled in per client */
	size_t size, packets;
} Frame;

typedef struct {
	PtWatch watch;
	PtTimer timer;
	int fd;
	char in[8192];
	size_t in_size;
	bool playing;
	unsigned path, next_frame;
	uint16_t seq;
	uint32_t rtp_time, ssrc;
	int64_t due;
	PtBuf out; /* what the client has not taken yet */
	size_t out_done;
} Client;

static PtLoop *loop;
static Frame *frames;
static size_t n_frames;
static int64_t frame_ns;
static char *sdp_parameters;
static Client *clients[CLIENTS_MAX];
static uint64_t sent[CLIENTS_MAX], stalled[CLIENTS_MAX];
static uint8_t *scratch;
static bool paused;

/* ---- packets ---- */

static void put_packet(PtBuf *b, const uint8_t *head, size_t n_head, const uint8_t *p, size_t n, bool marker) {
	size_t size = 12 + n_head + n;
	pt_buf_u8(b, '$');
	pt_buf_u8(b, 0);
	pt_buf_u16(b, (uint16_t)size);
	pt_buf_u8(b, 0x80);
	pt_buf_u8(b, (uint8_t)(96 | (marker ? 0x80 : 0)));
	pt_buf_zero(b, 10);
	pt_buf_put(b, head, n_head);
	pt_buf_put(b, p, n);
}

static void put_nal(PtBuf *b, const uint8_t *p, size_t n, bool last, size_t *packets) {
	if (n <= MTU) {
		put_packet(b, NULL, 0, p, n, last);
		(*packets)++;
		return;
	}
	for (size_t at = 1; at < n; at += MTU) {
		size_t piece = MIN(MTU, n - at);
		bool end = at + piece == n;
		uint8_t fu[2] = {(uint8_t)((p[0] & 0xe0) | 28),
		                 (uint8_t)((p[0] & 0x1f) | (at == 1 ? 0x80 : 0) | (end ? 0x40 : 0))};
		put_packet(b, fu, 2, p + at, piece, last && end);
		(*packets)++;
	}
}

static void build_frame(Frame *f, const PtSample *s, const PtBuf *parameters) {
	PtBuf b = {0};
	PtBytes in = s->key ? pt_bytes(parameters->data, parameters->size) : pt_bytes(NULL, 0);
	while (in.left) {
		uint32_t n = pt_bytes_u32(&in);
		put_nal(&b, pt_bytes_take(&in, n), n, false, &f->packets);
	}
	in = pt_bytes(s->data, s->size);
	while (in.left) {
		uint32_t n = pt_bytes_u32(&in);
		const uint8_t *p = pt_bytes_take(&in, n);
		put_nal(&b, p, n, in.left == 0, &f->packets);
	}
	f->data = b.data;
	f->size = b.size;
}

/* SPS and PPS out of the avcC, each behind four bytes of length, and as SDP wants them. */
static void read_parameters(const PtFormat *format, PtBuf *out) {
	PtBytes c = pt_bytes(format->config, format->config_size);
	GString *sprop = g_string_new(NULL);
	pt_bytes_take(&c, 5);
	for (int set = 0; set < 2; set++)
		for (unsigned n = pt_bytes_u8(&c) & (set ? 0xff : 0x1f); n; n--) {
			uint16_t size = pt_bytes_u16(&c);
			const uint8_t *p = pt_bytes_take(&c, size);
			g_assert_nonnull(p);
			pt_buf_u32(out, size);
			pt_buf_put(out, p, size);
			g_autofree char *text = g_base64_encode(p, size);
			g_string_append_printf(sprop, "%s%s", sprop->len ? "," : "", text);
		}
	sdp_parameters = g_string_free(sprop, FALSE);
}

static void load(const char *path) {
	g_autoptr(GError) error = NULL;
	int fd = open(path, O_RDONLY);
	PtMp4 *mp4 = fd < 0 ? NULL : pt_mp4_read(fd, &error);
	if (!mp4 || !mp4->n_tracks || mp4->tracks[0].format->codec != PT_CODEC_H264) {
		fprintf(stderr, "farm: %s is no MP4 with H.264 in its first track\n", path);
		exit(1);
	}
	PtBuf parameters = {0};
	read_parameters(mp4->tracks[0].format, &parameters);
	n_frames = mp4->tracks[0].n_samples;
	frames = g_new0(Frame, n_frames);
	size_t largest = 0;
	for (size_t i = 0; i < n_frames; i++) {
		PtSample *s = pt_mp4_load(mp4, fd, 0, i, &error);
		build_frame(&frames[i], s, &parameters);
		largest = MAX(largest, frames[i].size);
		pt_sample_unref(s);
	}
	scratch = g_malloc(largest);
	pt_buf_clear(&parameters);
	pt_mp4_free(mp4);
	close(fd);
}

/* ---- clients ---- */

static void drop_client(Client *c) {
	pt_watch_remove(&c->watch);
	pt_timer_cancel(&c->timer);
	close(c->fd);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (clients[i] == c)
			clients[i] = NULL;
	pt_buf_clear(&c->out);
	g_free(c);
}

/* False: the client is gone. */
static bool push_out(Client *c) {
	while (c->out_done < c->out.size) {
		ssize_t n = send(c->fd, c->out.data + c->out_done, c->out.size - c->out_done, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0)
			return false;
		c->out_done += (size_t)n;
	}
	if (c->out_done == c->out.size)
		c->out.size = c->out_done = 0;
	pt_watch_set(&c->watch, EPOLLIN | (c->out.size ? EPOLLOUT : 0));
	return true;
}

static bool send_bytes(Client *c, const void *p, size_t n) {
	if (!c->out.size) {
		ssize_t done = send(c->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (done < 0 && errno != EAGAIN)
			return false;
		done = MAX(done, 0);
		p = (const uint8_t *)p + done;
		n -= (size_t)done;
	}
	if (n && c->out.size > OUT_MAX)
		return false;
	pt_buf_put(&c->out, p, n);
	return push_out(c);
}

static void send_frame(PtTimer *timer) {
	Client *c = (Client *)((char *)timer - G_STRUCT_OFFSET(Client, timer));
	const Frame *f = &frames[c->next_frame];
	if (paused) {
		c->due = pt_mono_ns(pt_clock_system()) + frame_ns;
		pt_timer_set_at(loop, &c->timer, c->due);
		return;
	}
	memcpy(scratch, f->data, f->size);
	uint8_t *p = scratch;
	for (size_t i = 0; i < f->packets; i++) {
		pt_put_u16(p + 6, c->seq++);
		pt_put_u32(p + 8, c->rtp_time);
		pt_put_u32(p + 12, c->ssrc);
		p += 4 + (p[2] << 8 | p[3]);
	}
	if (c->out.size)
		stalled[c->path]++;
	if (!send_bytes(c, scratch, f->size)) {
		drop_client(c);
		return;
	}
	sent[c->path]++;
	c->rtp_time += (uint32_t)(frame_ns * 9 / 100000);
	if (++c->next_frame == n_frames)
		c->next_frame = 0;
	c->due += frame_ns;
	pt_timer_set_at(loop, &c->timer, c->due);
}

static void answer(Client *c, const char *request) {
	const char *cseq = strcasestr(request, "\nCSeq:");
	int number = cseq ? atoi(cseq + 6) : 0;
	g_autoptr(GString) out = g_string_new(NULL);
	g_string_append_printf(out, "RTSP/1.0 200 OK\r\nCSeq: %d\r\nSession: %u;timeout=60\r\n", number, c->ssrc);
	if (g_str_has_prefix(request, "OPTIONS")) {
		g_string_append(out, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN\r\n\r\n");
	} else if (g_str_has_prefix(request, "DESCRIBE")) {
		const char *slash = strstr(request, "rtsp://");
		slash = slash ? strchr(slash + 7, '/') : NULL;
		c->path = slash ? (unsigned)atoi(slash + 1) % CLIENTS_MAX : 0;
		g_autofree char *sdp = g_strdup_printf(
		    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=farm\r\nt=0 0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\n"
		    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets=%s\r\n"
		    "a=control:track1\r\n",
		    sdp_parameters);
		g_string_append_printf(out, "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s", strlen(sdp),
		                       sdp);
	} else if (g_str_has_prefix(request, "SETUP")) {
		g_string_append_printf(out, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=%08X\r\n\r\n", c->ssrc);
	} else {
		g_string_append(out, "\r\n");
	}
	if (!send_bytes(c, out->str, out->len)) {
		drop_client(c);
		return;
	}
	if (g_str_has_prefix(request, "PLAY") && !c->playing) {
		c->playing = true;
		/* cameras begin at a key frame and are not in step with each other */
		c->due = pt_mono_ns(pt_clock_system()) + c->path * 7919 % 40 * PT_NS_PER_MS;
		pt_timer_set_at(loop, &c->timer, c->due);
	}
}

static void client_ready(PtWatch *watch, uint32_t events) {
	Client *c = (Client *)watch;
	if ((events & EPOLLOUT) && !push_out(c)) {
		drop_client(c);
		return;
	}
	if (!(events & ~(uint32_t)EPOLLOUT))
		return;
	ssize_t n = recv(c->fd, c->in + c->in_size, sizeof c->in - 1 - c->in_size, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN) || c->in_size + 1 >= sizeof c->in) {
		drop_client(c);
		return;
	}
	c->in_size += (size_t)MAX(n, 0);
	for (;;) {
		if (c->in_size >= 4 && c->in[0] == '$') { /* RTCP from the client: taken and thrown away */
			size_t size = 4 + ((uint8_t)c->in[2] << 8 | (uint8_t)c->in[3]);
			if (c->in_size < size)
				return;
			memmove(c->in, c->in + size, c->in_size -= size);
			continue;
		}
		c->in[c->in_size] = 0;
		char *end = strstr(c->in, "\r\n\r\n");
		if (!end || c->in[0] == '$')
			return;
		g_autofree char *request = g_strndup(c->in, (gsize)(end - c->in));
		size_t size = (size_t)(end + 4 - c->in);
		memmove(c->in, end + 4, c->in_size -= size);
		int fd = c->fd;
		bool leaving = g_str_has_prefix(request, "TEARDOWN");
		answer(c, request);
		for (size_t i = 0;; i++) { /* gone in between? */
			if (i == CLIENTS_MAX)
				return;
			if (clients[i] == c && c->fd == fd)
				break;
		}
		if (leaving) {
			drop_client(c);
			return;
		}
	}
}

static void accept_ready(PtWatch *watch, uint32_t events) {
	int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	int one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	static uint32_t counter;
	Client *c = g_new0(Client, 1);
	c->fd = fd;
	c->ssrc = 0x10000000 + ++counter * 2654435761u % 0x0fffffff;
	c->seq = (uint16_t)(counter * 40503u);
	c->rtp_time = counter * 2246822519u;
	c->timer.due = send_frame;
	c->watch.ready = client_ready;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (!clients[i]) {
			clients[i] = c;
			pt_watch_add(loop, &c->watch, fd, EPOLLIN);
			return;
		}
	close(fd);
	g_free(c);
}

static void print_counts(void *data) {
	printf("{\"frames\":{");
	bool first = true;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (sent[i]) {
			printf("%s\"%zu\":%lu", first ? "" : ",", i, (unsigned long)sent[i]);
			first = false;
		}
	uint64_t late = 0;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		late += stalled[i];
	printf("},\"stalled\":%lu}\n", (unsigned long)late);
	fflush(stdout);
}

static void toggle_pause(void *data) { paused = !paused; }

static PtWatch listener;

static void listen_at(void *data) {
	listener.ready = accept_ready;
	pt_watch_add(loop, &listener, *(int *)data, EPOLLIN);
}

static void stop(void *data) {
	pt_watch_remove(&listener);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (clients[i])
			drop_client(clients[i]);
}

int main(int argc, char **argv) {
	if (argc < 3) {
		fprintf(stderr, "usage: farm FILE.mp4 PORT [FPS]\n");
		return 2;
	}
	load(argv[1]);
	frame_ns = PT_NS_PER_S / (argc > 3 ? atoi(argv[3]) : 25);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	struct sockaddr_in where = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (bind(fd, (struct sockaddr *)&where, sizeof where) || listen(fd, 512)) {
		perror("farm: listen");
		return 1;
	}
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	loop = pt_loop_new("farm");
	pt_loop_call(loop, listen_at, &fd);
	printf("ready\n");
	fflush(stdout);
	for (int signal; !sigwait(&set, &signal);) {
		pt_loop_call(loop, signal == SIGUSR2 ? toggle_pause : print_counts, NULL);
		if (signal == SIGTERM || signal == SIGINT)
			break;
	}
	pt_loop_call(loop, stop, NULL);
	pt_loop_free(loop);
	return 0;
}
