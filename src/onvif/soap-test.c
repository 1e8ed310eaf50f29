/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/soap.h"
#include "base/error.h"
#include <string.h>

static PtSoap *parse(const char *text, gssize n) {
	g_autoptr(GError) error = NULL;
	PtSoap *soap = pt_soap_parse(text, n < 0 ? strlen(text) : (size_t)n, true, &error);
	g_assert_no_error(error);
	return soap;
}

static PtSoap *parse_bytes(GBytes *bytes) {
	gsize n;
	const char *p = g_bytes_get_data(bytes, &n);
	PtSoap *soap = parse(p, (gssize)n);
	g_bytes_unref(bytes);
	return soap;
}

#define S12                                                                                                                 \
	"<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' "                                                    \
	"xmlns:e='http://www.onvif.org/ver10/error'><s:Body><s:Fault>"
#define S12_END "</s:Fault></s:Body></s:Envelope>"
#define S11 "<S:Envelope xmlns:S='http://schemas.xmlsoap.org/soap/envelope/'><S:Body><S:Fault>"
#define S11_END "</S:Fault></S:Body></S:Envelope>"

static void test_faults(void) {
	static const struct {
		const char *text;
		int code;
		const char *message;
	} cases[] = {
	    {S12 "<s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>e:NotAuthorized</s:Value></s:Subcode></s:Code>"
	         "<s:Reason><s:Text xml:lang='en'>Sender not Authorized</s:Text></s:Reason>" S12_END,
	     PT_ERROR_AUTH, "NotAuthorized: Sender not Authorized"},
	    {S12 "<s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>e:InvalidArgVal</"
	         "s:Value><s:Subcode><s:Value>e:RelayToken</s:Value>"
	         "</s:Subcode></s:Subcode></s:Code><s:Reason><s:Text>no such relay</s:Text></s:Reason>" S12_END,
	     PT_ERROR_NOT_FOUND, "RelayToken: no such relay"},
	    {S12 "<s:Code><s:Value>s:Receiver</s:Value></s:Code>" S12_END, PT_ERROR_FAILED, "Receiver"},
	    {S11 "<faultcode>S:Client</faultcode><faultstring>Bad thing</faultstring>" S11_END, PT_ERROR_FAILED,
	     "Sender: Bad thing"},
	    {S11 "<faultcode>ter:NotAuthorized</faultcode>" S11_END, PT_ERROR_AUTH, "NotAuthorized"},
	    {S12 S12_END, PT_ERROR_FAILED, ""},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(PtSoap) soap = parse(cases[i].text, -1);
		PtSoapFault fault;
		g_assert_true(pt_soap_read_fault(soap, &fault));
		g_autoptr(GError) error = pt_soap_fault_error(&fault);
		g_assert_cmpint(error->code, ==, cases[i].code);
		g_assert_cmpstr(error->message, ==, cases[i].message);
	}
	g_autoptr(PtSoap) own = parse_bytes(pt_soap_fault_new(NULL, "s:Sender", "ter:InvalidArgVal", "ter:ModeError",
	                                                      "monostable relays go off by themselves"));
	PtSoapFault fault;
	g_assert_true(pt_soap_read_fault(own, &fault) && pt_soap_fault_is(&fault, "ModeError") &&
	              pt_soap_fault_is(&fault, "InvalidArgVal"));
	g_assert_cmpstr(fault.subcodes[1], ==, "ter:ModeError");
}

static char *lookup(void *data, const char *user) { return strcmp(user, "anna") ? NULL : g_strdup("correct horse"); }

static PtSoap *with_login(const char *user, const char *password, int64_t created, bool clear) {
	PtWsseLogin login = {user, password, created, clear};
	PtXml *x = pt_soap_new(&(PtSoapHeader){.action = "urn:x", .login = &login});
	pt_xml_open(x, "tds:GetUsers");
	return parse_bytes(pt_xml_finish(x));
}

static void test_login(void) {
	int64_t now = INT64_C(1763809000) * PT_NS_PER_S, minute = 60 * PT_NS_PER_S;
	static const struct {
		const char *user, *password;
		int minutes;
		bool clear;
		PtWsseVerdict verdict;
	} cases[] = {
	    {"anna", "correct horse", 0, false, PT_WSSE_OK},    {"anna", "wrong", 0, false, PT_WSSE_REFUSED},
	    {"otto", "x", 0, false, PT_WSSE_REFUSED},           {"anna", "correct horse", -6, false, PT_WSSE_STALE},
	    {"anna", "correct horse", 6, false, PT_WSSE_STALE}, {"anna", "correct horse", 0, true, PT_WSSE_REFUSED},
	    {"anna", "correct horse", 4, false, PT_WSSE_OK},
	};
	PtWsseServer *server = pt_wsse_server_new();
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(PtSoap) soap =
		    with_login(cases[i].user, cases[i].password, now + cases[i].minutes * minute, cases[i].clear);
		g_autofree char *user = NULL;
		g_assert_cmpint(pt_wsse_server_verify(server, soap->header, now, lookup, NULL, &user), ==, cases[i].verdict);
		g_assert_cmpstr(user, ==, cases[i].verdict == PT_WSSE_OK ? "anna" : NULL);
		if (cases[i].verdict == PT_WSSE_OK) /* the very same once more, now and when it is nearly forgotten */
			for (int later = 0; later < 10; later += 4)
				g_assert_cmpint(pt_wsse_server_verify(server, soap->header,
				                                      now + MIN(cases[i].minutes + 5, later) * minute,
				                                      lookup, NULL, NULL),
				                ==, PT_WSSE_REPLAYED);
	}
	g_autoptr(PtSoap) none =
	    parse("<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body/></s:Envelope>", -1);
	g_assert_null(none->body);
	g_assert_cmpint(pt_wsse_server_verify(server, none->header, now, lookup, NULL, NULL), ==, PT_WSSE_MISSING);
	pt_wsse_server_free(server);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/soap/faults", test_faults);
	g_test_add_func("/soap/login", test_login);
	return g_test_run();
}
