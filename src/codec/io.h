/* The program's side of the socket (descriptor 0), blocking. When the other end is gone the program has no more reason to be
 * and exits. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "media/codec/wire.h"

void pt_io_read(PtWireMessage *ret); /* blocks */
/* The next sample (the caller's reference), or NULL at the end. Anything else ends the program. */
PtSample *pt_io_next_sample(void);
void pt_io_write_sample(PtSample *sample);
void pt_io_write_end(void);
G_NORETURN void pt_io_fail(PtErrorCode code, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Whether a key frame was asked for since the last call. Orders are taken whenever something is read or slept. */
bool pt_io_key_wanted(void);
/* What is to be burnt into pictures now. */
const PtOsdList *pt_io_texts(void);
/* Sleeps until then, CLOCK_MONOTONIC; exits when the other end has gone meanwhile. For jobs that take no samples. */
void pt_io_sleep_until(int64_t mono_ns);
