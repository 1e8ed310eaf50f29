/* Web Push: what browsers show although no page is open. Encryption of messages (RFC 8291) and who we are towards the
 * browsers' push services (VAPID, RFC 8292). */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <glib.h>

#define PT_PUSH_POINT 65 /* bytes of an uncompressed point of P-256 */
#define PT_PUSH_AUTH 16
#define PT_PUSH_TEXT_MAX 3000 /* bytes of a message; push services take 4096 of what is encrypted */

typedef struct PtVapid PtVapid;

/* The key in a file (PEM, readable by its owner alone), made when there is none. NULL and error when it can be neither. */
PtVapid *pt_vapid_open(const char *path, GError **error);
void pt_vapid_free(PtVapid *vapid);                    /* takes NULL */
const char *pt_vapid_public_key(const PtVapid *vapid); /* base64url, as browsers want it */
/* The header Authorization for an endpoint; subject: "https://…" or "mailto:…", whom the service may ask. NULL: it cannot be
 * signed. Any thread. Caller frees. */
char *pt_vapid_authorization(const PtVapid *vapid, const char *endpoint, const char *subject, int64_t now_s);

/* A browser's keys as it tells them: base64url. False: they are none. */
bool pt_push_read_keys(const char *p256dh, const char *auth, uint8_t ret_point[PT_PUSH_POINT],
                       uint8_t ret_auth[PT_PUSH_AUTH]);
/* The body of a request in the encoding aes128gcm (RFC 8188), of one record. */
bool pt_push_encrypt(const uint8_t point[PT_PUSH_POINT], const uint8_t auth[PT_PUSH_AUTH], const char *text, size_t size,
                     GString *out);
