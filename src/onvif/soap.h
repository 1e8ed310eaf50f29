/* SOAP envelopes for both ends: writing them as the schemas want, reading them as the field sends them (SOAP 1.2 and 1.1),
 * faults of every dialect, and the UsernameToken of WS-Security (OASIS Username Token Profile 1.0, digest only). */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/clock.h"
#include "base/digest.h"
#include "onvif/xml.h"

#define PT_SOAP_TYPE "application/soap+xml; charset=utf-8"

/* ---- writing ---- */

typedef struct {
	const char *user, *password;
	int64_t created_ns; /* wall time of the other end: ours and its offset */
	bool clear;         /* the password itself: only where the site file says so */
} PtWsseLogin;

typedef struct {
	const char *action, *to, *message_id, *relates_to; /* WS-Addressing; NULL: left out */
	const char *reply_to;                              /* an address; NULL: left out */
	bool discovery;                                    /* WS-Addressing of 2004, as WS-Discovery has it */
	const PtWsseLogin *login;                          /* NULL: none */
	PtXml *extra; /* elements for the header (reference parameters); taken; NULL: none */
} PtSoapHeader;

/* An envelope with its body open: what is written next is the body. header NULL: empty. End it with pt_xml_finish(). */
PtXml *pt_soap_new(const PtSoapHeader *header);
/* code: "s:Sender", "s:Receiver", …; subcode, subsubcode: "ter:NotAuthorized" or NULL. */
GBytes *pt_soap_fault_new(const PtSoapHeader *header, const char *code, const char *subcode, const char *subsubcode,
                          const char *reason);
/* "urn:uuid:…", a new one. Caller frees. */
char *pt_soap_new_id(void);

/* ---- reading ---- */

typedef struct {
	int refs; /* private; one thread */
	PtXmlDoc *doc;
	const PtXmlNode *header; /* NULL: none */
	const PtXmlNode *body;   /* the first element of the body; NULL: it is empty */
} PtSoap;

/* tolerant: as pt_xml_parse(). NULL: no XML, or no envelope. */
PtSoap *pt_soap_parse(const void *data, size_t size, bool tolerant, GError **error);
PtSoap *pt_soap_ref(const PtSoap *soap);
void pt_soap_free(PtSoap *soap); /* gives up a reference; takes NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtSoap, pt_soap_free)

#define PT_FAULT_TEXT 128
typedef struct {
	char code[PT_FAULT_TEXT];        /* "Sender", "Receiver", …; SOAP 1.1's Client and Server are those two */
	char subcodes[3][PT_FAULT_TEXT]; /* "ter:NotAuthorized": our prefix where its namespace is known; "" when absent */
	char reason[2 * PT_FAULT_TEXT];  /* its sentence; "" when it has none */
} PtSoapFault;
/* False: the body is no fault. */
bool pt_soap_read_fault(const PtSoap *soap, PtSoapFault *ret);
/* True when one of the subcodes has this local name, whatever its namespace. */
bool pt_soap_fault_is(const PtSoapFault *fault, const char *name);
/* "NotAuthorized: Sender not authorized"; its code by what it says: AUTH, NOT_FOUND, UNSUPPORTED, BUSY, else FAILED. */
GError *pt_soap_fault_error(const PtSoapFault *fault);

/* ---- who asks: the server's side ---- */

#define PT_WSSE_WINDOW_NS (300 * PT_NS_PER_S) /* how far the clocks may be apart, and how long a nonce is remembered */

typedef enum {
	PT_WSSE_OK,
	PT_WSSE_MISSING, /* no UsernameToken */
	PT_WSSE_REFUSED, /* unknown user, wrong password, a password in clear */
	PT_WSSE_STALE,   /* made too long ago, or in the future */
	PT_WSSE_REPLAYED,
} PtWsseVerdict;

typedef struct PtWsseServer PtWsseServer; /* the nonces seen; one thread */
PtWsseServer *pt_wsse_server_new(void);
void pt_wsse_server_free(PtWsseServer *server); /* takes NULL */
/* ret_user (may be NULL) is set on OK only; caller frees. */
PtWsseVerdict pt_wsse_server_verify(PtWsseServer *server, const PtXmlNode *header, int64_t wall_ns, PtDigestLookup lookup,
                                    void *data, char **ret_user);
