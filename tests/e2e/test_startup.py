# SPDX-License-Identifier: Apache-2.0
"""Twenty cameras at once: each is on disk within a second of its first key frame, and what was sent is what is in the files."""
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PIGTAIL_BUILD", ROOT / "build"))
os.environ["PIGTAIL_BENCH_BUILD"] = str(BUILD)
sys.path.insert(0, str(ROOT / "bench"))
import common  # noqa: E402

N = 20


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=8", "-c:v", "libx264",
                    "-preset", "ultrafast", "-g", "50", "-bf", "0", "-b:v", "1M", path], check=True)
    return path


def first_written(archive, until):
    """When each camera's first segment first held a fragment: path → wall time."""
    seen = {}
    while time.time() < until and len(seen) < N:
        for path in archive.glob("cam*/main/*/*.mp4"):
            if path not in seen and path.stat().st_size > 3000:
                seen[path] = time.time()
        time.sleep(0.01)
    return seen


def samples(path):
    """Capture times of a segment's samples, by our own reader."""
    out = subprocess.run([BUILD / "src/daemon/pigtail", "parse", "mp4", path], capture_output=True, text=True, check=True).stdout
    return re.findall(r" (\d{4}-\d\d-\d\dT[0-9:.]+)Z", out)


def seconds(stamp):
    whole, fraction = stamp.split(".")
    return time.mktime(time.strptime(whole + " UTC", "%Y-%m-%dT%H:%M:%S %Z")) - time.timezone + float("0." + fraction)


def test_on_disk_within_a_second_and_nothing_lost(clip, tmp_path):
    with common.Farm(clip) as farm, common.Hub(tmp_path / "hub", farm, N) as hub:
        seen = first_written(hub.archive, time.time() + 30)
        assert len(seen) == N
        time.sleep(4)
        farm.toggle_pause()
        time.sleep(2.5)
        sent = farm.counts()["frames"]
        late = [at - seconds(samples(path)[0]) for path, at in seen.items()]
        hub.cli("state")
    print(f"first fragment on disk after {min(late):.2f} to {max(late):.2f} s")
    assert max(late) < 1.0
    for i in range(N):
        recorded = sum(len(samples(p)) for p in hub.archive.glob(f"cam{i}/main/*/*.mp4"))
        assert recorded == sent[str(i)], f"camera {i}"
