/* The contracts between plugs and what reaches them. A driver is one const PtPlugDriver in a folder of its own, named in
 * the one list of registry.c; HACKING.md says which one to copy. What a driver says is what the wire does (open, closed);
 * what that means (active, on) is worked out by input.c and relay.c, the same for all drivers.
 *
 * Threads: everything of this room runs on one thread, the one that runs the GMainContext given at opening. A driver
 * with a thread of its own hands over with a GSource of PT_PLUG_PRIORITY on that context. It is that thread's default, so
 * asynchronous calls of GIO need nothing said. Nothing here may block: a device behind a network is spoken to
 * asynchronously, and an order to it is answered by the state it reports. What is under way when a port is closed must
 * not touch the port, its settings or its host any more when it ends. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bus.h"
#include "base/node.h"
#include <stdbool.h>

#define PT_PLUG_PRIORITY G_PRIORITY_HIGH /* edges go before everything else of the main loop */

typedef enum { PT_PLUG_INPUT, PT_PLUG_RELAY } PtPlugKind;
typedef enum { PT_CONTACT_OPEN_NORMALLY, PT_CONTACT_CLOSED_NORMALLY } PtContact; /* "normally-open", "normally-closed" */

/* What the wire does, as the driver sees it. */
typedef enum {
	PT_LEVEL_UNKNOWN, /* the device is not reachable, or has not said */
	PT_LEVEL_OPEN,
	PT_LEVEL_CLOSED,
	PT_LEVEL_FAULT, /* reachable, but the line is broken, shorted or tampered with */
} PtLevel;

typedef enum { PT_INPUT_DOOR, PT_INPUT_PIR, PT_INPUT_BEAM, PT_INPUT_BUTTON, PT_INPUT_BADGE, PT_INPUT_OTHER } PtInputKind;
typedef enum { PT_RELAY_LIGHT, PT_RELAY_SIREN, PT_RELAY_DOOR, PT_RELAY_GATE, PT_RELAY_FIRE, PT_RELAY_OTHER } PtRelayKind;
typedef enum { PT_MODE_BISTABLE, PT_MODE_MONOSTABLE } PtRelayMode;
typedef enum { PT_SAFE_OFF, PT_SAFE_ON, PT_SAFE_KEEP } PtRelaySafe;
typedef enum { PT_EGRESS_NONE, PT_EGRESS_HARDWIRED, PT_EGRESS_MECHANICAL } PtEgress;
typedef enum { PT_BIAS_AS_IS, PT_BIAS_PULL_UP, PT_BIAS_PULL_DOWN, PT_BIAS_DISABLED } PtBias;
typedef enum { PT_ACTIVE_LOW, PT_ACTIVE_HIGH, PT_ACTIVE_USUAL } PtActive; /* usual: what the driver takes for it */

/* NULL-terminated words of the site file, in the order of the enums above. */
extern const char *const pt_contact_words[],
    *const pt_input_kind_words[], *const pt_relay_kind_words[], *const pt_relay_mode_words[],
                                                                    *const pt_relay_safe_words[],
                                                                        *const pt_egress_words[],
                                                                            *const pt_bias_words[], *const pt_active_words[];

typedef struct PtPlugDriver PtPlugDriver;

