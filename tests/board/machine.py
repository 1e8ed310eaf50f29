# SPDX-License-Identifier: Apache-2.0
"""The board with a card in its slot, for as long as a test wants it: commands go in, the card is pulled, put back and slowed down,
the power is cut. What is on a card is read on this machine afterwards, without mounting it."""
import json
import pathlib
import shutil
import socket
import subprocess
import time

import board
from hub import BUILD

# Jobs come in by number; the time is left in a file, to be known after a cut. The system's part is to mount the card.
SCRIPT = f"""
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PIGTAIL_CODEC={BUILD}/src/codec/pigtail-codec RUNTIME_DIRECTORY=/run ASAN_OPTIONS=detect_leaks=0
mkdir -p /sd /state /groups
mount -t cgroup2 none /groups && echo "+io +memory" >/groups/cgroup.subtree_control && mkdir /groups/node
while :; do date +%s.%N >/board/now.new; mv /board/now.new /board/now; sleep 0.5; done &
while :; do
	mounted=$(grep -c ' /sd ' /proc/mounts)
	if [ -b /dev/mmcblk0 ] && [ $mounted = 0 ]; then
		e2fsck -p /dev/mmcblk0 && mount -t ext4 -o noatime /dev/mmcblk0 /sd
	elif [ ! -b /dev/mmcblk0 ] && [ $mounted != 0 ]; then
		umount -l /sd
	fi
	sleep 0.5
done >/board/mounts 2>&1 &
n=1
touch /board/ready
while :; do
	if [ -e /board/job-$n ]; then
		sh /board/job-$n >/board/out-$n 2>&1
		echo $? >/board/status-$n.new
		mv /board/status-$n.new /board/status-$n
		n=$((n + 1))
	else
		sleep 0.1
	fi
done
"""
CARD_SIZE = 128 << 20  # a card's size is a power of two


def make_card(path):
    with open(path, "wb") as f:
        f.truncate(CARD_SIZE)
    subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", "-m", "0", path], check=True)


class Machine:
    """card: the file that is the card in its slot; None: it has no slot."""

    def __init__(self, folder, card=None):
        self.share = pathlib.Path(folder)
        self.card = card
        self.jobs = 0
        for name in ("ready", "now", "console", *(p.name for p in self.share.glob("*-[0-9]*"))):
            (self.share / name).unlink(missing_ok=True)
        self.monitor = self.share / "monitor"
        # unsafe: how long this machine's own disk takes to sync is no part of it; what the board wrote outlives it in this machine's cache
        slot = ["-device", "sdhci-pci", "-drive", f"file={card},if=none,id=sd0,format=raw,cache=unsafe", "-device", "sd-card,drive=sd0"] if card else []
        self.process = subprocess.Popen(
            [*board.command(self.share, SCRIPT), *slot, "-monitor", f"unix:{self.monitor},server=on,wait=off"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            self.wait("the board", lambda: (self.share / "ready").exists(), 120)
            if card:
                self.wait("the card", lambda: self.run("grep ' /sd ' /proc/mounts", check=False)[0] == 0, 30)
        except Exception:
            self.cut()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.cut()

    def wait(self, what, condition, seconds):
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert self.process.poll() is None, f"the board ended: {self.process.stderr.read()}"
            assert time.monotonic() < end, f"{what}: not within {seconds} s\n{self.console()}"
            time.sleep(0.2)
        return found

    def console(self):
        return "".join((self.share / name).read_text(errors="replace")[-3000:] for name in ("console", "mounts", "log") if (self.share / name).exists())

    def run(self, script, seconds=60, check=True):
        """(status, output) of a shell script there."""
        self.jobs += 1
        new = self.share / "job.new"
        new.write_text(script + "\n")
        new.rename(self.share / f"job-{self.jobs}")
        status = self.share / f"status-{self.jobs}"
        self.wait(script, status.exists, seconds)
        code, out = int(status.read_text()), (self.share / f"out-{self.jobs}").read_text(errors="replace")
        assert not check or code == 0, f"{script}: {code}\n{out}\n{self.console()}"
        return code, out

    def get(self, path):
        """The program's answer as the command line gets it, and quicker on this machine; None: it gives none."""
        code, out = self.run(f"curl -sS --unix-socket /run/*/control.sock 'http://localhost{path}'", check=False)
        return json.loads(out) if code == 0 else None

    def tell(self, line):
        """One line to QEMU's monitor."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(str(self.monitor))
            said = b""
            while not said.endswith(b"(qemu) "):
                said += s.recv(4096)
            s.sendall(line.encode() + b"\n")
            said = b""
            while said.count(b"(qemu) ") < 1:
                said += s.recv(4096)
        return said.decode(errors="replace")

    def pull(self):
        self.tell("eject -f sd0")

    def put_back(self):
        self.tell(f"change sd0 {self.card} raw")

    def slow(self, bytes_per_second):
        """For what runs in the group "node": the kernel lets it write so fast and no faster; 0: as fast as it is. (QEMU's own throttle
        holds up the processor while the card is busy: then everything is slow.)"""
        self.run(f'echo "$(cat /sys/block/mmcblk0/dev) wbps={bytes_per_second or "max"}" >/groups/node/io.max')

    def now(self):
        """Its time when it last said it."""
        return float((self.share / "now").read_text())

    def cut(self):
        """The power; its time then."""
        at = self.now() if (self.share / "now").exists() else 0
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        return at


def check_card(card):
    """After a cut: the journal is played back, and there is nothing else to mend."""
    repaired = subprocess.run(["/sbin/e2fsck", "-p", card], capture_output=True, text=True)
    assert repaired.returncode in (0, 1), repaired.stdout + repaired.stderr
    checked = subprocess.run(["/sbin/e2fsck", "-f", "-n", card], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def copy_out(card, path, to):
    """A directory of a card, as it lies there."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    done = subprocess.run(["/sbin/debugfs", "-R", f"rdump {path} {to}", card], capture_output=True, text=True)
    assert (to / pathlib.Path(path).name).is_dir(), done.stdout + done.stderr
    return to / pathlib.Path(path).name
