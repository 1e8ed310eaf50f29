"""What the benches share: footage, ports, the farm, a daemon with N cameras, reading processes' CPU and memory."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("PIGTAIL_BENCH_BUILD", ROOT / "build-run"))
WORK = pathlib.Path(os.environ.get("PIGTAIL_BENCH_DIR", "/var/tmp/pigtail-bench"))
FOOTAGE = pathlib.Path("/usr/share/doc/opencv-doc/examples/data/vtest.avi")
TICK = os.sysconf("SC_CLK_TCK")


def say(text):
    print(text, file=sys.stderr, flush=True)


def build():
    """A release build, the one that ./run makes."""
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["meson", "setup", BUILD, "--buildtype=release"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "--quiet", "-C", BUILD], check=True, stdout=subprocess.DEVNULL)


def footage():
    """1080p25 H.264 at 4 Mbit/s of real surveillance footage, made once."""
    path = WORK / "farm-1080p25-4M.mp4"
    WORK.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        if not FOOTAGE.exists():
            sys.exit("bench: the footage is missing: apt-get install opencv-doc")
        say("making the footage once …")
        partial = path.with_suffix(".partial.mp4")
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-stream_loop", "1", "-i", FOOTAGE, "-t", "40", "-vf",
                        "scale=1920:1080,setpts=PTS*10/25", "-r", "25", "-c:v", "libx264", "-preset", "veryfast", "-b:v", "4M",
                        "-minrate", "4M", "-maxrate", "4M", "-bufsize", "2M", "-x264-params", "nal-hrd=cbr", "-g", "50", "-bf", "0",
                        "-an", partial], check=True)
        partial.rename(path)
    return path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Farm:
    """N cameras, each path of its own; a process that shares nothing with the recorder under test."""

    def __init__(self, file, fps=25):
        self.port = free_port()
        self.process = subprocess.Popen([BUILD / "bench/farm", file, str(self.port), str(fps)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def counts(self):
        self.process.send_signal(signal.SIGUSR1)
        return json.loads(self.process.stdout.readline())

    def toggle_pause(self):
        """All cameras fall silent, or speak again: what was sent can then be counted to the frame."""
        self.process.send_signal(signal.SIGUSR2)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.process.terminate()
        self.process.stdout.read()
        self.process.wait()


class Hub:
    """`pigtail run` with cameras 0..n-1 of a farm."""

    def __init__(self, folder, farm, n, extra="", secrets=None, archive=None, archive_keys=""):
        folder.mkdir(parents=True)
        if secrets:
            (folder / "secrets.yaml").write_text(secrets)
            (folder / "secrets.yaml").chmod(0o600)
        cameras = "".join(f"  cam{i}: {{ source: rtsp://127.0.0.1:{farm.port}/{i}, record: {{ main: always }} }}\n" for i in range(n))
        self.site = folder / "site.yaml"
        self.archive = archive or folder / "archive"
        self.port = free_port()
        self.site.write_text(f"site: {{ name: Bench }}\nweb: {{ listen: 127.0.0.1:{self.port} }}\narchive: {{ path: {self.archive}{archive_keys} }}\n"
                             + (f"cameras:\n{cameras}" if n else "") + extra)
        self.started = time.time()
        self.process = subprocess.Popen([BUILD / "src/daemon/pigtail", "run", self.site], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if line == "ready\n":
                break
        else:
            sys.exit("bench: the hub did not start")

    def cli(self, *args):
        return subprocess.run([BUILD / "src/daemon/pigtail", *args, "--site", self.site], capture_output=True, text=True, check=True).stdout

    def state(self):
        return json.loads(self.cli("state", "--json"))

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.process.terminate()
        self.process.communicate()


def cpu_seconds(pid):
    """User and system time of a process with its threads and waited-for children, in seconds."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def precise_cpu(pid):
    """The same to the nanosecond, from the scheduler."""
    return sum(int((t / "schedstat").read_text().split()[0]) for t in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9


def pss_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def quantile(values, q):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]
