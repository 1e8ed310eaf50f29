/* SPDX-License-Identifier: Apache-2.0 */
#include "site/config.h"
#include "site/yaml.h"
#include <glib/gstdio.h>
#include <string.h>

/* A directory with site.yaml and whatever else; gone when freed. */
typedef struct {
	char *dir, *site;
} Place;

static void place_write(Place *p, const char *name, const char *text, int mode) {
	g_autofree char *path = g_build_filename(p->dir, name, NULL), *dir = g_path_get_dirname(path);
	g_mkdir_with_parents(dir, 0700);
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	g_chmod(path, mode);
}

static Place place_new(const char *text) {
	Place p = {g_dir_make_tmp("pt-site-XXXXXX", NULL), NULL};
	p.site = g_build_filename(p.dir, "site.yaml", NULL);
	if (text)
		place_write(&p, "site.yaml", text, 0644);
	return p;
}

static void place_clear(Place *p) {
	static const char *const names[] = {"site.yaml", "secrets.yaml",         "users.yaml", "cameras.d/yard.yaml",
	                                    "cameras.d", "messages/closed.opus", "messages",   "holidays.txt",
	                                    ""};
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(p->dir, names[i], NULL);
		g_remove(path);
	}
	g_free(p->dir);
	g_free(p->site);
}

#define CAMERA "cameras: { gate: { source: rtsp://192.0.2.1/1 } }\n"
#define PLUGS                                                                                                               \
	"inputs: { door: { driver: virtual, channel: 1 } }\n"                                                               \
	"relays: { flood: { driver: virtual, channel: 1 } }\n"
#define HTTP(x)                                                                                                             \
	"relays: { r: { driver: http, url: 'http://192.0.2.1/{on|off}', read: 'http://192.0.2.1/', shows: on" x " } }\n"
#define BROKER "mqtt: { broker: mqtt://127.0.0.1 }\n"
#define PAIR(a, b) "relays: { a: { driver: virtual, channel: 1, " a " }, b: { driver: virtual, channel: 2, " b " } }\n"
#define RELAY(x) "relays: { r: { driver: virtual, channel: 1, " x " } }\n"

