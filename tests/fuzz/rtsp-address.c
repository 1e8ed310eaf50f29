/* Where a server sends us: an address is refused, or short, without blanks, and asked for without anybody's password. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtsp/dialog.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	g_autofree char *text = g_strndup((const char *)data, size);
	PtRtspAddress a = {0}, again = {0};
	if (!pt_rtsp_address_parse(&a, text))
		return 0;
	g_assert(*a.host && a.port && strlen(a.url) <= 4096);
	for (const char *p = a.url; *p; p++)
		g_assert(!g_ascii_iscntrl(*p) && *p != ' ');
	const char *host = strstr(a.url, "://") + 3, *end = host + strcspn(host, "/?");
	g_assert(!memchr(host, '@', (size_t)(end - host)));
	if (pt_rtsp_address_parse(&again, a.url)) /* what is asked for means the same place */
		g_assert(!strcmp(a.host, again.host) && a.port == again.port);
	pt_rtsp_address_clear(&a);
	pt_rtsp_address_clear(&again);
	return 0;
}
