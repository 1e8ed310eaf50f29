/* What can be set of configurations and what it may be, for both media services. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/server/profiles.h"

/* Get…ConfigurationOptions: node names the configuration, or a profile whose one is meant, or neither. Writes the element
 * (several in ver20) or a fault. */
void pt_encoders_put_options(PtCall *call, PtConf conf, const char *prefix);
/* The options of a loudspeaker as an element of this name. */
void pt_encoders_put_output(PtCall *call, const char *element, const PtOnvifStream *stream);
/* Set…Configuration. */
void pt_encoders_set(PtCall *call, PtConf conf, const char *prefix);
/* The configuration of a request by ConfigurationToken, or of its ProfileToken; FALSE: a fault is set, or *ret_any: the
 * request names neither. */
gboolean pt_encoders_asked(PtCall *call, PtConf conf, const char *prefix, PtOnvifStream *ret, bool *ret_any);
