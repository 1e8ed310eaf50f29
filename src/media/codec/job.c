/* SPDX-License-Identifier: Apache-2.0 */
#include "media/codec/job.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUEUE_MAX (16u * 1024 * 1024) /* bytes that wait for a process; two of the largest samples */
#define CHUNK (64 * 1024)

extern char **environ;

/* ---- the process ---- */

typedef struct {
	int fd;
	pid_t pid;
	PtWireWriter writer;
	PtWireReader reader;
	PtBuf out;
	size_t sent;
	bool finished; /* the end was said to it */
} Process;

static GMutex program_lock;
static char *program_path;

void pt_codec_set_program(const char *path) {
	g_mutex_lock(&program_lock);
	g_free(program_path);
	program_path = g_strdup(path);
	g_mutex_unlock(&program_lock);
}

#ifdef PT_CODEC_PROGRAM
static char *find_program(void) {
	g_mutex_lock(&program_lock);
	char *explicit_path = g_strdup(program_path);
	g_mutex_unlock(&program_lock);
	if (explicit_path)
		return explicit_path;
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *dir = g_path_get_dirname(self ? self : "/");
	/* installed beside it; in the build tree each program has the folder of its room */
	const char *const places[] = {"pigtail-codec", "../codec/pigtail-codec", "../../src/codec/pigtail-codec"};
	for (unsigned i = 0; self && i < G_N_ELEMENTS(places); i++) {
		char *path = g_build_filename(dir, places[i], NULL);
		if (!access(path, X_OK))
			return path;
		g_free(path);
	}
	return access(PT_CODEC_PROGRAM, X_OK) ? NULL : g_strdup(PT_CODEC_PROGRAM);
}
#else
static char *find_program(void) { return NULL; }
#endif

bool pt_codec_available(void) {
	g_autofree char *path = find_program();
	return path != NULL;
}

/* What the linker and the sanitizers need; the rest of the environment is none of its business. ret holds n + 1 pointers. */
static void pick_environment(char **ret, unsigned n) {
	static const char *const names[] = {"LD_LIBRARY_PATH=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS="};
	for (char **e = environ; *e && n; e++)
		for (unsigned i = 0; i < G_N_ELEMENTS(names) && n; i++)
			if (g_str_has_prefix(*e, names[i])) {
				*ret++ = *e;
				n--;
			}
	*ret = NULL;
}

static bool spawn(Process *p, const PtCodecJobParams *params, GError **error) {
	g_autofree char *path = find_program();
	if (!path) {
		pt_error_set(error, UNSUPPORTED,
		             "pictures and sound cannot be converted here: pigtail-codec is not installed");
		return false;
	}
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
		pt_error_set(error, FAILED, "cannot start pigtail-codec: socketpair: %s", g_strerror(errno));
		return false;
	}
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1],
	                                 0); /* its one way to the world; stderr stays for a crash's words */
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attributes);
	sigemptyset(&none);
	sigfillset(&defaults);
	/* a group of its own, so that Ctrl-C in a terminal reaches the program that owns it and not it */
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	char name[] = "pigtail-codec", *argv[] = {name, NULL}, *environment[5];
	pick_environment(environment, G_N_ELEMENTS(environment) - 1);
	int e = posix_spawn(&p->pid, path, &actions, &attributes, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	close(fds[1]);
	if (e) {
		close(fds[0]);
		pt_error_set(error, FAILED, "cannot start %s: %s", path, g_strerror(e));
		return false;
	}
	p->fd = fds[0];
	g_unix_set_fd_nonblocking(p->fd, TRUE, NULL);
	pt_wire_put_job(&p->out, params);
	return true;
}

static void *reap(void *pid) {
	while (waitpid((pid_t)GPOINTER_TO_INT(pid), NULL, 0) < 0 && errno == EINTR)
		;
	return NULL;
}

