/* Device service: what the device is, what it can do, its clock; the table of all its operations. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/device.h"
#include "onvif/server/profiles.h"
#include "onvif/server/relays.h"
#include <string.h>

/* ---- services and capabilities ---- */

static void put_capabilities(PtCall *c) {
	PtXml *x = c->out;
	pt_xml_open(x, "tds:Capabilities");
	pt_xml_open(x, "tds:Network");
	static const char *const network[] = {"IPFilter",           "ZeroConfiguration", "IPVersion6", "DynDNS",
	                                      "Dot11Configuration", "HostnameFromDHCP",  "DHCPv6"};
	for (size_t i = 0; i < G_N_ELEMENTS(network); i++)
		pt_xml_attribute_bool(x, network[i], !strcmp(network[i], "IPVersion6"));
	pt_xml_attribute_int(x, "Dot1XConfigurations", 0);
	pt_xml_attribute_int(x, "NTP", 0);
	pt_xml_close(x);
	pt_xml_open(x, "tds:Security");
	static const struct {
		const char *name;
		bool value;
	} security[] = {{"TLS1.0", false},
	                {"TLS1.1", false},
	                {"TLS1.2", true},
	                {"OnboardKeyGeneration", false},
	                {"Dot1X", false},
	                {"AccessPolicyConfig", false},
	                {"DefaultAccessPolicy", true},
	                {"RemoteUserHandling", false},
	                {"X.509Token", false},
	                {"SAMLToken", false},
	                {"KerberosToken", false},
	                {"UsernameToken", true},
	                {"HttpDigest", true},
	                {"RELToken", false},
	                {"JsonWebToken", false}};
	for (size_t i = 0; i < G_N_ELEMENTS(security); i++)
		pt_xml_attribute_bool(x, security[i].name, security[i].value);
	pt_xml_attribute_int(x, "MaxUsers", 0);
	pt_xml_attribute(x, "HashingAlgorithms", "MD5,SHA-256");
	pt_xml_close(x);
	pt_xml_open(x, "tds:System");
	static const struct {
		const char *name;
		bool value;
	} system[] = {
	    {"DiscoveryResolve", true},        {"DiscoveryBye", true},          {"RemoteDiscovery", false},
	    {"SystemBackup", false},           {"SystemLogging", false},        {"FirmwareUpgrade", false},
	    {"HttpFirmwareUpgrade", false},    {"HttpSystemBackup", false},     {"HttpSystemLogging", false},
	    {"HttpSupportInformation", false}, {"StorageConfiguration", false}, {"NetworkConfigNotSupported", true},
	    {"UserConfigNotSupported", true}};
	for (size_t i = 0; i < G_N_ELEMENTS(system); i++)
		pt_xml_attribute_bool(x, system[i].name, system[i].value);
	pt_xml_close(x);
	pt_xml_close(x);
}

/* The same handler that answers GetServiceCapabilities writes into GetServices. */
static void get_services(PtCall *c) {
	bool with = false;
	pt_xml_bool(pt_call_text(c, "tds:IncludeCapability"), &with);
	for (const PtService *const *s = pt_services; *s; s++) {
		if (!(*s)->major)
			continue;
		g_autofree char *address = pt_call_address(c, (*s)->path);
		pt_xml_open(c->out, "tds:Service");
		pt_xml_put(c->out, "tds:Namespace", pt_xml_uri((*s)->prefix));
		pt_xml_put(c->out, "tds:XAddr", address);
		if (with && (*s)->capabilities) {
			pt_xml_open(c->out, "tds:Capabilities");
			(*s)->capabilities(c);
			pt_xml_close(c->out);
		}
		pt_xml_open(c->out, "tds:Version");
		pt_xml_put_int(c->out, "tt:Major", (*s)->major);
		pt_xml_put_int(c->out, "tt:Minor", (*s)->minor);
		pt_xml_close(c->out);
		pt_xml_close(c->out);
	}
}

static void put_bools(PtXml *x, const char *const *names) {
	for (; *names; names++)
		pt_xml_put_bool(x, *names + 1, **names == '+');
}

