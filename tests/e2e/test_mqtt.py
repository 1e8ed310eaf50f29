# SPDX-License-Identifier: Apache-2.0
"""The site on an MQTT broker (mosquitto) and, through its discovery, in Home Assistant: what is said, what is taken as an order,
and that nothing is lost while the broker is away."""
import contextlib
import io
import json
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time

import hub
import numpy
import PIL.Image
import pytest
import testpicture
from broker import Broker, Client
from hub import Farm, Hub, wait_for
from wire import CAMERA, Wire

GUIDE = pathlib.Path(__file__).resolve().parent.parent.parent / "doc/guide/mqtt.md"
SITE = """mqtt: {{ broker: 'mqtt://127.0.0.1:{port}'{more} }}
inputs:
  door: {{ driver: virtual, channel: 1, kind: door, debounce: 0ms }}
  pir: {{ driver: virtual, channel: 2, kind: pir, debounce: 0ms }}
relays:
  lamp: {{ driver: virtual, channel: 1, kind: light, safe: off }}
  siren: {{ driver: virtual, channel: 2, kind: siren, safe: off }}
  gate: {{ driver: virtual, channel: 3, kind: gate, mode: monostable, pulse: 1s, egress: hardwired, hub-timed: accepted }}
  barrier: {{ driver: virtual, channel: 4, kind: gate, mode: monostable, pulse: 500ms, egress: hardwired, hub-timed: accepted, allow: [mqtt] }}
rules:
  follow: {{ when: pir active, do: [{{ relay: {{ siren: on, for: 1s }} }}, {{ mqtt: {{ topic: house/horn, payload: toot }} }}] }}
"""


def site(port, more=""):
    return SITE.format(port=port, more=more)


def connected(h):
    return h.get("/api/state")["daemon"]["mqtt"]["connected"]


def test_events_states_and_orders():
    with Broker() as broker, Client(broker, "pigtail/#", "house/#") as other, Hub(site(broker.port)) as h, h.board() as board:
        wait_for("online", lambda: other.last("pigtail/status") == "online")
        wait_for("states", lambda: other.last("pigtail/input/door/state") == "inactive" and other.last("pigtail/relay/lamp/state") == "off")
        board.send(b"input 1 closed")
        wait_for("the door's state", lambda: other.last("pigtail/input/door/state") == "active")
        told = wait_for("the door's event", lambda: (e := other.last("pigtail/event/input/input/door")) and json.loads(e)["state"] == "active" and e)
        event = json.loads(told)
        assert event["source"] == "input/door" and event["id"] in {e["id"] for e in h.events(source="input/door")}
        # orders
        other.publish("pigtail/relay/lamp/set", "ON")
        wait_for("lit", lambda: other.last("pigtail/relay/lamp/state") == "on")
        assert h.get("/api/relays/lamp")["actor"] == "mqtt"
        other.publish("pigtail/relay/lamp/set", json.dumps({"state": "off"}))
        wait_for("dark", lambda: other.last("pigtail/relay/lamp/state") == "off")
        other.publish("pigtail/relay/lamp/set", json.dumps({"state": "on", "for": "1s"}))
        wait_for("lit for a second", lambda: other.last("pigtail/relay/lamp/state") == "on")
        wait_for("dark by itself", lambda: other.last("pigtail/relay/lamp/state") == "off", 5)
        other.publish("pigtail/relay/barrier/set", "pulse")
        wait_for("the barrier, which allows it", lambda: [e for e in h.events(source="relay/barrier", topic="command") if e["state"] == "pulse" and e["actor"] == "mqtt"])

        def refused(name):
            return [e["detail"] for e in h.events(source=f"relay/{name}", topic="command") if e["state"] == "refused"]
        for payload, why in (("JUMP", "'JUMP' is not understood"), ('{"state": "up"}', "state is none of"), ('{"state": "on", "for": "2"}', "for: "),
                             ('{"state": "on", "for": 2}', "for is no text"), ('{"state": "on", "for": null}', "for is no text"), ('{"state": "on", "for": "0s"}', "for: 0"),
                             ('{"state": "on", "at": 1577836800}', "at is no text"), ('{"state": "on", "fro": "2min"}', "'fro' is none of"),
                             ('{"state": "on", "at": "2099-01-01T00:00:00Z"}', "clocks differ"),
                             (b"\xff\xfe", "no text"), ('{"state": "on", "at": "2020-01-01T00:00:00Z"}', "old")):
            before = len(refused("lamp"))
            other.publish("pigtail/relay/lamp/set", payload)
            wait_for(f"{payload} is refused", lambda: len(refused("lamp")) > before)
            assert why in refused("lamp")[0], (payload, refused("lamp"))
        before = len(refused("lamp"))
        other.publish("pigtail/relay/lamp/set", "\x1b]0;mine\x07\x9b31m\nand a line of the log")  # whoever reads it has a terminal
        wait_for("it is refused", lambda: len(refused("lamp")) > before)
        assert "\x1b" in refused("lamp")[0]
        shown = h.cli("events", "--source", "relay/lamp").stdout
        assert ";mine" in shown and not set(shown) & set("\x1b\x07\x9b") and not any(line.startswith("and a line") for line in shown.splitlines())
        other.publish("pigtail/relay/gate/set", "PULSE")
        assert "allow: [mqtt]" in wait_for("the gate is refused", lambda: refused("gate"))[0]
        other.publish("pigtail/relay/nothing/set", "ON")
        wait_for("no such relay", lambda: refused("nothing"))
        assert h.get("/api/relays/lamp")["state"] == "off"
        board.send(b"input 2 closed")
        wait_for("what a rule publishes", lambda: other.last("house/horn") == "toot")
        # nobody else's topics
        assert {t.split("/")[1] for t, _, _ in other.got if t.startswith("pigtail/")} <= {"status", "event", "input", "relay", "camera", "mode", "alarm"}
        h.stop()
        wait_for("offline", lambda: other.last("pigtail/status") == "offline")


