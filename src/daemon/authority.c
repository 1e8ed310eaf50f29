/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/authority.h"
#include "base/error.h"
#include "daemon/certificate.h"
#include "daemon/state-file.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#define DAY_S INT64_C(86400)
#define AUTHORITY_S (3653 * DAY_S)
#define SERVER_S (395 * DAY_S) /* with the day before, under the 398 that browsers accept */
#define RENEW_S (30 * DAY_S)   /* before its end */
#define LOOK_S 2
#define RETRY_LOOKS 5
#define NAME_CHARS 64 /* RFC 5280, ub-common-name */

/* What is never a name or an address of the Internet, whatever the hub is called later: who steals the key of the authority
 * cannot speak for somebody's bank. */
#define PRIVATE                                                                                                             \
	"DNS:localhost,DNS:local,DNS:internal,DNS:home.arpa,IP:127.0.0.0/255.0.0.0,IP:10.0.0.0/255.0.0.0,"                  \
	"IP:172.16.0.0/255.240.0.0,IP:192.168.0.0/255.255.0.0,IP:169.254.0.0/255.255.0.0,IP:100.64.0.0/255.192.0.0,"        \
	"IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,IP:fc00::/fe00::,IP:fe80::/ffc0::"

typedef struct {
	char *public; /* the authority's certificate */
	PtCertificateFacts authority, server;
	char *names;                  /* of the server's: "DNS:hub,IP:192.0.2.1" */
	GTlsCertificate *certificate; /* of the server; NULL: there is none */
} Made;

struct PtAuthority {
	PtAuthorityEnv env;
	PtSite *site;
	char *authority_path, *server_path;
	dev_t medium;

	Made made;
	char *wanted;  /* the names that it was made for, before the authority's limits; NULL: it has to be tried again */
	char *problem; /* told already; NULL: none */
	PtRequest *renewal; /* to be answered once it is made */
	bool working;       /* on a thread */
	unsigned rest;      /* looks until it is tried again */
	guint timer;

	PtOwnAuthority shown; /* what it points to is this struct's */
	char *pages, *address;
};

static void made_clear(Made *m) {
	g_free(m->public);
	g_free(m->names);
	g_clear_object(&m->certificate);
	*m = (Made){0};
}

/* ---- names ---- */

static void add_name(GPtrArray *list, const char *kind, const char *name) {
	g_autofree char *text = g_strconcat(kind, name, NULL);
	/* what is not made of these would be more than a name to whom the list is given */
	if (*name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-")] &&
	    !g_ptr_array_find_with_equal_func(list, text, g_str_equal, NULL))
		g_ptr_array_add(list, g_steal_pointer(&text));
}

static void add_host_names(GPtrArray *list, const PtSite *s) {
	g_autofree char *local = g_strconcat(g_get_host_name(), ".local", NULL);
	const char *own[] = {"localhost", g_get_host_name(), local};
	for (size_t i = 0; i < G_N_ELEMENTS(own); i++)
		add_name(list, "DNS:", own[i]);
	for (char **n = s->web_names; n && *n; n++)
		add_name(list, g_hostname_is_ip_address(*n) ? "IP:" : "DNS:", *n);
}

/* Of interfaces that are up. Link-local IPv6 is none that a browser can be told. */
static void add_own_addresses(GPtrArray *list) {
	char text[INET6_ADDRSTRLEN];
	struct ifaddrs *all = NULL;
	if (getifaddrs(&all))
		return;
	for (struct ifaddrs *i = all; i; i = i->ifa_next) {
		const struct sockaddr *a = i->ifa_addr;
		if (!a || !(i->ifa_flags & IFF_UP))
			continue;
		const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
		if (a->sa_family == AF_INET &&
		    inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, text, sizeof text))
			add_name(list, "IP:", text);
		else if (a->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(v6) &&
		         inet_ntop(AF_INET6, v6, text, sizeof text))
			add_name(list, "IP:", text);
	}
	freeifaddrs(all);
}

