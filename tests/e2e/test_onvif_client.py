# SPDX-License-Identifier: Apache-2.0
"""The hub with ONVIF cameras as the field has them: whatever the quirk, it ends up with the right streams and states."""
import http.client
import socket
import subprocess
import time
import urllib.parse

import pytest

import hub
import onvif_camera
import onvif_zeep
from hub import Farm, Hub, wait_for
from onvif_camera import Camera


@pytest.fixture(scope="module")
def farm():
    with Farm() as f:
        yield f


def site(camera, extra="", login=True, keys="", tokens=("AlarmIn_1", "AlarmOut_1"), **relay):
    settings = "".join(f", {k.replace('_', '-')}: {v}" for k, v in relay.items())
    return (f"cameras:\n  gate: {{ source: {camera.source}{', login: gate' if login else ''}{keys} }}\n"
            f"inputs:\n  door: {{ driver: onvif, camera: gate, token: {tokens[0]}, kind: door }}\n"
            f"relays:\n  flood: {{ driver: onvif, camera: gate, token: {tokens[1]}, kind: light{settings} }}\n" + extra)


class OnvifHub(Hub):
    """`keys`: more of the camera's, as the site file has them; the rest is of the relay."""

    def __init__(self, camera, extra="", user="admin", password="secret", **more):
        super().__init__(start=False)
        self.write_site(site(camera, extra, user is not None, **more))
        if user is not None:
            secrets = self.dir / "secrets.yaml"
            secrets.write_text(f"logins: {{ gate: {{ user: {user}, password: {password} }} }}\n")
            secrets.chmod(0o600)
        self.start()

    def onvif(self):
        return next(c for c in self.state()["cameras"] if c["name"] == "gate")["onvif"]

    def door(self):
        return self.get("/api/inputs/door")["state"]

    def flood(self):
        return self.get("/api/relays/flood")["state"]

    def wait_door(self, state, seconds=10):
        wait_for(f"the door is {state}", lambda: self.door() == state, seconds, 0.02)

    def wait_flood(self, state, seconds=10):
        wait_for(f"the light is {state}", lambda: self.flood() == state, seconds, 0.02)


def assert_all_works(h, camera):
    """Recorded, the door seen both ways, the light switched and read back."""
    wait_for("the camera is ready", lambda: h.onvif()["state"] == "ready", 20)
    h.wait_recording("gate")
    h.wait_door("inactive")
    camera.set_input("AlarmIn_1", True)
    h.wait_door("active")
    camera.set_input("AlarmIn_1", False)
    h.wait_door("inactive")
    h.wait_flood("off")
    assert h.request("POST", "/api/relays/flood", {"state": "on"})[0] == 200
    h.wait_flood("on")
    assert camera.relay("AlarmOut_1")
    assert h.request("POST", "/api/relays/flood", {"state": "off"})[0] == 200
    h.wait_flood("off")
    assert not camera.relay("AlarmOut_1")


QUIRKS = [
    (), ("no-getservices",), ("media2",), ("dead-xaddr",), ("doubled-port",), ("loopback",), ("userinfo",), ("placeholder",),
    ("http-401",), ("fault-200",), ("digest-only",), ("digest-only", "sha-256"), ("digest-only", "md5-first"), ("digest-only", "basic-first"),
    ("digest-only", "time-needs-login"), ("state-words", "state-name"), ("nested-topic",), ("other-token",), ("relays-by-deviceio",),
    ("no-relay-events",), ("no-sync-point",), ("no-long-poll",), ("no-renew", "pull-prolongs"), ("reference-parameters",), ("expires-at-once",),
]


@pytest.mark.parametrize("quirks", QUIRKS, ids="+".join)
def test_quirk(farm, quirks):
    with Camera(farm.url(), farm.url(1), quirks=quirks) as camera, OnvifHub(camera) as h:
        assert_all_works(h, camera)
        state = next(c for c in h.state()["cameras"] if c["name"] == "gate")
        assert set(state["streams"]) >= {"main", "sub"} and state["streams"]["sub"]["state"] == "live"
        assert state["onvif"]["maker"] == "Acme" and state["onvif"]["model"] == "Eye 3"
        assert "secret" not in str(h.state())


