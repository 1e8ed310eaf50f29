# SPDX-License-Identifier: Apache-2.0
"""Our RTSP server with ffmpeg and GStreamer as clients, over TCP and UDP. What they decode is compared with what the file
decodes to, frame by frame; then the clients that misbehave."""
import hashlib
import json
import os
import pathlib
import re
import socket
import subprocess
import threading
import time

import pytest

import testpicture

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("PIGTAIL_BUILD", ROOT / "build"))
VIDEO = "-f lavfi -i testsrc2=size=320x180:rate=40:duration=1.5 "
AUDIO = "-f lavfi -i sine=frequency=440:sample_rate={rate}:duration=1.5 "
X264 = "-pix_fmt yuv420p -c:v libx264 -preset ultrafast -g 20 "
CLIPS = {
    "h264.mp4": VIDEO + AUDIO.format(rate=48000) + X264 + "-c:a aac",
    "b.mp4": VIDEO + "-pix_fmt yuv420p -c:v libx264 -preset veryfast -bf 3 -g 20",
    "h265.mp4": VIDEO + "-pix_fmt yuv420p -c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=20 -tag:v hvc1",
    # RFC 2435 knows sizes in multiples of 8 alone
    "mjpeg.mp4": VIDEO + "-vf scale=320:176 -pix_fmt yuvj420p -c:v mjpeg -huffman default -q:v 3",
    "opus.mp4": VIDEO + AUDIO.format(rate=48000) + X264 + "-c:a libopus",
    "mulaw.mov": VIDEO + AUDIO.format(rate=8000) + X264 + "-c:a pcm_mulaw",
    "l16.mov": VIDEO + AUDIO.format(rate=16000) + X264 + "-c:a pcm_s16be -ac 2",
    "big.mp4": "-f lavfi -i nullsrc=size=640x360:rate=25:duration=2,geq=random(1)*255:128:128 " + X264 + "-crf 18",
}


class Server:
    """rtsp-serve with these streams."""

    def __init__(self, streams, users=None, more=()):
        args = [f"{path}={location}" for path, location in streams.items()]
        self.process = subprocess.Popen([BUILD / "tests/tools/rtsp-serve", *(["--users", users] if users else []), *more, *args],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        # memory is measured: the sanitizer must not keep what was freed
                                        env={**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") +
                                             ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64",
                                             "UBSAN_OPTIONS": "halt_on_error=1"})
        self.port, self.secure_port = map(int, self.process.stdout.readline().split()[1:])

    def url(self, path, login=""):
        return f"rtsp://{login}{'@' if login else ''}127.0.0.1:{self.port}/{path}"

    def secure_url(self, path, login=""):
        return self.url(path, login).replace("rtsp:", "rtsps:").replace(f":{self.port}/", f":{self.secure_port}/")

    def stats(self):
        self.process.stdin.write("stats\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.process.stdin.close()
        assert self.process.wait(timeout=20) == 0


def ffmpeg(*args, timeout=40):
    done = subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, args)], capture_output=True, timeout=timeout)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for name, args in CLIPS.items():
        ffmpeg(*args.split(), folder / name)
    (folder / "users").write_text("anna:correct horse\ndenied:x\n")
    return folder


@pytest.fixture(scope="module")
def server(clips):
    streams = {name.split(".")[0]: f"file:{clips / name}" for name in CLIPS}
    streams["missing"] = f"file:{clips}/none.mp4"
    streams["deep/er/main"] = f"file:{clips}/h264.mp4"
    with Server(streams) as s:
        yield s


def sums(output):
    """The checksums of ffmpeg's framemd5."""
    return [line.split(",")[5].strip() for line in output.decode().splitlines() if line and line[0] != "#"]


def is_run_of_loop(got, whole):
    """Whether got is a stretch of the endlessly repeated whole."""
    start = whole.index(got[0])
    return got == [whole[(start + i) % len(whole)] for i in range(len(got))]


