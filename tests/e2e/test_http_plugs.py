# SPDX-License-Identifier: Apache-2.0
"""Plugs over HTTP: an input that a webhook sets, and a relay of a device that is switched and read back by requests, wants a login,
goes away and returns."""
import base64
import contextlib
import http.client
import http.server
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import hub
from hub import Hub, free_port, wait_for
from wire import CAMERA, Wire

TOKEN, PASSWORD = "a-token-of-the-bell-0815", "geheim!"


class Device:
    """A switch with an API like that of many: GET /set?on=true, POST /set with JSON, GET /status."""

    def __init__(self, port):
        device, self.on, self.deaf, self.got, self.connections = self, False, False, [], []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                device.connections.append(self.connection)

            def answer(self, body=b""):
                url = urllib.parse.urlsplit(self.path)
                device.got.append((self.command, self.path, body.decode()))
                wanted = "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
                status = 200 if self.headers.get("Authorization") == wanted else 401
                if status == 200 and url.path == "/set" and not device.deaf:
                    device.on = json.loads(body)["on"] if body else urllib.parse.parse_qs(url.query)["on"] == ["true"]
                said = json.dumps({"id": 0, "output": device.on}).encode()
                self.send_response(status)
                if status == 401:
                    self.send_header("WWW-Authenticate", 'Basic realm="device"')
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def do_GET(self):
                self.answer()

            def do_POST(self):
                self.answer(self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *what):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.server.shutdown()
        self.server.server_close()
        for c in self.connections:
            with contextlib.suppress(OSError):
                c.shutdown(socket.SHUT_RDWR)


def hub_with(port):
    h = Hub(f"""inputs:
  bell: {{ driver: http, token: bell, kind: button }}
relays:
  lamp: {{ driver: http, url: "http://127.0.0.1:{port}/set?on={{true|false}}", read: "http://127.0.0.1:{port}/status", shows: '"output":true', login: device, kind: light }}
  fan: {{ driver: http, method: POST, url: "http://127.0.0.1:{port}/set", body: '{{"on": {{true|false}}}}', read: "http://127.0.0.1:{port}/status", shows: '"output": true', login: device, safe: keep }}
rules:
  ring: {{ when: bell active, do: [ {{ relay: {{ lamp: on }} }} ] }}
""", start=False)
    secrets = h.dir / "secrets.yaml"
    secrets.touch(mode=0o600)
    secrets.write_text(f"tokens: {{ bell: {TOKEN} }}\nlogins: {{ device: {{ user: admin, password: '{PASSWORD}' }} }}\n")
    h.start()
    return h


def hook(h, name, token=TOKEN, body=None):
    c = http.client.HTTPConnection("127.0.0.1", h.port, timeout=10)
    try:
        c.request("POST", f"/api/hooks/{name}", body, {"Authorization": f"Bearer {token}"} if token else {})
        answer = c.getresponse()
        answer.read()
        return answer.status
    finally:
        c.close()


def state(h, name, kind="relays"):
    return h.get(f"/api/{kind}/{name}")["state"]


def seen(h, name, want, seconds=10):
    wait_for(f"{name} is {want}", lambda: state(h, name) == want, seconds)


def test_a_webhook_is_an_input():
    with Device(free_port()) as device, hub_with(device.server.server_port) as h:
        assert state(h, "bell", "inputs") == "unknown"
        assert (hook(h, "bell", "wrong"), hook(h, "bell", None), hook(h, "lamp"), hook(h, "nobody")) == (401, 401, 401, 401)
        assert (hook(h, "bell", body='{"state": "maybe"}'), hook(h, "bell", body="{")) == (400, 400)
        assert state(h, "bell", "inputs") == "unknown"
        assert hook(h, "bell", body='{"state": "inactive"}') == 200
        assert state(h, "bell", "inputs") == "inactive"
        seen(h, "lamp", "off")
        assert hook(h, "bell") == 200  # as a button is touched
        assert state(h, "bell", "inputs") == "active"
        seen(h, "lamp", "on")
        assert device.on
        wait_for("the touch ends", lambda: state(h, "bell", "inputs") == "inactive", 5)
        assert hook(h, "bell", body='{"state": "active"}') == 200
        assert state(h, "bell", "inputs") == "active"
        assert TOKEN not in h.stderr() + json.dumps(h.events()) + json.dumps(h.get("/api/plugs")) + json.dumps(h.state())