@pytest.mark.parametrize("hours", [-1, 1, 24 * 365 * 6])
def test_clock_that_is_wrong(farm, hours):
    with Camera(farm.url(), clock=hours * 3600) as camera, OnvifHub(camera) as h:
        assert_all_works(h, camera)
        assert abs(h.onvif()["clock_offset_ms"] - hours * 3600e3) < 2000


# ---- the way its events come ----

@pytest.mark.parametrize("quirks, by, keys", [
    (("no-pull", "push"), "push", ""), (("broken-pull", "push"), "push", ""), (("always-empty", "push"), "push", ""),
    (("push",), "push", ", events: push"), (("no-pull", "push", "no-renew"), "push", ""), (("push",), "pull", ""),
], ids=["no-pull", "broken-pull", "silent-pull", "chosen", "no-renew", "pull-goes-first"])
def test_events_are_delivered(farm, quirks, by, keys):
    """A camera without pull points that work sends its events to a door of the hub."""
    with Camera(farm.url(), quirks=quirks) as camera, OnvifHub(camera, keys=keys) as h:
        wait_for(f"events by {by}", lambda: h.onvif()["events_by"] == by, 25)
        assert_all_works(h, camera)
        assert h.onvif()["events_by"] == by and set(camera.deliveries) <= {202}
        h.stop()
        assert not camera.subscriptions, "it was not given back"


def test_delivered_again_after_it_was_forgotten(farm):
    """A camera that delivers and started anew: only its refusal to renew tells."""
    with Camera(farm.url(), quirks=("no-pull", "push", "short-lived")) as camera, OnvifHub(camera) as h:
        assert_ready(h)
        camera.inputs["AlarmIn_1"] = True
        wait_for("it was renewed", lambda: "Renew" in camera.calls, 15)
        camera.forget_subscriptions()
        h.wait_door("active", 20)


