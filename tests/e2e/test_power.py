# SPDX-License-Identifier: Apache-2.0
"""P1 against the power cut, and a disk that is slow or fails. The archive lies on a file system of the tests' own
(power_fs.py) that forgets at the cut what was not synced, or only half of it. Needs root and /dev/fuse."""
import collections
import json
import os
import pathlib
import pickle
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import pytest

import hub
from hub import Farm, Hub, wait_for
from test_disk import assert_paused_and_lives, assert_resumes

SYNC = 2  # archive.sync
FRAME = 1 / 25


def can_mount():
    try:
        import pyfuse3, trio  # noqa: F401
        with Disk():
            return True
    except (ImportError, OSError, ValueError):
        return False


class Disk:
    """power_fs.py, mounted."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="pigtail-power-", dir=hub.SCRATCH))
        self.path = self.dir / "mount"
        self.image = self.dir / "image"
        self.path.mkdir()
        self.process = None
        try:
            self.mount()
        except Exception:
            self.__exit__()
            raise

    def mount(self):
        image = [self.image] if self.image.exists() else []
        self.process = subprocess.Popen([sys.executable, pathlib.Path(__file__).parent / "power_fs.py", self.path, *image],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        json.loads(self.process.stdout.readline())

    def unmount(self):
        if self.process:
            self.process.stdin.close()  # it unmounts
            self.process.wait(20)
            self.process.stdout.close()
            self.process = None
        subprocess.run(["umount", "-l", self.path], capture_output=True)

    def command(self, **what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def faults(self, *faults):
        self.command(faults=faults)

    def cut(self, seed):
        """No power from now on. The last instant at which there was some."""
        at = time.time()
        self.command(cut=seed, image=str(self.image))
        return at

    def found(self):
        """path -> (what is found of it, what had been written), of the files that are found after the cut."""
        return dict(files(pickle.loads(self.image.read_bytes())))

    def __enter__(self):
        return self

    def __exit__(self, *what):
        try:
            self.unmount()
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)


def files(image, path=""):
    kind, _, content, *written = image
    if kind == "file":
        yield path, (content, *written)
    else:
        for name, inner in content.items():
            yield from files(inner, f"{path}/{name.decode()}".lstrip("/"))


needs_fuse = pytest.mark.skipif(os.getuid() != 0 or not os.path.exists("/dev/fuse") or not can_mount(),
                                reason="a file system of one's own needs root, /dev/fuse and python3-pyfuse3")
pytestmark = needs_fuse


def farm_site(farm, n):
    return "cameras:\n" + "".join(f"  cam{i}: {{ source: {farm.url(i)} }}\n" for i in range(n))


# ---- what must be there after a cut ----

def fragment_ends(data):
    """Where the head and each fragment of a segment end (ISO 14496-12 §4.2)."""
    at = 0
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at:at + 4], "big"), data[at + 4:at + 8]
        if size < 8 or at + size > len(data):
            return
        at += size
        if kind in (b"moov", b"mdat"):
            yield at


def whole(found, written):
    """The bytes of a segment up to its last whole fragment, and whether there is one."""
    ends = [e for e in fragment_ends(written) if found[:e] == written[:e]]
    return written[:ends[-1]] if ends else b"", len(ends) > 1


def assert_promises_are_kept(h):
    """What the index says, read without our own code: of open segments, too."""
    if not (h.archive / "index.db").exists():
        return
    db = sqlite3.connect(h.archive / "index.db")
    try:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name='segment'").fetchall():
            return
        for path, end_ns, size in db.execute("SELECT path, end_ns, bytes FROM segment"):
            assert (h.archive / path).exists(), f"{path} is in the index and not there"
            assert (h.archive / path).stat().st_size >= size, f"{path} is shorter than the index says"
            last = max(s[0] for s in hub.samples(h.archive / path))
            assert last > end_ns / 1e9 - 0.2, f"{path} ends at {hub.format_time(last)}, the index says {hub.format_time(end_ns / 1e9)}"
    finally:
        db.close()


def cut_and_check(h, disk, seed, series):
    """One cut and the start after it. Seconds lost of each series, and when the power went."""
    at = disk.cut(seed)
    h.kill()
    ready_at = h.ready_at
    shutil.rmtree(h.runtime, ignore_errors=True)  # what was in memory is gone as well
    disk.unmount()
    disk.mount()
    counts, text = h.check()
    assert not counts["missing"] and not counts["torn"] and not counts["unreadable"], text
    assert_promises_are_kept(h)
    expected = {path.partition("/")[2]: whole(*both) for path, both in disk.found().items() if path.endswith(".mp4")}
    h.start()
    for path, (data, any_fragment) in expected.items():
        assert (h.archive / path).exists() == any_fragment, path
        assert not any_fragment or (h.archive / path).read_bytes() == data, f"{path} was not recovered as it should be"
    lost = {}
    for camera, stream in series:
        recovered = [h.archive / p for p, (_, any_fragment) in expected.items() if any_fragment and p.startswith(f"{camera}/{stream}/")]
        newest = sorted(recovered, key=hub.segment_order)[-2:]
        last = max((s[0] for f in newest for s in hub.samples(f)), default=0)
        lost[f"{camera}/{stream}"] = at - max(last, ready_at)
    return lost, at


def record_and_cut(site, series, cuts, seed):
    chance = random.Random(seed)
    cameras = sorted({camera for camera, _ in series})
    worst = collections.Counter()
    with Disk() as disk, Hub(site, archive=disk.path / "archive") as h:
        instants = []
        for _ in range(cuts):
            # some within the first second, when nothing is known to the index yet
            if chance.random() < 0.8:
                h.wait_recording(*cameras)
            time.sleep(chance.uniform(0.2, 3.5))
            lost, at = cut_and_check(h, disk, chance.random(), series)
            instants.append(at)
            for name, seconds in lost.items():
                worst[name] = max(worst[name], seconds)
            assert max(lost.values()) <= SYNC + FRAME, lost
        h.wait_recording(*cameras)
        time.sleep(1.5)
        for camera in cameras:
            gaps = h.gaps(camera)
            begin = min(hub.parse_time(s["start"]) for s in h.get(f"/api/cameras/{camera}/segments")["segments"])
            for at in instants:  # before the first footage ever nothing is owed
                assert at < begin or any(g[0] <= at <= (g[1] or at) for g in gaps), (at, gaps)
            h.assert_nothing_silent(camera)
        h.stop()
        h.assert_sound()
    print(f"{cuts} cuts, at most lost: {dict(worst)}")


@pytest.mark.parametrize("seed", range(6 if hub.LONG else 1))
def test_power_cut(seed):
    """A camera with a key frame a second, one with ten seconds between them, and sound."""
    with Farm() as farm:
        record_and_cut(f"cameras:\n  gate: {{ source: {farm.url()} }}\n"
                       f"  hall: {{ source: 'file:{hub.long_gop()}', audio: {{ record: always, listen: all }} }}\n",
                       [("gate", "main"), ("hall", "main"), ("hall", "audio")], 20 if hub.LONG else 3, seed)


@pytest.mark.parametrize("seed", range(4 if hub.LONG else 1))
def test_power_cut_with_many_streams(seed):
    """As many as are synced together where the file system can do that; here each is synced, since FUSE cannot."""
    with Farm() as farm:
        record_and_cut(farm_site(farm, 9), [(f"cam{i}", "main") for i in range(9)], 10 if hub.LONG else 1, seed)


# ---- a slow disk ----

PLUGS = """
inputs:
  button: { driver: virtual, channel: 1, kind: button, debounce: 0ms }
