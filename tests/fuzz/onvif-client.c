/* Whatever a camera answers, delivers or puts into its metadata track: every reader of the client over it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "onvif/client/answers.h"
#include "onvif/client/describe.h"
#include "onvif/client/search.h"
#include <string.h>

static void said(void *user, const PtOnvifSaid *s) {
	g_assert(s->active >= -1 && s->active <= 1 && strlen(s->token) < sizeof s->token &&
	         strlen(s->topic) < sizeof s->topic);
	g_assert(g_utf8_validate(s->text, -1, NULL) && g_utf8_validate(s->topic, -1, NULL) &&
	         g_utf8_validate(s->token, -1, NULL));
}

static void read_all(const PtSoap *soap) {
	PtOnvifFound *f = pt_onvif_found_new();
	pt_onvif_read_information(soap, f);
	pt_onvif_read_inputs(soap, f);
	pt_onvif_read_relays(soap, f);
	f->profiles = pt_onvif_read_profiles(soap);
	pt_onvif_choose_profiles(f->profiles, NULL, &f->main, &f->sub);
	pt_onvif_found_free(f);
	g_autoptr(GPtrArray) masks = pt_onvif_masks_new(), presets = pt_onvif_presets_new();
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
	pt_onvif_read_masks(soap, masks);
	pt_onvif_read_presets(soap, presets);
	pt_onvif_read_users(soap, lines);
	pt_onvif_read_storage(soap, lines);
	pt_onvif_read_recordings(soap, lines);
	for (guint i = 0; i < lines->len; i++)
		g_assert(strlen(g_ptr_array_index(lines, i)) < 1000);
	const char *given[PT_ONVIF_N_SERVICES], *address;
	int64_t ns;
	bool dhcp;
	g_assert(pt_onvif_read_services(soap, given) <= PT_ONVIF_N_SERVICES && pt_onvif_read_audio(soap) >= 0);
	pt_onvif_read_clock(soap, &ns);
	pt_onvif_read_subscription(soap, &address);
	g_assert(pt_onvif_read_granted(soap, PT_NS_PER_S) >= PT_NS_PER_S);
	g_free(pt_onvif_read_ir_cut(soap));
	g_free(pt_onvif_read_ntp(soap, &dhcp));
	g_strfreev(pt_onvif_read_auxiliary(soap));
	pt_onvif_read_all_said(soap->body, said, NULL);
}

static void read_search(const PtSoap *soap) {
	g_autoptr(GPtrArray) recordings = pt_onvif_recordings_new(), happened = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	int64_t last = INT64_MIN;
	pt_onvif_read_search_over(soap);
	g_assert(pt_onvif_read_search_token(soap));
	g_assert(pt_onvif_read_search_recordings(soap, recordings) == recordings->len);
	g_assert(!pt_onvif_read_search_recordings(soap, recordings) && recordings->len <= PT_ONVIF_RECORDINGS_MAX);
	for (guint i = 0; i < recordings->len; i++)
		pt_onvif_read_attributes(soap, g_ptr_array_index(recordings, i));
	pt_onvif_sort_recordings(recordings);
	pt_onvif_read_search_events(soap, 0, INT64_MAX, happened, seen);
	g_assert(!pt_onvif_read_search_events(soap, 0, INT64_MAX, happened, seen));
	pt_onvif_sort_said(happened);
	for (guint i = 0; i < happened->len; i++) {
		said(NULL, happened->pdata[i]);
		g_assert(((PtOnvifSaid *)happened->pdata[i])->utc_ns >= last);
		last = ((PtOnvifSaid *)happened->pdata[i])->utc_ns;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	g_autoptr(PtXmlDoc) doc = pt_xml_parse(data, size, true, NULL);
	if (!doc)
		return 0;
	pt_onvif_read_all_said(pt_xml_root(doc), said, NULL);
	g_autoptr(PtSoap) soap = pt_soap_parse(data, size, true, NULL);
	if (soap && soap->body) {
		read_all(soap);
		read_search(soap);
	}
	return 0;
}
