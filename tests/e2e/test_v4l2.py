# SPDX-License-Identifier: Apache-2.0
"""A camera on the machine itself: the kernel's own driver vivid, on a board in QEMU (board.py). With --long alone: a boot
under software emulation, and a kernel that is fetched once."""
import json
import subprocess

import pytest

import board
from hub import BUILD, LONG

SITE = """
site: { name: Board, timezone: UTC }
web: { listen: 127.0.0.1:8080 }
archive: { path: /tmp/archive }
cameras:
  bench: { source: "v4l2:/dev/video0?size=640x360&fps=5" }
  none: { source: "v4l2:/dev/video7" }
  tty: { source: "v4l2:/dev/null" }
"""
SCRIPT = f"""
export PIGTAIL_CODEC={BUILD}/src/codec/pigtail-codec RUNTIME_DIRECTORY=/run ASAN_OPTIONS=detect_leaks=0
{BUILD}/src/daemon/pigtail run /board/site.yaml 2>/board/log &
hub=$!
sleep 40
{BUILD}/src/daemon/pigtail state --json --site /board/site.yaml >/board/state
kill $hub
wait $hub
status=$?
cp -r /tmp/archive /board/archive
exit $status
"""


@pytest.mark.skipif(not LONG, reason="a boot under emulation: with --long")
@pytest.mark.skipif(board.missing() is not None, reason=f"no board: {board.missing()}")
def test_a_camera_of_the_kernel_is_recorded(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE)
    status, out = board.boot(tmp_path, SCRIPT)
    log = (tmp_path / "log").read_text()
    assert status == 0, out + log
    state = {c["name"]: c["streams"]["main"] for c in json.loads((tmp_path / "state").read_text())["cameras"]}
    assert state["bench"]["state"] == "live", state
    assert (state["none"]["state"], state["none"]["reason"]) == ("lost", "/dev/video7: No such file or directory")
    assert (state["tty"]["state"], state["tty"]["reason"]) == ("lost", "/dev/null is no camera")
    files = sorted((tmp_path / "archive/bench/main").glob("*/*.mp4"))
    shown = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=codec_name,width,height,nb_read_packets", "-of", "json",
                            files[0]], capture_output=True, text=True, check=True).stdout
    stream = json.loads(shown)["streams"][0]
    assert (stream["codec_name"], stream["width"], stream["height"]) == ("h264", 640, 360)
    assert int(stream["nb_read_packets"]) > 40
    picture = subprocess.run(["ffmpeg", "-v", "error", "-ss", "3", "-i", files[0], "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"],
                             capture_output=True, check=True).stdout
    bars = [picture[(300 * 640 + 40 + 80 * i) * 3:][:3] for i in range(8)]
    wanted = [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0)]  # 75 % colour bars
    assert [tuple(int(v > 95) for v in bar) for bar in bars] == wanted, bars
    assert all(abs(v - 188 * w) < 25 for bar, want in zip(bars, wanted) for v, w in zip(bar, want)), bars
