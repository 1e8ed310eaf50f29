# SPDX-License-Identifier: Apache-2.0
"""A cable of the test's own: two hosts in network namespaces, a node at one end and a hub at the other, and hands to pull it."""
import os
import subprocess
import time

import numpy as np
import pytest
from hub import Hub, format_time, parse_time, wait_for
from relay import Relay
from testpicture import read_time

CAMERA, HUB = "192.0.2.2", "192.0.2.1"
WIDTH, HEIGHT = 640, 360


def command(*words):
    subprocess.run(words, check=True, capture_output=True)


def ip(*arguments):
    command("ip", *arguments)


class Wire:
    def __init__(self, long=False):
        """long: by way of a relay, which may be told to be slow."""
        self.relay = None
        self.hub, self.camera = (f"pt-{end}-{os.getpid()}" for end in ("hub", "cam"))
        if os.getuid():
            pytest.skip("network namespaces need root")
        try:
            ip("netns", "add", self.hub)
            ip("netns", "add", self.camera)
            if long:
                names = [f"pt{end}{os.getpid()}" for end in ("h", "c")]
                self.relay = Relay(names)
                for name, host in zip(names, (self.hub, self.camera)):
                    ip("link", "set", name, "netns", host, "name", "eth0")
            else:
                ip("-n", self.hub, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", self.camera)
            for name, address in ((self.hub, HUB), (self.camera, CAMERA)):
                ip("-n", name, "link", "set", "lo", "up")
                ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
                ip("-n", name, "link", "set", "eth0", "up")
        except (OSError, subprocess.CalledProcessError) as e:
            self.close()
            pytest.skip(f"no network namespaces here: {e}")

    def inside(self, name):
        return ["nsenter", f"--net=/run/netns/{name}"]  # and not ip netns exec, which keeps the mounts of other tests alive

    def cut(self):
        ip("-n", self.camera, "link", "set", "eth0", "down")

    def mend(self):
        ip("-n", self.camera, "link", "set", "eth0", "up")

    def lose(self, percent):
        """Of what arrives, at both ends, at random."""
        rule = f"iif eth0 numgen random mod 100 < {percent} drop" if percent else ""
        for name in (self.hub, self.camera):
            text = f"table inet line\ndelete table inet line\ntable inet line {{ chain in {{ type filter hook input priority 0; {rule}; }}; }}\n"
            subprocess.run([*self.inside(name), "nft", "-f", "-"], input=text, text=True, check=True)

    def narrow(self, rate):
        """What the camera sends goes through so many bits a second ("500kbit"); None: as it was."""
        if rate:
            command("tc", "-n", self.camera, "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", rate, "burst", "8kb", "latency", "400ms")
        else:
            command("tc", "-n", self.camera, "qdisc", "del", "dev", "eth0", "root")

    def close(self):
        if self.relay:
            self.relay.close()
        for name in (self.hub, self.camera):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()


class WiredNode(Hub):
    """A node with a card at the camera's end. ports: those of the second one there; only the first is reached by the cable."""

    def __init__(self, wire, source="test:clock?size=640x360&fps=10&gop=2s&bitrate=400k&audio=none", more="record: { main: always }", plugs="", login=None,
                 ports=None, **rest):
        address, (rtsp, onvif) = ("127.0.0.1", ports) if ports else (CAMERA, (8554, 8081))
        super().__init__(f"""cameras:
  cam: {{ source: "{source}", {f"login: {login}, " if login else ""}{more} }}
serve: {{ rtsp: {address}:{rtsp}, onvif: {address}:{onvif}, plain: lan }}
{plugs}""", start=False, prefix=wire.inside(wire.camera), **rest)
        (self.dir / "users.yaml").write_text("boss: { role: admin }\n")
        secrets = self.dir / "secrets.yaml"
        secrets.write_text("app-passwords:\n  hub: { user: boss, password: of the card }\nlogins:\n  hub: { user: boss, password: of the card }\n")
        for name in ("users.yaml", "secrets.yaml"):
            (self.dir / name).chmod(0o600)
        self.start()


class WiredHub(Hub):
    def __init__(self, wire, camera="", more="", **rest):
        super().__init__(f"""cameras:
  gate: {{ source: "onvif://{CAMERA}:8081", login: gate{camera} }}
{more}""", start=False, prefix=wire.inside(wire.hub), **rest)
        secrets = self.dir / "secrets.yaml"
        secrets.write_text("logins:\n  gate: { user: boss, password: of the card }\n")
        secrets.chmod(0o600)
        self.start()

    def jobs(self, **query):
        return self.get("/api/backfill?" + "&".join(f"{k}={v}" for k, v in query.items()))["jobs"]

    def missing(self, since=0.0, stream="main"):
        """Closed gaps of the camera since an instant that could be filled, however short."""
        return [g for g in self.get("/api/backfill?camera=gate")["gaps"]
                if g["stream"] == stream and g["end"] and parse_time(g["end"]) > since and g["cause"] not in ("policy", "clock")]

    def wait_back(self, at, stream="main", seconds=60):
        """Until footage of after `at` is there, and nothing is missing at its end."""
        def back():
            found = self.get("/api/timeline?detail=1&camera=gate")["cameras"]["gate"][stream]
            return found["last"] / 1000 > at and not [g for g in found["gaps"] if not g.get("end")]
        wait_for("footage comes again", back, seconds)

    def wait_filled(self, since, seconds=90, streams=("main",), node=None):
        """Until nothing is missing any more since an instant, but for what the node (if it is given) has gaps for itself. What has ended
        otherwise fails at once."""
        def left():
            own = [(a - 0.5, (b or time.time()) + 0.5) for a, b, _ in node.gaps("cam")] if node else []
            spans = [(parse_time(g["start"]), parse_time(g["end"])) for s in streams for g in self.missing(since, s)]
            return [(a, b) for a, b in spans if not any(x <= a and b <= y for x, y in own)]
        def settled():
            spans = left()
            given_up = [j for j in self.jobs() if parse_time(j["end"]) > since and j["state"] in ("partly", "impossible")
                        and any(a < parse_time(j["end"]) and b > parse_time(j["start"]) for a, b in spans)]
            assert not given_up, given_up
            return not spans
        try:
            wait_for("all gaps are filled", settled, seconds, 0.5)
        except AssertionError:
            print(self.cli("archive", "gaps", "--explain").stdout)
            print(self.cli("archive", "backfill").stdout)
            raise


def burnt_in(hub, camera, begin, end, directory):
    """The times of all frames in a clip, in ms, as ffmpeg decodes them."""
    clip = directory / f"{camera}-{begin}.mp4"
    hub.cli("archive", "export", camera, "--from", format_time(begin), "--to", format_time(end), "--output", clip)
    times = []
    with subprocess.Popen(["ffmpeg", "-v", "error", "-i", clip, "-an", "-fps_mode", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo", "-"],
                          stdout=subprocess.PIPE) as decoder:
        while frame := decoder.stdout.read(HEIGHT * WIDTH):
            times.append(read_time(np.frombuffer(frame, np.uint8).reshape(HEIGHT, WIDTH)))
    assert decoder.returncode == 0
    if not all(times):
        print(hub.cli("archive", "ls", camera).stdout, hub.cli("archive", "gaps", "--explain").stdout, hub.cli("archive", "backfill").stdout)
        print(hub.jobs() if hasattr(hub, "jobs") else "")
        unread = [(i, format_time(times[i - 1] / 1000) if i and times[i - 1] else "?") for i, t in enumerate(times) if not t]
        raise AssertionError(f"of {len(times)} frames of {camera} these cannot be read (number, time before): {unread}")
    return times


def assert_every_frame(node, hub, begin, end, directory):
    """Each frame of the card is in the hub's archive once and in order, and stands there at the time that is burnt into it."""
    ours, theirs = burnt_in(hub, "gate", begin, end, directory), burnt_in(node, "cam", begin, end, directory)
    inner = [t for t in theirs if begin * 1000 + 500 < t < end * 1000 - 500]
    got = [t for t in ours if begin * 1000 + 500 < t < end * 1000 - 500]
    lacking, extra = sorted(set(inner) - set(got)), sorted(set(got) - set(inner))
    if got != inner:
        print(hub.cli("archive", "ls", "gate").stdout, hub.cli("archive", "gaps", "--explain").stdout, hub.cli("archive", "backfill").stdout)
    assert got == inner, f"lacking {lacking}, extra {extra}, {len(got) - len(set(got))} twice"
    placed = hub.get(f"/api/cameras/gate/segments?from={format_time(begin)}&to={format_time(end)}")["segments"]
    for a, b in zip(placed, placed[1:]):
        assert a["end"] <= b["start"] or a["end"][:-5] == b["start"][:-5], (a, b)
