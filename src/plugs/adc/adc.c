/* SPDX-License-Identifier: Apache-2.0 */
#include "plugs/adc/adc.h"
#include "base/error.h"
#include "plugs/adc/loop.h"
#include "plugs/driver.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICES "/sys/bus/iio/devices"
#define AGREE 3      /* readings in a row that say the same */
#define AWAY_MS 1000 /* a device that is away is looked for so often */

typedef struct {
	PtLoopState state;
	bool away;
	double ohm;
	int64_t mono_ns; /* of the first reading that said so */
	char why[160];   /* away */
} Reading;

/* A thread of its own reads: an ADC on a slow bus takes its time. */
struct PtInputPort {
	const PtPlugSettings *settings;
	PtInputHost host;
	PtLoopParams loop;
	GMainContext *context;
	GThread *thread;
	GMutex lock;
	GCond wake;
	bool stop;        /* under lock */
	GSource *arrival; /* under lock; NULL: nothing is on its way */
	Reading found;    /* under lock */

	/* context's thread */
	bool any;
	PtLoopState told; /* a fault; PT_LOOP_CLOSED: none */
};

/* ---- on the context's thread ---- */

static void say_trouble(PtInputPort *port, const Reading *r) {
	static const char *const words[] = {[PT_LOOP_SHORTED] = "the line is shorted",
	                                    [PT_LOOP_CUT] = "the line is cut",
	                                    [PT_LOOP_STRANGE] = "the line's resistance is none of those expected"};
	if (r->away) {
		port->host.trouble(port->host.user, r->why);
		return;
	}
	bool fault = r->state > PT_LOOP_OPEN;
	g_autofree char *text = !fault         ? NULL
	                        : r->ohm < 1e7 ? g_strdup_printf("%s: %.0f ohms", words[r->state], r->ohm)
	                                       : g_strdup(words[r->state]);
	port->host.trouble(port->host.user, text);
	PtLoopState now = fault ? r->state : PT_LOOP_CLOSED;
	if (now != port->told) {
		port->told = now;
		port->host.tamper(port->host.user, fault, text);
	}
}

static gboolean deliver(gpointer data) {
	PtInputPort *port = data;
	g_mutex_lock(&port->lock);
	Reading r = port->found;
	g_clear_pointer(&port->arrival, g_source_unref);
	g_mutex_unlock(&port->lock);
	say_trouble(port, &r);
	PtLevel level = r.away                      ? PT_LEVEL_UNKNOWN
	                : r.state == PT_LOOP_CLOSED ? PT_LEVEL_CLOSED
	                : r.state == PT_LOOP_OPEN   ? PT_LEVEL_OPEN
	                                            : PT_LEVEL_FAULT;
	port->host.level(port->host.user, level, r.mono_ns, !port->any);
	port->any |= !r.away;
	return G_SOURCE_REMOVE;
}

/* ---- the thread that reads ---- */

