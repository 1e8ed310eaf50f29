# SPDX-License-Identifier: Apache-2.0
"""Filling while others interfere: a camera that is killed or stalls, two hubs on one card, a camera that is taken out of the site file, and
people who ask for what cannot be."""
import subprocess
import time

from hub import LONG, Hub, free_port, parse_time, wait_for
from test_reload import reload
from wire import Wire, WiredHub, WiredNode, assert_every_frame, burnt_in

FRAME = 100  # ms; at the edges of what was not wanted the clock alone decides
SLOW = ", backfill: { rate: 600kbit/s }"


def cut(wire, hubs, seconds):
    wire.cut()
    time.sleep(seconds)
    wire.mend()
    for hub in hubs:
        hub.wait_back(time.time() + 0.5)


def fetching(hub):
    return next((j for j in hub.jobs() if j.get("fetched_bytes")), None)


def test_the_camera_is_killed_while_it_is_asked(tmp_path):
    """When it is back, all that its card kept of the gap is in the hub's archive once."""
    with Wire() as wire, WiredNode(wire) as node, WiredHub(wire, SLOW) as hub:
        hub.wait_recording("gate")
        begin = time.time() + 1
        time.sleep(2)
        cut(wire, [hub], 12)
        for _ in range(3 if LONG else 1):
            wait_for("something is being fetched", lambda: fetching(hub), 60, 0.05)
            time.sleep(0.3)
            node.kill()
            time.sleep(1)
            node.start()
            node.wait_recording("cam")
            hub.wait_back(time.time() + 1)
        job = wait_for("the gap is filled", lambda: next((j for j in hub.jobs() if j["seconds"] > 10 and j["state"] == "filled"), None), 90, 0.5)
        end = time.time() - 3
        ours, theirs = burnt_in(hub, "gate", begin, end, tmp_path), burnt_in(node, "cam", begin, end, tmp_path)
        cut_off = [t for t in theirs if parse_time(job["start"]) * 1000 + FRAME < t < parse_time(job["end"]) * 1000 - FRAME]
        assert ours == sorted(set(ours)) and len(cut_off) > 90 and set(cut_off) <= set(ours), sorted(set(cut_off) - set(ours))
        hub.assert_nothing_silent("gate")
        hub.stop()
        hub.assert_sound()


def test_two_hubs_fill_from_one_card(tmp_path):
    with Wire() as wire, WiredNode(wire) as node, WiredHub(wire, SLOW) as one, WiredHub(wire, SLOW) as two:
        one.wait_recording("gate")
        two.wait_recording("gate")
        begin = time.time() + 1
        time.sleep(2)
        cut(wire, [one, two], 14)
        wait_for("both fetch", lambda: fetching(one) and fetching(two), 60, 0.05)
        for hub in (one, two):
            hub.wait_filled(begin)
        for hub in (one, two):
            assert_every_frame(node, hub, begin, time.time() - 3, tmp_path)
            hub.assert_nothing_silent("gate")


def test_a_camera_is_taken_out_while_it_is_asked_and_put_back(tmp_path):
    """The rest is fetched when it is there again; what lies between was not wanted, and pictures behind that can be decoded."""
    with Wire() as wire, WiredNode(wire) as node, WiredHub(wire, SLOW) as hub:
        hub.wait_recording("gate")
        begin = time.time() + 1
        time.sleep(2)
        cut(wire, [hub], 14)
        wait_for("something is being fetched", lambda: fetching(hub), 60, 0.05)
        with_camera = hub.site.read_text()
        hub.write_site("")
        reload(hub)
        for path, body in (("/api/backfill", {"camera": "gate"}), ("/api/cameras/gate/drill", {})):
            assert hub.request("POST", path, body)[0] == 404
        time.sleep(1.5)
        hub.site.write_text(with_camera)
        reload(hub)
        hub.wait_back(time.time() + 1)
        hub.wait_filled(begin)
        unwanted = [(a * 1000, b * 1000) for a, b, reason in hub.gaps("gate") if a > begin and b]
        assert len(unwanted) == 1 and unwanted[0][1] - unwanted[0][0] > 1000, unwanted
        end = time.time() - 3
        ours, theirs = burnt_in(hub, "gate", begin, end, tmp_path), burnt_in(node, "cam", begin, end, tmp_path)
        inner = [[t for t in times if begin * 1000 + 500 < t < end * 1000 - 500] for times in (ours, theirs)]  # clips end where their own frames do
        wanted = [t for t in inner[1] if not unwanted[0][0] - FRAME < t < unwanted[0][1] + FRAME]
        got, made = map(set, inner)
        assert set(wanted) <= got <= made and inner[0] == sorted(got), (set(wanted) - got, got - made)
        hub.assert_nothing_silent("gate")
        hub.stop()
        hub.assert_sound()


