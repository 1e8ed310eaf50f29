# SPDX-License-Identifier: Apache-2.0
"""Recorded footage fetched from cameras (the client of ONVIF's replay): from a server of the tests that misbehaves, from
GStreamer's, and from our own node, where every byte is compared with what lies on its disk."""
import datetime
import hashlib
import json
import os
import pathlib
import re
import ssl
import struct
import subprocess
import time

import pytest

import hub as hubs
from quirky_camera import SDP, Camera, fragments, frame_nal
from test_rtsps import make_certificate

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("PIGTAIL_BUILD", ROOT / "build"))
PROBE = BUILD / "tests/tools/fetch-probe"
NTP_1970 = 2208988800
T0 = 1_789_000_000  # where the scripted recording begins, s since 1970
FPS, GOP = 25, 25


def fetch(url, *options, begin=T0, end=None, login=None, tmp_path=None, timeout=60):
    command = [PROBE, "--from", str(round(begin * 1e9))]
    if end is not None:
        command += ["--to", str(round(end * 1e9))]
    if login:
        (tmp_path / "password").write_text(login[1])
        command += ["--user", login[0], "--password-file", tmp_path / "password"]
    done = subprocess.run([*command, *options, url], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return lines[:-1], lines[-1]


# ---- a server of the tests ----

C, E, D, T = 0x80, 0x40, 0x20, 0x10


class Replay(Camera):
    """Ten seconds of pictures, each with its number and its time."""
    length = 10 * FPS
    extension = "frames"       # "keys": on the first packet of each GOP alone; "none"; "all": on every packet
    ignores_end = False
    era = NTP_1970
    stuck = False              # the time in the extension stands
    refuses = ()               # functions (headers) -> status line or None
    early = False              # packets come before the answer to PLAY
    answer_range = True
    ending = "terminal"        # "bye", "teardown", "close", "silence"
    last_bits = E | T
    hole = None                # a picture before which a minute is missing
    rtp_jump = True            # RTP time goes on over the hole as the footage does; else it begins anew
    times = staticmethod(lambda i: T0 + i / FPS)
    tls = None                 # (certificate, key)

    def guarded(self, peer):
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            try:
                peer = context.wrap_socket(peer, server_side=True)
            except OSError:
                return
        super().guarded(peer)

    def captured(self, i):
        return self.times(i) + (60 if self.hole is not None and i >= self.hole else 0)

    def answer(self, peer, method, headers, state):
        if method != "PLAY":
            if method == "SETUP" and self.refuse.get("SETUP") is None and headers.get("require") != "onvif-replay":
                self.reply(peer, headers, "400 No Require")
                return
            super().answer(peer, method, headers, state)
            return
        if not self.authorised(method, headers, state):
            super().answer(peer, method, headers, state)
            return
        for refuses in self.refuses:
            status = refuses(headers)
            if status:
                self.reply(peer, headers, status)
                return
        m = re.fullmatch(r"clock=(\S+?)Z-(?:(\S+)Z)?", headers["range"])
        read = lambda text: datetime.datetime.strptime(text, "%Y%m%dT%H%M%S.%f").replace(tzinfo=datetime.timezone.utc).timestamp()  # noqa: E731
        begin, end = read(m[1]), read(m[2]) if m[2] else 1e18
        inside = [i for i in range(self.length) if self.captured(i) <= begin and i % GOP == 0]
        first = inside[-1] if inside else 0
        last = self.length if self.ignores_end else min(self.length, next((i for i in range(self.length) if self.captured(i) >= end), self.length))
        if self.early:
            self.footage(peer, first, first + 3, last)
        self.reply(peer, headers, extra=[f"Session: {self.session}"] + ([f"Range: {headers['range']}"] if self.answer_range else []))
        self.footage(peer, first + 3 if self.early else first, last, last)
        self.say_end(peer)

    def say_end(self, peer):
        if self.ending == "bye":
            self.send(peer, struct.pack(">BBHI", 0x81, 203, 1, 0x11223344), 1)
        elif self.ending == "teardown":
            peer.sendall(b"TEARDOWN rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\nSession: 1234\r\n\r\n")
        elif self.ending == "close":
            peer.close()

    def bits(self, i, last):
        return ((C if i % GOP == 0 else 0) | (self.last_bits if i == last - 1 else 0) | (D if i == self.hole else 0)
                | (E if self.hole is not None and i == self.hole - 1 else 0))

    def footage(self, peer, first, until, last):
        for i in range(first, until):
            pieces = list(fragments(frame_nal(i)))
            at = self.captured(i)
            ntp = round((self.times(0) if self.stuck else at) * 2**32) + (self.era << 32)
            ticks = round(at * 90000) if self.rtp_jump or self.hole is None or i < self.hole else (i - self.hole) * 3600
            for k, piece in enumerate(pieces):
                with_it = {"all": True, "frames": k == 0, "keys": k == 0 and i % GOP == 0, "none": False}[self.extension]
                words = struct.pack(">HHQBBH", 0xABAC, 3, ntp, self.bits(i, last), 1, 0) if with_it else b""
                marker = 0x80 if self.markers and k == len(pieces) - 1 else 0
                self.send(peer, struct.pack(">BBHII", 0x90 if words else 0x80, 96 | marker, (65000 + i * 3 + k) & 0xffff, ticks & 0xffffffff, 0x11223344)
                          + words + piece)


def whole(samples, first, last, captured):
    """Every picture once, as it was sent, at its time."""
    assert len(samples) == last - first
    for i, s in zip(range(first, last), samples):
        nal = frame_nal(i)
        assert s["sha256"] == hashlib.sha256(struct.pack(">I", len(nal)) + nal).hexdigest(), i
        assert abs(s["wall_ns"] - captured(i) * 1e9) < 2000, (i, s)
        assert s["key"] == (i % GOP == 0)
    assert all(a["dts"] < b["dts"] for a, b in zip(samples, samples[1:]))


def given_back(camera):
    hubs.wait_for("TEARDOWN", lambda: camera.requests[-1][0] == "TEARDOWN", 10)


def test_a_span_of_a_recording():
    with Replay() as camera:
        samples, end = fetch(camera.url, begin=T0 + 2.5, end=T0 + 6)
        whole(samples, 50, 150, camera.captured)
        assert end["done"] and not end["code"] and end["told_times"] and end["scaled"] and not end["lost"], end
        assert [s["c"] for s in samples] == [s["key"] for s in samples]
        assert samples[-1]["t"] and samples[-1]["e"]
        play = next(h for m, _, h in camera.requests if m == "PLAY")
        assert (play["require"], play["rate-control"], play["immediate"]) == ("onvif-replay", "no", "yes")
        given_back(camera)


QUIRKS = {
    "the end of the range is ignored": dict(ignores_end=True, last_bits=0),
    "only key frames carry their time": dict(extension="keys", ignores_end=True),
    "no packet carries its time": dict(extension="none", last_bits=0, ending="bye"),
    "every packet carries its time": dict(extension="all"),
    "the clock in it stands": dict(stuck=True),
    "the clock in it counts from 1970": dict(era=0),
    "packets come before the answer": dict(early=True),
    "no range in the answer": dict(answer_range=False),
    "BYE is the end": dict(ending="bye", last_bits=0),
    "TEARDOWN is the end": dict(ending="teardown", last_bits=0),
    "it closes at the end": dict(ending="close", last_bits=0),
    "it says nothing at the end": dict(last_bits=0),
    "it marks no end of pictures": dict(markers=False, ending="bye", last_bits=0),
    "it marks no end of pictures, and is silent at the end": dict(markers=False, last_bits=0),
    "the last has its bit, and no mark": dict(markers=False),
    "milliseconds alone": dict(refuses=(lambda h: "457 Invalid Range" if re.search(r"\.\d{4}", h["range"]) else None,)),
    "no Rate-Control": dict(refuses=(lambda h: "456 Header Field Not Valid for Resource" if "rate-control" in h else None,)),
}


@pytest.mark.parametrize("quirk", QUIRKS)
def test_quirks(quirk):
    with Replay(**QUIRKS[quirk]) as camera:
        samples, end = fetch(camera.url, begin=T0 if camera.stuck else T0 + 2, end=T0 + 8)
    whole(samples, 0 if camera.stuck else 50, 200, camera.captured)
    assert end["done"] and not end["code"], end
    assert end["scaled"] == (quirk != "no Rate-Control")
    assert end["told_times"] == (camera.extension != "none")


@pytest.mark.parametrize("jump", [True, False], ids=["RTP time goes on", "RTP time begins anew"])
def test_a_hole(jump):
    """A minute is missing: the times say so, and neither E before it nor D behind it ends the fetch."""
    with Replay(hole=100, rtp_jump=jump) as camera:
        samples, end = fetch(camera.url, end=T0 + 100)
        whole(samples, 0, 250, camera.captured)
        assert not end["code"]
        assert [i for i, s in enumerate(samples) if s["d"]] == [100]
        assert [i for i, s in enumerate(samples) if s["e"]] == [99, 249]
        assert abs((samples[100]["dts"] - samples[99]["dts"]) / 90000 - 60.04) < 0.01


def test_an_open_end():
    with Replay() as camera:
        samples, end = fetch(camera.url, begin=T0 + 5)
        whole(samples, 125, 250, camera.captured)
        assert not end["code"]


def test_over_tls(tmp_path):
    with Replay(tls=make_certificate(tmp_path, "camera")) as camera:
        url = camera.url.replace("rtsp:", "rtsps:")
        samples, end = fetch(url, end=T0 + 4)
        whole(samples, 0, 100, camera.captured)
        assert not end["code"]
        _, end = fetch(url, "--tls", "verify", end=T0 + 4)
        assert end["code"] == "CLOSED" and "certificate" in end["error"], end
        _, end = fetch(url, "--quiet", "--rate", "16000000", end=T0 + 8)
        assert 200 * 3030 * 8 / 16e6 * 0.9 < end["seconds"] < 1 and end["samples"] == 200, end


def test_enough():
    with Replay(length=30) as camera:  # so few that it has sent them all and listens again
        samples, end = fetch(camera.url, "--enough", "7")
        assert len(samples) == 7 and end["done"] and not end["code"]
        given_back(camera)


def test_a_login(tmp_path):
    with Replay(challenges=['Digest realm="c", nonce="{nonce}", algorithm=SHA-256, qop="auth"'], algorithm=hashlib.sha256) as camera:
        samples, end = fetch(camera.url, login=("op", "pw"), tmp_path=tmp_path)
        assert len(samples) == 250 and not end["code"]
        _, end = fetch(camera.url, login=("op", "no"), tmp_path=tmp_path)
        assert end["code"] == "AUTH" and end["error"] == "401 wrong login for camera probe"
        _, end = fetch(camera.url)
        assert end["code"] == "AUTH" and end["error"] == "401 camera probe asks for a login and none is given"


def test_sent_on():
    with Replay() as camera, Camera(refuse={"DESCRIBE": f"302 Found\r\nLocation: {camera.url}"}) as first:
        samples, end = fetch(first.url)
        assert len(samples) == 250 and not end["code"]


FAILURES = {
    "nothing there": (dict(refuses=(lambda h: "457 Invalid Range",)), "NOT_FOUND",
                      "457 camera probe has nothing recorded between 2026-09-10 00:26:40Z and 2026-09-10 00:26:48Z"),
    "nothing there, and it ends at once": (dict(length=0, ending="bye"), "NOT_FOUND", "nothing recorded between"),
    "nothing there, but later": (dict(times=lambda i: T0 + 1000 + i / FPS, ignores_end=True), "NOT_FOUND", "nothing recorded between"),
    "nothing whole": (dict(sdp=re.sub(r"a=fmtp.*?\r\n", "", SDP), ending="bye", last_bits=0), "FAILED", "packets, but no whole frame"),
    "no replay at all": (dict(refuse={"SETUP": "551 Option not supported"}), "UNSUPPORTED", "551 camera probe does not know ONVIF's replay"),
    "no times of day": (dict(refuses=(lambda h: "456 Header Field Not Valid for Resource" if "clock" in h["range"] else None,)), "UNSUPPORTED",
                        "456 camera probe does not replay /live from a time of day on: it refused PLAY (Header Field Not Valid for Resource)"),
    "one at a time": (dict(refuse={"SETUP": "453 Not Enough Bandwidth"}), "BUSY", "453 camera probe has no room for another viewer (it answered SETUP)"),
    "busy at PLAY": (dict(refuses=(lambda h: "503 Service Unavailable",)), "BUSY", "503 camera probe has no room for another viewer (it answered PLAY)"),
    "no such recording": (dict(refuse={"DESCRIBE": "404 Not Found"}), "NOT_FOUND", "404 camera probe has no stream /live"),
    "no right to it": (dict(refuse={"DESCRIBE": "403 Forbidden"}), "AUTH", "403 camera probe does not allow this login to watch /live"),
    "only sound": (dict(sdp="v=0\r\ns=x\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n"), "NOT_FOUND", "camera probe has no video in this recording"),
    "another codec": (dict(sdp="v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 AV1/90000\r\na=control:track1\r\n"), "UNSUPPORTED", "(AV1)"),
    "it breaks off": (dict(length=100, ending="close", last_bits=0), "CLOSED", "camera probe: it closed the connection"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_failures_in_a_sentence(failure):
    quirks, code, sentence = FAILURES[failure]
    with Replay(**quirks) as camera:
        _, end = fetch(camera.url, end=T0 + 8)
        assert end["code"] == code and sentence in end["error"], end


def test_it_is_taken_no_faster_than_it_may_be():
    """The camera waits: what is not taken stays with it."""
    with Replay(ending="bye") as camera:
        _, end = fetch(camera.url, "--quiet", "--rate", "4000000")
        bits = 250 * 3030 * 8
        assert bits / 4e6 * 0.9 < end["seconds"] < bits / 4e6 * 1.5 and end["samples"] == 250, end


def test_it_is_stopped_in_the_middle():
    with Replay(length=100000, last_bits=0) as camera:
        _, end = fetch(camera.url, "--quiet", "--rate", "1000000", "--seconds", "0.5")
        assert not end["done"] and end["samples"]


# ---- GStreamer's ----

GSTREAMER = ("( videotestsrc pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1 ! x264enc key-int-max=25 {} "
             "! video/x-h264,profile=high ! rtph264pay config-interval=-1 ! rtponviftimestamp name=pay0 ntp-offset=0 set-e-bit=true )")


@pytest.mark.parametrize("reordered", [False, True])
def test_gstreamer(reordered):
    """It plays any time of day: what videotestsrc makes at ns since 1900."""
    options = ("bframes=3 b-pyramid=true rc-lookahead=5 b-adapt=false" if reordered else "bframes=0") + " speed-preset=veryfast"
    process = subprocess.Popen(["/usr/bin/python3", ROOT / "tests/e2e/gst_rtsp_server.py", GSTREAMER.format(options), "replay", "-", "-"],
                               stdout=subprocess.PIPE, text=True)
    try:
        samples, end = fetch(f"rtsp://127.0.0.1:{process.stdout.readline().split()[1]}/a", begin=T0 + 0.2, end=T0 + 2.2)
    finally:
        process.kill()
        process.wait()
    assert not end["code"] and end["told_times"] and not end["lost"], end
    walls = sorted(s["wall_ns"] for s in samples)
    assert len(walls) == 50
    assert all(abs(w - (T0 + 0.2 + i / 25) * 1e9) < 2000 for i, w in enumerate(walls)), (walls[0] / 1e9 - T0, walls[-1] / 1e9 - T0)
    assert reordered == (walls != [s["wall_ns"] for s in samples])
    assert samples[0]["key"] and all(a["dts"] < b["dts"] for a, b in zip(samples, samples[1:]))


# ---- our node ----

SECRET = "4f5e60718293"
SITE = """cameras:
  gate: {{ source: 'test:clock?size=320x180&bitrate=400k', audio: {{ record: always, listen: all }} }}
  lane: {{ source: 'file:{lane}', audio: {{ record: always, listen: all }} }}
  yard: {{ source: 'file:{yard}', audio: {{ record: always, listen: all }} }}
  pond: {{ source: 'file:{pond}' }}
serve: {{ rtsp: 127.0.0.1:{port} }}
"""


class Node:
    def __init__(self):
        picture = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=frequency=500:sample_rate=16000", "-t", "12")
        lane = hubs.clip("fetch-lane.mp4", *picture, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "25", "-bf", "3", "-x264-params",
                         "b-adapt=0:b-pyramid=normal", "-c:a", "aac")
        yard = hubs.clip("fetch-bare.mov", *picture, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=25:bframes=2:b-adapt=0:info=0",
                         "-tag:v", "hvc1", "-pix_fmt", "yuv420p", "-c:a", "pcm_mulaw", "-ar", "8000")
        pond = hubs.clip("fetch-pond.mov", *picture, "-c:v", "mjpeg", "-huffman", "default", "-pix_fmt", "yuvj420p", "-an")
        self.port = hubs.free_port()
        self.h = hubs.Hub(SITE.format(lane=lane, yard=yard, pond=pond, port=self.port), start=False)
        (self.h.dir / "users.yaml").write_text("recorder: { role: viewer }\n")
        (self.h.dir / "secrets.yaml").write_text(f"app-passwords: {{ recorder: {{ user: recorder, password: {SECRET} }} }}\n")
        for name in ("users.yaml", "secrets.yaml"):
            os.chmod(self.h.dir / name, 0o600)
        self.h.start()
        self.h.wait_recording("gate", "lane", "yard", "pond")
        time.sleep(4)

    def where(self, camera):
        return f"rtsp://127.0.0.1:{self.port}/replay/{camera}/main"

    def kept(self, camera, stream):
        """What lies on the disk: (time, size, key, SHA-256), in the order of the files."""
        found = []
        for path in self.h.segments(camera, stream):
            text = subprocess.run([hubs.PIGTAIL, "parse", "mp4", path], capture_output=True, text=True, check=True).stdout
            data = path.read_bytes()  # it may have grown
            for m in re.finditer(r"at\s+(\d+) size\s+(\d+) dts\s+-?\d+ pts\s+-?\d+( key)? (\S+)", text):
                at, size = int(m[1]), int(m[2])
                picture = data[at:at + size]
                if camera == "pond":  # RTP carries a JPEG's scan alone (RFC 2435): what stands before it is made anew
                    picture = picture[picture.index(b"\xff\xda"):]
                found.append((hubs.parse_time(m[4]), size, bool(m[3]), hashlib.sha256(picture).hexdigest()))
        return found


def every_byte(node, tmp_path, camera, stream, kind, codec):
    kept = node.kept(camera, stream)
    begin, end = kept[0][0], sorted(k[0] for k in kept)[len(kept) * 4 // 5] + 0.001
    samples, said = fetch(node.where(camera), "--kind", kind, begin=begin, end=end, login=("recorder", SECRET), tmp_path=tmp_path)
    assert not said["code"] and said["told_times"] and said["scaled"] and not said["lost"], said
    assert all(s["codec"].startswith(codec) for s in samples) and len(samples) > 50
    what = "scan" if camera == "pond" else "sha256"
    for s, k in zip(samples, kept):
        assert abs(s["wall_ns"] / 1e9 - k[0]) < 0.0011, (s, k)
        assert (s[what], s["key"]) == (k[3], k[2]), (s, k)
    assert {k[3] for k in kept if begin <= k[0] < end} <= {s[what] for s in samples}
    for a, b in zip(samples, samples[1:]):
        assert a["dts"] < b["dts"]
        ticks = (b["pts"] - a["pts"]) / b["timescale"]
        assert abs((b["wall_ns"] - a["wall_ns"]) / 1e9 - ticks) < 1.1 / b["timescale"], "to the tick"


def fast(node, tmp_path):
    begin = node.kept("gate", "main")[0][0]
    best = max(said["footage"] / said["seconds"] for _, said in (
        fetch(node.where("gate"), "--quiet", begin=begin, end=begin + 4, login=("recorder", SECRET), tmp_path=tmp_path) for _ in range(5)))
    assert best > 100


def no_faster_than_it_may_be(node, tmp_path):
    begin = node.kept("pond", "main")[0][0]
    _, free = fetch(node.where("pond"), "--quiet", begin=begin, end=begin + 3, login=("recorder", SECRET), tmp_path=tmp_path)
    _, held = fetch(node.where("pond"), "--quiet", "--rate", str(free["bytes"] * 8), begin=begin, end=begin + 3, login=("recorder", SECRET), tmp_path=tmp_path)
    assert held["samples"] == free["samples"] and 0.9 < held["seconds"] < 1.6 and free["seconds"] < 0.5, (free, held)


def test_our_node(tmp_path):
    """Every byte, fast, and no faster than it may be."""
    node = Node()
    try:
        for which in (("gate", "main", "video", "H.264"), ("lane", "main", "video", "H.264"), ("yard", "main", "video", "H.265"),
                      ("pond", "main", "video", "MJPEG"), ("lane", "audio", "audio", "AAC"), ("yard", "audio", "audio", "G.711")):
            every_byte(node, tmp_path, *which)
        fast(node, tmp_path)
        no_faster_than_it_may_be(node, tmp_path)
    finally:
        node.h.close()
