# SPDX-License-Identifier: Apache-2.0
"""A disk that is full, read-only, away, or somebody else's: recording pauses with a gap that says so and resumes by itself, the
daemon lives and shows it. And retention (P3): oldest whole segments first, never what is kept. Needs root for mounts."""
import os
import re
import subprocess
import time

import pytest

import hub
from hub import Farm, Hub, wait_for

PLUGS = """
relays:
  flood: { driver: virtual, channel: 1, kind: light, safe: off }
"""


class Mount:
    """A small file system of its own in memory."""

    def __init__(self, mib):
        import pathlib
        import tempfile
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="pigtail-disk-"))
        self.options = f"size={mib}m,mode=0755"
        self.mount()

    def mount(self):
        subprocess.run(["mount", "-t", "tmpfs", "-o", self.options, "pigtail-test", self.path], check=True)

    def remount(self, option):
        subprocess.run(["mount", "-o", f"remount,{option}", self.path], check=True)

    def unmount(self, lazy=False):
        subprocess.run(["umount", *(["-l"] if lazy else []), self.path], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        while subprocess.run(["umount", "-l", self.path], capture_output=True).returncode == 0:
            pass
        self.path.rmdir()


def can_mount():
    if os.getuid():
        return False
    try:
        with Mount(1):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


needs_mount = pytest.mark.skipif(not can_mount(), reason="mounting needs root")


def assert_paused_and_lives(h, pattern):
    problem = wait_for("/api/state shows the problem", h.problem, 25)
    assert re.search(pattern, problem), problem
    assert h.alive()
    # what has nothing to do with the disk goes on: pictures arrive, relays switch
    seen = h.camera("gate")["tracks"][0]["samples"]
    assert h.request("POST", "/api/relays/flood", {"state": "on"})[0] == 200
    time.sleep(0.7)
    assert h.camera("gate")["tracks"][0]["samples"] > seen and h.camera("gate")["state"] == "live"
    assert h.request("POST", "/api/relays/flood", {"state": "off"})[0] == 200


def assert_resumes(h, pattern):
    back = time.time()
    wait_for("/api/state is well again", lambda: not h.problem(), 25)
    wait_for("footage from after", lambda: any(hub.parse_time(s["end"]) > back + 1 for s in h.get("/api/cameras/gate/segments")["segments"]), 25)
    gaps = wait_for("the gap is closed", lambda: (lambda g: g if all(x[1] for x in g) else None)(h.gaps("gate")))
    assert any(re.search(pattern, g[2]) for g in gaps), gaps
    events = [e["state"] for e in h.events(topic="archive")]
    assert "problem" in events and "well" in events
    h.assert_nothing_silent("gate")


@needs_mount
def test_disk_full():
    with Mount(24) as disk, Farm() as farm:
        with Hub(f"cameras:\n  gate: {{ source: {farm.url()} }}\n" + PLUGS, archive=disk.path / "archive", archive_keys=", keep: { free: 0% }") as h:
            h.wait_recording("gate")
            time.sleep(2)
            hog = disk.path / "hog"
            with open(hog, "wb") as f:
                try:
                    while True:
                        f.write(bytes(65536))
                        f.flush()
                except OSError:
                    pass
            assert_paused_and_lives(h, "No space left")
            hog.unlink()
            assert_resumes(h, "No space left")
            h.stop()
            h.assert_sound()


@needs_mount
def test_read_only():
    with Mount(64) as disk, Farm() as farm:
        with Hub(f"cameras:\n  gate: {{ source: {farm.url()} }}\n" + PLUGS, archive=disk.path / "archive") as h:
            # a file system turns read-only under open files when its disk fails; mount refuses that while they are open for writing
            h.wait_recording("gate")
            time.sleep(1)
            if subprocess.run(["mount", "-o", "remount,ro", disk.path], capture_output=True).returncode:
                pytest.skip("this kernel does not remount a file system with open files read-only; test_power.py fails its writes instead")
            assert_paused_and_lives(h, "Read-only")
            disk.remount("rw")
            assert_resumes(h, "Read-only")


def test_directory_renamed_away_and_back():
    with Farm() as farm, Hub(f"cameras:\n  gate: {{ source: {farm.url()} }}\n" + PLUGS) as h:
        h.wait_recording("gate")
        time.sleep(1)
        aside = h.dir / "aside"
        h.archive.rename(aside)
        assert_paused_and_lives(h, "vanished")
        aside.rename(h.archive)
        assert_resumes(h, "vanished")
        h.stop()
        h.assert_sound()


def test_a_day_directory_is_removed():
    with Farm() as farm, Hub(f"cameras:\n  gate: {{ source: {farm.url()} }}\n" + PLUGS) as h:
        h.wait_recording("gate")
        time.sleep(1)
        subprocess.run(["rm", "-r", h.archive / "gate"], check=True)
        gone = time.time()
        wait_for("footage from after", lambda: [s for f in h.segments("gate") for s in hub.samples(f) if s[0] > gone], 25)
        wait_for("/api/state is well again", lambda: not h.problem(), 25)
        wait_for("the gap that says so", lambda: any("vanished" in g[2] for g in h.gaps("gate")))
        # the index must not promise for longer than until the next start what somebody has removed
        h.kill()
        h.start()
        h.stop()
        counts, text = h.check()
        assert counts["torn"] == counts["unreadable"] == counts["unknown"] == 0, text


@needs_mount
def test_the_mount_vanishes():
    with Mount(64) as disk, Farm() as farm:
        with Hub(f"cameras:\n  gate: {{ source: {farm.url()} }}\n" + PLUGS, archive=disk.path) as h:
            h.wait_recording("gate")
            time.sleep(1)
            disk.unmount(lazy=True)
            assert_paused_and_lives(h, "vanished|another file system|not mounted")
            # the disk of the system must not be filled through the empty directory
            assert not list(disk.path.glob("*/*/*/*.mp4"))
            assert h.alive()
            h.stop()


def site_of(farm, n):
    return "cameras:\n" + "".join(f"  cam{i}: {{ source: {farm.url(i)} }}\n" for i in range(n)) + PLUGS


def old_footage(h, camera, count, age_days=1.0):
    """Segments of a former day, made from one that was recorded: closed, in the index after the rebuild."""
    source = h.segments(camera)[0]
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - age_days * 86400))
    data = source.read_bytes()
    at = data.index(b"prft") + 4 + 4 + 4
    made = []
    for i in range(count):
        folder = h.archive / camera / "main" / day
        folder.mkdir(parents=True, exist_ok=True)
        begin = time.time() - age_days * 86400 + i * 60
        made.append(folder / time.strftime("%H-%M-%SZ.mp4", time.gmtime(begin)))
        shift_capture_times(data, made[-1], begin)
    return made