static const struct {
	const char *text, *said; /* said NULL: valid */
} cases[] = {
    {"", NULL},
    {CAMERA PLUGS, NULL},
    {"cmaeras: {}\n", "site.yaml:1: cmaeras: is not a known key (did you mean cameras?)"},
    {"site: { location: [91, 0] }\n", "site.yaml:1: site.location[1]: '91' is not a number from -90 to 90"},
    {"site: { timezone: Mars/Olympus }\n", "is no time zone"},
    {"archive: { keep: { size: 500G } }\n", "site.yaml:1: archive.keep.size: '500G' is not a size"},
    {"archive: { path: /mnt/card, card: /mnt/card }\n", "archive.card: path has to be a directory below card"},
    {"archive: { path: /mnt/cards/x, card: /mnt/card }\n", "archive.card: path has to be a directory below card"},
    {"archive: { path: /mnt/card/x, card: /mnt/card, state: /mnt/card/y }\n", "archive.state: has to lie elsewhere"},
    {"archive: { path: /mnt/card/x, card: /mnt/card }\n", NULL},
    {"talk: { voice: fr+f2 }\n", NULL},
    {"talk: { voice: -w/etc }\n", "talk.voice: is no voice of espeak-ng"},
    {"talk: { messages: nowhere }\n", "nowhere is no folder"},
    {"archive: { sync: 2 }\n", "the unit is missing"},
    {PLUGS "alarm: { exit-delay: 45s, zones: { front: { inputs: door, armed-in: [night, away], entry: delayed } } }\n",
     NULL},
    {PLUGS
     "alarm: { zones: { f: { inputs: [door], armed-in: always, open: leave-out, priority: 5, text: a, procedure: b } } }\n",
     NULL},
    {PLUGS "alarm: { zones: { f: { inputs: [], armed-in: away } } }\n", "alarm.zones.f.inputs: names no input"},
    {PLUGS "alarm: { zones: { f: { inputs: doro, armed-in: away } } }\n",
     "alarm.zones.f.inputs: there is no input named 'doro' (did you mean door?)"},
    {PLUGS "alarm: { zones: { f: { inputs: door, armed-in: awya } } }\n",
     "there is no mode named 'awya' (did you mean away?)"},
    {PLUGS "alarm: { zones: { f: { inputs: door, armed-in: [disarmed] } } }\n", "nothing is armed but what is always"},
    {PLUGS "alarm: { zones: { f: { inputs: door } } }\n", "needs armed-in"},
    {PLUGS "alarm: { zones: { f: { armed-in: always } } }\n", "needs inputs"},
    {PLUGS "alarm: { zones: { f: { inputs: door, armed-in: always, entry: delayed } } }\n", "waits for nobody"},
    {PLUGS "alarm: { zones: { f: { inputs: door, armed-in: away, camera: gate } } }\n", "there is no camera named 'gate'"},
    {PLUGS "alarm: { zones: { f: { inputs: door, armed-in: away } } }\n"
           "rules: { f: { when: door active, do: { log: x } } }\n",
     "a rule has this name too"},
    {PLUGS "alarm: { zones: { f: { inputs: door, armed-in: away } } }\n"
           "rules: { r: { when: alarm f raised, do: { log: x } } }\n",
     NULL},
    {PLUGS "alarm: { exit-delay: 1h }\n", "alarm.exit-delay"},
    {"inputs: { d: { driver: virtual, channel: 1, off-after: 5min } }\n", NULL},
    {"inputs: { d: { driver: virtual, channel: 1, off-after: never } }\n", NULL},
    {"inputs: { d: { driver: virtual, channel: 1, off-after: nevr } }\n", "inputs.d.off-after"},
    {"archive: { keep: { days: 30d } }\n", "archive.keep.days: '30d' has a unit, and this is a number of days: write 30"},
    {"archive: { keep: { free: 5 } }\n", "archive.keep.free: '5' is neither a share such as 5% nor a size such as 20GiB"},
    {"archive: { keep: { size: 500gb } }\n", "the unit 'gb' is unknown (did you mean GB?)"},
    {"cameras:\ngate: { source: test:clock }\n",
     "site.yaml:2: gate: is not a known key here: if it belongs to cameras, indent it further"},
    {"cameras:\n  gate:\n  source: test:clock\n",
     "site.yaml:2: cameras.gate: is empty, but a map (key: value) is expected here: indent what belongs to it further"},
    {"cameras: { gate: { source: 192.0.2.20 } }\n", "such as onvif://ADDRESS"},
    {"archive: { keep: { free: 5%, days: 30 } }\n", NULL},
    {"archive: { keep: { free: 20GiB } }\n", NULL},
    {"web: { listen: 8080 }\n", "is not ADDRESS:PORT"},
    {"web: { listen: \"[::1]:8080\", tls: { cert: a.pem } }\n", "needs both cert and key"},
    {"web: { listen: 0.0.0.0:8443, tls: own, install: 0.0.0.0:8080 }\n", NULL},
    {"web: { tls: mine }\n", "'mine' is neither own nor { cert: FILE, key: FILE }"},
    {"web: { install: 0.0.0.0:8080 }\n", "it needs tls: own"},
    {"cameras: { Gate: { source: test:clock } }\n", "is no name for a camera"},
    {"cameras: { ../x: { source: test:clock } }\n", "is no name for a camera"},
    {"cameras: { gate: { source: rstp://192.0.2.1/ } }\n", "(did you mean rtsp?)"},
    {"cameras: { gate: { source: \"rtsp://admin:hunter2@192.0.2.1/\" } }\n",
     "site.yaml:1: cameras.gate.source: carries a login"},
    {"cameras: { gate: { source: test:clock, login: gaet } }\n", "there is no login named 'gaet'"},
    {"cameras: { gate: {} }\n", "has no source"},
    {"cameras: { gate: { source: test:clock, record: sometimes } }\n", "is not one of never, events, always, on-loss"},
    {"cameras: { gate: { source: test:clock, keep: { days: 9, max-days: 3 } } }\n", "days is more than max-days"},
    {"cameras: { gate: { source: onvifs://192.0.2.1, tls: verify, events: push, profiles: { main: P1, sub: small } } }\n"
     "serve: { events: 0.0.0.0:8090 }\n",
     NULL},
    {"cameras: { gate: { source: onvif://192.0.2.1, events: pul } }\n",
     "'pul' is not one of any, none, pull, push, metadata (did you mean pull?)"},
    {"cameras: { gate: { source: rtsp://192.0.2.1/, events: pull } }\n", "is for a source of onvif://"},
    {"cameras: { gate: { source: test:clock, profiles: { main: x } } }\n", "is for a source of onvif://"},
    {"cameras: { gate: { source: onvif://192.0.2.1, profiles: { maim: x } } }\n", "is not a known key"},
    {"cameras: { gate: { source: onvif://192.0.2.1, sub: rtsp://192.0.2.1/2, profiles: { sub: x } } }\n",
     "sub is given twice"},
    {"cameras: { gate: { source: onvif://192.0.2.1, tls: verify } }\n", "is for a source of rtsps:// or onvifs://"},
    {"cameras: { gate: { source: onvifs://192.0.2.1, transport: udp } }\n", NULL},
    {"serve: { events: nowhere }\n", "is not ADDRESS:PORT"},
    {"cameras: { gate: { source: test:clock, backfill: { rate: 20Mbit/s, hours: any, order: newest } } }\n", NULL},
    {"cameras: { gate: { source: test:clock, backfill: never } }\n", NULL},
    {"cameras: { gate: { source: test:clock, backfill: sometimes } }\n", "is neither never nor a map"},
    {"cameras: { gate: { source: test:clock, backfill: { hours: 22:00-6 } } }\n", "is neither any nor a span"},
    {"cameras: { gate: { source: test:clock, audio: { listen: operator, record: talk } } }\n", NULL},
    {"cameras: { gate: { source: test:clock, motion: on } }\n", NULL},
    {"cameras: { gate: { source: test:clock, motion: { sensitivity: 70, hold: 10s, before: 5s, after: 30s, zones: [{ "
     "include: [[0, 0.5], [1, 0.5], [0.5, 1]] }, { exclude: [[0, 0], [0.2, 0], [0.2, 0.2], [0, 0.2]] }] } } }\n",
     NULL},
    {"cameras: { gate: { source: test:clock, motion: maybe } }\n", "site.yaml:1: cameras.gate.motion: 'maybe'"},
    {"cameras: { gate: { source: test:clock, motion: { sensitivty: 5 } } }\n",
     "cameras.gate.motion.sensitivty: is not a known key (did you mean sensitivity?)"},
    {"cameras: { gate: { source: test:clock, motion: { sensitivity: 0 } } }\n", "'0' is not a whole number from 1 to 100"},
    {"cameras: { gate: { source: test:clock, motion: { hold: 0s } } }\n", "cameras.gate.motion.hold: "},
    {"cameras: { gate: { source: test:clock, motion: { zones: [[0, 0]] } } }\n", "cameras.gate.motion.zones[1]: "},
    {"cameras: { gate: { source: test:clock, motion: { zones: [{ inclde: [] }] } } }\n", "(did you mean include?)"},
    {"cameras: { gate: { source: test:clock, motion: { zones: [{ include: [[0, 0], [1, 1]] }] } } }\n",
     "zones[1].include: is not 3 to 16 corners"},
    {"cameras: { gate: { source: test:clock, motion: { zones: [{ include: [[0, 0], [1, 50], [1, 1]] }] } } }\n",
     "zones[1].include[2][2]: '50' is not a number from 0 to 1"},
    {"cameras: { gate: { source: test:clock, motion: { zones: [{ include: [[0, 0], [1, 0, 1], [1, 1]] }] } } }\n",
     "zones[1].include[2]: is not a corner"},
    {CAMERA PLUGS "rules: { r: { when: [gate motion, camera gate still for 1min], if: { state: gate still }, do: { log: x } "
                  "} }\n",
     NULL},
    {CAMERA PLUGS "rules: { r: { when: gaet motion, do: { log: x } } }\n", "no camera named 'gaet' (did you mean gate?)"},
    {CAMERA PLUGS "rules: { r: { when: gate moton, do: { log: x } } }\n",
     "'moton' is no state of camera gate; these are lost, live, motion, still (did you mean motion?)"},
    {"inputs: { door: { driver: vitrual, channel: 1 } }\n",
     "'vitrual' is not one of virtual, onvif, gpio, adc, http, mqtt (did you mean virtual?)"},
    {"inputs: { door: { driver: virtual, token: x } }\n", "inputs.door.token: is not a known key"},
    {"inputs: { door: { driver: virtual } }\n", "driver virtual needs channel"},
    {"inputs: { door: { driver: virtual, channel: 1, contact: normaly-closed } }\n",
     "site.yaml:1: inputs.door.contact: 'normaly-closed' is not one of normally-open, normally-closed (did you mean "
     "normally-closed?)"},
    {"inputs: { door: { driver: virtual, channel: 1, contact: NC } }\n", "(did you mean normally-closed?)"},
    {"inputs: { a: { driver: virtual, channel: 1 }, b: { driver: virtual, channel: 1 } }\n",
     "is the same wire as a in line 1"},
    {"inputs: { door: { driver: onvif, camera: gaet, token: T } }\n" CAMERA, "no camera named 'gaet' (did you mean gate?)"},
    {"inputs: { b: { driver: gpio, chip: gpiochip0, line: 17, kind: button } }\n", NULL},
    {"inputs: { b: { driver: gpio, chip: pinctrl-bcm2711, line: GPIO17, bias: pull-up, active: low, debounce: 5ms } }\n",
     NULL},
    {"inputs: { b: { driver: gpio, chip: 0, line: 1024 } }\n", "inputs.b.line: '1024' is not a whole number from 0 to 1023"},
    {"inputs: { b: { driver: gpio, chip: gpiochip0 } }\n", "driver gpio needs line"},
    {"inputs: { b: { driver: gpio, line: 4 } }\n", "driver gpio needs chip"},
    {"inputs: { b: { driver: gpio, chip: 0, line: 4, bias: pull_up } }\n", "(did you mean pull-up?)"},
    {"inputs: { b: { driver: gpio, chip: 0, line: door }, c: { driver: gpio, chip: 0, line: door } }\n",
     "is the same wire as b in line 1"},
    {"inputs: { b: { driver: virtual, channel: 1, bias: pull-up } }\n", "inputs.b.bias: is not a known key"},
    {"inputs: { b: { driver: http, token: nobody } }\n", "inputs.b.token: there is no token named 'nobody'"},
    {"inputs: { b: { driver: http } }\n", "driver http needs token"},
    {HTTP(""), NULL},
    {HTTP(", method: PUT, body: '{on|off}'"), NULL},
    {HTTP(", method: DELETE"), "'DELETE' is not one of GET, PUT, POST"},
    {HTTP(", login: nobody"), "relays.r.login: there is no login named 'nobody'"},
    {"relays: { r: { driver: http, url: 'http://u:p@192.0.2.1/' } }\n", "carries a login"},
    {"relays: { r: { driver: http, url: 'http://192.0.2.1/on', read: 'http://192.0.2.1/', shows: on } }\n",
     "relays.r.url: switches on and off with the same request"},
    {"relays: { r: { driver: http, url: 'http://192.0.2.1/', body: '{1|0}', read: 'http://192.0.2.1/', shows: on } }\n",
     "relays.r.body: goes with method: POST or PUT"},
    {"relays: { r: { driver: http, url: 'http://192.0.2.1/', method: PUT, body: '{1|0}', read: 'http://192.0.2.1/', shows: "
     "on } }\n",
     NULL},
    {"relays: { r: { driver: http, url: 'http://192.0.2.1/{1|0}', read: 'http://192.0.2.1/', shows: ' ' } }\n",
     "relays.r.shows: is empty"},
    {BROKER "inputs: { i: { driver: mqtt, topic: \"a\\u0007b\" } }\n", "inputs.i.topic: is no topic"},
    {BROKER "inputs: { i: { driver: mqtt, topic: a/# } }\n", "inputs.i.topic: is no topic"},
    {BROKER "inputs: { i: { driver: mqtt, topic: a, payload-on: x, payload-off: X } }\n",
     "inputs.i.payload-off: is the same word as payload-on"},
    {"relays: { r: { driver: http, url: 'http://192.0.2.1/{1|0}' } }\n", "driver http needs url (what switches it), read"},
    {PAIR("interlock: motor", "interlock: motor"), NULL},
    {PAIR("interlock: motor", ""), "relays.a.interlock: no other relay has interlock: motor"},
    {PAIR("interlock: motor", "interlock: motor, safe: keep"), "interlock needs safe: off"},
    {PAIR("interlock: m, kind: door, egress: hardwired, hub-timed: accepted", "interlock: m"),
     "a door must not be held back"},
    {RELAY("kind: fire, via: panel, min-pause: 1s"), "a fire must not be held back"},
    {RELAY("min-pause: 30s, rated-cycles: 100000"), NULL},
    {RELAY("min-pause: 30s, safe: on"), "contradict each other"},
    {RELAY("rated-cycles: 5"), "from 1000 to"},
    {RELAY("kind: light, safe: on"), NULL},
    {RELAY("kind: light, safe: yes"), NULL},
    {RELAY("kind: gate, hub-timed: accepted"), "needs egress"},
    {RELAY("kind: gate, egress: hardwired"), "has no timer of its own"},
    {RELAY("kind: gate, egress: hardwired, hub-timed: accepted"), NULL},
    {RELAY("kind: door, egress: none, hub-timed: accepted"), "needs egress"},
    {RELAY("kind: fire"), "via: panel"},
    {RELAY("kind: fire, via: panel"), NULL},
    {RELAY("mode: monostable"), "needs pulse"},
    {RELAY("max-on: 3"), "the unit is missing"},
    {"relays: { g: { driver: onvif, camera: gate, token: T, kind: gate, mode: monostable, pulse: 1s, egress: mechanical } "
     "}\n" CAMERA,
     NULL},
    {CAMERA PLUGS "rules: { r: { when: dor active, do: { log: x } } }\n", "no input named 'dor' (did you mean door?)"},
    {CAMERA PLUGS "rules: { r: { when: door actve, do: { log: x } } }\n", "'actve' is no state of input door"},
    {CAMERA PLUGS "rules: { r: { when: door active, do: { relay: { folod: on } } } }\n",
     "no relay named 'folod' (did you mean flood?)"},
    {CAMERA PLUGS "rules: { r: { when: door active, do: { record: { camera: gte } } } }\n",
     "no camera named 'gte' (did you mean gate?)"},
    {CAMERA PLUGS "rules: { r: { when: door active, do: { notify: { to: x, text: y } } } }\n", "no notify target named 'x'"},
    {CAMERA PLUGS "rules: { r: { when: door active, if: { between: [sunset, sunrise] }, do: { log: x } } }\n",
     "needs the place"},
    {CAMERA PLUGS "rules: { r: { when: flood on, do: { relay: { flood: off, for: 3s } } } }\n", "goes with on alone"},
    {CAMERA PLUGS "rules: { r: { when: [flood yes, camera gate lost, start, door active for 10s], do: [{ relay: { flood: "
                  "true, for: 2min } }] } }\n",
     NULL},
    {CAMERA PLUGS "rules: { r: { when: door active } }\n", "has no do"},
    {CAMERA PLUGS "rules: { r: { when: door active, late: [record, notify], do: [{ record: gate }, { notify: x }] } }\n",
     NULL},
    {CAMERA PLUGS "rules: { r: { when: door active, late: ignore, do: { relay: { flood: on } } } }\n", NULL},
    {CAMERA PLUGS "rules: { r: { when: door active, late: notfy, do: { notify: x } } }\n", "did you mean notify?"},
    {CAMERA PLUGS "rules: { r: { when: door active, late: relay, do: { relay: { flood: on } } } }\n",
     "ignore, notify, record"},
    {CAMERA PLUGS "rules: { r: { when: door active, late: record, do: { relay: { flood: on } } } }\n",
     "late: record: what the rule does holds no record"},
    {CAMERA PLUGS "rules: { r: { when: door active, if: [{ days: workdays }, { not: { state: flood on } }, { or: [door "
                  "active, flood off] }], do: { log: x } } }\n",
     NULL},
    {"mqtt: { broker: mqtts://broker.example }\n", NULL},
    {"mqtt: { broker: mqtt://127.0.0.1, prefix: a/b, version: 3.1.1, home-assistant: off }\n", NULL},
    {"mqtt: { broker: mqtt://192.0.2.1 }\n", "for all to read"},
    {"mqtt: { broker: mqtt://192.0.2.1, plain: lan }\n", NULL},
    {"mqtt: { broker: https://x }\n", "is no broker"},
    {"mqtt: { broker: \"mqtts://u:p@x\" }\n", "holds a login"},
    {"mqtt: { broker: mqtts://x, prefix: a/# }\n", "is no beginning of topics"},
    {"mqtt: { broker: mqtts://x, login: nobody }\n", "no login named 'nobody'"},
    {"mqtt: { prefix: x }\n", "names no broker"},
    {RELAY("kind: gate, egress: hardwired, hub-timed: accepted, allow: [mqtt, http]"), NULL},
    {RELAY("allow: [mqt]"), "did you mean mqtt?"},
    {"inputs: { loop: { driver: adc, chip: ads1015, channel: 0, full: 2047, pull-up: 2k2, series: 2.2k, parallel: 4.7k, "
     "tolerance: 20% } }\n",
     NULL},
    {"inputs: { loop: { driver: adc, chip: x, channel: 0, full: 2047, pull-up: 2k2 } }\n", "cannot be told apart"},
    {"inputs: { loop: { driver: adc, chip: x, channel: 0, full: 2047, pull-up: ten, series: 1k } }\n",
     "'ten' is no resistance"},
    {"inputs: { loop: { driver: adc, chip: x, channel: 0, full: 2047, pull-up: 1k, series: 4.7k, parallel: 1k } }\n",
     "cannot be told apart"},
    {"relays: { r: { driver: adc, chip: x, channel: 0 } }\n", "driver adc"},
    {"notify: { boss: { webhook: ftp://x } }\n", "must begin with one of https, http"},
    {"notify: { boss: { ntfy: https://ntfy.example/t } }\n", NULL},
    {"serve: { rtsp: 0.0.0.0:8554, plain: lan }\n", NULL},
    {"serve: { plain: no }\n", NULL},
    {"serve: { rtsps: \"[::]:322\" }\n", NULL},
    {"cameras: { g: { source: \"v4l2:/dev/video0?size=640x480\" } }\n", NULL},
    {"cameras: { g: { source: v4l2:video0 } }\n", "is not v4l2:/dev/videoN"},
    {"cameras: { g: { source: v4l2:/dev/video0, microphone: \"alsa:plughw:1?codec=pcmu\" } }\n", NULL},
    {"cameras: { g: { source: test:clock, speaker: \"alsa:plughw:1\" } }\n", NULL},
    {"cameras: { g: { source: test:clock, speaker: wav:heard.wav } }\n", NULL},
    {"cameras: { g: { source: test:clock, speaker: \"hw:1\" } }\n",
     "is neither alsa:PCM, such as alsa:default, nor wav:FILE"},
    {"cameras: { g: { source: rtsp://192.0.2.1/a, speaker: alsa:default } }\n", "made on this machine"},
    {"cameras: { g: { source: v4l2:/dev/video0, microphone: \"hw:1\" } }\n", "is not alsa:PCM"},
    {"cameras: { g: { source: rtsp://192.0.2.1/a, microphone: alsa:default } }\n",
     "for pictures that are made on this machine"},
    {"cameras: { g: { source: rtsps://192.0.2.1/a } }\n", NULL},
    {"cameras: { g: { source: rtsps://192.0.2.1/a, tls: verify } }\n", NULL},
    {"cameras: { g: { source: rtsps://192.0.2.1/a, tls: maybe } }\n", "neither any nor verify nor sha256:"},
    {"cameras: { g: { source: rtsps://192.0.2.1/a, tls: sha256:0011 } }\n", "neither any nor verify nor sha256:"},
    {"cameras: { g: { source: rtsps://192.0.2.1/a, tls: "
     "sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f } }\n",
     NULL},
    {"cameras: { g: { source: rtsps://192.0.2.1/a, tls: \"sha256:00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:"
     "13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\" } }\n",
     NULL},
    {"cameras: { g: { source: rtsp://192.0.2.1/a, tls: verify } }\n", "is for a source of rtsps://"},
    {"cameras: { g: { source: rtsps://192.0.2.1/a, transport: udp } }\n", "would not be encrypted"},
};