/* One input or relay as the site file describes it. Strings are owned; NULL where the key is absent. */
typedef struct {
	PtPlugKind plug;
	char *name; /* of the site: [a-z0-9][a-z0-9_-]* */
	const PtPlugDriver *driver;
	int line; /* of the site file */

	/* the address; which of these count is the driver's affair */
	char *camera, *token; /* onvif; http: token is a name in the secrets file */
	char *chip;           /* gpio: gpiochip0, or its number or label; adc: iio:device0, its name, or a path */
	int line_offset;      /* gpio; -1: absent, or given by name */
	char *line_name;      /* gpio; NULL: given by offset */
	PtBias bias;          /* gpio */
	PtActive active;      /* gpio: the line's level at which the contact is closed, or the coil has current */
	char *board;          /* virtual: name of the board; default "board" */
	int channel;          /* virtual: 1.. ; adc: 0.. ; -1: absent */

	char *url, *method, *body, *read_url, *shows; /* http */
	char *login, *user, *secret;                  /* http: login is a name; what it, or token, stands for */

	double series_ohm, parallel_ohm, pull_up_ohm, tolerance; /* adc: see plugs/adc/loop.h; tolerance 0 .. 1 */
	int64_t full_scale, every_ns;                            /* adc: its highest value; how often it is read */

	char *topic, *state_topic, *available_topic, *ask_topic, *ask_payload; /* mqtt */
	char *field, *payload_on, *payload_off;                                /* mqtt: of its messages */

	PtContact contact;

	PtInputKind input_kind;
	int64_t debounce_ns; /* 0 .. 10 s */
	int64_t
	    off_after_ns; /* inactive so long after it was last reported active, for a device that forgets to; 0: never */

	PtRelayKind relay_kind;
	PtRelayMode mode;
	int64_t pulse_ns; /* monostable: 50 ms .. 1 h */
	PtRelaySafe safe;
	int64_t max_on_ns; /* 0: no limit */
	PtEgress egress;
	bool hub_timed; /* accepted that only the hub ends a timed action */
	bool via_panel;
	bool allow_mqtt, allow_http; /* of a door, a gate and a fire signal: orders that come that way are taken */
	char *interlock;             /* no two relays with the same word are on together; NULL: none */
	int64_t min_pause_ns;        /* between going off and the next on; 0: none */
	int64_t rated_cycles;        /* of its contact, by its maker; 0: not known */
} PtPlugSettings;

/* All texts of the settings. A key: the site file's, read and printed as it stands; NULL: what it holds is found otherwise.
 * A new one is a member above and a row in registry.c. */
typedef struct {
	const char *key;
	size_t offset;
} PtPlugText;
extern const PtPlugText pt_plug_texts[]; /* ends with offset 0, where no text is */
char **pt_plug_text(const PtPlugSettings *settings, const PtPlugText *text);

PtPlugSettings *pt_plug_settings_new(PtPlugKind plug);
PtPlugSettings *pt_plug_settings_copy(const PtPlugSettings *settings);
void pt_plug_settings_free(PtPlugSettings *settings);                          /* takes NULL */
bool pt_plug_settings_equal(const PtPlugSettings *a, const PtPlugSettings *b); /* but for the line */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PtPlugSettings, pt_plug_settings_free)
/* What opens a way into a house, or calls the fire brigade, takes orders from other machines only where the site file says
 * so. */
bool pt_relay_takes_mqtt(const PtPlugSettings *settings);
bool pt_relay_takes_http(const PtPlugSettings *settings);

/* What every plug is given by the program around it. Outlives the plugs. */
typedef struct {
	PtClock *clock;
	PtBus *bus;
	GMainContext *context; /* NULL: the default one */
	/* P6: writes an intent down so that it survives the death of this process, before it is done. FALSE: it could not
	 * be, and the order is refused unless it only makes safe. */
	gboolean (*journal)(void *user, PtEvent *intent, GError **error);
	/* P5: the same for the end of a timed action: relay goes off at due_mono_ns; < 0: no longer. */
	gboolean (*note_off)(void *user, const char *relay, int64_t due_mono_ns, GError **error);
	/* How often the contact of a relay was seen to switch on, over all starts: as it was kept, and to be kept; NULL: is
	 * not. */
	int64_t (*cycles)(void *user, const char *relay);
	void (*note_cycles)(void *user, const char *relay, int64_t cycles);
	void *user;
	const GPtrArray *relays; /* of PtRelay *: all that run, this one among them or not; NULL: no interlocks */
} PtPlugEnv;

/* ---- inputs ---- */

typedef struct PtInputPort PtInputPort; /* the driver's own; begins with nothing in particular */

