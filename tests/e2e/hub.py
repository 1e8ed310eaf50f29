# SPDX-License-Identifier: Apache-2.0
"""What the drills share: a hub of a test's own (directory, ports, runtime directory), a farm of cameras, reading of what was
recorded. The hub is the real daemon; everything goes through its command line, its control socket and its files."""
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

BUILD = pathlib.Path(os.environ.get("PIGTAIL_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build")).resolve()
PIGTAIL = BUILD / "src/daemon/pigtail"
CODEC = BUILD / "src/codec/pigtail-codec"
FARM = BUILD / "bench/farm"
LONG = bool(os.environ.get("PIGTAIL_LONG"))
# in memory: a drill of one thing must not fail by the mood of the machine's disk; what a bad disk does is a drill of its own
SCRATCH = os.environ.get("PIGTAIL_E2E_DIR", "/dev/shm")
CLIPS = pathlib.Path(SCRATCH) / f"pigtail-e2e-clips-{os.getuid()}"
KILLED = "pigtail was killed or lost power"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, check, seconds=20, every=0.1):
    """The first true answer of check(); what: a sentence for when it never comes."""
    until = time.monotonic() + seconds
    while True:
        answer = check()
        if answer:
            return answer
        assert time.monotonic() < until, f"{what}: not within {seconds} s"
        time.sleep(every)


def clip(name, *arguments):
    """A file made once by ffmpeg; tests that run at the same time do not meet half of it."""
    path = CLIPS / name
    if not path.exists():
        CLIPS.mkdir(mode=0o700, exist_ok=True)
        partial = CLIPS / f"{os.getpid()}-{name}"
        subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments, partial], check=True)
        partial.rename(path)
    return path


def short_gop():
    """360p25, about 1 Mbit/s, a key frame every second."""
    return clip("short.mp4", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25", "-t", "20", "-c:v", "libx264", "-preset", "veryfast", "-g", "25",
                "-bf", "0", "-b:v", "1M", "-pix_fmt", "yuv420p")


def long_gop():
    """A key frame every ten seconds, and sound."""
    return clip("long.mp4", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25", "-f", "lavfi", "-i", "sine=frequency=440", "-t", "30", "-c:v",
                "libx264", "-preset", "veryfast", "-g", "250", "-keyint_min", "250", "-sc_threshold", "0", "-bf", "0", "-b:v", "500k", "-pix_fmt",
                "yuv420p", "-c:a", "aac")


