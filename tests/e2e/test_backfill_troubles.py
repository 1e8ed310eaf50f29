# SPDX-License-Identifier: Apache-2.0
"""What else may be while gaps are filled: a card that holds less, a hub that is killed again and again, a camera that is not ours."""
import pathlib
import subprocess
import time

from hub import LONG, Farm, Hub, parse_time, wait_for
from test_recordings import Recorder
from wire import Wire, WiredHub, WiredNode, assert_every_frame

HERE = pathlib.Path(__file__).parent
SUB = 'sub: "test:clock?size=320x180&fps=10&gop=2s&bitrate=100k&audio=none"'


def cut(wire, hub, seconds):
    wire.cut()
    time.sleep(seconds)
    wire.mend()
    hub.wait_back(time.time() + 0.5)


def test_the_card_holds_the_sub_stream_alone():
    """Less is better than nothing: the main stream's gap is filled with it, and that is shown."""
    both = "record: { main: always, sub: always }"
    with Wire() as wire, WiredNode(wire, more=f"{SUB}, record: {{ main: never, sub: always }}"), WiredHub(wire, f", {both}") as hub:
        hub.wait_recording("gate")
        time.sleep(2)
        begin = time.time()
        cut(wire, hub, 10)
        hub.wait_filled(begin, 60, ("main", "sub"))
        for stream in ("main", "sub"):
            hub.assert_nothing_silent("gate", stream)
        sizes = {s: {(x["width"], x["height"]) for x in hub.get(f"/api/cameras/gate/segments?stream={s}")["segments"]} for s in ("main", "sub")}
        assert sizes == {"main": {(640, 360), (320, 180)}, "sub": {(320, 180)}}


def test_the_hub_is_killed_while_it_fills(tmp_path):
    with Wire() as wire, WiredNode(wire) as node, WiredHub(wire, ", backfill: { rate: 600kbit/s }") as hub:
        hub.wait_recording("gate")
        begin = time.time() + 1
        time.sleep(2)
        cut(wire, hub, 8)
        killed = 0
        for _ in range(20 if LONG else 3):
            try:
                wait_for("something is being fetched", lambda: any(j.get("fetched_bytes") for j in hub.jobs()), 30, 0.05)
            except AssertionError:
                if all(j["state"] == "filled" for j in hub.jobs()):
                    break
                raise
            time.sleep(0.3)
            hub.kill()
            killed += 1
            hub.start()
        hub.wait_back(time.time())
        hub.wait_filled(begin, 150)
        assert killed == (20 if LONG else 3)
        assert_every_frame(node, hub, begin, time.time() - 3, tmp_path)
        hub.stop()
        hub.assert_sound()


GSTREAMER = ("( videotestsrc pattern=ball ! video/x-raw,width=640,height=360,framerate=25/1 ! x264enc key-int-max=25 bframes=0 speed-preset=ultrafast "
             "! video/x-h264,profile=high ! rtph264pay config-interval=-1 ! rtponviftimestamp name=pay0 ntp-offset=0 set-e-bit=true )")


class Acme(Recorder):
    tokens = ("low",)
    replay_port = 0

    def do_GetReplayUri(self, body, path):
        return f"<trp:GetReplayUriResponse><trp:Uri>rtsp://10.255.255.1:{self.replay_port}/a</trp:Uri></trp:GetReplayUriResponse>"


def test_a_camera_that_is_not_ours():
    """Live from one server, the past from GStreamer's: its frames are others, so that the clocks alone say where they belong."""
    replay = subprocess.Popen(["/usr/bin/python3", HERE / "gst_rtsp_server.py", GSTREAMER, "replay", "-", "-"], stdout=subprocess.PIPE, text=True)
    try:
        with Farm() as farm, Acme(farm.url()) as camera:
            camera.replay_port = int(replay.stdout.readline().split()[1])
            site = f"cameras:\n  gate: {{ source: '{camera.source}', login: gate }}\n"
            with Hub(site, start=False) as hub:
                (hub.dir / "secrets.yaml").write_text("logins:\n  gate: { user: admin, password: secret }\n")
                (hub.dir / "secrets.yaml").chmod(0o600)
                hub.start()
                hub.wait_recording("gate")
                time.sleep(2)
                farm.close()
                time.sleep(3)
                farm.__init__(port=farm.port)
                job = wait_for("the gap is filled", lambda: next((j for j in hub.get("/api/backfill")["jobs"] if j["state"] == "filled" and j["seconds"] > 3), None), 120)
                assert (job["seam"], job["stream"]) == ("clock", "main") and abs(job["frames"] - job["seconds"] * 25) <= 1.5, job
                hub.assert_nothing_silent("gate")
                begin, end = parse_time(job["start"]), parse_time(job["end"])
                fetched = [s[0] for s in hub.samples("gate") if begin < s[0] < end - 0.02]
                assert len(fetched) > 60 and all(abs(b - a - 0.04) < 0.001 for a, b in zip(fetched, fetched[1:])), fetched
    finally:
        replay.kill()
        replay.wait()