def test_a_kept_order_is_refused():
    """It was given while nobody listened: a session is clean, and what the broker retained is old."""
    with Broker() as broker, Client(broker) as other:
        other.publish("pigtail/relay/lamp/set", "ON", 1, True)
        with Hub(site(broker.port)) as h:
            assert "had kept" in wait_for("refused", lambda: [e["detail"] for e in h.events(source="relay/lamp", topic="command") if e["state"] == "refused"])[0]
            assert h.get("/api/relays/lamp")["state"] == "off"
            broker.kill()
            wait_for("away", lambda: not connected(h))
            broker.start()
            with Client(broker) as one:
                one.publish("pigtail/relay/siren/set", "ON", 1)  # before it is back, or after: never twice, and never late
            wait_for("back", lambda: connected(h), 40)
            time.sleep(0.5)
            orders = [e for e in h.events(source="relay/siren", topic="command") if e["state"] == "on"]
            assert len(orders) <= 1


def test_nothing_is_lost_while_the_broker_or_the_hub_dies():
    """Every event of the log is at a subscriber that never forgets, in its order, at least once."""
    with Broker() as broker, Client(broker, "pigtail/event/#", persistent="keeper") as keeper:
        with Hub(site(broker.port)) as h, h.board() as board:
            wait_for("connected", lambda: connected(h))
            closed = False

            def edges(n):
                nonlocal closed
                for _ in range(n):
                    closed = not closed
                    board.send(b"input 1 closed" if closed else b"input 1 open")
                    time.sleep(0.005)
            edges(50)
            broker.kill()
            edges(100)
            wait_for("away", lambda: not connected(h))
            edges(50)
            assert wait_for("they wait", lambda: (lambda n: n if n >= 100 else None)(h.get("/api/state")["daemon"]["mqtt"]["waiting"]))
            h.kill()
            h.start()
            broker.start()
            wait_for("back", lambda: connected(h), 60)
            wait_for("the keeper is back", keeper.c.is_connected, 30)
            wait_for("nothing waits", lambda: h.get("/api/state")["daemon"]["mqtt"]["waiting"] == 0, 30)
            logged = [e["id"] for e in reversed(h.events(source="input/door", limit=10000))]
            def came():
                return [json.loads(p)["id"] for t, p, _ in keeper.got if t == "pigtail/event/input/input/door"]
            first = came()[0]
            expected = logged[logged.index(first):]
            assert len(expected) >= 200
            wait_for("all of them", lambda: set(expected) <= set(came()), 20)
            once = list(dict.fromkeys(came()))
            assert once == sorted(once) and once == expected, (len(once), len(expected))
            assert h.get("/api/state")["daemon"]["mqtt"]["dropped"] == 0