static void end_process(Process *p) {
	close(p->fd);
	kill(p->pid, SIGKILL);
	/* giving back a decoder's memory takes the kernel milliseconds: not on a worker's time */
	g_thread_unref(g_thread_new("codec-reap", reap, GINT_TO_POINTER(p->pid)));
	pt_wire_writer_clear(&p->writer);
	pt_wire_reader_clear(&p->reader);
	pt_buf_clear(&p->out);
}

static size_t unsent(const Process *p) { return p->out.size - p->sent; }

/* Writes what goes. False: the process is gone. */
static bool flush_out(Process *p) {
	while (unsent(p)) {
		ssize_t n = send(p->fd, p->out.data + p->sent, unsent(p), MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		p->sent += (size_t)n;
	}
	p->sent = p->out.size = 0;
	return true;
}

/* Before appending: gives back the space of what was sent, so that the buffer's size stays bounded. */
static void compact(Process *p) {
	if (!p->sent)
		return;
	memmove(p->out.data, p->out.data + p->sent, unsent(p));
	p->out.size -= p->sent;
	p->sent = 0;
}

static void set_gone(GError **error) {
	pt_error_set(error, CLOSED, "pigtail-codec ended before its job was done (crashed, or out of memory)");
}

/* Reads once. 1: something came, 0: nothing yet, -1 and an error: gone. */
static int fill_in(Process *p, uint8_t *scratch, size_t size, GError **error) {
	ssize_t n = recv(p->fd, scratch, size, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		set_gone(error);
		return -1;
	}
	pt_wire_reader_feed(&p->reader, scratch, (size_t)n);
	return 1;
}

/* ---- on a loop ---- */

struct PtCodecJob {
	PtWatch watch;
	PtLoop *loop;
	Process process;
	const PtCodecJobOps *ops;
	void *data;
	uint64_t dropped;
	bool ended;
	bool *gone; /* set when the job is freed within a callback */
};

static void job_end(PtCodecJob *job, const GError *error) {
	pt_watch_remove(&job->watch);
	job->ended = true;
	job->ops->end(job, error, job->data);
}

static void update_watch(PtCodecJob *job) { pt_watch_set(&job->watch, EPOLLIN | (unsent(&job->process) ? EPOLLOUT : 0u)); }

/* Hands on what is whole. False: the job has ended or is freed. */
static bool take_messages(PtCodecJob *job) {
	bool gone = false;
	job->gone = &gone;
	for (;;) {
		PtWireMessage m;
		GError *error = NULL;
		if (!pt_wire_reader_next(&job->process.reader, &m, &error)) {
			m.type = PT_WIRE_ERROR;
			m.error = error;
		}
		if (m.type == PT_WIRE_NONE)
			break;
		if (m.type == PT_WIRE_SAMPLE) {
			job->ops->sample(job, m.sample, job->data);
			pt_sample_unref(m.sample);
			if (gone)
				return false;
			continue;
		}
		if (m.type != PT_WIRE_END && m.type != PT_WIRE_ERROR)
			m.error = g_error_new_literal(PT_ERROR, PT_ERROR_INVALID, "codec process: it gave an order");
		job_end(job, m.error);
		g_clear_error(&m.error);
		if (!gone)
			job->gone = NULL;
		return false;
	}
	job->gone = NULL;
	return true;
}

static void ready(PtWatch *watch, uint32_t events) {
	PtCodecJob *job = (PtCodecJob *)((char *)watch - offsetof(PtCodecJob, watch));
	g_autoptr(GError) error = NULL;
	if (events & EPOLLOUT)
		flush_out(&job->process); /* a failure shows as the end of what can be read */
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		int got = fill_in(&job->process, pt_loop_scratch(job->loop), CHUNK, &error);
		if (got < 0) {
			job_end(job, error);
			return;
		}
		if (got && !take_messages(job))
			return;
	}
	update_watch(job);
}

