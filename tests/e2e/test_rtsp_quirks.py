# SPDX-License-Identifier: Apache-2.0
"""Our RTSP client against cameras that misbehave and peers that mean harm: it plays, or says in one clear sentence why not;
its memory stays bounded and it never tries again in a busy loop."""
import hashlib
import json
import os
import pathlib
import random
import re
import socket
import subprocess
import time

import pytest

from quirky_camera import SDP, Camera, fragments, frame_nal, rtp

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("PIGTAIL_BUILD", ROOT / "build"))
DUMP = BUILD / "tests/tools/rtsp-dump"
MEMORY_KIB = 120_000  # of the whole process, sanitizers included


def play(camera, *options, seconds=2):
    raw = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"pigtail-raw-{os.getpid()}-{camera.port}"
    done = subprocess.run([DUMP, "--seconds", str(seconds), "--raw", raw, *options, camera.url], capture_output=True, text=True,
                          timeout=seconds + 30)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    pictures = [int(n) for n in re.findall(rb"picture (\d{6}) ", raw.read_bytes())]
    raw.unlink()
    assert lines[-1]["rss_kib"] < MEMORY_KIB
    stats = [x for x in lines if "stats" in x]
    return {
        "pictures": pictures,
        "samples": [x for x in lines if "track" in x],
        "reasons": [x["reason"] for x in lines if x.get("state") == "lost"],
        "states": [x["state"] for x in lines if "state" in x],
        "stats": stats[0] if stats else None,
        "refused": lines[-1]["refused"],
    }


def assert_plays(result, least=50):
    pictures = result["pictures"]
    assert result["reasons"] == []
    assert len(pictures) >= least
    assert pictures == list(range(pictures[0], pictures[0] + len(pictures)))
    assert len(result["samples"]) == len(pictures)


@pytest.fixture
def login(tmp_path):
    (tmp_path / "secret").write_text("pw\n")
    return ["--user", "op", "--password-file", str(tmp_path / "secret")]


def test_plain():
    with Camera() as camera:
        assert_plays(play(camera))


# ---- login ----

LOGINS = {
    "SHA-256 only": dict(challenges=['Digest realm="c", nonce="{nonce}", algorithm=SHA-256, qop="auth"'], algorithm=hashlib.sha256),
    "several headers, the strongest wins": dict(challenges=[
        'Basic realm="c"', 'Digest realm="c", nonce="{nonce}", algorithm=MD5',
        'Digest realm="c", nonce="{nonce}", algorithm=SHA-256'], algorithm=hashlib.sha256),
    "several challenges in one header": dict(challenges=[
        'Basic realm="c", Digest realm="c", nonce="{nonce}", opaque="a, b"']),
    "RFC 2069": dict(challenges=['Digest realm="c", nonce="{nonce}"']),
    "an unknown algorithm besides": dict(challenges=[
        'Digest realm="c", nonce="x", algorithm=SHA-512-256', 'Digest realm="c", nonce="{nonce}"']),
}


@pytest.mark.parametrize("kind", LOGINS)
def test_login(kind, login):
    with Camera(**LOGINS[kind]) as camera:
        assert_plays(play(camera, *login))


def test_stale_nonce(login):
    with Camera(challenges=['Digest realm="c", nonce="{nonce}", qop="auth"'], stale_after=2) as camera:
        assert_plays(play(camera, *login))
        assert sum(1 for m, _, _ in camera.requests if m == "SETUP") >= 2


def test_unknown_login(login):
    with Camera(challenges=['Negotiate abc=']) as camera:
        assert play(camera, *login)["reasons"][0] == \
            "401 camera gate asks for a login in a way that is not known (neither Basic nor Digest)"


# ---- sessions ----

def test_keep_alive_by_what_is_offered():
    for public, method in (("OPTIONS, GET_PARAMETER", "GET_PARAMETER"), ("DESCRIBE, SET_PARAMETER", "SET_PARAMETER"), ("", "OPTIONS")):
        with Camera(session="ab-1 ; timeout=2", public=public) as camera:
            assert_plays(play(camera, seconds=4), least=100)
            kept = [(m, h.get("session")) for m, _, h in camera.requests[4:] if m != "TEARDOWN"]
            assert len(kept) >= 2 and set(kept) == {(method, "ab-1")}


def test_refused_keep_alive_is_no_error():
    with Camera(session="1;timeout=2", refuse={"GET_PARAMETER": "400 Bad Request"}) as camera:
        assert_plays(play(camera, seconds=4), least=100)


def test_session_id_that_changes():
    class Changing(Camera):
        n = 0

        def reply(self, peer, headers, status="200 OK", extra=(), body=""):
            self.n += 1
            self.session = f"session{self.n}; timeout=60"
            super().reply(peer, headers, status, extra, body)

    with Changing() as camera:
        assert_plays(play(camera))
        assert camera.requests[-1][0] == "TEARDOWN" and camera.requests[-1][2]["session"].startswith("session")


