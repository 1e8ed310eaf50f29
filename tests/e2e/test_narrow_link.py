# SPDX-License-Identifier: Apache-2.0
"""A link that is too narrow for what goes over it: two network namespaces with 500 kbit/s between them. The main stream gives
way, with holes that its numbers show; the sub stream stays live."""
import json
import os
import pathlib
import subprocess
import time

import pytest

from test_rtsp_server import BUILD, X264, ffmpeg

HERE = pathlib.Path(__file__).parent
SERVER, PORT = "192.0.2.2", 8554
# reads a stream for some seconds; prints, of each packet of the pictures, when it came, its number, its time and its NAL unit's type
READER = f"""
import json, sys, time
sys.path.insert(0, {str(HERE)!r})
from rtsp_raw import Client
got, end = [], time.monotonic() + float(sys.argv[2])
with Client({PORT}, sys.argv[1], None, None, {SERVER!r}) as c:
    assert c.ask("DESCRIBE")[0] == 200
    c.set_up(0, replay=False)
    assert c.ask("PLAY")[0] == 200
    while time.monotonic() < end:
        p = c.packet(1)
        if p is not None and p.channel == 0:
            kind = p.payload[0] & 31
            got.append((time.monotonic(), p.seq, p.time, kind if kind != 28 else p.payload[1] & 159))
json.dump(got, sys.stdout)
"""


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def link():
    """Names of the namespaces of the readers and of the server."""
    if os.getuid():
        pytest.skip("network namespaces need root")
    names = [f"pigtail-narrow-{end}-{os.getpid()}" for end in ("near", "far")]
    try:
        for name in names:
            run("ip", "netns", "add", name)
        run("ip", "-n", names[0], "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", names[1])
        for i, name in enumerate(names):
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "addr", "add", f"192.0.2.{i + 1}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
        run("tc", "-n", names[1], "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "500kbit", "burst", "8kb", "latency", "400ms")
        yield names
    except (OSError, subprocess.CalledProcessError) as e:
        pytest.skip(f"no network namespaces with a narrow link here: {e} {getattr(e, 'stderr', '')}")
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    ffmpeg(*f"-f lavfi -i nullsrc=size=640x360:rate=25:duration=2,geq=random(1)*255:128:128 {X264} -b:v 6M".split(), folder / "main.mp4")
    ffmpeg(*f"-f lavfi -i testsrc2=size=320x180:rate=10:duration=4 {X264} -b:v 250k -maxrate 250k -bufsize 250k".split(), folder / "sub.mp4")
    return folder


def holes(got):
    return [i for i in range(1, len(got)) if (got[i][1] - got[i - 1][1]) & 0xffff != 1]


def test_the_main_stream_gives_way_and_the_sub_stream_stays_live(link, clips):
    streams = [f"{name}=file:{clips}/{name}.mp4" for name in ("main", "sub")]
    server = subprocess.Popen(["ip", "netns", "exec", link[1], BUILD / "tests/tools/rtsp-serve", "--listen", f"{SERVER}:{PORT}", *streams],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout.readline().startswith("ready")
        readers = {}
        for name, seconds in (("main", "20"), ("sub", "13")):  # the main stream until it comes to what follows its hole
            readers[name] = subprocess.Popen(["ip", "netns", "exec", link[0], "/usr/bin/python3", "-c", READER, name, seconds], stdout=subprocess.PIPE, text=True)
            time.sleep(1)
        got = {name: json.loads(reader.communicate(timeout=60)[0]) for name, reader in readers.items()}
    finally:
        server.stdin.close()
        assert server.wait(timeout=20) == 0
    sub, main = got["sub"], got["main"]
    assert not holes(sub), "not a packet of the sub stream is left out"
    late = [(at - sub[0][0]) - ((t - sub[0][2]) & 0xffffffff) / 90000 for at, _, t, _ in sub]
    seconds = sub[-1][0] - sub[0][0]
    print(f"sub: {len(sub)} packets in {seconds:.1f} s, at most {max(late):.2f} s late; main: {len(main)} packets, {len(holes(main))} holes")
    assert seconds > 10 and max(late) < 5, (max(late), seconds)
    assert holes(main), "the main stream gave way"
    assert all(main[i][3] == 7 for i in holes(main)), "it goes on with the parameter sets of a key frame"
    lost = sum(((main[i][1] - main[i - 1][1]) & 0xffff) - 1 for i in holes(main))
    assert lost > len(main), "what was left out shows in the numbers"
