/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/xml.h"
#include "base/clock.h"
#include "base/error.h"
#include <string.h>

static PtXmlDoc *parse(const char *text) {
	g_autoptr(GError) error = NULL;
	PtXmlDoc *doc = pt_xml_parse(text, strlen(text), false, &error);
	g_assert_no_error(error);
	return doc;
}

static void test_write(void) {
	PtXml *x = pt_xml_new(), *piece = pt_xml_new();
	pt_xml_open(piece, "tds:Inner");
	pt_xml_put(piece, "tt:Name", "a<b>&\"c\"\x01\n\xff");
	pt_xml_open(x, "s:Envelope");
	pt_xml_attribute(x, "xml:lang", "de \"x\"");
	pt_xml_append(x, piece);
	pt_xml_put_int(x, "tt:I", -5);
	pt_xml_put_float(x, "tt:F", 0.5);
	pt_xml_put_bool(x, "tt:B", true);
	pt_xml_put_time(x, "tt:T", INT64_C(1763809000125) * PT_NS_PER_MS);
	pt_xml_put_duration(x, "tt:D", 1500 * PT_NS_PER_MS);
	pt_xml_declare(x, "ter");
	g_autoptr(GBytes) bytes = pt_xml_finish(x);
	g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	g_autoptr(PtXmlDoc) doc = parse(text);
	const PtXmlNode *root = pt_xml_root(doc);
	g_assert_true(pt_xml_is(root, "s:Envelope"));
	g_assert_cmpstr(pt_xml_get(root, "lang"), ==, "de \"x\"");
	g_assert_cmpstr(pt_xml_value_at(root, "tds:Inner/tt:Name"), ==, "a<b>&\"c\"\xef\xbf\xbd\n\xef\xbf\xbd");
	g_assert_cmpstr(pt_xml_value_at(root, "tt:F"), ==, "0.5");
	g_assert_cmpstr(pt_xml_value_at(root, "tt:T"), ==, "2025-11-22T10:56:40.125Z");
	g_assert_cmpstr(pt_xml_value_at(root, "tt:D"), ==, "PT1.5S");
	g_assert_cmpstr(pt_xml_uri_of(root, "ter"), ==, "http://www.onvif.org/ver10/error");
	g_assert_null(strstr(text, "xmlns:trt"));
}

static void test_read(void) {
	g_autoptr(PtXmlDoc) doc = parse(
	    "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/' xmlns='http://www.onvif.org/ver10/device/wsdl'>"
	    "<!-- c --> <Service><XAddr> http://a/ <!-- c -->b </XAddr><other xmlns='urn:x' q:at='1' "
	    "xmlns:q='urn:q'/></Service>"
	    "<Service><XAddr><![CDATA[ two ]]></XAddr></Service></e:Envelope>");
	const PtXmlNode *root = pt_xml_root(doc), *service = pt_xml_child(root, "tds:Service");
	g_assert_true(pt_xml_is(root, "s:Envelope")); /* SOAP 1.1 is read as 1.2 */
	g_assert_cmpstr(pt_xml_value_at(service, "tds:XAddr"), ==, "http://a/ b");
	g_assert_null(pt_xml_child(service, "tt:XAddr"));
	g_assert_nonnull(pt_xml_child(service, "XAddr"));
	g_assert_cmpstr(pt_xml_get(pt_xml_child(service, "other"), "at"), ==, "1");
	service = pt_xml_next(service, "tds:Service");
	g_assert_cmpstr(pt_xml_value_at(service, "XAddr"), ==, "two");
	g_assert_null(pt_xml_next(service, "*"));
	g_assert_cmpstr(pt_xml_name(pt_xml_below(root, "other")), ==, "other");
	g_assert_null(pt_xml_below(root, "nowhere"));
	g_assert_true(pt_xml_parent(service) == root);
	g_assert_cmpstr(pt_xml_value_at(NULL, "a/b"), ==, "");
}