def test_the_door_is_for_one_camera(farm):
    """Strangers, wrong addresses, nonsense, too much: nothing of it is an event, and nothing is told."""
    with Camera(farm.url(), quirks=("no-pull", "push")) as camera, OnvifHub(camera) as h:
        assert_ready(h)
        door = next(iter(camera.subscriptions.values())).consumer
        place, secret = door.rsplit("/", 1)
        assert len(secret) == 48 and secret not in str(h.state()) + h.stderr() + str(h.events())
        opened = camera.event("tns1:Device/Trigger/DigitalInput", "Changed", [("InputToken", "AlarmIn_1")], [("LogicalState", "true")])
        assert camera.notify(place + "/" + "0" * 48, opened) == 404
        assert camera.notify(place + "/", opened) == 404
        assert camera.notify(place, opened) == 404
        to = urllib.parse.urlsplit(door)
        for body, status in [(b"", 400), (b"<a/>", 400), (b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", 400), (b"x" * 300_000, 413)]:
            connection = http.client.HTTPConnection(to.hostname, to.port, timeout=5)
            connection.request("POST", to.path, body)
            assert connection.getresponse().status == status, body[:20]
        stranger = http.client.HTTPConnection(to.hostname, to.port, timeout=5, source_address=("127.0.0.9", 0))
        body = f'<s:Envelope {onvif_camera.DECLARED}><s:Body><wsnt:Notify>{opened}</wsnt:Notify></s:Body></s:Envelope>'
        stranger.request("POST", to.path, body)
        assert stranger.getresponse().status == 404
        assert h.door() == "inactive"
        assert (h.onvif()["door"]["strangers"], h.onvif()["door"]["nonsense"]) == (2, 4)
        assert camera.notify(door, opened) == 202
        h.wait_door("active")
        h.stop()
        assert camera.notify(door, opened) == 0, "nobody listens any more"


class Node(Hub):
    """Our own camera: a contact and a lamp, events delivered to whoever wants them and along with the picture."""

    def __init__(self):
        rtsp, onvif = hub.free_port(), hub.free_port()
        self.stream = f"rtsp://127.0.0.1:{rtsp}/yard/main"
        super().__init__('cameras: { yard: { source: "test:clock?size=320x180&fps=5&bitrate=200k&audio=none", record: never } }\n'
                         "inputs: { bell: { driver: virtual, channel: 1, kind: button, debounce: 0ms } }\n"
                         "relays: { lamp: { driver: virtual, channel: 1, kind: light } }\n"
                         f"serve: {{ rtsp: 127.0.0.1:{rtsp}, onvif: 127.0.0.1:{onvif} }}\n", start=False)
        for name, text in (("secrets.yaml", "app-passwords: { hub: { user: boss, password: pw } }\n"), ("users.yaml", "boss: { role: admin }\n")):
            (self.dir / name).write_text(text)
            (self.dir / name).chmod(0o600)
        self.source = f"onvif://127.0.0.1:{onvif}"
        self.start()

    def press(self, closed):
        assert self.request("POST", "/api/board/board/inputs/1", {"closed": closed})[0] == 200


@pytest.mark.parametrize("way", ["push", "metadata"])
def test_a_node_tells_of_its_plugs(way):
    """Our own server at the other end: delivered, and out of the metadata track of its stream."""
    with Node() as node, OnvifHub(node, user="boss", password="pw", keys=f", events: {way}", tokens=("bell", "lamp")) as h:
        wait_for(f"events by {way}", lambda: h.onvif()["events_by"] == way, 25)
        h.wait_door("inactive", 20)
        for state in ("active", "inactive"):
            node.press(state == "active")
            h.wait_door(state, 10)
        assert h.request("POST", "/api/relays/flood", {"state": "on"})[0] == 200
        h.wait_flood("on", 10)


def test_metadata_is_the_last_resort():
    """Neither pulled nor delivered: what the stream carries is left."""
    with Node() as node, Camera(node.stream, user="boss", password="pw", quirks=("no-pull", "metadata"), inputs=("bell",), relays=()) as camera, \
            OnvifHub(camera, user="boss", password="pw", tokens=("bell", "none")) as h:
        wait_for("events by metadata", lambda: h.onvif()["events_by"] == "metadata", 20)
        h.wait_door("inactive", 20)
        node.press(True)
        h.wait_door("active", 10)


def test_silent_ways_end_where_they_began(farm):
    """Nothing comes either way: the pull point it is, and what it says later is heard."""
    with Camera(farm.url(), quirks=("always-empty",)) as camera, OnvifHub(camera) as h:
        wait_for("all was tried", lambda: "Subscribe" in camera.calls and camera.calls.count("CreatePullPointSubscription") == 2, 30)
        wait_for("it is pulled again", lambda: h.onvif()["events_by"] == "pull" and len(camera.subscriptions) == 1, 10)
        assert h.onvif()["state"] == "ready"
        camera.quirks.discard("always-empty")
        camera.set_input("AlarmIn_1", True)
        h.wait_door("active")


def test_a_camera_without_events(farm):
    """What it accepts is what is known of its relay; and when it is gone that is noticed all the same."""
    with Camera(farm.url(), quirks=("no-events",)) as camera, OnvifHub(camera) as h:
        wait_for("the camera is ready", lambda: h.onvif()["state"] == "ready", 20)
        h.wait_flood("off")
        assert h.request("POST", "/api/relays/flood", {"state": "on"})[0] == 200
        h.wait_flood("on")
        wait_for("it is asked whether it is there", lambda: camera.calls.count("GetSystemDateAndTime") > 1, 25)
        assert h.onvif()["state"] == "ready" and h.onvif()["events_by"] is None
        camera.close()
        h.wait_flood("unknown", 30)


def test_no_events_are_wanted(farm):
    with Camera(farm.url()) as camera, OnvifHub(camera, keys=", events: none") as h:
        wait_for("the camera is ready", lambda: h.onvif()["state"] == "ready", 20)
        assert not h.onvif()["events"] and h.door() == "unknown"
        assert "CreatePullPointSubscription" not in camera.calls


def test_clock_that_steps(farm):
    """Refused once, measured again, let in."""
    with Camera(farm.url()) as camera, OnvifHub(camera) as h:
        assert_all_works(h, camera)
        camera.clock = 7200
        assert h.request("POST", "/api/relays/flood", {"state": "on"})[0] == 200
        h.wait_flood("on")
        assert abs(h.onvif()["clock_offset_ms"] - 7200e3) < 2000


@pytest.mark.parametrize("user, password, says", [("admin", "wrong", "401 wrong login"), (None, None, "site file names none")])
def test_refused(farm, user, password, says):
    with Camera(farm.url()) as camera, OnvifHub(camera, user=user, password=password) as h:
        wait_for("the reason is shown", lambda: says in (h.onvif()["reason"] or ""), 15)
        assert says in h.camera("gate")["reason"]
        assert h.door() == "unknown" and h.flood() == "unknown"
        calls = len(camera.calls)
        time.sleep(2)
        assert len(camera.calls) - calls < 20, "it must not be hammered"
        status, answer = h.request("POST", "/api/relays/flood", {"state": "on"})
        assert status != 200 and "gate" in answer["error"]


def test_subscription_is_lost(farm):
    with Camera(farm.url()) as camera, OnvifHub(camera) as h:
        assert_all_works(h, camera)
        for _ in range(3):
            camera.forget_subscriptions()
            camera.inputs["AlarmIn_1"] = True
            h.wait_door("active", 15)
            camera.inputs["AlarmIn_1"] = False
            camera.forget_subscriptions()
            h.wait_door("inactive", 15)
        # states that are told anew are no alarms
        edges = [e for e in h.events(source="input/door") if not e.get("initial")]
        assert len(edges) <= 8, edges


def test_reboot(farm):
    """Away, then back under the same address with everything forgotten: unknown meanwhile, safe state on return."""
    camera = Camera(farm.url())
    with OnvifHub(camera) as h:
        assert_all_works(h, camera)
        port = camera.port
        camera.close()
        h.wait_door("unknown", 60)
        assert h.flood() == "unknown"
        again = Camera(farm.url(), port=port)
        again.relays["AlarmOut_1"]["active"] = True
        h.wait_door("inactive", 70)
        wait_for("the light is made safe", lambda: not again.relay("AlarmOut_1"), 15)
        h.stop()
        again.close()


@pytest.mark.parametrize("quirks", [(), ("slots-as-401",)], ids=["fault", "as-401"])
def test_slots_are_taken(farm, quirks):
    """Somebody else holds all four; when one is given up the hub takes it."""
    with Camera(farm.url(), quirks=quirks, slots=0) as camera, OnvifHub(camera) as h:
        wait_for("the reason is shown", lambda: "events:" in (h.onvif()["reason"] or ""), 15)
        h.wait_recording("gate")
        assert h.door() == "unknown"
        camera.slots = 1
        h.wait_door("inactive", 40)
        h.stop()
        wait_for("the slot is given back", lambda: not camera.subscriptions, 3)


def test_events_that_never_come(farm):
    """PullMessages always empty: the door stays unknown, the relay is what the camera accepted."""
    with Camera(farm.url(), quirks=("always-empty", "no-relay-events")) as camera, OnvifHub(camera) as h:
        wait_for("the camera is ready", lambda: h.onvif()["state"] == "ready", 20)
        h.wait_recording("gate")
        assert h.door() == "unknown"
        h.wait_flood("off", 10)
        assert h.request("POST", "/api/relays/flood", {"state": "on"})[0] == 200
        h.wait_flood("on")
        assert next(p for p in h.onvif()["plugs"] if p["kind"] == "relay")["assumed"]


@pytest.mark.parametrize("quirks", [(), ("ignores-delay",)], ids=["own", "by-the-hub"])
def test_pulse(farm, quirks):
    """Monostable: the camera ends it by itself, and where it ignores the delay the hub does."""
    with Camera(farm.url(), quirks=quirks) as camera, OnvifHub(camera, mode="monostable", pulse="1s") as h:
        assert_ready(h)
        assert camera.relays["AlarmOut_1"]["mode"] == "Monostable" and camera.relays["AlarmOut_1"]["delay"] == 1.0
        begin = time.time()
        assert h.request("POST", "/api/relays/flood", {"state": "pulse"})[0] == 200
        wait_for("it is on", lambda: camera.relay("AlarmOut_1"), 3, 0.01)
        wait_for("it is off again", lambda: not camera.relay("AlarmOut_1"), 4, 0.01)
        assert 0.8 < time.time() - begin < 2
        h.wait_flood("off")


def assert_ready(h):
    wait_for("the camera is ready", lambda: h.onvif()["state"] == "ready", 20)
    h.wait_door("inactive")
    h.wait_flood("off")


def test_normally_closed(farm):
    """on = the contact opens: idle closed in the camera, and the site's contact the same way round."""
    with Camera(farm.url()) as camera:
        camera.relays["AlarmOut_1"]["idle"] = "closed"
        with OnvifHub(camera, contact="normally-closed") as h:
            assert_ready(h)
            assert h.request("POST", "/api/relays/flood", {"state": "on"})[0] == 200
            h.wait_flood("on")
            assert camera.relay("AlarmOut_1")  # active: away from its idle state, which is closed


def test_safe_state_at_stop(farm):
    with Camera(farm.url()) as camera, OnvifHub(camera, safe="off") as h:
        assert_ready(h)
        assert h.request("POST", "/api/relays/flood", {"state": "on"})[0] == 200
        h.wait_flood("on")
        h.stop()
        assert not camera.relay("AlarmOut_1") and not camera.subscriptions


def test_rule_and_delay(farm):
    """From the camera's event to its relay by a rule of the hub."""
    rule = "rules:\n  door light: { when: door active, do: [ { relay: { flood: on } } ] }\n  door dark: { when: door inactive, do: [ { relay: { flood: off } } ] }\n"
    with Camera(farm.url()) as camera, OnvifHub(camera, extra=rule) as h:
        assert_ready(h)
        times = []
        for i in range(30):
            active = i % 2 == 0
            before = len(camera.orders)
            begin = time.time()
            camera.set_input("AlarmIn_1", active)
            wait_for("the order", lambda: len(camera.orders) > before, 5, 0.001)
            times.append(camera.orders[-1][2] - begin)
            time.sleep(0.25)
        times.sort()
        assert times[-2] < (0.2 if hub.LONG else 0.5), times
        print("camera's event to camera's relay:", [round(t * 1000) for t in times], "ms")


def test_other_events(farm):
    with Camera(farm.url()) as camera, OnvifHub(camera) as h:
        assert_ready(h)
        with camera.changed:
            camera.post(camera.event("tns1:VideoSource/MotionAlarm", "Initialized", [("Source", "0")], [("State", "false")]))
            camera.post(camera.event("tns1:VideoSource/MotionAlarm", "Changed", [("Source", "0")], [("State", "true")]))
            camera.post(camera.event("tns1:Device/HardwareFailure/StorageFailure", "Changed", [("Token", "sd")], [("Failed", "true")]))
            camera.post(camera.event("tns1:VideoSource/GlobalSceneChange/ImagingService", "Changed", [("Source", "0")], [("State", "true")]))
        for topic in ("motion", "storage", "tamper"):
            wait_for(f"{topic} is on the bus", lambda t=topic: any(e["state"] == "active" and e["source"] == "camera/gate" for e in h.events(topic=t)), 5)
        assert [e["initial"] for e in h.events(topic="motion") if e["state"] == "inactive"] == [True]


class Gone:
    """An address that refuses: bound, so that nobody else gets it, and not listening."""

    def __enter__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.source = f"onvif://127.0.0.1:{self.socket.getsockname()[1]}"
        return self

    def __exit__(self, *what):
        self.socket.close()


def test_a_camera_that_is_not_there():
    with Gone() as gone, OnvifHub(gone) as h:
        wait_for("the reason is shown", lambda: h.onvif()["reason"], 15)
        assert "refused" in h.onvif()["reason"], h.onvif()
        assert "refused" in h.camera("gate")["reason"]


def test_what_it_lets_itself_be_told(farm):
    with Camera(farm.url()) as camera, OnvifHub(camera) as h:
        assert_ready(h)
        controls = h.get("/api/cameras/gate/controls")
        assert controls.pop("ntp") == "time.example" and not controls.pop("ntp_from_dhcp")
        assert controls.pop("users") == ["admin (Administrator)", "guest (User)"]
        assert controls == {"ptz": True, "presets": [{"token": "1", "name": "Gate & yard"}], "ir_cut": "auto", "auxiliary": ["tt:IRLamp|On", "tt:IRLamp|Off"]}
        wishes = [({"move": {"pan": 0.5, "zoom": -1}}, "ContinuousMove"), ({"move": {}}, "Stop"), ({"preset": "1"}, "GotoPreset"),
                  ({"ir_cut": "off"}, "SetImagingSettings"), ({"auxiliary": "tt:IRLamp|On"}, "SendAuxiliaryCommand"), ({"set_clock": True}, "SetSystemDateAndTime"),
                  ({"reboot": True}, "SystemReboot")]
        for wish, _ in wishes:
            assert h.request("POST", "/api/cameras/gate/controls", wish)[0] == 200, wish
        assert [name for name, _ in camera.told] == [name for _, name in wishes]
        told = dict(camera.told)
        assert told["ContinuousMove"]["PanTilt"] == {"x": "0.500", "y": "0.000"} and told["ContinuousMove"]["Timeout"] == "PT2S"
        assert told["SetImagingSettings"]["IrCutFilter"] == "OFF" and told["SendAuxiliaryCommand"]["AuxiliaryCommand"] == "tt:IRLamp|On"
        logged = [e for e in h.events(topic="command", source="camera/gate")]
        assert len(logged) == len(wishes) and all(e["actor"].startswith("user/") for e in logged)
        for wrong in ({}, {"ir_cut": "maybe"}, {"reboot": "yes"}):
            assert h.request("POST", "/api/cameras/gate/controls", wrong)[0] == 400


def test_a_rule_sets_its_lights(farm):
    rule = ("rules:\n  night: { when: door active, do: [ { light: { camera: gate, ir-cut: off } }, { light: { camera: gate, lamp: 'tt:IRLamp|On' } }, "
            "{ show: gate } ] }\n")
    with Camera(farm.url()) as camera, OnvifHub(camera, extra=rule) as h:
        assert_ready(h)
        camera.set_input("AlarmIn_1", True)
        wait_for("both orders", lambda: len(camera.told) == 2, 10)
        told = dict(camera.told)
        assert told["SetImagingSettings"]["IrCutFilter"] == "OFF" and told["SendAuxiliaryCommand"]["AuxiliaryCommand"] == "tt:IRLamp|On"
        logged = [(e["actor"], e["state"], e["detail"]) for e in reversed(h.events(topic="command", source="camera/gate"))]
        assert logged == [("rule/night", "light", "IR cut filter OFF"), ("rule/night", "light", "tt:IRLamp|On")], logged
        assert [(e["source"], e["actor"]) for e in h.events(topic="show")] == [("camera/gate", "rule/night")]


# ---- https ----

@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Two that cameras made themselves: (certificate, key, fingerprint)."""
    made = []
    for name in ("one", "two"):
        d = tmp_path_factory.mktemp(name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", d / "key", "-out", d / "cert", "-days", "2",
                        "-subj", "/CN=camera"], check=True, capture_output=True)
        shown = subprocess.run(["openssl", "x509", "-in", d / "cert", "-noout", "-fingerprint", "-sha256"], check=True, capture_output=True, text=True).stdout
        made.append((d / "cert", d / "key", shown.strip().split("=")[1]))
    return made


@pytest.mark.parametrize("policy, says", [("any", None), ("right", None), ("wrong", "not the one that the site file names"), ("verify", "certificate is not accepted")])
def test_https(farm, certificates, policy, says):
    """A camera with a certificate of its own making: by its fingerprint, or whoever it is; nothing is sent to another."""
    (cert, key, mine), (_, _, other) = certificates
    tls = {"right": f'"sha256:{mine}"', "wrong": f'"sha256:{other}"'}.get(policy, policy)
    with Camera(farm.url(), tls=(cert, key)) as camera, OnvifHub(camera, keys=f", tls: {tls}") as h:
        if says:
            wait_for("the reason is shown", lambda: says in (h.onvif()["reason"] or ""), 15)
            assert not camera.calls and h.door() == "unknown"
        else:
            assert_all_works(h, camera)


def test_masks(farm):
    """Listed, made, switched, moved, removed; what the camera has besides (a colour) is left alone."""
    with Camera(farm.url(), quirks=("media2",)) as camera, OnvifHub(camera) as h:
        assert_ready(h)
        controls = "/api/cameras/gate/controls"
        square = [[-1, 1], [0, 1], [0, 0.5], [-1, 0.5]]
        assert h.get(controls)["masks"] == []
        assert h.request("POST", controls, {"mask": {"points": square}})[0] == 200
        assert h.get(controls)["masks"] == [{"token": "m1", "type": "Color", "enabled": True, "points": square}]
        assert camera.masks["m1"]["of"] == "v"
        camera.masks["m1"]["color"] = None
        assert h.request("POST", controls, {"mask": {"token": "m1", "enabled": False}})[0] == 200
        assert camera.masks["m1"] == {"enabled": False, "points": [tuple(p) for p in square], "color": "90", "of": "v"}
        moved = [[0, 0], [1, 0], [1, -1]]
        assert h.request("POST", controls, {"mask": {"token": "m1", "points": moved}})[0] == 200
        assert h.get(controls)["masks"] == [{"token": "m1", "type": "Color", "enabled": False, "points": moved}]
        assert h.request("POST", controls, {"mask": {"token": "m7", "enabled": True}})[0] == 404
        assert h.request("POST", controls, {"mask": {"token": "m1", "remove": True}})[0] == 200
        assert h.get(controls)["masks"] == [] and not camera.masks
        for wrong in ({}, {"remove": True}, {"points": [[0, 0], [1, 1]]}, {"points": [[0, 0], [1, 2], [1, 1]]}, {"points": [["a", 0], [1, 0], [1, 1]]}, {"points": 7}):
            assert h.request("POST", controls, {"mask": wrong})[0] == 400, wrong
        said = [e["detail"] for e in h.events(topic="command", source="camera/gate")]
        assert sorted(said) == sorted(["new made", "m1 off", "m1 on, moved", "m7 on", "m1 removed"]), said


def test_time_servers(farm):
    with Camera(farm.url()) as camera, OnvifHub(camera) as h:
        assert_ready(h)
        for servers in ("pool.example 192.0.2.1 2001:db8::1", ""):
            assert h.request("POST", "/api/cameras/gate/controls", {"ntp": servers})[0] == 200
        assert [(n, v.get("FromDHCP"), v.get("DateTimeType")) for n, v in camera.told] == [
            ("SetNTP", "false", None), ("SetSystemDateAndTime", None, "NTP"), ("SetNTP", "true", None), ("SetSystemDateAndTime", None, "NTP")]
        first = camera.told[0][1]
        assert (first["DNSname"], first["IPv4Address"], first["IPv6Address"]) == ("pool.example", "192.0.2.1", "2001:db8::1")


@pytest.mark.parametrize("user, password, warned", [("admin", "12345", "makers ship"), ("Root", "pass", "makers ship"), ("bob", "bob", "user's name"), ("admin", "Tr0ub4dor", None)])
def test_a_login_that_everybody_knows(farm, user, password, warned):
    with Camera(farm.url(), user=user, password=password) as camera, OnvifHub(camera, user=user, password=password) as h:
        assert_ready(h)
        warnings = h.onvif()["warnings"]
        shown = h.cli("state").stdout
        assert "onvif ready       events by pull" in shown and (f"warning: {warnings[0]}" in shown if warned else "warning" not in shown), shown
        assert (len(warnings) == 1 and warned in warnings[0]) if warned else not warnings
        assert camera.refused == 0, "nothing is tried"


def test_profiles_are_chosen(farm):
    """By token or by name, and what is not there is said."""
    with Camera(farm.url(), farm.url(1)) as camera:
        with OnvifHub(camera, keys=", profiles: { main: sub, sub: main }") as h:
            assert_ready(h)
            wait_for("they play", lambda: all(h.camera("gate", s)["state"] == "live" for s in ("main", "sub")), 10)
            asked = [m for m, name in zip(camera.messages, camera.calls) if name == "GetStreamUri"]
            assert b"ProfileToken>sub<" in asked[0] and b"ProfileToken>main<" in asked[1]
        with OnvifHub(camera, keys=", profiles: { main: big }") as h:
            wait_for("the reason is shown", lambda: any("no profile 'big'" in n and "main 'main', sub 'sub'" in n for n in h.onvif().get("notes", [])), 15)
            assert h.camera("gate")["state"] == "lost" and "profile" in h.camera("gate")["reason"], h.camera("gate")


@pytest.mark.skipif(not onvif_zeep.WSDL.is_dir(), reason="the published ONVIF schemas are not beside this checkout")
def test_all_that_it_sends_is_valid(farm, tmp_path):
    """Each kind of question and order once, by the published schemas: Media and Media2, pulled and delivered."""
    square = [[-1, 1], [0, 1], [0, 0.5], [-1, 0.5]]
    wishes = [{"move": {"pan": 0.5, "zoom": -1}}, {"move": {}}, {"preset": "1"}, {"ir_cut": "off"}, {"auxiliary": "tt:IRLamp|On"}, {"set_clock": True},
              {"ntp": "pool.example 192.0.2.1 2001:db8::1"}, {"ntp": ""}, {"mask": {"points": square}}, {"mask": {"token": "m1", "enabled": False}},
              {"mask": {"token": "m1", "points": square}}, {"mask": {"token": "m1", "remove": True}}, {"reboot": True}]
    sent = []
    for quirks in (("media2", "push", "no-pull", "short-lived"), ("reference-parameters", "expires-at-once")):
        with Camera(farm.url(), farm.url(1), quirks=quirks) as camera:
            with OnvifHub(camera, mode="monostable", pulse="1s") as h:
                assert_ready(h)
                h.get("/api/cameras/gate/controls")
                for wish in wishes:
                    status = h.request("POST", "/api/cameras/gate/controls", wish)[0]
                    assert status == 200 or "mask" in wish and "media2" not in quirks, wish
                assert h.request("POST", "/api/relays/flood", {"state": "pulse"})[0] == 200
                wait_for("it was renewed", lambda: "Renew" in camera.calls, 10)
                h.stop()
            subprocess.run([hub.PIGTAIL, "discover", "--only-hosts", "--host", f"127.0.0.1:{camera.port}", "--user", "admin"], input="secret\n", text=True,
                           capture_output=True, timeout=30)
            assert {"GetUsers", "GetStorageConfigurations", "Unsubscribe", "SetRelayOutputSettings", "SetNTP"} <= set(camera.calls)
            sent += camera.messages
    names = {onvif_zeep.etree.fromstring(m).find("{*}Body")[0].tag.split("}")[1] for m in sent}
    assert {"Subscribe", "CreatePullPointSubscription", "PullMessages", "SetMask", "CreateMask", "DeleteMask", "ContinuousMove", "GetProfiles"} <= names, names
    onvif_zeep.kept.extend(sent)
    onvif_zeep.assert_kept_are_valid(tmp_path)


def test_a_camera_that_forgets_to_say_that_it_is_over(farm):
    """off-after: what is still reported lasts, what is not is over, and what is reported then is a new one."""
    with Camera(farm.url()) as camera, OnvifHub(camera, tokens=("AlarmIn_1, off-after: 2s", "AlarmOut_1")) as h:
        h.wait_door("inactive", 20)
        camera.set_input("AlarmIn_1", True)
        h.wait_door("active")
        for _ in range(4):
            time.sleep(1)
            camera.set_input("AlarmIn_1", True)
            assert h.door() == "active", "it is still reported"
        h.wait_door("inactive", 5)
        over = h.events(source="input/door")[0]
        assert over["state"] == "inactive" and "off-after" in over["detail"]
        camera.set_input("AlarmIn_1", True)
        h.wait_door("active")
        assert not h.events(source="input/door")[0].get("initial"), "news, and no state that was found"
        camera.set_input("AlarmIn_1", False)
        h.wait_door("inactive")
