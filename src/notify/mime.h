/* A message as mail has it (RFC 5322, MIME): pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <glib.h>

/* A header's value: plain ASCII as it is, anything else as encoded words (RFC 2047), of which none is too long. One line
 * whatever the text holds. Caller frees. */
char *pt_mime_header(const char *text);

typedef struct {
	const char *from;
	char *const *to; /* addresses, NULL-terminated */
	const char *subject, *text;
	const char *id; /* unique, without < and > */
	gint64 wall_s;  /* of the message */
	GBytes *jpeg;   /* NULL: none */
} PtMimeMail;
/* With CRLF. Caller frees. */
GString *pt_mime_mail(const PtMimeMail *mail);
