# SPDX-License-Identifier: Apache-2.0
"""A camera whose clock is wrong by hours: its card is asked by its own clock, and what comes stands at the hub's time."""
import os
import time

import pytest
from hub import LONG
from test_clock import CC, Clock
from wire import Wire, WiredHub, WiredNode, burnt_in

pytestmark = pytest.mark.skipif(CC is None, reason="no C compiler for the shifted clock")


@pytest.mark.parametrize("shift", [2 * 3600, -2 * 3600] if LONG else [2 * 3600])
def test_a_camera_whose_clock_is_wrong(shift, tmp_path):
    """It is the hub's clock that is shifted, by a library before it: the camera's is then wrong by as much the other way."""
    clock = Clock(tmp_path)
    clock.set(shift)
    with Wire() as wire, WiredNode(wire, more="record: { main: always, sub: always }, sub: \"test:clock?size=320x180&fps=5&bitrate=100k&audio=none\"") as node:
        more = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        with WiredHub(wire, camera=", record: { main: always, sub: always }", env=dict(clock.env(), ASAN_OPTIONS=more)) as hub:
            hub.wait_recording("gate")
            begin = time.time() + 1
            time.sleep(4)
            wire.cut()
            time.sleep(13)
            wire.mend()
            hub.wait_back(time.time() + shift + 1)
            hub.wait_filled(begin + shift, streams=("main", "sub"))
            end = time.time() - 3
            ours, theirs = burnt_in(hub, "gate", begin + shift, end + shift, tmp_path), burnt_in(node, "cam", begin, end, tmp_path)
            inner = [t for t in theirs if begin * 1000 + 500 < t < end * 1000 - 500]
            assert [t for t in ours if begin * 1000 + 500 < t < end * 1000 - 500] == inner
            job = next(j for j in hub.jobs() if j["stream"] == "main" and j["seconds"] > 5)
            assert job["state"] == "filled" and job["seam"] == "content" and abs(job["clock_offset_ms"] + shift * 1000) < 3000, job
