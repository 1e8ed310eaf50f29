/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"
#include "base/clock.h"
#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH 128

typedef struct Job Job;
struct Job {
	Job *next;
	void (*fn)(void *);
	void *data;
};

struct PtLoop {
	pthread_t thread;
	clockid_t cpu_clock;
	int epoll_fd, wake_fd;
	PtWatch wake;
	char name[16];
	int64_t gather; /* atomic */

	/* loop's thread only */
	PtTimer **heap; /* 1-based binary heap by at_ns */
	size_t n_timers, heap_capacity;
	int64_t mono, wall;
	uint8_t *scratch;
	struct epoll_event events[BATCH];
	int n_events;
	bool quit;

	/* under lock */
	GMutex lock;
	Job *first, **last;
};

static __thread PtLoop *current_loop;

void pt_loop_set_gather(PtLoop *loop, int64_t ns) { __atomic_store_n(&loop->gather, ns, __ATOMIC_RELAXED); }

bool pt_loop_is_current(const PtLoop *loop) { return current_loop == loop; }
int64_t pt_loop_mono_ns(const PtLoop *loop) { return loop->mono; }
int64_t pt_loop_wall_ns(const PtLoop *loop) { return loop->wall; }

uint8_t *pt_loop_scratch(PtLoop *loop) {
	if (!loop->scratch)
		loop->scratch = g_malloc(PT_LOOP_SCRATCH);
	return loop->scratch;
}

int64_t pt_loop_cpu_ns(const PtLoop *loop) {
	struct timespec ts;
	if (clock_gettime(loop->cpu_clock, &ts))
		return 0;
	return ts.tv_sec * PT_NS_PER_S + ts.tv_nsec;
}

/* ---- watches ---- */

int pt_watch_add(PtLoop *loop, PtWatch *watch, int fd, uint32_t events) {
	g_assert(pt_loop_is_current(loop) && !watch->loop);
	struct epoll_event ev = {.events = events, .data.ptr = watch};
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev))
		return -errno;
	watch->fd = fd;
	watch->loop = loop;
	watch->events = events;
	return 0;
}

void pt_watch_set(PtWatch *watch, uint32_t events) {
	if (!watch->loop || watch->events == events)
		return;
	struct epoll_event ev = {.events = events, .data.ptr = watch};
	epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &ev);
	watch->events = events;
}

void pt_watch_remove(PtWatch *watch) {
	PtLoop *loop = watch->loop;
	if (!loop)
		return;
	g_assert(pt_loop_is_current(loop));
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	/* an event of this batch that has not been handled yet must not reach a watch that is gone */
	for (int i = 0; i < loop->n_events; i++)
		if (loop->events[i].data.ptr == watch)
			loop->events[i].data.ptr = NULL;
	watch->loop = NULL;
}

/* ---- timers ---- */

static void place(PtLoop *loop, size_t slot, PtTimer *timer) {
	loop->heap[slot] = timer;
	timer->slot = slot;
}

static void sift_up(PtLoop *loop, size_t slot, PtTimer *timer) {
	for (; slot > 1 && loop->heap[slot / 2]->at_ns > timer->at_ns; slot /= 2)
		place(loop, slot, loop->heap[slot / 2]);
	place(loop, slot, timer);
}

static void sift_down(PtLoop *loop, size_t slot, PtTimer *timer) {
	for (size_t child; (child = slot * 2) <= loop->n_timers; slot = child) {
		if (child < loop->n_timers && loop->heap[child + 1]->at_ns < loop->heap[child]->at_ns)
			child++;
		if (loop->heap[child]->at_ns >= timer->at_ns)
			break;
		place(loop, slot, loop->heap[child]);
	}
	place(loop, slot, timer);
}

void pt_timer_cancel(PtTimer *timer) {
	PtLoop *loop = timer->loop;
	if (!timer->slot)
		return;
	g_assert(pt_loop_is_current(loop));
	size_t slot = timer->slot;
	PtTimer *moved = loop->heap[loop->n_timers--];
	timer->slot = 0;
	if (moved == timer)
		return;
	if (slot > 1 && loop->heap[slot / 2]->at_ns > moved->at_ns)
		sift_up(loop, slot, moved);
	else
		sift_down(loop, slot, moved);
}

void pt_timer_set_at(PtLoop *loop, PtTimer *timer, int64_t mono_ns) {
	g_assert(pt_loop_is_current(loop));
	pt_timer_cancel(timer);
	if (loop->n_timers + 2 > loop->heap_capacity) {
		loop->heap_capacity = MAX(16, loop->heap_capacity * 2);
		loop->heap = g_renew(PtTimer *, loop->heap, loop->heap_capacity);
	}
	timer->loop = loop;
	timer->at_ns = mono_ns;
	sift_up(loop, ++loop->n_timers, timer);
}

void pt_timer_set_in(PtLoop *loop, PtTimer *timer, int64_t ns) {
	pt_timer_set_at(loop, timer, pt_mono_ns(pt_clock_system()) + ns);
}

/* ---- mailbox ---- */