/* The directory of a device: a path, iio:deviceN, or what its file `name` says. */
static char *find_device(const char *chip) {
	if (chip[0] == '/')
		return g_strdup(chip);
	if (g_str_has_prefix(chip, "iio:device"))
		return g_build_filename(DEVICES, chip, NULL);
	g_autoptr(GDir) dir = g_dir_open(DEVICES, 0, NULL);
	const char *entry;
	while (dir && (entry = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(DEVICES, entry, "name", NULL), *name = NULL;
		if (g_file_get_contents(path, &name, NULL, NULL) && !strcmp(g_strchomp(name), chip))
			return g_build_filename(DEVICES, entry, NULL);
	}
	return NULL;
}

static int open_channel(const PtInputPort *port, char *why, size_t size) {
	const PtPlugSettings *s = port->settings;
	g_autofree char *device = find_device(s->chip), *file = g_strdup_printf("in_voltage%d_raw", s->channel);
	g_autofree char *path = device ? g_build_filename(device, file, NULL) : NULL;
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (!path)
		g_snprintf(why, size, "there is no ADC named %.60s", s->chip);
	else if (fd < 0)
		g_snprintf(why, size, "%.120s: %s", path, g_strerror(errno));
	return fd;
}

static bool read_ratio(const PtInputPort *port, int fd, double *ret, char *why, size_t size) {
	char text[32] = "";
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	if (n <= 0) {
		g_snprintf(why, size, "reading the ADC: %s", n < 0 ? g_strerror(errno) : "it says nothing");
		return false;
	}
	*ret = CLAMP(g_ascii_strtod(text, NULL) / (double)port->settings->full_scale, 0, 1);
	return true;
}

static void hand_over(PtInputPort *port, const Reading *r) {
	g_mutex_lock(&port->lock);
	port->found = *r;
	if (!port->arrival) {
		port->arrival = g_idle_source_new();
		g_source_set_priority(port->arrival, PT_PLUG_PRIORITY);
		g_source_set_callback(port->arrival, deliver, port, NULL);
		g_source_attach(port->arrival, port->context);
	}
	g_mutex_unlock(&port->lock);
}

/* True: it is to end. */
static bool sleep_for(PtInputPort *port, int64_t ns) {
	int64_t until = g_get_monotonic_time() + ns / 1000;
	g_mutex_lock(&port->lock);
	while (!port->stop && g_cond_wait_until(&port->wake, &port->lock, until))
		;
	bool stop = port->stop;
	g_mutex_unlock(&port->lock);
	return stop;
}

static void *run(void *data) {
	PtInputPort *port = data;
	Reading told = {.state = (PtLoopState)-1}, seen = told;
	unsigned agree = 0;
	int fd = -1;
	int64_t pause = 0;
	while (!sleep_for(port, pause)) {
		Reading now = {.mono_ns = pt_driver_now_ns()};
		double ratio = 0;
		if (fd < 0)
			fd = open_channel(port, now.why, sizeof now.why);
		now.away = fd < 0 || !read_ratio(port, fd, &ratio, now.why, sizeof now.why);
		if (now.away && fd >= 0) {
			close(fd);
			fd = -1;
		}
		now.ohm = pt_loop_ohm(&port->loop, ratio);
		now.state = now.away ? PT_LOOP_STRANGE : pt_loop_state(&port->loop, ratio);
		pause = now.away ? AWAY_MS * PT_NS_PER_MS : port->settings->every_ns;
		if (now.away != seen.away || now.state != seen.state) {
			seen = now;
			agree = 0;
		}
		bool news = seen.away != told.away || seen.state != told.state;
		if (++agree < AGREE && !now.away)
			continue;
		seen.ohm = now.ohm;
		if (news)
			hand_over(port, &seen);
		told = seen;
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* ---- the contract ---- */

static PtLoopParams loop_of(const PtPlugSettings *s) {
	return (PtLoopParams){s->pull_up_ohm, s->series_ohm, s->parallel_ohm, s->tolerance};
}

static PtInputPort *input_open(const PtPlugSettings *settings, GMainContext *context, PtInputHost host, GError **error) {
	PtInputPort *port = g_new0(PtInputPort, 1);
	port->settings = settings;
	port->host = host;
	port->loop = loop_of(settings);
	port->context = g_main_context_ref(context ? context : g_main_context_default());
	g_mutex_init(&port->lock);
	g_cond_init(&port->wake);
	port->thread = g_thread_new("pt-adc", run, port);
	return port;
}

static void input_close(PtInputPort *port) {
	g_mutex_lock(&port->lock);
	port->stop = true;
	g_cond_signal(&port->wake);
	g_mutex_unlock(&port->lock);
	g_thread_join(port->thread);
	pt_driver_drop(&port->arrival);
	g_main_context_unref(port->context);
	g_mutex_clear(&port->lock);
	g_cond_clear(&port->wake);
	g_free(port);
}

static void check(const PtPlugSettings *s, const PtNode *node, GPtrArray *problems) {
	PtLoopParams loop = loop_of(s);
	if (!s->chip)
		pt_problem(problems, node, "driver adc needs chip: iio:device0, or the device's name");
	if (s->channel < 0)
		pt_problem(problems, node, "driver adc needs channel: the number N of in_voltageN_raw");
	if (!s->full_scale)
		pt_problem(problems, node, "driver adc needs full: the highest value of the ADC, such as 4095 for 12 bits");
	if (s->pull_up_ohm <= 0)
		pt_problem(problems, node,
		           "driver adc needs pull-up: the resistor between reference and line, such as 2.2k");
	else if (!pt_loop_is_sound(&loop))
		pt_problem(
		    problems, node,
		    "open and closed cannot be told apart: give series, parallel, or both, with parallel large enough "
		    "for the tolerance");
}

static const char *const keys[] = {"chip", "channel", "full", "pull-up", "series", "parallel", "tolerance", "every", NULL};
static const PtInputDriver input_driver = {.open = input_open, .close = input_close};

const PtPlugDriver pt_adc_driver = {.name = "adc",
                                    .about = "supervised loops on an ADC of this machine",
                                    .keys = keys,
                                    .check = check,
                                    .input = &input_driver};