PtCodecJob *pt_codec_job_start(PtLoop *loop, const PtCodecJobParams *params, const PtCodecJobOps *ops, void *data,
                               GError **error) {
	PtCodecJob *job = g_new0(PtCodecJob, 1);
	*job = (PtCodecJob){.watch.ready = ready, .loop = loop, .ops = ops, .data = data};
	if (!spawn(&job->process, params, error)) {
		g_free(job);
		return NULL;
	}
	pt_watch_add(loop, &job->watch, job->process.fd, EPOLLIN | EPOLLOUT);
	return job;
}

bool pt_codec_job_push(PtCodecJob *job, PtSample *sample) {
	if (job->ended || job->process.finished || unsent(&job->process) + sample->size > QUEUE_MAX) {
		job->dropped++;
		return false;
	}
	compact(&job->process);
	pt_wire_put_sample(&job->process.writer, &job->process.out, sample);
	flush_out(&job->process);
	update_watch(job);
	return true;
}

/* Whether an order can still be given; what is in the buffer and sent is gone from it. */
static bool begin_order(PtCodecJob *job) {
	if (job->ended || job->process.finished || unsent(&job->process) > QUEUE_MAX)
		return false;
	compact(&job->process);
	return true;
}

static void end_order(PtCodecJob *job) {
	flush_out(&job->process);
	update_watch(job);
}

void pt_codec_job_key(PtCodecJob *job) {
	if (!begin_order(job))
		return;
	pt_wire_put_key(&job->process.out);
	end_order(job);
}

void pt_codec_job_set_texts(PtCodecJob *job, const PtOsdList *texts) {
	if (!begin_order(job))
		return;
	pt_wire_put_texts(&job->process.out, texts);
	end_order(job);
}

void pt_codec_job_finish(PtCodecJob *job) {
	if (job->ended || job->process.finished)
		return;
	job->process.finished = true;
	pt_wire_put_end(&job->process.out);
	flush_out(&job->process);
	update_watch(job);
}

uint64_t pt_codec_job_dropped(const PtCodecJob *job) { return job->dropped; }
pid_t pt_codec_job_pid(const PtCodecJob *job) { return job->process.pid; }

void pt_codec_job_free(PtCodecJob *job) {
	if (!job)
		return;
	if (job->gone)
		*job->gone = true;
	pt_watch_remove(&job->watch);
	end_process(&job->process);
	g_free(job);
}

/* ---- blocking ---- */

typedef struct {
	Process process;
	PtCodecPull pull;
	PtCodecPut put;
	void *data;
	bool done;
} Conversion;

static bool deliver(Conversion *c, GError **error) {
	PtWireMessage m;
	do {
		if (!pt_wire_reader_next(&c->process.reader, &m, error))
			return false;
		if (m.type == PT_WIRE_SAMPLE) {
			bool go_on = c->put(m.sample, c->data);
			pt_sample_unref(m.sample);
			if (!go_on) {
				pt_error_set(error, CLOSED, "the conversion was ended");
				return false;
			}
		} else if (m.type == PT_WIRE_ERROR) {
			g_propagate_error(error, m.error);
			return false;
		} else if (m.type != PT_WIRE_NONE && m.type != PT_WIRE_END) {
			pt_error_set(error, INVALID, "codec process: it gave an order");
			return false;
		}
	} while (m.type == PT_WIRE_SAMPLE);
	c->done = m.type == PT_WIRE_END;
	return true;
}

static void feed(Conversion *c) {
	while (!c->process.finished && unsent(&c->process) < CHUNK) {
		compact(&c->process);
		PtSample *s = c->pull(c->data);
		c->process.finished = !s;
		if (s)
			pt_wire_put_sample(&c->process.writer, &c->process.out, s);
		else
			pt_wire_put_end(&c->process.out);
		pt_sample_unref(s);
	}
}