@pytest.mark.parametrize("how", ["too large", "access list"])
def test_what_the_broker_does_not_take(tmp_path, how):
    """It holds up nothing that comes after it, and is counted."""
    (tmp_path / "acl").write_text("topic read #\ntopic write pigtail/event/input/#\ntopic write pigtail/status\n")
    (tmp_path / "acl").chmod(0o644)
    tmp_path.chmod(0o755)
    more = "allow_anonymous true\n" + ("max_packet_size 600" if how == "too large" else f"acl_file {tmp_path}/acl")
    keys = f"  tell: {{{{ when: door active, do: {{{{ log: '{'x' * 600}' }}}} }}}}\n"
    with Broker(more) as broker, Client(broker, "pigtail/event/#") as other:
        with Hub((SITE + keys).format(port=broker.port, more=", home-assistant: off")) as h, h.board() as board:
            wait_for("connected", lambda: connected(h))
            for i in range(3):
                board.send(b"input 1 closed")
                time.sleep(0.05)
                board.send(b"input 1 open")
                time.sleep(0.05)
            ids = {e["id"] for e in h.events(source="input/door")}
            wait_for("every edge arrives", lambda: ids <= {json.loads(p)["id"] for t, p, _ in other.got if t == "pigtail/event/input/input/door"})
            wait_for("nothing waits", lambda: not h.state()["daemon"]["mqtt"]["waiting"])
            assert h.state()["daemon"]["mqtt"]["refused"] >= 3 and h.alive() and connected(h)
            assert "the broker refused them" in h.cli("state").stdout


def test_login_and_tls(tmp_path):
    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2, "-subj", "/CN=our CA", "-keyout", tmp_path / "ca.key", "-out", tmp_path / "ca.pem")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "csr.pem")
    (tmp_path / "ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", tmp_path / "csr.pem", "-CA", tmp_path / "ca.pem", "-CAkey", tmp_path / "ca.key", "-days", 2, "-extfile", tmp_path / "ext", "-out", tmp_path / "cert.pem")
    subprocess.run(["mosquitto_passwd", "-c", "-b", tmp_path / "pw", "pigtail", "hunter2 hunter2"], check=True, capture_output=True)
    more = f"allow_anonymous false\npassword_file {tmp_path}/pw\ncertfile {tmp_path}/cert.pem\nkeyfile {tmp_path}/key.pem\n"

    def start(port, keys, password):
        h = Hub(site(port, keys).replace("mqtt://127", "mqtts://127"), start=False)
        (h.dir / "secrets.yaml").write_text(f"logins:\n  broker: {{ user: pigtail, password: {password} }}\n")
        (h.dir / "secrets.yaml").chmod(0o600)
        h.start()
        return h

    def error(h):
        return wait_for("why not", lambda: h.get("/api/state")["daemon"]["mqtt"].get("error"), 20)
    with Broker(more) as broker:
        with start(broker.port, f", ca: {tmp_path}/ca.pem, login: broker", "hunter2 hunter2") as h:
            wait_for("connected", lambda: connected(h))
            assert h.get("/api/state")["daemon"]["mqtt"]["version"] == "5" and "hunter2" not in h.stderr() + json.dumps(h.get("/api/state"))
            assert "broker" in h.cli("state").stdout
        with start(broker.port, f", ca: {tmp_path}/ca.pem, login: broker", "wrong") as h:
            assert "not authori" in error(h).lower(), error(h)
        with socket.create_server(("127.0.0.1", 0)) as ear:  # without what to trust by, nothing is said at all
            with start(ear.getsockname()[1], f", ca: {tmp_path}/gone.pem, login: broker", "hunter2 hunter2") as h:
                assert "gone.pem) cannot be read" in error(h)
                ear.settimeout(2)
                with pytest.raises(TimeoutError):
                    ear.accept()
        with start(broker.port, ", login: broker", "hunter2 hunter2") as h:  # the system knows no such CA
            assert error(h) and not connected(h)
        with start(broker.port, f", ca: {tmp_path}/ca.pem, login: broker, version: 3.1.1", "hunter2 hunter2") as h:
            wait_for("connected", lambda: connected(h))
            assert h.get("/api/state")["daemon"]["mqtt"]["version"] == "3.1.1"


