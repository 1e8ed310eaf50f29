/* "test:clock?size=1280x720&fps=15&gop=2s&bitrate=2M&audio=aac": the test picture (doc/ref/test-picture.md), made by
 * pigtail-codec. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/error.h"
#include "media/codec/wire.h"
#include "media/source.h"

extern const PtSourceOps pt_test_source;

/* What the location asks for, defaults filled in; false and an error that names the parameter. */
bool pt_test_parse(const char *location, PtCodecJobParams *ret, GError **error);
/* The location that asks for this; caller frees. */
char *pt_test_location(const PtCodecJobParams *params);
