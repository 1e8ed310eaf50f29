/* "file:clip.mp4": an MP4 file looped in real time as if it were a camera, without transcoding. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/source.h"

extern const PtSourceOps pt_file_source;
