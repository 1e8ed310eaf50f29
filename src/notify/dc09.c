/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/dc09.h"
#include "base/bytes.h"
#include "base/error.h"
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#define BLOCK 16

/* §5.5.1.2: CRC-16 with the polynomial of ANSI (0x8005, reflected), from zero. */
static uint16_t crc_of(const void *data, size_t size) {
	uint16_t crc = 0;
	for (size_t i = 0; i < size; i++) {
		crc ^= ((const uint8_t *)data)[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1);
	}
	return crc;
}

/* §5.4.6: AES in chained blocks, the vector zero: what differs from message to message is the padding. */
static bool cipher(const PtDc09Key *key, bool encrypt, const void *in, size_t size, uint8_t *out) {
	const EVP_CIPHER *kind = key->size == 16   ? EVP_aes_128_cbc()
	                         : key->size == 24 ? EVP_aes_192_cbc()
	                                           : EVP_aes_256_cbc();
	static const uint8_t zero[BLOCK];
	int n = 0, rest = 0;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	bool ok = c && EVP_CipherInit_ex(c, kind, NULL, key->bytes, zero, encrypt) && EVP_CIPHER_CTX_set_padding(c, 0) &&
	          EVP_CipherUpdate(c, out, &n, in, (int)size) && EVP_CipherFinal_ex(c, out + n, &rest);
	EVP_CIPHER_CTX_free(c);
	return ok && (size_t)(n + rest) == size;
}

/* "_14:12:04,09-25-2012", of GMT. */
static void put_time(GString *out, const char *before, int64_t time_s) {
	g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(time_s);
	g_autofree char *text = utc ? g_date_time_format(utc, "%H:%M:%S,%m-%d-%Y") : NULL;
	if (text)
		g_string_append_printf(out, "%s%s", before, text);
}

/* §5.4.4: 1 to 16 characters, so that all that is encrypted is whole blocks. Letters and digits: none of them is one of
 * the three that padding must not hold. */
static bool put_padding(GString *region) {
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	uint8_t random[BLOCK];
	char pad[BLOCK];
	size_t n = BLOCK - region->len % BLOCK;
	if (RAND_bytes(random, sizeof random) != 1)
		return false;
	for (size_t i = 0; i < n; i++)
		pad[i] = letters[random[i] & 63];
	g_string_prepend_len(region, pad, (gssize)n);
	return true;
}

static bool put_region(const PtDc09Message *m, const PtDc09Key *key, GString *out) {
	g_autoptr(GString) region = g_string_new(key->size ? "|" : NULL);
	if (m->data)
		g_string_append_printf(region, "#%s|%s", m->account, m->data);
	g_string_append_c(region, ']');
	if (m->happened_s) {
		put_time(region, "[H", m->happened_s);
		g_string_append_c(region, ']');
	}
	put_time(region, "_", m->sent_s);
	if (!key->size) {
		g_string_append_len(out, region->str, (gssize)region->len);
		return true;
	}
	uint8_t secret[PT_DC09_MAX];
	if (!put_padding(region) || region->len > sizeof secret / 2 || !cipher(key, true, region->str, region->len, secret))
		return false;
	for (size_t i = 0; i < region->len; i++)
		g_string_append_printf(out, "%02X", secret[i]);
	return true;
}

bool pt_dc09_write(const PtDc09Message *m, const PtDc09Key *key, GString *out) {
	g_autoptr(GString) body = g_string_new(NULL);
	g_string_append_printf(body, "\"%s%s\"%04u", key->size ? "*" : "", m->id, m->sequence % 10000);
	if (m->receiver)
		g_string_append_printf(body, "R%X", m->receiver);
	g_string_append_printf(body, "L%X#%s[", m->line, m->account);
	if (!put_region(m, key, body))
		return false;
	g_string_append_printf(out, "\n%04X%04X%s\r", crc_of(body->str, body->len), (unsigned)body->len, body->str);
	return true;
}

/* ---- what comes back ---- */

static bool hex(PtBytes *b, size_t digits, unsigned *ret) {
	const uint8_t *p = pt_bytes_take(b, digits);
	unsigned value = 0;
	for (size_t i = 0; p && i < digits; i++) {
		int digit = g_ascii_xdigit_value((char)p[i]);
		if (digit < 0)
			return false;
		value = value << 4 | (unsigned)digit;
	}
	*ret = value;
	return p != NULL;
}

static bool digits(PtBytes *b, size_t n, unsigned *ret) {
	const uint8_t *p = pt_bytes_take(b, n);
	unsigned value = 0;
	for (size_t i = 0; p && i < n; i++) {
		if (!g_ascii_isdigit(p[i]))
			return false;
		value = value * 10 + (unsigned)(p[i] - '0');
	}
	*ret = value;
	return p != NULL;
}

