/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/onvif.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

static PtOnvifInterface *interface(GArray *list, const char *name) {
	for (guint i = 0; i < list->len; i++)
		if (!strcmp(g_array_index(list, PtOnvifInterface, i).name, name))
			return &g_array_index(list, PtOnvifInterface, i);
	g_array_set_size(list, list->len + 1);
	PtOnvifInterface *added = &g_array_index(list, PtOnvifInterface, list->len - 1);
	g_strlcpy(added->name, name, sizeof added->name);
	g_strlcpy(added->mac, "00:00:00:00:00:00", sizeof added->mac);
	return added;
}

static int prefix_of(const void *mask, size_t size) {
	const uint8_t *bytes = mask;
	int n = 0;
	for (size_t i = 0; i < size; i++)
		n += __builtin_popcount(bytes[i]);
	return n;
}

static int mtu_of(const char *name) {
	g_autofree char *path = g_strdup_printf("/sys/class/net/%s/mtu", name), *text = NULL;
	return g_file_get_contents(path, &text, NULL, NULL) ? atoi(text) : 0;
}

static void read_interfaces(GArray *list) {
	struct ifaddrs *all = NULL;
	if (getifaddrs(&all))
		return;
	for (struct ifaddrs *a = all; a; a = a->ifa_next) {
		if (!a->ifa_addr)
			continue;
		PtOnvifInterface *i = interface(list, a->ifa_name);
		i->up = a->ifa_flags & IFF_UP;
		if (!i->mtu)
			i->mtu = mtu_of(a->ifa_name);
		if (a->ifa_addr->sa_family == AF_INET && !*i->ipv4) {
			const struct sockaddr_in *in = (const void *)a->ifa_addr, *mask = (const void *)a->ifa_netmask;
			inet_ntop(AF_INET, &in->sin_addr, i->ipv4, sizeof i->ipv4);
			i->prefix4 = mask ? prefix_of(&mask->sin_addr, 4) : 32;
		} else if (a->ifa_addr->sa_family == AF_INET6 && !*i->ipv6) {
			const struct sockaddr_in6 *in = (const void *)a->ifa_addr, *mask = (const void *)a->ifa_netmask;
			inet_ntop(AF_INET6, &in->sin6_addr, i->ipv6, sizeof i->ipv6);
			i->prefix6 = mask ? prefix_of(&mask->sin6_addr, 16) : 128;
		} else if (a->ifa_addr->sa_family == AF_PACKET) {
			const struct sockaddr_ll *ll = (const void *)a->ifa_addr;
			if (ll->sll_halen == 6)
				g_snprintf(i->mac, sizeof i->mac, "%02x:%02x:%02x:%02x:%02x:%02x", ll->sll_addr[0],
				           ll->sll_addr[1], ll->sll_addr[2], ll->sll_addr[3], ll->sll_addr[4],
				           ll->sll_addr[5]);
		}
	}
	freeifaddrs(all);
}

static bool is_address(const char *text) {
	uint8_t bytes[16];
	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static void read_resolver(PtOnvifNetwork *ret) {
	g_autofree char *text = NULL;
	if (!g_file_get_contents("/etc/resolv.conf", &text, NULL, NULL))
		return;
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
	for (char **line = lines; *line; line++) {
		g_auto(GStrv) words = g_strsplit_set(*line, " \t", 0);
		for (char **w = words; *w && w[1]; w++) {
			if (!strcmp(words[0], "nameserver") && w == words && is_address(w[1]))
				g_ptr_array_add(ret->dns, g_strdup(w[1]));
			else if (!strcmp(words[0], "search") && *w[1])
				g_ptr_array_add(ret->search, g_strdup(w[1]));
		}
	}
}

/* /proc/net/route: hexadecimal, in the byte order of the machine. */
static void read_gateways(GPtrArray *list) {
	g_autofree char *text = NULL;
	if (!g_file_get_contents("/proc/net/route", &text, NULL, NULL))
		return;
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
	for (char **line = lines; *line; line++) {
		unsigned to, gateway;
		char name[32], shown[INET_ADDRSTRLEN];
		if (sscanf(*line, "%31s %8x %8x", name, &to, &gateway) == 3 && !to && gateway &&
		    inet_ntop(AF_INET, &gateway, shown, sizeof shown))
			g_ptr_array_add(list, g_strdup(shown));
	}
}

void pt_onvif_read_network(PtOnvifNetwork *ret) {
	g_strlcpy(ret->hostname, g_get_host_name(), sizeof ret->hostname);
	read_interfaces(ret->interfaces);
	read_resolver(ret);
	read_gateways(ret->gateways);
}

/* The rule stands in the last line of the zone's file (RFC 8536 §3.3). */
void pt_onvif_read_posix_tz(const char *timezone, char *ret, size_t size) {
	g_autofree char *path = timezone ? g_build_filename("/usr/share/zoneinfo", timezone, NULL) : NULL, *data = NULL;
	gsize n = 0;
	*ret = 0;
	if (!path || strstr(timezone, "..") || !g_file_get_contents(path, &data, &n, NULL) || n < 3 || data[n - 1] != '\n')
		return;
	const char *start = memrchr(data, '\n', n - 1);
	if (start && (gsize)(data + n - 1 - start) <= size)
		g_strlcpy(ret, start + 1, (gsize)(data + n - 1 - start));
}

bool pt_onvif_clock_is_kept(void) {
	struct timex t = {0};
	return ntp_adjtime(&t) >= 0 && !(t.status & STA_UNSYNC);
}

void pt_onvif_read_serial(const char *directory, char *ret, size_t size) {
	g_autofree char *machine = NULL;
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	if (g_file_get_contents("/etc/machine-id", &machine, NULL, NULL))
		g_checksum_update(sum, (const guchar *)machine, -1);
	g_checksum_update(sum, (const guchar *)directory, -1);
	g_strlcpy(ret, g_checksum_get_string(sum), MIN(size, 13));
}
