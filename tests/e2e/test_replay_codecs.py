# SPDX-License-Identifier: Apache-2.0
"""Footage of the past in each codec of pictures: every time that the replay states is that of the archive and of the picture that it
is stated with, whatever the order in which pictures are coded. A bare client fetches, GStreamer parses and decodes."""
import os
import struct
import subprocess

import numpy
import pytest

from hub import Hub, free_port, wait_for
from rtsp_raw import Client
from test_replay import NO_WAIT, clock, frames, same_times
from test_rtsp_server import ffmpeg

FPS, COUNT, SIZE = 20, 40, (320, 176)  # RFC 2435 knows sizes in multiples of 8 alone
SOURCE = f"-f lavfi -i testsrc2=size={SIZE[0]}x{SIZE[1]}:rate={FPS}:duration={COUNT / FPS} "
CODECS = {  # how the camera's clip is made, how GStreamer takes it apart
    "plain": (SOURCE + "-pix_fmt yuv420p -c:v libx264 -preset ultrafast -g 20", "H264", "rtph264depay ! h264parse ! avdec_h264"),
    "bframes": (SOURCE + "-pix_fmt yuv420p -c:v libx264 -preset veryfast -bf 3 -g 20", "H264", "rtph264depay ! h264parse ! avdec_h264"),
    "hevc": (SOURCE + "-pix_fmt yuv420p -c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=20:bframes=3:open-gop=0 -tag:v hvc1", "H265",
             "rtph265depay ! h265parse ! avdec_h265"),
    "stills": (SOURCE + "-pix_fmt yuvj420p -c:v mjpeg -huffman default -q:v 3", "JPEG", "rtpjpegdepay ! avdec_mjpeg"),
}
# prints the luma of each decoded picture
DECODE = """
import gi, sys
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
p = Gst.parse_launch("fdsrc fd=0 ! application/x-rtp-stream,media=video,clock-rate=90000,encoding-name=%s ! rtpstreamdepay ! rtponvifparse ! %s ! "
                     "videoconvert ! video/x-raw,format=GRAY8 ! fakesink name=f sync=false" % tuple(sys.argv[1:3]))
def seen(pad, info):
    b = info.get_buffer()
    sys.stdout.buffer.write(b.extract_dup(0, b.get_size()))
    return Gst.PadProbeReturn.OK
p.get_by_name("f").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, seen)
p.set_state(Gst.State.PLAYING)
p.get_bus().timed_pop_filtered(20 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
"""
SECRET = "4f5e60718293"


def ffprobe(path):
    """The time of each picture, in the order of coding."""
    return subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0", path], check=True,
                          capture_output=True, text=True).stdout.replace(",", "")


def luma(data):
    return numpy.frombuffer(data, numpy.uint8).reshape(-1, SIZE[1], SIZE[0]).astype(numpy.int16)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A hub that recorded a clip of each codec for some seconds, with its pictures."""
    folder, port = tmp_path_factory.mktemp("clips"), free_port()
    pictures, cameras = {}, []
    for name, (how, _, _) in CODECS.items():
        ffmpeg(*how.split(), folder / f"{name}.mp4")
        pictures[name] = luma(ffmpeg("-i", folder / f"{name}.mp4", "-pix_fmt", "gray", "-f", "rawvideo", "-"))
        cameras.append(f"  {name}: {{ source: 'file:{folder}/{name}.mp4', record: always }}\n")
    h = Hub("cameras:\n" + "".join(cameras) + f"serve: {{ rtsp: 127.0.0.1:{port} }}\n", start=False)
    try:
        for name, text in (("users", "recorder: { role: viewer }\n"), ("secrets", f"app-passwords: {{ recorder: {{ user: recorder, password: {SECRET} }} }}\n")):
            (h.dir / f"{name}.yaml").write_text(text)
            os.chmod(h.dir / f"{name}.yaml", 0o600)
        h.start()
        h.wait_recording(*CODECS)
        wait_for("some seconds of each", lambda: all(len(h.samples(name)) > 3 * FPS for name in CODECS))
        yield h, port, pictures, folder
        h.stop()
    finally:
        h.close()


@pytest.mark.parametrize("codec", CODECS)
def test_each_picture_has_its_time(kept, codec):
    h, port, pictures, folder = kept
    _, encoding, decoder = CODECS[codec]
    stored = h.samples(codec)
    first = next(i for i, s in enumerate(stored) if s[2])
    begins = [i for i, s in enumerate(stored) if s[2] and i <= 3 * FPS]
    end = begins[-1] if len(begins) > 1 else 3 * FPS
    stored = stored[first:end]  # whole groups of pictures
    with Client(port, f"replay/{codec}/main", "recorder", SECRET) as c:
        assert c.ask("DESCRIBE")[0] == 200
        c.set_up(0)
        last = max(s[0] for s in stored)
        assert c.ask("PLAY", Range=f"clock={clock(stored[0][0])}-{clock(last + 0.2)}", **NO_WAIT)[0] == 200
        packets, wanted = [], False
        while (p := c.packet(1)) is not None:  # pictures that are shown after the last are not looked at
            wanted = wanted if p.ntp is None else p.ntp < last + 0.005
            packets += [p] if wanted else []
    got = [p for p in packets if p.ntp is not None]
    same_times(got, [s[0] for s in stored])
    assert [p.c for p in got] == [s[2] for s in stored]
    stream = b"".join(struct.pack(">H", len(p.data)) + p.data for p in packets)  # RFC 4571
    run = subprocess.run(["/usr/bin/python3", "-c", DECODE, encoding, decoder], input=stream, capture_output=True, timeout=60)
    shown = luma(run.stdout)
    assert len(shown) == len(stored), (len(shown), len(stored), run.stderr[-2000:])
    # which picture of the clip it is: they follow one another, and so do their times
    which = [int(numpy.abs(pictures[codec] - s).mean(axis=(1, 2)).argmin()) for s in shown]
    assert all((b - a) % COUNT == 1 for a, b in zip(which, which[1:])), which
    times = sorted(p.ntp for p in got)
    assert all(abs((t - times[0]) - i / FPS) < 1 / FPS for i, t in enumerate(times)), [round(t - times[0], 3) for t in times]
    # and each is that of its own packets: they come in the order of coding
    coded = [float(line) for line in ffprobe(folder / f"{codec}.mp4").split()]
    want = [coded[(which[0] + i) % COUNT] + (which[0] + i) // COUNT * COUNT / FPS for i in range(len(got))]
    assert numpy.argsort([p.ntp for p in got]).tolist() == numpy.argsort(want).tolist()
    if codec in ("bframes", "hevc"):
        assert [p.ntp for p in got] != times, "there are pictures that are coded before ones that are shown earlier"