def decoded(source, *options, frames=None, stream="0:v"):
    return sums(ffmpeg(*options, "-i", source, "-map", stream, "-fps_mode", "passthrough",
                       *(["-frames:v", frames] if frames else []), "-pix_fmt", "yuv420p", "-f", "framemd5", "-"))


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("name", ["h264.mp4", "b.mp4", "h265.mp4", "mjpeg.mp4"])
def test_ffmpeg_decodes_the_same_frames(server, clips, name, transport):
    got = decoded(server.url(name.split(".")[0]), "-rtsp_transport", transport, "-flags", "+output_corrupt", frames=70)  # through the end of the loop
    assert len(got) == 70
    assert is_run_of_loop(got, decoded(clips / name))


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("name", ["h264.mp4", "opus.mp4"])
def test_ffmpeg_gets_the_same_sound(server, clips, name, transport):
    whole = sums(ffmpeg("-i", clips / name, "-map", "0:a", "-c", "copy", "-f", "framemd5", "-"))
    got = sums(ffmpeg("-rtsp_transport", transport, "-i", server.url(name.split(".")[0]), "-map", "0:a", "-c", "copy",
                      "-frames:a", 120, "-f", "framemd5", "-"))
    assert len(got) == 120
    wrong = [g for g in got if g not in whole]
    assert not wrong
    # sound that is longer than the picture is not played out: the order holds within each loop
    places = [whole.index(g) for g in got if whole.count(g) == 1]
    breaks = sum(b <= a for a, b in zip(places, places[1:]))
    assert breaks <= 2


@pytest.mark.parametrize("name,form", [("mulaw", "mulaw"), ("l16", "s16be")])
def test_plain_sound_is_the_same_octets(server, clips, name, form):
    whole = ffmpeg("-i", clips / f"{name}.mov", "-map", "0:a", "-c", "copy", "-f", form, "-")
    got = ffmpeg("-rtsp_transport", "tcp", "-i", server.url(name), "-map", "0:a", "-c", "copy", "-t", 2, "-f", form, "-")
    assert len(got) > 12000
    assert got[:8000] in whole + whole


def gst(url, depay, *, frames, out, extra="", transport="tcp", login=None):
    credentials = f"user-id={login[0]} user-pw=\"{login[1]}\"" if login else ""
    line = (f"rtspsrc location={url} protocols={transport} latency=200 {credentials} {extra} ! {depay} ! "
            f"video/x-raw,format=I420 ! identity eos-after={frames + 1} ! filesink location={out}")
    return subprocess.run(["gst-launch-1.0", "-q", *__import__("shlex").split(line)], capture_output=True, text=True, timeout=40)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("name,depay", [
    ("h264.mp4", "rtph264depay ! h264parse ! avdec_h264"),
    ("b.mp4", "rtph264depay ! h264parse ! avdec_h264"),
    ("h265.mp4", "rtph265depay ! h265parse ! avdec_h265"),
    ("mjpeg.mp4", "rtpjpegdepay ! avdec_mjpeg ! videoconvert"),
])
def test_gstreamer_decodes_the_same_frames(server, clips, tmp_path, name, depay, transport):
    done = gst(server.url(name.split(".")[0]), depay, frames=60, out=tmp_path / "out.yuv", transport=transport)
    data = (tmp_path / "out.yuv").read_bytes()
    size = 320 * (176 if "jpeg" in name else 180) * 3 // 2
    assert len(data) // size >= 60, done.stderr
    got = [hashlib.md5(data[i * size:(i + 1) * size]).hexdigest() for i in range(60)]
    if name != "mjpeg.mp4":  # the two decoders round a JPEG's colours differently
        assert is_run_of_loop(got, decoded(clips / name))


@pytest.mark.parametrize("stream,depay", [("h264", "rtpmp4gdepay ! aacparse"), ("opus", "rtpopusdepay ! opusparse"),
                                          ("mulaw", "rtppcmudepay"), ("l16", "rtpL16depay")])
