# SPDX-License-Identifier: Apache-2.0
"""A node on a machine with a real kernel and a card in its slot: the power is cut while it writes, the card is pulled and put back,
full, and slow. The camera is the kernel's own (vivid); a second one has so many bytes that they matter."""
import contextlib
import json
import random
import shutil
import subprocess
import time

import pytest

import board
import hub
from hub import BUILD, Hub
from machine import Machine, check_card, copy_out, make_card

pytestmark = pytest.mark.skipif(board.missing() is not None, reason=f"no board: {board.missing()}")
ROUNDS = 20 if hub.LONG else 3
SYNC = 2  # archive.sync
SITE = """site: { name: Board, timezone: UTC }
web: { listen: 127.0.0.1:8080 }
archive: { path: /sd/pigtail, sync: 2s, card: /sd, state: /state }
cameras:
  bench: { source: "v4l2:/dev/video0?size=320x180&fps=5", record: always }
  noise: { source: "file:/board/noise.mp4", record: always }
"""
PIGTAIL = f"{BUILD}/src/daemon/pigtail"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("board")
    try:
        board.prepare()
    except (subprocess.CalledProcessError, OSError, StopIteration) as e:
        pytest.skip(f"no kernel for the board could be had: {e} {getattr(e, 'stderr', '')}")
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "nullsrc=size=480x272:rate=10:duration=2,geq=random(1)*255:128:128", "-pix_fmt", "yuv420p", "-c:v",
                    "libx264", "-preset", "ultrafast", "-g", "10", "-b:v", "6M", path / "noise.mp4"], check=True)
    (path / "site.yaml").write_text(SITE)
    return path


def start(machine):
    machine.run(f"""(echo 0 >/groups/node/cgroup.procs; exec setsid {PIGTAIL} run /board/site.yaml) </dev/null >/dev/null 2>>/board/log &
echo $! >/state/pid""")


def stop(machine):
    machine.run("kill $(cat /state/pid); while kill -0 $(cat /state/pid) 2>/dev/null; do sleep 0.2; done; umount /sd", 90)


def problem(machine):
    found = machine.get("/api/state")
    return found["archive"]["problem"] if found else None


def live(machine):
    """Whether the pictures go on, whatever the card does."""
    return {c["name"]: c["streams"]["main"]["state"] for c in machine.get("/api/state")["cameras"]} == {"bench": "live", "noise": "live"}


def newest(machine, camera):
    """(name, bytes) of the file that was begun last; what is older may be removed to make room."""
    code, out = machine.run(f"f=$(find /sd/pigtail/{camera}/main -name '*.mp4' | sort | tail -n 1); stat -c '%n %s' $f", check=False)
    return (out.split()[0], int(out.split()[1])) if code == 0 else ("", 0)


def wait_growing(machine, camera, seconds=60):
    """Footage is added to what is on the card."""
    name, size = newest(machine, camera)
    def grown():
        now = newest(machine, camera)
        return now[1] > (size if now[0] == name else 0) + 10000
    machine.wait(f"footage of {camera}", grown, seconds)


class Read:
    """What is on a card, with a hub of this machine that opens it, repairs it and is asked."""

    def __init__(self, card, folder):
        self.archive = copy_out(card, "/pigtail", folder / "copy")
        text = subprocess.run([hub.PIGTAIL, "archive", "check", self.archive, "--json"], capture_output=True, text=True, check=False).stdout
        self.counts = json.loads(text)
        self.hub = Hub("cameras:\n" + "".join(f"  {c}: {{ source: 'file:/nothing.mp4', record: never }}\n" for c in ("bench", "noise")), archive=self.archive)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.hub.__exit__(kind, value, trace)
        shutil.rmtree(self.archive, ignore_errors=True)

    def last(self, camera):
        return max((s[0] for f in self.hub.segments(camera)[-2:] for s in hub.samples(f)), default=0)

    def assert_sound(self):
        """Nothing is torn or missing, every file plays, and every instant is footage or a gap with a reason."""
        assert not any(self.counts[k] for k in ("missing", "torn", "unreadable")), self.counts
        self.hub.stop()
        counts, text = self.hub.check()
        assert not any(counts[k] for k in ("missing", "torn", "unreadable", "unknown")), text
        for path in self.archive.glob("*/*/*/*.mp4"):
            # pictures come when they come there: several may fall on one frame of the rate that the file states
            played = subprocess.run(["ffmpeg", "-v", "error", "-xerror", "-i", path, "-vf", "setpts=N", "-fps_mode", "passthrough", "-f", "null", "-"],
                                    capture_output=True, text=True)
            assert played.returncode == 0 and not played.stderr.strip(), f"{path}: {played.stderr}"


def test_power_cut(folder):
    chance, card, cuts = random.Random(4), folder / "card", []
    make_card(card)
    for _ in range(ROUNDS):
        with Machine(folder, card) as m:
            start(m)
            wait_growing(m, "bench")
            time.sleep(chance.uniform(2, 6))
            cuts.append(m.cut())
        check_card(card)
        with Read(card, folder) as r:
            lost = {c: cuts[-1] - r.last(c) for c in ("bench", "noise")}
            print("lost in s:", {c: round(s, 2) for c, s in lost.items()})
            assert all(s < SYNC + 1.5 for s in lost.values()), lost  # its time is told twice a second, and its processor is a slow one
            for camera in lost:
                gaps = r.hub.gaps(camera)
                assert all(any(g[0] <= at + 1 and at <= (g[1] or at) for g in gaps) for at in cuts[:-1]), (camera, cuts, gaps)
            r.assert_sound()


def told(machine, topic):
    return [e["state"] for e in machine.get(f"/api/events?order=oldest&limit=1000&topic={topic}")["events"]]


@contextlib.contextmanager
def recording(folder):
    """A board with a new card that is recorded to; at its end nothing that is missing is without its reason."""
    card = folder / "card"
    make_card(card)
    with Machine(folder, card) as m:
        start(m)
        wait_growing(m, "bench")
        wait_growing(m, "noise")
        yield m
        wait_growing(m, "bench")
        wait_growing(m, "noise")
        stop(m)
    check_card(card)
    with Read(card, folder) as r:
        for camera in ("bench", "noise"):
            print(camera, [(round(g[1] - g[0], 1) if g[1] else None, g[2]) for g in r.hub.gaps(camera)])
            r.hub.assert_nothing_silent(camera)
        r.assert_sound()


def test_a_card_that_is_slow_and_full(folder):
    """Nothing else stops, and recording goes on by itself when it is over."""
    with recording(folder) as m:
        m.slow(300000)  # less than half of what comes
        time.sleep(25)
        assert live(m)
        m.slow(0)
        wait_growing(m, "noise")
        m.wait("that it is well", lambda: not problem(m), 60)

        before = told(m, "storage").count("active")
        m.run("dd if=/dev/zero of=/sd/filler bs=1M 2>/dev/null; sync", 120, check=False)
        m.wait("that it was full", lambda: told(m, "storage").count("active") > before, 60)  # it may have made room already
        m.run("rm /sd/filler")
        m.wait("that there is room again", lambda: not problem(m), 60)


def test_a_card_that_is_pulled_out_and_put_back(folder):
    with recording(folder) as m:
        m.pull()
        m.wait("that it is gone", lambda: problem(m), 60)
        assert live(m)
        m.put_back()
        m.wait("that it is back", lambda: m.run("grep ' /sd ' /proc/mounts", check=False)[0] == 0, 60)
        m.wait("that it is well again", lambda: not problem(m), 60)
        states = told(m, "storage")
        assert states.count("active") >= 1 and states[-1] == "inactive", states
