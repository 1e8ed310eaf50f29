/* What a rule does. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"
#include "rules/parse-internal.h"
#include "rules/template.h"
#include <string.h>

#define BEFORE_MAX (600 * PT_NS_PER_S)
#define AFTER_MAX (PT_DAY_S * PT_NS_PER_S)
#define KEEP_MAX (3650 * PT_DAY_S * PT_NS_PER_S)

void pt_action_free(void *data) {
	PtAction *a = data;
	g_free(a->target);
	g_free(a->text);
	g_free(a->procedure);
	g_free(a->camera);
	g_free(a->code);
	g_free(a->method);
	g_free(a->secret);
	g_free(a->file);
	g_free(a);
}

/* { flood: on, for: 2min } */
static bool parse_do_relay(const Parser *p, const PtNode *node, PtAction *a) {
	static const char *const orders[] = {"off", "on", "pulse", NULL};
	const PtNode *order = NULL, *span = NULL;
	if (!pt_node_is_kind(node, PT_NODE_MAP, p->problems))
		return false;
	for (unsigned i = 0; i < pt_node_count(node); i++) {
		const PtNode *child = pt_node_at(node, i);
		if (!strcmp(child->key, "for"))
			span = child;
		else if (!order)
			order = child;
		else
			pt_problem(p->problems, child, "one relay per action: write a second '- relay:' line");
	}
	int value;
	if (!order) {
		pt_problem(p->problems, node, "names no relay: write { NAME: on, for: 2min }");
		return false;
	}
	if (pt_parse_dangling(p, order, "relay", order->key, pt_parse_names(p, PT_SUBJECT_RELAY)) ||
	    !pt_node_read_choice(order, orders, &value, p->problems))
		return false;
	a->target = g_strdup(order->key);
	a->order = (PtRuleOrder)value;
	if (span && a->order != PT_RULE_ON)
		pt_problem(p->problems, span, "goes with on alone");
	return !span || pt_node_read_duration(span, PT_NS_PER_MS, PT_RULE_SPAN_MAX, &a->for_ns, p->problems);
}

static bool parse_camera(const Parser *p, const PtNode *node, PtAction *a) {
	return pt_node_read_text(node, &a->target, p->problems) &&
	       !pt_parse_dangling(p, node, "camera", a->target, pt_parse_names(p, PT_SUBJECT_CAMERA));
}

/* CAMERA | { camera: CAMERA, … }, with those spans that are among the keys */
static bool parse_spans(const Parser *p, const PtNode *node, const char *const *known, PtAction *a) {
	if (node->kind == PT_NODE_SCALAR)
		return parse_camera(p, node, a);
	if (!pt_node_check_keys(node, known, p->problems))
		return false;
	pt_node_read_duration(pt_node_get(node, "before"), 0, BEFORE_MAX, &a->before_ns, p->problems);
	pt_node_read_duration(pt_node_get(node, "after"), 0, AFTER_MAX, &a->after_ns, p->problems);
	pt_node_read_duration(pt_node_get(node, "keep"), PT_NS_PER_S, KEEP_MAX, &a->keep_ns, p->problems);
	const PtNode *camera = pt_node_get(node, "camera");
	if (!camera)
		pt_problem(p->problems, node, "names no camera: write { camera: NAME, before: 10s }");
	return camera && parse_camera(p, camera, a);
}

static bool parse_do_record(const Parser *p, const PtNode *node, PtAction *a) {
	static const char *const known[] = {"camera", "before", "after", "keep", NULL};
	a->after_ns = 30 * PT_NS_PER_S;
	return parse_spans(p, node, known, a);
}

static bool parse_do_snapshot(const Parser *p, const PtNode *node, PtAction *a) {
	static const char *const known[] = {"camera", "before", NULL};
	return parse_spans(p, node, known, a);
}

