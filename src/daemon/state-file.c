/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/state-file.h"
#include "base/error.h"
#include <sys/stat.h>

dev_t pt_state_medium(const char *path) {
	g_autofree char *dir = g_path_get_dirname(path);
	struct stat st;
	return stat(dir, &st) ? 0 : st.st_dev;
}

gboolean pt_state_write(const char *path, dev_t medium, const char *text, gssize size, int mode, GError **error) {
	if (pt_state_medium(path) != medium) {
		pt_error_set(error, DISK, "%s: what lay there at the start is gone, or is another", path);
		return FALSE;
	}
	return g_file_set_contents_full(path, text, size, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, mode,
	                                error);
}
