/* What a camera has, as a piece of a site file. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/find.h"
#include "base/clock.h"
#include <string.h>

/* Within double quotes of YAML, on one line: what a camera says of itself is nobody's syntax. */
static char *quoted(const char *text) {
	GString *s = g_string_new("\"");
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			g_string_append_printf(s, "\\%c", *p);
		else if ((unsigned char)*p < 0x20 || *p == 0x7f)
			g_string_append_printf(s, "\\x%02x", (unsigned char)*p);
		else
			g_string_append_c(s, *p);
	}
	g_string_append_c(s, '"');
	return g_string_free(s, FALSE);
}

/* YAML has more line breaks than most: U+0085, which is a control character, U+2028 and U+2029. */
static char *comment(const char *text) {
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	GString *line = g_string_new(NULL);
	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		g_string_append_unichar(line, g_unichar_iscntrl(c) || c == 0x2028 || c == 0x2029 ? ' ' : c);
	}
	return g_string_free(line, FALSE);
}

static void put_stream(GString *out, const char *what, const PtOnvifProfile *p) {
	if (!p)
		return;
	g_string_append_printf(out, "    # %s: %s %d × %d", what, p->codec, p->width, p->height);
	if (p->fps > 0)
		g_string_append_printf(out, ", %g fps", p->fps);
	if (p->bitrate_kbps)
		g_string_append_printf(out, ", %d kbit/s", p->bitrate_kbps);
	if (p->gop)
		g_string_append_printf(out, ", a key frame every %d", p->gop);
	g_string_append(out, p->sound ? ", with sound\n" : "\n");
}

static void put_plugs(PtOnvifPiece *to, const PtOnvifCandidate *c) {
	unsigned inputs = 0, relays = 0;
	for (guint i = 0; i < c->found->plugs->len; i++) {
		const PtOnvifPlug *p = g_ptr_array_index(c->found->plugs, i);
		g_autofree char *token = quoted(p->token);
		if (p->kind == PT_ONVIF_PLUG_INPUT)
			g_string_append_printf(to->inputs,
			                       "  %s-in-%u: { driver: onvif, camera: %s, token: %s }  # idle %s: say what "
			                       "it is (kind, contact)\n",
			                       c->name, ++inputs, c->name, token, p->idle_closed ? "closed" : "open");
		else
			g_string_append_printf(
			    to->relays,
			    "  %s-out-%u: { driver: onvif, camera: %s, token: %s, kind: other, safe: off }  # %s, idle %s\n",
			    c->name, ++relays, c->name, token, p->monostable ? "monostable" : "bistable",
			    p->idle_closed ? "closed" : "open");
	}
}

static void put_lines(GString *out, const char *what, const GPtrArray *lines) {
	for (guint i = 0; i < lines->len; i++) {
		g_autofree char *line = comment(g_ptr_array_index(lines, i));
		g_string_append_printf(out, "  # %s: %s\n", what, line);
	}
}

char *pt_onvif_candidate_pin(const PtOnvifCandidate *c) {
	if (!c->peer.tls)
		return NULL;
	GString *pin = g_string_new("sha256:");
	for (size_t i = 0; i < sizeof c->peer.sha256; i++)
		g_string_append_printf(pin, "%02x", c->peer.sha256[i]);
	return g_string_free(pin, FALSE);
}

void pt_onvif_piece_add(PtOnvifPiece *to, const PtOnvifCandidate *c, const char *login) {
	GString *out = to->cameras;
	const PtOnvifFound *f = c->found;
	g_autofree char *title = comment(c->title);
	if (!f) {
		g_autofree char *error = comment(c->error ? c->error : "");
		g_string_append_printf(to->asides, "# %s %s could not be asked: %s\n", c->source, title, error);
		return;
	}
	g_autofree char *what =
	    g_strdup_printf("%s %s, firmware %s, serial number %s", f->maker ? f->maker : "", f->model ? f->model : "",
	                    f->firmware ? f->firmware : "?", f->serial ? f->serial : "?");
	g_autofree char *line = comment(what), *source = quoted(c->source);
	g_string_append_printf(out, "  # %s%s%s\n", title, *title ? ": " : "", line);
	if (c->clock_known && ABS(c->offset_ns) > 2 * PT_NS_PER_S)
		g_string_append_printf(out, "  # its clock is %" G_GINT64_FORMAT " s %s\n", ABS(c->offset_ns) / PT_NS_PER_S,
		                       c->offset_ns > 0 ? "ahead" : "behind");
	if (f->audio_sources > 0 || f->audio_outputs > 0)
		g_string_append_printf(out, "  # %d audio inputs, %d audio outputs\n", MAX(f->audio_sources, 0),
		                       MAX(f->audio_outputs, 0));
	put_lines(out, "could not be read", f->notes);
	put_lines(out, "warning", f->warnings);
	put_lines(out, "it has", f->storage);
	put_lines(out, "user", f->users);
	if (f->auxiliary[0]) {
		g_autofree char *words = g_strjoinv(" ", f->auxiliary), *safe = comment(words);
		g_string_append_printf(out, "  # lamps and such: %s\n", safe);
	}
	g_string_append_printf(out, "  %s:\n", c->name);
	put_stream(out, "main", f->main);
	put_stream(out, "sub", f->sub);
	g_string_append_printf(out, "    source: %s\n", source);
	if (login)
		g_string_append_printf(out, "    login: %s\n", login);
	g_autofree char *pin = pt_onvif_candidate_pin(c);
	if (pin)
		g_string_append_printf(out, "    tls: \"%s\"  # its certificate of today; is it the camera's?\n", pin);
	g_string_append(out, "    record: always\n");
	put_plugs(to, c);
}

PtOnvifPiece *pt_onvif_piece_new(void) {
	PtOnvifPiece *p = g_new0(PtOnvifPiece, 1);
	p->asides = g_string_new(NULL);
	p->cameras = g_string_new(NULL);
	p->inputs = g_string_new(NULL);
	p->relays = g_string_new(NULL);
	return p;
}

static void put_section(GString *out, const char *key, GString *lines) {
	if (lines->len)
		g_string_append_printf(out, "%s:\n%s", key, lines->str);
	g_string_free(lines, TRUE);
}

char *pt_onvif_piece_end(PtOnvifPiece *p) {
	GString *out = p->asides;
	put_section(out, "cameras", p->cameras);
	put_section(out, "inputs", p->inputs);
	put_section(out, "relays", p->relays);
	g_free(p);
	return g_string_free(out, FALSE);
}

char *pt_onvif_fragment(const PtOnvifCandidate *c, const char *login) {
	PtOnvifPiece *p = pt_onvif_piece_new();
	pt_onvif_piece_add(p, c, login);
	return pt_onvif_piece_end(p);
}