def shift_capture_times(data, path, begin):
    """The same segment as if it had been recorded from `begin` on: NTP times of all prft boxes (ISO 14496-12 §8.16.5)."""
    out = bytearray(data)
    first = None
    at = 0
    while (at := out.find(b"prft", at)) >= 0:
        place = at + 4 + 4 + 4
        ntp = int.from_bytes(out[place:place + 8], "big")
        first = ntp if first is None else first
        out[place:place + 8] = (ntp - first + int((begin + 2208988800) * 2**32)).to_bytes(8, "big")
        at = place
    path.write_bytes(out)


def filled(h, keep_index=None):
    """Records for some seconds, then puts eight old segments of a minute's distance before it; starts the hub again."""
    h.wait_recording("cam0")
    time.sleep(2.5)
    h.stop()
    files = old_footage(h, "cam0", 8)
    h.cli("archive", "check", h.archive, "--rebuild", check=False)
    return files


@pytest.mark.parametrize("by", ["size", "free"])
def test_retention_takes_the_oldest_and_never_what_is_kept(by):
    if by == "free" and not can_mount():
        pytest.skip("mounting needs root")
    disk = Mount(48) if by == "free" else None
    try:
        with Farm() as farm, Hub(site_of(farm, 1), archive=disk and disk.path / "archive", archive_keys=", keep: { free: 0% }") as h:
            files = filled(h)
            h.start()
            segments = h.get(f"/api/cameras/cam0/segments?from={hub.format_time(time.time() - 2 * 86400)}")["segments"]
            assert len(segments) >= 9
            kept = segments[1]
            h.cli("archive", "keep", "cam0", "--from", kept["start"], "--to", kept["end"], "--why", "evidence")
            h.stop()
            one = files[0].stat().st_size
            if by == "size":
                # room for what is new, and for about three of the old
                h.archive_keys = f", keep: {{ size: {(len(h.segments('cam0')) - 5) * one // 1024 + 600}KiB, free: 0% }}"
            else:
                room = os.statvfs(disk.path)
                h.archive_keys = f", keep: {{ free: {(room.f_bavail * room.f_frsize + 4 * one) // 1024}KiB }}"
            h.write_site(site_of(farm, 1))
            h.start()
            wait_for("the oldest go", lambda: not files[0].exists() and not files[2].exists() and not files[3].exists(), 25)
            assert files[1].exists(), "the kept one went"
            there = [f.exists() for f in files]
            assert there[2:] == sorted(there[2:]), f"not the oldest first: {there}"
            spans = h.get(f"/api/cameras/cam0/segments?from={hub.format_time(time.time() - 2 * 86400)}")["segments"]
            assert kept["path"] in [s["path"] for s in spans]
            h.stop()
            h.assert_sound()
    finally:
        if disk:
            disk.__exit__()


