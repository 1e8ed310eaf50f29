/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include <glib.h>

static void test_cursor(void) {
	static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	PtBytes b = pt_bytes(data, sizeof data);
	g_assert_cmpuint(pt_bytes_u8(&b), ==, 1);
	g_assert_cmpuint(pt_bytes_u24(&b), ==, 0x020304);
	PtBytes sub = pt_bytes_sub(&b, 2);
	g_assert_cmpuint(pt_bytes_u16(&sub), ==, 0x0506);
	g_assert_cmpuint(pt_bytes_u8(&sub), ==, 0);
	g_assert_true(sub.bad);
	g_assert_false(b.bad);
	g_assert_null(pt_bytes_take(&b, 4));
	g_assert_true(b.bad);
	g_assert_cmpuint(pt_bytes_u8(&b), ==, 0); /* bad stays bad */
}

static void test_bits(void) {
	/* ue: 1 -> 0, 010 -> 1, 011 -> 2, 00100 -> 3; se of 3 -> 2 */
	static const uint8_t data[] = {0xa6, 0x42, 0x00}; /* 1 010 011 00100 0010 0... */
	PtBits b = pt_bits(data, sizeof data, false);
	g_assert_cmpuint(pt_bits_ue(&b), ==, 0);
	g_assert_cmpuint(pt_bits_ue(&b), ==, 1);
	g_assert_cmpuint(pt_bits_ue(&b), ==, 2);
	g_assert_cmpint(pt_bits_se(&b), ==, 2);
	static const uint8_t escaped[] = {0, 0, 3, 1};
	b = pt_bits(escaped, sizeof escaped, true);
	g_assert_cmpuint(pt_bits_get(&b, 24), ==, 1);
	g_assert_false(b.bad);
	pt_bits_get(&b, 1);
	g_assert_true(b.bad);
	static const uint8_t zeros[16] = {0};
	b = pt_bits(zeros, sizeof zeros, false);
	pt_bits_ue(&b);
	g_assert_true(b.bad);
}

static void test_buf(void) {
	PtBuf b = {0};
	pt_buf_u32(&b, 0);
	pt_buf_str(&b, "ftyp");
	pt_buf_u64(&b, 0x0102030405060708);
	pt_buf_patch_u32(&b, 0, (uint32_t)b.size);
	static const uint8_t want[] = {0, 0, 0, 16, 'f', 't', 'y', 'p', 1, 2, 3, 4, 5, 6, 7, 8};
	g_assert_cmpmem(b.data, b.size, want, sizeof want);
	pt_buf_clear(&b);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/bytes/cursor", test_cursor);
	g_test_add_func("/bytes/bits", test_bits);
	g_test_add_func("/bytes/buf", test_buf);
	return g_test_run();
}