/* How a driver reports. Called on the context's thread only, from inside open() as well. */
typedef struct {
	/* The wire is (initial: was found to be) at level since mono_ns: CLOCK_MONOTONIC when the edge happened, by the
	 * device's or the kernel's stamp where there is one. The same level twice is harmless. */
	void (*level)(void *user, PtLevel level, int64_t mono_ns, bool initial);
	/* The levels of this port come debounced already, or not (at first: not). Before the first level that it counts for.
	 */
	void (*debounced)(void *user, bool debounced);
	/* What is wrong with the wire or the way to it, in words, before the level that says so; NULL: nothing any more. */
	void (*trouble)(void *user, const char *why);
	/* Something that somebody should see to, and that does not keep it from working. */
	void (*warn)(void *user, const char *what);
	/* Somebody has been at the wire, or no longer; why in words (NULL: no longer). */
	void (*tamper)(void *user, bool tampered, const char *why);
	void *user;
} PtInputHost;

typedef struct {
	/* Begins to watch; the first level follows by host->level with initial set. NULL and error when the settings can
	 * never work (a chip that does not exist); a device that is only away is opened and reported as unknown.
	 * settings outlive the port. */
	PtInputPort *(*open)(const PtPlugSettings *settings, GMainContext *context, PtInputHost host, GError **error);
	void (*close)(PtInputPort *port); /* no report comes after it */
} PtInputDriver;

/* ---- relays ---- */

typedef struct PtRelayPort PtRelayPort;

typedef struct {
	/* The contact is seen to be (read back, or reported by the device) open or closed; unknown: the device is away.
	 * Called after each order that was carried out (within PT_RELAY_VERIFY_NS, or it is shown as not following), and
	 * whenever it changes by itself. The first open or closed after unknown is answered by set() from inside this call,
	 * which brings it to its safe state. Of a device that cannot be read back: pt_driver_level(settings, false) when it
	 * is found there, then what it acknowledged; with safe: keep that would be a guess, so open() refuses it. */
	void (*level)(void *user, PtLevel level, int64_t mono_ns);
	void (*trouble)(void *user, const char *why); /* as of inputs */
	void (*warn)(void *user, const char *what);
	void *user;
} PtRelayHost;

typedef struct {
	PtRelayPort *(*open)(const PtPlugSettings *settings, GMainContext *context, PtRelayHost host, GError **error);
	/* Brings the coil's contact to closed or open now; never queued for a device that is away. for_ns > 0: the device
	 * itself ends it after that time; only when own_timer says it can. FALSE and error: it was not done, as far as
	 * is known. The state seen follows by host->level, possibly before this returns. */
	gboolean (*set)(PtRelayPort *port, bool closed, int64_t for_ns, GError **error);
	/* Often right after an order, the one that makes safe (P5): it must still reach the device, though the program may
	 * end at once. */
	void (*close)(PtRelayPort *port);
} PtRelayDriver;

struct PtPlugDriver {
	const char *name;        /* "virtual" */
	const char *about;       /* "a simulated board" */
	const char *const *keys; /* its address in the site file; NULL-terminated */
	/* Says what is wrong with an address (a missing token); of the settings only the address is filled in yet, and plug
	 * and name. NULL: nothing can be. */
	void (*check)(const PtPlugSettings *settings, const PtNode *node, GPtrArray *problems);
	const PtInputDriver *input; /* NULL: it has no inputs */
	const PtRelayDriver *relay; /* NULL: it has no relays */
	/* all of the following are optional */

	/* The device keeps time itself for these settings: an order with for_ns ends although the hub is gone. */
	bool (*own_timer)(const PtPlugSettings *settings);
};

/* ---- the registry ---- */

/* NULL when there is none of this name. */
const PtPlugDriver *pt_plug_driver_find(const char *name);
/* Names of all drivers, NULL-terminated; caller frees the array alone. */
const char **pt_plug_driver_names(void);
/* A door that is unlocked for 5 s must be locked again although the hub dies: true when the device sees to it. */
bool pt_plug_has_own_timer(const PtPlugSettings *settings);