static bool template_is_good(const Parser *p, const PtNode *node, const char *text) {
	g_autofree char *unknown = pt_template_unknown(text);
	if (!unknown)
		return true;
	g_autofree char *list = pt_suggest_join(pt_template_names), *meant = pt_suggest_text(unknown, pt_template_names);
	pt_problem(p->problems, node, "{%.40s} is none of the names that are filled in: %s%s", unknown, list, meant);
	return false;
}

static bool parse_do_notify(const Parser *p, const PtNode *node, PtAction *a) {
	static const char *const known[] = {"to", "text", "priority", "camera", "code", "zone", NULL};
	int64_t number;
	if (node->kind == PT_NODE_SCALAR) {
		a->text = g_strdup(pt_parse_text(p, node));
		return a->text && template_is_good(p, node, a->text);
	}
	if (!pt_node_check_keys(node, known, p->problems))
		return false;
	const PtNode *to = pt_node_get(node, "to"), *text = pt_node_get(node, "text");
	if (!text)
		pt_problem(p->problems, node, "has no text");
	if (to && (!pt_node_read_text(to, &a->target, p->problems) ||
	           pt_parse_dangling(p, to, "notify target", a->target, p->names->targets)))
		return false;
	if (pt_node_read_integer(pt_node_get(node, "priority"), 1, 5, &number, p->problems))
		a->priority = (unsigned)number;
	if (pt_node_read_integer(pt_node_get(node, "zone"), 0, 999, &number, p->problems))
		a->zone = (unsigned)number;
	const PtNode *camera = pt_node_get(node, "camera");
	if (pt_node_read_text(camera, &a->camera, p->problems) &&
	    pt_parse_dangling(p, camera, "camera", a->camera, pt_parse_names(p, PT_SUBJECT_CAMERA)))
		return false;
	pt_node_read_text(pt_node_get(node, "code"), &a->code, p->problems);
	return text && pt_node_read_text(text, &a->text, p->problems) && template_is_good(p, text, a->text);
}

/* http:// or https://, a host, no login. */
static bool is_address(const char *url) {
	const char *host = g_str_has_prefix(url, "http://") ? url + 7 : g_str_has_prefix(url, "https://") ? url + 8 : "";
	size_t n = strcspn(host, "/?#");
	for (const char *c = url; *c; c++)
		if ((guchar)*c <= ' ' || *c == 0x7f)
			return false;
	return n > 0 && strlen(url) <= 1000 && !memchr(host, '@', n);
}

/* { url, method, body, secret } */
static bool parse_do_webhook(const Parser *p, const PtNode *node, PtAction *a) {
	static const char *const known[] = {"url", "method", "body", "secret", NULL};
	static const char *const methods[] = {"POST", "PUT", "GET", NULL};
	int method = 0;
	if (!pt_node_check_keys(node, known, p->problems))
		return false;
	const PtNode *url = pt_node_get(node, "url"), *body = pt_node_get(node, "body"),
	             *secret = pt_node_get(node, "secret");
	if (!url)
		pt_problem(p->problems, node, "names no url: write { url: https://…, body: text }");
	pt_node_read_choice(pt_node_get(node, "method"), methods, &method, p->problems);
	a->method = g_strdup(methods[method]);
	a->text = g_strdup("");
	if (body && (!pt_node_read_text(body, &a->text, p->problems) || !template_is_good(p, body, a->text)))
		return false;
	if (body && !strcmp(a->method, "GET"))
		pt_problem(p->problems, body, "does not go with GET");
	if (pt_node_read_text(secret, &a->secret, p->problems) &&
	    pt_parse_dangling(p, secret, "token", a->secret, p->names->tokens))
		return false;
	if (!pt_node_read_text(url, &a->target, p->problems))
		return false;
	if (!is_address(a->target))
		pt_problem(p->problems, url,
		           "must be http:// or https:// with a host, without a login in it: a secret is named "
		           "with secret:");
	return true;
}

