/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/card.h"
#include "archive/archive.h"
#include "base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DIGITS 16

bool pt_medium_of(const char *path, PtMedium *ret) {
	struct statx st;
	if (statx(AT_FDCWD, path, 0, STATX_MNT_ID, &st))
		return false;
	*ret = (PtMedium){makedev(st.stx_dev_major, st.stx_dev_minor), st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id : 0};
	return true;
}

static bool is_mounted(const char *mount, GError **error) {
	struct statx st;
	struct stat above;
	g_autofree char *parent = g_build_filename(mount, "..", NULL);
	if (statx(AT_FDCWD, mount, 0, STATX_BASIC_STATS, &st) || stat(parent, &above))
		pt_error_set(error, DISK, "the card at %s is not there: %s", mount, g_strerror(errno));
	else if (st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT
	             ? st.stx_attributes & STATX_ATTR_MOUNT_ROOT
	             : above.st_dev != makedev(st.stx_dev_major, st.stx_dev_minor))
		return true;
	else
		pt_error_set(error, DISK, "no card is mounted at %s", mount);
	return false;
}

/* True with "" when there is none. */
static bool read_identity(const char *path, char ret[DIGITS + 1], GError **error) {
	g_autofree char *text = NULL;
	g_autoptr(GError) why = NULL;
	*ret = 0;
	if (!g_file_get_contents(path, &text, NULL, &why)) {
		if (g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT))
			return true;
		pt_error_set(error, DISK, "the card's identity: %s", why->message);
		return false;
	}
	g_strstrip(text);
	if (strlen(text) != DIGITS || strspn(text, "0123456789abcdef") != DIGITS) {
		pt_error_set(error, DISK, "%s does not hold an identity: remove it when the card is to be used", path);
		return false;
	}
	g_strlcpy(ret, text, DIGITS + 1);
	return true;
}

static bool write_identity(const char *path, const char *identity, GError **error) {
	g_autoptr(GError) why = NULL;
	g_autofree char *line = g_strconcat(identity, "\n", NULL);
	if (g_file_set_contents_full(path, line, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0640,
	                             &why))
		return true;
	pt_error_set(error, DISK, "the card's identity: %s", why->message);
	return false;
}

bool pt_card_take(const char *mount, const char *root, const char *identity, GError **error) {
	g_autofree char *on_card = g_build_filename(root, ".identity", NULL);
	char ours[DIGITS + 1], theirs[DIGITS + 1];
	if (!is_mounted(mount, error) || !read_identity(identity, ours, error) || !read_identity(on_card, theirs, error))
		return false;
	if (*ours && *theirs && strcmp(ours, theirs)) {
		pt_error_set(
		    error, DISK,
		    "the card at %s holds the archive of another site (%s instead of %s): it is not used. Remove %s to "
		    "take it as this site's",
		    mount, theirs, ours, identity);
		return false;
	}
	if (!*ours) {
		if (*theirs)
			strcpy(ours, theirs);
		else
			g_snprintf(ours, sizeof ours, "%08x%08x", g_random_int(), g_random_int());
		if (!write_identity(identity, ours, error))
			return false;
	}
	return pt_archive_make_directory(root, error) && (*theirs || write_identity(on_card, ours, error));
}
