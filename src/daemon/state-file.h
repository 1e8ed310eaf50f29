/* Small files of the state directory, each written whole, at once, and to the medium that was there at the start: not
 * through the empty place that one leaves when it is pulled out. From any thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <sys/types.h>
#include <gio/gio.h>

/* That on which the directory of path lies; 0: it is not there. */
dev_t pt_state_medium(const char *path);
/* On disk when it returns. FALSE: nothing was written; also when another medium lies there than was said. */
gboolean pt_state_write(const char *path, dev_t medium, const char *text, gssize size, int mode, GError **error);
/* The same on another thread; takes text. callback is called on this one, and asks pt_state_write_finish(). */
void pt_state_write_async(const char *path, dev_t medium, char *text, int mode, GAsyncReadyCallback callback, void *data);
gboolean pt_state_write_finish(GAsyncResult *result, GError **error);
