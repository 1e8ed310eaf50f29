/* Certificates that Pigtail makes itself: P-256, signed by themselves or by an authority of its own. Texts in and out (PEM,
 * the key and its certificate in one), neither files nor clocks. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

typedef struct {
	const char *name; /* of its subject */
	/* Names and addresses of a server, "DNS:hub.local,IP:192.0.2.1"; NULL: it is an authority */
	const char *names;
	/* What an authority may speak for, the same way with masks behind addresses: "DNS:local,IP:10.0.0.0/255.0.0.0" */
	const char *limits;
	int64_t from_s, until_s; /* wall time */
} PtCertificateWish;

/* signer: the text of an authority; NULL: it signs itself. Caller wipes (pt_certificate_wipe). NULL and error. */
char *pt_certificate_make(const PtCertificateWish *wish, const char *signer, GError **error);
void pt_certificate_wipe(char *text); /* and frees; takes NULL */

typedef struct {
	int64_t from_s, until_s;
	char sha256[96]; /* "AB:CD:…", of the certificate (DER) */
} PtCertificateFacts;

/* False: the text holds no certificate, or not its key. */
bool pt_certificate_read(const char *text, PtCertificateFacts *ret);
/* Without the key; caller frees. */
char *pt_certificate_public(const char *text);
/* Whether it was made for exactly these names, by this authority. */
bool pt_certificate_is_for(const char *text, const char *names, const char *signer);
/* Whether the limits of an authority let it speak for one name, "DNS:hub.local". */
bool pt_certificate_may(const char *authority, const char *name);
