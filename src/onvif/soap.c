/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/soap.h"
#include "base/error.h"
#include <string.h>
#include <sys/random.h>

#define NONCE_SIZE 20
#define NONCES_MAX 65536
#define DIGEST_TYPE "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
#define TEXT_TYPE "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"
#define BASE64_TYPE "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"

/* ---- writing ---- */

/* Base64(SHA-1(nonce + created + password)), Username Token Profile 1.0 §3.1. */
static char *password_digest(const uint8_t *nonce, size_t nonce_size, const char *created, const char *password) {
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
	g_checksum_update(sum, nonce, (gssize)nonce_size);
	g_checksum_update(sum, (const guchar *)created, -1);
	g_checksum_update(sum, (const guchar *)password, -1);
	uint8_t digest[20];
	gsize n = sizeof digest;
	g_checksum_get_digest(sum, digest, &n);
	return g_base64_encode(digest, n);
}

static void put_login(PtXml *x, const PtWsseLogin *login) {
	uint8_t nonce[NONCE_SIZE];
	if (getrandom(nonce, sizeof nonce, 0) != sizeof nonce)
		g_error("no random numbers");
	g_autofree char *created = pt_time_format(login->created_ns);
	g_autofree char *digest = password_digest(nonce, sizeof nonce, created, login->password);
	g_autofree char *nonce64 = g_base64_encode(nonce, sizeof nonce);
	pt_xml_open(x, "wsse:Security");
	pt_xml_attribute(x, "s:mustUnderstand", "1");
	pt_xml_open(x, "wsse:UsernameToken");
	pt_xml_put(x, "wsse:Username", login->user);
	pt_xml_open(x, "wsse:Password");
	pt_xml_attribute(x, "Type", login->clear ? TEXT_TYPE : DIGEST_TYPE);
	pt_xml_text(x, login->clear ? login->password : digest);
	pt_xml_close(x);
	pt_xml_open(x, "wsse:Nonce");
	pt_xml_attribute(x, "EncodingType", BASE64_TYPE);
	pt_xml_text(x, nonce64);
	pt_xml_close(x);
	pt_xml_put(x, "wsu:Created", created);
	pt_xml_close(x);
	pt_xml_close(x);
}

static void put_addressing(PtXml *x, const PtSoapHeader *h) {
	const struct {
		const char *current, *discovery, *value;
	} parts[] = {
	    {"wsa:Action", "wsad:Action", h->action},
	    {"wsa:MessageID", "wsad:MessageID", h->message_id},
	    {"wsa:RelatesTo", "wsad:RelatesTo", h->relates_to},
	    {"wsa:To", "wsad:To", h->to},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		if (!parts[i].value)
			continue;
		pt_xml_open(x, h->discovery ? parts[i].discovery : parts[i].current);
		if (!strcmp(parts[i].current, "wsa:Action") && !h->discovery)
			pt_xml_attribute(x, "s:mustUnderstand", "1");
		pt_xml_text(x, parts[i].value);
		pt_xml_close(x);
	}
	if (h->reply_to) {
		pt_xml_open(x, h->discovery ? "wsad:ReplyTo" : "wsa:ReplyTo");
		pt_xml_put(x, h->discovery ? "wsad:Address" : "wsa:Address", h->reply_to);
		pt_xml_close(x);
	}
}

PtXml *pt_soap_new(const PtSoapHeader *h) {
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "s:Envelope");
	if (h) {
		pt_xml_open(x, "s:Header");
		put_addressing(x, h);
		if (h->login)
			put_login(x, h->login);
		if (h->extra)
			pt_xml_append(x, h->extra);
		pt_xml_close(x);
	}
	pt_xml_open(x, "s:Body");
	return x;
}

static void put_subcode(PtXml *x, const char *name, const char *inner) {
	g_autofree char *prefix = g_strndup(name, strcspn(name, ":"));
	pt_xml_declare(x, prefix);
	pt_xml_open(x, "s:Subcode");
	pt_xml_put(x, "s:Value", name);
	if (inner)
		put_subcode(x, inner, NULL);
	pt_xml_close(x);
}

GBytes *pt_soap_fault_new(const PtSoapHeader *header, const char *code, const char *subcode, const char *subsubcode,
                          const char *reason) {
	PtXml *x = pt_soap_new(header);
	pt_xml_open(x, "s:Fault");
	pt_xml_open(x, "s:Code");
	pt_xml_put(x, "s:Value", code);
	if (subcode)
		put_subcode(x, subcode, subsubcode);
	pt_xml_close(x);
	pt_xml_open(x, "s:Reason");
	pt_xml_open(x, "s:Text");
	pt_xml_attribute(x, "xml:lang", "en");
	pt_xml_text(x, reason);
	pt_xml_close(x);
	return pt_xml_finish(x);
}