def test_home_assistant():
    """Things appear by themselves, with what Home Assistant's pages ask for, and go when they leave the site file."""
    with Broker() as broker, Client(broker, "homeassistant/#", "pigtail/#") as other, Farm() as farm:
        stale = "homeassistant/switch/pigtail/relay_gone/config"
        other.publish(stale, '{"name": "gone"}', 1, True)
        look = "  look: { when: door active, do: { snapshot: gate } }\n"
        gate = "  gate: { source: 'test:clock?size=640x360&fps=10&gop=1s' }\n"
        text = site(broker.port, ", pictures: 1h") + look + f"cameras:\n  yard: {{ source: '{farm.url()}', motion: true }}\n{gate}"
        with Hub(text) as h, h.board() as board:
            def shown():
                """The clock in the picture that the broker has."""
                picture = PIL.Image.open(io.BytesIO(other.raw["pigtail/camera/gate/picture"]))
                assert picture.format == "JPEG" and picture.size == (640, 360)
                return testpicture.read_time(numpy.asarray(picture.convert("L"))) / 1000

            def configs():
                return {t: json.loads(p) for t, p, _ in other.got if t.startswith("homeassistant/") and p and t != stale}
            wait_for("all is announced", lambda: len(configs()) >= 13)
            wait_for("what is no more is taken back", lambda: other.last(stale) == "")
            found = configs()
            assert set(found) == {f"homeassistant/{c}/config" for c in (
                "alarm_control_panel/pigtail/alarm", "binary_sensor/pigtail/input_door", "binary_sensor/pigtail/input_pir", "light/pigtail/relay_lamp", "switch/pigtail/relay_siren",
                "binary_sensor/pigtail/relay_gate", "button/pigtail/relay_barrier", "binary_sensor/pigtail/relay_barrier",
                "binary_sensor/pigtail/camera_yard", "binary_sensor/pigtail/motion_yard", "camera/pigtail/picture_yard",
                "binary_sensor/pigtail/camera_gate", "camera/pigtail/picture_gate")}
            ids = [c["unique_id"] + t.split("/")[1] for t, c in found.items()]
            assert len(set(ids)) == len(ids)
            for topic, c in found.items():
                assert c["device"]["identifiers"] and c["origin"]["name"] == "Pigtail" and c["availability"][0] == {"topic": "pigtail/status"}
                component = topic.split("/")[1]
                needed = {"binary_sensor": {"state_topic", "payload_on", "payload_off"}, "switch": {"state_topic", "command_topic"},
                          "light": {"state_topic", "command_topic"}, "alarm_control_panel": {"state_topic", "command_topic"}, "button": {"command_topic"}, "camera": {"topic"}}[component]
                assert needed <= set(c), (topic, c)
                if "state_topic" in c and "motion" not in topic:
                    wait_for(f"{c['state_topic']} is told", lambda: other.last(c["state_topic"]) is not None)
            assert found["homeassistant/binary_sensor/pigtail/input_door/config"]["device_class"] == "door"
            # pressed as Home Assistant would
            lamp = found["homeassistant/light/pigtail/relay_lamp/config"]
            other.publish(lamp["command_topic"], lamp["payload_on"])
            wait_for("lit", lambda: other.last(lamp["state_topic"]) == "on")
            press = found["homeassistant/button/pigtail/relay_barrier/config"]
            other.publish(press["command_topic"], press["payload_press"])
            wait_for("raised", lambda: other.last("pigtail/relay/barrier/state") == "on")
            # a picture at once, and another when something happens there
            wait_for("a picture of each", lambda: {"pigtail/camera/gate/picture", "pigtail/camera/yard/picture"} <= set(other.raw))
            assert "image_encoding" not in found["homeassistant/camera/pigtail/picture_gate/config"]
            first = shown()
            assert abs(time.time() - first) < 20
            board.send(b"input 1 closed")
            wait_for("one of the event", lambda: shown() > first)
            # away with the site file
            h.write_site(text.replace(look, "").replace(gate, "").replace("  pir: { driver: virtual, channel: 2, kind: pir, debounce: 0ms }\n", "").replace("rules:\n", "").replace("  follow: { when: pir active, do: [{ relay: { siren: on, for: 1s } }, { mqtt: { topic: house/horn, payload: toot } }] }\n", ""))
            h.process.send_signal(signal.SIGHUP)
            wait_for("it is gone", lambda: other.last("homeassistant/binary_sensor/pigtail/input_pir/config") == "" and other.last("pigtail/input/pir/state") == "")
            wait_for("the picture too", lambda: other.last("homeassistant/camera/pigtail/picture_gate/config") == "" and other.raw["pigtail/camera/gate/picture"] == b"")


