# SPDX-License-Identifier: Apache-2.0
"""What happened at a camera while nobody listened stands in the log at its time, marked late, once; it switches nothing, and is told by
the rules that ask for it."""
import json
import subprocess
import sys
import time

import pytest
from hub import PIGTAIL, parse_time, wait_for
from wire import Wire, WiredHub, WiredNode

PLUGS = """inputs:
  door: { driver: virtual, channel: 1, kind: door, contact: normally-open }
"""
HUB = """inputs:
  front: { driver: onvif, camera: gate, token: door, kind: door, contact: normally-open, debounce: 30ms }
relays:
  flood: { driver: virtual, channel: 1, kind: light, safe: off }
notify:
  hook: { webhook: "http://127.0.0.1:9099/" }
rules:
  light:
    when: front active
    do: [{ relay: { flood: on } }, { notify: the light is on }]
  door:
    when: front active
    late: [notify, record]
    do: [{ relay: { flood: on } }, { record: { camera: gate, before: 2s, after: 2s, keep: 1d } }, { notify: the door was opened }]
"""
RECEIVER = """import http.server, sys
class Taker(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        sys.stdout.write(self.rfile.read(int(self.headers["Content-Length"])).decode() + "\\n")
        sys.stdout.flush()
        self.send_response(200)
        self.end_headers()
    def log_message(self, *a):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", 9099), Taker).serve_forever()
"""


@pytest.fixture
def site(tmp_path):
    with Wire() as wire, open(tmp_path / "told", "w") as told:
        receiver = subprocess.Popen([*wire.inside(wire.hub), sys.executable, "-c", RECEIVER], stdout=told)
        try:
            with WiredNode(wire, plugs=PLUGS) as node, WiredHub(wire, more=HUB) as hub:
                hub.wait_recording("gate")
                wait_for("the door is known", lambda: state(hub) == "inactive")
                yield wire, node, hub, tmp_path / "told"
        finally:
            receiver.kill()
            receiver.wait()


def state(hub):
    return next(i["state"] for i in hub.get("/api/plugs")["inputs"] if i["name"] == "front")


def press(node, closed):
    status, answer = node.request("POST", "/api/board/board/inputs/1", {"closed": closed})
    assert status == 200, answer


def opened(node, seconds=0.6):
    """Opens and closes the door; by the node's own log when that was."""
    press(node, True)
    time.sleep(seconds)
    press(node, False)
    time.sleep(0.3)
    events = node.get("/api/events?source=input/door&limit=2")["events"]
    return [parse_time(e["time"]) for e in reversed(events)]


def edges(hub, since):
    """All of the door that is no state found: (time, state, late), as the log has them."""
    events = hub.get("/api/events?source=input/front&limit=100")["events"]
    return [(parse_time(e["time"]), e["state"], e.get("late", False)) for e in reversed(events)
            if e["state"] in ("active", "inactive") and not e.get("initial") and parse_time(e["time"]) > since]