static bool convert(Conversion *c, int timeout_ms, GCancellable *cancellable, GError **error) {
	g_autofree uint8_t *scratch = g_malloc(CHUNK);
	int64_t last = g_get_monotonic_time();
	while (!c->done) {
		if (g_cancellable_set_error_if_cancelled(cancellable, error))
			return false;
		feed(c);
		size_t before = unsent(&c->process);
		/* a process that is gone may have said why before: that is still to be read */
		bool gone = !flush_out(&c->process);
		struct pollfd p = {.fd = c->process.fd,
		                   .events = (short)(POLLIN | (!gone && unsent(&c->process) ? POLLOUT : 0))};
		poll(&p, 1, 100);
		int got = p.revents & (POLLIN | POLLHUP | POLLERR) ? fill_in(&c->process, scratch, CHUNK, error) : 0;
		if (got < 0 || (got && !deliver(c, error)))
			return false;
		int64_t now = g_get_monotonic_time();
		if (got || unsent(&c->process) != before)
			last = now;
		if (now - last > timeout_ms * INT64_C(1000)) {
			pt_error_set(error, TIMEOUT, "pigtail-codec did nothing for %d ms", timeout_ms);
			return false;
		}
	}
	return true;
}

bool pt_codec_convert(const PtCodecJobParams *params, PtCodecPull pull, PtCodecPut put, void *data, int timeout_ms,
                      GCancellable *cancellable, GError **error) {
	Conversion c = {.pull = pull, .put = put, .data = data};
	if (!spawn(&c.process, params, error))
		return false;
	bool ok = convert(&c, timeout_ms, cancellable, error);
	end_process(&c.process);
	return ok;
}

typedef struct {
	PtSample *in, *out;
} Snapshot;

static PtSample *snapshot_pull(void *data) { return g_steal_pointer(&((Snapshot *)data)->in); }

static bool snapshot_put(PtSample *sample, void *data) {
	Snapshot *s = data;
	if (!s->out)
		s->out = pt_sample_ref(sample);
	return true;
}

PtSample *pt_codec_snapshot(PtSample *key, unsigned width, unsigned height, GCancellable *cancellable, GError **error) {
	Snapshot s = {.in = pt_sample_ref(key)};
	PtCodecJobParams params = {
	    .kind = PT_CODEC_JOB_JPEG, .width = (uint16_t)MIN(width, 16384), .height = (uint16_t)MIN(height, 16384)};
	bool ok = pt_codec_convert(&params, snapshot_pull, snapshot_put, &s, 10000, cancellable, error);
	pt_sample_unref(s.in);
	if (ok && s.out)
		return s.out;
	if (ok)
		pt_error_set(error, INVALID, "there is no picture in this frame");
	pt_sample_unref(s.out);
	return NULL;
}

/* ---- without blocking ---- */

typedef struct {
	PtSample *key;
	unsigned width;
	PtCodecSnapshotFn fn;
	void *user;
} Still;

static void still_free(void *data) {
	Still *s = data;
	pt_sample_unref(s->key);
	g_free(s);
}

static void still_take(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
	const Still *s = data;
	GError *error = NULL;
	PtSample *jpeg = pt_codec_snapshot(s->key, s->width, 0, cancellable, &error);
	if (jpeg)
		g_task_return_pointer(task, g_bytes_new(jpeg->data, jpeg->size), (GDestroyNotify)g_bytes_unref);
	else
		g_task_return_error(task, error);
	pt_sample_unref(jpeg);
}

static void still_done(GObject *source, GAsyncResult *result, gpointer data) {
	const Still *s = g_task_get_task_data(G_TASK(result));
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) jpeg = g_task_propagate_pointer(G_TASK(result), &error);
	s->fn(jpeg, error, s->user);
}

void pt_codec_snapshot_async(PtSample *key, unsigned width, PtCodecSnapshotFn fn, void *user) {
	Still *s = g_new(Still, 1);
	*s = (Still){pt_sample_ref(key), width, fn, user};
	g_autoptr(GTask) task = g_task_new(NULL, NULL, still_done, NULL);
	g_task_set_task_data(task, s, still_free);
	g_task_run_in_thread(task, still_take);
}
