# SPDX-License-Identifier: Apache-2.0
"""HLS as players that nobody here wrote see it: ffmpeg, GStreamer, Chromium without Media Source Extensions. The burnt-in
clock tells which frames came; a client of the test's own looks at playlists and pieces."""
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

import hub as drills
import pages_hub as hubs
from testpicture import frames, read_time

FPS = 15
FRAME_MS = 1000 / FPS
W, H = 640, 360
SITE = """
site: {{ name: Warehouse 4, timezone: UTC }}
web: {{ listen: 127.0.0.1:{port} }}
archive: {{ path: archive, keep: {{ free: 1% }} }}
cameras:
  gate: {{ source: "test:clock?size=640x360&bitrate=1M&gop=1s&audio=pcmu", record: {{ main: always }}, audio: {{ listen: operator }} }}
  lane: {{ source: "file:CLIPS/hls-h265-closed.mp4", audio: {{ listen: all }} }}
  slow: {{ source: "file:CLIPS/hls-slow.mp4" }}
  dusk: {{ source: "file:CLIPS/hls-never.mp4" }}
  pond: {{ source: "file:CLIPS/hls-mjpeg.mov" }}
  yard: {{ source: "rtsp://127.0.0.1:{closed}/stream1" }}
users: users.yaml
"""

pytestmark = pytest.mark.skipif(not hubs.PIGTAIL.exists(), reason="needs the built pigtail")