def test_the_documented_topics_are_those():
    """Each topic that was seen fits a line of the guide's table, and each line was seen."""
    lines = re.findall(r"^\| `(pigtail/[^`]+)` \|", GUIDE.read_text(), re.M)
    assert len(lines) >= 7
    patterns = {line: re.compile("^" + re.sub(r"[A-Z]+", "[^/]+", line) + "$") for line in lines}
    with Broker() as broker, Client(broker, "pigtail/#") as other, Farm() as farm:
        with Hub(site(broker.port, ", pictures: 1h") + f"cameras:\n  yard: {{ source: '{farm.url()}', motion: true }}\n", start=False) as h:
            h.site.write_text(h.site.read_text().replace("  follow: {", "  arm: { when: pir inactive, do: { mode: away } }\n  follow: {"))
            h.start()
            with h.board() as board:
                wait_for("connected", lambda: connected(h))
                board.send(b"input 2 closed")
                board.send(b"input 2 open")
                other.publish("pigtail/relay/lamp/set", "ON")
                other.publish("pigtail/mode/set", "{}")
                wait_for("a mode", lambda: other.last("pigtail/mode/state") == "away")
                wait_for("a camera", lambda: other.last("pigtail/camera/yard/state") == "live")
                wait_for("motion or none", lambda: other.last("pigtail/camera/yard/motion"), 30)
                time.sleep(2)
            h.kill()
            h.start()  # what it had open is recovered, which is an event of the archive, whose name is one word
            wait_for("the archive's event", lambda: [t for t, _, _ in other.got if t == "pigtail/event/archive/archive"])
    seen = {t for t, _, _ in other.got}
    for topic in seen:
        assert any(p.match(topic) for p in patterns.values()), f"{topic} is not in {GUIDE.name}"
    for line, p in patterns.items():
        assert any(p.match(t) for t in seen), f"{line} was not seen"


DEVICES = """mqtt: {{ broker: 'mqtt://127.0.0.1:{port}', home-assistant: off }}
inputs:
  window: {{ driver: mqtt, kind: door, topic: zigbee2mqtt/window, value: contact, payload-on: "false", available: zigbee2mqtt/window/availability }}
  bell: {{ driver: mqtt, kind: button, topic: shellies/bell/input/0 }}
relays:
  plug: {{ driver: mqtt, kind: light, topic: cmnd/plug/POWER, state: stat/plug/RESULT, value: POWER, available: tele/plug/LWT, ask: cmnd/plug/STATE }}
  heater: {{ driver: mqtt, topic: zigbee2mqtt/heater/set/state, state: zigbee2mqtt/heater, value: state, contact: normally-closed }}
rules:
  light: {{ when: window active, do: {{ relay: {{ plug: on, for: 1s }} }} }}
"""


