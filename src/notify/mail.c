/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/mail.h"
#include "base/clock.h"
#include "base/error.h"
#include "notify/mime.h"
#include <curl/curl.h>
#include <string.h>

#define TIMEOUT_S 60 /* from the first byte to the last: a picture over a slow line included */
#define SUBJECT_CHARS 80

typedef struct {
	GString *text;
	size_t at;
	GCancellable *cancellable;
} Upload;

static size_t read_text(char *to, size_t size, size_t n, void *user) {
	Upload *u = user;
	size_t length = MIN(size * n, u->text->len - u->at);
	memcpy(to, u->text->str + u->at, length);
	u->at += length;
	return length;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
	return g_cancellable_is_cancelled(((Upload *)user)->cancellable);
}

/* As people at the site have it. Caller frees. */
static char *local_time(const PtNotifyTarget *t, int64_t wall_ns) {
	g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(wall_ns / PT_NS_PER_S);
	g_autoptr(GDateTime) local = t->zone ? g_date_time_to_timezone(utc, t->zone) : g_date_time_ref(utc);
	return g_date_time_format(local, "%Y-%m-%d %H:%M:%S %Z");
}

static GString *make_mail(const PtNotifyTarget *t, const PtQueued *m, GBytes *jpeg) {
	g_autofree char *text = pt_queued_text(m), *time = local_time(t, m->wall_ns);
	g_autofree char *start = g_utf8_substring(text, 0, MIN(g_utf8_strlen(text, -1), SUBJECT_CHARS));
	g_autofree char *subject = g_strdup_printf("%s: %s", m->title, start);
	for (char *p = subject; *p; p++) /* not even encoded: others decode it, and make lines of it again */
		*p = g_ascii_iscntrl(*p) ? ' ' : *p;
	g_autofree char *body =
	    g_strdup_printf("%s\r\n\r\n%s\r\n%s%s%s%s%s", text, time, m->link ? m->link : "", m->link ? "\r\n" : "",
	                    m->reason && m->camera ? "No picture: " : "", m->reason && m->camera ? m->reason : "",
	                    m->reason && m->camera ? "\r\n" : "");
	const char *domain = strchr(t->from, '@');
	g_autofree char *id = g_strdup_printf("%" G_GINT64_MODIFIER "x.%" G_GINT64_FORMAT "%s", m->made_ns, m->row,
	                                      domain ? domain : "@pigtail");
	return pt_mime_mail(&(PtMimeMail){.from = t->from,
	                                  .to = t->to,
	                                  .subject = subject,
	                                  .text = body,
	                                  .id = id,
	                                  .wall_s = m->wall_ns / PT_NS_PER_S,
	                                  .jpeg = jpeg});
}

/* Where plain text is accepted, a certificate that nobody vouches for is no worse. */
static void set_trust(CURL *curl, const PtNotifyTarget *t) {
	bool any = t->plain && !t->ca;
	curl_easy_setopt(curl, CURLOPT_USE_SSL, any ? CURLUSESSL_TRY : CURLUSESSL_ALL);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, any ? 0L : 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, any ? 0L : 2L);
	if (t->ca)
		curl_easy_setopt(curl, CURLOPT_CAINFO, t->ca);
}

bool pt_mail_send(const PtNotifyTarget *t, const PtQueued *m, GBytes *jpeg, GCancellable *cancellable, bool *ret_final,
                  GError **error) {
	CURL *curl = curl_easy_init();
	struct curl_slist *to = NULL;
	char why[CURL_ERROR_SIZE] = "";
	Upload upload = {make_mail(t, m, jpeg), 0, cancellable};
	long answer = 0;
	for (char **a = t->to; *a; a++)
		to = curl_slist_append(to, *a);
	curl_easy_setopt(curl, CURLOPT_URL, t->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 15L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(curl, CURLOPT_MAIL_FROM, t->from);
	curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
	curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_text);
	curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &upload);
	set_trust(curl, t);
	if (t->user) {
		curl_easy_setopt(curl, CURLOPT_USERNAME, t->user);
		curl_easy_setopt(curl, CURLOPT_PASSWORD, t->password);
	}
	CURLcode code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
	curl_easy_cleanup(curl);
	curl_slist_free_all(to);
	g_string_free(upload.text, TRUE);
	if (code == CURLE_OK)
		return true;
	/* a 5xx is for good (RFC 5321 §4.2.1); a login may be mended meanwhile */
	*ret_final = answer >= 500 && answer < 600 && code != CURLE_LOGIN_DENIED;
	pt_error_set(error, FAILED, "mail: %s", why[0] ? why : curl_easy_strerror(code));
	return false;
}
