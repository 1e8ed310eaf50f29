/* The one error domain of the program. Library rooms return these and never log; each layer puts its context in front. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <glib.h>

#define PT_ERROR (pt_error_quark())
GQuark pt_error_quark(void);

typedef enum {
	PT_ERROR_FAILED,      /* none of the below */
	PT_ERROR_INVALID,     /* input that breaks its format */
	PT_ERROR_AUTH,        /* login missing or wrong */
	PT_ERROR_DENIED,      /* logged in, but not allowed */
	PT_ERROR_NOT_FOUND,
	PT_ERROR_TIMEOUT,
	PT_ERROR_CLOSED,      /* the peer ended the connection */
	PT_ERROR_UNSUPPORTED, /* understood, but not something we can do */
	PT_ERROR_TOO_LARGE,   /* over a stated bound */
	PT_ERROR_DISK,        /* full, read-only, vanished, failing */
	PT_ERROR_BUSY,
} PtErrorCode;

#define pt_error_set(error, code, ...) g_set_error(error, PT_ERROR, PT_ERROR_##code, __VA_ARGS__)
