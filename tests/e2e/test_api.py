# SPDX-License-Identifier: Apache-2.0
"""What the API refuses: orders that are not understood, and what belongs to cameras that the caller may not see."""
import json
import signal
import socket
import time
import urllib.error
import urllib.request

import pytest

from pages_hub import PASSWORD, SITE, Hub


class Caller:
    def __init__(self, hub, user):
        self.hub, self.cookie = hub, None
        if user is None:
            return
        status, _, headers = self.ask("POST", "/api/login", {"user": user, "password": PASSWORD})
        assert status == 200
        self.cookie = headers["Set-Cookie"].split(";")[0]

    def ask(self, method, path, body=None, headers={}):
        request = urllib.request.Request(self.hub.url + path, json.dumps(body).encode() if body is not None else None, headers, method=method)
        if self.cookie:
            request.add_header("Cookie", self.cookie)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers


@pytest.fixture(scope="module")
def hub():
    hub = Hub(users=("otto operator", "gustav operator"),
              site=SITE.replace("users: users.yaml", "  gate seen: {{ when: gate lost, do: {{ log: the gate is lost }} }}\nusers: users.yaml"))
    users = hub.dir / "users.yaml"
    users.write_text(users.read_text().replace("gustav:\n", "gustav:\n  cameras: [gate]\n"))
    hub.stop()
    hub.start()
    yield hub
    assert hub.close() == 0


@pytest.mark.parametrize("order", [{"state": "on", "for": 5}, {"state": "on", "for": None}, {"state": "on", "for": "0s"},
                                   {"state": "on", "for": ["2min"]}, {"state": "on", "for": "5"}])
def test_a_time_that_is_not_understood_is_no_order(hub, order):
    otto = Caller(hub, "otto")
    status, text, _ = otto.ask("POST", "/api/relays/flood", order)
    assert status == 400 and "for: " in text
    assert json.loads(otto.ask("GET", "/api/relays/flood")[1])["state"] == "off"


def test_a_gate_takes_orders_by_programs_only_if_it_is_allowed(hub):
    otto, order = Caller(hub, "otto"), {"state": "pulse"}
    status, text, _ = otto.ask("POST", "/api/relays/barrier", order)
    assert status == 403 and "allow: [http]" in text
    assert otto.ask("POST", "/api/relays/barrier", order, {"Origin": hub.url})[0] == 200  # as a page has it
    assert otto.ask("POST", "/api/relays/flood", {"state": "off"})[0] == 200  # no way in
    site = hub.dir / "site.yaml"
    text = site.read_text()
    site.write_text(text.replace("hub-timed: accepted }", "hub-timed: accepted, allow: [http] }"))
    hub.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 10
    while (status := otto.ask("POST", "/api/relays/barrier", order)[0]) == 403 and time.monotonic() < until:
        time.sleep(0.2)
    assert status in (200, 409)  # a pulse may still last
    site.write_text(text)
    hub.process.send_signal(signal.SIGHUP)


def test_what_is_no_topic_or_order_is_not_taken_for_an_empty_log(hub):
    otto = Caller(hub, "otto")
    for query, word in (("topic=relais", "relay"), ("topic=", "relay"), ("order=down", "oldest")):
        status, text, _ = otto.ask("GET", "/api/events?" + query)
        assert status == 400 and word in text, query
    assert otto.ask("GET", "/api/events?topic=relay&order=oldest")[0] == 200


def test_other_cameras_stay_out_of_sight(hub):
    gustav, otto = Caller(hub, "gustav"), Caller(hub, "otto")
    for path in ("/api/state", "/api/cameras", "/api/events", "/api/timeline", "/api/archive", "/api/keep", "/api/backfill", "/api/proof", "/metrics"):
        assert "yard" in otto.ask("GET", path)[1] or path in ("/api/archive", "/api/keep", "/api/backfill", "/api/proof"), path
        status, text, _ = gustav.ask("GET", path)
        assert status == 200 and "yard" not in text, path
    for path in ("segments", "snapshot.jpg", "picture.jpg", "play.mp4", "clip.mp4", "pictures/00b1a4c2d0000000.jpg"):
        assert gustav.ask("GET", "/api/cameras/yard/" + path)[0] == 404, path
    for path, order in (("talk", {"text": "hello"}), ("controls", {"zoom": 1})):
        assert gustav.ask("POST", "/api/cameras/yard/" + path, order)[0] == 404, path