@needs_mount
def test_a_full_disk_makes_room_by_policy():
    """keep: free is what the disk is kept at; when something else fills it, old footage goes and recording goes on."""
    with Mount(24) as disk, Farm() as farm:
        with Hub(site_of(farm, 1), archive=disk.path / "archive", archive_keys=", keep: { free: 2MiB }") as h:
            files = filled(h)
            h.start()
            h.wait_recording("cam0")
            with open(disk.path / "hog", "wb") as f:
                room = os.statvfs(disk.path)
                f.write(bytes(room.f_bavail * room.f_frsize - 256 * 1024))
            begin = time.time()
            wait_for("room is made", lambda: not files[0].exists(), 25)
            wait_for("footage from after", lambda: any(hub.parse_time(s["end"]) > begin + 12 for s in h.get("/api/cameras/cam0/segments")["segments"]), 40)
            assert not h.problem()
            h.stop()
            h.assert_sound()


@pytest.mark.parametrize("how", ["pages", "no database", "gone"])
def test_a_damaged_index_is_made_anew(how):
    """Recording goes on by itself, no footage is lost, and what a person keeps is kept still (P3)."""
    with Farm() as farm, Hub(f"cameras:\n  gate: {{ source: {farm.url()} }}\n") as h:
        h.wait_recording("gate")
        time.sleep(2)
        first = h.get("/api/cameras/gate/segments")["segments"][0]
        h.cli("archive", "keep", "gate", "--from", first["start"], "--to", first["end"], "--why", "evidence")
        h.stop()
        index = h.archive / "index.db"
        if how == "gone":
            index.unlink()
        else:
            with open(index, "r+b") as f:
                f.seek(0 if how == "no database" else 4096)
                f.write(b"garbage, and more of it " * (4 if how == "no database" else 2000))
        h.start()
        h.wait_recording("gate")
        assert [k["why"] for k in h.get("/api/keep")["kept"]] == ["evidence"]
        assert first["path"] in [s["path"] for s in h.get("/api/cameras/gate/segments")["segments"]]
        if how != "gone":
            assert list(h.archive.glob("index.db.damaged-*")) and any("made anew" in (e.get("detail") or "") for e in h.events(topic="archive"))
        h.stop()
        h.assert_sound()


@pytest.mark.parametrize("where", [0, 4096])
def test_a_damaged_event_log_is_begun_anew(where):
    with Hub(PLUGS) as h:
        for state in ("on", "off") * 20:
            assert h.request("POST", "/api/relays/flood", {"state": state})[0] == 200
        h.stop()
        with open(h.archive / "events.db", "r+b") as f:
            f.seek(where)
            f.write(b"garbage, and more of it " * 2000)
        h.start()
        assert any("put aside" in (e.get("detail") or "") for e in h.events(topic="system"))
        assert h.request("POST", "/api/relays/flood", {"state": "on"})[0] == 200
        assert [e for e in h.events(topic="command", source="relay/flood") if e["actor"].startswith("user/")]
        assert list(h.archive.glob("events.db.damaged-*"))
