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
static bool key_wanted;
static PtOsdList texts;

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

/* Orders come at any time; what is no order is the caller's. */
static bool take_order(const PtWireMessage *m) {
	if (m->type == PT_WIRE_KEY)
		key_wanted = true;
	else if (m->type == PT_WIRE_TEXTS)
		texts = m->texts;
	return m->type == PT_WIRE_KEY || m->type == PT_WIRE_TEXTS;
}

bool pt_io_key_wanted(void) {
	bool wanted = key_wanted;
	key_wanted = false;
	return wanted;
}

const PtOsdList *pt_io_texts(void) { return &texts; }

PtSample *pt_io_next_sample(void) {
	PtWireMessage m;
	do
		pt_io_read(&m);
	while (take_order(&m));
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

/* Takes the orders that have been read. */
static void take_orders(void) {
	for (;;) {
		PtWireMessage m;
		g_autoptr(GError) error = NULL;
		if (!pt_wire_reader_next(&reader, &m, &error))
			pt_io_fail(PT_ERROR_INVALID, "%s", error->message);
		if (m.type == PT_WIRE_NONE)
			return;
		if (!take_order(&m))
			pt_io_fail(PT_ERROR_INVALID, "codec process: this job takes nothing");
	}
}

static void read_orders(void) {
	static uint8_t chunk[4096];
	ssize_t n = recv(0, chunk, sizeof chunk, MSG_DONTWAIT);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		_exit(0);
	pt_wire_reader_feed(&reader, chunk, (size_t)n);
	take_orders();
}

void pt_io_sleep_until(int64_t mono_ns) {
	int64_t left;
	take_orders(); /* that came with the job */
	do {           /* one look at least: whoever is late listens all the same */
		left = MAX(mono_ns - pt_mono_ns(pt_clock_system()), 0);
		struct timespec ts = {.tv_sec = left / PT_NS_PER_S, .tv_nsec = left % PT_NS_PER_S};
		struct pollfd p = {.fd = 0, .events = POLLIN};
		if (ppoll(&p, 1, &ts, NULL) > 0)
			read_orders();
	} while (left);
}
