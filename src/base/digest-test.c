/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"
#include <string.h>

/* The published examples: RFC 2617 §3.5, RFC 7616 §3.9.1 (both algorithms), RFC 2069 §2.4 with the response that its
 * erratum 749 corrects. */
static void test_published(void) {
	static const struct {
		GChecksumType type;
		const char *user, *realm, *password, *uri, *nonce, *nc, *cnonce, *qop, *response;
	} cases[] = {
	    {G_CHECKSUM_MD5, "Mufasa", "testrealm@host.com", "Circle Of Life", "/dir/index.html",
	     "dcd98b7102dd2f0e8b11d0f600bfb0c093", "00000001", "0a4f113b", "auth", "6629fae49393a05397450978507c4ef1"},
	    {G_CHECKSUM_MD5, "Mufasa", "http-auth@example.org", "Circle of Life", "/dir/index.html",
	     "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
	     "auth", "8ca523f5e9506fed4657c9700eebdbec"},
	    {G_CHECKSUM_SHA256, "Mufasa", "http-auth@example.org", "Circle of Life", "/dir/index.html",
	     "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
	     "auth", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
	    {G_CHECKSUM_MD5, "Mufasa", "testrealm@host.com", "CircleOfLife", "/dir/index.html",
	     "dcd98b7102dd2f0e8b11d0f600bfb0c093", NULL, NULL, NULL, "1949323746fe6a43ef61f9606e7febea"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *got =
		    pt_digest_response(cases[i].type, false, cases[i].user, cases[i].realm, cases[i].password, "GET",
		                       cases[i].uri, cases[i].nonce, cases[i].nc, cases[i].cnonce, cases[i].qop);
		g_assert_cmpstr(got, ==, cases[i].response);
	}
}

static char *answer(PtDigestClient *c, const char *first, const char *second, PtDigestAnswer want) {
	pt_digest_client_begin(c);
	pt_digest_client_challenge(c, first);
	if (second)
		pt_digest_client_challenge(c, second);
	g_assert_cmpint(pt_digest_client_choose(c), ==, want);
	return want == PT_DIGEST_RETRY ? pt_digest_client_authorize(c, "DESCRIBE", "rtsp://192.0.2.1/a") : NULL;
}

static void test_choice(void) {
	static const struct {
		const char *first, *second, *starts, *has, *lacks;
	} cases[] = {
	    {"Basic realm=\"cam\"", NULL, "Basic b3A6cHc=", NULL, "realm"},
	    {"Basic realm=\"cam\", Digest realm=\"cam\", nonce=\"abc\"", NULL, "Digest ", "nonce=\"abc\"", "qop"},
	    {"Digest realm=\"cam\",nonce=\"abc\",qop=\"auth,auth-int\"", NULL, "Digest ", "qop=auth, nc=00000001",
	     "algorithm"},
	    {"Digest realm=\"c\", nonce=\"m\", algorithm=MD5", "Digest realm=\"c\", nonce=\"s\", algorithm=SHA-256",
	     "Digest ", "algorithm=SHA-256", "nonce=\"m\""},
	    {"Digest realm=\"c\", nonce=\"x\", algorithm=SHA-512-256, Digest realm=\"c\", nonce=\"m\", algorithm=\"MD5\"",
	     NULL, "Digest ", "nonce=\"m\"", "SHA"},
	    {"Digest realm=\"a \\\"b\\\" \\\\c\" , nonce = \"n\" ,opaque=\"\"", NULL, "Digest ",
	     "realm=\"a \\\"b\\\" \\\\c\"", "zz"},
	    {"Digest realm=\"c\", nonce=\"m\", qop=\"auth-int\"", "Basic realm=\"c\"", "Basic ", NULL, "Digest"},
	    {"Negotiate dG9rZW4=, digest realm=c, nonce=unquoted", NULL, "Digest ", "nonce=\"unquoted\"", "zz"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		PtDigestClient *c = pt_digest_client_new("op", "pw");
		g_autofree char *value = answer(c, cases[i].first, cases[i].second, PT_DIGEST_RETRY);
		g_assert_true(g_str_has_prefix(value, cases[i].starts));
		if (cases[i].has)
			g_assert_nonnull(strstr(value, cases[i].has));
		g_assert_null(strstr(value, cases[i].lacks));
		pt_digest_client_free(c);
	}
	PtDigestClient *c = pt_digest_client_new("op", "pw");
	answer(c, "Digest realm=\"c\", nonce=\"x\", algorithm=SHA-512-256", NULL, PT_DIGEST_UNSUPPORTED);
	answer(c, "", "Digest", PT_DIGEST_UNSUPPORTED);
	pt_digest_client_free(c);
	c = pt_digest_client_new(NULL, NULL);
	answer(c, "Basic realm=\"c\"", NULL, PT_DIGEST_NO_LOGIN);
	pt_digest_client_free(c);
}

static void test_refused(void) {
	PtDigestClient *c = pt_digest_client_new("op", "pw");
	g_assert_null(pt_digest_client_authorize(c, "OPTIONS", "*"));
	g_free(answer(c, "Digest realm=\"c\", nonce=\"1\"", NULL, PT_DIGEST_RETRY));
	/* a nonce that went stale is no wrong password, a second refusal is */
	g_free(answer(c, "Digest realm=\"c\", nonce=\"2\", stale=TRUE", NULL, PT_DIGEST_RETRY));
	answer(c, "Digest realm=\"c\", nonce=\"3\"", NULL, PT_DIGEST_WRONG);
	pt_digest_client_accepted(c);
	g_free(answer(c, "Digest realm=\"c\", nonce=\"4\"", NULL, PT_DIGEST_RETRY));
	pt_digest_client_free(c);
}

static char *lookup(void *data, const char *user) { return strcmp(user, "op") ? NULL : g_strdup("s\"ecret"); }

static void test_both_ends(void) {
	PtClock *clock = pt_clock_virtual_new(0, PT_NS_PER_S);
	PtDigestServer *s = pt_digest_server_new("pig\"tail", 60 * PT_NS_PER_S, clock);
	for (int weak = 0; weak < 2; weak++) {
		PtDigestClient *c = pt_digest_client_new("op", "s\"ecret");
		g_auto(GStrv) offered = pt_digest_server_challenges(s, false);
		g_assert_cmpuint(g_strv_length(offered), ==, 2);
		g_autofree char *a = answer(c, offered[weak], NULL, PT_DIGEST_RETRY);
		g_autofree char *user = NULL;
		const char *uri = "rtsp://192.0.2.1/a";
		g_assert_cmpint(pt_digest_server_verify(s, a, "DESCRIBE", uri, lookup, NULL, &user), ==, PT_DIGEST_OK);
		g_assert_cmpstr(user, ==, "op");
		g_assert_cmpint(pt_digest_server_verify(s, a, "DESCRIBE", uri, lookup, NULL, NULL), ==, PT_DIGEST_STALE);
		g_assert_cmpint(pt_digest_server_verify(s, a, "PLAY", uri, lookup, NULL, NULL), ==, PT_DIGEST_REFUSED);
		g_assert_cmpint(pt_digest_server_verify(s, a, "DESCRIBE", "/", lookup, NULL, NULL), ==, PT_DIGEST_INVALID);
		g_autofree char *two = pt_digest_client_authorize(c, "PLAY", uri);
		g_autofree char *three = pt_digest_client_authorize(c, "PLAY", uri);
		g_assert_cmpint(pt_digest_server_verify(s, three, "PLAY", NULL, lookup, NULL, NULL), ==, PT_DIGEST_OK);
		g_assert_cmpint(pt_digest_server_verify(s, two, "PLAY", NULL, lookup, NULL, NULL), ==, PT_DIGEST_OK);
		g_autofree char *four = pt_digest_client_authorize(c, "PLAY", uri);
		pt_clock_virtual_advance(clock, 61 * PT_NS_PER_S);
		g_assert_cmpint(pt_digest_server_verify(s, four, "PLAY", NULL, lookup, NULL, NULL), ==, PT_DIGEST_STALE);
		pt_digest_client_free(c);
	}
	PtDigestClient *stranger = pt_digest_client_new("nobody", "");
	g_auto(GStrv) offered = pt_digest_server_challenges(s, true);
	g_assert_nonnull(strstr(offered[0], "stale=true"));
	g_autofree char *a = answer(stranger, offered[0], offered[1], PT_DIGEST_RETRY);
	g_assert_cmpint(pt_digest_server_verify(s, a, "DESCRIBE", NULL, lookup, NULL, NULL), ==, PT_DIGEST_REFUSED);
	g_assert_cmpint(pt_digest_server_verify(s, NULL, "PLAY", NULL, lookup, NULL, NULL), ==, PT_DIGEST_MISSING);
	g_assert_cmpint(pt_digest_server_verify(s, "Basic b3A6", "PLAY", NULL, lookup, NULL, NULL), ==, PT_DIGEST_MISSING);
	g_assert_cmpint(pt_digest_server_verify(s, "Digest username=\"op\"", "PLAY", NULL, lookup, NULL, NULL), ==,
	                PT_DIGEST_INVALID);
	pt_digest_client_free(stranger);
	pt_digest_server_free(s);
	pt_clock_virtual_free(clock);
}

/* More logins than are remembered: whoever was forgotten has to log in again, nobody can replay. */
static void test_bound(void) {
	PtClock *clock = pt_clock_virtual_new(0, PT_NS_PER_S);
	PtDigestServer *s = pt_digest_server_new("r", 3600 * PT_NS_PER_S, clock);
	g_autofree char *first = NULL;
	for (int i = 0; i < 1100; i++) {
		PtDigestClient *c = pt_digest_client_new("op", "s\"ecret");
		g_auto(GStrv) offered = pt_digest_server_challenges(s, false);
		g_autofree char *a = answer(c, offered[1], NULL, PT_DIGEST_RETRY);
		g_assert_cmpint(pt_digest_server_verify(s, a, "DESCRIBE", NULL, lookup, NULL, NULL), ==, PT_DIGEST_OK);
		if (!first)
			first = g_steal_pointer(&a);
		pt_clock_virtual_advance(clock, 1);
		pt_digest_client_free(c);
	}
	g_assert_cmpint(pt_digest_server_verify(s, first, "DESCRIBE", NULL, lookup, NULL, NULL), ==, PT_DIGEST_STALE);
	pt_digest_server_free(s);
	pt_clock_virtual_free(clock);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/digest/published", test_published);
	g_test_add_func("/digest/choice", test_choice);
	g_test_add_func("/digest/refused", test_refused);
	g_test_add_func("/digest/both-ends", test_both_ends);
	g_test_add_func("/digest/bound", test_bound);
	return g_test_run();
}
