# SPDX-License-Identifier: Apache-2.0
"""Our RTSP client against GStreamer's server: every codec, TCP and UDP, logins. What arrives is compared by checksum with
what the server put in, so that a frame lost, doubled, cut or changed shows."""
import json
import os
import pathlib
import subprocess
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("PIGTAIL_BUILD", ROOT / "build"))
DUMP = BUILD / "tests/tools/rtsp-dump"

PICTURE = "videotestsrc is-live=true pattern={pattern} ! video/x-raw,format=I420,width=640,height=352,framerate=25/1"
H264 = PICTURE.format(pattern="ball") + (
    " ! x264enc {options} key-int-max=25 bitrate=2000 aud=false ! h264parse ! video/x-h264,stream-format=avc,alignment=au"
    " ! identity name=probe0 ! rtph264pay config-interval=-1 name=pay0 pt=96"
)
SOUND = " audiotestsrc is-live=true samplesperbuffer={n} ! audio/x-raw,rate={rate},channels={channels} ! "


class Server:
    def __init__(self, launch, *auth):
        self.seen = {k: [] for k in range(4)}
        self.process = subprocess.Popen(
            ["/usr/bin/python3", str(pathlib.Path(__file__).parent / "gst_rtsp_server.py"), launch, *auth],
            stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.url = f"rtsp://127.0.0.1:{self.port}/a"

    def read(self):
        for line in self.process.stdout:
            k, md5 = line.split()
            self.seen[int(k)].append(md5)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.process.terminate()
        self.process.wait()


def dump(url, *options, seconds=4):
    done = subprocess.run([DUMP, "--hash", "--seconds", str(seconds), *options, url], capture_output=True, text=True,
                          timeout=seconds + 30)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        "tracks": {k: [x for x in lines if x.get("track") == k] for k in range(4)},
        "states": [(x["state"], x["reason"]) for x in lines if "state" in x],
        "stats": [x for x in lines if "stats" in x],
        "end": lines[-1],
    }


def check_content(server, k, samples):
    """The samples are a run of what the server sent, nothing missing or doubled."""
    sent, got = server.seen[k], [s["md5"] for s in samples]
    # equal pictures make equal key frames: any of the places where the first one stands may be it
    starts = [i for i, md5 in enumerate(sent) if md5 == got[0]]
    assert any(got == sent[i:i + len(got)] for i in starts), (len(got), starts)


def check_times(samples, rate):
    assert all(a["dts"] < b["dts"] for a, b in zip(samples, samples[1:]))
    shown = sorted(samples, key=lambda s: s["pts"])
    for a, b in zip(shown, shown[1:]):
        assert b["wall_ns"] > a["wall_ns"]
        # no jitter: wall time goes as the camera's time does, apart from slow following
        assert abs((b["wall_ns"] - a["wall_ns"]) / 1e9 - (b["pts"] - a["pts"]) / rate) <= (b["pts"] - a["pts"]) / rate
    for s in samples:
        assert s["dts"] <= s["pts"]
        assert -0.1 < (s["now_ns"] - s["wall_ns"]) / 1e9 < 2
    assert not any(s["broken"] or s["lost"] for s in samples)


VIDEO = {
    "h264": (H264.format(options="tune=zerolatency speed-preset=ultrafast"), "H.264", 0),
    "h264-slices": (H264.format(options="tune=zerolatency speed-preset=veryfast sliced-threads=true threads=4"), "H.264", 0),
    "h264-bframes": (H264.format(options="bframes=3 b-pyramid=true rc-lookahead=5 b-adapt=false speed-preset=veryfast")
                     .replace("alignment=au", "alignment=au,profile=high"),
                     "H.264", 2),
    "h265": (PICTURE.format(pattern="ball") +
             " ! x265enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! h265parse"
             " ! video/x-h265,stream-format=hvc1,alignment=au ! identity name=probe0"
             " ! rtph265pay config-interval=-1 name=pay0 pt=96", "H.265", 0),
}


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("kind", VIDEO)
def test_video(kind, transport):
    launch, codec, reorder = VIDEO[kind]
    with Server(f"( {launch} )") as server:
        result = dump(server.url, *(["--udp"] if transport == "udp" else []))
        samples = result["tracks"][0]
        assert [s for s, _ in result["states"]] == ["connecting", "live", "idle"]
        assert len(samples) > 40
        assert samples[0]["key"] and sum(s["key"] for s in samples) >= 2
        assert (samples[0]["codec"], samples[0]["width"], samples[0]["height"]) == (codec, 640, 352)
        assert samples[0]["reorder"] >= reorder
        check_content(server, 0, samples)
        check_times(samples, 90000)
        if reorder:
            assert any(s["dts"] != s["pts"] for s in samples)
            steps = [b["dts"] - a["dts"] for a, b in zip(samples, samples[1:])]
            assert min(steps[4:]) > 3000  # no bunches: one frame is 3600
        else:
            assert all(s["dts"] == s["pts"] for s in samples)
        assert result["stats"][0]["lost"] == 0 and result["stats"][0]["dropped"] == 0
        assert result["stats"][0]["clock_known"] or transport == "udp"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("size", ["640x480", "1024x768"])
