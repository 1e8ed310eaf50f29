# SPDX-License-Identifier: Apache-2.0
"""What else may be while gaps are filled: a card that holds less, a hub that is killed again and again, a camera that is not ours."""
import os
import pathlib
import subprocess
import time

from hub import LONG, Farm, Hub, parse_time, wait_for
from test_clock import Clock
from test_disk import Mount, needs_mount
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
        cut(wire, hub, 14)  # a connection that is silent for 10 s is given up
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
        hub.wait_filled(begin, 120 + 15 * killed)  # each kill is a gap of its own, of some seconds at this rate
        assert killed == (20 if LONG else 3)
        assert_every_frame(node, hub, begin, time.time() - 3, tmp_path)
        hub.stop()
        hub.assert_sound()


def test_a_pause_stops_what_is_being_fetched(tmp_path):
    """Within a second, what came is kept, and the rest comes when it goes on."""
    with Wire() as wire, WiredNode(wire) as node, WiredHub(wire, ", backfill: { rate: 500kbit/s }") as hub:
        hub.wait_recording("gate")
        begin = time.time() + 1
        time.sleep(2)
        cut(wire, hub, 20)
        wait_for("some of it came", lambda: any(j.get("reached") and parse_time(j["reached"]) > parse_time(j["start"]) + 4 for j in hub.jobs()), 60, 0.05)
        hub.cli("archive", "backfill", "--pause")
        at = time.monotonic()
        job = wait_for("it stopped", lambda: next((j for j in hub.jobs() if j["state"] == "found" and j["frames"]), None), 5, 0.05)
        assert time.monotonic() - at < 1.5 and job["waits"] == "filling is paused" and job["tries"] == 0, job
        assert hub.get("/api/backfill")["paused"] and "backfill is paused" in hub.cli("archive", "backfill").stdout
        left = sum(parse_time(g["end"]) - parse_time(g["start"]) for g in hub.missing(begin))
        assert 2 < left < job["seconds"] - 2, (left, job)
        time.sleep(3)
        assert next(j for j in hub.jobs() if j["id"] == job["id"])["frames"] == job["frames"]
        hub.cli("archive", "backfill", "--resume")
        hub.wait_filled(begin, 60)
        done = next(j for j in hub.jobs() if j["id"] == job["id"])
        assert (done["state"], done["seam"]) == ("filled", "content") and abs(done["frames"] - done["seconds"] * 10) < 3, done
        assert_every_frame(node, hub, begin, time.time() - 3, tmp_path)
        hub.assert_nothing_silent("gate")
        hub.stop()
        hub.assert_sound()


@needs_mount
def test_the_hubs_disk_is_full_while_it_fills(tmp_path):
    """What is recorded does not suffer: filling stops before there is no room for it, says why, and goes on when there is."""
    with Mount(40) as disk, Wire() as wire, WiredNode(wire) as node:
        with WiredHub(wire, ", backfill: { rate: 400kbit/s }", archive=disk.path / "archive", archive_keys=", keep: { free: 0% }") as hub:
            hub.wait_recording("gate")
            begin = time.time() + 1
            time.sleep(2)
            cut(wire, hub, 15)
            wait_for("something is being fetched", lambda: any(j.get("fetched_bytes") for j in hub.jobs()), 60, 0.05)
            room = os.statvfs(disk.path)
            (disk.path / "hog").write_bytes(bytes(room.f_bavail * room.f_frsize - 650 * 1024))
            job = wait_for("it says why", lambda: next((j for j in hub.jobs() if "make room" in (j["reason"] or "")), None), 60, 0.05)
            assert (job["state"], job["tries"] <= 4) == ("found", True), job
            assert not hub.problem(), "what is recorded has room"
            (disk.path / "hog").unlink()
            hub.wait_filled(begin, 90)
            assert not any("No space" in g[2] for g in hub.gaps("gate")), hub.gaps("gate")
            assert_every_frame(node, hub, begin, time.time() - 3, tmp_path)
            hub.stop()
            hub.assert_sound()


def test_a_card_that_lacks_a_part(tmp_path):
    """The camera was off for a while: the rest is fetched, the part that is nowhere stays a gap, and it is not asked for for ever. The
    hub's clock is set so that nobody waits for two minutes."""
    clock = Clock(tmp_path)
    env = dict(clock.env(), ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")
    with Wire() as wire, WiredNode(wire) as node, WiredHub(wire, env=env) as hub:
        hub.wait_recording("gate")
        time.sleep(7)
        begin = time.time()
        wire.cut()
        time.sleep(5)
        node.stop()
        off = time.time()
        time.sleep(4)
        node.start()
        node.wait_recording("cam")
        wait_for("it records", lambda: node.camera("cam")["state"] == "live")
        on = time.time()
        time.sleep(5)
        wire.mend()
        hub.wait_back(time.time() + 1)
        wait_for("it was tried", lambda: any(j["tries"] for j in hub.jobs() if j["seconds"] > 5), 60)
        clock.set(300)
        job = wait_for("it is given up", lambda: next((j for j in hub.jobs() if j["state"] == "partly"), None), 60)
        assert job["reason"] == "the camera's card has no footage of it" and job["frames"] > 80 and 3 <= job["tries"] <= 4, job
        gaps = [g for g in hub.missing(begin) if parse_time(g["end"]) - parse_time(g["start"]) > 1]
        assert len(gaps) == 1 and abs(parse_time(gaps[0]["start"]) - off) < 1 and abs(parse_time(gaps[0]["end"]) - on) < 3, (gaps, off, on)
        told = [e for e in hub.events(topic="archive") if e["state"] == "partly-filled"]
        assert len(told) == 1 and "are missing: the camera's card has no footage of it" in told[0]["detail"], told
        time.sleep(12)
        again = [j for j in hub.jobs() if j["seconds"] > 5]
        assert [(j["id"], j["tries"]) for j in again] == [(job["id"], job["tries"])], again
        assert "the camera's card has no footage of it" in hub.cli("archive", "gaps", "--explain").stdout
        hub.assert_nothing_silent("gate")


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
                odd = [(a, b - a) for a, b in zip(fetched, fetched[1:]) if abs(b - a - 0.04) >= 0.001]
                assert len(fetched) > 60 and not odd, (begin, end, odd)
    finally:
        replay.kill()
        replay.wait()
