/* The floor of bench/record: receives N cameras over RTSP and writes the very bytes to N files, and does nothing else. Not
 * a recorder: the measure of what moving the bytes costs.
 *
 * usage: floor PORT N SECONDS DIR */
/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buffer[256 * 1024];

static void ask(int fd, const char *method, const char *url, int cseq, const char *extra) {
	char text[512], reply[4096];
	int n = snprintf(text, sizeof text, "%s %s RTSP/1.0\r\nCSeq: %d\r\n%s\r\n", method, url, cseq, extra);
	if (write(fd, text, (size_t)n) != n || read(fd, reply, sizeof reply) <= 0) {
		perror("floor: ask");
		exit(1);
	}
}

static double now(clockid_t id) {
	struct timespec ts;
	clock_gettime(id, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
	if (argc < 5) {
		fprintf(stderr, "usage: floor PORT N SECONDS DIR\n");
		return 2;
	}
	int n = atoi(argv[2]), epoll = epoll_create1(0);
	double seconds = atof(argv[3]);
	int(*fds)[2] = calloc((size_t)n, sizeof *fds);
	for (int i = 0; i < n; i++) {
		struct sockaddr_in to = {.sin_family = AF_INET,
		                         .sin_port = htons((unsigned short)atoi(argv[1])),
		                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		char url[64], path[512];
		snprintf(url, sizeof url, "rtsp://127.0.0.1:%s/%d", argv[1], i + 1000);
		snprintf(path, sizeof path, "%s/%d.raw", argv[4], i);
		fds[i][0] = socket(AF_INET, SOCK_STREAM, 0);
		fds[i][1] = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fds[i][1] < 0 || connect(fds[i][0], (struct sockaddr *)&to, sizeof to)) {
			perror("floor: connect");
			return 1;
		}
		ask(fds[i][0], "DESCRIBE", url, 1, "");
		ask(fds[i][0], "SETUP", url, 2, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n");
		ask(fds[i][0], "PLAY", url, 3, "");
		struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (unsigned)i};
		epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i][0], &ev);
	}
	double begin = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	unsigned long bytes = 0;
	while (now(CLOCK_MONOTONIC) - begin < seconds) {
		struct epoll_event events[64];
		int ready = epoll_wait(epoll, events, 64, 1000);
		for (int k = 0; k < ready; k++) {
			int i = (int)events[k].data.u32;
			ssize_t got = recv(fds[i][0], buffer, sizeof buffer, MSG_DONTWAIT);
			if (got > 0 && write(fds[i][1], buffer, (size_t)got) == got)
				bytes += (unsigned long)got;
		}
	}
	double wall = now(CLOCK_MONOTONIC) - begin;
	printf("{\"cpu_s\":%.4f,\"wall_s\":%.4f,\"bytes\":%lu}\n", now(CLOCK_PROCESS_CPUTIME_ID) - cpu, wall, bytes);
	return 0;
}
