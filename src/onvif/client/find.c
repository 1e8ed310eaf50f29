/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/find.h"
#include "base/error.h"
#include "onvif/client/address.h"
#include "onvif/client/describe.h"
#include "onvif/discovery.h"
#include <string.h>

#define CANDIDATES_MAX 512
#define NAME_MAX_LENGTH 24

/* One camera that is being asked. */
typedef struct {
	PtOnvifFind *find;
	PtOnvifCandidate c;
	GPtrArray *urls; /* of char *: where its device service may be, the likeliest first */
	guint at;
	PtOnvifDevice *device;
	PtOnvifCall *opening;
	PtOnvifDescribe *describing;
} Asked;

struct PtOnvifFind {
	PtHttp *http;
	PtClock *clock;
	char *user, *password;
	PtDiscoverySearch *search;
	GPtrArray *asked;   /* of Asked *, under way */
	GPtrArray *sources; /* of char *: those that were begun with */
	GHashTable *names;
	GSource *over; /* when no more answers are waited for; NULL: they are not any more */
	PtOnvifCandidateFn found;
	void (*done)(void *user);
	void *user_data;
};

static void asked_free(void *data) {
	Asked *a = data;
	pt_onvif_cancel(a->opening);
	pt_onvif_describe_free(a->describing);
	pt_onvif_device_free(a->device);
	pt_onvif_found_free(a->c.found);
	g_ptr_array_unref(a->urls);
	g_free(a->c.name);
	g_free(a->c.source);
	g_free(a->c.title);
	g_free(a->c.endpoint);
	g_free(a->c.error);
	g_free(a);
}

/* "Garden Cam (2)" → "garden-cam-2", and another number when that is taken. */
static char *make_name(PtOnvifFind *f, const char *title) {
	g_autoptr(GString) name = g_string_new(NULL);
	for (const char *p = title; *p && name->len < NAME_MAX_LENGTH; p++) {
		if (g_ascii_isalnum(*p))
			g_string_append_c(name, g_ascii_tolower(*p));
		else if (name->len && name->str[name->len - 1] != '-')
			g_string_append_c(name, '-');
	}
	while (name->len && name->str[name->len - 1] == '-')
		g_string_truncate(name, name->len - 1);
	if (!name->len)
		g_string_append(name, "camera");
	g_autofree char *base = g_strdup(name->str);
	for (int i = 2; g_hash_table_contains(f->names, name->str); i++)
		g_string_printf(name, "%s-%d", base, i);
	g_hash_table_add(f->names, g_strdup(name->str));
	return g_strdup(name->str);
}

/* As the site file has it: the path only where it is not the usual one. */
static char *source_of(const char *url) {
	static const char usual[] = "/onvif/device_service";
	bool secure = g_str_has_prefix(url, "https://");
	if (!secure && !g_str_has_prefix(url, "http://"))
		return g_strdup(url);
	const char *rest = strstr(url, "://") + 3;
	size_t n = strlen(rest) - (g_str_has_suffix(rest, usual) ? strlen(usual) : 0);
	return g_strdup_printf("%s://%.*s", secure ? "onvifs" : "onvif", (int)n, rest);
}

static void maybe_done(PtOnvifFind *f) {
	if (!f->over && !f->asked->len && f->done)
		f->done(f->user_data);
}

static void finish(Asked *a) {
	PtOnvifFind *f = a->find;
	const PtOnvifFound *found = a->c.found;
	g_autofree char *model =
	    found ? g_strdup_printf("%s %s", found->maker ? found->maker : "", found->model ? found->model : "")
	          : g_strdup("");
	a->c.name = make_name(f, a->c.title[0] ? a->c.title : g_strstrip(model));
	a->c.source = source_of(g_ptr_array_index(a->urls, a->at));
	if (a->device) {
		a->c.clock_known = pt_onvif_device_clock_known(a->device);
		a->c.offset_ns = pt_onvif_device_offset_ns(a->device);
		a->c.peer = *pt_onvif_device_peer(a->device);
	}
	f->found(f->user_data, &a->c);
	g_ptr_array_remove_fast(f->asked, a);
	maybe_done(f);
}

static void described(void *user, PtOnvifFound *found, const GError *error) {
	Asked *a = user;
	a->describing = NULL;
	a->c.found = found;
	a->c.error = error ? g_strdup(error->message) : NULL;
	finish(a);
}

static void ask(Asked *a);

static void opened(void *user, const PtSoap *answer, const GError *error) {
	Asked *a = user;
	a->opening = NULL;
	if (!error) {
		a->describing =
		    pt_onvif_describe_device(a->device, &(PtOnvifDescribeParams){.thorough = true}, described, a);
	} else if (error->code != PT_ERROR_AUTH && a->at + 1 < a->urls->len) {
		a->at++; /* the address it gave leads nowhere */
		ask(a);
	} else {
		a->c.error = g_strdup(error->message);
		finish(a);
	}
}