def test_gstreamer_gets_sound(server, tmp_path, stream, depay):
    line = (f"rtspsrc location={server.url(stream)} protocols=tcp name=s s. ! application/x-rtp,media=audio ! {depay} ! "
            f"identity eos-after=50 ! filesink location={tmp_path}/out")
    done = subprocess.run(["gst-launch-1.0", "-q", *line.split()], capture_output=True, text=True, timeout=40)
    # after the end its PAUSE now and then runs into its own closing; nothing else may go wrong
    assert done.returncode == 0 or "gst_rtspsrc_pause" in done.stderr, done.stderr
    assert (tmp_path / "out").stat().st_size > 2000


def test_ffprobe_sees_the_tracks(server):
    done = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width,height,sample_rate,channels",
                           "-of", "json", server.url("deep/er/main")], capture_output=True, text=True, timeout=30)
    video, audio = json.loads(done.stdout)["streams"]
    assert (video["codec_name"], video["width"], video["height"]) == ("h264", 320, 180)
    assert (audio["codec_name"], audio["sample_rate"], audio["channels"]) == ("aac", "48000", 1)


def test_three_at_once_get_the_same(server, clips):
    whole, results = decoded(clips / "h264.mp4"), {}

    def run(i):
        results[i] = decoded(server.url("h264"), "-rtsp_transport", "udp" if i == 2 else "tcp", frames=60)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for i in range(3):
        assert len(results[i]) == 60 and is_run_of_loop(results[i], whole)


# ---- login ----

@pytest.fixture(scope="module")
def locked(clips):
    with Server({"h264": f"file:{clips}/h264.mp4"}, users=clips / "users") as s:
        yield s


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_login(locked, clips, tmp_path, transport):
    url = locked.url("h264", "anna:correct%20horse")
    assert len(decoded(url, "-rtsp_transport", transport, frames=10)) == 10
    gst(locked.url("h264"), "rtph264depay ! h264parse ! avdec_h264", frames=10, out=tmp_path / "a", transport=transport,
        login=("anna", "correct horse"))
    assert (tmp_path / "a").stat().st_size >= 10 * 320 * 180 * 3 // 2