def test_mjpeg(transport, size, tmp_path):
    width, height = size.split("x")
    launch = (f"( videotestsrc is-live=true ! video/x-raw,format=I420,width={width},height={height},framerate=10/1"
              " ! jpegenc quality=70 ! identity name=probe0 ! rtpjpegpay name=pay0 pt=26 )")
    raw = tmp_path / "raw"
    with Server(launch) as server:
        result = dump(server.url, "--raw", str(raw), *(["--udp"] if transport == "udp" else []))
        samples = result["tracks"][0]
        assert len(samples) > 20
        check_times(samples, 90000)
        assert (samples[0]["width"], samples[0]["height"]) == (int(width), int(height))
    # every picture decodes, and is what the test picture looks like
    done = subprocess.run(["ffmpeg", "-v", "error", "-f", "mjpeg", "-i", raw, "-f", "framemd5", "-"], capture_output=True, text=True)
    assert done.stderr == ""
    frames = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    assert len(frames) == len(samples)
    wanted = subprocess.run(["gst-launch-1.0", "-q", "videotestsrc", "num-buffers=1", "!",
                             f"video/x-raw,format=I420,width={width},height={height}", "!", "jpegenc", "quality=70", "!",
                             "filesink", f"location={tmp_path}/wanted.jpg"], capture_output=True)
    if wanted.returncode == 0:
        psnr = subprocess.run(["ffmpeg", "-v", "info", "-f", "mjpeg", "-i", raw, "-i", tmp_path / "wanted.jpg", "-frames:v", "1",
                               "-lavfi", "psnr", "-f", "null", "-"], capture_output=True, text=True).stderr
        value = psnr.split("average:")[1].split()[0]
        assert value == "inf" or float(value) > 20  # the snow in one corner differs


AUDIO = {
    "pcmu": (SOUND.format(n=160, rate=8000, channels=1) + "mulawenc ! identity name=probe0 ! rtppcmupay name=pay0 pt=0", "G.711 µ-law", 8000),
    "pcma": (SOUND.format(n=160, rate=8000, channels=1) + "alawenc ! identity name=probe0 ! rtppcmapay name=pay0 pt=8", "G.711 A-law", 8000),
    "l16": (SOUND.format(n=320, rate=16000, channels=1) + "audioconvert ! audio/x-raw,format=S16BE ! identity name=probe0 ! rtpL16pay name=pay0"
            " pt=97", "L16", 16000),
    "l16-stereo": (SOUND.format(n=160, rate=44100, channels=2) + "audioconvert ! audio/x-raw,format=S16BE ! identity name=probe0 ! rtpL16pay name=pay0"
                   " pt=10", "L16", 44100),
    # in RFC 3551's order; GStreamer fills the octets of 24 and 40 kbit/s otherwise than that figure, which it quotes
    **{f"g726-{k}": (SOUND.format(n=160, rate=8000, channels=1) + f"audioconvert ! avenc_g726 bitrate={k}000 ! identity name=probe0 ! rtpg726pay"
                     " force-aal2=false name=pay0 pt=97", "G.726", 8000) for k in (16, 32)},
    **{f"g726-{k}-aal2": (SOUND.format(n=160, rate=8000, channels=1) + f"audioconvert ! avenc_g726 bitrate={k}000 ! identity name=probe0 !"
                          f" rtpg726pay pt=97 mtu=65000 ! capsfilter caps=application/x-rtp,encoding-name=AAL2-G726-{k} name=pay0", "G.726", 8000)
       for k in (16, 24, 32, 40)},
    "opus": (SOUND.format(n=960, rate=48000, channels=2) + "opusenc ! identity name=probe0 ! rtpopuspay name=pay0 pt=97", "Opus", 48000),
    "aac": (SOUND.format(n=1024, rate=44100, channels=2) + "avenc_aac ! aacparse ! audio/mpeg,mpegversion=4,stream-format=raw"
            " ! identity name=probe0 ! rtpmp4gpay name=pay0 pt=97", "AAC", 44100),
    "aac-voaac": (SOUND.format(n=1024, rate=16000, channels=1) + "voaacenc ! aacparse ! audio/mpeg,mpegversion=4,stream-format=raw"
                  " ! identity name=probe0 ! rtpmp4gpay name=pay0 pt=97", "AAC", 16000),
}


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("kind", AUDIO)
def test_audio(kind, transport):
    launch, codec, rate = AUDIO[kind]
    element = {"g726": "avenc_g726"}.get(kind.split("-")[0]) or {"aac": "avenc_aac", "aac-voaac": "voaacenc", "opus": "opusenc"}.get(kind)
    if element and subprocess.run(["gst-inspect-1.0", element], capture_output=True).returncode:
        pytest.skip(f"this GStreamer has no {element}")
    with Server(f"( {launch} )") as server:
        result = dump(server.url, *(["--udp"] if transport == "udp" else []), seconds=5 if codec == "G.726" else 3)
        samples = result["tracks"][0]
        assert len(samples) > (3 if codec == "G.726" else 30)
        assert (samples[0]["codec"], samples[0]["timescale"]) == (codec, rate)
        check_content(server, 0, samples)
        check_times(samples, rate)