static void test_cases(void) {
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		Place p = place_new(cases[i].text);
		PtSite *site = NULL;
		g_autoptr(GPtrArray) problems = pt_problems_new();
		gboolean ok = pt_site_load(p.site, &site, problems);
		g_autofree char *shown = g_strescape(cases[i].text, NULL);
		g_test_message("%s: %s", shown, problems->len ? (char *)problems->pdata[0] : "valid");
		g_assert_cmpint(ok, ==, !cases[i].said);
		g_assert_cmpint(ok, ==, problems->len == 0);
		if (!ok) {
			g_autofree char *first = g_strdup(problems->pdata[0]);
			g_assert_nonnull(strstr(first, cases[i].said));
			for (guint k = 0; k < problems->len; k++)
				g_assert_null(strstr(problems->pdata[k], "hunter2"));
		} else { /* what is printed reads back as the same site */
			g_autofree char *text = pt_site_print(site);
			place_write(&p, "site.yaml", text, 0644);
			PtSite *again = NULL;
			g_assert_true(pt_site_load(p.site, &again, problems));
			g_autofree char *text2 = pt_site_print(again);
			g_assert_cmpstr(text, ==, text2);
			pt_site_unref(again);
		}
		pt_site_unref(site);
		place_clear(&p);
	}
}

