/* `record: on-loss`: a stream's footage is let through to its recorder only while no hub takes the stream, from before the
 * loss until after the return, so that the hub finds overlap at both edges. What a hub takes is known from the stream (the
 * RTSP server notes it there); what lies before a loss waits in memory as references to samples. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/clock.h"
#include "media/stream.h"

typedef struct PtStandby PtStandby;

#define PT_STANDBY_LOSS_NS (5 * PT_NS_PER_S)    /* nothing was taken for so long: there is no hub */
#define PT_STANDBY_BEFORE_NS (10 * PT_NS_PER_S) /* footage of before the loss, and back to a key frame */
#define PT_STANDBY_AFTER_NS (10 * PT_NS_PER_S)  /* it goes on after the return, and up to a key frame */
#define PT_STANDBY_BYTES (16u << 20) /* of memory for samples that wait; more shortens what lies before the loss */

extern const char pt_gap_on_loss[]; /* the reason of the pauses: nothing is missing that should be there */

/* Lets through until a hub takes the live stream. clock and live outlive it. */
PtStandby *pt_standby_new(PtStream *live, PtClock *clock);
PtStream *pt_standby_stream(PtStandby *standby); /* what is let through: for the recorder; borrowed */
bool pt_standby_records(PtStandby *standby);     /* any thread */
/* Nothing more comes; what was begun is given out to its end. Before the recorder stops. */
void pt_standby_end(PtStandby *standby);
void pt_standby_free(PtStandby *standby); /* after the recorder; takes NULL */
