/* Between the files that read a site: not for other rooms. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "site/config.h"

/* secrets.c: the secrets and the users file; a file that is absent is empty. */
void pt_site_read_secrets(PtSite *site, bool named, GPtrArray *problems);
void pt_site_read_users(PtSite *site, bool named, const char *const *cameras, GPtrArray *problems);
const PtSiteLogin *pt_site_login(const PtSite *site, const char *name);
/* "tokens: { NAME: text }" of the secrets file; NULL: none. Belongs to the tree of secrets that the caller gave. */
char *pt_site_token(const PtSite *site, const char *name);
const char **pt_site_tokens(const PtSite *site); /* their names, NULL-terminated; caller frees the array alone */

/* plugs.c */
void pt_site_read_plugs(PtSite *site, const PtNode *inputs, const PtNode *relays, GPtrArray *problems);

/* cameras.c */
void pt_site_read_days(const PtNode *node, int64_t *ret_ns, GPtrArray *problems);
void pt_site_read_cameras(PtSite *site, const PtNode *cameras, GPtrArray *problems);
void pt_site_camera_free(void *camera);

/* mqtt.c */
void pt_site_read_mqtt(PtSite *site, const PtNode *node, GPtrArray *problems);
void pt_site_mqtt_free(PtSiteMqtt *mqtt); /* takes NULL */
void pt_site_print_mqtt(GString *out, const PtSite *site);

/* talk.c */
void pt_site_read_talk(PtSite *site, const PtNode *node, GPtrArray *problems);
void pt_site_print_talk(GString *out, const PtSite *site);

/* alarm.c: after inputs and cameras; rules: the map of the file, whose names zones may not have. */
void pt_site_read_alarm(PtSite *site, const PtNode *node, const PtNode *rules, GPtrArray *problems);
void pt_site_print_alarm(GString *out, const PtSite *site);

/* notify.c */
void pt_site_read_notify(PtSite *site, const PtNode *node, GPtrArray *problems);
/* Once rules and users are there: the rules' webhooks, and whether what targets and rules name is there. */
void pt_site_finish_notify(PtSite *site, GPtrArray *problems);
void pt_site_print_notify(GString *out, const PtSite *site);

/* config.c */
/* localhost, or an address of this machine alone. */
bool pt_site_is_loopback(const char *host);
/* A path beside the site file when it is relative. */
void pt_site_read_path(const PtSite *site, const PtNode *node, char **ret, GPtrArray *problems);
bool pt_site_check_name(const PtNode *node, const char *what, GPtrArray *problems);
/* Names of a GPtrArray whose structs have the name at an offset; NULL-terminated, caller frees the array alone. */
const char **pt_site_names(GPtrArray *list, size_t offset);
/* An http(s) URL without a login in it. */
bool pt_site_check_url(const PtNode *node, const char *url, const char *const *schemes, GPtrArray *problems);

/* ", key: value" behind what a map that is being written holds already; NULL and 0 (of a duration): nothing. */
void pt_print_text(GString *out, const char *key, const char *text);
void pt_print_duration(GString *out, const char *key, int64_t ns);
void pt_print_number(GString *out, const char *key, int64_t n);
void pt_site_print_rules(GString *out, const PtSite *site);
