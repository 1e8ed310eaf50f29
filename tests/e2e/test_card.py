# SPDX-License-Identifier: Apache-2.0
"""The archive on a card (`archive.card`): an ext4 file system on a loop device that is not there at the start, is pulled while
it is written to, comes back, is another site's, fails underneath. Recording goes on as soon as it can, nothing else stops, and
an ONVIF event says so. Needs root for mounts."""
import fcntl
import os
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile
import time

import pytest

import hub
import onvif_node
import onvif_zeep
from hub import Farm, wait_for
from test_onvif_server import PullPoint

LOOP_SET_STATUS64, LOOP_GET_STATUS64 = 0x4C04, 0x4C05


class Card:
    """An ext4 file system in a file; its loop device can be put into a mount point and pulled out of it."""

    def __init__(self, folder, name, mib=48):
        self.image = folder / name
        with open(self.image, "wb") as f:
            f.truncate(mib << 20)
        subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", "-m", "0", "-E", "lazy_itable_init=0", self.image], check=True)

    def put_in(self, slot, options="noatime"):
        self.device = subprocess.run(["losetup", "-f", "--show", self.image], check=True, capture_output=True, text=True).stdout.strip()
        try:
            subprocess.run(["mount", "-o", options, self.device, slot], check=True)
        finally:
            subprocess.run(["losetup", "-d", self.device], check=True)  # once it is not mounted any more

    def shrink(self):
        """From now on the device knows nothing beyond its first MiB: input/output errors, as from a card that fails."""
        with open(self.device, "rb") as f:
            info = fcntl.ioctl(f, LOOP_GET_STATUS64, bytes(232))
            fcntl.ioctl(f, LOOP_SET_STATUS64, info[:32] + struct.pack("=Q", 1 << 20) + info[40:])


def pull(slot):
    """What udev or a person does once the device is gone: the place is empty at once, whoever holds files there."""
    subprocess.run(["umount", "-l", slot], check=True)


def can_loop():
    if os.getuid() or not shutil.which("mkfs.ext4"):
        return False
    with tempfile.TemporaryDirectory() as d:
        try:
            os.mkdir(f"{d}/slot")
            Card(pathlib.Path(d), "probe", 4).put_in(f"{d}/slot")
            pull(f"{d}/slot")
            return True
        except (OSError, subprocess.CalledProcessError):
            return False


pytestmark = pytest.mark.skipif(not can_loop(), reason="mounting loop devices needs root")


class Node:
    """A hub whose archive lies on a card in a slot; its state lies elsewhere."""

    def __init__(self, farm, put_in=True, mib=48, archive_keys="", camera_keys=""):
        """camera_keys: with doubled braces."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pigtail-card-", dir=hub.SCRATCH))
        self.slot = self.folder / "slot"
        self.slot.mkdir()
        self.card = Card(self.folder, "card", mib)
        if put_in:
            self.card.put_in(self.slot)
        site = f"cameras:\n  gate: {{{{ source: {farm.url()}{camera_keys} }}}}\nserve: {{{{ rtsp: 127.0.0.1:{{rtsp}}, onvif: 127.0.0.1:{{onvif}} }}}}\n"
        try:
            self.hub = onvif_node.Node(site, "boss: { role: admin }\n", archive=self.slot / "footage",
                                       archive_keys=f", card: {self.slot}, state: {self.folder / 'state'}, keep: {{ free: 0% }}{archive_keys}")
        except BaseException:
            self.clean()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            self.hub.__exit__(kind, value, trace)
        finally:
            self.clean()

    def clean(self):
        while subprocess.run(["umount", "-l", self.slot], capture_output=True).returncode == 0:
            pass
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait_problem(self, pattern):
        found = wait_for(f"a problem like {pattern}", lambda: (lambda p: p and re.search(pattern, p) and p)(self.hub.problem()), 15)
        seen = self.hub.camera("gate")["tracks"]
        wait_for("pictures go on", lambda: (t := self.hub.camera("gate")["tracks"]) and (not seen or t[0]["samples"] > seen[0]["samples"]), 10)
        return found

    def wait_recording(self):
        """From now on, again."""
        since = time.time()
        wait_for("it is well", lambda: not self.hub.problem(), 15)
        wait_for("footage from now", lambda: any(hub.parse_time(s["end"]) > since + 1 for s in self.hub.get("/api/cameras/gate/segments")["segments"]), 15)

    def failures(self, point):
        """What an ONVIF client hears of the archive's storage."""
        return [i["Failed"] for t, _, i in point.drain() if t == "tns1:Device/HardwareFailure/StorageFailure" and i["Token"] == "archive"]

    def storage_events(self):
        return [e["state"] for e in reversed(self.hub.events(topic="storage", source="archive"))]


