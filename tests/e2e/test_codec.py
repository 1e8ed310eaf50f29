# SPDX-License-Identifier: Apache-2.0
"""pigtail-codec on real files, judged by ffprobe and ffmpeg; the test picture read back from pixels at other sizes and after
other codecs; its tone."""
import json
import os
import pathlib
import subprocess
import time

import numpy as np
import pytest

import testpicture
from test_rtsp_server import BUILD, Server, ffmpeg

if not (BUILD / "src/codec/pigtail-codec").exists():
    pytest.skip("pigtail-codec is not built", allow_module_level=True)

VIDEO = "-f lavfi -i testsrc2=size=320x180:rate=20:duration=3 "
CLIPS = {
    "h264.mp4": VIDEO + "-pix_fmt yuv420p -c:v libx264 -preset veryfast -bf 2 -g 60",
    "h265.mp4": VIDEO + "-pix_fmt yuv420p -c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=3 -tag:v hvc1",
    "ten.mp4": VIDEO + "-pix_fmt yuv420p10le -c:v libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1",
    "mjpeg.mp4": VIDEO + "-pix_fmt yuvj420p -c:v mjpeg",
    "odd.mp4": "-f lavfi -i testsrc2=size=322x182:rate=20:duration=1 -pix_fmt yuv420p -c:v libx264",
    "mulaw.mov": "-f lavfi -i sine=frequency=1000:sample_rate=8000:duration=3 -c:a pcm_mulaw",
    "alaw.mov": "-f lavfi -i sine=frequency=1000:sample_rate=8000:duration=3 -c:a pcm_alaw",
    "aac.mp4": "-f lavfi -i sine=frequency=1000:sample_rate=44100:duration=3 -ac 2 -c:a aac",
    "opus.mp4": "-f lavfi -i sine=frequency=1000:sample_rate=48000:duration=3 -c:a libopus",
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for name, args in CLIPS.items():
        ffmpeg(*args.split(), folder / name)
    return folder


def convert(*args):
    return subprocess.run([BUILD / "tests/tools/codec-convert", *map(str, args)], capture_output=True, text=True, timeout=60)


def probe(path, entries="stream=codec_name,width,height,sample_rate,nb_read_frames"):
    done = subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-show_entries", entries, "-of", "json", path],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return json.loads(done.stdout)["streams"][0]


def pitch(samples, rate):
    """The strongest frequency in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * rate / len(samples)


@pytest.mark.parametrize("name", ["h264.mp4", "h265.mp4", "ten.mp4", "mjpeg.mp4", "odd.mp4"])
def test_snapshot_looks_like_the_frame(clips, tmp_path, name):
    done = convert("jpeg", clips / name, tmp_path / "a.jpg")
    assert done.returncode == 0, done.stderr
    size = (322, 182) if name == "odd.mp4" else (320, 180)
    assert (probe(tmp_path / "a.jpg")["width"], probe(tmp_path / "a.jpg")["height"]) == size
    raw = ["-frames:v", 1, "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    a = np.frombuffer(ffmpeg("-i", tmp_path / "a.jpg", *raw), np.uint8).astype(int)
    b = np.frombuffer(ffmpeg("-i", clips / name, *raw), np.uint8).astype(int)
    assert np.abs(a - b).mean() < 6


def test_snapshot_is_scaled(clips, tmp_path):
    assert convert("jpeg", clips / "h265.mp4", tmp_path / "a.jpg", "--width", 160).returncode == 0
    info = probe(tmp_path / "a.jpg")
    assert (info["width"], info["height"]) == (160, 90)


@pytest.mark.parametrize("name", ["h264.mp4", "h265.mp4", "ten.mp4", "mjpeg.mp4"])
def test_grey_pictures(clips, tmp_path, name):
    done = convert("grey", clips / name, tmp_path / "a.grey")
    assert done.returncode == 0, done.stderr
    width, height = 160, 88
    got = np.frombuffer((tmp_path / "a.grey").read_bytes(), np.uint8).astype(int).reshape(-1, height, width)
    want = np.frombuffer(ffmpeg("-i", clips / name, "-vf", f"scale={width}:{height}:flags=area", "-pix_fmt", "gray", "-f", "rawvideo", "-"),
                         np.uint8).astype(int).reshape(-1, height, width)
    assert 12 <= len(got) <= 16  # 3 s of 20 a second, five wanted
    nearest = [int(np.abs(want - g).mean(axis=(1, 2)).argmin()) for g in got]
    assert all(np.abs(want[n] - g).mean() < 12 for n, g in zip(nearest, got))
    assert nearest == sorted(set(nearest)) and max(b - a for a, b in zip(nearest, nearest[1:])) <= 6


@pytest.mark.parametrize("name", ["h264.mp4", "h265.mp4", "ten.mp4", "mjpeg.mp4"])
def test_video_becomes_h264(clips, tmp_path, name):
    done = convert("h264", clips / name, tmp_path / "a.mp4")
    assert done.returncode == 0, done.stderr
    info = probe(tmp_path / "a.mp4")
    assert (info["codec_name"], int(info["nb_read_frames"])) == ("h264", 60)
    psnr = subprocess.run(["ffmpeg", "-i", tmp_path / "a.mp4", "-i", clips / name, "-lavfi",
                           "[0:v]format=yuv420p[a];[1:v]scale=out_range=tv,format=yuv420p[b];[a][b]psnr", "-f", "null", "-"],
                          capture_output=True, text=True, timeout=60).stderr
    assert float(psnr.split("average:")[1].split()[0]) > 30


def test_video_from_an_instant_on(clips, tmp_path):
    done = convert("h264", clips / "h264.mp4", tmp_path / "a.mp4", "--from", 1.25)
    assert done.returncode == 0, done.stderr
    assert int(probe(tmp_path / "a.mp4")["nb_read_frames"]) == 35
    assert "first wall 2250000000" in done.stdout  # 1.25 s after the clip's own beginning at 1 s


@pytest.mark.parametrize("to", ["aac", "opus"])
@pytest.mark.parametrize("name", ["mulaw.mov", "alaw.mov", "aac.mp4", "opus.mp4"])
def test_sound_is_converted(clips, tmp_path, name, to):
    done = convert(to, clips / name, tmp_path / "a.mp4")
    assert done.returncode == 0, done.stderr
    assert probe(tmp_path / "a.mp4")["codec_name"] == to
    data = np.frombuffer(ffmpeg("-i", tmp_path / "a.mp4", "-ac", 1, "-ar", 48000, "-f", "s16le", "-"), np.int16)
    assert 2.9 < len(data) / 48000 < 3.2
    assert pitch(data[24000:96000], 48000) == pytest.approx(1000, abs=3)


def test_crash_and_nonsense_cost_the_job_alone(clips, tmp_path):
    data = bytearray((clips / "h265.mp4").read_bytes())
    at = data.find(b"mdat") + 8
    for i in range(at, min(at + 4000, len(data)), 3):
        data[i] ^= 0x5A
    (tmp_path / "broken.mp4").write_bytes(data)
    for what in ("jpeg", "h264"):
        done = convert(what, tmp_path / "broken.mp4", tmp_path / "out")
        assert done.returncode in (0, 1), done.stderr  # a picture or a clear error, never a crash here


# ---- the test picture ----

@pytest.fixture(scope="module")
def camera():
    with Server({"main": "test:clock?size=1280x720&fps=15", "sub": "test:clock?size=640x360&fps=15&bitrate=500k"}) as s:
        yield s


@pytest.mark.parametrize("path,size", [("main", (1280, 720)), ("main", (640, 360)), ("sub", (640, 360)), ("sub", (320, 180))])
def test_time_is_read_at_any_size(camera, path, size):
    got = testpicture.frames(camera.url(path), 20, *size, "-rtsp_transport", "tcp")
    times = [t for t, _ in got]
    assert len(times) == 20 and None not in times
    assert abs(times[-1] - time.time() * 1000) < 5000
    assert all(b > a for a, b in zip(times, times[1:]))


def test_main_and_sub_show_the_same_clock(camera):
    a = testpicture.frames(camera.url("main"), 45, 640, 360, "-rtsp_transport", "tcp")
    b = testpicture.frames(camera.url("sub"), 45, 640, 360, "-rtsp_transport", "tcp")
    late = [sorted(arrived - t for t, arrived in got[25:])[5] for got in (a, b)]
    assert abs(late[0] - late[1]) < 400


def test_time_survives_bad_jpeg(camera, tmp_path):
    ffmpeg("-rtsp_transport", "tcp", "-i", camera.url("main"), "-frames:v", 1, "-q:v", 20, tmp_path / "a.jpg")
    luma = np.frombuffer(ffmpeg("-i", tmp_path / "a.jpg", "-pix_fmt", "gray", "-f", "rawvideo", "-"), np.uint8).reshape(720, 1280)
    assert testpicture.read_time(luma)


def test_pitch_steps_with_the_second(camera, tmp_path):
    """Sound and picture of the same instant: the pitch belongs to the second that is burnt in."""
    clip = tmp_path / "a.mkv"
    ffmpeg("-rtsp_transport", "tcp", "-i", camera.url("sub"), "-t", 5, "-c", "copy", clip)
    size = 640 * 360
    first = json.loads(subprocess.run(["ffprobe", "-v", "error", "-show_entries", "frame=pts_time", "-select_streams", "v:0",
                                       "-read_intervals", "%+#1", "-of", "json", clip], capture_output=True).stdout)
    video_start = float(first["frames"][0]["pts_time"])
    luma = np.frombuffer(ffmpeg("-i", clip, "-map", "0:v", "-frames:v", 1, "-pix_fmt", "gray", "-f", "rawvideo", "-"), np.uint8)
    burnt = testpicture.read_time(luma[:size].reshape(360, 640)) / 1000
    sound = json.loads(subprocess.run(["ffprobe", "-v", "error", "-show_entries", "packet=pts_time", "-select_streams", "a:0",
                                       "-read_intervals", "%+#1", "-of", "json", clip], capture_output=True).stdout)
    sound_start = float(sound["packets"][0]["pts_time"])
    data = np.frombuffer(ffmpeg("-i", clip, "-map", "0:a", "-ac", 1, "-ar", 48000, "-f", "s16le", "-"), np.int16)
    checked = 0
    for second in range(int(burnt) + 1, int(burnt) + 4):
        start = int((second + 0.2 - burnt + video_start - sound_start) * 48000)
        if start < 0 or start + 28800 > len(data):
            continue
        assert pitch(data[start:start + 28800], 48000) == pytest.approx(400 + 50 * (second % 16), abs=4)
        checked += 1
    assert checked >= 2


def test_the_process_holds_nothing_worth_taking(camera):
    """No new privileges, no descriptor but its socket (and nowhere to write), no environment, no system call that opens
    anything (the sanitizers need those, so this last one is for builds without)."""
    for path in ("main", "sub"):  # pictures come: the job has begun
        assert testpicture.frames(camera.url(path), 1, 640, 360, "-rtsp_transport", "tcp")
    found = 0
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            if fields["Name"] != "pigtail-codec" or fields["PPid"] != str(camera.process.pid):
                continue
            assert fields["NoNewPrivs"] == "1"
            sanitized = b"__asan_init" in (BUILD / "src/codec/pigtail-codec").read_bytes()
            assert fields["Seccomp"] == ("0" if sanitized else "2")
            if os.access(status.parent / "fd", os.R_OK):
                assert {p.name for p in (status.parent / "fd").iterdir()} == {"0", "1", "2"}
                assert b"PATH=" not in (status.parent / "environ").read_bytes().replace(b"LD_LIBRARY_PATH=", b"")
            found += 1
        except FileNotFoundError:
            pass
    assert found == 2
