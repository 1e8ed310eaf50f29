/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/target.h"
#include "base/clock.h"
#include <string.h>

PtNotifyTarget *pt_notify_target_new(PtNotifyKind kind, const char *name) {
	PtNotifyTarget *t = g_atomic_rc_box_new0(PtNotifyTarget);
	t->kind = kind;
	t->name = g_strdup(name);
	t->expires_ns = PT_NOTIFY_EXPIRES_NS;
	t->quiet_from_min = t->quiet_to_min = -1;
	return t;
}

bool pt_notify_target_is(const PtNotifyTarget *t, const char *name) {
	if (t->kind == PT_NOTIFY_PUSH && !t->url)
		return false;
	return name ? !strcmp(t->name, name) || !g_strcmp0(t->of, name) : t->kind != PT_NOTIFY_ORDER;
}

PtNotifyTarget *pt_notify_target_ref(PtNotifyTarget *target) { return g_atomic_rc_box_acquire(target); }

static void clear(void *data) {
	PtNotifyTarget *t = data;
	char *secrets[] = {t->secret, t->password};
	for (size_t i = 0; i < G_N_ELEMENTS(secrets); i++)
		if (secrets[i])
			memset(secrets[i], 0, strlen(secrets[i]));
	memset(t->key, 0, sizeof t->key);
	char *strings[] = {t->of,   t->name, t->url,  t->secret,  t->method,   t->login,   t->user,
	                   t->from, t->ca,   t->host, t->account, t->key_name, t->password};
	for (size_t i = 0; i < G_N_ELEMENTS(strings); i++)
		g_free(strings[i]);
	g_strfreev(t->to);
	if (t->zone)
		g_time_zone_unref(t->zone);
}

void pt_notify_target_unref(void *target) {
	if (target)
		g_atomic_rc_box_release_full(target, clear);
}

int64_t pt_notify_target_quiet_until(const PtNotifyTarget *t, int64_t now_ns) {
	if (t->quiet_from_min < 0 || t->quiet_from_min == t->quiet_to_min)
		return now_ns;
	g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(now_ns / PT_NS_PER_S);
	g_autoptr(GDateTime) local = t->zone ? g_date_time_to_timezone(utc, t->zone) : g_date_time_ref(utc);
	int minute = g_date_time_get_hour(local) * 60 + g_date_time_get_minute(local);
	int length = (t->quiet_to_min - t->quiet_from_min + 1440) % 1440;
	int into = (minute - t->quiet_from_min + 1440) % 1440;
	if (into >= length)
		return now_ns;
	int64_t left_s = (int64_t)(length - into) * 60 - g_date_time_get_second(local);
	return (now_ns / PT_NS_PER_S + left_s) * PT_NS_PER_S;
}