def test_bad_cseq_and_server_requests():
    class Odd(Camera):
        def reply(self, peer, headers, *args, **keywords):
            peer.sendall(b"\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 99\r\n\r\n")
            super().reply(peer, {**headers, "cseq": "0"}, *args, **keywords)

        def answer(self, peer, method, headers, state):
            if not method.startswith("RTSP"):
                super().answer(peer, method, headers, state)

    with Odd() as camera:
        assert_plays(play(camera))
        assert any(m.startswith("RTSP/1.0") and u == "200" for m, u, _ in camera.requests)


# ---- packets ----

def test_no_markers():
    with Camera(markers=False) as camera:
        assert_plays(play(camera))


def test_foreign_ssrc_and_unknown_channels():
    class Leaky(Camera):
        transport_extra = ";ssrc=11223344"

        def packets(self, i, seq):
            return [rtp(k * 7 + i, i * 999, b"\x65\x88\x84not ours", True, ssrc=0xDEAD) for k in range(3)] + super().packets(i, seq)

        def send(self, peer, packet, channel=0):
            super().send(peer, b"\x80\x60" + bytes(30), 77)
            super().send(peer, packet, channel)

    with Leaky() as camera:
        result = play(camera)
        assert_plays(result)
        assert result["refused"] > 3 * len(result["pictures"])


def test_stated_ssrc_that_never_comes():
    with Camera(transport_extra=";ssrc=CAFEBABE") as camera:
        result = play(camera, seconds=3)
        assert len(result["pictures"]) > 50 and result["reasons"] == []


def test_other_payload_type():
    class Other(Camera):
        def packets(self, i, seq):
            return [bytes([p[0], p[1] & 0x80 | 97]) + p[2:] for p in super().packets(i, seq)]

    with Other() as camera:
        assert len(play(camera, seconds=3)["pictures"]) > 50


def test_loss_is_counted_and_marked():
    class Lossy(Camera):
        def packets(self, i, seq):
            packets = super().packets(i, seq)
            return packets[:1] + packets[2:] if i % 10 == 5 else packets

    with Lossy() as camera:
        result = play(camera)
        damaged = [n for n in range(result["pictures"][-1]) if n % 10 == 5]
        assert not set(damaged) & set(result["pictures"])
        marked = [s for s in result["samples"] if s["broken"]]
        assert len(marked) in (len(damaged), len(damaged) - 1) and all(s["lost"] == 1 for s in marked)
        assert abs(result["stats"]["lost"] - len(damaged)) <= 1 and abs(result["stats"]["dropped"] - len(damaged)) <= 1


def test_lying_interleaved_lengths():
    """A length that eats what follows: the stream is found again, what was hit is counted."""
    class Lying(Camera):
        def send(self, peer, packet, channel=0):
            self.n = getattr(self, "n", 0) + 1
            size = len(packet) + (500 if self.n % 60 == 30 else 0)
            peer.sendall(b"$" + bytes([channel]) + size.to_bytes(2, "big") + packet)

    with Lying() as camera:
        result = play(camera)
        assert len(result["pictures"]) > 50
        assert sorted(set(result["pictures"])) == result["pictures"]


def test_hostile_rtp():
    class Hostile(Camera):
        def packets(self, i, seq):
            rand = random.Random(i)
            bad = [b"", b"\x80", b"\xff" * 12, bytes(rand.randrange(256) for _ in range(rand.randrange(60)))]
            return bad + super().packets(i, seq)

    with Hostile() as camera:
        result = play(camera)
        assert_plays(result)
        assert result["refused"] >= 3 * len(result["pictures"])


def test_endless_picture():
    """FU-A without end: over 8 MiB it is dropped, not kept."""
    class Endless(Camera):
        def stream(self, peer, state):
            for seq in range(100_000):
                self.send(peer, rtp(seq, 0, bytes([0x7C, 0x85 if seq == 0 else 0x05]) + bytes(1400), False))

    with Endless() as camera:
        result = play(camera, seconds=4)
        assert result["pictures"] == []


# ---- UDP ----

class UdpCamera(Camera):
    transport_extra = ";server_port=40000-40001"

    def stream(self, peer, state):
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.to = ("127.0.0.1", int(state["udp"][1]))
        seq, held = 65000, []
        for i in range(self.frames):
            packets = self.packets(i, seq)
            seq += len(packets)
            held += packets
            if len(held) >= 64:
                first, held = held[:64], held[64:]
                for packet in self.shuffle(first):
                    self.udp.sendto(packet, self.to)
            time.sleep(0.002)

    def shuffle(self, packets):
        return packets