def test_devices_at_the_broker():
    """A Zigbee2MQTT window contact and a Tasmota plug as a site has them: here played by a client that follows their conventions."""
    with Broker() as broker, Client(broker, "cmnd/#", "zigbee2mqtt/+/set/#") as house:
        house.publish("zigbee2mqtt/window/availability", '{"state":"online"}', 1, True)
        house.publish("zigbee2mqtt/window", '{"contact":true,"battery":97}', 1, True)
        house.publish("tele/plug/LWT", "Online", 1, True)
        with Hub(DEVICES.format(port=broker.port)) as h:
            def window():
                return h.get("/api/inputs/window")["state"]

            def plug():
                return h.get("/api/relays/plug")
            wait_for("the window is shut", lambda: window() == "inactive")
            assert h.events(source="input/window")[-1].get("initial")
            wait_for("the plug is asked", lambda: house.last("cmnd/plug/STATE") == "")
            assert plug()["state"] == "unknown"
            house.publish("stat/plug/RESULT", '{"POWER":"OFF"}')
            wait_for("it answers", lambda: plug()["state"] == "off")
            # an edge, and what the rule does
            house.publish("zigbee2mqtt/window", '{"contact":false,"battery":97}')
            wait_for("the order", lambda: house.last("cmnd/plug/POWER") == "ON")
            assert window() == "active"
            house.publish("stat/plug/RESULT", '{"POWER":"ON"}')
            wait_for("lit", lambda: plug()["state"] == "on" and not plug()["mismatch"])
            wait_for("its second is over", lambda: house.last("cmnd/plug/POWER") == "OFF", 5)
            wait_for("it does not follow", lambda: plug()["mismatch"], 5)
            house.publish("stat/plug/RESULT", '{"POWER":"OFF"}')
            wait_for("it follows", lambda: plug()["state"] == "off" and not plug()["mismatch"])
            # what is not of it
            house.publish("zigbee2mqtt/window", '{"battery":96}')
            house.publish("zigbee2mqtt/window", "\x00{")
            # a contact that is closed when off
            house.publish("zigbee2mqtt/heater", '{"state":"ON"}')
            wait_for("the heater", lambda: h.get("/api/relays/heater")["state"] == "on")
            wait_for("safe: off, as soon as it is there", lambda: house.last("zigbee2mqtt/heater/set/state") == "OFF")
            # away: unknown, and no orders
            house.publish("zigbee2mqtt/window/availability", '{"state":"offline"}', 1, True)
            wait_for("the window is away", lambda: window() == "unknown")
            house.publish("tele/plug/LWT", "Offline", 1, True)
            wait_for("the plug is away", lambda: plug()["state"] == "unknown")
            status, answer = h.request("POST", "/api/relays/plug", {"state": "on"})
            assert status == 409 and "away" in answer["error"], answer
            # the broker away: the same
            house.publish("shellies/bell/input/0", "1")
            wait_for("the bell", lambda: h.get("/api/inputs/bell")["state"] == "active")
            broker.kill()
            wait_for("the bell is not known any more", lambda: h.get("/api/inputs/bell")["state"] == "unknown")
            broker.start()
            with Client(broker) as again:
                wait_for("back", lambda: connected(h), 40)
                again.publish("shellies/bell/input/0", "0")
                wait_for("the bell again", lambda: h.get("/api/inputs/bell")["state"] == "inactive")


ALARM = """mqtt: {{ broker: 'mqtt://127.0.0.1:{port}' }}
inputs: {{ door: {{ driver: virtual, channel: 1, kind: door, debounce: 0ms }}, pir: {{ driver: virtual, channel: 2, kind: pir, debounce: 0ms }} }}
alarm:
  exit-delay: 1s
  entry-delay: 2s
  zones: {{ front: {{ inputs: door, armed-in: [night, away], entry: delayed }}, hall: {{ inputs: pir, armed-in: away }} }}
"""


def test_an_order_does_not_come_late():
    """The way to the broker is cut when it is given: it has not arrived when the way is free again, and never does."""
    with Wire() as wire:
        port, inside = 1883, wire.inside(wire.camera)
        with tempfile.TemporaryDirectory(dir=hub.SCRATCH) as folder, contextlib.ExitStack() as stack:
            conf, heard = pathlib.Path(folder) / "conf", pathlib.Path(folder) / "heard"
            conf.write_text(f"listener {port} 0.0.0.0\nallow_anonymous true\nlog_dest none\nuser root\n")

            def run(*words, **more):
                process = subprocess.Popen([*inside, *map(str, words)], **more)
                stack.callback(process.wait)
                stack.callback(process.terminate)
            run("mosquitto", "-c", conf)
            time.sleep(1)
            with heard.open("w") as out:
                run("mosquitto_sub", "-p", port, "-t", "lamp/set", stdout=out)
            h = stack.enter_context(Hub(f"""mqtt: {{ broker: 'mqtt://{CAMERA}:{port}', plain: lan }}
relays: {{ lamp: {{ driver: mqtt, topic: lamp/set, state: lamp/state, safe: keep }} }}
""", prefix=wire.inside(wire.hub)))
            wait_for("connected", lambda: connected(h))
            subprocess.run([*inside, "mosquitto_pub", "-p", str(port), "-t", "lamp/state", "-m", "OFF", "-r"], check=True)
            wait_for("it is there", lambda: h.get("/api/relays/lamp")["state"] == "off")
            h.cli("relay", "lamp", "on")
            wait_for("an order arrives", lambda: heard.read_text() == "ON\n")
            wire.cut()
            h.cli("relay", "lamp", "on")
            time.sleep(10)
            wire.mend()
            wait_for("connected again", lambda: h.get("/api/relays/lamp")["state"] == "off" and connected(h), 60)
            time.sleep(15)
            assert heard.read_text() == "ON\n"


