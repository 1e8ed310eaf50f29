/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/hook.h"
#include "base/clock.h"
#include "base/json.h"
#include "notify/mime.h"
#include <string.h>

#define PICTURE_TIMEOUT_S 60 /* it may go over a slow line */

/* With a picture that is the body, and the text a header (docs.ntfy.sh/publish, "Attach local file"). */
static void send_ntfy(PtHttp *http, const PtNotifyTarget *t, const PtQueued *m, GBytes *jpeg, PtHttpFn fn, void *user) {
	g_autofree char *title = pt_mime_header(m->title), *text = pt_queued_text(m), *words = pt_mime_header(text);
	g_autofree char *priority = g_strdup_printf("%" G_GINT64_FORMAT, m->priority);
	g_autoptr(GStrvBuilder) headers = g_strv_builder_new();
	g_strv_builder_add_many(headers, "Title", title, "Priority", priority, NULL);
	if (m->link)
		g_strv_builder_add_many(headers, "Click", m->link, NULL);
	if (jpeg)
		g_strv_builder_add_many(headers, "Filename", "picture.jpg", "Message", words, NULL);
	g_auto(GStrv) list = g_strv_builder_end(headers);
	pt_http_send(http,
	             &(PtHttpRequest){.method = jpeg ? "PUT" : "POST",
	                              .url = t->url,
	                              .content_type = jpeg ? "image/jpeg" : "text/plain; charset=utf-8",
	                              .body = jpeg ? g_bytes_get_data(jpeg, NULL) : text,
	                              .body_size = jpeg ? g_bytes_get_size(jpeg) : strlen(text),
	                              .token = t->secret,
	                              .headers = (const char *const *)list,
	                              .timeout_s = jpeg ? PICTURE_TIMEOUT_S : 0},
	             fn, user);
}

/* id stays over tries, so that whoever got it twice can tell. */
static void send_json(PtHttp *http, const PtNotifyTarget *t, const PtQueued *m, PtHttpFn fn, void *user) {
	g_autofree char *text = pt_queued_text(m), *time = pt_time_format(m->wall_ns);
	g_autoptr(GString) body = g_string_new(NULL);
	g_string_printf(body,
	                "{\"id\":\"%" G_GINT64_MODIFIER "x-%" G_GINT64_FORMAT "\",\"time\":\"%s\",\"title\":", m->made_ns,
	                m->row, time);
	pt_json_string(body, m->title);
	g_string_append(body, ",\"text\":");
	pt_json_string(body, text);
	g_string_append_printf(
	    body, ",\"count\":%" G_GINT64_FORMAT ",\"priority\":%" G_GINT64_FORMAT ",\"actor\":", m->count, m->priority);
	pt_json_string(body, m->actor);
	if (m->link) {
		g_string_append(body, ",\"link\":");
		pt_json_string(body, m->link);
	}
	if (m->event)
		g_string_append_printf(body, ",\"event\":%s", m->event);
	g_string_append_c(body, '}');
	pt_http_send(http,
	             &(PtHttpRequest){.method = "POST",
	                              .url = t->url,
	                              .content_type = "application/json",
	                              .body = body->str,
	                              .body_size = body->len,
	                              .token = t->secret},
	             fn, user);
}

static void send_order(PtHttp *http, const PtNotifyTarget *t, const PtQueued *m, PtHttpFn fn, void *user) {
	bool json = m->text[0] == '{' || m->text[0] == '[';
	pt_http_send(http,
	             &(PtHttpRequest){.method = t->method,
	                              .url = t->url,
	                              .content_type = !m->text[0] ? NULL
	                                              : json      ? "application/json"
	                                                          : "text/plain; charset=utf-8",
	                              .body = m->text[0] ? m->text : NULL,
	                              .body_size = strlen(m->text),
	                              .token = t->secret},
	             fn, user);
}

/* Short: a push service takes 4 KiB, and a phone shows two lines. */
static void put_short(GString *out, const char *text, long chars) {
	g_autofree char *start = g_utf8_substring(text, 0, MIN(g_utf8_strlen(text, -1), chars));
	pt_json_string(out, start);
}

static void send_push(PtHttp *http, const PtNotifyTarget *t, const PtQueued *m, int64_t now_ns, PtHttpFn fn, void *user) {
	g_autofree char *text = pt_queued_text(m), *expires = NULL, *authorization = NULL;
	g_autoptr(GString) json = g_string_new("{\"title\":");
	g_autoptr(GString) body = g_string_new(NULL);
	put_short(json, m->title, 100);
	g_string_append(json, ",\"text\":");
	put_short(json, text, 300);
	g_string_append_printf(json, ",\"tag\":\"%" G_GINT64_MODIFIER "x\",\"time\":%" G_GINT64_FORMAT, m->made_ns,
	                       m->wall_ns / PT_NS_PER_MS);
	if (m->camera) {
		g_string_append(json, ",\"camera\":");
		pt_json_string(json, m->camera);
	}
	g_string_append_c(json, '}');
	pt_push_encrypt(t->point, t->auth, json->str, json->len,
	                body); /* without a body nothing is shown but that something came */
	expires = g_strdup_printf("%" G_GINT64_FORMAT, MAX(m->expires_ns - now_ns, 0) / PT_NS_PER_S);
	authorization = pt_vapid_authorization(t->vapid, t->url, t->from, now_ns / PT_NS_PER_S);
	const char *headers[] = {"TTL",
	                         expires,
	                         "Urgency",
	                         m->priority >= 4 ? "high" : "normal",
	                         "Authorization",
	                         authorization ? authorization : "",
	                         "Content-Encoding",
	                         "aes128gcm",
	                         NULL};
	pt_http_send(http,
	             &(PtHttpRequest){.method = "POST",
	                              .url = t->url,
	                              .content_type = "application/octet-stream",
	                              .body = body->str,
	                              .body_size = body->len,
	                              .headers = headers},
	             fn, user);
}

void pt_hook_send(PtHttp *http, const PtNotifyTarget *t, const PtQueued *m, GBytes *jpeg, int64_t now_ns, PtHttpFn fn,
                  void *user) {
	if (t->kind == PT_NOTIFY_NTFY)
		send_ntfy(http, t, m, jpeg, fn, user);
	else if (t->kind == PT_NOTIFY_ORDER)
		send_order(http, t, m, fn, user);
	else if (t->kind == PT_NOTIFY_PUSH)
		send_push(http, t, m, now_ns, fn, user);
	else
		send_json(http, t, m, fn, user);
}

bool pt_hook_is_final(unsigned status) { return status >= 400 && status < 500 && status != 408 && status != 429; }
bool pt_hook_is_about_picture(unsigned status) { return status == 400 || status == 413; }
