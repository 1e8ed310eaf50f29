# SPDX-License-Identifier: Apache-2.0
"""`record: on-loss` of a node: it records while no hub takes the stream, with footage of before the loss and of after the
return, so that hub and card overlap at both edges. The cable is a relay that stops taking bytes without closing anything."""
import os
import socket
import threading
import time

import hub
from hub import Farm, Hub, free_port, wait_for

SECRET = "9c1d2e3f4a5b"
PAUSE = "a hub was recording (on-loss)"


class Cable:
    """A TCP relay from a port of its own to another; while cut, nothing passes and nobody is told."""

    def __init__(self, to):
        self.to, self.whole = to, threading.Event()
        self.whole.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                near, _ = self.listener.accept()
                far = socket.socket()
                far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)  # as little as may wait in the cable
                far.connect(("127.0.0.1", self.to))
                self.sockets += [near, far]
                for a, b in ((near, far), (far, near)):
                    threading.Thread(target=self.pass_on, args=(a, b), daemon=True).start()
        except OSError:
            pass

    def pass_on(self, a, b):
        try:
            while data := a.recv(4096):
                self.whole.wait()
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        self.whole.set()
        for s in self.sockets:
            s.close()


def node_and_hub(farm):
    """The hub's way to main is a good one, to sub it is a cable."""
    port = free_port()
    node = Hub(f"cameras:\n  gate: {{ source: {farm.url()}, sub: {farm.url(1)}, record: {{ main: on-loss, sub: on-loss }} }}\n"
               f"serve: {{ rtsp: 127.0.0.1:{port} }}\n", start=False)
    (node.dir / "users.yaml").write_text("hub: { role: viewer }\n")
    (node.dir / "secrets.yaml").write_text(f"app-passwords: {{ hub: {{ user: hub, password: {SECRET} }} }}\n")
    os.chmod(node.dir / "secrets.yaml", 0o600)
    cable = Cable(port)
    recorder = Hub(f"cameras:\n  gate: {{ source: 'rtsp://127.0.0.1:{port}/gate/main', sub: 'rtsp://127.0.0.1:{cable.port}/gate/sub', login: node,"
                   " record: { main: always, sub: always } }\n", start=False)
    (recorder.dir / "secrets.yaml").write_text(f"logins: {{ node: {{ user: hub, password: {SECRET} }} }}\n")
    os.chmod(recorder.dir / "secrets.yaml", 0o600)
    return node, recorder, cable


def on_loss(node):
    return next(c for c in node.state()["cameras"] if c["name"] == "gate").get("on_loss")


def assert_overlap(node, stream, lost):
    """A pause that ends well before the loss, and every frame from there to now."""
    pauses = [g for g in node.gaps("gate", stream) if g[2] == PAUSE]
    assert len(pauses) == 1 and pauses[0][1] and pauses[0][1] <= lost - 2, (pauses, lost)
    walls = [s[0] for s in node.samples("gate", stream) if s[0] > pauses[0][1] - 0.01]
    assert walls[0] <= lost - 2 and walls[-1] > lost + 0.5
    assert max(b - a for a, b in zip(walls, walls[1:])) < 0.3, "a frame is missing"


def test_the_card_takes_over_with_overlap():
    with Farm() as farm:
        node, recorder, cable = node_and_hub(farm)
        try:
            with node:
                node.start()
                assert on_loss(node) == {"main": "recording", "sub": "recording"}
                with recorder:
                    recorder.start()
                    wait_for("the node's pause", lambda: on_loss(node) == {"main": "waiting", "sub": "waiting"}, 25)
                    time.sleep(2.5)
                    cut = time.time()
                    cable.whole.clear()
                    wait_for("the cut is noticed", lambda: on_loss(node)["sub"] == "recording", 8)
                    assert time.time() - cut > 3, "not by the socket that was closed"
                    assert on_loss(node)["main"] == "waiting", "what the other session takes is no concern of this one"
                    recorder.stop()
                    left = time.time()
                wait_for("a hub that leaves is missed at once", lambda: on_loss(node)["main"] == "recording", 3)
                # what waited is written faster than it came, but not at once
                last = lambda s: node.get("/api/timeline?camera=gate")["cameras"]["gate"][s]["last"] / 1000  # noqa: E731
                wait_for("what waited is written", lambda: all(last(s) > time.time() - 3 for s in ("main", "sub")), 15)
                for stream in ("main", "sub"):
                    node.assert_nothing_silent("gate", stream)
                node.stop()
                node.assert_sound()
                node.start()
                assert_overlap(node, "main", left)
                assert_overlap(node, "sub", cut)
        finally:
            cable.close()
            recorder.close()