/* "HH:MM:SS,MM-DD-YYYY"; 0: it is none. */
static int64_t read_time(PtBytes b) {
	static const char behind[] = {':', ':', ',', '-', '-'};
	unsigned v[6]; /* hour, minute, second, month, day, year */
	for (int i = 0; i < 6; i++)
		if (!digits(&b, i == 5 ? 4 : 2, &v[i]) || (i < 5 && pt_bytes_u8(&b) != behind[i]))
			return 0;
	g_autoptr(GDateTime) time = g_date_time_new_utc((int)v[5], (int)v[3], (int)v[4], (int)v[0], (int)v[1], v[2]);
	return time ? g_date_time_to_unix(time) : 0;
}

/* What stands behind the bracket that closes the data. False: nothing closes it. */
static bool read_region(PtBytes region, PtDc09Reply *ret) {
	const uint8_t *close = memchr(region.p, ']', region.left);
	if (!close)
		return false;
	pt_bytes_take(&region, (size_t)(close - region.p) + 1);
	const uint8_t *time = memrchr(region.p, '_', region.left);
	if (time)
		ret->time_s = read_time(pt_bytes(time + 1, region.left - (size_t)(time + 1 - region.p)));
	return true;
}

static bool read_secret(PtBytes region, const PtDc09Key *key, PtDc09Reply *ret) {
	uint8_t secret[PT_DC09_MAX / 2], plain[PT_DC09_MAX / 2];
	size_t n = region.left / 2;
	if (region.left % (2 * BLOCK) || !n || n > sizeof secret)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned byte;
		if (!hex(&region, 2, &byte))
			return false;
		secret[i] = (uint8_t)byte;
	}
	/* a wrong key gives noise, and noise holds no time */
	return cipher(key, false, secret, n, plain) && read_region(pt_bytes(plain, n), ret) && ret->time_s;
}

static bool read_id(PtBytes *b, bool *ret_secret, PtDc09Answer *ret) {
	static const char *const words[] = {"ACK\"", "NAK\"", "DUH\""};
	if (pt_bytes_u8(b) != '"' || b->bad)
		return false;
	*ret_secret = b->left && *b->p == '*';
	if (*ret_secret)
		pt_bytes_u8(b);
	const uint8_t *word = pt_bytes_take(b, 4);
	for (int i = 0; word && i < 3; i++)
		if (!memcmp(word, words[i], 4)) {
			*ret = (PtDc09Answer)i;
			return true;
		}
	return false;
}

bool pt_dc09_read(const void *frame, size_t size, const PtDc09Key *key, PtDc09Reply *ret, GError **error) {
	PtBytes b = pt_bytes(frame, size);
	unsigned crc = 0, length = 0;
	bool secret = false;
	PtDc09Reply reply = {0};
	if (size > PT_DC09_MAX || pt_bytes_u8(&b) != '\n' || !hex(&b, 4, &crc) || !hex(&b, 4, &length) || b.left < 1 ||
	    b.left - 1 != length || b.p[length] != '\r') {
		pt_error_set(error, INVALID, "the station's answer is no frame of SIA DC-09");
		return false;
	}
	if (crc_of(b.p, length) != crc) {
		pt_error_set(error, INVALID, "the station's answer was damaged on its way: its checksum is wrong");
		return false;
	}
	b.left = length;
	const uint8_t *open;
	if (!read_id(&b, &secret, &reply.answer) || !digits(&b, 4, &reply.sequence) || !(open = memchr(b.p, '[', b.left))) {
		pt_error_set(error, INVALID, "the station's answer is none of ACK, NAK and DUH");
		return false;
	}
	pt_bytes_take(&b, (size_t)(open - b.p) + 1);
	if (secret != (key->size && reply.answer == PT_DC09_ACK)) {
		pt_error_set(error, AUTH, "the station's answer is %s: its key and ours differ",
		             secret ? "encrypted" : "not encrypted");
		return false;
	}
	if (secret ? !read_secret(b, key, &reply) : !read_region(b, &reply)) {
		pt_error_set(error, INVALID, "the station's answer %s",
		             secret ? "cannot be decrypted: its key and ours differ" : "is not whole");
		return false;
	}
	*ret = reply;
	return true;
}

bool pt_dc09_code_valid(const char *code, bool contact_id) {
	if (contact_id)
		return strlen(code) == 4 && strchr("136", code[0]) && strspn(code + 1, "0123456789ABCDEF") == 3;
	return strlen(code) == 2 && g_ascii_isupper(code[0]) && g_ascii_isupper(code[1]);
}