static void test_all_problems(void) {
	Place p = place_new(
	    "web: { listen: x }\narchive: { sync: 1 }\nrelays:\n  r: { driver: x, knid: gate }\nrules:\n  a: {}\n");
	PtSite *site = NULL;
	g_autoptr(GPtrArray) problems = pt_problems_new();
	g_assert_false(pt_site_load(p.site, &site, problems));
	g_assert_cmpuint(problems->len, >=, 6);
	place_clear(&p);
	/* one cause, one problem: who asks for the days of a file that is missing is not told that the site has none */
	g_autoptr(GPtrArray) again = pt_problems_new();
	p = place_new("site: { holidays: nowhere.txt }\ninputs: { d: { driver: virtual, channel: 1 } }\n"
	              "rules: { r: { when: d active, if: { holiday: true }, do: { log: x } } }\n");
	g_assert_false(pt_site_load(p.site, &site, again));
	g_assert_cmpuint(again->len, ==, 1);
	g_assert_nonnull(strstr(again->pdata[0], "cannot read the holidays"));
	place_clear(&p);
}

#define SECRETS                                                                                                             \
	"logins: { gate: { user: admin, password: \"hunter2\" } }\ntokens: { t: hunter3 }\n"                                \
	"app-passwords: { vlc: { user: anna, password: hunter4 } }\n"