def nothing_in(slot):
    return not os.path.ismount(slot) and not list(slot.iterdir())


@pytest.mark.skipif(not onvif_zeep.WSDL.is_dir(), reason="the published ONVIF schemas are not beside this checkout")
def test_absent_at_the_start_pulled_and_put_back():
    with Farm() as farm, Node(farm, put_in=False) as node:
        h = node.hub
        node.wait_problem("no card is mounted")
        assert nothing_in(node.slot)
        point = PullPoint(h.device())
        assert node.failures(point) == ["true"], "as it is found"
        node.card.put_in(node.slot)
        node.wait_recording()
        time.sleep(1.5)
        pull(node.slot)
        pulled = time.time()
        node.wait_problem("no card is mounted|vanished|not there")
        time.sleep(0.5)
        assert nothing_in(node.slot), "the system's disk is filled through the empty slot"
        node.card.put_in(node.slot)
        node.wait_recording()
        assert node.failures(point) == ["false", "true", "false"]
        assert h.state()["archive"]["write_ms"]["max"] > 0 and "99 %" in h.cli("state").stdout
        assert node.storage_events() == ["active", "inactive"] * 2
        h.assert_nothing_silent("gate")
        gaps = [g for g in h.gaps("gate") if g[1] and g[1] > pulled]
        assert len(gaps) == 1 and gaps[0][0] < pulled + 1, gaps
        h.stop()
        h.assert_sound()


def test_the_card_of_another_site_is_not_used():
    with Farm() as farm, Node(farm) as node:
        h = node.hub
        node.wait_recording()
        pull(node.slot)
        node.wait_problem("no card")
        other, empty = Card(node.folder, "other"), Card(node.folder, "empty")
        other.put_in(node.slot)
        (node.slot / "footage").mkdir()
        (node.slot / "footage/.identity").write_text("0123456789abcdef\n")
        assert "0123456789abcdef" in node.wait_problem("another site")
        assert sorted(p.name for p in (node.slot / "footage").iterdir()) == [".identity"]
        # an empty one is as good as the one that was there
        pull(node.slot)
        node.wait_problem("no card")
        empty.put_in(node.slot)
        node.wait_recording()
        # and the other is taken when somebody says so
        pull(node.slot)
        node.wait_problem("no card")
        other.put_in(node.slot)
        node.wait_problem("another site")
        (node.folder / "state/card.identity").unlink()
        node.wait_recording()
        h.stop()
        h.assert_sound()


def test_a_card_that_fails_underneath():
    """Errors of the medium under a file system that stays mounted. Put in again it is gone on with."""
    with Farm() as farm, Node(farm) as node:
        h = node.hub
        node.wait_recording()
        node.card.shrink()
        node.wait_problem("Read-only|Input/output|readonly|I/O")
        pull(node.slot)
        node.wait_problem("no card")
        subprocess.run(["e2fsck", "-fy", node.card.image], capture_output=True)
        node.card.put_in(node.slot)
        node.wait_recording()
        h.assert_nothing_silent("gate")
        h.stop()
        h.assert_sound()


def test_read_only_at_the_start():
    with Farm() as farm, Node(farm, put_in=False) as node:
        node.card.put_in(node.slot, "ro")
        node.wait_problem("Read-only|read-only|readonly")
        subprocess.run(["mount", "-o", "remount,rw", node.slot], check=True)
        node.wait_recording()


def test_a_ring_on_a_card_that_is_full():
    """Not a byte is left: the oldest whole segments make room, and the card's size for the camera is kept to."""
    with Farm() as farm, Node(farm, mib=10, camera_keys=", keep: {{ size: 3MiB }}") as node:
        h = node.hub
        node.wait_recording()
        h.stop()
        one = h.segments("gate")[0]
        day = one.parent.parent / "2026-01-01"
        day.mkdir()
        try:
            for i in range(60):
                shutil.copy(one, day / f"00-{i:02}-00Z.mp4")
        except OSError:
            pass
        h.cli("archive", "check", h.archive, "--rebuild", check=False)
        h.start()
        wait_for("the ring", lambda: sum(f.stat().st_size for f in h.archive.glob("gate/*/*/*.mp4")) < 4 << 20, 15)
        node.wait_recording()
        h.stop()
        h.assert_sound()