static void put_device(PtCall *c) {
	static const char *const network[] = {"-tt:IPFilter", "-tt:ZeroConfiguration", "+tt:IPVersion6", "-tt:DynDNS", NULL};
	static const char *const system[] = {"+tt:DiscoveryResolve",
	                                     "+tt:DiscoveryBye",
	                                     "-tt:RemoteDiscovery",
	                                     "-tt:SystemBackup",
	                                     "-tt:SystemLogging",
	                                     "-tt:FirmwareUpgrade",
	                                     NULL};
	static const char *const security[] = {"-tt:TLS1.1",
	                                       "+tt:TLS1.2",
	                                       "-tt:OnboardKeyGeneration",
	                                       "-tt:AccessPolicyConfig",
	                                       "-tt:X.509Token",
	                                       "-tt:SAMLToken",
	                                       "-tt:KerberosToken",
	                                       "-tt:RELToken",
	                                       NULL};
	g_autoptr(GArray) inputs = pt_call_inputs(c), relays = pt_call_relays(c);
	PtXml *x = c->out;
	pt_xml_open(x, "tt:Network");
	put_bools(x, network);
	pt_xml_close(x);
	pt_xml_open(x, "tt:System");
	put_bools(x, system);
	pt_xml_open(x, "tt:SupportedVersions");
	pt_xml_put_int(x, "tt:Major", pt_service_device.major);
	pt_xml_put_int(x, "tt:Minor", pt_service_device.minor);
	pt_xml_close(x);
	pt_xml_close(x);
	pt_xml_open(x, "tt:IO");
	pt_xml_put_int(x, "tt:InputConnectors", inputs->len);
	pt_xml_put_int(x, "tt:RelayOutputs", relays->len);
	pt_xml_close(x);
	pt_xml_open(x, "tt:Security");
	put_bools(x, security);
	pt_xml_close(x);
}

static void put_events(PtCall *c) {
	static const char *const can[] = {"+tt:WSSubscriptionPolicySupport", "+tt:WSPullPointSupport",
	                                  "-tt:WSPausableSubscriptionManagerInterfaceSupport", NULL};
	put_bools(c->out, can);
}

static void put_media(PtCall *c) {
	static const char *const can[] = {"-tt:RTPMulticast", "-tt:RTP_TCP", "+tt:RTP_RTSP_TCP", NULL};
	pt_xml_open(c->out, "tt:StreamingCapabilities");
	put_bools(c->out, can);
	pt_xml_close(c->out);
	pt_xml_open(c->out, "tt:Extension");
	pt_xml_open(c->out, "tt:ProfileCapabilities");
	pt_xml_put_int(c->out, "tt:MaximumNumberOfProfiles", PT_ONVIF_PROFILES);
	pt_xml_close(c->out);
	pt_xml_close(c->out);
}

static void put_deviceio(PtCall *c) {
	g_autoptr(GArray) videos = pt_conf_all(c, PT_CONF_VIDEO_SOURCE), audios = pt_conf_all(c, PT_CONF_AUDIO_SOURCE);
	g_autoptr(GArray) outputs = pt_conf_all(c, PT_CONF_AUDIO_OUTPUT);
	g_autoptr(GArray) relays = pt_call_relays(c);
	g_autofree char *address = pt_call_address(c, pt_service_deviceio.path);
	pt_xml_open(c->out, "tt:Extension");
	pt_xml_open(c->out, "tt:DeviceIO");
	pt_xml_put(c->out, "tt:XAddr", address);
	pt_xml_put_int(c->out, "tt:VideoSources", videos->len);
	pt_xml_put_int(c->out, "tt:VideoOutputs", 0);
	pt_xml_put_int(c->out, "tt:AudioSources", audios->len);
	pt_xml_put_int(c->out, "tt:AudioOutputs", outputs->len);
	pt_xml_put_int(c->out, "tt:RelayOutputs", relays->len);
	pt_xml_close(c->out);
	pt_xml_close(c->out);
}

static void get_capabilities(PtCall *c) {
	static const struct {
		const char *category, *element;
		const PtService *service; /* NULL: we have none */
		PtOperationFn fn;
	} parts[] = {
	    {"Analytics", NULL, NULL, NULL},
	    {"Device", "tt:Device", &pt_service_device, put_device},
	    {"Events", "tt:Events", &pt_service_events, put_events},
	    {"Imaging", "tt:Imaging", &pt_service_imaging, NULL},
	    {"Media", "tt:Media", &pt_service_media, put_media},
	    {"PTZ", NULL, NULL, NULL},
	};
	bool all = !pt_xml_child(c->in, "tds:Category"), wanted[G_N_ELEMENTS(parts)] = {false};
	for (const PtXmlNode *n = pt_xml_child(c->in, "tds:Category"); n; n = pt_xml_next(n, "tds:Category")) {
		bool known = !strcmp(pt_xml_value(n), "All");
		all |= known;
		for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
			if (!strcmp(pt_xml_value(n), parts[i].category)) {
				wanted[i] = known = true;
				if (!parts[i].service)
					pt_call_fault(c, "ter:ActionNotSupported", "ter:NoSuchService",
					              "there is no %s service here", parts[i].category);
			}
		if (!known)
			pt_call_fault(c, "ter:InvalidArgVal", NULL, "Category: '%.40s' is none", pt_xml_value(n));
	}
	pt_xml_open(c->out, "tds:Capabilities");
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		if (!parts[i].service || (!all && !wanted[i]))
			continue;
		g_autofree char *address = pt_call_address(c, parts[i].service->path);
		pt_xml_open(c->out, parts[i].element);
		pt_xml_put(c->out, "tt:XAddr", address);
		if (parts[i].fn)
			parts[i].fn(c);
		pt_xml_close(c->out);
	}
	if (all)
		put_deviceio(c);
	pt_xml_close(c->out);
}