static bool parse_do_log(const Parser *p, const PtNode *node, PtAction *a) {
	a->text = g_strdup(pt_parse_text(p, node));
	return a->text != NULL;
}

static bool parse_do_mode(const Parser *p, const PtNode *node, PtAction *a) {
	a->target = g_strdup(pt_parse_text(p, node));
	return a->target && !pt_parse_dangling(p, node, "mode", a->target, p->names->modes);
}

/* TEXT | { text, procedure, camera, priority } */
static bool parse_do_alarm(const Parser *p, const PtNode *node, PtAction *a) {
	static const char *const known[] = {"text", "procedure", "camera", "priority", NULL};
	int64_t priority = 3;
	a->priority = 3;
	if (node->kind == PT_NODE_SCALAR) {
		a->text = g_strdup(pt_parse_text(p, node));
		return a->text != NULL;
	}
	if (!pt_node_check_keys(node, known, p->problems))
		return false;
	const PtNode *text = pt_node_get(node, "text"), *camera = pt_node_get(node, "camera");
	if (!text)
		pt_problem(p->problems, node, "has no text: say what has happened");
	pt_node_read_text(pt_node_get(node, "procedure"), &a->procedure, p->problems);
	if (pt_node_read_integer(pt_node_get(node, "priority"), 1, 5, &priority, p->problems))
		a->priority = (unsigned)priority;
	return text && pt_node_read_text(text, &a->text, p->problems) && (!camera || parse_camera(p, camera, a));
}

static bool parse_do_camera(const Parser *p, const PtNode *node, PtAction *a) { return parse_camera(p, node, a); }

/* { camera: gate, ir-cut: on|off|auto } | { camera: gate, lamp: WORD }: the word is one that the camera itself names */
static bool parse_do_light(const Parser *p, const PtNode *node, PtAction *a) {
	static const char *const known[] = {"camera", "ir-cut", "lamp", NULL};
	static const char *const orders[] = {"off", "on", "auto", NULL};
	static const PtRuleOrder order_of[] = {PT_RULE_OFF, PT_RULE_ON, PT_RULE_AUTO};
	int value = 0;
	if (!pt_node_check_keys(node, known, p->problems))
		return false;
	const PtNode *camera = pt_node_get(node, "camera"), *ir = pt_node_get(node, "ir-cut"),
	             *lamp = pt_node_get(node, "lamp");
	if (!camera || !ir == !lamp) {
		pt_problem(p->problems, node, "write { camera: NAME, ir-cut: on|off|auto } or { camera: NAME, lamp: WORD }");
		return false;
	}
	if (!parse_camera(p, camera, a))
		return false;
	if (lamp)
		return pt_node_read_text(lamp, &a->text, p->problems);
	if (!pt_node_read_choice(ir, orders, &value, p->problems))
		return false;
	a->order = order_of[value];
	return true;
}

/* { camera, text } | { camera, file } */
static bool parse_do_say(const Parser *p, const PtNode *node, PtAction *a) {
	static const char *const known[] = {"camera", "text", "file", NULL};
	if (!pt_node_check_keys(node, known, p->problems))
		return false;
	const PtNode *camera = pt_node_get(node, "camera"), *text = pt_node_get(node, "text"),
	             *file = pt_node_get(node, "file");
	if (!camera || !text == !file) {
		pt_problem(p->problems, node, "write { camera: NAME, text: what it says } or { camera: NAME, file: NAME }");
		return false;
	}
	if (!parse_camera(p, camera, a))
		return false;
	if (text)
		return pt_node_read_text(text, &a->text, p->problems) && template_is_good(p, text, a->text);
	return pt_node_read_text(file, &a->file, p->problems) &&
	       !pt_parse_dangling(p, file, "file in talk.messages", a->file, p->names->messages);
}

