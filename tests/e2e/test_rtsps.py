# SPDX-License-Identifier: Apache-2.0
"""RTSP over TLS: our client against GStreamer's server, our server with ffmpeg and GStreamer as clients; whom the client
trusts; and peers that break the handshake."""
import hashlib
import json
import os
import pathlib
import random
import re
import socket
import ssl
import subprocess
import threading
import time

import pytest

from test_rtsp_client import BUILD, DUMP, VIDEO, Server as GstServer, check_content, check_times, dump
from test_rtsp_server import Client, Server, clips, decoded, ffmpeg, is_run_of_loop  # noqa: F401


def make_certificate(folder, name, *extensions, key="ec:P-256", ca=None):
    """(certificate, key) as PEM files, by the openssl program."""
    cert, private = folder / f"{name}.crt", folder / f"{name}.key"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec:P-256" else ["-newkey", key]
    signed = ["-CA", ca[0], "-CAkey", ca[1]] if ca else []
    extra = [x for e in extensions for x in ("-addext", e)]
    subprocess.run(["openssl", "req", "-x509", *kind, "-nodes", "-keyout", private, "-out", cert, "-days", "2", "-subj", f"/CN={name}", *signed,
                    *extra], check=True, capture_output=True)
    return cert, private


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    ca = make_certificate(folder, "ca")
    return {
        "own": make_certificate(folder, "own"),
        "rsa": make_certificate(folder, "rsa", key="rsa:2048"),
        "old": make_certificate(folder, "old", key="rsa:1024"),
        "ca": ca,
        "good": make_certificate(folder, "good", "subjectAltName=IP:127.0.0.1,DNS:localhost", ca=ca),
        "other": make_certificate(folder, "other", "subjectAltName=DNS:elsewhere.example", ca=ca),
    }


def fingerprint(cert):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(cert.read_text())).hexdigest()


class Gst(GstServer):
    def __init__(self, certificate, *auth):
        super().__init__(f"( {VIDEO['h264'][0]} )", "tls", *map(str, certificate), *auth)
        self.url = self.url.replace("rtsp:", "rtsps:")


# ---- our client ----

@pytest.mark.parametrize("kind", ["own", "rsa", "old"])
def test_client_gets_every_frame(certificates, kind):
    with Gst(certificates[kind]) as server:
        result = dump(server.url)
        assert [s for s, _ in result["states"]] == ["connecting", "live", "idle"]
        assert len(result["tracks"][0]) > 40
        check_content(server, 0, result["tracks"][0])
        check_times(result["tracks"][0], 90000)


def test_client_logs_in(certificates, tmp_path):
    (tmp_path / "secret").write_text("sesame\n")
    with Gst(certificates["own"], "digest", "operator", "sesame") as server:
        result = dump(server.url, "--user", "operator", "--password-file", str(tmp_path / "secret"), seconds=2)
        assert ("live", "") in result["states"]


def first_reason(url, *options, env=None):
    done = subprocess.run([DUMP, "--quiet", "--seconds", "3", *options, url], capture_output=True, text=True, timeout=30,
                          env={**os.environ, **(env or {})})
    assert done.returncode == 0, done.stderr
    states = [json.loads(line) for line in done.stdout.splitlines() if '"state"' in line]
    return states[1]["reason"] if states[1]["state"] == "lost" else states[1]["state"]


def test_pinned(certificates):
    right, wrong = fingerprint(certificates["own"][0]), fingerprint(certificates["rsa"][0])
    with Gst(certificates["own"]) as server:
        assert first_reason(server.url, "--tls", right) == "live"
        assert first_reason(server.url, "--tls", wrong) == (
            f"camera gate: the certificate of 127.0.0.1 has the fingerprint sha256:{right}, which is not the one it should have")


def test_verified(certificates):
    trusting = {"SSL_CERT_FILE": str(certificates["ca"][0])}
    with Gst(certificates["good"]) as server:
        assert first_reason(server.url, "--tls", "verify", env=trusting) == "live"
        assert first_reason(server.url.replace("127.0.0.1", "localhost"), "--tls", "verify", env=trusting) == "live"
        reason = first_reason(server.url, "--tls", "verify")
        assert reason.startswith("camera gate: the certificate of 127.0.0.1 is not to be trusted: ")
    with Gst(certificates["other"]) as server:
        assert first_reason(server.url, "--tls", "verify", env=trusting) == (
            "camera gate: the certificate of 127.0.0.1 is not to be trusted: IP address mismatch")
    with Gst(certificates["own"]) as server:
        assert "self-signed certificate" in first_reason(server.url, "--tls", "verify", env=trusting)


