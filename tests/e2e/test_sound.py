# SPDX-License-Identifier: Apache-2.0
"""G.726 and L16 from GStreamer's server: recorded as they came and readable by others' programs, listened to and exported as AAC, restreamed to
ffmpeg. The pitch shows whether the bits are in their places."""
import json
import socket
import subprocess
import time

import numpy as np
import pytest

from hub import Hub, wait_for
from test_rtsp_client import VIDEO, Server as GstServer
from test_rtsp_server import Server

TONE = "audiotestsrc is-live=true wave=sine freq={f} samplesperbuffer={n} ! audio/x-raw,rate={rate},channels={channels} ! audioconvert ! "
PICTURE = VIDEO["h264"][0]
# name: (launch of the sound, codec as ffprobe says it, sampling rate, channels)
KINDS = {
    # in RFC 3551's order; GStreamer fills the octets of 24 and 40 kbit/s otherwise than that figure, which it quotes
    **{f"g726-{k}": (f"avenc_g726 bitrate={k}000 ! rtpg726pay force-aal2=false name=pay1 pt=98", "adpcm_g726", 8000, 1) for k in (16, 32)},
    **{f"aal2-{k}": (f"avenc_g726 bitrate={k}000 ! rtpg726pay pt=98 ! capsfilter caps=application/x-rtp,encoding-name=AAL2-G726-{k} name=pay1",
                     "adpcm_g726", 8000, 1) for k in (16, 24, 32, 40)},
    "l16": ("audio/x-raw,format=S16BE ! rtpL16pay name=pay1 pt=98", "pcm_s16be", 16000, 1),
    "l16-stereo": ("audio/x-raw,format=S16BE ! rtpL16pay name=pay1 pt=98", "pcm_s16be", 44100, 2),
}
PITCH = 700


def camera(kind):
    launch, _, rate, channels = KINDS[kind]
    return GstServer(f"( {PICTURE} {TONE.format(f=PITCH, n=rate // 50, rate=rate, channels=channels)} {launch} )")


def pitch(pcm, rate):
    """The strongest frequency of 16-bit mono, and how much of the sound it is."""
    x = np.frombuffer(pcm, "<i2").astype(float)
    x = x[rate // 4:]
    spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x)))) ** 2
    spectrum[:5] = 0
    top = int(spectrum.argmax())
    return top * rate / len(x), spectrum[max(top - 8, 0):top + 9].sum() / spectrum.sum()


def decode(*source, rate=8000):
    done = subprocess.run(["ffmpeg", "-v", "error", *map(str, source), "-map", "0:a", "-t", "2", "-ac", "1", "-ar", str(rate), "-f", "s16le", "-"],
                          capture_output=True, timeout=40)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_tone(pcm, rate=8000):
    frequency, share = pitch(pcm, rate)
    assert abs(frequency - PITCH) < 5 and share > 0.8, (frequency, share)


def probe(path):
    done = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,sample_rate,channels", "-of", "json", path],
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["streams"]


@pytest.mark.parametrize("kind", ["g726-32", "aal2-24", "aal2-40", "l16-stereo"])
def test_recorded_as_it_came_and_exported_as_aac(kind, tmp_path):
    _, codec, rate, channels = KINDS[kind]
    with camera(kind) as server, Hub(f"cameras:\n  gate: {{ source: '{server.url}', audio: {{ listen: operator, record: always }} }}\n") as hub:
        wait_for("sound on disk", lambda: any(s["stream"] == "audio" and s["segments"] for s in hub.get("/api/archive")["series"]))
        time.sleep(3)
        tracks = hub.camera("gate")["tracks"]
        assert [t["codec"] for t in tracks][1] == {"adpcm_g726": "G.726", "pcm_s16be": "L16"}[codec]
        listen = f"http://127.0.0.1:{hub.port}/api/live/gate/main/index.m3u8?audio=1"
        assert_tone(decode("-headers", f"Cookie: {hub.login()}\r\n", "-i", listen, rate=48000), 48000)
        end = time.time() - 1
        hub.cli("archive", "export", "gate", "--from", f"{end - 3:.3f}", "--to", f"{end:.3f}", "--output", tmp_path / "clip.mp4")
        hub.stop()
        files = hub.segments("gate", "audio")
        assert [probe(f) for f in files] == [[{"codec_name": codec, "sample_rate": str(rate), "channels": channels}]] * len(files)
        pcm = decode("-i", files[0], rate=rate)
        assert len(pcm) > 2 * rate * 1.5
        assert_tone(pcm, rate)
        hub.assert_sound()
    assert [s["codec_name"] for s in probe(tmp_path / "clip.mp4")] == ["h264", "aac"]
    assert_tone(decode("-i", tmp_path / "clip.mp4", rate=48000), 48000)


def test_gstreamer_reads_recorded_l16(tmp_path):
    with camera("l16") as server, Hub(f"cameras:\n  gate: {{ source: '{server.url}', audio: {{ record: always }} }}\n") as hub:
        wait_for("sound on disk", lambda: any(s["stream"] == "audio" and s["segments"] for s in hub.get("/api/archive")["series"]))
        time.sleep(3)
        hub.stop()
        line = (f"filesrc location={hub.segments('gate', 'audio')[0]} ! qtdemux ! audioconvert ! audio/x-raw,format=S16LE ! "
                f"filesink location={tmp_path}/out.pcm")
        subprocess.run(["gst-launch-1.0", "-q", *line.split()], check=True, timeout=30, capture_output=True)
        pcm = (tmp_path / "out.pcm").read_bytes()
        assert len(pcm) > 2 * 16000
        assert_tone(pcm, 16000)


@pytest.mark.parametrize("kind", KINDS)
def test_restreamed_to_ffmpeg(kind):
    """GStreamer's server, our client, our server (G.726 in RFC 3551's order, whichever it came in), ffmpeg."""
    rate = KINDS[kind][2]
    with camera(kind) as source, Server({"a": source.url}) as server:
        wait_for("the stream", lambda: b" 200 " in describe(server, "a"), 10)
        assert_tone(decode("-rtsp_transport", "tcp", "-i", server.url("a"), rate=rate), rate)


def describe(server, path):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as s:
        s.sendall(f"DESCRIBE {server.url(path)} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
        return s.recv(4096)

