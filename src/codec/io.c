/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/io.h"
#include "base/clock.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (64 * 1024)

static PtWireReader reader;
static PtWireWriter writer;
static PtBuf out;

static void flush_out(void) {
	for (size_t at = 0; at < out.size;) {
		ssize_t n = send(0, out.data + at, out.size - at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(0);
		at += (size_t)n;
	}
	out.size = 0;
}

void pt_io_read(PtWireMessage *ret) {
	static uint8_t chunk[CHUNK];
	for (;;) {
		g_autoptr(GError) error = NULL;
		if (!pt_wire_reader_next(&reader, ret, &error))
			pt_io_fail(PT_ERROR_INVALID, "%s", error->message);
		if (ret->type != PT_WIRE_NONE)
			return;
		ssize_t n = recv(0, chunk, sizeof chunk, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(0);
		pt_wire_reader_feed(&reader, chunk, (size_t)n);
	}
}

PtSample *pt_io_next_sample(void) {
	PtWireMessage m;
	pt_io_read(&m);
	if (m.type != PT_WIRE_SAMPLE && m.type != PT_WIRE_END)
		pt_io_fail(PT_ERROR_INVALID, "codec process: a message of type %d where samples were expected", m.type);
	return m.sample;
}

void pt_io_write_sample(PtSample *sample) {
	pt_wire_put_sample(&writer, &out, sample);
	flush_out();
}

void pt_io_write_end(void) {
	pt_wire_put_end(&out);
	flush_out();
}

void pt_io_fail(PtErrorCode code, const char *format, ...) {
	va_list args;
	va_start(args, format);
	g_autoptr(GError) error = g_error_new_valist(PT_ERROR, code, format, args);
	va_end(args);
	pt_wire_put_error(&out, error);
	flush_out();
	_exit(1);
}

void pt_io_sleep_until(int64_t mono_ns) {
	for (;;) {
		int64_t left = mono_ns - pt_mono_ns(pt_clock_system());
		if (left <= 0)
			return;
		struct timespec ts = {.tv_sec = left / PT_NS_PER_S, .tv_nsec = left % PT_NS_PER_S};
		struct pollfd p = {.fd = 0, .events = POLLIN};
		if (ppoll(&p, 1, &ts, NULL) > 0) {
			char byte;
			if (p.revents & (POLLHUP | POLLERR) || recv(0, &byte, 1, MSG_PEEK) <= 0)
				_exit(0);
			pt_io_fail(PT_ERROR_INVALID, "codec process: this job takes nothing");
		}
	}
}
