/* SPDX-License-Identifier: Apache-2.0 */
#include "web/watched.h"
#include <string.h>

typedef struct {
	GFilterInputStream parent;
	bool (*ended)(void *user);
	void *user;
	bool shown;
} Input;

typedef struct {
	GFilterInputStreamClass parent;
} InputClass;

typedef struct {
	GIOStream parent;
	GIOStream *base;
	GInputStream *input;
} Stream;

typedef struct {
	GIOStreamClass parent;
} StreamClass;

/* ---- the input ---- */

static void input_pollable_init(GPollableInputStreamInterface *iface);

GType pt_watched_input_get_type(void);
G_DEFINE_TYPE_WITH_CODE(Input, pt_watched_input, G_TYPE_FILTER_INPUT_STREAM,
                        G_IMPLEMENT_INTERFACE(G_TYPE_POLLABLE_INPUT_STREAM, input_pollable_init))

static GPollableInputStream *base_of(void *input) {
	return G_POLLABLE_INPUT_STREAM(g_filter_input_stream_get_base_stream(input));
}

static gboolean input_is_readable(GPollableInputStream *stream) {
	return g_pollable_input_stream_is_readable(base_of(stream));
}

static GSource *input_create_source(GPollableInputStream *stream, GCancellable *cancellable) {
	g_autoptr(GSource) base = g_pollable_input_stream_create_source(base_of(stream), NULL);
	return g_pollable_source_new_full(stream, base, cancellable);
}

static gssize input_read_nonblocking(GPollableInputStream *stream, void *buffer, gsize count, GError **error) {
	Input *in = (Input *)stream;
	g_autoptr(GError) problem = NULL;
	gssize n = in->shown ? 0 : g_pollable_input_stream_read_nonblocking(base_of(stream), buffer, count, NULL, &problem);
	if (n > 0 || !count)
		return n;
	if (in->shown) {
		g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "the connection has ended");
		return -1;
	}
	if (!g_error_matches(problem, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK) && count >= 2 && in->ended(in->user)) {
		in->shown = true;
		memcpy(buffer, "E\n", 2); /* a whole line: libsoup takes notice of nothing less */
		return 2;
	}
	if (problem)
		g_propagate_error(error, g_steal_pointer(&problem));
	return n;
}

static void input_pollable_init(GPollableInputStreamInterface *iface) {
	iface->is_readable = input_is_readable;
	iface->read_nonblocking = input_read_nonblocking;
	iface->create_source = input_create_source;
}

static void pt_watched_input_class_init(InputClass *class) {}
static void pt_watched_input_init(Input *in) {}

/* ---- the stream ---- */

GType pt_watched_get_type(void);
G_DEFINE_TYPE(Stream, pt_watched, G_TYPE_IO_STREAM)

static GInputStream *get_input(GIOStream *stream) { return ((Stream *)stream)->input; }
static GOutputStream *get_output(GIOStream *stream) { return g_io_stream_get_output_stream(((Stream *)stream)->base); }

static gboolean close_base(GIOStream *stream, GCancellable *cancellable, GError **error) {
	return g_io_stream_close(((Stream *)stream)->base, cancellable, error);
}

static void stream_finalize(GObject *object) {
	Stream *s = (Stream *)object;
	G_OBJECT_CLASS(pt_watched_parent_class)->finalize(object); /* closes, by way of base */
	g_object_unref(s->input);
	g_object_unref(s->base);
}

static void pt_watched_class_init(StreamClass *class) {
	G_OBJECT_CLASS(class)->finalize = stream_finalize;
	G_IO_STREAM_CLASS(class)->get_input_stream = get_input;
	G_IO_STREAM_CLASS(class)->get_output_stream = get_output;
	G_IO_STREAM_CLASS(class)->close_fn = close_base;
}

static void pt_watched_init(Stream *s) {}

GIOStream *pt_watched_new(GIOStream *base, bool (*ended)(void *user), void *user) {
	Stream *s = g_object_new(pt_watched_get_type(), NULL);
	s->base = g_object_ref(base);
	s->input = g_object_new(pt_watched_input_get_type(), "base-stream", g_io_stream_get_input_stream(base),
	                        "close-base-stream", FALSE, NULL);
	Input *in = (Input *)s->input;
	in->ended = ended;
	in->user = user;
	return G_IO_STREAM(s);
}
