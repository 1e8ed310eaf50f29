/* Changes that the pages make to the files of a site: a camera of its own file in cameras.d, a login in the secrets file.
 * Each file is written whole and renamed into place; what stood there, comments too, stays as it is. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "site/config.h"

typedef struct {
	const char *name, *source;
	const char *sub;   /* NULL: none of its own */
	const char *login; /* name of a login of the secrets file; NULL: none */
	const char *tls;   /* "sha256:…", as the site file has it; NULL: none */
	PtRecordMode record;
} PtSiteNewCamera;

/* cameras.d/NAME.yaml. Fails when the site has a camera of this name (BUSY) or the name is none (INVALID). */
gboolean pt_site_add_camera(const PtSite *site, const PtSiteNewCamera *camera, GError **error);
/* Undoes it; a camera that stands in the site file itself is not touched (NOT_FOUND). */
gboolean pt_site_remove_camera(const PtSite *site, const char *name, GError **error);
/* logins: NAME in the secrets file, which is made with mode 0600 when it is not there. Fails when there is one of this name.
 */
gboolean pt_site_add_login(const PtSite *site, const char *name, const char *user, const char *password, GError **error);
