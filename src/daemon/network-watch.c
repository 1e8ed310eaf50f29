/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network-watch.h"
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <glib-unix.h>

#define SETTLE_MS 500 /* addresses come and go in bursts */

struct PtNetworkWatch {
	PtClock *clock;
	PtBus *bus;
	int fd; /* of the kernel's notices; -1: none */
	guint source, timer;
	bool live;
};

/* Some interface that is up and running, loopback apart, has an address. Link-local IPv6 alone is no network. */
static bool has_address(void) {
	struct ifaddrs *list;
	bool found = false;
	if (getifaddrs(&list))
		return true; /* not known: nothing is said */
	for (struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_flags & IFF_LOOPBACK || !(i->ifa_flags & IFF_UP) || !(i->ifa_flags & IFF_RUNNING))
			continue;
		found = i->ifa_addr->sa_family == AF_INET;
		if (i->ifa_addr->sa_family == AF_INET6)
			found = !IN6_IS_ADDR_LINKLOCAL(&((struct sockaddr_in6 *)(void *)i->ifa_addr)->sin6_addr);
	}
	freeifaddrs(list);
	return found;
}

static void publish(PtNetworkWatch *w, bool initial) {
	g_autoptr(PtEvent) now = pt_event_now(w->clock, PT_SOURCE_NETWORK, PT_TOPIC_NETWORK, w->live ? "live" : "lost", NULL,
	                                      w->live ? NULL : "no interface of this machine has an address");
	PtEvent what = *now;
	what.initial = initial;
	g_autoptr(PtEvent) event = pt_event_new(&what);
	pt_bus_publish(w->bus, event);
}

static gboolean look(gpointer data) {
	PtNetworkWatch *w = data;
	w->timer = 0;
	bool live = has_address();
	if (live != w->live) {
		w->live = live;
		publish(w, false);
	}
	return G_SOURCE_REMOVE;
}

static gboolean on_notice(int fd, GIOCondition condition, gpointer data) {
	PtNetworkWatch *w = data;
	char buffer[8192];
	while (recv(fd, buffer, sizeof buffer, MSG_DONTWAIT) > 0)
		;
	if (!w->timer)
		w->timer = g_timeout_add(SETTLE_MS, look, w);
	return G_SOURCE_CONTINUE;
}

PtNetworkWatch *pt_network_watch_new(PtClock *clock, PtBus *bus) {
	PtNetworkWatch *w = g_new0(PtNetworkWatch, 1);
	struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
	                             .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	w->clock = clock;
	w->bus = bus;
	w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (w->fd >= 0 && !bind(w->fd, (struct sockaddr *)&groups, sizeof groups))
		w->source = g_unix_fd_add(w->fd, G_IO_IN, on_notice, w);
	else
		fprintf(stderr, "network: the kernel tells nothing of its links; their loss is not noticed\n");
	w->live = has_address();
	publish(w, true);
	return w;
}

void pt_network_watch_free(PtNetworkWatch *w) {
	if (!w)
		return;
	g_clear_handle_id(&w->source, g_source_remove);
	g_clear_handle_id(&w->timer, g_source_remove);
	if (w->fd >= 0)
		close(w->fd);
	g_free(w);
}
