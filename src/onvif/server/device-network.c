/* How the machine is connected: shown, not set. Who sets it is the machine's own configuration. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/device.h"
#include <string.h>

void pt_device_get_hostname(PtCall *c) {
	g_auto(PtOnvifNetwork) n = {0};
	pt_call_network(c, &n);
	pt_xml_open(c->out, "tds:HostnameInformation");
	pt_xml_put_bool(c->out, "tt:FromDHCP", false);
	pt_xml_put(c->out, "tt:Name", n.hostname);
	pt_xml_close(c->out);
}

static void put_address(PtXml *x, const char *element, const char *address) {
	bool six = strchr(address, ':') != NULL;
	pt_xml_open(x, element);
	pt_xml_put(x, "tt:Type", six ? "IPv6" : "IPv4");
	pt_xml_put(x, six ? "tt:IPv6Address" : "tt:IPv4Address", address);
	pt_xml_close(x);
}

void pt_device_get_dns(PtCall *c) {
	g_auto(PtOnvifNetwork) n = {0};
	pt_call_network(c, &n);
	pt_xml_open(c->out, "tds:DNSInformation");
	pt_xml_put_bool(c->out, "tt:FromDHCP", false);
	for (guint i = 0; i < n.search->len; i++)
		pt_xml_put(c->out, "tt:SearchDomain", g_ptr_array_index(n.search, i));
	for (guint i = 0; i < n.dns->len; i++)
		put_address(c->out, "tt:DNSManual", g_ptr_array_index(n.dns, i));
	pt_xml_close(c->out);
}

/* Which servers keep the clock is the machine's affair and not known here. */
void pt_device_get_ntp(PtCall *c) {
	pt_xml_open(c->out, "tds:NTPInformation");
	pt_xml_put_bool(c->out, "tt:FromDHCP", false);
	pt_xml_close(c->out);
}

void pt_device_get_dynamic_dns(PtCall *c) {
	pt_xml_open(c->out, "tds:DynamicDNSInformation");
	pt_xml_put(c->out, "tt:Type", "NoUpdate");
	pt_xml_close(c->out);
}

static void put_ip(PtXml *x, const char *element, const char *address, int prefix) {
	pt_xml_open(x, element);
	pt_xml_put(x, "tt:Address", address);
	pt_xml_put_int(x, "tt:PrefixLength", prefix);
	pt_xml_close(x);
}

static void put_interface(PtXml *x, const PtOnvifInterface *i) {
	pt_xml_open(x, "tds:NetworkInterfaces");
	pt_xml_attribute(x, "token", i->name);
	pt_xml_put_bool(x, "tt:Enabled", i->up);
	pt_xml_open(x, "tt:Info");
	pt_xml_put(x, "tt:Name", i->name);
	pt_xml_put(x, "tt:HwAddress", i->mac);
	if (i->mtu)
		pt_xml_put_int(x, "tt:MTU", i->mtu);
	pt_xml_close(x);
	if (*i->ipv4) {
		pt_xml_open(x, "tt:IPv4");
		pt_xml_put_bool(x, "tt:Enabled", true);
		pt_xml_open(x, "tt:Config");
		put_ip(x, "tt:Manual", i->ipv4, i->prefix4);
		pt_xml_put_bool(x, "tt:DHCP", false);
		pt_xml_close(x);
		pt_xml_close(x);
	}
	if (*i->ipv6) {
		pt_xml_open(x, "tt:IPv6");
		pt_xml_put_bool(x, "tt:Enabled", true);
		pt_xml_open(x, "tt:Config");
		pt_xml_put(x, "tt:DHCP", "Off");
		put_ip(x, "tt:Manual", i->ipv6, i->prefix6);
		pt_xml_close(x);
		pt_xml_close(x);
	}
	pt_xml_close(x);
}

void pt_device_get_interfaces(PtCall *c) {
	g_auto(PtOnvifNetwork) n = {0};
	pt_call_network(c, &n);
	for (guint i = 0; i < n.interfaces->len; i++)
		put_interface(c->out, &g_array_index(n.interfaces, PtOnvifInterface, i));
	if (!n.interfaces->len) /* the schema wants one */
		put_interface(c->out, &(PtOnvifInterface){.name = "none", .mac = "00:00:00:00:00:00"});
}

void pt_device_get_protocols(PtCall *c) {
	g_auto(PtOnvifNetwork) n = {0};
	pt_call_network(c, &n);
	const struct {
		const char *name;
		unsigned port;
	} protocols[] = {{"HTTP", n.http_port}, {"HTTPS", n.https_port}, {"RTSP", n.rtsp_port}};
	for (size_t i = 0; i < G_N_ELEMENTS(protocols); i++) {
		if (!protocols[i].port)
			continue;
		pt_xml_open(c->out, "tds:NetworkProtocols");
		pt_xml_put(c->out, "tt:Name", protocols[i].name);
		pt_xml_put_bool(c->out, "tt:Enabled", true);
		pt_xml_put_int(c->out, "tt:Port", protocols[i].port);
		pt_xml_close(c->out);
	}
}

void pt_device_get_gateway(PtCall *c) {
	g_auto(PtOnvifNetwork) n = {0};
	pt_call_network(c, &n);
	pt_xml_open(c->out, "tds:NetworkGateway");
	for (int six = 0; six < 2; six++)
		for (guint i = 0; i < n.gateways->len; i++) {
			const char *address = g_ptr_array_index(n.gateways, i);
			if ((strchr(address, ':') != NULL) == six)
				pt_xml_put(c->out, six ? "tt:IPv6Address" : "tt:IPv4Address", address);
		}
	pt_xml_close(c->out);
}

void pt_device_get_zero_configuration(PtCall *c) {
	g_auto(PtOnvifNetwork) n = {0};
	pt_call_network(c, &n);
	pt_xml_open(c->out, "tds:ZeroConfiguration");
	pt_xml_put(c->out, "tt:InterfaceToken",
	           n.interfaces->len ? g_array_index(n.interfaces, PtOnvifInterface, 0).name : "none");
	pt_xml_put_bool(c->out, "tt:Enabled", false);
	pt_xml_close(c->out);
}