@pytest.mark.parametrize("login,answer", [("", "401"), ("anna:wrong", "401"), ("nobody:x", "401"), ("denied:x", "403")])
def test_wrong_login_is_refused(locked, tmp_path, login, answer):
    done = subprocess.run(["ffprobe", "-v", "error", locked.url("h264", login)], capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and answer in done.stderr
    if login:
        user, password = login.split(":")
        done = gst(locked.url("h264"), "rtph264depay ! h264parse ! avdec_h264", frames=5, out=tmp_path / "a",
                   login=(user, password))
        assert done.returncode != 0


def test_basic_is_not_offered_and_sha256_is(locked):
    c = Client(locked.port)
    answer = c.ask("DESCRIBE", locked.url("h264"))
    challenges = re.findall(r"WWW-Authenticate: (.*)", answer)
    assert len(challenges) == 2 and all(x.startswith("Digest") for x in challenges)
    assert "SHA-256" in challenges[0] and "MD5" in challenges[1]


# ---- by hand ----

class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.cseq = 0
        self.data = b""

    def send(self, method, uri, **headers):
        self.cseq += 1
        lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {self.cseq}"] + [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def read(self):
        """The next reply, interleaved frames before it left out."""
        while True:
            while self.data[:1] == b"$" and len(self.data) >= 4:
                n = 4 + int.from_bytes(self.data[2:4], "big")
                if len(self.data) < n:
                    break
                self.data = self.data[n:]
            end = self.data.find(b"\r\n\r\n")
            if self.data[:1] == b"R" and end >= 0:
                head = self.data[:end + 4].decode()
                length = re.search(r"Content-Length: (\d+)", head)
                total = end + 4 + (int(length[1]) if length else 0)
                if len(self.data) >= total:
                    text, self.data = self.data[:total].decode(), self.data[total:]
                    return text
            more = self.socket.recv(65536)
            if not more:
                raise EOFError
            self.data += more

    def ask(self, method, uri, **headers):
        self.send(method, uri, **headers)
        return self.read()

    def play(self, url, tracks=(0,), transport="RTP/AVP/TCP;unicast;interleaved={a}-{b}"):
        assert " 200 " in self.ask("DESCRIBE", url)
        for i, t in enumerate(tracks):
            more = {"Session": self.session} if i else {}
            answer = self.ask("SETUP", f"{url}/track{t}", Transport=transport.format(a=2 * i, b=2 * i + 1), **more)
            assert " 200 " in answer, answer
            self.session = re.search(r"Session: (\w+)", answer)[1]
        answer = self.ask("PLAY", url, Session=self.session)
        assert " 200 " in answer and "RTP-Info: url=" in answer and "Range: npt=" in answer
        return answer

    def packets(self, n):
        """The next n interleaved frames: (channel, bytes)."""
        result = []
        while len(result) < n:
            while len(self.data) >= 4:
                size = 4 + int.from_bytes(self.data[2:4], "big")
                if len(self.data) < size:
                    break
                assert self.data[:1] == b"$"
                result.append((self.data[1], self.data[4:size]))
                self.data = self.data[size:]
            more = self.socket.recv(65536)
            if not more:
                raise EOFError
            self.data += more
        return result


def test_methods(server):
    url = server.url("h264")
    c = Client(server.port)
    assert "Public: OPTIONS, DESCRIBE" in c.ask("OPTIONS", "*")
    assert "404" in c.ask("DESCRIBE", server.url("nothing/here"))
    assert "405" in c.ask("ANNOUNCE", url)
    assert "551" in c.ask("DESCRIBE", url, Require="www.onvif.org/ver20/backchannel")
    assert "454" in c.ask("PLAY", url, Session="ABCD")
    assert "461" in c.ask("SETUP", url + "/track0", Transport="RTP/AVP;multicast")
    assert "461" in c.ask("SETUP", url + "/track0", Transport="RTP/SAVP/TCP;interleaved=0-1")
    assert "404" in c.ask("SETUP", url + "/track7", Transport="RTP/AVP/TCP")
    assert "404" in c.ask("SETUP", url, Transport="RTP/AVP/TCP")
    assert "404" in c.ask("DESCRIBE", server.url("../../etc/passwd"))
    c.play(url, (0, 1))
    assert "200" in c.ask("GET_PARAMETER", url, Session=c.session)
    assert "200" in c.ask("SET_PARAMETER", url, Session=c.session)
    assert "200" in c.ask("PAUSE", url, Session=c.session)
    time.sleep(0.3)
    c.socket.settimeout(1)
    c.data = b""
    with pytest.raises(TimeoutError):
        while True:
            c.packets(1)
    c.socket.settimeout(20)
    assert "459" in c.ask("SETUP", server.url("b") + "/track0", Transport="RTP/AVP/TCP")
    assert "200" in c.ask("PLAY", url, Session=c.session)
    assert c.packets(3)
    assert "200" in c.ask("TEARDOWN", url, Session=c.session)
    assert "454" in c.ask("PLAY", url, Session=c.session)
    assert "200" in c.ask("OPTIONS", "*")


def test_first_packets_are_a_report_and_a_key_frame(server):
    c = Client(server.port)
    c.play(server.url("h264"), (1, 0))  # channels 0-1 are sound's here: not the numbers the stream is packed with
    packets = c.packets(300)
    assert {channel for channel, _ in packets} == {0, 1, 2, 3}
    video = [data for channel, data in packets if channel in (2, 3)]
    assert video[0][1] == 200  # a sender report
    ntp = int.from_bytes(video[0][8:12], "big") - 2208988800
    assert abs(ntp - time.time()) < 5
    assert [data[12] & 31 for channel, data in packets if channel == 2][:2] == [7, 8]  # parameter sets first
    for channel in (0, 2):
        seqs = [int.from_bytes(data[2:4], "big") for ch, data in packets if ch == channel]
        assert all((b - a) & 0xFFFF == 1 for a, b in zip(seqs, seqs[1:]))


def test_stream_without_picture_says_why(server):
    c = Client(server.port)
    start = time.monotonic()
    answer = c.ask("DESCRIBE", server.url("missing"))
    assert "503" in answer and "No such file" in answer
    assert 4 < time.monotonic() - start < 8


# ---- those who misbehave ----

def test_slow_reader_costs_only_itself(server, clips):
    before = server.stats()
    slow = Client(server.port)
    slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    slow.play(server.url("big"))
    whole = decoded(clips / "big.mp4")
    got = decoded(server.url("big"), "-rtsp_transport", "tcp", frames=200)  # 8 s in which the slow one reads nothing
    assert len(got) == 200 and is_run_of_loop(got, whole)
    after = server.stats()
    assert after["dropped_samples"] > before["dropped_samples"]
    assert after["memory_kib"] - before["memory_kib"] < 32 * 1024
    packets = slow.packets(6000)  # what waited, then a hole, then whole pictures again
    seqs = [int.from_bytes(d[2:4], "big") for ch, d in packets if ch == 0]
    holes = [i for i, (a, b) in enumerate(zip(seqs, seqs[1:])) if (b - a) & 0xFFFF != 1]
    video = [d for ch, d in packets if ch == 0]
    assert holes and all(video[i + 1][12] & 31 == 7 for i in holes)


@pytest.mark.parametrize("data", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10, b"GET\r\n\r\n", b"DESCRIBE\r\n\r\n", b"\r\n" * 5 + b"?" * 100000,
    b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 99999999999\r\n\r\n", b"OPTIONS * RTSP/1.0\r\n\r\n",
    b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n" + b"X: " + b"y" * 200000, b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
])
def test_garbage_is_refused(server, data):
    s = socket.create_connection(("127.0.0.1", server.port), timeout=15)
    got = b""
    try:
        s.sendall(data)
        while True:
            more = s.recv(4096)
            if not more:
                break
            got += more
    except ConnectionError:
        pass
    assert b" 400 " in got or not got