static void get_wsdl(PtCall *c) {
	pt_xml_put(c->out, "tds:WsdlUrl", "http://www.onvif.org/onvif/ver10/device/wsdl/devicemgmt.wsdl");
}

static void get_endpoint(PtCall *c) { pt_xml_put(c->out, "tds:GUID", pt_settings_endpoint(c->server->settings)); }

static PtOnvifIdentity identity(PtCall *c) {
	PtOnvifIdentity id = {0};
	c->server->host.identify(c->server->host.data, &id);
	return id;
}

static void get_information(PtCall *c) {
	PtOnvifIdentity id = identity(c);
	pt_xml_put(c->out, "tds:Manufacturer", id.manufacturer);
	pt_xml_put(c->out, "tds:Model", id.model);
	pt_xml_put(c->out, "tds:FirmwareVersion", id.firmware);
	pt_xml_put(c->out, "tds:SerialNumber", id.serial);
	pt_xml_put(c->out, "tds:HardwareId", id.hardware);
}

/* ---- time ---- */

static void put_time(PtXml *x, const char *element, GDateTime *t) {
	pt_xml_open(x, element);
	pt_xml_open(x, "tt:Time");
	pt_xml_put_int(x, "tt:Hour", g_date_time_get_hour(t));
	pt_xml_put_int(x, "tt:Minute", g_date_time_get_minute(t));
	pt_xml_put_int(x, "tt:Second", g_date_time_get_second(t));
	pt_xml_close(x);
	pt_xml_open(x, "tt:Date");
	pt_xml_put_int(x, "tt:Year", g_date_time_get_year(t));
	pt_xml_put_int(x, "tt:Month", g_date_time_get_month(t));
	pt_xml_put_int(x, "tt:Day", g_date_time_get_day_of_month(t));
	pt_xml_close(x);
	pt_xml_close(x);
}

static void get_time(PtCall *c) {
	PtOnvifIdentity id = identity(c);
	g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(pt_wall_ns(c->server->host.clock) / PT_NS_PER_S);
	g_autoptr(GTimeZone) zone = *id.posix_tz ? g_time_zone_new_identifier(id.posix_tz) : NULL;
	g_autoptr(GDateTime) local = zone ? g_date_time_to_timezone(utc, zone) : NULL;
	pt_xml_open(c->out, "tds:SystemDateAndTime");
	pt_xml_put(c->out, "tt:DateTimeType", id.ntp ? "NTP" : "Manual");
	pt_xml_put_bool(c->out, "tt:DaylightSavings", local && g_date_time_is_daylight_savings(local));
	if (*id.posix_tz) {
		pt_xml_open(c->out, "tt:TimeZone");
		pt_xml_put(c->out, "tt:TZ", id.posix_tz);
		pt_xml_close(c->out);
	}
	put_time(c->out, "tt:UTCDateTime", utc);
	if (local)
		put_time(c->out, "tt:LocalDateTime", local);
	pt_xml_close(c->out);
}

static int64_t number(PtCall *c, const char *path) {
	int64_t value = -1;
	pt_xml_int(pt_call_text(c, path), &value);
	return CLAMP(value, -1, 100000);
}