relays:
  lamp: { driver: virtual, channel: 1, kind: light, safe: off }
rules:
  follow on: { when: button active, do: [ { relay: { lamp: on } } ] }
  follow off: { when: button inactive, do: [ { relay: { lamp: off } } ] }
"""


def edge_to_lamp(board, edges):
    """Milliseconds from the switch of the board to its lamp, of each. An even number, so that it ends as it began."""
    times = []
    for i in range(edges):
        want = "closed" if i % 2 == 0 else "open"
        begin = time.monotonic_ns()
        board.send(f"input 1 {want} {begin}".encode())
        while not board.recv(200).decode().startswith(f"relay 1 {want}"):
            assert time.monotonic_ns() - begin < 10e9, f"edge {i} reached no lamp"
        times.append((time.monotonic_ns() - begin) / 1e6)
        time.sleep(0.2)
    return times


class Viewer:
    """One who looks at a live picture; .longest: seconds without anything new."""

    def __init__(self, h, camera):
        self.longest = self.bytes = 0
        head = {"Host": f"127.0.0.1:{h.port}", "Cookie": h.login(), "Upgrade": "websocket", "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Origin": f"http://127.0.0.1:{h.port}"}
        self.socket = socket.create_connection(("127.0.0.1", h.port))
        self.socket.sendall((f"GET /api/live/{camera}/main HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in head.items()) + "\r\n").encode())
        assert b" 101 " in self.socket.recv(4096).split(b"\r\n")[0]
        threading.Thread(target=self.look, daemon=True).start()

    def look(self):
        last = time.monotonic()
        try:
            while data := self.socket.recv(65536):
                now = time.monotonic()
                if self.bytes:
                    self.longest = max(self.longest, now - last)
                last = now
                self.bytes += len(data)
        except OSError:
            pass


class Asker:
    """One who asks for states and switches a relay, all the time; .times: milliseconds of each answer."""

    def __init__(self, h):
        self.h, self.times, self.wrong, self.over = h, [], [], threading.Event()
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()

    def ask(self):
        i = 0
        while not self.over.wait(0.1):
            i += 1
            begin = time.monotonic()
            call = [("GET", "/api/state", None), ("GET", "/api/relays/lamp2", None),
                    ("POST", "/api/relays/lamp2", {"state": "on" if i % 6 < 3 else "off"})][i % 3]
            try:
                status, answer = self.h.request(*call)
                if status != 200:
                    self.wrong.append((call, status, answer))
            except OSError as error:
                self.wrong.append((call, error))
            self.times.append((time.monotonic() - begin) * 1000)

    def end(self):
        self.over.set()
        self.thread.join()


def quantile(values, q):
    return sorted(values)[min(int(len(values) * q), len(values) - 1)]


@pytest.mark.parametrize("seconds", [3, 5] if hub.LONG else [3])
def test_slow_disk(seconds):
    """Each write and each sync takes seconds: footage waits in memory, nothing else waits at all."""
    site = PLUGS.replace("relays:\n", "relays:\n  lamp2: { driver: virtual, channel: 2, kind: light, safe: off }\n")
    with Farm() as farm, Disk() as disk, Hub(farm_site(farm, 3) + site, archive=disk.path / "archive") as h, h.board() as board:
        h.wait_recording("cam0", "cam1", "cam2")
        viewer = Viewer(h, "cam0")
        wait_for("a live picture", lambda: viewer.bytes > 100_000)
        quick = edge_to_lamp(board, 6)
        memory = h.pss_mib()
        disk.faults({"op": "write", "seconds": seconds}, {"op": "fsync", "seconds": seconds})
        viewer.longest = 0
        asker = Asker(h)
        try:
            slow = edge_to_lamp(board, 100 if hub.LONG else 30)
        finally:
            asker.end()
        seen, longest = viewer.bytes, viewer.longest
        grown = h.pss_mib() - memory
        disk.faults()
        viewer.socket.close()
        answers = asker.times
        print(f"edge to lamp: {max(quick):.1f} ms before, p99 {quantile(slow, 0.99):.1f}, max {max(slow):.1f}; answers p50 {quantile(answers, 0.5):.0f} "
              f"p99 {quantile(answers, 0.99):.0f} max {max(answers):.0f} ms of {len(answers)}; live stood still {longest:.2f} s; {grown:.1f} MiB more")
        assert not asker.wrong, asker.wrong[:3]
        assert quantile(slow, 0.99) < 50, slow
        assert quantile(answers, 0.99) < 500, answers
        assert longest < 0.5 and seen
        assert grown < 3 * 8 + 24  # 8 MiB a stream may wait
        back = time.time()
        wait_for("footage from after", lambda: all(
            any(hub.parse_time(s["end"]) > back + 1 for s in h.get(f"/api/cameras/cam{i}/segments")["segments"]) for i in range(3)), 40)
        for i in range(3):
            h.assert_nothing_silent(f"cam{i}")
            print(h.gaps(f"cam{i}"))
        h.stop()
        h.assert_sound()


# ---- a disk that fails ----

LAMP = "relays:\n  flood: { driver: virtual, channel: 1, kind: light, safe: off }\n"


FAILURES = [("write", "EROFS", "Read-only"), ("fsync", "EIO", "Input/output"), ("write", "EIO", "Input/output")]


@pytest.mark.parametrize("op, error, words", FAILURES if hub.LONG else FAILURES[:2])
def test_failing_disk(op, error, words):
    """Everything of a kind fails for some seconds, the index's own writes too. Recording pauses, says so, goes on by itself."""
    with Farm() as farm, Disk() as disk, Hub(farm_site(farm, 2).replace("cam0", "gate") + LAMP, archive=disk.path / "archive") as h:
        h.wait_recording("gate", "cam1")
        time.sleep(1)
        failing = time.time()
        disk.faults({"op": op, "errno": error})
        assert_paused_and_lives(h, words)
        time.sleep(3 if op == "fsync" else 1)  # a sync that fails is tried again with new files
        disk.faults()
        assert_resumes(h, words)
        assert any(failing - 3 < g[0] < failing + 3 and words in g[2] for g in h.gaps("gate")), h.gaps("gate")
        h.assert_nothing_silent("cam1")
        assert_promises_are_kept(h)
        h.stop()
        h.assert_sound()


def test_a_sync_that_failed_once_is_not_taken_for_done():
    """After a failed sync Linux counts what it could not write as clean: the next one succeeds and has brought nothing. The
    cut shows what really was there."""
    with Farm() as farm, Disk() as disk, Hub(farm_site(farm, 2), archive=disk.path / "archive") as h:
        h.wait_recording("cam0", "cam1")
        time.sleep(0.5)
        disk.faults({"op": "fsync", "name": ".mp4", "errno": "EIO", "times": 1})
        gap = wait_for("a gap", lambda: [(f"cam{i}", g) for i in range(2) for g in h.gaps(f"cam{i}") if "Input/output" in g[2]])
        wait_for("footage again", lambda: all(g[1] for g in h.gaps(gap[0][0])))
        time.sleep(1.3)
        lost, _ = cut_and_check(h, disk, 1, [("cam0", "main"), ("cam1", "main")])
        assert max(lost.values()) <= SYNC + FRAME, lost
        h.wait_recording("cam0", "cam1")
        time.sleep(1)
        assert [g for g in h.gaps(gap[0][0]) if "Input/output" in g[2]], "the gap was lost with the power"
        for i in range(2):
            h.assert_nothing_silent(f"cam{i}")
        h.stop()
        h.assert_sound()
