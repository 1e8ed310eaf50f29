# SPDX-License-Identifier: Apache-2.0
"""Recorded footage over RTSP as ONVIF asks for it: a bare client that knows the specification, GStreamer's parser of the
replay extension, ffmpeg as a client that knows nothing of it. What comes is compared with what lies on the disk."""
import datetime
import os
import signal
import struct
import subprocess
import time

import numpy
import pytest

import testpicture
from hub import Farm, Hub, free_port, wait_for
from rtsp_raw import Client

SECRET = "4f5e60718293"
NO_WAIT = {"Rate_Control": "no", "Require": "onvif-replay"}


def clock(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")


class Kept:
    """A hub with a camera that was recorded twice, with a gap between, and is not any more; another one that goes on."""

    def __init__(self):
        self.farm = Farm()
        self.port = free_port()
        self.h = Hub(self.site("always"), start=False)
        (self.h.dir / "users.yaml").write_text("recorder: { role: viewer }\n")
        (self.h.dir / "users.yaml").chmod(0o600)
        (self.h.dir / "secrets.yaml").write_text(f"app-passwords: {{ recorder: {{ user: recorder, password: {SECRET} }} }}\n")
        os.chmod(self.h.dir / "secrets.yaml", 0o600)
        for _ in range(2):
            self.h.start()
            self.h.wait_recording("gate", "yard")
            time.sleep(4)
            self.h.stop()
            time.sleep(1)
        self.h.write_site(self.site("never"))
        self.h.start()
        self.h.wait_recording("yard")
        self.video = [(s[0], s[2]) for s in self.h.samples("gate")]
        self.times = [t for t, _ in self.video]
        self.hole = next(i for i in range(1, len(self.times)) if self.times[i] - self.times[i - 1] > 0.6)

    def site(self, gate):
        return (f"cameras:\n  gate: {{ source: 'test:clock?size=320x180', record: {gate}, audio: {{ record: {gate}, listen: all }} }}\n"
                f"  yard: {{ source: {self.farm.url()} }}\nserve: {{ rtsp: 127.0.0.1:{self.port} }}\n")

    def client(self, path="replay/gate/main"):
        return Client(self.port, path, "recorder", SECRET)

    def url(self, path="replay/gate/main"):
        return f"rtsp://recorder:{SECRET}@127.0.0.1:{self.port}/{path}"


@pytest.fixture(scope="module")
def kept():
    k = Kept()
    try:
        yield k
        k.h.stop()
    finally:
        k.h.close()
        k.farm.close()


def frames(client, count, channel=0):
    """The first packet of each frame of a track, so many; the others are passed over."""
    found = []
    begins = True
    while len(found) < count:
        p = client.packet(1.5)
        if p is None:
            break
        if p.channel != channel:
            continue
        if begins and (found or p.ntp is not None):  # it may begin within one
            assert p.ntp is not None, "a frame begins without the replay extension"
            found.append(p)
        else:
            assert p.ntp is None
        begins = p.marker
    return found


def near(a, b):
    """What we know of the disk has milliseconds."""
    return abs(a - b) < 0.001


def same_times(got, want):
    assert len(got) == len(want), (len(got), len(want))
    assert all(near(g.ntp, w) for g, w in zip(got, want)), [(g.ntp, w) for g, w in zip(got, want) if not near(g.ntp, w)][:5]


def play(client, tracks=(0,), **headers):
    status, answer, sdp = client.ask("DESCRIBE")
    assert status == 200, answer
    client.set_up(*tracks)
    status, answer, _ = client.ask("PLAY", **{**NO_WAIT, **headers})
    assert status == 200, answer
    return sdp, answer


def test_every_frame_with_its_time(kept):
    with kept.client() as c:
        sdp, answer = play(c, Range=f"clock={clock(kept.times[0] - 5)}-")
        assert "a=x-onvif-track:VIDEO001" in sdp and "a=x-onvif-track:AUDIO001" in sdp and "a=range:clock=" in sdp
        cseq = c.cseq
        got = frames(c, len(kept.times) + 1)
        same_times(got, kept.times)
        assert [p.c for p in got] == [key for _, key in kept.video]
        # the last before the gap and the very last; the first follows nothing
        assert [i for i, p in enumerate(got) if p.e] == [kept.hole - 1, len(got) - 1]
        assert [i for i, p in enumerate(got) if p.t] == [len(got) - 1]
        assert [i for i, p in enumerate(got) if p.d] == [0]
        assert {p.cseq for p in got} == {cseq & 255}
        # RTP times are those of the capture
        for a, b in zip(got, got[1:]):
            assert abs(((b.time - a.time) & 0xffffffff) / 90000 - (b.ntp - a.ntp)) < 0.001
        assert f"seq={got[0].seq};rtptime={got[0].time}" in answer["rtp-info"]
        assert answer["rate-control"] == "no"


def annex_b(packets):
    """What RFC 6184 packets hold, with start codes."""
    found = b""
    for p in packets:
        kind = p.payload[0] & 31
        if kind == 28:
            if p.payload[1] & 0x80:
                found += b"\0\0\0\1" + bytes([p.payload[0] & 0xe0 | p.payload[1] & 31])
            found += p.payload[2:]
        elif kind == 24:
            at = 1
            while at < len(p.payload):
                n = int.from_bytes(p.payload[at:at + 2], "big")
                found += b"\0\0\0\1" + p.payload[at + 2:at + 2 + n]
                at += 2 + n
        else:
            found += b"\0\0\0\1" + p.payload
    return found


def test_each_time_is_that_of_the_clock_in_its_picture(kept):
    """To one frame, on both sides of the gap."""
    with kept.client() as c:
        play(c, Range=f"clock={clock(kept.times[0])}-")
        packets = []
        while (p := c.packet(1)) is not None:
            packets.append(p)
    times = [p.ntp for p in packets if p.ntp is not None]
    assert len(times) == len(kept.times)
    pictures = subprocess.run(["ffmpeg", "-v", "error", "-f", "h264", "-i", "-", "-fps_mode", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo", "-"],
                              input=annex_b(packets), capture_output=True, timeout=60, check=True).stdout
    shown = [testpicture.read_time(picture) for picture in numpy.frombuffer(pictures, numpy.uint8).reshape(-1, 180, 320)]
    assert len(shown) == len(times)
    frame = min(b - a for a, b in zip(times, times[1:]))
    apart = [t - s / 1000 for s, t in zip(shown, times)]
    assert all(abs(a) < frame for a in apart), (frame, min(apart), max(apart))
    assert shown[kept.hole] - shown[kept.hole - 1] > 600


def test_a_span_begins_at_the_clean_point_before_it(kept):
    first, last = kept.times[20] + 0.01, kept.times[45] + 0.01
    with kept.client() as c:
        play(c, Range=f"clock={clock(first)}-{clock(last)}")
        key = max(i for i in range(21) if kept.video[i][1])
        got = frames(c, 1000)
        same_times(got, kept.times[key:46])
        assert got[-1].t and not got[-1].e


def test_from_within_a_gap_it_begins_behind_it(kept):
    middle = (kept.times[kept.hole - 1] + kept.times[kept.hole]) / 2
    with kept.client() as c:
        play(c, Range=f"clock={clock(middle)}-")
        same_times(frames(c, 1000), kept.times[kept.hole:])


def groups(kept):
    """Groups of pictures, as (first, end)."""
    begins = [i for i, (_, key) in enumerate(kept.video) if key]
    return list(zip(begins, begins[1:] + [len(kept.video)]))


def test_backwards(kept):
    with kept.client() as c:
        play(c, (0, 1), Range=f"clock={clock(kept.times[-1] + 1)}-", Scale="-1.0")
        got = frames(c, 1000)
        want = [kept.times[i] for first, end in reversed(groups(kept)) for i in range(first, end)]
        same_times(got, want)
        assert [p.d for p in got] == [p.c for p in got], "each group of pictures is a jump, and nothing else is"
        ends = [i for i, p in enumerate(got) if p.e]
        assert [near(got[i].ntp, t) for i, t in zip(ends, (kept.times[end - 1] for first, end in reversed(groups(kept)) if first in (kept.hole, 0)))] == [True, True]
        assert [i for i, p in enumerate(got) if p.t] == [len(got) - 1]
        assert all((b.seq - a.seq) & 0xffff < 200 for a, b in zip(got, got[1:])), "numbered as they are sent"


def test_backwards_from_a_moment_to_another(kept):
    late, early = kept.times[50] + 0.01, kept.times[20] + 0.01
    with kept.client() as c:
        play(c, Range=f"clock={clock(late)}-{clock(early)}", Scale="-1.0")
        got = frames(c, 1000)
        begins = [i for i, (_, key) in enumerate(kept.video) if key]
        first = max(i for i in begins if i <= 20)
        parts = [(a, b) for a, b in groups(kept) if first <= a <= 50]
        same_times(got, [kept.times[i] for a, b in reversed(parts) for i in range(a, min(b, 51))])


@pytest.mark.parametrize("frames_header, apart", [("intra", 0), ("intra/3000", 3)])
def test_key_frames_alone(kept, frames_header, apart):
    keys = []
    for t, key in kept.video:
        if key and (not keys or t - keys[-1] >= apart):
            keys.append(t)
    with kept.client() as c:
        play(c, Range=f"clock={clock(kept.times[0])}-", Frames=frames_header)
        got = frames(c, 1000)
        same_times(got, keys)
        before = max(t for t in keys if t < kept.times[kept.hole])
        assert [p.ntp for p in got if p.e] == [p.ntp for p in got if near(p.ntp, before) or p is got[-1]], "the last ones before a gap"


def test_another_place_at_once(kept):
    with kept.client() as c:
        play(c, Range=f"clock={clock(kept.times[0])}-")
        frames(c, 3)
        status, _, _ = c.ask("PLAY", Range=f"clock={clock(kept.times[-1])}-", Immediate="yes", **NO_WAIT)
        assert status == 200
        cseq = c.cseq & 255
        got = []
        while (p := c.packet(1)) is not None:
            if p.channel == 0 and p.ntp is not None and p.cseq == cseq:
                got.append(p)
            else:
                assert not got or p.ntp is None, "the old place goes on after the new one began"
        key = max(i for i, (_, k) in enumerate(kept.video) if k)
        same_times(got, kept.times[key:])
        assert got[0].d


def test_pictures_and_sound_in_the_order_of_time(kept):
    with kept.client() as c:
        play(c, (0, 1), Range=f"clock={clock(kept.times[0])}-{clock(kept.times[40])}")
        got = []
        while (p := c.packet(1)) is not None:
            if p.ntp is not None:
                got.append(p)
        sound = [p.ntp for p in got if p.channel == 2]
        assert len(sound) > 20 and sound == sorted(sound)
        times = [p.ntp for p in got]
        assert all(b > a - 0.2 for a, b in zip(times, times[1:]))
        wall = [s[0] for s in kept.h.samples("gate", "audio")]
        assert all(any(near(s, w) for w in wall) for s in sound)


def test_pause_and_on(kept):
    with kept.client() as c:
        play(c, Range=f"clock={clock(kept.times[0])}-", Rate_Control="yes")
        begin = time.monotonic()
        got = frames(c, 15)
        assert 0.5 < time.monotonic() - begin < 3, "the server keeps the time"
        assert c.ask("PAUSE")[0] == 200
        c.packets.clear()
        time.sleep(0.3)
        while c.packet(0.5) is not None:  # the rest of what was on its way
            pass
        assert c.packet(1) is None
        status, _, _ = c.ask("PLAY")
        assert status == 200
        more = frames(c, 5)
        assert len(more) == 5 and more[0].ntp > got[-1].ntp - 0.001


def test_a_pause_before_play_is_answered(kept):
    with kept.client() as c:
        assert c.ask("DESCRIBE")[0] == 200
        c.set_up(0)
        where = {"Range": f"clock={clock(kept.times[0])}-", **NO_WAIT}
        c.socket.settimeout(5)
        first, second = c.at_once(c.request("PLAY", **where), c.request("PAUSE"))
        assert first[0] == 200 and second[0] in (200, 455)
        assert c.ask("PAUSE")[0] == 200
        assert c.ask("PLAY", **where)[0] == 200
        cseq = c.cseq & 255
        same_times([p for p in frames(c, 1000) if p.cseq == cseq], kept.times)


def test_play_without_a_place(kept):
    """While it plays it changes nothing (RFC 2326, 10.5) but what is stated; the place is where it stands."""
    with kept.client() as c:
        play(c, Range=f"clock={clock(kept.times[20])}-", Rate_Control="yes", Scale="0.25")
        begin = frames(c, 2)
        assert c.ask("PLAY")[0] == 200
        got = [*begin, *frames(c, 3)]
        assert all(0 < b.ntp - a.ntp < 0.2 for a, b in zip(got, got[1:])), [p.ntp for p in got]
        assert c.ask("PAUSE")[0] == 200
        status, answer, _ = c.ask("PLAY", Scale="-1.0", Rate_Control="no")
        assert status == 200 and float(answer["scale"]) == -1 and answer["rate-control"] == "no", answer
        cseq = c.cseq & 255
        back = [p for p in frames(c, 1000) if p.cseq == cseq]
        assert back and back[0].ntp <= got[-1].ntp + 0.2 and near(min(p.ntp for p in back), kept.times[0])


def test_the_scale_is_told_as_it_is(kept):
    with kept.client() as c:
        _, answer = play(c, Range=f"clock={clock(kept.times[0])}-", Rate_Control="yes", Scale="0.25")
        assert float(answer["scale"]) == 0.25


def test_what_is_being_recorded_goes_on_coming(kept):
    with kept.client("replay/yard/main") as c:
        now = time.time()
        play(c, Range=f"clock={clock(now - 1)}-")
        got = frames(c, 60)
        assert len(got) == 60 and not any(p.e or p.t for p in got)
        assert got[-1].ntp > now
        assert all(0 < b.ntp - a.ntp < 0.2 for a, b in zip(got, got[1:])), "nothing twice, nothing left out"


def test_from_what_is_not_recorded_yet(kept):
    with kept.client("replay/yard/main") as c:
        from_ = time.time() + 2
        _, answer = play(c, Range=f"clock={clock(from_)}-")
        assert "rtp-info" not in answer  # nobody knows
        got = frames(c, 1) or frames(c, 1) or frames(c, 1)
        assert got[0].ntp > from_ - 1.5 and got[0].c


@pytest.mark.parametrize("headers, status", [
    ({"Range": "smpte=0:10:00-"}, 457), ({"Range": "clock=2026-11-25T00:00:00Z-"}, 457), ({"Scale": "0"}, 400), ({"Scale": "2.0"}, 400),
    ({"Scale": "nan"}, 400), ({"Frames": "every second one"}, 400), ({"Rate_Control": "perhaps"}, 400),
    ({"Range": "clock=20260101T000000Z-20250101T000000Z"}, 457), ({"Range": "clock=20200101T000000Z-20200102T000000Z"}, 457),
    ({"Require": "onvif-replay, teleport"}, 551),
])
def test_what_cannot_be_is_refused(kept, headers, status):
    with kept.client() as c:
        assert c.ask("DESCRIBE")[0] == 200
        c.set_up(0)
        got, answer, why = c.ask("PLAY", **{**NO_WAIT, **headers})
        assert got == status, (got, answer, why)
        assert why or status == 551
        assert c.ask("PLAY", Range=f"clock={clock(kept.times[0])}-", **NO_WAIT)[0] == 200


def reload(kept, users):
    def reloads():
        return sum(e["state"] == "reloaded" for e in kept.h.events(topic="system"))
    before = reloads()
    (kept.h.dir / "users.yaml").write_text(users)
    kept.h.process.send_signal(signal.SIGHUP)
    wait_for("the reload", lambda: reloads() > before)


def test_rights_that_are_taken_hold_for_what_is_open(kept):
    """A client that logged in and described a recording when its user could see the camera, and says no password again."""
    where = {"Range": f"clock={clock(kept.times[0])}-", **NO_WAIT}
    with kept.client() as playing, kept.client() as looking:
        play(playing, **where)
        assert looking.ask("DESCRIBE")[0] == 200
        try:
            reload(kept, "recorder: { role: viewer, cameras: [yard] }\n")
            playing.challenge = looking.challenge = None
            assert playing.ask("PLAY", **where)[0] == 403
            assert looking.ask("DESCRIBE")[0] == 403
        finally:
            reload(kept, "recorder: { role: viewer }\n")


def test_footage_that_is_damaged_costs_itself_alone(kept):
    """A file that loses its end while it is being played: what follows it comes all the same."""
    with kept.client() as c:
        play(c, Range=f"clock={clock(kept.times[0])}-", Rate_Control="yes", Scale="2.0")
        begin = frames(c, 1)
        files = kept.h.segments("gate")
        whole = files[0].read_bytes()
        os.truncate(files[0], len(whole) // 2)
        try:
            got = [*begin, *frames(c, 1000)]
        finally:
            files[0].write_bytes(whole)
        assert near(got[-1].ntp, kept.times[-1]) and got[-1].t, "it broke off"
        before = [p.ntp for p in got if p.ntp < kept.times[kept.hole] - 0.01]
        same_times(got[len(before):], kept.times[kept.hole:])
        assert len(before) < kept.hole and got[len(before) - 1].e


def test_what_is_not_there(kept):
    for path, status in (("replay/none/main", 404), ("replay/yard/sub", 404), ("replay/gate/audio", 404), ("replay/", 404), ("replay/../gate/main", 404)):
        with kept.client(path) as c:
            assert c.ask("DESCRIBE")[0] == status, path
    assert not [r for r in kept.h.get("/api/archive")["series"] if (r["camera"], r["stream"]) == ("yard", "sub")], "asking makes nothing"
    with kept.client() as c:
        assert c.ask("SETUP", f"{c.url}/track0", Transport="RTP/AVP/TCP;interleaved=0-1")[0] == 455


def test_so_many_and_no_more(kept):
    clients = [kept.client() for _ in range(18)]
    try:
        assert [c.ask("DESCRIBE")[0] for c in clients] == [200] * 16 + [503] * 2
    finally:
        for c in clients:
            c.close()
    wait_for("all of them gone", lambda: kept.h.state()["daemon"]["rtsp"]["replays"] == 0)
    with kept.client() as c:
        assert c.ask("DESCRIBE")[0] == 200


def test_a_reader_that_stops_reading_costs_little(kept):
    before = kept.h.pss_mib()
    with kept.client("replay/yard/main") as c:
        status, _, _ = c.ask("DESCRIBE")
        c.set_up(0)
        c.ask("PLAY", Range="npt=0-", **NO_WAIT)
        time.sleep(2)
        assert kept.h.pss_mib() < before + 12
        assert c.ask("GET_PARAMETER")[0] == 200


PARSE = """
import gi, sys
gi.require_version('Gst', '1.0')
from gi.repository import Gst
Gst.init(None)
p = Gst.parse_launch('fdsrc fd=0 ! application/x-rtp-stream,media=video,clock-rate=90000,encoding-name=H264 ! rtpstreamdepay ! rtponvifparse ! '
                     'fakesink name=f sync=false')
def seen(pad, info):
    b = info.get_buffer()
    if b.extract_dup(0, 1)[0] & 0x10:
        print(b.pts, int(b.has_flags(Gst.BufferFlags.DELTA_UNIT)), int(b.has_flags(Gst.BufferFlags.DISCONT)))
    return Gst.PadProbeReturn.OK
p.get_by_name('f').get_static_pad('sink').add_probe(Gst.PadProbeType.BUFFER, seen)
p.set_state(Gst.State.PLAYING)
p.get_bus().timed_pop_filtered(10 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
"""


def test_gstreamer_reads_the_extension(kept):
    """Its parser of what a client got. It gives each frame the time of the extension, in ns since 1900."""
    with kept.client() as c:
        play(c, Range=f"clock={clock(kept.times[0])}-")
        packets = b""
        while (p := c.packet(1)) is not None:
            packets += struct.pack(">H", len(p.data)) + p.data  # RFC 4571
    run = subprocess.run(["/usr/bin/python3", "-c", PARSE], input=packets, capture_output=True, timeout=60)
    found = [line.split() for line in run.stdout.decode().splitlines()]
    assert len(found) == len(kept.times), run.stderr[-2000:]
    assert all(near(int(ns) / 1e9 - 2208988800, t) for (ns, _, _), t in zip(found, kept.times))
    assert [delta == "0" for _, delta, _ in found] == [key for _, key in kept.video]
    assert [i for i, (_, _, jump) in enumerate(found) if jump == "1"] == [0]


def test_gstreamer_as_a_client(kept):
    run = subprocess.run(["timeout", "4", "gst-launch-1.0", "rtspsrc", f"location={kept.url()}", "protocols=tcp", "onvif-mode=true", "onvif-rate-control=false",
                          "!", "application/x-rtp,media=video", "!", "rtponvifparse", "!", "rtph264depay", "!", "avdec_h264", "!",
                          "fakesink", "sync=false", "silent=false", "-v"], capture_output=True, text=True, timeout=60)
    assert run.stdout.count("chain") > len(kept.times) - 10, run.stderr[-2000:]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_player_that_knows_nothing_of_it(kept, transport):
    """It plays in real time, gaps passed over; npt counts from the begin of the recording."""
    begin = time.monotonic()
    done = subprocess.run(["ffmpeg", "-v", "error", "-rtsp_transport", transport, "-i", kept.url(), "-map", "0:v", "-frames:v", "30", "-fps_mode", "passthrough",
                           "-f", "framemd5", "-"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len([line for line in done.stdout.splitlines() if line[0] != "#"]) == 30
    assert time.monotonic() - begin > 1