static void test_secrets(void) {
	Place p = place_new("cameras: { gate: { source: rtsp://192.0.2.1/, login: gate } }\nnotify: { a: { webhook: "
	                    "https://h/, secret: t } }\n");
	place_write(&p, "secrets.yaml", SECRETS, 0644);
	PtSite *site = NULL;
	g_autoptr(GPtrArray) problems = pt_problems_new();
	g_assert_false(pt_site_load(p.site, &site, problems));
	g_assert_nonnull(strstr(problems->pdata[0], "others can read"));
	g_autofree char *secrets = g_build_filename(p.dir, "secrets.yaml", NULL);
	g_chmod(secrets, 0600);
	place_write(&p, "users.yaml", "anna: { role: operator, cameras: [gate], password: $argon2id$v=19$x }\n", 0600);
	g_ptr_array_set_size(problems, 0);
	g_assert_true(pt_site_load(p.site, &site, problems));
	g_assert_cmpstr(pt_site_camera(site, "gate")->login->password, ==, "hunter2");
	g_assert_cmpstr(((PtNotifyTarget *)site->notify->pdata[0])->secret, ==, "hunter3");
	g_assert_cmpint(pt_site_user(site, "anna")->role, ==, PT_SITE_ROLE_OPERATOR);
	g_assert_cmpstr(pt_site_user(site, "anna")->cameras[0], ==, "gate");
	g_assert_cmpuint(site->notes->len, ==, 0);
	static const char *const broken[] = {"tokens: { t: \"hunter3\\nX: y\" }\n",
	                                     "tokens: { t: x }\nlogins: { gate: { user: a, password: \"hunter2\\r\" } }\n"};
	for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
		PtSite *none = NULL;
		place_write(&p, "secrets.yaml", broken[i], 0600);
		g_assert_false(pt_site_load(p.site, &none, problems));
		g_assert_nonnull(strstr(problems->pdata[0], "holds a line break"));
		g_assert_null(strstr(problems->pdata[0], "hunter"));
		g_ptr_array_set_size(problems, 0);
	}
	place_write(&p, "secrets.yaml", SECRETS, 0600);
	place_write(&p, "users.yaml", "hanna: { role: viewer }\n", 0600);
	PtSite *without = NULL;
	g_assert_true(pt_site_load(p.site, &without, problems));
	g_assert_cmpuint(without->notes->len, ==, 1);
	g_assert_nonnull(strstr(without->notes->pdata[0],
	                        "secrets.yaml:3: app-passwords.vlc.user: there is no user 'anna' in the "
	                        "users file (did you mean hanna?): this login is refused"));
	pt_site_unref(without);
	g_autofree char *text = pt_site_print(site);
	g_assert_null(strstr(text, "hunter"));
	place_write(&p, "users.yaml", "anna: { role: operator, password: hunter5 }\n", 0600);
	PtSite *other = NULL;
	g_assert_false(pt_site_load(p.site, &other, problems));
	g_assert_nonnull(strstr(problems->pdata[0], "argon2id"));
	g_assert_null(strstr(problems->pdata[0], "hunter"));
	pt_site_unref(site);
	place_clear(&p);
}