class Farm:
    """Cameras in a process that shares nothing with the hub: rtsp://127.0.0.1:PORT/0, /1, …"""

    def __init__(self, file=None, fps=25, port=None):
        self.port = port or free_port()
        self.process = subprocess.Popen([FARM, file or short_gop(), str(self.port), str(fps)], stdout=subprocess.PIPE, text=True,
                                        env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
        assert self.process.stdout.readline() == "ready\n"

    def url(self, path=0):
        return f"rtsp://127.0.0.1:{self.port}/{path}"

    def sent(self, path=0):
        """Frames sent so far to whoever asked for this path."""
        self.process.send_signal(signal.SIGUSR1)
        return json.loads(self.process.stdout.readline())["frames"].get(str(path), 0)

    def close(self):
        self.process.terminate()
        self.process.stdout.read()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Hub:
    """`pigtail run` in a directory of its own. `site` is the text of the site file without web: and archive:."""

    def __init__(self, site="", archive=None, archive_keys="", env=None, start=True, web_keys="", prefix=()):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="pigtail-e2e-", dir=SCRATCH))
        # in memory, as /run is; short, since sockets have short names
        self.memory = pathlib.Path(tempfile.mkdtemp(prefix="pt-e2e-", dir="/dev/shm"))
        self.port = free_port()
        self.archive = pathlib.Path(archive or self.dir / "archive")
        self.runtime = self.memory / hashlib.sha256(str(self.archive).encode()).hexdigest()[:12]
        self.archive_keys = archive_keys
        self.web_keys = web_keys
        self.prefix = list(prefix)  # a command that runs it elsewhere
        self.site = self.dir / "site.yaml"
        self.write_site(site)
        self.env = dict(os.environ, RUNTIME_DIRECTORY=str(self.memory), PIGTAIL_CODEC=str(CODEC), **(env or {}))
        self.env["ASAN_OPTIONS"] = "intercept_tls_get_addr=0:quarantine_size_mb=16:" + self.env.get("ASAN_OPTIONS", "")
        self.process = None
        self.lines = []
        self.link = None
        if start:
            self.start()

    def write_site(self, text, name=None):
        (self.dir / (name or "site.yaml")).write_text(
            f"site: {{ name: Drill, timezone: UTC }}\nweb: {{ listen: 127.0.0.1:{self.port}{self.web_keys} }}\n"
            f"archive: {{ path: {self.archive}{self.archive_keys} }}\n{text}")

    # ---- the process ----

    def start(self, wait=True):
        begin = len(self.lines)
        self.started_at = time.time()
        self.process = subprocess.Popen([*self.prefix, PIGTAIL, "run", self.site], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=dict(self.env, PIGTAIL_LINK="1"), text=True, errors="replace")
        self.reader = threading.Thread(target=self._read, args=(self.process.stderr, self.lines), daemon=True)
        self.reader.start()
        threading.Thread(target=self._read_link, args=(self.process.stdout,), daemon=True).start()
        if wait:
            wait_for("the hub is ready", lambda: "ready" in self.lines[begin:] or self.process.poll() is not None, 40, 0.02)
            assert self.process.poll() is None, "the hub did not start:\n" + self.stderr()
            self.ready_at = time.time()

    def _read(self, stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def _read_link(self, stream):
        for line in stream:
            self.link = line.strip()

    def stderr(self):
        return "\n".join(self.lines)

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        """As the kernel does it when memory is short. The wall time of it."""
        at = time.time()
        self.process.kill()
        self.process.wait()
        self.reader.join(5)
        return at

    def stop(self):
        """In order; what a sanitizer found is a failure."""
        self.process.terminate()
        status = self.process.wait(60)
        self.reader.join(5)
        assert status == 0, f"the hub ended with {status}:\n{self.stderr()[-6000:]}"

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
        shutil.rmtree(self.memory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None and self.process and self.process.poll() is None:
                self.stop()
            if kind is not None:
                print("---- the hub said ----\n" + self.stderr()[-6000:])
        finally:
            self.close()

    def pss_mib(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
        return 0.0

    # ---- asking it ----

    def cli(self, *arguments, check=True, text=None):
        answer = subprocess.run([PIGTAIL, *map(str, arguments)], env=dict(self.env, PIGTAIL_SITE=str(self.site)), capture_output=True, text=True,
                                input=text, timeout=120)
        if check:
            assert answer.returncode == 0, f"pigtail {' '.join(map(str, arguments))}: {answer.stdout}{answer.stderr}"
        return answer

    def request(self, method, path, body=None, timeout=30):
        """Status and parsed answer, over the control socket."""
        c = UnixConnection(self.runtime / "control.sock", timeout)
        try:
            c.request(method, path, json.dumps(body) if body is not None else None)
            answer = c.getresponse()
            data = answer.read()
        finally:
            c.close()
        try:
            return answer.status, json.loads(data)
        except ValueError:
            return answer.status, data

    def get(self, path):
        status, answer = self.request("GET", path)
        assert status == 200, (path, status, answer)
        return answer

    def state(self):
        return self.get("/api/state")

    def problem(self):
        return self.state()["archive"]["problem"]

    def camera(self, name, stream="main"):
        return next(c for c in self.state()["cameras"] if c["name"] == name)["streams"][stream]

    def events(self, **query):
        return self.get("/api/events?limit=10000&" + "&".join(f"{k}={v}" for k, v in query.items()))["events"]

    def gaps(self, camera, stream="main"):
        """(from, to or None, reason), wall time in seconds, oldest first."""
        found = self.get(f"/api/timeline?detail=1&camera={camera}")["cameras"][camera].get(stream, {"gaps": []})["gaps"]
        return [(g["start"] / 1000, g["end"] / 1000 if g.get("end") else None, g["reason"]) for g in found]

    def assert_nothing_silent(self, camera, stream="main", tolerance=0.15):
        """P2: from the first footage on, every instant is footage or a gap with a reason; and footage does not overlap."""
        now = time.time()
        found = self.get(f"/api/timeline?detail=1&camera={camera}&to={format_time(now + 7200)}")["cameras"][camera][stream]
        segments = self.get(f"/api/cameras/{camera}/segments?stream={stream}&to={format_time(now + 7200)}")["segments"]
        footage = sorted((parse_time(s["start"]), parse_time(s["end"])) for s in segments)
        for (_, end), (start, _) in zip(footage, footage[1:]):
            assert start >= end - 0.002, f"segments overlap at {format_time(start)}: {footage}"
        spans = sorted(footage + [(g["start"] / 1000, g["end"] / 1000 if g.get("end") else now + 3600) for g in found["gaps"]])
        assert all(g["reason"] for g in found["gaps"])
        reached = footage[0][0]
        for start, end in spans:
            assert start <= reached + tolerance, f"nothing and no reason from {format_time(reached)} to {format_time(start)}: {spans} {found}"
            reached = max(reached, end)
        assert reached > now - 4, f"silent since {format_time(reached)}"

    def wait_recording(self, *cameras, seconds=30):
        """Until the index holds footage of all of them."""
        def all_there():
            held = {s["camera"] for s in self.get("/api/archive")["series"] if s["stream"] == "main" and s["segments"]}
            return held.issuperset(cameras)
        wait_for(f"footage of {cameras}", all_there, seconds)

    def login(self):
        """The cookie of the start link, for the web port."""
        wait_for("the start link", lambda: self.link and "#login=" in self.link)
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        c.request("POST", "/api/login", json.dumps({"token": self.link.split("#login=")[1]}))
        answer = c.getresponse()
        answer.read()
        c.close()
        assert answer.status == 200
        return answer.getheader("Set-Cookie").split(";")[0]

    def board(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(10)
        s.connect(str(self.runtime / "board.sock"))
        return s

    # ---- what was recorded ----

    def segments(self, camera, stream="main"):
        return sorted((self.archive / camera / stream).glob("*/*.mp4"), key=segment_order)

    def samples(self, camera, stream="main"):
        """Every sample of a series, in the order of the files: (wall time, size, key, file)."""
        return [(*s, f) for f in self.segments(camera, stream) for s in samples(f)]

    def recorded_before(self, camera, at, stream="main"):
        """Samples captured before an instant; the open file may be written to meanwhile."""
        return [s for s in self.samples(camera, stream) if s[0] < at]

    def check(self):
        """What `archive check` counts."""
        answer = self.cli("archive", "check", self.archive, "--json", check=False)
        return json.loads(answer.stdout), self.cli("archive", "check", self.archive, check=False).stdout

    def assert_sound(self):
        """The index and the files agree, and every file plays through another's decoder without a word. When stopped."""
        counts, text = self.check()
        assert not any(counts[k] for k in ("missing", "torn", "unreadable", "unknown")), text
        for path in self.archive.glob("*/*/*/*.mp4"):
            if path.parts[-3] != "metadata":  # which is for programs
                assert_plays(path)


def segment_order(path):
    clock, _, suffix = path.stem.partition("Z")
    return path.parent.name, clock, int(suffix.lstrip("-") or 1)


def samples(path):
    """(capture time in seconds, size, key) of each sample, as our own reader sees the file."""
    text = subprocess.run([PIGTAIL, "parse", "mp4", path], capture_output=True, text=True, check=True, env=dict(os.environ, TZ="UTC")).stdout
    found = []
    for m in re.finditer(r"size\s+(\d+) dts\s+-?\d+ pts\s+-?\d+( key)? (\S+)", text):
        found.append((parse_time(m[3]), int(m[1]), bool(m[2])))
    return found


def parse_time(text):
    import datetime
    m = re.fullmatch(r"(.*T\d\d:\d\d:\d\d)(?:\.(\d+))?Z", text)
    whole = datetime.datetime.fromisoformat(m[1] + "+00:00").timestamp()
    return whole + (float("0." + m[2]) if m[2] else 0)


def format_time(seconds):
    import datetime
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def assert_plays(path):
    # the file's own time base: by itself ffmpeg rounds to whole frames, and finds two in one where a busy machine was late
    answer = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-enc_time_base", "-1", "-f", "null", "-"], capture_output=True, text=True)
    assert answer.returncode == 0 and not answer.stderr.strip(), f"{path}: {answer.stderr}"