NO_TIME = ({"from": 5}, {"to": None}, {"from": ["1h"]}, {"from": "yesterday"}, {"to": "-1"})
NO_SPAN = ("from=0&to=8835955199", "from=&to=", "from=-1", "to=0", "from=5&to=5", "camera=,", "camera=gate,nope", "camera=%2e%2e")


def test_what_cannot_be_asked_for():
    """Each is refused with what is wrong, and begins nothing; the rest is asked for and finds nothing."""
    with Hub(f"cameras:\n  gate: {{ source: 'onvif://127.0.0.1:{free_port()}' }}\n") as hub:
        for body in NO_TIME:
            status, said = hub.request("POST", "/api/backfill", {"camera": "gate", **body})
            assert status == 400 and said["error"].startswith(f"{next(iter(body))}: "), (body, said)
        for body in ({}, {"camera": 1}, {"camera": ["gate"]}, {"camera": "a" * 10000}):
            assert hub.request("POST", "/api/backfill", body)[0] == 404, body
        for body in ({"for": 1}, {"for": None}, {"for": []}, {"for": "1e9s"}, {"for": "9" * 20 + "d"}, {"for": "100000d"}, {"for": "-5s"}, {"for": "4s"}):
            assert hub.request("POST", "/api/cameras/gate/drill", body)[0] == 400, body
        for query in NO_SPAN:
            for what in ("backfill", "proof"):
                assert hub.request("GET", f"/api/{what}?{query}")[0] in (400, 404), (what, query)
        assert not [e for e in hub.events(topic="archive")]

        def said(status, *words):
            done = hub.cli(*words, check=False)
            assert done.returncode == status, (words, done)
            return done.stdout + done.stderr
        for span in (["--from", "+1h", "--to", "+2h"], ["--from", "1970-01-01T00:00:00Z", "--to", "1971-01-01T00:00:00Z"], ["--from", "2249-01-01T00:00:00Z", "--to", "2249-12-31T00:00:00Z"]):
            assert "nothing that can be fetched is missing" in said(0, "archive", "backfill", "gate", *span, "--now")
        assert "to has to be later than from" in said(1, "archive", "backfill", "gate", "--from", "+1h", "--now")
        assert "too far ahead" in said(2, "archive", "gaps", "--to", "+100000d")
        assert "in the future" in said(1, "archive", "proof", "gate", "--from", "+1h", "--to", "+2h")
        for command in (["gaps", "gaet"], ["proof", "gaet"], ["backfill", "gaet", "--now"], ["backfill", "gaet"]):
            assert "did you mean gate?" in said(1, "archive", *command)
        for command in (["backfill", "--now"], ["backfill", "gate", "--pause"], ["backfill", "--pause", "--resume"], ["backfill", "gate", "--now", "--pause"]):
            assert "usage: " in said(2, "archive", *command)
        assert not hub.get("/api/backfill")["paused"]


def test_the_cameras_encoder_stands_still(tmp_path):
    """On its card is nothing of these times; what came between and behind them, in the middle of a group of pictures, is fetched."""
    with Wire() as wire, WiredNode(wire) as node, WiredHub(wire) as hub:
        hub.wait_recording("gate")
        begin = time.time() + 1
        codecs = subprocess.run(["pgrep", "-P", str(node.process.pid), "pigtail-codec"], capture_output=True, text=True, check=True).stdout.split()
        time.sleep(2)
        wire.cut()
        time.sleep(3)
        for pause in (1.6, 1.3, 2.9):
            for signal in ("STOP", "CONT"):
                subprocess.run(["kill", f"-{signal}", *codecs], check=True)
                time.sleep(pause if signal == "STOP" else 0.7)
        time.sleep(6)
        wire.mend()
        hub.wait_back(time.time() + 0.5)
        assert sum(reason == "the camera sent nothing" for _, _, reason in node.gaps("cam")) == 3
        hub.wait_filled(begin, node=node)
        assert_every_frame(node, hub, begin, time.time() - 3, tmp_path)
        hub.assert_nothing_silent("gate")
        hub.stop()
        hub.assert_sound()
