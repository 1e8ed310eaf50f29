/* The addresses that cameras give for themselves, mended: a LAN address behind NAT, a doubled port, loopback, a login, a
 * placeholder. What worked is kept, only what is new is taken. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <glib.h>

/* "onvif://192.0.2.20", "onvifs://192.0.2.20" (https), "192.0.2.20:8080", "http://h/onvif/device_service" → the address of
 * its device service. NULL and PT_ERROR_INVALID when it is none, or has a login in it. Caller frees. */
char *pt_onvif_device_url(const char *source, GError **error);
/* Another service of the device whose address `known` works. The host is known's; the port too, unless given names the same
 * host. Caller frees; a copy of known when given makes no sense at all. */
char *pt_onvif_service_url(const char *known, const char *given);
/* Where pt_onvif_service_url() gave an address that does not answer: known's host with given's port. NULL: nothing else to
 * try.
 */
char *pt_onvif_other_url(const char *known, const char *given);
/* "rtsp://…" of a stream: known's host, given's port (of rtsp, where it names none), no login. NULL when it is no RTSP
 * address. Caller frees. */
char *pt_onvif_stream_url(const char *known, const char *given);
