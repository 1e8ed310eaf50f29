/* Users: shown with their levels. They are made in users.yaml and secrets.yaml, so whoever wants to change them here is
 * told so with the fault that names the reason best. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/server/device.h"
#include <string.h>

static const char *const levels[] = {"Anonymous", "User", "Operator", "Administrator"};

static GArray *users(PtCall *c) { return c->server->host.users(c->server->host.data); }

static bool exists(PtCall *c, const char *name) {
	g_autoptr(GArray) all = users(c);
	for (guint i = 0; i < all->len; i++)
		if (!strcmp(g_array_index(all, PtOnvifUser, i).name, name))
			return true;
	return false;
}

void pt_device_get_users(PtCall *c) {
	g_autoptr(GArray) all = users(c);
	for (guint i = 0; i < all->len; i++) {
		const PtOnvifUser *u = &g_array_index(all, PtOnvifUser, i);
		pt_xml_open(c->out, "tds:User");
		pt_xml_put(c->out, "tt:Username", u->name);
		pt_xml_put(c->out, "tt:UserLevel", levels[u->level]);
		pt_xml_close(c->out);
	}
}

void pt_device_create_users(PtCall *c) {
	for (const PtXmlNode *n = pt_xml_child(c->in, "tds:User"); n; n = pt_xml_next(n, "tds:User")) {
		const char *name = pt_xml_value_at(n, "tt:Username");
		if (exists(c, name))
			pt_call_fault(c, "ter:OperationProhibited", "ter:UsernameClash", "there is a user '%.64s'", name);
		else if (!strcmp(pt_xml_value_at(n, "tt:UserLevel"), "Anonymous"))
			pt_call_fault(c, "ter:OperationProhibited", "ter:AnonymousNotAllowed", "everybody logs in here");
	}
	pt_call_fault(c, "ter:Action", "ter:TooManyUsers",
	              "users are made in the files of the site (users.yaml, app-passwords)");
}

void pt_device_delete_users(PtCall *c) {
	for (const PtXmlNode *n = pt_xml_child(c->in, "tds:Username"); n; n = pt_xml_next(n, "tds:Username"))
		if (!exists(c, pt_xml_value(n)))
			pt_call_fault(c, "ter:InvalidArgVal", "ter:UsernameMissing", "there is no user '%.64s'",
			              pt_xml_value(n));
	pt_call_fault(c, "ter:InvalidArgVal", "ter:FixedUser", "users are kept in the files of the site");
}

void pt_device_set_user(PtCall *c) {
	for (const PtXmlNode *n = pt_xml_child(c->in, "tds:User"); n; n = pt_xml_next(n, "tds:User")) {
		const char *name = pt_xml_value_at(n, "tt:Username");
		if (!exists(c, name))
			pt_call_fault(c, "ter:InvalidArgVal", "ter:UsernameMissing", "there is no user '%.64s'", name);
		else if (!strcmp(pt_xml_value_at(n, "tt:UserLevel"), "Anonymous"))
			pt_call_fault(c, "ter:OperationProhibited", "ter:AnonymousNotAllowed", "everybody logs in here");
	}
	pt_call_fault(c, "ter:InvalidArgVal", "ter:FixedUser", "users are kept in the files of the site");
}