static void test_reload(void) {
	Place p = place_new(CAMERA PLUGS);
	PtSite *a = NULL, *b = NULL;
	g_autoptr(GPtrArray) problems = pt_problems_new();
	g_assert_true(pt_site_load(p.site, &a, problems));
	place_write(&p, "cameras.d/yard.yaml", "source: rtsp://192.0.2.2/1\n", 0644);
	place_write(
	    &p, "site.yaml",
	    "# a line more\n" CAMERA "inputs: { door: { driver: virtual, channel: 1, debounce: 30ms } }\n"
	    "relays: { flood: { driver: virtual, channel: 1 } }\nrules: { r: { when: start, do: { log: hello } } }\n",
	    0644);
	g_assert_true(pt_site_load(p.site, &b, problems));
	g_autoptr(PtSiteDiff) d = pt_site_diff(a, b);
	g_assert_cmpuint(d->cameras_gone->len, ==, 0); /* gate goes on undisturbed */
	g_assert_cmpuint(d->cameras_new->len, ==, 1);
	g_assert_cmpstr(d->cameras_new->pdata[0], ==, "yard");
	g_assert_cmpuint(d->inputs_gone->len, ==, 1);
	g_assert_cmpuint(d->inputs_new->len, ==, 1);
	g_assert_cmpuint(d->relays_gone->len + d->relays_new->len, ==, 0);
	g_assert_true(d->rules);
	g_assert_false(d->web || d->archive || d->serve || d->users || d->notify || d->place);
	place_write(&p, "cameras.d/yard.yaml", "source: 7\n", 0644);
	PtSite *c = NULL;
	g_assert_false(pt_site_load(p.site, &c, problems));
	g_assert_true(g_str_has_prefix(problems->pdata[0], "cameras.d/yard.yaml:1: yard.source"));
	pt_site_unref(a);
	pt_site_unref(b);
	place_clear(&p);
}