def test_the_first_call_is_a_ring():
    """A bell that rings for the first time since the start is heard, not taken for the state that was found."""
    with Device(free_port()) as device, hub_with(device.server.server_port) as h:
        seen(h, "lamp", "off")
        assert hook(h, "bell") == 200
        seen(h, "lamp", "on")
        wait_for("the touch ends", lambda: state(h, "bell", "inputs") == "inactive", 5)


def test_a_device_is_switched_and_read_back():
    port = free_port()
    with Device(port) as device, hub_with(port) as h:
        seen(h, "lamp", "off")
        assert h.cli("relay", "lamp", "on").returncode == 0
        seen(h, "lamp", "on")
        assert device.on and ("GET", "/set?on=true", "") in device.got
        assert h.cli("relay", "fan", "off").returncode == 0
        wait_for("it was told by POST", lambda: ("POST", "/set", '{"on": false}') in device.got, 5)
        seen(h, "lamp", "off")  # read back: somebody else has switched it
        device.deaf = True
        h.cli("relay", "lamp", "on", check=False)
        wait_for("it does not follow", lambda: h.get("/api/relays/lamp")["mismatch"], 5)
        assert state(h, "lamp") == "off"
        device.deaf = False
        h.cli("relay", "lamp", "on")
        seen(h, "lamp", "on")
        assert PASSWORD not in h.stderr() + json.dumps(h.events()) + json.dumps(h.state())
        h.stop()
        assert not device.on, "the safe state at the end did not reach it"


def test_an_end_that_is_lost_on_its_way():
    """The device answers, and does nothing: what is on for a time is ordered off until it is."""
    port = free_port()
    with Device(port) as device, hub_with(port) as h:
        seen(h, "lamp", "off")
        h.cli("relay", "lamp", "on", "--for", "2s")
        seen(h, "lamp", "on")
        device.deaf = True
        wait_for("it does not follow", lambda: h.get("/api/relays/lamp")["mismatch"], 10)
        time.sleep(2)
        assert device.on
        device.deaf = False
        seen(h, "lamp", "off")
        assert not device.on
        assert [e["actor"] for e in h.events(source="relay/lamp", topic="command") if e["state"] == "off"].count("timer") == 1


SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        print(self.path, flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"off")
    def log_message(self, *what):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"""


def test_an_order_does_not_come_late():
    """The way to the device is cut when it is given, over a connection that stands: it does not arrive when the way is free again."""
    with Wire() as wire, tempfile.TemporaryDirectory(dir=hub.SCRATCH) as folder, contextlib.ExitStack() as stack:
        heard = pathlib.Path(folder) / "heard"
        with heard.open("w") as out:
            process = subprocess.Popen([*wire.inside(wire.camera), sys.executable, "-c", SERVER], stdout=out)
        stack.callback(process.wait)
        stack.callback(process.terminate)
        time.sleep(1)
        site = f"relays: {{ lamp: {{ driver: http, url: 'http://{CAMERA}:8000/set?on={{1|0}}', read: 'http://{CAMERA}:8000/status', shows: output, safe: keep }} }}\n"
        h = stack.enter_context(Hub(site, prefix=wire.inside(wire.hub)))
        seen(h, "lamp", "off")
        h.cli("relay", "lamp", "on")
        wait_for("an order arrives", lambda: "/set?on=1" in heard.read_text())
        time.sleep(0.5)
        wire.cut()
        h.cli("relay", "lamp", "on")
        wait_for("it is told", lambda: state(h, "lamp") == "unknown", 15)
        time.sleep(6)
        wire.mend()
        seen(h, "lamp", "off", 40)
        time.sleep(15)
        assert heard.read_text().count("/set?on=1") == 1


def test_a_device_that_goes_and_returns():
    port = free_port()
    with hub_with(port) as h:
        said = h.cli("relay", "lamp", "on", check=False)
        assert said.returncode == 1 and "the device does not answer" in said.stderr
        wait_for("why is told", lambda: "read its state" in (h.get("/api/relays/lamp")["error"] or ""), 10)
        with Device(port) as device:
            device.on = True
            seen(h, "lamp", "off")  # found on, and made safe
            assert not device.on
        seen(h, "lamp", "unknown")