char *pt_soap_new_id(void) {
	g_autofree char *uuid = g_uuid_string_random();
	return g_strconcat("urn:uuid:", uuid, NULL);
}

/* ---- reading ---- */

PtSoap *pt_soap_parse(const void *data, size_t size, bool tolerant, GError **error) {
	g_autoptr(PtXmlDoc) doc = pt_xml_parse(data, size, tolerant, error);
	if (!doc)
		return NULL;
	const PtXmlNode *root = pt_xml_root(doc), *body = pt_xml_child(root, "s:Body");
	if (!pt_xml_is(root, "s:Envelope") || !body) {
		g_autofree char *name = g_strndup(pt_xml_name(root), 60);
		pt_error_set(error, INVALID, "not a SOAP message but <%s>", name);
		return NULL;
	}
	PtSoap *s = g_new0(PtSoap, 1);
	s->refs = 1;
	s->doc = g_steal_pointer(&doc);
	s->header = pt_xml_child(root, "s:Header");
	s->body = pt_xml_child(body, "*");
	return s;
}

PtSoap *pt_soap_ref(const PtSoap *soap) {
	PtSoap *s = (PtSoap *)soap;
	s->refs++;
	return s;
}

void pt_soap_free(PtSoap *s) {
	if (!s || --s->refs)
		return;
	pt_xml_doc_free(s->doc);
	g_free(s);
}

/* "ter:NotAuthorized" with whatever prefix the sender chose, as ours. */
static void read_qname(const PtXmlNode *node, char ret[PT_FAULT_TEXT]) {
	const char *value = pt_xml_value(node), *colon = strrchr(value, ':');
	g_autofree char *theirs = g_strndup(value, colon ? (gsize)(colon - value) : 0);
	const char *ours = pt_xml_prefix(pt_xml_uri_of(node, theirs));
	g_autofree char *text = ours ? g_strconcat(ours, ":", colon ? colon + 1 : value, NULL) : g_strdup(value);
	g_strlcpy(ret, text, PT_FAULT_TEXT);
}

static const char *local_part(const char *qname) {
	const char *colon = strrchr(qname, ':');
	return colon ? colon + 1 : qname;
}

bool pt_soap_read_fault(const PtSoap *s, PtSoapFault *ret) {
	if (!pt_xml_is(s->body, "s:Fault"))
		return false;
	PtSoapFault f = {0};
	const PtXmlNode *code = pt_xml_child(s->body, "s:Code");
	if (code) {
		read_qname(pt_xml_child(code, "s:Value"), f.code);
		for (unsigned i = 0; (code = pt_xml_child(code, "s:Subcode")) && i < G_N_ELEMENTS(f.subcodes); i++)
			read_qname(pt_xml_child(code, "s:Value"), f.subcodes[i]);
		g_strlcpy(f.reason, pt_xml_value_at(s->body, "s:Reason/s:Text"), sizeof f.reason);
	} else { /* SOAP 1.1 §4.4: no namespaces; the ONVIF code, if any, stands behind dots or in the detail */
		read_qname(pt_xml_child(s->body, "faultcode"), f.code);
		g_strlcpy(f.reason, pt_xml_value_at(s->body, "faultstring"), sizeof f.reason);
		if (strstr(f.code, "ter:")) {
			g_strlcpy(f.subcodes[0], f.code, PT_FAULT_TEXT);
			g_strlcpy(f.code, "Client", PT_FAULT_TEXT);
		}
	}
	g_autofree char *local = g_strdup(local_part(f.code));
	g_strlcpy(f.code,
	          !strcmp(local, "Client")   ? "Sender"
	          : !strcmp(local, "Server") ? "Receiver"
	                                     : local,
	          PT_FAULT_TEXT);
	*ret = f;
	return true;
}

bool pt_soap_fault_is(const PtSoapFault *f, const char *name) {
	for (unsigned i = 0; i < G_N_ELEMENTS(f->subcodes); i++)
		if (!strcmp(local_part(f->subcodes[i]), name))
			return true;
	return false;
}