def test_the_alarm_panel():
    """Armed and disarmed as Home Assistant's panel does it: to disarm takes a PIN, which neither the log nor a topic shows."""
    with Broker() as broker, Client(broker, "pigtail/#", "homeassistant/alarm_control_panel/#") as panel:
        with Hub(ALARM.format(port=broker.port), start=False) as h:
            def say(mode, code=""):
                template = json.loads(panel.last("homeassistant/alarm_control_panel/pigtail/alarm/config"))["command_template"]
                panel.publish("pigtail/mode/set", template.replace("{{ action }}", mode).replace("{{ code }}", code))

            def shows(state, seconds=10):
                wait_for(state, lambda: panel.last("pigtail/alarm/state") == state, seconds, 0.02)

            def refused():
                return [e["detail"] for e in h.events(topic="command", source="system/mode") if e["state"] == "refused"]
            h.start()
            wait_for("announced", lambda: panel.last("homeassistant/alarm_control_panel/pigtail/alarm/config"))
            config = json.loads(panel.last("homeassistant/alarm_control_panel/pigtail/alarm/config"))
            assert config["supported_features"] == ["arm_home", "arm_night", "arm_away"] and config["code"] == "REMOTE_CODE_TEXT"
            shows("disarmed")
            say("ARM_AWAY")
            shows("arming")
            shows("armed_away")
            assert panel.last("pigtail/mode/state") == "away"
            say("DISARM")
            wait_for("without a PIN there is no disarming", lambda: refused())
            assert "nobody has a PIN" in refused()[0] and panel.last("pigtail/mode/state") == "away"
            h.stop()
            line = subprocess.run([hub.PIGTAIL, "user", "pin"], input="271828\n", capture_output=True, text=True, check=True).stdout
            users = h.dir / "users.yaml"
            users.write_text(f"anna:\n  role: operator\n  {line}")
            users.chmod(0o600)
            h.start()
            shows("armed_away")
            with h.board() as board:
                board.send(b"input 1 closed")
                shows("pending")
                say("DISARM", "1234")
                wait_for("a wrong PIN", lambda: refused() and "wrong PIN" in refused()[0])
                shows("triggered")
                say("DISARM", "271828")
                wait_for("disarmed", lambda: panel.last("pigtail/mode/state") == "disarmed")
                board.send(b"input 1 open")
                say("ARM_NIGHT")
                wait_for("night", lambda: panel.last("pigtail/mode/state") == "night", 5)
                before = len(refused())
                say("ARM_AWAY")  # which would open the way in for as long as the way out
                wait_for("it takes a PIN", lambda: len(refused()) > before)
                board.send(b"input 1 closed")
                wait_for("the front door is guarded", lambda: [e for e in h.events(topic="alarm", source="alarm/front") if e["state"] == "raised"][1:])
                say("DISARM", "271828")
                wait_for("disarmed", lambda: panel.last("pigtail/mode/state") == "disarmed")
                done = [e for e in h.events(topic="command", source="system/mode") if e["actor"] == "user/anna"]
                assert done and "over MQTT" in done[0]["detail"]
            assert "271828" not in h.stderr() + json.dumps(h.events(limit=1000))
            assert not [p for t, p, _ in panel.got if "271828" in p and t != "pigtail/mode/set"]
