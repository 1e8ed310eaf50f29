# SPDX-License-Identifier: Apache-2.0
"""Lines that are bad and not cut: packets are lost, it is narrow, it is long and they overtake each other. Whatever of it costs
footage: afterwards every frame that the camera made is in the hub's archive once."""
import time

from hub import LONG, parse_time, wait_for
from wire import Wire, WiredHub, WiredNode, assert_every_frame

TROUBLE = 120 if LONG else 8  # s


def after_all(wire, node, hub, begin, tmp_path, streams=("main",)):
    """The line is good again."""
    hub.wait_back(time.time() + 0.5)
    hub.wait_filled(begin, 120, streams)
    assert_every_frame(node, hub, begin, time.time() - 3, tmp_path)
    for stream in streams:
        hub.assert_nothing_silent("gate", stream)


def test_packets_are_lost(tmp_path):
    """TCP sends again what is lost, as long as it can keep up."""
    with Wire() as wire, WiredNode(wire) as node, WiredHub(wire) as hub:
        hub.wait_recording("gate")
        begin = time.time() + 0.5
        for percent in (1, 5, 20):
            wire.lose(percent)
            time.sleep(TROUBLE / 3)
        wire.lose(0)
        after_all(wire, node, hub, begin, tmp_path)


def test_packets_are_lost_for_good(tmp_path):
    """Over UDP nothing is sent again: each hole reaches to the next key frame, and is filled whole."""
    with Wire() as wire, WiredNode(wire) as node, WiredHub(wire, ", transport: udp") as hub:
        hub.wait_recording("gate")
        wait_for("it is known what the camera has", lambda: "maker" in hub.state()["cameras"][0]["onvif"], 20)
        time.sleep(1.5)
        begin = time.time()
        for percent in (1, 5, 20):
            wire.lose(percent)
            time.sleep(TROUBLE / 3)
            wire.lose(0)
            time.sleep(2.5)  # a key frame ends each hole: they do not grow together
        after_all(wire, node, hub, begin, tmp_path)
        holes = [j for j in hub.jobs() if parse_time(j["start"]) > begin]
        assert len(holes) > 1 and all((j["state"], j["seam"]) == ("filled", "content") for j in holes), holes


def test_too_narrow(tmp_path):
    """The main stream gives way, the sub stream stays live, and the rest comes when there is room for it."""
    source = "test:clock?size=640x360&fps=25&gop=40ms&bitrate=8M&audio=none"  # key frames alone: several times what the line carries
    sub = 'sub: "test:clock?size=320x180&fps=10&gop=1s&bitrate=100k&audio=none", record: { main: always, sub: always }'
    with Wire() as wire, WiredNode(wire, source, sub) as node, WiredHub(wire, ", record: { main: always, sub: always }") as hub:
        hub.wait_recording("gate")
        time.sleep(6)  # by the camera's second report it is known that it keeps its time
        begin = time.time() + 0.5
        wire.narrow("500kbit")
        time.sleep(TROUBLE * 2)
        wire.narrow(None)
        after_all(wire, node, hub, begin, tmp_path, ("main", "sub"))
        main, lesser = ([j for j in hub.jobs() if j["stream"] == s and parse_time(j["start"]) > begin] for s in ("main", "sub"))
        assert sum(j["seconds"] for j in main) > 1 and not lesser, (main, lesser)


def test_long_and_shaky(tmp_path):
    """200 ms there and 200 ms back, and packets that overtake others; cut for a while, and filled over the same line."""
    with Wire(long=True) as wire, WiredNode(wire) as node, WiredHub(wire, ", transport: udp") as hub:
        hub.wait_recording("gate")
        begin = time.time() + 0.5
        wire.relay.delay, wire.relay.shake = 0.18, 0.04
        time.sleep(TROUBLE / 2)
        wire.cut()
        time.sleep(TROUBLE / 2)
        wire.mend()
        after_all(wire, node, hub, begin, tmp_path)
        assert wire.relay.overtaken > 100 and any(j["seconds"] > TROUBLE / 3 and j["seam"] == "content" for j in hub.jobs()), hub.jobs()