GError *pt_soap_fault_error(const PtSoapFault *f) {
	static const struct {
		const char *name;
		PtErrorCode code;
	} known[] = {
	    {"NotAuthorized", PT_ERROR_AUTH},
	    {"FailedAuthentication", PT_ERROR_AUTH},
	    {"SenderNotAuthorized", PT_ERROR_AUTH},
	    {"OperationProhibited", PT_ERROR_DENIED},
	    {"ActionNotSupported", PT_ERROR_UNSUPPORTED},
	    {"UnknownAction", PT_ERROR_UNSUPPORTED},
	    {"NoProfile", PT_ERROR_NOT_FOUND},
	    {"RelayToken", PT_ERROR_NOT_FOUND},
	    {"NoConfig", PT_ERROR_NOT_FOUND},
	    {"NoToken", PT_ERROR_NOT_FOUND},
	    {"MaxNVTProfiles", PT_ERROR_BUSY},
	    {"CapabilityViolated", PT_ERROR_UNSUPPORTED},
	};
	PtErrorCode code = PT_ERROR_FAILED;
	for (size_t i = 0; i < G_N_ELEMENTS(known) && code == PT_ERROR_FAILED; i++)
		if (pt_soap_fault_is(f, known[i].name))
			code = known[i].code;
	const char *inner = "";
	for (unsigned i = 0; i < G_N_ELEMENTS(f->subcodes) && f->subcodes[i][0]; i++)
		inner = local_part(f->subcodes[i]);
	const char *what = *inner ? inner : f->code;
	return f->reason[0] ? g_error_new(PT_ERROR, code, "%s: %s", what, f->reason)
	                    : g_error_new_literal(PT_ERROR, code, what);
}

/* ---- who asks ---- */

struct PtWsseServer {
	GHashTable *seen; /* of char *, nonce and time */
	GQueue order;     /* of Seen *, oldest first */
};

typedef struct {
	char *key;
	int64_t until_ns;
} Seen;

PtWsseServer *pt_wsse_server_new(void) {
	PtWsseServer *s = g_new0(PtWsseServer, 1);
	s->seen = g_hash_table_new(g_str_hash, g_str_equal);
	g_queue_init(&s->order);
	return s;
}

static void forget_first(PtWsseServer *s) {
	Seen *seen = g_queue_pop_head(&s->order);
	g_hash_table_remove(s->seen, seen->key);
	g_free(seen->key);
	g_free(seen);
}

void pt_wsse_server_free(PtWsseServer *s) {
	if (!s)
		return;
	while (s->order.length)
		forget_first(s);
	g_hash_table_unref(s->seen);
	g_free(s);
}

static bool remember(PtWsseServer *s, const char *nonce, const char *created, int64_t now) {
	while (s->order.length && ((Seen *)s->order.head->data)->until_ns < now)
		forget_first(s);
	g_autofree char *key = g_strconcat(nonce, " ", created, NULL);
	if (g_hash_table_contains(s->seen, key) || s->order.length >= NONCES_MAX)
		return false;
	Seen *seen = g_new(Seen, 1);
	/* it stays acceptable for the window to both sides of its own time */
	*seen = (Seen){g_steal_pointer(&key), now + 2 * PT_WSSE_WINDOW_NS};
	g_hash_table_add(s->seen, seen->key);
	g_queue_push_tail(&s->order, seen);
	return true;
}

PtWsseVerdict pt_wsse_server_verify(PtWsseServer *s, const PtXmlNode *header, int64_t now, PtDigestLookup lookup, void *data,
                                    char **ret_user) {
	const PtXmlNode *token = pt_xml_at(header, "wsse:Security/wsse:UsernameToken");
	if (!token)
		return PT_WSSE_MISSING;
	const char *user = pt_xml_value_at(token, "wsse:Username"), *nonce64 = pt_xml_value_at(token, "wsse:Nonce");
	const char *created = pt_xml_value_at(token, "wsu:Created");
	const PtXmlNode *password = pt_xml_child(token, "wsse:Password");
	const char *type = pt_xml_get(password, "Type");
	int64_t at;
	if (!*user || !type || !g_str_has_suffix(type, "#PasswordDigest") || !*nonce64 || strlen(nonce64) > 256 ||
	    !pt_xml_time(created, &at))
		return PT_WSSE_REFUSED;
	char *known = lookup(data, user);
	if (!known)
		return PT_WSSE_REFUSED;
	gsize n;
	g_autofree guchar *nonce = g_base64_decode(nonce64, &n);
	g_autofree char *want = password_digest(nonce, n, created, known);
	explicit_bzero(known, strlen(known));
	g_free(known);
	const char *got = pt_xml_value(password);
	if (strlen(got) != strlen(want) || !pt_digest_equal(got, want, strlen(want)))
		return PT_WSSE_REFUSED;
	if (at < now - PT_WSSE_WINDOW_NS || at > now + PT_WSSE_WINDOW_NS)
		return PT_WSSE_STALE;
	if (!remember(s, nonce64, created, now))
		return PT_WSSE_REPLAYED;
	if (ret_user)
		*ret_user = g_strdup(user);
	return PT_WSSE_OK;
}