def test_interleaved_from_the_client_is_skipped(server):
    c = Client(server.port)
    c.play(server.url("h264"))
    c.socket.sendall(b"$\x01\x00\x08\x80\xc9\x00\x01\x00\x00\x00\x00" + b"$\x09\xff\xff" + b"z" * 65535)
    assert "200" in c.ask("GET_PARAMETER", server.url("h264"), Session=c.session)


def test_dawdlers_are_closed_and_nobody_waits_for_them(server):
    start = time.monotonic()
    half_open = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    slow = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    closed_at = None
    for i in range(15):
        try:
            slow.sendall(b"DESCRIBE rtsp://127.0.0.1/h264 RTSP/1.0\r\n"[i:i + 1])
            slow.settimeout(1)
            if slow.recv(100) == b"":
                closed_at = time.monotonic() - start
                break
        except TimeoutError:
            pass
        except ConnectionError:
            closed_at = time.monotonic() - start
            break
    assert closed_at and 8 < closed_at < 14
    assert half_open.recv(100) == b""
    assert len(decoded(server.url("h264"), "-rtsp_transport", "tcp", frames=5)) == 5


def test_connection_cap(server):
    sockets = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(220)]
    time.sleep(0.5)
    stats = server.stats()
    assert stats["connections"] <= 200 and stats["refused"] >= 20
    for s in sockets:
        s.close()
    time.sleep(0.5)
    assert "200" in Client(server.port).ask("OPTIONS", "*")


# ---- the clock ----

@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_latency_by_the_burnt_in_clock(transport):
    with Server({"cam": "test:clock?size=640x360&fps=15"}) as s:
        got = testpicture.frames(s.url("cam"), 60, 640, 360, "-rtsp_transport", transport)
        times = [t for t, _ in got]
        assert len(times) == 60 and None not in times
        assert all(b > a for a, b in zip(times, times[1:]))
        assert (times[-1] - times[0]) == pytest.approx(59 * 1000 / 15, abs=150)
        late = sorted(arrived - t for t, arrived in got[30:])  # the first ones wait for ffmpeg to find out what comes
        print(f"latency over {transport}: median {late[len(late) // 2]:.0f} ms, most {late[-1]:.0f} ms")
        assert late[len(late) // 2] < 500
