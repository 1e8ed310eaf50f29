/* What one answer of a device means: a reader for each question that the client asks. Pure; what is not there is left as it
 * was, and no answer, however wrong, is more than "nothing". Profiles have their own file, and so have notifications. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/client/control.h"

/* GetDeviceInformation, GetDigitalInputs, GetRelayOutputs */
void pt_onvif_read_information(const PtSoap *answer, PtOnvifFound *found);
void pt_onvif_read_inputs(const PtSoap *answer, PtOnvifFound *found);
void pt_onvif_read_relays(const PtSoap *answer, PtOnvifFound *found);
/* GetAudioSources, GetAudioOutputs of Device IO or Media: how many. */
int pt_onvif_read_audio(const PtSoap *answer);

/* GetSystemDateAndTime: what it takes for UTC. False: it does not say. */
bool pt_onvif_read_clock(const PtSoap *answer, int64_t *ret_ns);
/* GetServices or GetCapabilities: the addresses it gives, NULL where it has none; they live as long as the answer. Returns
 * how many there are. */
unsigned pt_onvif_read_services(const PtSoap *answer, const char *ret[PT_ONVIF_N_SERVICES]);

/* CreatePullPointSubscription or Subscribe. How long it was given, by the device's own two times: what its clock says else
 * does not matter. otherwise_ns: where it does not say. */
const PtXmlNode *pt_onvif_read_subscription(const PtSoap *answer, const char **ret_address);
int64_t pt_onvif_read_granted(const PtSoap *answer, int64_t otherwise_ns);

/* GetPresets, GetImagingSettings, GetServiceCapabilities of the device service, GetNTP, GetMasks */
void pt_onvif_read_presets(const PtSoap *answer, GPtrArray *presets);
char *pt_onvif_read_ir_cut(const PtSoap *answer);     /* "ON", "OFF", "AUTO"; NULL: none. Caller frees */
char **pt_onvif_read_auxiliary(const PtSoap *answer); /* NULL-terminated, maybe empty. Caller frees */
/* "time.windows.com 192.0.2.1", "" when there is none. Caller frees. */
char *pt_onvif_read_ntp(const PtSoap *answer, bool *ret_from_dhcp);
void pt_onvif_read_masks(const PtSoap *answer, GPtrArray *masks);

/* GetUsers: "admin (Administrator)", …; GetStorageConfigurations, GetRecordings: a line for each, as people read it. */
void pt_onvif_read_users(const PtSoap *answer, GPtrArray *lines);
void pt_onvif_read_storage(const PtSoap *answer, GPtrArray *lines);
void pt_onvif_read_recordings(const PtSoap *answer, GPtrArray *lines);
