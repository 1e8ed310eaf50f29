/* Media profiles of a camera (Media and Media2), and which of them to record and which to show small. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/soap.h"

typedef struct {
	char *token, *name;
	char *source;  /* of the video source: cameras with several lenses have several; "" when it does not say */
	char *view;    /* token of the video source configuration: what of the source is seen, and where its masks are */
	char *encoder; /* token of the video encoder configuration; "": the profile has no picture */
	char *codec;   /* "H264", "H265", "JPEG", "MPV4-ES"; as Media2 names them */
	int width, height, bitrate_kbps, gop; /* 0: it does not say */
	double fps;
	bool sound, ptz, metadata;
	bool media2; /* which service its address has to be asked of */
	char *url;   /* of the stream; NULL until asked for */
} PtOnvifProfile;

/* Of a GetProfilesResponse of either service; of PtOnvifProfile *, freed with it. Without a token or a picture: left out. */
GPtrArray *pt_onvif_read_profiles(const PtSoap *answer);
/* What somebody wants taken: the token or the name of a profile; NULL: whatever is best. */
typedef struct {
	const char *main, *sub;
} PtOnvifChoice;

/* main: the largest picture of the first video source in a codec that is recorded; sub: another of the same source, the
 * largest up to 1280 × 720, at most half of main's area. NULL where there is none. choice (may be NULL) goes before both;
 * what it names and is not there is NULL too. */
void pt_onvif_choose_profiles(GPtrArray *profiles, const PtOnvifChoice *choice, PtOnvifProfile **ret_main,
                              PtOnvifProfile **ret_sub);
/* The address in a GetStreamUriResponse or GetSnapshotUriResponse; "" when there is none. */
const char *pt_onvif_read_uri(const PtSoap *answer);
