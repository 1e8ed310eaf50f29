/* What came over RTSP, written for people: `pigtail parse rtsp | rtp`. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <glib.h>
#include <stdio.h>

/* Everything that one side of a TCP connection sent: messages, descriptions in them, interleaved frames. False and an error
 * where it ceases to be RTSP; what stands before is printed. */
gboolean pt_rtsp_print(const void *data, size_t n, FILE *out, GError **error);
/* One RTP or RTCP packet. */
void pt_rtp_print(const void *data, size_t n, FILE *out);
