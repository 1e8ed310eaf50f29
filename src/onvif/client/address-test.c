/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/address.h"
#include "base/error.h"

static void test_repair(void) {
	static const struct {
		const char *known, *given, *service, *other, *stream;
	} cases[] = {
	    {"http://192.0.2.20/onvif/device_service", "http://192.0.2.20/onvif/media", "http://192.0.2.20/onvif/media",
	     NULL, NULL},
	    /* behind NAT: its own LAN address */
	    {"http://cam.example:8080/onvif/device_service", "http://10.0.0.5/onvif/media",
	     "http://cam.example:8080/onvif/media", NULL, NULL},
	    {"http://cam.example:8080/d", "http://10.0.0.5:2020/e?Idx=1", "http://cam.example:8080/e?Idx=1",
	     "http://cam.example:2020/e?Idx=1", NULL},
	    /* a port of its own for a service or a subscription */
	    {"http://192.0.2.20/d", "http://192.0.2.20:2021/sub", "http://192.0.2.20:2021/sub", NULL, NULL},
	    /* the port twice */
	    {"http://192.0.2.20:8106/d", "http://192.0.2.20:8106:8106/e", "http://192.0.2.20:8106/e", NULL, NULL},
	    {"http://192.0.2.20/d", "http://127.0.0.1/e", "http://192.0.2.20/e", NULL, NULL},
	    {"http://192.0.2.20/d", "http://0.0.0.0:80/e", "http://192.0.2.20/e", "http://192.0.2.20:80/e", NULL},
	    {"http://192.0.2.20/d", "not an address", "http://192.0.2.20/d", NULL, NULL},
	    {"http://192.0.2.20/d", "", "http://192.0.2.20/d", NULL, NULL},
	    {"http://[2001:db8::1]:81/d", "http://192.168.1.1/e", "http://[2001:db8::1]:81/e", NULL, NULL},
	    {"http://192.0.2.20/d", "rtsp://admin:secret@192.168.1.64:554/ch1?a=b", "http://192.0.2.20/ch1?a=b",
	     "http://192.0.2.20:554/ch1?a=b", "rtsp://192.0.2.20:554/ch1?a=b"},
	    {"http://192.0.2.20:8080/d", "rtsp://0.0.0.0/live", "http://192.0.2.20:8080/live", NULL,
	     "rtsp://192.0.2.20/live"},
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *service = pt_onvif_service_url(cases[i].known, cases[i].given);
		g_autofree char *other = pt_onvif_other_url(cases[i].known, cases[i].given);
		g_autofree char *stream = pt_onvif_stream_url(cases[i].known, cases[i].given);
		g_assert_cmpstr(service, ==, cases[i].service);
		g_assert_cmpstr(other, ==, cases[i].other);
		g_assert_cmpstr(stream, ==, cases[i].stream);
	}
}

static void test_device(void) {
	static const struct {
		const char *source, *url;
	} cases[] = {
	    {"onvif://192.0.2.20", "http://192.0.2.20/onvif/device_service"},
	    {"192.0.2.20:8899", "http://192.0.2.20:8899/onvif/device_service"},
	    {"https://cam.example/x", "https://cam.example/x"},
	    {"onvif://[2001:db8::1]:81", "http://[2001:db8::1]:81/onvif/device_service"},
	    {"rtsp://192.0.2.20", NULL},
	    {"onvifs://192.0.2.20:8443", "https://192.0.2.20:8443/onvif/device_service"},
	    {"https://cam/x", "https://cam/x"},
	    {"onvif://u:p@192.0.2.20", NULL},
	    {"onvif://", NULL},
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *url = pt_onvif_device_url(cases[i].source, &error);
		g_assert_cmpstr(url, ==, cases[i].url);
		g_assert_true(!url == !!error);
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/onvif-address/repair", test_repair);
	g_test_add_func("/onvif-address/device", test_device);
	return g_test_run();
}