def test_video_and_sound_keep_together():
    launch = (f"( {VIDEO['h264'][0]} " + SOUND.format(n=1024, rate=16000, channels=1) +
              "mulawenc ! identity name=probe1 ! rtppcmupay name=pay1 pt=98 )").replace("rate=16000", "rate=8000")
    with Server(launch) as server:
        result = dump(server.url)
        assert result["tracks"][0] and result["tracks"][1]
        check_content(server, 0, result["tracks"][0])
        check_content(server, 1, result["tracks"][1])


@pytest.mark.parametrize("kind", ["basic", "digest"])
def test_login(kind, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("op\"en:sesame\n")
    with Server(f"( {VIDEO['h264'][0]} )", kind, "operator", 'op"en:sesame') as server:
        good = dump(server.url, "--user", "operator", "--password-file", str(secret), seconds=2)
        assert ("live", "") in good["states"] and len(good["tracks"][0]) > 10
        secret.write_text("wrong\n")
        bad = dump(server.url, "--user", "operator", "--password-file", str(secret), seconds=2)
        assert bad["states"][1] == ("lost", "401 wrong login for camera gate")
        none = dump(server.url, seconds=2)
        assert none["states"][1] == ("lost", "401 camera gate asks for a login and none is given")


def test_not_there():
    with Server(f"( {VIDEO['h264'][0]} )") as server:
        result = dump(server.url + "/nothing", seconds=3)
        assert result["states"][1] == ("lost", "404 camera gate has no stream /a/nothing")
        port = server.port
    refused = dump(f"rtsp://127.0.0.1:{port}/a", seconds=1)
    assert refused["states"][1] == ("lost", f"camera gate: connection refused by 127.0.0.1:{port}")


def test_comes_back():
    """The server dies and another takes its port: lost with a reason, then live again, without a gap in the reader."""
    with Server(f"( {VIDEO['h264'][0]} )") as server:
        process = subprocess.Popen([DUMP, "--quiet", "--seconds", "4", server.url], stdout=subprocess.PIPE, text=True)
        threading.Event().wait(2)
    out = process.communicate()[0]
    states = [json.loads(line) for line in out.splitlines() if "state\"" in line]
    assert [s["state"] for s in states] == ["connecting", "live", "lost", "lost", "idle"][:len(states) - 1] + ["idle"]
    assert states[2]["reason"] == "camera gate: it closed the connection"


# ---- sent on to another server ----

@pytest.mark.parametrize("status", [301, 302, 303])
def test_redirect(status):
    with Server(f"( {VIDEO['h264'][0]} )") as server, Server(f"( {VIDEO['h264'][0]} )", "redirect", str(status), server.url) as first:
        result = dump(first.url)
        assert [s for s, _ in result["states"]] == ["connecting", "live", "idle"]
        assert len(result["tracks"][0]) > 40
        check_content(server, 0, result["tracks"][0])
        assert not first.seen[0]


def test_redirect_with_login(tmp_path):
    """The same host on another port is asked with the login; another host (a name is another host) is not, unless it asks in
    the same realm by Digest."""
    secret = tmp_path / "secret"
    secret.write_text("sesame\n")
    options = ["--user", "operator", "--password-file", str(secret)]
    for kind in ("basic", "digest"):
        with Server(f"( {VIDEO['h264'][0]} )", kind, "operator", "sesame") as server:
            with Server(f"( {VIDEO['h264'][0]} )", "redirect", "302", server.url) as first:
                assert ("live", "") in dump(first.url, *options, seconds=3)["states"]
            with Server(f"( {VIDEO['h264'][0]} )", "redirect", "302", server.url.replace("127.0.0.1", "localhost")) as first:
                reason = dump(first.url, *options, seconds=2)["states"][1][1]
                assert reason.startswith(f"401 camera gate sends us to localhost:{server.port}, which asks for a login that was given for")