/* { topic, payload, retain } */
static bool parse_do_mqtt(const Parser *p, const PtNode *node, PtAction *a) {
	static const char *const known[] = {"topic", "payload", "retain", NULL};
	if (!pt_node_check_keys(node, known, p->problems))
		return false;
	const PtNode *topic = pt_node_get(node, "topic"), *payload = pt_node_get(node, "payload");
	if (!p->names->broker)
		pt_problem(p->problems, node, "needs a broker: write mqtt: { broker: mqtts://… } beside rules");
	if (!topic || !payload)
		pt_problem(p->problems, node, "needs both: write { topic: a/b, payload: text }");
	pt_node_read_switch(pt_node_get(node, "retain"), &a->retain, p->problems);
	if (!pt_node_read_text(topic, &a->target, p->problems) || !pt_node_read_text(payload, &a->text, p->problems))
		return false;
	bool good = *a->target && strlen(a->target) <= 1000 && !strpbrk(a->target, "+#");
	for (const char *c = a->target; *c; c = g_utf8_next_char(c))
		good = good && !g_unichar_iscntrl(g_utf8_get_char(c));
	if (!good)
		pt_problem(p->problems, topic,
		           "is no topic to publish to: 1 to 1000 bytes, without +, # and control characters");
	return true;
}

static bool parse_do_wait(const Parser *p, const PtNode *node, PtAction *a) {
	return pt_node_read_duration(node, PT_NS_PER_MS, PT_RULE_SPAN_MAX, &a->for_ns, p->problems);
}

/* ADD AN ACTION: a row here, a PtActionKind; who carries out decisions gets it as it stands. */
static const struct {
	const char *key;
	PtActionKind kind;
	bool (*parse)(const Parser *p, const PtNode *node, PtAction *action);
} action_table[] = {
    {"relay", PT_DO_RELAY, parse_do_relay},
    {"record", PT_DO_RECORD, parse_do_record},
    {"notify", PT_DO_NOTIFY, parse_do_notify},
    {"log", PT_DO_LOG, parse_do_log},
    {"mode", PT_DO_MODE, parse_do_mode},
    {"alarm", PT_DO_ALARM, parse_do_alarm},
    {"show", PT_DO_SHOW, parse_do_camera},
    {"light", PT_DO_LIGHT, parse_do_light},
    {"mqtt", PT_DO_MQTT, parse_do_mqtt},
    {"wait", PT_DO_WAIT, parse_do_wait},
    {"webhook", PT_DO_WEBHOOK, parse_do_webhook},
    {"snapshot", PT_DO_SNAPSHOT, parse_do_snapshot},
    {"say", PT_DO_SAY, parse_do_say},
};

const char *pt_action_word(PtActionKind kind) {
	for (size_t i = 0; i < G_N_ELEMENTS(action_table); i++)
		if (action_table[i].kind == kind)
			return action_table[i].key;
	return NULL;
}

static void parse_action(const Parser *p, const PtNode *node, PtRule *rule) {
	const char *known[G_N_ELEMENTS(action_table) + 1] = {NULL};
	for (size_t i = 0; i < G_N_ELEMENTS(action_table); i++)
		known[i] = action_table[i].key;
	if (!pt_node_check_keys(node, known, p->problems))
		return;
	for (unsigned i = 0; i < pt_node_count(node); i++)
		for (size_t k = 0; k < G_N_ELEMENTS(action_table); k++) {
			if (strcmp(action_table[k].key, pt_node_at(node, i)->key))
				continue;
			PtAction *a = g_new0(PtAction, 1);
			a->kind = action_table[k].kind;
			if (action_table[k].parse(p, pt_node_at(node, i), a))
				g_ptr_array_add(rule->actions, a);
			else
				pt_action_free(a);
		}
}

void pt_parse_do(const Parser *p, const PtNode *node, PtRule *rule) {
	if (node->kind != PT_NODE_LIST) {
		parse_action(p, node, rule);
		return;
	}
	for (unsigned i = 0; i < pt_node_count(node); i++)
		parse_action(p, pt_node_at(node, i), rule);
}