static void ask(Asked *a) {
	PtOnvifFind *f = a->find;
	pt_onvif_device_free(a->device);
	a->device = pt_onvif_device_new(f->http, f->clock,
	                                /* whoever answers is shown with its certificate, so that it can be kept to */
	                                &(PtOnvifParams){.url = g_ptr_array_index(a->urls, a->at),
	                                                 .user = f->user,
	                                                 .password = f->password,
	                                                 .trust = {.kind = PT_HTTP_ANY}});
	a->opening = pt_onvif_device_open(a->device, opened, a);
}

static void add_url(GPtrArray *urls, char *url) {
	if (url && !g_ptr_array_find_with_equal_func(urls, url, g_str_equal, NULL))
		g_ptr_array_add(urls, url);
	else
		g_free(url);
}

static void begin(PtOnvifFind *f, GPtrArray *urls, const char *title, const char *endpoint) {
	const char *first = urls->len ? g_ptr_array_index(urls, 0) : NULL;
	if (!first || f->sources->len >= CANDIDATES_MAX ||
	    g_ptr_array_find_with_equal_func(f->sources, first, g_str_equal, NULL)) {
		g_ptr_array_unref(urls);
		return;
	}
	g_ptr_array_add(f->sources, g_strdup(first));
	Asked *a = g_new0(Asked, 1);
	a->find = f;
	a->urls = urls;
	a->c.title = g_strdup(title);
	a->c.endpoint = g_strdup(endpoint);
	g_ptr_array_add(f->asked, a);
	ask(a);
}

/* Its own words for where it is are tried after the address that it answered from: they may be of another network. */
static void discovered(void *user, const PtDiscoveryDevice *d, const char *remote) {
	g_autofree char *known = g_strdup_printf("http://%s/onvif/device_service", remote),
	                *title = pt_discovery_scope(d->scopes, "name");
	g_auto(GStrv) given = g_strsplit(d->xaddrs, " ", 0);
	GPtrArray *urls = g_ptr_array_new_with_free_func(g_free);
	for (char **x = given; *x; x++)
		if (g_str_has_prefix(*x, "http"))
			add_url(urls, pt_onvif_service_url(known, *x));
	for (char **x = given; *x; x++)
		add_url(urls, pt_onvif_other_url(known, *x));
	add_url(urls, g_strdup(known));
	begin(user, urls, title ? title : "", d->endpoint);
}

static gboolean no_more(void *data) {
	PtOnvifFind *f = data;
	g_clear_pointer(&f->over, g_source_unref);
	g_clear_pointer(&f->search, pt_discovery_search_free);
	maybe_done(f);
	return G_SOURCE_REMOVE;
}

static bool begin_hosts(PtOnvifFind *f, const char *const *hosts, GError **error) {
	for (const char *const *h = hosts; h && *h; h++) {
		char *url = pt_onvif_device_url(*h, error);
		if (!url)
			return false;
		GPtrArray *urls = g_ptr_array_new_with_free_func(g_free);
		g_ptr_array_add(urls, url);
		begin(f, urls, "", "");
	}
	return true;
}

PtOnvifFind *pt_onvif_find_new(PtHttp *http, PtClock *clock, const PtOnvifFindParams *p, PtOnvifCandidateFn found,
                               void (*done)(void *user), void *user, GError **error) {
	PtOnvifFind *f = g_new0(PtOnvifFind, 1);
	f->http = http;
	f->clock = clock;
	f->user = g_strdup(p->user);
	f->password = g_strdup(p->password);
	f->asked = g_ptr_array_new_with_free_func(asked_free);
	f->sources = g_ptr_array_new_with_free_func(g_free);
	f->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	f->found = found;
	f->done = done;
	f->user_data = user;
	bool ok = begin_hosts(f, p->hosts, error);
	if (ok && !p->only_hosts)
		ok = (f->search = pt_discovery_search_new(p->hosts, discovered, f, error)) != NULL;
	if (!ok) {
		pt_onvif_find_free(f);
		return NULL;
	}
	f->over = g_timeout_source_new(p->only_hosts ? 0 : (p->seconds ? p->seconds : 3) * 1000);
	g_source_set_callback(f->over, no_more, f, NULL);
	g_source_attach(f->over, g_main_context_get_thread_default());
	return f;
}

void pt_onvif_find_free(PtOnvifFind *f) {
	if (!f)
		return;
	if (f->over)
		g_source_destroy(f->over);
	g_clear_pointer(&f->over, g_source_unref);
	pt_discovery_search_free(f->search);
	g_ptr_array_unref(f->asked);
	g_ptr_array_unref(f->sources);
	g_hash_table_unref(f->names);
	if (f->password)
		explicit_bzero(f->password, strlen(f->password));
	g_free(f->password);
	g_free(f->user);
	g_free(f);
}