/* The clock is the machine's and not ours to set: what changes nothing is granted, what makes no sense is told apart. */
static void set_time(PtCall *c) {
	const char *type = pt_call_text(c, "tds:DateTimeType"), *tz = pt_call_text(c, "tds:TimeZone/tt:TZ");
	PtOnvifIdentity id = identity(c);
	g_autoptr(GTimeZone) zone = *tz ? g_time_zone_new_identifier(tz) : NULL;
	if (strcmp(type, "NTP") && strcmp(type, "Manual")) {
		pt_call_fault(c, "ter:InvalidArgVal", NULL, "DateTimeType: '%.20s' is not one of Manual, NTP", type);
	} else if (*tz && !zone) {
		pt_call_fault(c, "ter:InvalidArgVal", "ter:InvalidTimeZone",
		              "'%.60s' is no time zone (POSIX 1003.1, section 8.3)", tz);
	} else if (*tz && strcmp(tz, id.posix_tz)) {
		pt_call_fault(c, "ter:OperationProhibited", NULL, "the time zone is that of the site file");
	} else if (!strcmp(type, "NTP")) {
		if (!id.ntp)
			pt_call_fault(c, "ter:InvalidArgVal", "ter:NtpServerUndefined", "no NTP keeps this machine's clock");
	} else {
		g_autoptr(GDateTime) t = g_date_time_new_utc(
		    (int)number(c, "tds:UTCDateTime/tt:Date/tt:Year"), (int)number(c, "tds:UTCDateTime/tt:Date/tt:Month"),
		    (int)number(c, "tds:UTCDateTime/tt:Date/tt:Day"), (int)number(c, "tds:UTCDateTime/tt:Time/tt:Hour"),
		    (int)number(c, "tds:UTCDateTime/tt:Time/tt:Minute"),
		    (double)number(c, "tds:UTCDateTime/tt:Time/tt:Second"));
		if (!t)
			pt_call_fault(c, "ter:InvalidArgVal", "ter:InvalidDateTime", "there is no such date and time");
		else
			pt_call_fault(c, "ter:OperationProhibited", NULL,
			              "the clock is the machine's and is not set from here");
	}
}

/* ---- what is refused ---- */

static void refuse(PtCall *c) {
	pt_call_fault(c, "ter:OperationProhibited", NULL,
	              "%s is done by whoever administers the machine, not over the network", c->operation->name);
}

static void no_auxiliary(PtCall *c) {
	pt_call_fault(c, "ter:InvalidArgVal", "ter:AuxiliaryDataNotSupported", "there are no auxiliary commands here");
}

static void no_log(PtCall *c) {
	bool access = !strcmp(pt_call_text(c, "tds:LogType"), "Access");
	pt_call_fault(c, "ter:InvalidArgs", access ? "ter:AccesslogUnavailable" : "ter:SystemlogUnavailable",
	              "logs are read on the pages of the device");
}

static void no_support(PtCall *c) {
	pt_call_fault(c, "ter:InvalidArgs", "ter:SupportInformationUnavailable", "there is no support information here");
}

static void nothing(PtCall *c) {}

#define READ PT_ACCESS_READ_SYSTEM
#define SECRET PT_ACCESS_READ_SYSTEM_SECRET
#define WRITE PT_ACCESS_WRITE_SYSTEM
#define PRE PT_ACCESS_PRE_AUTH

