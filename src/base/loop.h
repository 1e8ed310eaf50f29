/* The worker loop: one thread, one epoll, timers, and a mailbox through which other threads reach it. Plain C, no
 * allocation per event. Ingest, the RTSP server and the sources run on these; the control plane runs on GLib's loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

typedef struct PtLoop PtLoop;

/* Starts the thread (its name as shown by ps, at most 15 bytes). */
PtLoop *pt_loop_new(const char *name);
/* Runs what was posted before, stops the thread and joins it. Watches must have been removed. Takes NULL. */
void pt_loop_free(PtLoop *loop);

bool pt_loop_is_current(const PtLoop *loop);

/* Lets what arrives within so many ns of the last wake-up wait and be handled together: many streams then cost few
 * wake-ups, for that much more latency. 0: at once (the default). Any thread. */
void pt_loop_set_gather(PtLoop *loop, int64_t ns);

/* Runs fn(data) on the loop's thread, in order of posting. From any thread. */
void pt_loop_post(PtLoop *loop, void (*fn)(void *data), void *data);
/* The same, and waits until it ran; runs it at once when called on the loop's own thread. */
void pt_loop_call(PtLoop *loop, void (*fn)(void *data), void *data);

/* A file descriptor's watch, embedded in its owner. All calls from the loop's thread; a watch may remove itself or
 * others in its callback. The descriptor is not owned. */
typedef struct PtWatch PtWatch;
struct PtWatch {
	void (*ready)(PtWatch *watch, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP */
	int fd;
	/* private */
	PtLoop *loop;
	uint32_t events;
};
/* Returns 0 or -errno. Level-triggered. */
int pt_watch_add(PtLoop *loop, PtWatch *watch, int fd, uint32_t events);
void pt_watch_set(PtWatch *watch, uint32_t events); /* nothing is called when nothing changes */
void pt_watch_remove(PtWatch *watch);               /* harmless when not added */

/* A one-shot timer, embedded in its owner. Loop's thread only. */
typedef struct PtTimer PtTimer;
struct PtTimer {
	void (*due)(PtTimer *timer);
	/* private */
	PtLoop *loop;
	int64_t at_ns;
	size_t slot; /* 1-based place in the heap, 0 = not set */
};
void pt_timer_set_at(PtLoop *loop, PtTimer *timer, int64_t mono_ns); /* CLOCK_MONOTONIC; sets anew when set */
void pt_timer_set_in(PtLoop *loop, PtTimer *timer, int64_t ns);
void pt_timer_cancel(PtTimer *timer); /* harmless when not set */

/* CLOCK_MONOTONIC and CLOCK_REALTIME as read once per wake-up of the loop: when what is being handled arrived. */
int64_t pt_loop_mono_ns(const PtLoop *loop);
int64_t pt_loop_wall_ns(const PtLoop *loop);

/* A receive buffer shared by everything on this loop, valid within one callback. */
#define PT_LOOP_SCRATCH (256 * 1024)
uint8_t *pt_loop_scratch(PtLoop *loop);

/* CPU time the loop's thread has used, in ns. From any thread. */
int64_t pt_loop_cpu_ns(const PtLoop *loop);
