# SPDX-License-Identifier: Apache-2.0
"""A camera whose clock is wrong by hours, or is set: its card is asked by its own clock, and what comes stands at the hub's time."""
import os
import sqlite3
import time

import pytest
from hub import LONG, format_time, parse_time, wait_for
from test_clock import CC, Clock
from wire import Wire, WiredHub, WiredNode, assert_every_frame, burnt_in

pytestmark = pytest.mark.skipif(CC is None, reason="no C compiler for the shifted clock")


@pytest.mark.parametrize("shift", [2 * 3600, -2 * 3600] if LONG else [2 * 3600])
def test_a_camera_whose_clock_is_wrong(shift, tmp_path):
    """It is the hub's clock that is shifted, by a library before it: the camera's is then wrong by as much the other way."""
    clock = Clock(tmp_path)
    clock.set(shift)
    with Wire() as wire, WiredNode(wire, more="record: { main: always, sub: always }, sub: \"test:clock?size=320x180&fps=5&bitrate=100k&audio=none\"") as node:
        more = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        with WiredHub(wire, camera=", record: { main: always, sub: always }", env=dict(clock.env(), ASAN_OPTIONS=more)) as hub:
            hub.wait_recording("gate")
            begin = time.time() + 1
            time.sleep(4)
            wire.cut()
            time.sleep(13)
            wire.mend()
            hub.wait_back(time.time() + shift + 1)
            hub.wait_filled(begin + shift, streams=("main", "sub"))
            end = time.time() - 3
            ours, theirs = burnt_in(hub, "gate", begin + shift, end + shift, tmp_path), burnt_in(node, "cam", begin, end, tmp_path)
            inner = [t for t in theirs if begin * 1000 + 500 < t < end * 1000 - 500]
            assert [t for t in ours if begin * 1000 + 500 < t < end * 1000 - 500] == inner
            job = next(j for j in hub.jobs() if j["stream"] == "main" and j["seconds"] > 5)
            assert job["state"] == "filled" and job["seam"] == "content" and abs(job["clock_offset_ms"] + shift * 1000) < 3000, job


