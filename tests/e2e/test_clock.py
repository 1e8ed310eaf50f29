# SPDX-License-Identifier: Apache-2.0
"""The hub's clock is set by an hour, both ways, while it records: no overlap, no lost frame, order kept; the way forward leaves
a gap that says what it is. The clock is shifted by shift_clock.c, preloaded; the monotonic clock stays true."""
import pathlib
import shutil
import struct
import subprocess
import sqlite3
import time

import pytest

import hub
from hub import Farm, Hub, wait_for

SOURCE = pathlib.Path(__file__).with_name("shift_clock.c")
CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
pytestmark = pytest.mark.skipif(CC is None, reason="no C compiler for the shifted clock")


class Clock:
    def __init__(self, folder):
        self.file, self.library = folder / "clock", folder / "shift_clock.so"
        subprocess.run([CC, "-shared", "-fPIC", "-O1", "-o", self.library, SOURCE], check=True)
        self.file.write_bytes(struct.pack("=q", 0))

    def set(self, seconds):
        with open(self.file, "r+b", buffering=0) as f:
            f.write(struct.pack("=q", seconds))

    def env(self):
        return {"LD_PRELOAD": str(self.library), "CLOCK_SHIFT_FILE": str(self.file)}


def shifted_hub(farm):
    h = Hub(f"cameras:\n  gate: {{ source: {farm.url()} }}\n", start=False)
    clock = Clock(h.dir)
    h.env.update({**clock.env(), "ASAN_OPTIONS": h.env["ASAN_OPTIONS"] + ":verify_asan_link_order=0"})
    return h, clock


@pytest.mark.parametrize("shift", [3600, -3600])
def test_step_while_recording(shift):
    with Farm() as farm:
        h, clock = shifted_hub(farm)
        with h:
            h.start()
            wait_for("footage", lambda: h.segments("gate"))
            time.sleep(3)
            clock.set(shift)
            time.sleep(5)
            sent = farm.sent()
            h.stop()
            order = h.samples("gate")
            assert len(order) >= sent - 1, (len(order), sent)
            walls = [s[0] for s in order]
            assert walls == sorted(walls), "the order is not kept"
            spans = [(x[0][0], x[-1][0]) for f in h.segments("gate") if (x := hub.samples(f))]
            assert all(b[0] > a[1] for a, b in zip(spans, spans[1:])), spans
            jumps = [b - a for a, b in zip(walls, walls[1:]) if b - a > 1]
            assert len(jumps) == (1 if shift > 0 else 0), jumps
            if shift > 0:
                assert abs(jumps[0] - shift) < 2
            clock.set(0)
            h.env.pop("LD_PRELOAD")
            h.start()  # for +1 h: the archive ends in the future
            time.sleep(3)
            begin = hub.format_time(time.time() - 600)
            end = hub.format_time(time.time() + 7200)
            gaps = h.get(f"/api/timeline?detail=1&camera=gate&from={begin}&to={end}")["cameras"]["gate"]["main"]["gaps"]
            if shift > 0:
                assert any("clock was set forward" in g["reason"] and 3590 < (g["end"] - g["start"]) / 1000 < 3610 for g in gaps), gaps
            h.stop()
            walls = [s[0] for s in h.samples("gate")]
            assert len(walls) > len(order) and walls == sorted(walls)
            h.assert_sound()


def test_a_board_whose_clock_was_never_set():
    """It begins in 1970, records at once after the last time it knows of, and goes on at the true time when that comes, years
    later: in order, without overlap, and the log tells when."""
    with Farm() as farm:
        h, clock = shifted_hub(farm)
        with h:
            h.start()
            wait_for("footage", lambda: h.segments("gate"))
            time.sleep(2)
            h.stop()
            before = h.samples("gate")
            clock.set(1000 - int(time.time()))
            h.start()
            wait_for("footage of 1970, and yet not", lambda: len(h.samples("gate")) > len(before) + 50)
            clock.set(3 * 365 * 86400)
            time.sleep(3.5)
            h.stop()
            walls = [s[0] for s in h.samples("gate")]
            assert walls == sorted(walls), "the order is not kept"
            assert walls[len(before)] - before[-1][0] < 10, "it goes on from the last time that is known"
            jumps = [b - a for a, b in zip(walls, walls[1:]) if b - a > 60]
            assert len(jumps) == 1 and abs(jumps[0] - 3 * 365 * 86400) < 60
            assert walls[-1] > time.time() + 3 * 365 * 86400 - 30
            assert not list(h.archive.glob("gate/main/1970*"))
            spans = [(x[0][0], x[-1][0]) for f in h.segments("gate") if (x := hub.samples(f))]
            assert all(b[0] > a[1] for a, b in zip(spans, spans[1:])), spans
            h.start()
            assert [e["state"] for e in reversed(h.events(topic="system", source="system/clock"))] == ["unset", "set"]
            h.stop()
            h.assert_sound()


