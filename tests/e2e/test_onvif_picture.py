# SPDX-License-Identifier: Apache-2.0
"""What a client does to the picture and the sound of a node over ONVIF, seen in the streams themselves: key frames on
request, encoder settings, burnt-in text."""
import io
import json
import subprocess
import threading
import time

import numpy as np
import pytest
import requests
from PIL import Image
from requests.auth import HTTPDigestAuth

import onvif_zeep
import testpicture
from hub import wait_for
from onvif_node import Node

pytestmark = pytest.mark.skipif(not onvif_zeep.WSDL.is_dir(), reason="the published ONVIF schemas are not beside this checkout")

SITE = """cameras:
  gate: {{ source: "test:clock?size=320x180&fps=10&gop=60s&bitrate=300k", sub: "test:clock?size=320x180&fps=10&gop=60s&bitrate=300k&audio=none",
          audio: {{ listen: all }}, record: {{ main: never }} }}
serve: {{ rtsp: 127.0.0.1:{rtsp}, onvif: 127.0.0.1:{onvif} }}
"""
USERS = "boss: { role: admin }\n"


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with Node(SITE, USERS) as hub:
        hub.wait_pictures()
        yield hub
        onvif_zeep.assert_kept_are_valid(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def boss(node):
    return node.device()


def address(node, stream="gate/main"):
    return f"rtsp://boss:secret%20of%20boss@127.0.0.1:{node.rtsp}/{stream}"


# ---- key frames ----

def test_a_synchronisation_point_is_a_key_frame(node, boss):
    """Key frames of a minute's distance come when they are asked for, within a second of it."""
    keys, asked = [], []
    reader = threading.Thread(target=lambda: keys.extend(testpicture.frames(address(node), 4, 320, 180, "-rtsp_transport", "tcp", "-skip_frame", "nokey")))
    reader.start()
    while reader.is_alive() and len(asked) < 30:  # the first ones may come before the client plays
        reader.join(1)
        asked.append(time.time() * 1000)
        boss.call(("trt", "tr2")[len(asked) % 2], "SetSynchronizationPoint", ProfileToken="gate-main")
    reader.join()
    assert len(keys) == 4
    for burnt_in, _ in keys:
        assert any(0 <= burnt_in - at < 900 for at in asked), (burnt_in, asked)


# ---- encoders ----

def probe(node, seconds=3, stream="gate/main"):
    """The streams of an address and its video packets: [(pts, key)]."""
    shown = subprocess.run(["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=codec_type,codec_name,width,height,sample_rate:"
                            "packet=codec_type,pts_time,flags,size", "-read_intervals", f"%+{seconds}", "-of", "json", address(node, stream)],
                           capture_output=True, text=True, timeout=60, check=True).stdout
    found = json.loads(shown)
    packets = [(float(p.get("pts_time", "nan")), "K" in p["flags"], int(p["size"])) for p in found["packets"] if p["codec_type"] == "video"]
    return {s["codec_type"]: s for s in found["streams"]}, packets


def assert_stream_is(node, width, height, fps, gop, sound):
    streams, packets = probe(node)
    assert (streams["video"]["codec_name"], streams["video"]["width"], streams["video"]["height"]) == ("h264", width, height)
    assert streams["audio"]["codec_name"] == sound
    keys = [i for i, (_, key, _) in enumerate(packets) if key]
    steps = np.diff([at for at, _, _ in packets])
    assert abs(np.nanmedian(steps) - 1 / fps) < 0.01, steps
    assert len(keys) > 2 and set(np.diff(keys)) <= {gop}, keys
    return sum(size for _, _, size in packets) * 8 / (len(packets) / fps)


def test_encoders_are_set_and_stay():
    with Node(SITE, USERS) as node:
        node.wait_pictures()
        boss = node.device()
        wait_for("sound", lambda: any(t["kind"] == "audio" for t in node.camera("gate")["tracks"]))
        options = boss.call("tr2", "GetVideoEncoderConfigurationOptions", ConfigurationToken="gate-main")[0]
        assert {(r.Width, r.Height) for r in options.ResolutionsAvailable} >= {(320, 180), (640, 360)}
        assert {o.Encoding: o.SampleRateList.Items for o in boss.call("tr2", "GetAudioEncoderConfigurationOptions", ConfigurationToken="gate-main-audio")} == {
            "MP4A-LATM": [48], "PCMU": [8]}
        want = boss.call("tr2", "GetVideoEncoderConfigurations", ConfigurationToken="gate-main")[0]
        sound = boss.call("trt", "GetAudioEncoderConfiguration", ConfigurationToken="gate-main-audio")
        boss.call("tr2", "SetVideoEncoderConfiguration", Configuration=want)  # what is read is taken back
        boss.call("trt", "SetAudioEncoderConfiguration", Configuration=sound, ForcePersistence=True)
        want.Resolution.Width, want.Resolution.Height, want.RateControl.FrameRateLimit, want.RateControl.BitrateLimit, want.GovLength = 640, 360, 15, 200, 5
        boss.call("tr2", "SetVideoEncoderConfiguration", Configuration=want)
        sound.Encoding, sound.SampleRate = "G711", 8
        boss.call("trt", "SetAudioEncoderConfiguration", Configuration=sound, ForcePersistence=True)
        for again in range(2):
            wait_for("pictures of that size", lambda: node.camera("gate")["tracks"] and node.camera("gate")["tracks"][0].get("width") == 640, 30)
            wait_for("that sound", lambda: any(t["codec"].startswith("G.711") for t in node.camera("gate")["tracks"]), 30)
            got = boss.call("trt", "GetVideoEncoderConfiguration", ConfigurationToken="gate-main")
            assert (got.Resolution.Width, got.RateControl.FrameRateLimit, got.RateControl.BitrateLimit, got.H264.GovLength) == (640, 15, 200, 5)
            assert boss.call("tr2", "GetAudioEncoderConfigurations", ConfigurationToken="gate-main-audio")[0].Encoding == "PCMU"
            assert assert_stream_is(node, 640, 360, 15, 5, "pcm_mulaw") < 300e3
            if not again:
                want.Resolution.Width = 641
                with pytest.raises(Exception, match="cannot be set"):
                    boss.call("tr2", "SetVideoEncoderConfiguration", Configuration=want)
                sound.Encoding, sound.SampleRate = "AAC", 8
                with pytest.raises(Exception, match="cannot be set"):
                    boss.call("trt", "SetAudioEncoderConfiguration", Configuration=sound, ForcePersistence=True)
                node.stop()
                node.start()


# ---- texts ----

def luma(node, profile="gate-main"):
    """The brightness of the newest key frame."""
    jpeg = requests.get(f"http://127.0.0.1:{node.onvif}/onvif/snapshot/{profile}", auth=HTTPDigestAuth("boss", "secret of boss"), timeout=20)
    return np.asarray(Image.open(io.BytesIO(jpeg.content)).convert("L"))


class Looks:
    """A text of this many letters: 6 dots a letter and one to begin with, 11 rows and one more that makes them even."""

    def __init__(self, picture, letters, x, y):
        width, height = (letters * 6 + 2) & ~1, 12
        left, top = int((320 - width) * (x + 1) / 2) & ~1, int((180 - height) * (1 - y) / 2) & ~1
        self.box = picture[top:top + height, left:left + width]
        self.is_there = np.mean((self.box < 70) | (self.box > 150)) > 0.9 and 0.05 < np.mean(self.box > 150) < 0.5 and np.mean(self.box[:2] < 70) > 0.9


def text(position, kind, **more):
    return {"token": "", "VideoSourceConfigurationToken": "gate-source", "Type": "Text", "Position": {"Type": position}, "TextString": {"Type": kind, **more}}


def test_texts_are_burnt_in_and_stay():
    with Node(SITE.replace("gop=60s", "gop=500ms"), USERS) as node:
        node.wait_pictures()
        boss = node.device()
        options = boss.call("tr2", "GetOSDOptions", ConfigurationToken="gate-source")
        assert options.MaximumNumberOfOSDs.Total == 8 and set(options.PositionOption) == {"UpperLeft", "UpperRight", "LowerLeft", "LowerRight", "Custom"}
        assert "yyyy-MM-dd" in options.TextOption.DateFormat and set(options.TextOption.Type) == {"Plain", "Date", "Time", "DateAndTime"}
        before = luma(node)
        assert not Looks(before, 6, -1, 1).is_there and not Looks(before, 8, 1, 1).is_there
        name = boss.call("trt", "CreateOSD", OSD=text("UpperLeft", "Plain", PlainText="T\u00fcr 12")).OSDToken
        clock = boss.call("tr2", "CreateOSD", OSD=text("UpperRight", "Time", TimeFormat="HH:mm:ss"))
        moved = boss.call("tr2", "CreateOSD", OSD=text("LowerLeft", "Date", DateFormat="yyyy-MM-dd"))
        position = {"Type": "Custom", "Pos": {"x": 0.5, "y": -0.5}}
        boss.call("tr2", "SetOSD", OSD={**text("Custom", "Date", DateFormat="yyyy/MM/dd"), "token": moved, "Position": position})
        for again in range(2):
            got = {o.token: o for o in boss.call("trt", "GetOSDs")}
            assert set(got) == {name, clock, moved} and got[name].TextString.PlainText == "T\u00fcr 12"
            assert got[moved].Position.Pos.x == 0.5 and got[moved].TextString.DateFormat == "yyyy/MM/dd"
            assert boss.call("trt", "GetOSD", OSDToken=clock).OSD.TextString.TimeFormat == "HH:mm:ss"
            def shown(picture):
                return Looks(picture, 6, -1, 1).is_there and Looks(picture, 8, 1, 1).is_there and Looks(picture, 10, 0.5, -0.5).is_there
            for profile in ("gate-main", "gate-sub"):
                wait_for("all three of them", lambda: shown(luma(node, profile)))
            seen = luma(node)
            assert not Looks(seen, 10, -1, -1).is_there, "it was moved away"
            later = wait_for("the clock to go on", lambda: (p := luma(node)) is not None and np.mean(
                (Looks(p, 8, 1, 1).box > 150) != (Looks(seen, 8, 1, 1).box > 150)) > 0.01 and [p])[0]
            assert np.mean((Looks(later, 6, -1, 1).box > 150) != (Looks(seen, 6, -1, 1).box > 150)) < 0.03, "plain text stands still"
            if not again:
                node.stop()
                node.start()
                node.wait_pictures()
        boss.call("tr2", "DeleteOSD", OSDToken=name)
        assert [o.token for o in boss.call("tr2", "GetOSDs", ConfigurationToken="gate-source")] == [o for o in got if o != name]
        wait_for("it to go", lambda: not Looks(luma(node), 6, -1, 1).is_there)
        for _ in range(6):
            boss.call("tr2", "CreateOSD", OSD=text("LowerLeft", "Plain", PlainText="x"))
        with pytest.raises(Exception, match="as many texts as it can"):
            boss.call("tr2", "CreateOSD", OSD=text("LowerLeft", "Plain", PlainText="x"))