def test_filling_is_paused_for_all_cameras_by_those_who_see_all(hub):
    gustav, otto = Caller(hub, "gustav"), Caller(hub, "otto")
    assert gustav.ask("POST", "/api/backfill/pause", {"pause": True})[0] == 403
    assert not json.loads(otto.ask("GET", "/api/backfill")[1])["paused"]
    for pause in (True, False):
        assert json.loads(otto.ask("POST", "/api/backfill/pause", {"pause": pause})[1]) == {"paused": pause}


def test_plugs_and_rules_of_no_camera_are_for_those_who_see_all(hub):
    gustav, otto = Caller(hub, "gustav"), Caller(hub, "otto")
    assert {"door", "flood"} <= {p["name"] for p in [*json.loads(otto.ask("GET", "/api/plugs")[1])["inputs"],
                                                     *json.loads(otto.ask("GET", "/api/plugs")[1])["relays"]]}
    assert json.loads(gustav.ask("GET", "/api/plugs")[1]) == {"inputs": [], "relays": []}
    assert [r["name"] for r in json.loads(otto.ask("GET", "/api/rules")[1])["rules"]] == ["light at the door", "gate seen"]
    assert [r["name"] for r in json.loads(gustav.ask("GET", "/api/rules")[1])["rules"]] == ["gate seen"]
    for path in ("/api/inputs/door", "/api/relays/flood", "/api/board/board"):
        assert otto.ask("GET", path)[0] == 200, path
        assert gustav.ask("GET", path)[0] == 404, path
    assert gustav.ask("POST", "/api/relays/flood", {"state": "on"})[0] == 404
    assert gustav.ask("POST", "/api/board/board/inputs/1", {"closed": True})[0] == 404


def test_what_is_kept_of_other_cameras_is_not_released(hub):
    gustav, otto = Caller(hub, "gustav"), Caller(hub, "otto")
    span = {"camera": "yard", "from": "2026-11-22T12:00:00Z", "to": "2026-11-22T12:01:00Z"}
    assert gustav.ask("POST", "/api/keep", span)[0] == 404
    assert otto.ask("POST", "/api/keep", {**span, "until": "2020-01-01T00:00:00Z"})[0] == 400
    status, text, _ = otto.ask("POST", "/api/keep", span)
    assert status == 200
    kept = json.loads(text)["id"]
    assert gustav.ask("DELETE", f"/api/keep/{kept}")[0] == 404
    assert kept in otto.ask("GET", "/api/keep")[1]
    assert otto.ask("DELETE", f"/api/keep/{kept}")[0] == 200
    assert otto.ask("DELETE", f"/api/keep/{kept}")[0] == 404
    logged = [e for e in json.loads(otto.ask("GET", "/api/events?topic=archive&source=camera/yard&order=oldest")[1])["events"]]
    assert [(e["state"], e["actor"]) for e in logged] == [("kept", "user/otto"), ("released", "user/otto")]
    assert all("2026-11-22T12:00:00" in e["detail"] and "2026-11-22T12:01:00" in e["detail"] for e in logged)


class Socket:
    """A WebSocket as `caller`; only whether bytes still come matters."""

    def __init__(self, hub, caller, path):
        self.socket = socket.create_connection(("127.0.0.1", hub.port), 5)
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{hub.port}\r\nCookie: {caller.cookie}\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n").encode())
        assert b" 101 " in self.socket.recv(4096).split(b"\r\n")[0]

    def ends_within(self, seconds):
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                self.socket.settimeout(max(0.1, until - time.monotonic()))
                if not self.socket.recv(1 << 16):
                    return True
        except socket.timeout:
            pass
        except ConnectionError:
            return True
        return False


def test_sockets_end_with_the_login_they_came_by(hub):
    otto, elsewhere, gustav = Caller(hub, "otto"), Caller(hub, "otto"), Caller(hub, "gustav")
    live, bus = Socket(hub, otto, "/api/live/gate/main"), Socket(hub, otto, "/api/bus")
    other, restricted = Socket(hub, elsewhere, "/api/live/gate/main"), Socket(hub, gustav, "/api/live/gate/main")
    assert otto.ask("POST", "/api/logout")[0] == 200
    assert live.ends_within(3) and bus.ends_within(3)
    assert not other.ends_within(1) and not restricted.ends_within(1)
    users = hub.dir / "users.yaml"
    before = users.read_text()
    users.write_text(before.replace("cameras: [gate]", "cameras: [yard]"))
    hub.process.send_signal(signal.SIGHUP)
    assert restricted.ends_within(3), "gustav may not see it any more"
    assert not other.ends_within(1)
    users.write_text(before)
    hub.process.send_signal(signal.SIGHUP)