def test_nothing_is_sent_to_whom_is_not_trusted(certificates):
    """A server that is not the pinned one sees a handshake and no request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates["own"])
    listener, got = socket.create_server(("127.0.0.1", 0)), []

    def serve():
        peer, _ = listener.accept()
        try:
            with context.wrap_socket(peer, server_side=True) as tls:
                got.append(tls.recv(1000))
        except (ssl.SSLError, OSError) as error:
            got.append(error)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    first_reason(f"rtsps://127.0.0.1:{listener.getsockname()[1]}/a", "--tls", "00" * 32)
    thread.join(5)
    assert got and (got == [b""] or isinstance(got[0], Exception))


def test_udp_is_refused(certificates):
    with Gst(certificates["own"]) as server:
        assert first_reason(server.url, "--udp") == (
            "camera gate: over UDP its pictures would not be encrypted: rtsps:// goes with transport tcp")


def test_redirects_between_plain_and_tls(certificates):
    with Gst(certificates["own"]) as secure, GstServer(f"( {VIDEO['h264'][0]} )", "redirect", "302", secure.url) as plain:
        assert first_reason(plain.url) == "live"
        assert first_reason(plain.url, "--udp") == "live"
    with GstServer(f"( {VIDEO['h264'][0]} )") as plain, Gst(certificates["own"], "redirect", "302", plain.url) as secure:
        assert first_reason(secure.url) == f"302 camera gate sends us from TLS to plain RTSP ({plain.url}), which is not followed"


def talk(answers, seconds, **options):
    """The states of a client whose server answers with these bytes, one by one, and then waits."""
    listener = socket.create_server(("127.0.0.1", 0))
    held = []

    def serve():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            held.append(peer)
            try:
                peer.recv(4096)
                for data in answers:
                    peer.sendall(data)
                    time.sleep(options.get("pause", 0))
                if options.get("close"):
                    peer.close()
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    done = subprocess.run([DUMP, "--quiet", "--seconds", str(seconds), f"rtsps://127.0.0.1:{listener.getsockname()[1]}/a"], capture_output=True,
                          text=True, timeout=seconds + 30)
    listener.close()
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1]["rss_kib"] < 120_000
    return [x["reason"] for x in lines if x.get("state") == "lost"], len(held)


RANDOM = random.Random(7)


@pytest.mark.parametrize("data,reason", [
    (b"RTSP/1.0 400 Bad Request\r\n\r\n", "what came is not TLS (is the port right?)"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what came is not TLS (is the port right?)"),
    (RANDOM.randbytes(3000), "what came is not TLS (is the port right?)"),
    (b"\x15\x03\x03\x00\x02\x02\x28", "TLS failed: sslv3 alert handshake failure"),
    (b"\x16\x03\x03\x40\x00" + RANDOM.randbytes(0x4000), "TLS failed: "),
], ids=["rtsp", "http", "random", "alert", "record"])
def test_client_with_garbage(data, reason):
    reasons, connections = talk([data], 1)
    assert reasons[0].startswith("camera gate: " + reason)
    assert connections <= 2


def test_client_with_a_slow_or_broken_handshake():
    reasons, _ = talk([b"\x16\x03\x03\x00\x7a"] + [b"\x02"] * 100, 11.5, pause=0.2)
    assert re.fullmatch(r"camera gate: 127\.0\.0\.1:\d+ does not come to terms about TLS within 10 s", reasons[0])
    reasons, connections = talk([b"\x16\x03\x03\x00\x7a\x02"], 1, close=True)
    assert reasons[0] == "camera gate: it closed the connection" and connections <= 2


# ---- our server ----

@pytest.fixture(scope="module")
def server(clips, certificates):  # noqa: F811
    with Server({"h264": f"file:{clips}/h264.mp4", "big": f"file:{clips}/big.mp4"}, users=clips / "users",
                more=["--cert", certificates["own"][0], "--key", certificates["own"][1]]) as s:
        yield s


LOGIN = "anna:correct%20horse"


def test_ffmpeg_decodes_the_same_frames(server, clips):  # noqa: F811
    got = decoded(server.secure_url("h264", LOGIN), "-rtsp_transport", "tcp", frames=60)
    assert len(got) == 60 and is_run_of_loop(got, decoded(clips / "h264.mp4"))


def test_ffprobe_sees_the_tracks(server):
    done = subprocess.run(["ffprobe", "-v", "error", "-tls_verify", "0", "-rtsp_transport", "tcp", "-show_entries", "stream=codec_name", "-of", "json",
                           server.secure_url("h264", LOGIN)], capture_output=True, text=True, timeout=30)
    assert [s["codec_name"] for s in json.loads(done.stdout)["streams"]] == ["h264", "aac"], done.stderr


def test_gstreamer_decodes_the_same_frames(server, clips, tmp_path):  # noqa: F811
    line = (f'rtspsrc location={server.secure_url("h264")} tls-validation-flags=0 latency=200 user-id=anna user-pw="correct horse" ! rtph264depay ! '
            f"h264parse ! avdec_h264 ! video/x-raw,format=I420 ! identity eos-after=61 ! filesink location={tmp_path}/out.yuv")
    done = subprocess.run(["gst-launch-1.0", "-q", *__import__("shlex").split(line)], capture_output=True, text=True, timeout=40)
    data, size = (tmp_path / "out.yuv").read_bytes(), 320 * 180 * 3 // 2
    assert len(data) // size >= 60, done.stderr
    assert is_run_of_loop([hashlib.md5(data[i * size:(i + 1) * size]).hexdigest() for i in range(60)], decoded(clips / "h264.mp4"))


class SecureClient(Client):
    def __init__(self, server):
        self.cseq, self.data = 0, b""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", server.secure_port), timeout=20))


@pytest.fixture(scope="module")
def open_server(clips, certificates):  # noqa: F811
    with Server({"h264": f"file:{clips}/h264.mp4", "big": f"file:{clips}/big.mp4"},
                more=["--cert", certificates["rsa"][0], "--key", certificates["rsa"][1]]) as s:
        yield s


def test_udp_is_refused_by_the_server(open_server):
    c, url = SecureClient(open_server), open_server.secure_url("h264")
    assert " 200 " in c.ask("DESCRIBE", url)
    answer = c.ask("SETUP", url + "/track0", Transport="RTP/AVP;unicast;client_port=40000-40001")
    assert " 461 " in answer and "would not be encrypted" in answer
    c.play(url)
    assert c.packets(20)


def test_a_slow_reader_costs_only_itself(open_server, clips):  # noqa: F811
    before = open_server.stats()
    slow = SecureClient(open_server)
    slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    slow.play(open_server.secure_url("big"))
    got = decoded(open_server.secure_url("big"), "-rtsp_transport", "tcp", frames=200)
    assert len(got) == 200 and is_run_of_loop(got, decoded(clips / "big.mp4"))
    after = open_server.stats()
    assert after["dropped_samples"] > before["dropped_samples"]
    assert after["memory_kib"] - before["memory_kib"] < 32 * 1024
    seqs = [int.from_bytes(d[2:4], "big") for ch, d in slow.packets(6000) if ch == 0]
    assert len(seqs) > 5000 and any((b - a) & 0xFFFF != 1 for a, b in zip(seqs, seqs[1:]))


def closed_within(s, seconds):
    start = time.monotonic()
    s.settimeout(seconds)
    try:
        while s.recv(4096):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return None
    return time.monotonic() - start


@pytest.mark.parametrize("data", [
    b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", RANDOM.randbytes(5000), b"\x15\x03\x03\x00\x02\x01\x00" * 50],
    ids=["rtsp", "http", "random", "alerts"])
def test_garbage_instead_of_tls(open_server, data):
    before = open_server.stats()
    s = socket.create_connection(("127.0.0.1", open_server.secure_port), timeout=15)
    try:
        s.sendall(data)
    except ConnectionError:
        pass
    assert closed_within(s, 5) is not None
    assert open_server.stats()["failed_tls"] > before["failed_tls"]


def test_half_handshakes_and_broken_connections(open_server, clips):  # noqa: F811
    before = open_server.stats()
    hello = ssl.MemoryBIO()
    context = ssl.create_default_context()
    out = context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        out.do_handshake()
    hello = hello.read()
    half = []
    for i in range(60):  # a third of the places, at five stages
        s = socket.create_connection(("127.0.0.1", open_server.secure_port), timeout=15)
        s.sendall([b"", hello[:len(hello) // 2], hello, b"\x16\x03\x01\x40\x00" + b"\x01" * 0x4000, b"\x16\x03\x01\x00\x01\x01" * 2000][i % 5])
        half.append(s)
    for i in range(100):  # closed in the middle
        s = socket.create_connection(("127.0.0.1", open_server.secure_port), timeout=15)
        s.sendall(hello[:RANDOM.randrange(len(hello))])
        s.close()
    for i in range(20):  # closed while it plays, with data under way
        c = SecureClient(open_server)
        c.play(open_server.secure_url("big"))
        if i % 2:  # by a reset
            c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        c.socket.close()
    got = decoded(open_server.secure_url("h264"), "-rtsp_transport", "tcp", frames=20)
    assert len(got) == 20
    during = open_server.stats()
    assert (during["memory_kib"] - before["memory_kib"]) / 80 < 512
    start = time.monotonic()
    assert all(closed_within(s, 16) is not None for s in half)
    assert time.monotonic() - start < 14
    time.sleep(0.5)
    after = open_server.stats()
    assert after["connections"] <= before["connections"]
    assert after["timeouts"] - before["timeouts"] >= 60


def test_old_tls_is_refused(open_server):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{open_server.secure_port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                          capture_output=True, text=True, input="", timeout=20)
    assert "Protocol  : TLSv1.1" not in done.stdout or "Cipher is (NONE)" in done.stdout
    assert done.returncode != 0


def test_memory_of_a_viewer(open_server):
    def watch(n):
        viewers = []
        for _ in range(n):
            viewers.append(SecureClient(open_server))
            viewers[-1].play(open_server.secure_url("h264"))
        for v in viewers:
            v.packets(50)
        return viewers

    few = watch(10)
    first = open_server.stats()["memory_kib"]
    many = watch(60)
    assert len(few) + len(many) == 70
    assert (open_server.stats()["memory_kib"] - first) / 60 < 512
