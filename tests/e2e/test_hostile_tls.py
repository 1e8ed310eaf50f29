# SPDX-License-Identifier: Apache-2.0
"""Neighbours who begin TLS and fall silent, and viewers who read nothing over it: the hub goes on, arms and disarms, and ends in
order, all that is to be made safe included."""
import contextlib
import http.client
import json
import socket
import ssl
import threading
import time

import test_alarm
from hub import Farm, Hub, wait_for
from test_bad_input import UPGRADE

RELAY = "relays: { lamp: { driver: virtual, channel: 1, kind: light, safe: off } }\n"
OWN = ", tls: own, names: [localhost]"
HELLO = b"\x16\x03\x01"  # the beginning of a record, and no more


def trusting():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def connect(h, receive_buffer=None):
    s = socket.socket()
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    s.settimeout(10)
    s.connect(("127.0.0.1", h.port))
    return s


def begin(h, n):
    silent = [connect(h) for _ in range(n)]
    for s in silent:
        s.sendall(HELLO)
    return silent


def login(h):
    wait_for("the start link", lambda: h.link and "#login=" in h.link)
    c = http.client.HTTPSConnection("127.0.0.1", h.port, timeout=20, context=trusting())
    c.request("POST", "/api/login", json.dumps({"token": h.link.split("#login=")[1]}), {"Host": f"localhost:{h.port}"})
    answer = c.getresponse()
    answer.read()
    assert answer.status == 200
    return answer.getheader("Set-Cookie").split(";")[0]


def ends_in_order(h):
    at = time.monotonic()
    h.stop()
    assert time.monotonic() - at < 15


def test_a_silent_handshake_holds_up_no_stop():
    with Hub(RELAY, web_keys=OWN) as h:
        h.cli("relay", "lamp", "on")
        silent = begin(h, 3)
        time.sleep(0.5)
        ends_in_order(h)
        for s in silent:
            s.close()
        h.start()
        stopped = [e for e in h.events(source="relay/lamp", topic="command") if e["actor"] == "stop"]
        assert [e["state"] for e in stopped] == ["off"], "the lamp was not made safe"


def test_a_viewer_who_reads_nothing_holds_up_no_stop():
    with Farm() as farm, Hub(f"cameras: {{ gate: {{ source: '{farm.url()}' }} }}\n" + RELAY, web_keys=OWN) as h:
        cookie = login(h)
        h.wait_recording("gate")
        with contextlib.ExitStack() as stack:
            for path, more in (("/api/live/gate/main", UPGRADE), ("/api/bus", UPGRADE), ("/api/cameras/gate/play.mp4?from=-10s", {})):
                s = stack.enter_context(trusting().wrap_socket(connect(h, 4096), server_hostname="localhost"))
                head = {"Host": f"localhost:{h.port}", "Cookie": cookie, **more}
                s.sendall((f"GET {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in head.items()) + "\r\n").encode())
                assert s.recv(12).startswith(b"HTTP/1.1 ")
            time.sleep(4)
            ends_in_order(h)


def test_silent_handshakes_cost_little_and_hold_up_no_alarm():
    pin = test_alarm.pin_line()
    with Hub(test_alarm.SITE, start=False, web_keys=OWN) as h:
        users = h.dir / "users.yaml"
        users.touch(mode=0o600)
        users.write_text(f"otto:\n  role: operator\n  {pin}")
        h.start()
        before, over, opened = h.pss_mib(), threading.Event(), []

        def shout():
            while not over.is_set():
                with contextlib.suppress(OSError), connect(h) as s:
                    s.sendall(HELLO)
                    opened.append(s.recv(1))
        shouting = [threading.Thread(target=shout, daemon=True) for _ in range(150)]
        for t in shouting:
            t.start()
        wait_for("they are refused", lambda: h.state()["daemon"]["web"]["refused"] > 100)
        assert h.state()["daemon"]["web"]["connections"] <= 40
        for _ in range(3):
            at = time.monotonic()
            assert test_alarm.set_mode(h, "away")[0] == 200
            wait_for("armed", lambda: test_alarm.alarm(h)["mode"] == "away", 5, 0.02)
            assert test_alarm.set_mode(h, "disarmed", pin=test_alarm.PIN)[0] == 200
            assert time.monotonic() - at < 6
        assert h.pss_mib() - before < 96, "each of them costs megabytes"
        over.set()
        h.stop()