/* Reference parameters go back as they came, with namespaces that were declared far above them. */
static void test_foreign(void) {
	g_autoptr(PtXmlDoc) doc = parse("<a xmlns:v='urn:vendor' xmlns='urn:default'><b><v:Id q='1'>7<c/></v:Id></b></a>");
	PtXml *x = pt_xml_new();
	pt_xml_open(x, "s:Header");
	pt_xml_append_node(x, pt_xml_at(pt_xml_root(doc), "b/Id"));
	g_autoptr(GBytes) bytes = pt_xml_finish(x);
	g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	g_autoptr(PtXmlDoc) again = parse(text);
	const PtXmlNode *id = pt_xml_child(pt_xml_root(again), "Id");
	g_assert_cmpstr(pt_xml_get(id, "q"), ==, "1");
	g_assert_cmpstr(pt_xml_uri_of(id, "v"), ==, "urn:vendor");
	g_assert_nonnull(pt_xml_child(id, "c"));
}

static void test_refused(void) {
	GString *deep = g_string_new(NULL);
	for (int i = 0; i < 100; i++)
		g_string_append(deep, "<a>");
	for (int i = 0; i < 100; i++)
		g_string_append(deep, "</a>");
	g_autofree char *huge = g_malloc0(PT_XML_MAX + 1);
	memset(huge, ' ', PT_XML_MAX);
	const struct {
		const char *text, *says;
	} cases[] = {
	    {"", "not XML"},
	    {"<a><b>1</b><b>2</b>", "not XML"},
	    /* cut off */ {"<a", "not XML"},
	    {"<a></b>", "not XML"},
	    {"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "DOCTYPE"},
	    {deep->str, "nested"},
	    {huge, "more than"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		size_t n = cases[i].text == huge ? PT_XML_MAX + 1 : strlen(cases[i].text);
		g_assert_null(pt_xml_parse(cases[i].text, n, false, &error));
		g_assert_nonnull(strstr(error->message, cases[i].says));
	}
	g_string_free(deep, TRUE);
}

/* What cameras were seen to send. */
static void test_mended(void) {
	const struct {
		const char *text, *value;
	} cases[] = {
	    {"<?xml version='1.0' encoding='utf-8'?><a><b>T\xfcr</b></a>",
	     "T\xc3\xbcr"},                           /* Latin-1 that calls itself UTF-8 */
	    {"<a><b IsProperty=true>x</b></a>", "x"}, /* TP-Link: GetEventProperties */
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_assert_null(pt_xml_parse(cases[i].text, strlen(cases[i].text), false, NULL));
		g_autoptr(GError) error = NULL;
		g_autoptr(PtXmlDoc) doc = pt_xml_parse(cases[i].text, strlen(cases[i].text), true, &error);
		g_assert_no_error(error);
		g_assert_true(pt_xml_mended(doc));
		g_assert_cmpstr(pt_xml_value_at(pt_xml_root(doc), "b"), ==, cases[i].value);
	}
}

static void test_values(void) {
	static const struct {
		const char *text;
		double seconds; /* < 0: refused */
	} durations[] = {{"PT60S", 60}, {"PT1M", 60}, {"P1DT1H", 90000}, {"PT0.5S", 0.5}, {"60", -1},
	                 {"P", -1},     {"PT", -1},   {"PT-5S", -1},     {"PT5", -1},     {"PT1e99S", -1}};
	for (size_t i = 0; i < G_N_ELEMENTS(durations); i++) {
		int64_t ns = -1;
		g_assert_true(pt_xml_duration(durations[i].text, &ns) == (durations[i].seconds >= 0));
		if (durations[i].seconds >= 0)
			g_assert_cmpint(ns, ==, (int64_t)(durations[i].seconds * 1e9));
	}
	int64_t a = 0, b = 1, n = 0;
	g_assert_true(pt_xml_time("2026-11-22T10:00:00", &a) && pt_xml_time("2026-11-22T11:00:00+01:00", &b));
	g_assert_cmpint(a, ==, b);
	bool on = false;
	g_assert_true(pt_xml_bool("Active", &on) && on && pt_xml_bool("0", &on) && !on && !pt_xml_bool("2", &on));
	g_assert_true(pt_xml_int("+7", &n) && n == 7 && !pt_xml_int("7x", &n));
	double f = 0;
	g_assert_true(pt_xml_float("0.5", &f) && f == 0.5 && !pt_xml_float("nan", &f) && !pt_xml_float("", &f));
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/xml/write", test_write);
	g_test_add_func("/xml/read", test_read);
	g_test_add_func("/xml/foreign", test_foreign);
	g_test_add_func("/xml/refused", test_refused);
	g_test_add_func("/xml/mended", test_mended);
	g_test_add_func("/xml/values", test_values);
	return g_test_run();
}