void pt_loop_post(PtLoop *loop, void (*fn)(void *), void *data) {
	Job *job = g_new(Job, 1);
	*job = (Job){NULL, fn, data};
	g_mutex_lock(&loop->lock);
	bool was_empty = !loop->first;
	*loop->last = job;
	loop->last = &job->next;
	g_mutex_unlock(&loop->lock);
	if (was_empty) {
		uint64_t one = 1;
		if (write(loop->wake_fd, &one, sizeof one) < 0)
			g_assert(errno == EAGAIN); /* the counter is full: it is awake */
	}
}

typedef struct {
	void (*fn)(void *);
	void *data;
	GMutex lock;
	GCond done_cond;
	bool done;
} Call;

static void run_call(void *data) {
	Call *call = data;
	call->fn(call->data);
	g_mutex_lock(&call->lock);
	call->done = true;
	g_cond_signal(&call->done_cond);
	g_mutex_unlock(&call->lock);
}

void pt_loop_call(PtLoop *loop, void (*fn)(void *), void *data) {
	if (pt_loop_is_current(loop)) {
		fn(data);
		return;
	}
	Call call = {.fn = fn, .data = data};
	g_mutex_init(&call.lock);
	g_cond_init(&call.done_cond);
	pt_loop_post(loop, run_call, &call);
	g_mutex_lock(&call.lock);
	while (!call.done)
		g_cond_wait(&call.done_cond, &call.lock);
	g_mutex_unlock(&call.lock);
	g_mutex_clear(&call.lock);
	g_cond_clear(&call.done_cond);
}

static void run_jobs(PtLoop *loop) {
	g_mutex_lock(&loop->lock);
	Job *job = loop->first;
	loop->first = NULL;
	loop->last = &loop->first;
	g_mutex_unlock(&loop->lock);
	while (job) {
		Job *next = job->next;
		job->fn(job->data);
		g_free(job);
		job = next;
	}
}

/* ---- the thread ---- */

static void read_clocks(PtLoop *loop) {
	loop->mono = pt_mono_ns(pt_clock_system());
	loop->wall = pt_wall_ns(pt_clock_system());
}

static int next_timeout_ms(const PtLoop *loop) {
	if (!loop->n_timers)
		return -1;
	int64_t ns = loop->heap[1]->at_ns - pt_mono_ns(pt_clock_system());
	return ns <= 0 ? 0 : (int)MIN((ns + PT_NS_PER_MS - 1) / PT_NS_PER_MS, 60000);
}

static void run_timers(PtLoop *loop) {
	/* at most those that stand now: a timer that sets itself to "at once" must not starve the descriptors */
	for (size_t left = loop->n_timers; left && loop->n_timers && loop->heap[1]->at_ns <= loop->mono; left--) {
		PtTimer *timer = loop->heap[1];
		pt_timer_cancel(timer);
		timer->due(timer);
	}
}

static void gather(const PtLoop *loop) {
	int64_t ns = __atomic_load_n(&loop->gather, __ATOMIC_RELAXED);
	int64_t due = loop->mono + ns;
	if (!ns || pt_mono_ns(pt_clock_system()) >= due)
		return;
	struct timespec until = {due / PT_NS_PER_S, due % PT_NS_PER_S};
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void *loop_thread(void *data) {
	PtLoop *loop = data;
	current_loop = loop;
	pthread_setname_np(pthread_self(), loop->name);
	while (!loop->quit) {
		gather(loop);
		int n = epoll_wait(loop->epoll_fd, loop->events, BATCH, next_timeout_ms(loop));
		read_clocks(loop);
		loop->n_events = MAX(n, 0);
		for (int i = 0; i < loop->n_events; i++) {
			PtWatch *watch = loop->events[i].data.ptr;
			if (watch)
				watch->ready(watch, loop->events[i].events);
		}
		loop->n_events = 0;
		run_timers(loop);
	}
	run_jobs(loop);
	return NULL;
}

static void woken(PtWatch *watch, uint32_t events) {
	uint64_t count;
	if (read(watch->fd, &count, sizeof count) < 0)
		g_assert(errno == EAGAIN);
	run_jobs(watch->loop);
}

PtLoop *pt_loop_new(const char *name) {
	PtLoop *loop = g_new0(PtLoop, 1);
	g_strlcpy(loop->name, name, sizeof loop->name);
	g_mutex_init(&loop->lock);
	loop->last = &loop->first;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll_fd < 0 || loop->wake_fd < 0)
		g_error("cannot start worker %s: %s", name, g_strerror(errno));
	read_clocks(loop);
	loop->wake = (PtWatch){.ready = woken, .fd = loop->wake_fd, .loop = loop, .events = EPOLLIN};
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &loop->wake};
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &ev);
	loop->heap = g_new0(PtTimer *, loop->heap_capacity = 16);
	int e = pthread_create(&loop->thread, NULL, loop_thread, loop);
	if (e)
		g_error("cannot start worker %s: %s", name, g_strerror(e));
	pthread_getcpuclockid(loop->thread, &loop->cpu_clock);
	return loop;
}

static void quit(void *data) { ((PtLoop *)data)->quit = true; }

void pt_loop_free(PtLoop *loop) {
	if (!loop)
		return;
	g_assert(!pt_loop_is_current(loop));
	pt_loop_post(loop, quit, loop);
	pthread_join(loop->thread, NULL);
	close(loop->epoll_fd);
	close(loop->wake_fd);
	g_mutex_clear(&loop->lock);
	g_free(loop->heap);
	g_free(loop->scratch);
	g_free(loop);
}
