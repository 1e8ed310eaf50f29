# SPDX-License-Identifier: Apache-2.0
"""`pigtail demo`: a camera and a hub, two processes; the hub finds the camera by discovery, and its door and lamp go over ONVIF."""
import http.client
import json
import os
import signal
import subprocess
import time

import pytest

import hub
from hub import free_port, wait_for

ENV = dict(os.environ, PIGTAIL_CODEC=str(hub.CODEC), ASAN_OPTIONS="intercept_tls_get_addr=0:" + os.environ.get("ASAN_OPTIONS", ""))


class Site:
    """One of the two, by its pages, as whoever has the link sees it."""

    def __init__(self, link):
        self.port = int(link.split(":")[2].split("/")[0])
        token = link.split("#login=")[1].split("&")[0]
        self.cookie = None
        status, headers, _ = self.ask("POST", "/api/login", {"token": token})
        assert status == 200
        self.cookie = headers["Set-Cookie"].split(";")[0]

    def ask(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        c.request(method, path, json.dumps(body) if body is not None else None, {"Cookie": self.cookie} if self.cookie else {})
        answer = c.getresponse()
        data = answer.read()
        c.close()
        return answer.status, answer.headers, json.loads(data) if data else None

    def get(self, path):
        status, _, answer = self.ask("GET", path)
        assert status == 200, (path, status, answer)
        return answer


def start(folder, *arguments):
    process = subprocess.Popen([hub.PIGTAIL, "demo", "--dir", folder, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV)
    process.hub = process.stdout.readline().strip()
    process.camera = process.stdout.readline().strip().split(": ", 1)[-1]
    return process


def stop(process):
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def test_door_and_lamp_over_onvif(tmp_path):
    process = start(tmp_path / "demo", "--port", str(free_port() // 4 * 4))
    try:
        the_hub, camera = Site(process.hub), Site(process.camera)
        site = (tmp_path / "demo/hub-site/site.yaml").read_text()
        assert "source: onvif://" in site and "driver: onvif" in site and "virtual" not in site
        wait_for("the hub has the camera", lambda: the_hub.get("/api/inputs/door")["state"] == "inactive", 20)
        wait_for("footage", lambda: any(s["segments"] for s in the_hub.get("/api/archive")["series"]), 20)
        times = []
        for _ in range(3):
            assert camera.ask("POST", "/api/board/board/inputs/1", {"closed": True})[0] == 200
            begin = time.monotonic()
            wait_for("the lamp is lit", lambda: camera.get("/api/relays/flood")["state"] == "on", 5, 0.002)
            times.append(time.monotonic() - begin)
            wait_for("and read back", lambda: the_hub.get("/api/relays/flood")["state"] == "on", 5, 0.01)
            camera.ask("POST", "/api/board/board/inputs/1", {"closed": False})
            the_hub.ask("POST", "/api/relays/flood", {"state": "off"})
            wait_for("the lamp is dark", lambda: camera.get("/api/relays/flood")["state"] == "off", 5, 0.01)
            time.sleep(0.3)
        assert min(times) < 0.5, times
        # the camera's log says who did it: a user by ONVIF; the hub's: the rule
        assert any("onvif" in e["actor"] for e in camera.get("/api/events?source=relay/flood&topic=command")["events"])
        assert any(e["actor"] == "rule/light at the door" for e in the_hub.get("/api/events?source=relay/flood&topic=command")["events"])
        # the gate is monostable by the camera's own timer
        camera.ask("POST", "/api/board/board/inputs/2", {"closed": True})
        wait_for("the gate opens", lambda: camera.get("/api/relays/gate")["state"] == "on", 5, 0.01)
        wait_for("and closes by itself", lambda: camera.get("/api/relays/gate")["state"] == "off", 5, 0.05)
    finally:
        stop(process)
    # what was changed is kept, and the second start is quick
    path = tmp_path / "demo/hub-site/site.yaml"
    path.write_text(path.read_text().replace("name: Demo,", "name: Mine,"))
    begin = time.monotonic()
    process = start(tmp_path / "demo")
    try:
        if not hub.LONG:
            assert time.monotonic() - begin < 10  # 3 s of a release build on a quiet machine
        assert Site(process.hub).get("/api/state")["site"]["name"] == "Mine"
    finally:
        stop(process)
