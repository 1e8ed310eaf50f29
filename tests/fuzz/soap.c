/* Any message, read strictly or tolerantly: faults and logins are found or not, nothing is expanded, depth is bounded. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/soap.h"
#include <string.h>

static char *lookup(void *data, const char *user) { return g_strdup("password"); }

static unsigned depth(const PtXmlNode *node) {
	unsigned most = 0;
	for (const PtXmlNode *c = pt_xml_child(node, "*"); c; c = pt_xml_next(c, "*"))
		most = MAX(most, depth(c));
	g_assert(strlen(pt_xml_value(node)) <= PT_XML_MAX);
	return most + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (!size)
		return 0;
	g_autoptr(PtSoap) soap = pt_soap_parse(data + 1, size - 1, data[0] & 1, NULL);
	if (!soap)
		return 0;
	g_assert(depth(pt_xml_root(soap->doc)) <= PT_XML_DEPTH);
	PtSoapFault fault;
	if (pt_soap_read_fault(soap, &fault))
		g_error_free(pt_soap_fault_error(&fault));
	PtWsseServer *server = pt_wsse_server_new();
	pt_wsse_server_verify(server, soap->header, 0, lookup, NULL, NULL);
	pt_wsse_server_free(server);
	return 0;
}