def test_udp_unordered():
    class Unordered(UdpCamera):
        first = True

        def shuffle(self, packets):
            if self.first:  # where the count begins must be known
                self.first = False
                return packets
            random.Random(1).shuffle(packets)
            return packets

    with Unordered() as camera:
        result = play(camera, "--udp")
        assert_plays(result)
        assert result["stats"]["lost"] == 0


def test_udp_loss_and_twice():
    class Bad(UdpCamera):
        def shuffle(self, packets):
            return [p for p in packets for _ in (0, 1) if int.from_bytes(p[2:4], "big") % 97]

    with Bad() as camera:
        result = play(camera, "--udp")
        assert result["stats"]["lost"] > 3
        assert len(result["pictures"]) > 50 and sorted(set(result["pictures"])) == result["pictures"]


def test_udp_that_never_comes():
    class Deaf(UdpCamera):
        def stream(self, peer, state):
            if not state["udp"]:
                Camera.stream(self, peer, state)

    with Deaf() as camera:
        camera.transport_extra = ""
        result = play(camera, "--udp", seconds=9)
        assert len(result["pictures"]) > 50 and result["reasons"] == []


def test_udp_from_a_stranger():
    class Stranger(UdpCamera):
        def stream(self, peer, state):
            stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            stranger.bind(("127.0.0.2", 0))
            self.stranger = stranger
            super().stream(peer, state)

        def shuffle(self, packets):
            for packet in packets:
                self.stranger.sendto(packet[:12] + b"\x65\x88\x84picture 999999 ", self.to)
            return packets

    with Stranger() as camera:
        assert_plays(play(camera, "--udp"))


# ---- failures: one clear sentence each ----

def endless_headers():
    return b"RTSP/1.0 200 OK\r\nCSeq: 2\r\n" + b"X-Filler: 0123456789\r\n" * 10_000