def site():
    picture = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25")
    h264 = ("-c:v", "libx264", "-preset", "veryfast", "-sc_threshold", "0", "-b:v", "200k", "-pix_fmt", "yuv420p")
    drills.clip("hls-h265-closed.mp4", *picture, "-f", "lavfi", "-i", "sine=frequency=1000:sample_rate=48000", "-t", "12", "-c:v", "libx265", "-preset",
                "ultrafast", "-x265-params", "log-level=none:keyint=50:min-keyint=50:bframes=2:open-gop=0", "-pix_fmt", "yuv420p", "-c:a", "libopus")
    drills.clip("hls-slow.mp4", *picture, "-t", "30", *h264, "-g", "200", "-keyint_min", "200", "-bf", "2")
    drills.clip("hls-never.mp4", *picture, "-t", "60", *h264, "-g", "2000", "-keyint_min", "2000")
    drills.clip("hls-mjpeg.mov", *picture, "-t", "4", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p")
    return SITE.replace("CLIPS", str(drills.CLIPS))


@pytest.fixture(scope="module")
def hub():
    h = hubs.Hub(users=("vera viewer", "otto operator", "yves viewer"), site=site())
    users = h.dir / "users.yaml"
    users.write_text(users.read_text().replace("yves:\n", "yves:\n  cameras: [yard]\n"))
    h.process.send_signal(signal.SIGHUP)
    time.sleep(4)
    yield h
    log = h.dir / "log"
    assert h.stop() == 0, log.read_text()[-6000:]
    assert "Sanitizer" not in log.read_text(), log.read_text()[-6000:]
    h.close()


def cookie(hub, user):
    body = json.dumps({"user": user, "password": hubs.PASSWORD}).encode()
    with urllib.request.urlopen(urllib.request.Request(hub.url + "/api/login", body, {"Content-Type": "application/json"}), timeout=20) as answer:
        return answer.headers["Set-Cookie"].split(";")[0]


@pytest.fixture(scope="module")
def otto(hub):
    return cookie(hub, "otto")


def get(hub, path, who=None, method="GET", timeout=60):
    """(status, body, headers)"""
    request = urllib.request.Request(hub.url + path, headers={"Cookie": who} if who else {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


class Viewer:
    """Follows a playlist as RFC 8216 has it, and keeps all pieces; what contradicts the RFC fails."""

    def __init__(self, hub, who, path):
        self.hub, self.who, self.path = hub, who, path
        self.pieces = {}  # number → (discontinuity number, map, capture time, length, bytes)
        self.maps = {}
        self.targets = []

    def fetch(self, name):
        status, body, headers = get(self.hub, self.path.rsplit("/", 1)[0] + "/" + name, self.who)
        assert status == 200, (name, status, body)
        assert headers["Content-Type"] == "video/mp4"
        return body

    def look(self):
        status, body, headers = get(self.hub, self.path, self.who)
        assert status == 200, body
        assert headers["Content-Type"] == "application/vnd.apple.mpegurl"
        text = body.decode()
        assert text.startswith("#EXTM3U\n#EXT-X-VERSION:7\n")
        tags = dict(line[1:].split(":", 1) for line in text.splitlines() if line.startswith("#EXT-X-") and ":" in line)
        target, number, turn = (int(tags["EXT-X-" + t]) for t in ("TARGETDURATION", "MEDIA-SEQUENCE", "DISCONTINUITY-SEQUENCE"))
        where = when = length = None
        total = 0
        for line in text.splitlines():
            if line == "#EXT-X-DISCONTINUITY":
                turn += 1
            elif line.startswith("#EXT-X-MAP:"):
                where = re.search(r'URI="([^"]+)"', line)[1]
            elif line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
                when = drills.parse_time(line.split(":", 1)[1])
            elif line.startswith("#EXTINF:"):
                length = float(line[8:].rstrip(","))
                total += length
            elif line and not line.startswith("#"):
                assert int(length + 0.5) <= target, text
                if where not in self.maps:
                    self.maps[where] = self.fetch(where)
                if number not in self.pieces:
                    self.pieces[number] = (turn, where, when, length, self.fetch(line))
                assert self.pieces[number][:3] == (turn, where, when), "a segment never changes"
                number += 1
        self.targets.append(target)
        self.listed = total
        return text

    def follow(self, seconds, every=0.5):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.look()
            time.sleep(every)
        numbers = sorted(self.pieces)
        assert numbers == list(range(numbers[0], numbers[-1] + 1)), "a segment was missed"
        return [self.pieces[n] for n in numbers]

    def file(self, path, pieces):
        path.write_bytes(self.maps[pieces[0][1]] + b"".join(p[4] for p in pieces))
        return path


def ffmpeg(*arguments, timeout=60):
    answer = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", *map(str, arguments)], capture_output=True, timeout=timeout)
    assert answer.returncode == 0 and not answer.stderr, answer.stderr[-2000:]
    return answer.stdout


def probe(*arguments):
    answer = subprocess.run(["ffprobe", "-v", "error", "-of", "json", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0 and not answer.stderr, answer.stderr
    return json.loads(answer.stdout)


def clocks(path):
    data = np.frombuffer(ffmpeg("-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo", "-"), np.uint8)
    return [read_time(picture) for picture in data.reshape(-1, H, W)]


def assert_steady(burnt):
    """Every frame once, in order: the camera leaves some out when the machine is busy, so the strip is the judge."""
    assert all(burnt), burnt
    steps = np.diff(burnt)
    assert (steps > 0).all(), steps
    assert abs(np.median(steps) - FRAME_MS) < 2, steps
    assert (np.abs(steps / FRAME_MS - np.round(steps / FRAME_MS)) < 0.35).all() or steps.max() < 2.5 * FRAME_MS, steps
    return steps


# ---- the pieces ----

def test_no_frame_is_lost_or_doubled(hub, otto, tmp_path):
    viewer = Viewer(hub, otto, "/api/live/gate/main/index.m3u8?audio=1")
    pieces = viewer.follow(14)
    assert len(pieces) >= 12 and viewer.targets[-1] <= 2 and len(viewer.maps) == 1
    assert viewer.listed >= 3 * viewer.targets[-1]
    burnt = clocks(viewer.file(tmp_path / "all.mp4", pieces))
    # frame by frame, as the segments say it themselves
    table = probe("-show_entries", "packet=stream_index,pts_time,duration_time", tmp_path / "all.mp4")["packets"]
    video = [float(p["pts_time"]) for p in table if p["stream_index"] == 0]
    assert len(video) == len(burnt)
    assert_steady(burnt)
    # the axis of the file is the camera's: nothing between two of its frames was left out on the way
    assert np.abs(np.diff(video) * 1000 - np.diff(burnt)).max() < 25
    assert abs(sum(p[3] for p in pieces) - (burnt[-1] - burnt[0] + FRAME_MS) / 1000) < 0.1
    sound = [float(p["pts_time"]) for p in table if p["stream_index"] == 1]
    assert np.diff(sound).max() < 0.2 and abs(sound[0] - video[0]) < 0.35 and abs(sound[-1] - video[-1]) < 0.6


def test_capture_time_is_that_of_the_first_frame(hub, otto, tmp_path):
    viewer = Viewer(hub, otto, "/api/live/gate/main/index.m3u8")
    viewer.look()
    for n, piece in viewer.pieces.items():
        burnt = clocks(viewer.file(tmp_path / f"{n}.mp4", [piece]))  # each begins with a key frame: it decodes alone
        assert abs(burnt[0] - piece[2] * 1000) < 3, (burnt[0], piece[2])
        assert 0.6 * FPS * piece[3] < len(burnt) < FPS * piece[3] + 1.5


def test_sound_is_in_step_with_the_picture(hub, otto, tmp_path):
    viewer = Viewer(hub, otto, "/api/live/gate/main/index.m3u8?audio=1")
    path = viewer.file(tmp_path / "all.mp4", viewer.follow(11))
    zero = clocks(path)[0]
    table = probe("-show_entries", "packet=stream_index,pts_time", path)["packets"]
    first = {i: min(float(p["pts_time"]) for p in table if p["stream_index"] == i) for i in (0, 1)}
    rate = 48000
    data = np.frombuffer(ffmpeg("-i", path, "-map", "0:a", "-ac", 1, "-ar", rate, "-f", "s16le", "-"), np.int16)
    begin = zero / 1000 + first[1] - first[0]  # wall time of the first sample of sound
    good = 0
    for second in range(int(begin) + 2, int(begin + len(data) / rate) - 1):
        part = data[int((second + 0.25 - begin) * rate):int((second + 0.75 - begin) * rate)]
        heard = np.argmax(np.abs(np.fft.rfft(part * np.hanning(len(part))))) * rate / len(part)
        assert heard == pytest.approx(400 + 50 * (second % 16), abs=4), second
        good += 1
    assert good >= 4


def test_b_frames_and_other_codecs(hub, otto, tmp_path):
    viewer = Viewer(hub, otto, "/api/live/lane/main/index.m3u8?audio=1")
    pieces = viewer.follow(10)
    path = viewer.file(tmp_path / "h265.mp4", pieces)
    streams = probe("-count_frames", "-show_entries", "stream=codec_name,codec_tag_string,nb_read_frames", path)["streams"]
    assert [(s["codec_name"], s["codec_tag_string"]) for s in streams] == [("hevc", "hvc1"), ("aac", "mp4a")]
    assert len(pieces) >= 3 and int(streams[0]["nb_read_frames"]) == 50 * len(pieces)
    assert viewer.targets[-1] == 2


def test_long_groups_of_pictures(hub, otto, tmp_path):
    begin = time.monotonic()
    viewer = Viewer(hub, otto, "/api/live/slow/main/index.m3u8")  # a key frame every 8 s
    viewer.look()
    assert time.monotonic() - begin < 20
    assert viewer.targets in ([8], [6])  # the clip's last group before it begins anew has six seconds
    assert len(viewer.pieces) == 1
    streams = probe("-count_frames", "-show_entries", "stream=nb_read_frames", viewer.file(tmp_path / "slow.mp4", list(viewer.pieces.values())))["streams"]
    assert abs(int(streams[0]["nb_read_frames"]) - 25 * viewer.targets[0]) <= 5


# ---- who may, what there is not ----

def test_refusals(hub, otto):
    vera, yves = cookie(hub, "vera"), cookie(hub, "yves")
    gate = "/api/live/gate/main/"
    for path in (gate + "index.m3u8", gate + "1.m4s", gate + "1.mp4"):
        assert get(hub, path)[0] == 401
        assert get(hub, path, "pigtail=nonsense")[0] == 401
        assert get(hub, path, yves)[0] == 404  # who may not see a camera does not learn that there is one
        assert get(hub, path + "?audio=1", vera)[0] == 403
    assert get(hub, gate + "index.m3u8", vera)[0] == 200
    for path in ("/api/live/none/main/index.m3u8", "/api/live/gate/third/index.m3u8", "/api/live/gate/sub/index.m3u8", gate + "index.m3u",
                 gate + "1.m4s", gate + "999999999999999999999999.m4s", gate + "..m4s"):
        assert get(hub, path, otto)[0] == 404, path
    assert get(hub, gate + "index.m3u8", otto, "POST")[0] == 405
    status, body, _ = get(hub, "/api/live/pond/main/index.m3u8", otto)
    assert status == 501 and b"MJPEG" in body
    status, body, _ = get(hub, "/api/live/yard/main/index.m3u8", otto)
    assert status == 503 and b"refused" in body


def test_key_frames_too_far_apart(hub, otto):
    status, body, _ = get(hub, "/api/live/dusk/main/index.m3u8", otto)
    assert status == 503 and b"key frame" in body, body


def test_it_ends_when_nobody_asks(hub, otto):
    viewer = Viewer(hub, otto, "/api/live/gate/main/index.m3u8")
    viewer.look()
    name = f"/api/live/gate/main/{max(viewer.pieces)}.m4s"
    assert get(hub, name, otto)[0] == 200
    time.sleep(24)
    assert get(hub, name, otto)[0] == 404
    again = Viewer(hub, otto, viewer.path)
    again.look()
    assert min(again.pieces) > max(viewer.pieces), "numbers are not used twice"


def test_the_first_answers_share_one_session(hub, otto):
    """Several viewers at the same instant: all wait for the first segment and get the same list."""
    texts = []
    time.sleep(22)  # what other tests looked at has ended
    threads = [threading.Thread(target=lambda: texts.append(get(hub, "/api/live/gate/main/index.m3u8", otto)[1])) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(texts) == 6 and len(set(texts)) == 1 and texts[0].count(b"#EXTINF") == 1


# ---- players ----

def test_ffmpeg_plays_it(hub, otto):
    url = hub.url + "/api/live/gate/main/index.m3u8?audio=1"
    headers = ("-headers", f"Cookie: {otto}\r\n")
    streams = probe(*headers, "-show_entries", "stream=codec_name,width", url)["streams"]
    assert [s["codec_name"] for s in streams] == ["h264", "aac"]
    begin = time.monotonic()
    seen = frames(url, 12 * FPS, W, H, *headers)
    assert len(seen) == 12 * FPS and time.monotonic() - begin < 16
    assert_steady([burnt for burnt, _ in seen])
    late = seen[-1][1] - seen[-1][0]
    print(f"ffmpeg: the last of {len(seen)} frames {late:.0f} ms after its capture")
    assert late < 8000
    data = np.frombuffer(ffmpeg(*headers, "-i", url, "-t", 8, "-map", "0:v", "-f", "null", "-", "-map", "0:a", "-t", 8, "-ac", 1, "-ar", 8000, "-f",
                                "s16le", "-"), np.int16)
    assert len(data) > 7 * 8000
    loud = np.abs(data[: len(data) // 800 * 800].astype(int)).reshape(-1, 800).mean(1)
    assert (loud[2:] > 1000).all(), "sound without holes"


class WithCookie(http.server.BaseHTTPRequestHandler):
    """For players that cannot be given a cookie."""

    def do_GET(self):
        status, body, headers = get(self.server.hub, self.path, self.server.cookie)
        self.send_response(status)
        self.send_header("Content-Type", headers["Content-Type"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass

    def log_message(self, *_):
        pass


@pytest.mark.skipif(subprocess.run(["sh", "-c", "gst-inspect-1.0 hlsdemux && gst-inspect-1.0 avdec_h264"], capture_output=True).returncode != 0,
                    reason="needs GStreamer's hlsdemux")
def test_gstreamer_plays_it(hub, otto, tmp_path):
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), WithCookie)
    proxy.hub, proxy.cookie, proxy.daemon_threads = hub, otto, True
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    pictures, sound = tmp_path / "pictures", tmp_path / "sound"
    url = f"http://127.0.0.1:{proxy.server_port}/api/live/gate/main/index.m3u8?audio=1"
    gst = subprocess.Popen(["gst-launch-1.0", "-q", "-e", "uridecodebin", f"uri={url}", "name=d", "d.", "!", "queue", "!", "videoconvert", "!",
                            "video/x-raw,format=GRAY8", "!", "filesink", f"location={pictures}", "d.", "!", "queue", "!", "audioconvert", "!",
                            "audio/x-raw,format=S16LE,channels=1", "!", "filesink", f"location={sound}"], stderr=subprocess.PIPE, text=True)
    try:
        drills.wait_for("ten seconds of pictures", lambda: gst.poll() is not None or
                        (pictures.exists() and pictures.stat().st_size > 10 * FPS * W * H), 40)
        assert gst.poll() is None, gst.stderr.read()
    finally:
        gst.send_signal(signal.SIGINT)
        try:
            gst.wait(10)
        except subprocess.TimeoutExpired:
            gst.kill()
        proxy.shutdown()
    said = gst.stderr.read()
    assert "ERROR" not in said, said
    data = np.frombuffer(pictures.read_bytes()[: pictures.stat().st_size // (W * H) * W * H], np.uint8).reshape(-1, H, W)
    assert_steady([read_time(p) for p in data])
    assert sound.stat().st_size > 100000


# ---- pages ----

@pytest.fixture(scope="module")
def old_browser(hub):
    """Chromium as if it were an old iPhone: it plays HLS by itself and has no Media Source Extensions."""
    pytest.importorskip("selenium")
    if not pathlib.Path("/usr/bin/chromedriver").exists():
        pytest.skip("needs chromium and chromedriver")
    driver = hubs.chromium()
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": "delete window.MediaSource; delete window.ManagedMediaSource;"})
    driver.get(hub.url + "/ui/icon.svg")
    if not driver.execute_script("return document.createElementNS('http://www.w3.org/1999/xhtml', 'video').canPlayType('application/vnd.apple.mpegurl')"):
        hubs.close_chromium(driver)
        pytest.skip("this Chromium does not play HLS")
    name, value = cookie(hub, "otto").split("=", 1)
    driver.add_cookie({"name": name, "value": value, "path": "/"})
    hubs.console_errors(driver)
    yield driver
    hubs.close_chromium(driver)


def burnt(driver):
    driver.execute_script((pathlib.Path(__file__).parent / "read_clock.js").read_text())
    return driver.execute_script("const v = document.querySelector('video'); return v && v.readyState >= 2 ? readClock(v) : null")


def open_page(driver, hub, page):
    driver.get(hub.url + "/#/" + page)
    driver.refresh()


def test_the_live_page_without_media_source_extensions(hub, old_browser):
    driver = old_browser
    open_page(driver, hub, "live/gate")
    assert driver.execute_script("return typeof MediaSource + typeof ManagedMediaSource") == "undefinedundefined"
    drills.wait_for("a live picture", lambda: driver.execute_script("return !!document.querySelector('.picture.playing')"), 30)
    drills.wait_for("its clock", lambda: burnt(driver), 10)
    seen = []
    until = time.monotonic() + 12
    while time.monotonic() < until:
        seen.append((burnt(driver), time.time() * 1000))
        time.sleep(0.3)
    good = [(b, at) for b, at in seen if b]
    late = [at - b for b, at in good]
    print(f"Chromium: {len(good)} of {len(seen)} readings, {min(late):.0f} to {max(late):.0f} ms behind")
    assert len(good) > 0.7 * len(seen) and good[-1][0] - good[0][0] > 8000 and max(late) < 15000
    assert driver.execute_script("return document.querySelector('video').src").endswith("/api/live/gate/main/index.m3u8")
    driver.find_element("css selector", "button[data-on]").click()
    drills.wait_for("sound", lambda: driver.execute_script("const v = document.querySelector('video'); return !v.muted && v.webkitAudioDecodedByteCount > 0"), 30)
    assert not hubs.console_errors(driver)


def test_the_timeline_without_media_source_extensions(hub, otto, old_browser):
    driver = old_browser
    first = json.loads(get(hub, "/api/timeline?camera=gate", otto)[1])["cameras"]["gate"]["main"]["first"] / 1000
    time.sleep(max(0, first + 22 - time.time()))
    wanted = time.time() - 20
    open_page(driver, hub, "time/gate?at=" + time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(wanted)) + f".{int(wanted % 1 * 1000):03d}Z&span=120")
    shown = drills.wait_for("a picture of the past", lambda: burnt(driver), 20)
    assert -FRAME_MS - 5 <= wanted * 1000 - shown <= 2 * FRAME_MS + 5, wanted * 1000 - shown
    said = float(driver.execute_script("return document.querySelector('.big-time').dataset.ms"))
    assert abs(said - shown) <= 2 * FRAME_MS + 5
    driver.execute_script("document.querySelector('[data-do=play]').click()")
    drills.wait_for("pictures that go on", lambda: (burnt(driver) or 0) > shown + 3000, 20)
    driver.execute_script("document.querySelector('[data-do=play]').click()")
    assert not hubs.console_errors(driver)


def test_a_camera_that_cannot_be_sent_shows_stills(hub, old_browser):
    driver = old_browser
    open_page(driver, hub, "live/dusk")
    drills.wait_for("why", lambda: "key frame" in driver.execute_script("return document.querySelector('.tile-note')?.textContent || ''"), 60)
    hubs.console_errors(driver, "503")


# ---- last, since it changes the camera ----

def test_another_format_is_a_discontinuity(hub, otto, tmp_path):
    viewer = Viewer(hub, otto, "/api/live/gate/main/index.m3u8")
    viewer.follow(4)
    path = hub.dir / "site.yaml"
    path.write_text(path.read_text().replace("size=640x360&bitrate=1M", "size=960x540&bitrate=1M"))
    hub.process.send_signal(signal.SIGHUP)
    pieces = viewer.follow(10)
    turns = sorted({p[0] for p in pieces})
    assert len(turns) == 2 and turns[1] == turns[0] + 1 and len(viewer.maps) == 2
    for turn, width in zip(turns, (640, 960)):
        of_turn = [p for p in pieces if p[0] == turn]
        assert len({p[1] for p in of_turn}) == 1 and len(of_turn) >= 3
        stream = probe("-count_frames", "-count_packets", "-show_entries", "stream=width,nb_read_frames,nb_read_packets", viewer.file(tmp_path / f"{width}.mp4", of_turn))["streams"][0]
        assert stream["width"] == width
        assert stream["nb_read_frames"] == stream["nb_read_packets"]
        assert int(stream["nb_read_frames"]) > 0.7 * FPS * sum(p[3] for p in of_turn)  # the camera leaves some out when the machine is busy