static const PtOperation operations[] = {
    {"GetServices", PRE, get_services},
    {"GetServiceCapabilities", PRE, put_capabilities},
    {"GetCapabilities", PRE, get_capabilities},
    {"GetWsdlUrl", PRE, get_wsdl},
    {"GetEndpointReference", PRE, get_endpoint},
    {"GetSystemDateAndTime", PRE, get_time},
    {"SetSystemDateAndTime", WRITE, set_time},
    {"GetDeviceInformation", READ, get_information},
    {"GetSystemUris", READ, nothing},
    {"GetSystemLog", SECRET, no_log},
    {"GetSystemSupportInformation", SECRET, no_support},
    {"SystemReboot", PT_ACCESS_UNRECOVERABLE, refuse},
    {"SetSystemFactoryDefault", PT_ACCESS_UNRECOVERABLE, refuse},
    {"GetScopes", READ, pt_device_get_scopes},
    {"SetScopes", WRITE, pt_device_set_scopes},
    {"AddScopes", WRITE, pt_device_add_scopes},
    {"RemoveScopes", WRITE, pt_device_remove_scopes},
    {"GetDiscoveryMode", READ, pt_device_get_discovery_mode},
    {"SetDiscoveryMode", WRITE, pt_device_set_discovery_mode},
    {"GetUsers", SECRET, pt_device_get_users},
    {"CreateUsers", WRITE, pt_device_create_users},
    {"DeleteUsers", WRITE, pt_device_delete_users},
    {"SetUser", WRITE, pt_device_set_user},
    {"GetRemoteUser", READ, NULL, "ter:NotRemoteUser"},
    {"SetRemoteUser", WRITE, NULL, "ter:NotRemoteUser"},
    {"GetHostname", PRE, pt_device_get_hostname},
    {"GetDNS", READ, pt_device_get_dns},
    {"GetNTP", READ, pt_device_get_ntp},
    {"GetDynamicDNS", READ, pt_device_get_dynamic_dns},
    {"GetNetworkInterfaces", READ, pt_device_get_interfaces},
    {"GetNetworkProtocols", READ, pt_device_get_protocols},
    {"GetNetworkDefaultGateway", READ, pt_device_get_gateway},
    {"GetZeroConfiguration", READ, pt_device_get_zero_configuration},
    /* NetworkConfigNotSupported */
    {"SetHostname", WRITE},
    {"SetHostnameFromDHCP", WRITE},
    {"SetDNS", WRITE},
    {"SetNTP", WRITE},
    {"SetDynamicDNS", WRITE},
    {"SetNetworkInterfaces", WRITE},
    {"SetNetworkProtocols", WRITE},
    {"SetNetworkDefaultGateway", WRITE},
    {"SetZeroConfiguration", WRITE},
    {"GetIPAddressFilter", READ},
    {"SetIPAddressFilter", WRITE},
    {"AddIPAddressFilter", WRITE},
    {"RemoveIPAddressFilter", WRITE},
    {"GetRelayOutputs", PT_ACCESS_READ_MEDIA, pt_relays_get},
    {"SetRelayOutputSettings", PT_ACCESS_ACTUATE, pt_relays_set_tds},
    {"SetRelayOutputState", PT_ACCESS_ACTUATE, pt_relays_set_state},
    {"SendAuxiliaryCommand", PT_ACCESS_ACTUATE, no_auxiliary},
    {"GetStorageConfigurations", PT_ACCESS_READ_MEDIA},
    {"GetStorageConfiguration", PT_ACCESS_READ_MEDIA},
    {"CreateStorageConfiguration", PT_ACCESS_ACTUATE},
    {"SetStorageConfiguration", PT_ACCESS_ACTUATE},
    {"DeleteStorageConfiguration", PT_ACCESS_ACTUATE},
    {"GetGeoLocation", READ},
    {"SetGeoLocation", WRITE},
    {"DeleteGeoLocation", WRITE},
    {"GetSystemBackup", SECRET},
    {"RestoreSystem", PT_ACCESS_UNRECOVERABLE},
    {"StartSystemRestore", PT_ACCESS_UNRECOVERABLE},
    {"UpgradeSystemFirmware", PT_ACCESS_UNRECOVERABLE},
    {"StartFirmwareUpgrade", PT_ACCESS_UNRECOVERABLE},
    {"UpgradeFirmware", PT_ACCESS_UNRECOVERABLE},
    {"GetRemoteDiscoveryMode", READ},
    {"SetRemoteDiscoveryMode", WRITE},
    {"GetDPAddresses", READ},
    {"SetDPAddresses", WRITE},
    {"GetAccessPolicy", SECRET},
    {"SetAccessPolicy", WRITE},
    {"GetUserRoles", READ},
    {"SetUserRole", WRITE},
    {"DeleteUserRole", WRITE},
    {"GetPasswordComplexityOptions", READ},
    {"GetPasswordComplexityConfiguration", READ},
    {"SetPasswordComplexityConfiguration", WRITE},
    {"GetPasswordHistoryConfiguration", READ},
    {"SetPasswordHistoryConfiguration", WRITE},
    {"GetAuthFailureWarningOptions", READ},
    {"GetAuthFailureWarningConfiguration", READ},
    {"SetAuthFailureWarningConfiguration", WRITE},
    {"SetHashingAlgorithm", WRITE},
    {"GetDot11Capabilities", READ, NULL, "ter:InvalidDot11"},
    {"GetDot11Status", READ, NULL, "ter:InvalidDot11"},
    {"ScanAvailableDot11Networks", READ, NULL, "ter:InvalidDot11"},
    {"CreateCertificate", WRITE},
    {"GetCertificates", SECRET},
    {"GetCertificatesStatus", READ},
    {"SetCertificatesStatus", WRITE},
    {"DeleteCertificates", WRITE},
    {"GetPkcs10Request", SECRET},
    {"LoadCertificates", WRITE},
    {"GetClientCertificateMode", READ},
    {"SetClientCertificateMode", WRITE},
    {"GetCACertificates", SECRET},
    {"LoadCertificateWithPrivateKey", WRITE},
    {"GetCertificateInformation", READ},
    {"LoadCACertificates", WRITE},
    {"CreateDot1XConfiguration", WRITE},
    {"SetDot1XConfiguration", WRITE},
    {"GetDot1XConfiguration", READ},
    {"GetDot1XConfigurations", READ},
    {"DeleteDot1XConfiguration", WRITE},
    {NULL},
};

const PtService pt_service_device = {"tds", "/onvif/device_service", 21, 12, put_capabilities, operations};