/* The example file and each block marked yaml in the guide load without a problem. */
static void load_ok(const char *text, const char *what) {
	Place p = place_new(text);
	place_write(
	    &p, "secrets.yaml",
	    "logins: { gate: { user: a, password: b }, broker: { user: a, password: b }, lamp: { user: a, password: b } "
	    "}\ntokens: { phone: x, bell: 0123456789abcdef }\napp-passwords: { vlc: { user: a, "
	    "password: b } }\n",
	    0600);
	place_write(&p, "holidays.txt", "12-25\n", 0644);
	place_write(&p, "messages/closed.opus", "", 0644);
	PtSite *site = NULL;
	g_autoptr(GPtrArray) problems = pt_problems_new();
	gboolean ok = pt_site_load(p.site, &site, problems);
	g_test_message("%s: %s", what, ok ? "valid" : (char *)problems->pdata[0]);
	g_assert_true(ok);
	pt_site_unref(site);
	place_clear(&p);
}

/* Its blocks are whole site files. Returns how many. */
static int load_blocks(const char *root, const char *page) {
	g_autofree char *path = g_build_filename(root, "doc", "guide", page, NULL), *doc = NULL;
	int blocks = 0;
	g_assert_true(g_file_get_contents(path, &doc, NULL, NULL));
	for (char *p = doc; (p = strstr(p, "```yaml\n")); blocks++) {
		p += strlen("```yaml\n");
		char *end = strstr(p, "```");
		g_assert_nonnull(end);
		g_autofree char *block = g_strndup(p, end - p), *what = g_strdup_printf("block %d of %s", blocks + 1, page);
		load_ok(block, what);
		p = end + 3;
	}
	return blocks;
}

