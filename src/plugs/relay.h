/* A relay as the rest of the program knows it: `on` is the function (lit, unlocked, sounding), whatever the contact.
 * Keeps P5 and P6: safe state at start, stop and on return of a device; timed actions written down before they begin;
 * every order logged before it is done; no order older than 5 s carried out; what was ordered and what is seen kept apart.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "plugs/plug.h"

typedef enum { PT_RELAY_UNKNOWN, PT_RELAY_OFF, PT_RELAY_ON, PT_RELAY_FAULT } PtRelayState;
typedef enum { PT_ORDER_OFF, PT_ORDER_ON, PT_ORDER_PULSE } PtRelayOrder;
extern const char *const pt_relay_order_words[]; /* off on pulse, NULL-terminated */
const char *pt_relay_state_word(PtRelayState state);
/* on as a contact: normally-open is closed when on; normally-closed is opened. */
bool pt_relay_closed_for(bool on, PtContact contact);

#define PT_RELAY_STALE_NS (5 * PT_NS_PER_S)      /* an order older than this is refused */
#define PT_RELAY_VERIFY_NS (PT_NS_PER_S)         /* a contact that is not as ordered by then is a fault */
#define PT_RELAY_RETRY_NS (PT_NS_PER_S)          /* an off that failed, or was not followed, is tried again */
#define PT_RELAY_RETRY_MAX_NS (60 * PT_NS_PER_S) /* the pause doubles up to this while it is not followed */
#define PT_RELAY_FOR_MAX_NS (7 * 86400 * PT_NS_PER_S)
#define PT_RELAY_PULSE_NS (PT_NS_PER_S) /* of a relay whose settings name none */

typedef struct {
	PtRelayOrder order;
	int64_t for_ns;    /* on alone, refused else: it goes off after this; 0: stays (monostable: its pulse). 0 ..
	                      PT_RELAY_FOR_MAX_NS */
	int64_t issued_ns; /* CLOCK_MONOTONIC when it was given, not when it was received */
	const char *actor; /* "user/anna", "rule/night door"; not NULL */
} PtRelayCommand;

typedef struct PtRelay PtRelay;

/* Opens the driver's port and drives it to its safe state as soon as it is reachable. off_due_ns: what note_off wrote down
 * before a crash (monotonic; in the past: overdue, done before anything else); < 0: nothing. settings are copied. */
PtRelay *pt_relay_new(const PtPlugSettings *settings, const PtPlugEnv *env, int64_t off_due_ns);
/* Drives it to its safe state and closes the port; takes NULL. */
void pt_relay_free(PtRelay *relay);

/* TRUE: carried out by the device, as far as it says. FALSE: it was not, or guard.h holds it back. The last order counts:
 * one without `for` ends an earlier time. */
gboolean pt_relay_command(PtRelay *relay, const PtRelayCommand *command, GError **error);

typedef struct {
	PtRelayState seen;
	int64_t seen_wall_ns;   /* since when; 0: not yet */
	PtRelayState commanded; /* on, off, or unknown: nothing was ordered yet */
	const char *actor;      /* of the last order, NULL: none; valid until the next one */
	int64_t commanded_wall_ns;
	int64_t off_due_ns;  /* monotonic time at which it goes off by itself; -1: does not */
	bool mismatch;       /* reachable, and not as ordered */
	const char *error;   /* what went wrong last, NULL: nothing; valid until the next call */
	const char *warning; /* what the driver warned of last, NULL: nothing; as long as error */
	int64_t cycles;      /* how often its contact was seen to switch on */
} PtRelayView;
void pt_relay_view(const PtRelay *relay, PtRelayView *ret);
const PtPlugSettings *pt_relay_settings(const PtRelay *relay);
/* Other mode, pulse and contact from now on. The function stays: what is on is on afterwards, with the new contact. FALSE:
 * it could not be written down or done, and nothing has changed. */
gboolean pt_relay_configure(PtRelay *relay, PtRelayMode mode, int64_t pulse_ns, PtContact contact, const char *actor,
                            GError **error);
/* Does what is due by the clock; called by the relay itself when it runs under a main loop. */
void pt_relay_tick(PtRelay *relay);