def shifted(clock):
    return dict(clock.env(), ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")


@pytest.mark.parametrize("step", [300, -300])
def test_a_clock_that_is_set_while_the_cable_is_cut(step, tmp_path):
    """What the card has of before stands by the clock of before; set back, a node's archive goes on by it, later gaps as well. The eye's
    clock is burnt into the pictures, and is true: a camera of its own, which the node records and serves."""
    clock = Clock(tmp_path)
    with Wire() as wire, WiredNode(wire, ports=(8555, 8082)) as eye:
        with WiredNode(wire, source="rtsp://127.0.0.1:8555/cam/main", login="hub", env=shifted(clock)) as node:
            node.wait_recording("cam")
            with WiredHub(wire) as hub:
                hub.wait_recording("gate")
                time.sleep(7)  # the clock is measured
                begin = time.time()
                wire.cut()
                time.sleep(7)
                clock.set(step)
                time.sleep(7)
                wire.mend()
                hub.wait_back(time.time() + 1)
                hub.wait_filled(begin)
                wire.cut()
                time.sleep(14)  # a connection that is silent for 10 s is given up
                wire.mend()
                hub.wait_back(time.time() + 1)
                hub.wait_filled(begin)
                assert_every_frame(eye, hub, begin - 2, time.time() - 3, tmp_path)
                hub.assert_nothing_silent("gate")
                first, second = sorted((j for j in hub.jobs() if j["seconds"] > 5), key=lambda j: j["start"])
                assert [(j["state"], j["seam"]) for j in (first, second)] == [("filled", "content")] * 2, (first, second)
                assert abs(first["clock_offset_ms"]) < 1000, first
                db = sqlite3.connect(node.archive / "index.db")
                jumps = [s for (s,) in db.execute("SELECT end_ns - start_ns FROM gap WHERE cause = 6")]  # that the clock was set
                assert bool(jumps) == (step > 0) and all(abs(j / 1e9 - step) < 10 for j in jumps), "the card does not tell of the step as it should"


def test_a_clock_that_is_set_and_a_card_that_does_not_follow(tmp_path):
    """The times of its footage go on by the clock of before: its frames tell so."""
    clock = Clock(tmp_path)
    with Wire() as wire, WiredNode(wire, env=shifted(clock)) as node, WiredHub(wire) as hub:
        hub.wait_recording("gate")
        time.sleep(7)
        begin = time.time()
        clock.set(300)
        time.sleep(7)
        wire.cut()
        time.sleep(14)  # a connection that is silent for 10 s is given up
        wire.mend()
        hub.wait_back(time.time() + 1)
        hub.wait_filled(begin)
        assert_every_frame(node, hub, begin - 2, time.time() - 3, tmp_path)


@pytest.mark.parametrize("step", [600, -600] if LONG else [-600])
def test_the_hubs_own_clock_is_set_while_it_fills(step, tmp_path):
    """The gap stands where it stood, by the offset of then; what is recorded goes on, and so do gaps behind the step."""
    clock = Clock(tmp_path)
    with Wire() as wire, WiredNode(wire) as node, WiredHub(wire, ", backfill: { rate: 400kbit/s }", env=shifted(clock)) as hub:
        hub.wait_recording("gate")
        time.sleep(7)
        begin = time.time()
        wire.cut()
        time.sleep(12)
        wire.mend()
        hub.wait_back(time.time() + 1)
        wait_for("something is being fetched", lambda: any(j.get("fetched_bytes") for j in hub.jobs()), 40, 0.05)
        clock.set(step)
        far = format_time(time.time() + 7200)  # set back, the archive's axis runs on ahead of the clock, also while nothing comes

        def filled(n):
            jobs = [j for j in hub.jobs(to=far) if j["seconds"] > 5]
            return len(jobs) == n and all((j["state"], j["seam"]) == ("filled", "content") for j in jobs)
        wait_for("the gap is filled", lambda: filled(1), 60)
        time.sleep(7)
        wire.cut()
        time.sleep(14)  # a connection that is silent for 10 s is given up
        wire.mend()
        wait_for("the gap behind the step is filled", lambda: filled(2), 90)
        time.sleep(3)
        end = time.time() - 3
        theirs = [t for t in burnt_in(node, "cam", begin - 3, end, tmp_path) if (begin - 2) * 1000 < t < (end - 1) * 1000]
        ours = burnt_in(hub, "gate", begin - 3, end + max(step, 0), tmp_path)
        assert [t for t in ours if (begin - 2) * 1000 < t < (end - 1) * 1000] == theirs


def test_the_hubs_own_clock_is_set_forward_while_the_cable_is_cut(tmp_path):
    """Most of the gap is no time that passed: what the camera recorded is put at its begin, and the rest is called what it is."""
    clock = Clock(tmp_path)
    with Wire() as wire, WiredNode(wire) as node, WiredHub(wire, env=shifted(clock)) as hub:
        hub.wait_recording("gate")
        time.sleep(7)
        begin = time.time()
        wire.cut()
        time.sleep(5)
        clock.set(600)
        time.sleep(7)
        wire.mend()
        hub.wait_back(time.time() + 601)
        hub.wait_filled(begin)
        end = time.time() - 3
        theirs = [t for t in burnt_in(node, "cam", begin - 3, end, tmp_path) if (begin - 2) * 1000 < t < (end - 1) * 1000]
        assert [t for t in burnt_in(hub, "gate", begin - 3, end + 600, tmp_path) if (begin - 2) * 1000 < t < (end - 1) * 1000] == theirs
        jumps = [g for g in hub.get("/api/backfill?camera=gate&to=" + format_time(time.time() + 7200))["gaps"] if g["stream"] == "main" and g["cause"] == "clock"]
        assert len(jumps) == 1 and 590 < parse_time(jumps[0]["end"]) - parse_time(jumps[0]["start"]) < 610, jumps