static void test_documents(void) {
	const char *root = g_getenv("PT_SOURCE");
	if (!root) {
		g_test_skip("PT_SOURCE is not set");
		return;
	}
	g_autofree char *example = g_build_filename(root, "data", "site.example.yaml", NULL), *text = NULL;
	g_assert_true(g_file_get_contents(example, &text, NULL, NULL));
	load_ok(text, "site.example.yaml");
	g_assert_cmpint(load_blocks(root, "site-file.md"), >=, 5);
	g_assert_cmpint(load_blocks(root, "rules.md"), >=, 2);
	g_assert_cmpint(load_blocks(root, "alarm.md"), ==, 1);
	g_assert_cmpint(load_blocks(root, "mqtt.md"), ==, 2);
	g_assert_cmpint(load_blocks(root, "gpio.md"), ==, 2);
	g_assert_cmpint(load_blocks(root, "loops.md"), ==, 1);
	g_assert_cmpint(load_blocks(root, "http.md"), ==, 2);
	g_assert_cmpint(load_blocks(root, "notify.md"), ==, 1);
	g_assert_cmpint(load_blocks(root, "trust.md"), ==, 1);
	g_assert_cmpint(load_blocks(root, "talk.md"), ==, 1);
}

static void test_shown_url(void) {
	static const char *const cases[][2] = {
	    {"rtsp://192.0.2.1/stream1", "rtsp://192.0.2.1/stream1"},
	    {"test:clock?size=640x360", "test:clock?size=640x360"},
	    {"rtsp://192.0.2.1/live?user=admin&password=hunter2&channel=1",
	     "rtsp://192.0.2.1/live?user=admin&password=…&channel=1"},
	    {"rtsp://192.0.2.1/user=admin&PassWd=hunter2&channel=1/x", "rtsp://192.0.2.1/user=admin&PassWd=…&channel=1/x"},
	    {"rtsp://192.0.2.1/user=admin_password=hunter2_channel=1?real", "rtsp://192.0.2.1/user=admin_password=…?real"},
	    {"http://192.0.2.1/s.jpg?token=hunter2", "http://192.0.2.1/s.jpg?token=…"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *shown = pt_site_shown_url(cases[i][0]);
		g_assert_cmpstr(shown, ==, cases[i][1]);
	}
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/config/cases", test_cases);
	g_test_add_func("/config/all-problems", test_all_problems);
	g_test_add_func("/config/secrets", test_secrets);
	g_test_add_func("/config/reload", test_reload);
	g_test_add_func("/config/shown-url", test_shown_url);
	g_test_add_func("/config/documents", test_documents);
	return g_test_run();
}
