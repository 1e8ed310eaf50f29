# SPDX-License-Identifier: Apache-2.0
"""P4 and the reason of it all: whatever happens between camera and hub, every frame that the camera made is in the hub's archive
once, at its time. A node with a card and a hub, on a cable of their own; the proof is the clock that is burnt into the picture."""
import math
import os
import random
import sqlite3
import time

import pytest
from hub import LONG, Farm, Hub, free_port
from wire import Wire, WiredHub, WiredNode, assert_every_frame

@pytest.fixture
def site():
    with Wire() as wire, WiredNode(wire) as node, WiredHub(wire) as hub:
        hub.wait_recording("gate")
        yield wire, node, hub


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


@pytest.mark.parametrize("part", range(10 if LONG else 1))  # each is a site of its own, and they may run beside each other
def test_rounds(site, part, tmp_path):
    """Cuts of random length one after the other: some short enough for TCP to survive them, some while gaps are being filled, one of
    five with the hub killed meanwhile, one with the hub stopped in order. --long: 100 of up to half an hour, in ten parts.
    PIGTAIL_ROUNDS and PIGTAIL_LONGEST_CUT (s) say how many and how long."""
    wire, node, hub = site
    seed = int(os.environ.get("PIGTAIL_SEED", time.time())) + part
    print(f"seed {seed} (PIGTAIL_SEED={seed - part} repeats it)")
    random.seed(seed)
    begin = time.time() + 1
    rounds = int(os.environ.get("PIGTAIL_ROUNDS", 10 if LONG else 5))
    longest = float(os.environ.get("PIGTAIL_LONGEST_CUT", 1800 if LONG else 60))  # s
    for i in range(rounds):
        time.sleep(random.uniform(2.5, 6))
        wire.cut()
        length = math.exp(random.uniform(math.log(5), math.log(longest)))
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
    hub.wait_filled(begin, 150 + 20 * rounds, node=node)
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
            ALTER TABLE gap DROP COLUMN cause; DROP TABLE job; DROP TABLE fetching; DROP TABLE clock; PRAGMA user_version=1;""")
        db.close()
        hub.start()
        hub.wait_recording("gate")
        assert not hub.get("/api/backfill")["jobs"]
        hub.stop()
        db = sqlite3.connect(hub.archive / "index.db")
        assert db.execute("SELECT id, path FROM segment ORDER BY id").fetchall()[:len(before)] == before
        db.close()
        hub.assert_sound()


def test_thousands_of_gaps_are_explained():
    """Each by its own job, though no list holds all of these; and nobody waits long for it."""
    cameras = ("gate", "yard")
    with Hub("cameras:\n" + "".join(f"  {c}: {{ source: 'onvif://127.0.0.1:{free_port()}' }}\n" for c in cameras)) as hub:
        hub.stop()
        db = sqlite3.connect(hub.archive / "index.db")
        for camera in cameras:
            series = db.execute("INSERT INTO series(camera, stream) VALUES(?, 'main') ON CONFLICT DO UPDATE SET camera=camera RETURNING id", (camera,)).fetchone()[0]
            for i in range(2000):
                begin = int((time.time() - 80000 + 20 * i) * 1e9)
                span = (series, begin, begin + 8 * 10**9)
                db.execute("INSERT INTO gap(series,start_ns,end_ns,cause,reason) VALUES(?,?,?,1,'no data for 10 s')", span)
                db.execute("INSERT INTO job(series,start_ns,end_ns,cause,state,reason,urgent,tries,due_ns,found_ns,changed_ns,frames,bytes,seam,offset_ns)"
                           " VALUES(?,?,?,1,0,'',0,1,0,0,0,0,0,0,0)", span)
        db.commit()
        db.close()
        hub.start()
        begin = time.monotonic()
        lines = hub.cli("archive", "gaps", "--explain").stdout.splitlines()
        took = time.monotonic() - begin
        # a row for a camera that has never been reached may have begun in between: the newest 2000 of each are told
        assert sum("cause: network; backfill: found, waits: " in line for line in lines) >= 3990, lines[:4] + lines[-4:]
        assert took < 5, took
