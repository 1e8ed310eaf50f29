/* What a camera lets itself be told: to turn, to go to a preset, its IR cut filter, its lamps, its privacy masks, its clock,
 * to start anew; and who may tell it.
 * Each call answers once; the camera must be ready, else CLOSED. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/client/camera.h"

typedef struct {
	char *token, *name;
} PtOnvifPreset;
GPtrArray *pt_onvif_presets_new(void); /* of PtOnvifPreset *, freed with it */

typedef struct {
	double x, y; /* -1 (left, bottom) to 1 (right, top) */
} PtOnvifPoint;

/* A piece of the picture that the camera hides: ONVIF Media2 §5.9 */
typedef struct {
	char *token;
	char *configuration; /* of the video source whose picture it is in */
	char *type;          /* "Color", "Pixelated", "Blurred" */
	bool enabled;
	GArray *points; /* of PtOnvifPoint */
} PtOnvifMask;
GPtrArray *pt_onvif_masks_new(void); /* of PtOnvifMask *, freed with it */

typedef struct {
	bool ptz;           /* it can be moved */
	GPtrArray *presets; /* of PtOnvifPreset * */
	char *ir_cut;       /* "ON", "OFF", "AUTO" as it is now; NULL: it has none, or does not say */
	char **auxiliary;   /* its words, "tt:IRLamp|On"; NULL-terminated, maybe empty */
	char *ntp;          /* servers that it takes its time from, "192.0.2.1 pool.ntp.org"; "": none; NULL: not told */
	bool ntp_from_dhcp;
	bool has_masks;   /* it has masks, or can have some */
	GPtrArray *masks; /* of PtOnvifMask *, those of the main stream's picture */
	GPtrArray *users; /* of char *; empty when this login is not told */
} PtOnvifControls;

/* controls: valid during the call; NULL on error. */
typedef void (*PtOnvifControlsFn)(void *user, const PtOnvifControls *controls, const GError *error);
void pt_onvif_controls(PtOnvifCamera *camera, PtOnvifControlsFn fn, void *user);

typedef void (*PtOnvifDoneFn)(void *user, const GError *error);
/* -1 .. 1 each; all 0: stop. It stops by itself after two seconds, so that a lost order does not leave it turning. */
void pt_onvif_move(PtOnvifCamera *camera, double pan, double tilt, double zoom, PtOnvifDoneFn fn, void *user);
void pt_onvif_goto_preset(PtOnvifCamera *camera, const char *token, PtOnvifDoneFn fn, void *user);
void pt_onvif_set_ir_cut(PtOnvifCamera *camera, const char *mode, PtOnvifDoneFn fn, void *user); /* ON, OFF, AUTO */
void pt_onvif_auxiliary(PtOnvifCamera *camera, const char *word, PtOnvifDoneFn fn, void *user);
void pt_onvif_set_clock(PtOnvifCamera *camera, int64_t wall_ns, PtOnvifDoneFn fn, void *user);
/* By these servers, names or addresses with spaces between, from now on; "" or NULL: by those that DHCP names. */
void pt_onvif_set_ntp(PtOnvifCamera *camera, const char *servers, PtOnvifDoneFn fn, void *user);

/* token NULL: a new one over the main stream's picture, enabled. points: of PtOnvifPoint, three at least; NULL: as they are.
 * enabled: -1: as it is. What else the mask is stays as the camera has it. */
void pt_onvif_change_mask(PtOnvifCamera *camera, const char *token, int enabled, const GArray *points, PtOnvifDoneFn fn,
                          void *user);
void pt_onvif_remove_mask(PtOnvifCamera *camera, const char *token, PtOnvifDoneFn fn, void *user);
void pt_onvif_reboot(PtOnvifCamera *camera, PtOnvifDoneFn fn, void *user);