def assert_late(hub, since, times):
    found = wait_for("the door's edges are in the log", lambda: (lambda f: f if len(f) >= len(times) else None)(edges(hub, since)), 60, 0.3)
    assert [(s, late) for _, s, late in found] == [("active", True), ("inactive", True)] * (len(times) // 2), found
    assert all(abs(t - want) < 0.05 for (t, _, _), want in zip(found, times)), (found, times)


def orders(hub):
    return [e for e in hub.get("/api/events?source=relay/flood&topic=command&limit=20")["events"] if (e.get("actor") or "").startswith("rule/")]


def test_the_hub_was_down(site):
    """The cable is cut, then the hub is killed: the door opens before and after that, and once while nothing is wrong."""
    wire, node, hub, told = site
    opened(node)
    wait_for("a live edge", lambda: len(edges(hub, 0)) == 2 and len(told.read_text().splitlines()) == 2)
    assert [late for _, _, late in edges(hub, 0)] == [False, False] and len(orders(hub)) == 2
    assert hub.request("POST", "/api/relays/flood", {"state": "off"})[0] == 200
    since = time.time()
    wire.cut()
    times = opened(node)
    hub.kill()
    times += opened(node)
    hub.start()
    wire.mend()
    assert_late(hub, since, times)
    time.sleep(2.5)  # what came twice would have come by now
    assert len(edges(hub, 0)) == 6, edges(hub, 0)
    assert state(hub) == "inactive" and hub.get("/api/relays/flood")["state"] == "off" and len(orders(hub)) == 2
    messages = [json.loads(line) for line in told.read_text().splitlines()]
    assert sorted(m["text"][:39] for m in messages) == ["the door was opened", *["the door was opened (late: happened at "] * 2, "the light is on"], messages
    assert [m["event"].get("late", False) for m in messages] == [False, False, True, True]
    assert [k["camera"] for k in hub.get("/api/keep")["kept"]].count("gate") >= 3
    shown = hub.cli("events", "--source", "input/front").stdout
    assert shown.count("(late, told at 20") == 4, shown
    hub.stop()
    hub.start()
    wait_for("the door is known", lambda: state(hub) == "inactive")
    time.sleep(5)
    assert len(edges(hub, 0)) == 6, edges(hub, 0)


def test_a_connection_that_outlives_the_cut(site):
    """What the camera sends into a dead cable arrives when it is mended: older than ten seconds it is late, and its time is right."""
    wire, node, hub, told = site
    since = time.time()
    wire.cut()
    times = opened(node)
    time.sleep(12)
    wire.mend()
    assert_late(hub, since, times)
    wait_for("the message", told.read_text)
    time.sleep(2)
    assert len(edges(hub, since)) == 2 and not orders(hub), edges(hub, since)
    assert told.read_text().count("late: happened at") == 1


def test_a_camera_that_began_anew(site):
    """It starts again while the cable is cut, and the door opens before anybody listens. What it does from then on is heard as ever."""
    wire, node, hub, told = site
    since = time.time()
    follower = subprocess.Popen([PIGTAIL, "events", "--follow", "--source", "input/front"], env=dict(hub.env, PIGTAIL_SITE=str(hub.site)), stdout=subprocess.PIPE, text=True)
    node.stop()
    wire.cut()
    node.start()
    times = opened(node)
    wire.mend()
    # before it is filled
    wait_for("the gap has its cause", lambda: any(g["cause"] == "camera" and "started anew" in g["reason"] for g in hub.get("/api/backfill?camera=gate")["gaps"]), 30)
    assert_late(hub, since, times)
    wait_for("the message", lambda: told.read_text().count("late: happened at") == 1)
    assert state(hub) == "inactive" and not orders(hub)
    opened(node)
    wait_for("a live edge", lambda: len(edges(hub, since)) == 4)
    assert [late for *_, late in edges(hub, since)] == [True, True, False, False] and len(orders(hub)) == 2
    time.sleep(1)
    follower.terminate()
    # who follows the log is told of them when they come, though the state that was found stands behind them and was shown before
    shown = [(line.split()[2], "(late, told at 20" in line) for line in follower.communicate()[0].splitlines()]
    assert shown[-4:] == [("active", True), ("inactive", True), ("active", False), ("inactive", False)], shown


def test_a_door_that_is_still_open(site):
    """It was opened while nobody listened: that it is open is told once, when it is seen, and since when stands in the log."""
    wire, node, hub, told = site
    since = time.time()
    node.stop()
    wire.cut()
    node.start()
    press(node, True)
    at = time.time()
    time.sleep(4)
    wire.mend()
    wait_for("it is seen", lambda: state(hub) == "active", 60)
    fetched = wait_for("since when", lambda: [e for e in hub.events(source="camera/gate") if e["state"] == "events-fetched"], 60)
    time.sleep(2)
    found = edges(hub, since)
    assert [(s, late) for _, s, late in found] == [("active", False)] and len(orders(hub)) == 2, found
    assert len(fetched) == 1 and "input/front was active since" in fetched[0]["detail"], fetched
    assert abs(parse_time(fetched[0]["detail"].split(" since ")[1].split(",")[0]) - at) < 0.5, (fetched, at)
    assert told.read_text().count("the door was opened") == 1
    press(node, False)
    wait_for("it is closed", lambda: len(edges(hub, since)) == 2)
