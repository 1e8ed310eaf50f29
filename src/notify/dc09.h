/* What goes to a monitoring station and comes back: ANSI/SIA DC-09-2013, "Internet Protocol Event Reporting". Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <glib.h>

/* Of both ends. */
typedef struct {
	uint8_t bytes[32];
	unsigned size; /* 16, 24, 32; 0: not encrypted */
} PtDc09Key;

typedef struct {
	const char *id;    /* "SIA-DCS", "ADM-CID", "NULL": what the data is */
	unsigned sequence; /* 1 .. 9999; 0: of a NULL message */
	unsigned receiver; /* 0: not sent */
	unsigned line;
	const char *account; /* 3 to 16 hex digits */
	const char *data;    /* printable, without [ ] |: "NBA3"; NULL: none */
	int64_t happened_s;  /* seconds UTC; 0: not said */
	int64_t sent_s;      /* seconds UTC: receivers refuse what is too far from their own time */
} PtDc09Message;

#define PT_DC09_MAX 1024 /* bytes of a frame; a longer reply is none */

/* A frame. False: the cipher refuses, which a key of a right size rules out. */
bool pt_dc09_write(const PtDc09Message *message, const PtDc09Key *key, GString *out);

typedef enum { PT_DC09_ACK, PT_DC09_NAK, PT_DC09_DUH } PtDc09Answer;
typedef struct {
	PtDc09Answer answer;
	unsigned sequence;
	int64_t time_s; /* the station's, seconds UTC; 0: not said */
} PtDc09Reply;

/* One frame, with LF and CR. With a key only an ACK that was encrypted with it is one. */
bool pt_dc09_read(const void *frame, size_t size, const PtDc09Key *key, PtDc09Reply *ret, GError **error);

/* "BA" or, for Contact ID, its qualifier and event: "1130". */
bool pt_dc09_code_valid(const char *code, bool contact_id);