def test_what_a_board_recorded_before_its_clock_was_set():
    """It stands at the time when it happened as soon as that is known: no gap but the one in which the board was off, no overlap, also
    for players, and in an index made anew from the files, which have not changed."""
    years = 3 * 365 * 86400
    with Farm() as farm:
        h, clock = shifted_hub(farm)
        with h:
            h.start()
            wait_for("footage", lambda: len(h.samples("gate")) > 50)
            h.stop()
            clock.set(1000 - int(time.time()))
            h.start()
            wait_for("footage of 1970, and yet not", lambda: len(h.segments("gate")) > 1 and len(hub.samples(h.segments("gate")[-1])) > 75)
            clock.set(years)
            set_at = time.time() + years
            wait_for("that its times are mended", lambda: h.events(source="system/clock")[0]["state"] == "repaired", 40)
            told = [(e["state"], hub.parse_time(e["time"])) for e in reversed(h.events(source="system/clock"))][-3:]
            assert [s for s, _ in told] == ["unset", "set", "repaired"] and set_at - 60 < told[0][1] < told[1][1] < told[2][1], (told, set_at)
            live = h.events(source="camera/gate", state="live")[0]  # of this start, and at its true time
            assert told[0][1] - 5 < hub.parse_time(live["time"]) < set_at, (live, told)
            end = hub.format_time(set_at + 60)

            def rows():
                return h.get(f"/api/cameras/gate/segments?from={hub.format_time(time.time() - 3600)}&to={end}")["segments"]
            spans = [(hub.parse_time(s["start"]), hub.parse_time(s["end"])) for s in rows()]
            assert all(b[0] >= a[1] - 0.002 for a, b in zip(spans, spans[1:])), spans
            recent = [s for s in spans if s[0] > set_at - 60]
            assert len(recent) >= 2 and recent[0][0] < set_at - 3, (spans, set_at)
            assert all(b[0] - a[1] < 0.3 for a, b in zip(recent, recent[1:])), recent
            gaps = h.get(f"/api/timeline?detail=1&camera=gate&from={hub.format_time(time.time() - 3600)}&to={end}")["cameras"]["gate"]["main"]["gaps"]
            long = [g for g in gaps if g.get("end") and g["end"] - g["start"] > 60000]
            assert len(long) == 1 and abs(long[0]["end"] / 1000 - recent[0][0]) < 5, (gaps, recent)
            clip = h.dir / "mended.mp4"
            h.cli("archive", "export", "gate", "--from", hub.format_time(recent[0][0]), "--to", hub.format_time(set_at + 2), "--output", clip)
            counted = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-select_streams", "v", "-show_entries", "stream=nb_read_packets",
                                      "-of", "csv=p=0", clip], capture_output=True, text=True, check=True).stdout
            assert abs(int(counted) - (set_at + 2 - recent[0][0]) * 25) < 40, counted
            h.stop()
            h.assert_sound()
            db = sqlite3.connect(h.archive / "index.db")
            before = db.execute("SELECT path, start_ns / 1000000, end_ns / 1000000, shift_ns FROM segment ORDER BY path").fetchall()
            h.cli("archive", "check", h.archive, "--rebuild", check=False)
            after = db.execute("SELECT path, start_ns / 1000000, end_ns / 1000000, shift_ns FROM segment ORDER BY path").fetchall()
            assert [(p, s, sh) for p, s, e, sh in after] == [(p, s, sh) for p, s, e, sh in before]


def test_a_share_is_read_back_at_night():
    """A file that rots on the medium is found in the night of its turn, told as an event and shown; one that is whole is not."""
    with Farm() as farm:
        h, clock = shifted_hub(farm)
        night = (int(time.time()) // 86400 + 2) * 86400 + 3 * 3600  # in UTC, which is the zone of a site that names none
        turn = night - 3600 + (night // 86400 % 30) * 60  # the minute, an hour before, whose footage has its turn that night
        with h:
            clock.set(turn + 5 - int(time.time()))
            h.start()
            wait_for("footage", lambda: h.segments("gate") and len(h.samples("gate")) > 100)
            h.stop()
            file = h.segments("gate")[0]
            with open(file, "r+b") as f:
                f.seek(file.stat().st_size // 2)
                f.write(bytes(8192))
            clock.set(night - int(time.time()))
            h.start()
            wait_for("the night's share is read", lambda: h.get("/api/state")["archive"].get("read_back", {}).get("files"), 90)
            found = h.get("/api/state")["archive"]["read_back"]
            assert (found["files"], found["damaged"]) == (1, 1) and file.name in found["first"], found
            told = [e for e in h.get("/api/events?topic=storage")["events"] if e["source"] == "archive/read-back"]
            assert [e["state"] for e in told] == ["active"] and file.name in told[0]["detail"], told
            assert "1 files, 1 damaged" in h.cli("state").stdout