/* The address in "ADDRESS:PORT"; NULL: all of this machine. Caller frees. */
static char *listen_address(const char *listen) {
	g_autofree char *host = g_strndup(listen, (gsize)(strrchr(listen, ':') - listen));
	g_autofree char *plain = *host == '[' ? g_strndup(host + 1, strlen(host) - 2) : g_strdup(host);
	if (!*plain || !strcmp(plain, "0.0.0.0") || !strcmp(plain, "::"))
		return NULL;
	return g_strdup(strcmp(plain, "localhost") ? plain : "127.0.0.1");
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static char *join(GPtrArray *list) {
	g_ptr_array_sort(list, by_text); /* the order in which the kernel names them may be another each time */
	g_ptr_array_add(list, NULL);
	return g_strjoinv(",", (char **)list->pdata);
}

/* All by which it may be called now. Caller frees. */
static char *wanted_names(const PtSite *s) {
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *address = listen_address(s->web_listen);
	add_host_names(list, s);
	add_name(list, "IP:", "127.0.0.1");
	if (address)
		add_name(list, "IP:", address);
	else
		add_own_addresses(list);
	return join(list);
}

/* What a new authority may speak for. Caller frees. */
static char *limits_of(const PtSite *s) {
	g_autoptr(GString) out = g_string_new(PRIVATE);
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *address = listen_address(s->web_listen);
	add_host_names(list, s);
	if (address)
		add_name(list, "IP:", address);
	for (guint i = 0; i < list->len; i++) {
		const char *name = list->pdata[i];
		const char *mask = !g_str_has_prefix(name, "IP:") ? ""
		                   : strchr(name + 3, ':')        ? "/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
		                                                  : "/255.255.255.255";
		g_string_append_printf(out, ",%s%s", name, mask);
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

/* A name that others resolve, or an address of this machine. Caller frees. */
static char *reached_at(const PtSite *s, const char *listen) {
	g_autofree char *address = listen_address(listen);
	if (s->web_names && s->web_names[0])
		return g_strdup(s->web_names[0]);
	if (address)
		return strchr(address, ':') ? g_strdup_printf("[%s]", address) : g_steal_pointer(&address);
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
	add_own_addresses(list);
	for (guint i = 0; i < list->len; i++)
		if (!strchr((char *)list->pdata[i] + 3, ':') && !g_str_has_prefix(list->pdata[i], "IP:127."))
			return g_strdup((char *)list->pdata[i] + 3);
	return g_strconcat(g_get_host_name(), ".local", NULL);
}

/* ---- what a thread makes of it ---- */

typedef struct {
	char *authority_path, *server_path;
	dev_t medium;
	char *wanted, *limits, *authority_name;
	int64_t now_s; /* 0: the clock is not set, and nothing is made */
	bool anew;
	Made made;
	const char *done; /* what was made; NULL: nothing */
} Job;

static void job_free(void *data) {
	Job *j = data;
	g_free(j->authority_path);
	g_free(j->server_path);
	g_free(j->wanted);
	g_free(j->limits);
	g_free(j->authority_name);
	made_clear(&j->made);
	g_free(j);
}

static char *make(const Job *j, const char *path, const PtCertificateWish *wish, const char *signer, GError **error) {
	if (!j->now_s) {
		pt_error_set(error, BUSY, "the clock is not set: no certificate is made before it is");
		return NULL;
	}
	char *text = pt_certificate_make(wish, signer, error);
	if (text && !pt_state_write(path, j->medium, text, -1, 0600, error))
		g_clear_pointer(&text, pt_certificate_wipe);
	return text;
}

static char *get_authority(Job *j, GError **error) {
	char *text = NULL;
	g_autoptr(GError) unread = NULL;
	if (!g_file_get_contents(j->authority_path, &text, NULL, &unread) &&
	    g_error_matches(unread, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
		text = make(j, j->authority_path,
		            &(PtCertificateWish){.name = j->authority_name,
		                                 .limits = j->limits,
		                                 /* right also when the clock stands too late now */
		                                 .from_s = MIN(j->now_s, PT_BUILT_S) - DAY_S,
		                                 .until_s = j->now_s + AUTHORITY_S},
		            NULL, error);
		j->done = text ? "a new authority was made, for phones and computers to install" : NULL;
	} else if (unread) {
		g_propagate_error(error, g_steal_pointer(&unread));
	}
	if (text && !pt_certificate_read(text, &j->made.authority)) {
		/* whoever installed it would have to install another: that is for a person to decide */
		pt_error_set(error, INVALID,
		             "%s holds no key and certificate: put it back from a copy, or remove it to have a new one made",
		             j->authority_path);
		g_clear_pointer(&text, pt_certificate_wipe);
	}
	return text;
}

/* Those of the wanted names that the authority may speak for. Caller frees. */
static char *allowed_names(const char *authority, const char *wanted) {
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) names = g_strsplit(wanted, ",", -1);
	for (char **n = names; *n; n++)
		if (pt_certificate_may(authority, *n))
			g_ptr_array_add(list, g_strdup(*n));
	return join(list);
}

static bool is_good(const Job *j, const char *server, const char *authority) {
	const PtCertificateFacts *s = &j->made.server;
	bool lasts = s->from_s <= j->now_s && (j->now_s < s->until_s - RENEW_S || s->until_s == j->made.authority.until_s);
	return !j->now_s || (!j->anew && lasts && pt_certificate_is_for(server, j->made.names, authority));
}

static char *get_server(Job *j, const char *authority, GError **error) {
	char *text = NULL;
	if (g_file_get_contents(j->server_path, &text, NULL, NULL) && pt_certificate_read(text, &j->made.server) &&
	    is_good(j, text, authority))
		return text;
	pt_certificate_wipe(text);
	if (j->now_s && j->now_s >= j->made.authority.until_s) {
		pt_error_set(error, INVALID,
		             "the authority's certificate has ended: if the clock is right, remove %s and run pigtail ca "
		             "--renew; phones and computers have to install the new one",
		             j->authority_path);
		return NULL;
	}
	text = make(j, j->server_path,
	            &(PtCertificateWish){.name = g_get_host_name(),
	                                 .names = j->made.names,
	                                 .from_s = j->now_s - DAY_S,
	                                 .until_s = MIN(j->now_s + SERVER_S, j->made.authority.until_s)},
	            authority, error);
	if (text && pt_certificate_read(text, &j->made.server) && !j->done)
		j->done = "the certificate of the pages was made anew";
	return text;
}

static bool work(Job *j, GError **error) {
	char *authority = get_authority(j, error), *server = NULL;
	if (authority) {
		j->made.public = pt_certificate_public(authority);
		j->made.names = allowed_names(authority, j->wanted);
		server = get_server(j, authority, error);
	}
	if (server)
		j->made.certificate = g_tls_certificate_new_from_pem(server, -1, error);
	pt_certificate_wipe(authority);
	pt_certificate_wipe(server);
	return j->made.certificate != NULL;
}

static void work_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
	GError *error = NULL;
	if (work(data, &error))
		g_task_return_boolean(task, TRUE);
	else
		g_task_return_error(task, error);
}

/* ---- when ---- */

static void tell(PtAuthority *a, const char *state, const char *text) {
	fprintf(stderr, "certificate: %s\n", text);
	g_autoptr(PtEvent) event = pt_event_now(a->env.clock, "system/certificate", PT_TOPIC_SYSTEM, state, NULL, text);
	pt_bus_publish(a->env.bus, event);
}

static void show(PtAuthority *a) {
	const PtSite *s = a->site;
	const char *install = s->web_install ? s->web_install : s->web_listen;
	g_autofree char *host = reached_at(s, s->web_listen), *install_host = reached_at(s, install);
	g_free(a->pages);
	g_free(a->address);
	a->pages = g_strdup_printf("https://%s%s/", host, strrchr(s->web_listen, ':'));
	a->address =
	    g_strdup_printf("http%s://%s%s/install", s->web_install ? "" : "s", install_host, strrchr(install, ':'));
	g_strfreev(a->shown.names);
	a->shown = (PtOwnAuthority){.certificate = a->made.public,
	                            .fingerprint = a->made.authority.sha256,
	                            .pages = a->pages,
	                            .address = a->address,
	                            .names = g_strsplit(a->made.names, ",", -1),
	                            .until_ns = a->made.authority.until_s * PT_NS_PER_S,
	                            .server_until_ns = a->made.server.until_s * PT_NS_PER_S};
	for (char **n = a->shown.names; *n; n++) /* the kind is for OpenSSL */
		memmove(*n, strchr(*n, ':') + 1, strlen(strchr(*n, ':')));
}

static void take(PtAuthority *a, Job *j, GError *error) {
	g_free(a->wanted);
	a->wanted = error || !j->now_s ? NULL : g_strdup(j->wanted);
	if (error && g_strcmp0(a->problem, error->message))
		tell(a, "problem", error->message);
	g_free(a->problem);
	a->problem = error ? g_strdup(error->message) : NULL;
	a->rest = error && j->now_s ? RETRY_LOOKS : 0;
	a->shown.problem = a->problem;
	if (error)
		return;
	made_clear(&a->made);
	a->made = j->made;
	j->made = (Made){0};
	show(a);
	if (j->done)
		tell(a, "made", j->done);
	if (a->env.changed)
		a->env.changed(a->env.user, a->made.certificate);
}

static Job *job_new(const PtAuthority *a, char *wanted, bool anew) {
	Job *j = g_new0(Job, 1);
	g_autofree char *name = g_strdup_printf("%s (Pigtail at %s)", a->site->name, g_get_host_name());
	*j = (Job){.authority_path = g_strdup(a->authority_path),
	           .server_path = g_strdup(a->server_path),
	           .medium = a->medium,
	           .wanted = wanted,
	           .limits = limits_of(a->site),
	           .authority_name = g_utf8_substring(name, 0, MIN(g_utf8_strlen(name, -1), NAME_CHARS)),
	           .now_s = pt_clock_system_is_set() ? pt_wall_ns(a->env.clock) / PT_NS_PER_S : 0,
	           .anew = anew};
	return j;
}

static void answer(PtRequest *r, const PtOwnAuthority *shown) {
	g_autoptr(JsonBuilder) b = json_builder_new();
	pt_api_put_authority(b, NULL, shown);
	pt_api_reply(r, b);
}

static void worked(GObject *source, GAsyncResult *result, gpointer data) {
	PtAuthority *a = data;
	g_autoptr(GError) error = NULL;
	g_task_propagate_boolean(G_TASK(result), &error);
	a->working = false;
	take(a, g_task_get_task_data(G_TASK(result)), error);
	PtRequest *asked = g_steal_pointer(&a->renewal);
	if (asked && error)
		pt_request_fail_error(asked, error);
	else if (asked)
		answer(asked, &a->shown);
	pt_request_unref(asked);
}

static void begin(PtAuthority *a, char *wanted, bool anew) {
	a->working = true;
	g_autoptr(GTask) task = g_task_new(NULL, NULL, worked, a);
	g_task_set_task_data(task, job_new(a, wanted, anew), job_free);
	g_task_run_in_thread(task, work_in_thread);
}

static bool is_due(const PtAuthority *a, const char *wanted) {
	const PtCertificateFacts *s = &a->made.server;
	int64_t now_s = pt_wall_ns(a->env.clock) / PT_NS_PER_S;
	return g_strcmp0(a->wanted, wanted) || now_s < s->from_s ||
	       (now_s >= s->until_s - RENEW_S && s->until_s != a->made.authority.until_s);
}

static gboolean look(gpointer data) {
	PtAuthority *a = data;
	if (a->working || !pt_clock_system_is_set() || (a->rest && a->rest--))
		return G_SOURCE_CONTINUE;
	g_autofree char *wanted = wanted_names(a->site);
	if (is_due(a, wanted))
		begin(a, g_steal_pointer(&wanted), false);
	return G_SOURCE_CONTINUE;
}

void pt_authority_renew(PtAuthority *a, PtRequest *r) {
	if (a->working || !pt_clock_system_is_set()) {
		pt_request_fail(r, 409,
		                a->working ? "a certificate is being made: try again in a moment"
		                           : "the clock is not set: no certificate is made before it is");
		return;
	}
	a->renewal = pt_request_ref(r);
	begin(a, wanted_names(a->site), true);
}

GTlsCertificate *pt_authority_certificate(const PtAuthority *a) { return a->made.certificate; }
const PtOwnAuthority *pt_authority_show(const PtAuthority *a) { return &a->shown; }

/* ---- life ---- */

PtAuthority *pt_authority_new(const PtAuthorityEnv *env, PtSite *site) {
	PtAuthority *a = g_new0(PtAuthority, 1);
	a->env = *env;
	a->site = pt_site_ref(site);
	a->authority_path = g_build_filename(site->archive_state, "ca.pem", NULL);
	a->server_path = g_build_filename(site->archive_state, "web.pem", NULL);
	a->medium = pt_state_medium(a->authority_path);
	Job *j = job_new(a, wanted_names(site), false);
	g_autoptr(GError) error = NULL;
	work(j, &error);
	take(a, j, error);
	job_free(j);
	a->timer = g_timeout_add_seconds(LOOK_S, look, a);
	return a;
}

void pt_authority_free(PtAuthority *a) {
	if (!a)
		return;
	a->env.changed = NULL;
	while (a->working)
		g_main_context_iteration(NULL, TRUE);
	g_source_remove(a->timer);
	made_clear(&a->made);
	g_strfreev(a->shown.names);
	pt_site_unref(a->site);
	char *strings[] = {a->authority_path, a->server_path, a->wanted, a->problem, a->pages, a->address};
	for (size_t i = 0; i < G_N_ELEMENTS(strings); i++)
		g_free(strings[i]);
	g_free(a);
}