FAILURES = {
    "endless headers": (dict(describe=endless_headers()), "camera gate: an RTSP message with a head of more than 64 KiB"),
    "one endless line": (dict(describe=b"RTSP/1.0 200 OK\r\nX: " + b"a" * 5_000_000), "camera gate: an RTSP message with a head of more than 64 KiB"),
    "300 headers": (dict(describe=b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n"), "camera gate: an RTSP message with more than 200 headers"),
    "huge Content-Length": (dict(describe=b"RTSP/1.0 200 OK\r\nContent-Length: 300000000\r\n\r\n"),
                            "camera gate: an RTSP message with a body of 300000000 bytes (at most 1048576 are taken)"),
    "negative Content-Length": (dict(describe=b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n"), "camera gate: an RTSP message with a bad Content-Length"),
    "not RTSP": (dict(describe=b"HTTP/1.1 200 OK\r\n\r\n"), "camera gate: an HTTP server answered where RTSP was expected (is the port right?)"),
    "nonsense": (dict(describe=b"hello\r\n\r\n"), "camera gate: what came is not RTSP (is the port right?)"),
    "no media": (dict(sdp="v=0\r\ns=empty\r\n"), "camera gate answered DESCRIBE, but the description names no media"),
    "unknown codec": (dict(sdp="v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 MP4V-ES/90000\r\n"),
                      "camera gate speaks no codec that pigtail knows and is to take (video: MP4V-ES)"),
    "404": (dict(refuse={"DESCRIBE": "404 Not Found"}), "404 camera gate has no stream /live"),
    "403": (dict(refuse={"DESCRIBE": "403 Forbidden"}), "403 camera gate does not allow this login to watch /live"),
    "453": (dict(refuse={"SETUP": "453 Not Enough Bandwidth"}), "453 camera gate has no room for another viewer (it answered SETUP)"),
    "461": (dict(refuse={"SETUP": "461 Unsupported Transport"}), "461 camera gate refused SETUP: Unsupported Transport"),
    "PLAY without reason": (dict(refuse={"PLAY": "455"}), "455 camera gate refused PLAY: Method Not Valid in This State"),
    "no session": (dict(session=""), "camera gate answered SETUP without a session"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_failure(kind):
    quirks, reason = FAILURES[kind]
    with Camera(**quirks) as camera:
        result = play(camera, seconds=1.5)
        got = result["reasons"][0].replace("camera camera", "camera")
        assert got == reason.replace("camera camera", "camera")
        assert len(camera.accepted) <= 3  # no busy loop


def test_closes():
    class Closing(Camera):
        def stream(self, peer, state):
            self.send(peer, b"")
            peer.shutdown(socket.SHUT_RDWR)

    with Closing() as camera:
        result = play(camera, seconds=8)
        assert result["reasons"][0] == "camera gate: it closed the connection"
        waits = [b - a for a, b in zip(camera.accepted, camera.accepted[1:])]
        assert 2 <= len(waits) <= 4  # 1 s, 2 s, 4 s, each a quarter more or less
        assert 0.7 < waits[0] < 1.5 and 1.4 < waits[1] < 2.8


def test_silent():
    with Camera(frames=3) as camera:
        result = play(camera, seconds=13)
        assert result["reasons"] == ["camera gate: no data for 10 s"]
        assert len(result["pictures"]) >= 3


def test_never_answers():
    class Mute(Camera):
        def answer(self, peer, method, headers, state):
            pass

    with Mute() as camera:
        assert play(camera, seconds=11)["reasons"] == ["camera gate did not answer OPTIONS within 10 s"]


def test_teardown_at_stop_does_not_hang():
    class Rude(Camera):
        def answer(self, peer, method, headers, state):
            if method != "TEARDOWN":
                super().answer(peer, method, headers, state)

    with Rude() as camera:
        begin = time.monotonic()
        assert_plays(play(camera, seconds=2))
        assert time.monotonic() - begin < 4
        assert camera.requests[-1][0] == "TEARDOWN"


# ---- sent on to another address ----

class Pointing(Camera):
    """Answers DESCRIBE with a redirect."""
    status, to = "302 Found", None

    def answer(self, peer, method, headers, state):
        if method == "DESCRIBE" and (not self.challenges or self.authorised(method, headers, state)):
            self.reply(peer, headers, self.status, [f"Location: {self.to}"] if self.to else [])
        else:
            super().answer(peer, method, headers, state)


DIGEST = ['Digest realm="c", nonce="{nonce}"']


@pytest.mark.parametrize("challenges,answered", [
    (DIGEST, True), (['Digest realm="other", nonce="{nonce}"'], False), (['Basic realm="c"'], False), (['Basic realm="c"', *DIGEST], True)])
def test_the_login_goes_to_another_host_in_the_same_realm_alone(challenges, answered, login):
    with Camera(challenges=challenges) as camera, Pointing(challenges=DIGEST, to=camera.url.replace("127.0.0.1", "localhost")) as first:
        result = play(first, *login)
        sent = [h["authorization"] for _, _, h in camera.requests if "authorization" in h]
        if answered:
            assert_plays(result)
            assert all(value.startswith("Digest") for value in sent)
        else:
            assert result["reasons"][0].startswith(f"401 camera gate sends us to localhost:{camera.port}, which asks for a login")
            assert not sent


def test_a_host_that_did_not_ask_has_no_realm(login):
    with Camera(challenges=DIGEST) as camera, Pointing(to=camera.url.replace("127.0.0.1", "localhost")) as first:
        assert "asks for a login that was given for another host" in play(first, *login)["reasons"][0]
        assert not [h for _, _, h in camera.requests if "authorization" in h]


def test_redirects_in_a_circle_end():
    with Pointing() as a, Pointing() as b:
        a.to, b.to = b.url, a.url
        result = play(a, seconds=2)
        assert result["reasons"][0] == f"302 camera gate sends us in a circle: 127.0.0.1:{a.port} was asked for {a.url} before"
        assert len(a.accepted) <= 3  # no busy loop


def test_redirects_are_counted():
    cameras = [Pointing() for _ in range(6)]
    for a, b in zip(cameras, cameras[1:]):
        a.to = b.url
    assert play(cameras[0])["reasons"][0] == f"302 camera gate sends us on more than 3 times (last to {cameras[4].url})"
    assert cameras[3].accepted and not cameras[4].accepted


def test_a_proxy_is_asked_for_the_same():
    """305: the connection goes to the proxy, the request names the camera."""
    with Camera() as proxy, Pointing(status="305 Use Proxy", to=proxy.url + "/whatever") as first:
        assert_plays(play(first))
        assert proxy.requests[1][:2] == ("DESCRIBE", first.url)


@pytest.mark.parametrize("to,reason", [
    (None, "302 camera gate sends us elsewhere, but does not say where"),
    ("http://127.0.0.1/", "302 camera gate sends us to an address that is no rtsp"),
    ("/other", "302 camera gate sends us to an address that is no rtsp"),
    ("file:///etc/passwd", "302 camera gate sends us to an address that is no rtsp"),
    ("rtsp://", "302 camera gate sends us to an address that is no rtsp"),
    ("rtsp://127.0.0.1/" + "x" * 4000, "302 camera gate sends us to an address that is no rtsp"),
    ("rtsp://user:pass word@127.0.0.1/", "302 camera gate sends us to an address that is no rtsp"),
])
def test_redirect_to_nowhere(to, reason):
    with Pointing(to=to) as camera:
        assert play(camera, seconds=1)["reasons"][0].startswith(reason)
