# SPDX-License-Identifier: Apache-2.0
"""P4 and the reason of it all: whatever happens between camera and hub, every frame that the camera made is in the hub's archive
once, at its time. A node with a card and a hub, on a cable of their own; the proof is the clock that is burnt into the picture."""
import os
import random
import sqlite3
import subprocess
import time

import numpy as np
import pytest
from hub import LONG, Farm, Hub, format_time
from testpicture import read_time
from wire import Wire, WiredHub, WiredNode

WIDTH, HEIGHT = 640, 360


@pytest.fixture
def site():
    with Wire() as wire, WiredNode(wire) as node, WiredHub(wire) as hub:
        hub.wait_recording("gate")
        yield wire, node, hub


def burnt_in(hub, camera, begin, end, directory):
    """The times of all frames in a clip, in ms, as ffmpeg decodes them."""
    clip = directory / f"{camera}-{begin}.mp4"
    hub.cli("archive", "export", camera, "--from", format_time(begin), "--to", format_time(end), "--output", clip)
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", clip, "-an", "-fps_mode", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo", "-"],
                         capture_output=True, check=True).stdout
    frames = np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH)
    times = [read_time(f) for f in frames]
    if not all(times):
        print(hub.cli("archive", "ls", camera).stdout, hub.cli("archive", "gaps", "--explain").stdout, hub.cli("archive", "backfill").stdout)
        unread = [(i, format_time(times[i - 1] / 1000) if i and times[i - 1] else "?") for i, t in enumerate(times) if not t]
        raise AssertionError(f"of {len(times)} frames of {camera} these cannot be read (number, time before): {unread}")
    return times


def assert_every_frame(node, hub, begin, end, directory):
    """Each frame of the card is in the hub's archive once and in order, and stands there at the time that is burnt into it."""
    ours, theirs = burnt_in(hub, "gate", begin, end, directory), burnt_in(node, "cam", begin, end, directory)
    inner = [t for t in theirs if begin * 1000 + 500 < t < end * 1000 - 500]
    got = [t for t in ours if begin * 1000 + 500 < t < end * 1000 - 500]
    lacking, extra = sorted(set(inner) - set(got)), sorted(set(got) - set(inner))
    assert got == inner, f"lacking {lacking}, extra {extra}, {len(got) - len(set(got))} twice"
    placed = hub.get(f"/api/cameras/gate/segments?from={format_time(begin)}&to={format_time(end)}")["segments"]
    for a, b in zip(placed, placed[1:]):
        assert a["end"] <= b["start"] or a["end"][:-5] == b["start"][:-5], (a, b)


def test_cable_cut(site, tmp_path):
    wire, node, hub = site
    begin = time.time() + 1
    time.sleep(4)
    wire.cut()
    time.sleep(14)
    wire.mend()
    hub.wait_back(time.time() + 1)
    hub.wait_filled(begin)
    assert_every_frame(node, hub, begin, time.time() - 3, tmp_path)
    job = next(j for j in hub.jobs() if j["seconds"] > 5)
    assert (job["state"], job["seam"], job["cause"]) == ("filled", "content", "network"), job
    hub.assert_nothing_silent("gate")


def test_rounds(site, tmp_path):
    """Cuts of random length one after the other: some short enough for TCP to survive them, some while gaps are being filled, one with
    the hub killed meanwhile, one with the hub stopped in order."""
    wire, node, hub = site
    seed = int(os.environ.get("PIGTAIL_SEED", time.time()))
    print(f"seed {seed} (PIGTAIL_SEED={seed} repeats it)")
    random.seed(seed)
    begin = time.time() + 1
    rounds = 100 if LONG else 5
    for i in range(rounds):
        time.sleep(random.uniform(2.5, 6))
        wire.cut()
        length = random.choice((60, 120, 600, 1800)) if LONG and i % 20 == 19 else random.uniform(5, 60) if LONG else random.uniform(5, 16)
        trouble = {2: "killed", 3: "stopped"}.get(i % 5)
        print(f"round {i}: cut for {length:.1f} s{', hub ' + trouble if trouble else ''}")
        time.sleep(length / 2)
        if trouble:
            hub.kill() if trouble == "killed" else hub.stop()
        time.sleep(length / 2)
        if trouble:
            hub.start()
        wire.mend()
        hub.wait_back(time.time(), seconds=90)
    hub.wait_filled(begin, 150)
    assert_every_frame(node, hub, begin, time.time() - 3, tmp_path)
    hub.assert_nothing_silent("gate")
    hub.stop()
    hub.assert_sound()


def test_index_of_an_older_version(tmp_path):
    """An index that was made before there was such a thing as fetched footage is taken over as it is."""
    with Farm() as farm, Hub(f"cameras:\n  gate: {{ source: '{farm.url()}' }}\n") as hub:
        hub.wait_recording("gate")
        hub.stop()
        db = sqlite3.connect(hub.archive / "index.db")
        before = db.execute("SELECT id, path FROM segment ORDER BY id").fetchall()
        db.executescript("""DROP INDEX segment_fetched; ALTER TABLE segment DROP COLUMN fetched; ALTER TABLE segment DROP COLUMN shift_ns;
            ALTER TABLE gap DROP COLUMN cause; DROP TABLE job; DROP TABLE fetching; PRAGMA user_version=1;""")
        db.close()
        hub.start()
        hub.wait_recording("gate")
        assert not hub.get("/api/backfill")["jobs"]
        hub.stop()
        db = sqlite3.connect(hub.archive / "index.db")
        assert db.execute("SELECT id, path FROM segment ORDER BY id").fetchall()[:len(before)] == before
        db.close()
        hub.assert_sound()
