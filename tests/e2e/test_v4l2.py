# SPDX-License-Identifier: Apache-2.0
"""Cameras on the machine itself, on a board in QEMU (board.py): the kernel's own vivid, and USB cameras of MJPEG and H.264 that
uvc_camera.py is, by the kernel's own uvcvideo. With --long alone: a boot under software emulation, and a kernel that is fetched
once."""
import json
import pathlib
import subprocess

import pytest

import board
from hub import BUILD, LONG

HERE = pathlib.Path(__file__).parent
SITE = """
site: { name: Board, timezone: UTC }
web: { listen: 127.0.0.1:8080 }
archive: { path: /tmp/archive }
cameras:
  bench: { source: "v4l2:/dev/video0?size=640x360&fps=5" }
  none: { source: "v4l2:/dev/video7" }
  tty: { source: "v4l2:/dev/null" }
  whole: { source: "v4l2:/dev/uvc-0?size=320x180&fps=5" }
  stills: { source: "v4l2:/dev/uvc-1?size=320x180&fps=5&codec=mjpeg" }
  made: { source: "v4l2:/dev/uvc-2?size=320x180&fps=5&from=mjpeg&gop=1s" }
  raw: { source: "v4l2:/dev/uvc-0?from=raw" }
serve: { onvif: 127.0.0.1:8081 }
users: users.yaml
"""
# what a client says to the board over ONVIF, once it runs
ENCODER = """<tr2:SetVideoEncoderConfiguration><tr2:Configuration token="{token}" GovLength="5"><tt:Name>x</tt:Name><tt:UseCount>1</tt:UseCount>
<tt:Encoding>{codec}</tt:Encoding><tt:Resolution><tt:Width>320</tt:Width><tt:Height>180</tt:Height></tt:Resolution><tt:RateControl>
<tt:FrameRateLimit>5</tt:FrameRateLimit><tt:BitrateLimit>300</tt:BitrateLimit></tt:RateControl><tt:Quality>5</tt:Quality></tr2:Configuration>
</tr2:SetVideoEncoderConfiguration>"""
OSD = """<tr2:CreateOSD><tr2:OSD token=""><tt:VideoSourceConfigurationToken>{source}</tt:VideoSourceConfigurationToken><tt:Type>Text</tt:Type><tt:Position>
<tt:Type>LowerLeft</tt:Type></tt:Position><tt:TextString><tt:Type>Plain</tt:Type><tt:PlainText>gate</tt:PlainText></tt:TextString></tr2:OSD></tr2:CreateOSD>"""
CLIENT = f"""
import json, sys
sys.path.insert(0, {str(HERE)!r})
import onvif_zeep
boss = onvif_zeep.Device(8081)
options = "<tr2:GetVideoEncoderConfigurationOptions><tr2:ConfigurationToken>%s</tr2:ConfigurationToken></tr2:GetVideoEncoderConfigurationOptions>"
said = [boss.raw(body, timeout=60)[1].decode() for body in (
    options % "bench-main", options % "made-main", {ENCODER.format(token="bench-main", codec="H264")!r}, {ENCODER.format(token="made-main", codec="JPEG")!r},
    {OSD.format(source="bench-source")!r}, {OSD.format(source="whole-source")!r})]
json.dump(said, open("/board/said", "w"))
"""
SCRIPT = f"""
export PIGTAIL_CODEC={BUILD}/src/codec/pigtail-codec RUNTIME_DIRECTORY=/run ASAN_OPTIONS=detect_leaks=0
plug() {{
	python3 {HERE}/uvc_camera.py $1 /board/pictures.mjpeg /board/pictures.h264 2>>/board/log-uvc &
	cable=$!
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		node=$(ls -d /sys/devices/platform/vhci_hcd.0/usb*/*-$(($1 + 1))/*/video4linux/video* | head -1)
		[ "$node" ] && break
		sleep 0.5
	done
	ln -sf /dev/$(basename $node) /dev/uvc-$1
}}
plug 0; plug 2; plug 1
{BUILD}/src/daemon/pigtail run /board/site.yaml 2>/board/log &
hub=$!
sleep 40
{BUILD}/src/daemon/pigtail state --json --site /board/site.yaml >/board/state
python3 /board/client.py
sleep 20
kill $cable
sleep 5
{BUILD}/src/daemon/pigtail state --json --site /board/site.yaml >/board/state-gone
plug 1
sleep 12
{BUILD}/src/daemon/pigtail state --json --site /board/site.yaml >/board/state-back
kill $hub
wait $hub
status=$?
cp -r /tmp/archive /board/archive
exit $status
"""


def ffprobe(path):
    shown = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width,height:packet=flags", "-of", "json", path],
                           capture_output=True, text=True, check=True).stdout
    found = json.loads(shown)
    stream = found["streams"][0]
    return (stream["codec_name"], stream["width"], stream["height"]), ["K" in p["flags"] for p in found["packets"]]


def distances(keys):
    at = [i for i, key in enumerate(keys) if key]
    return [b - a for a, b in zip(at, at[1:])]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """What the cameras of one boot gave: the folder and their states."""
    folder = tmp_path_factory.mktemp("board")
    (folder / "site.yaml").write_text(SITE)
    (folder / "client.py").write_text(CLIENT)
    for name, text in (("users", "boss: { role: admin }\n"), ("secrets", "app-passwords: { vms: { user: boss, password: secret of boss } }\n")):
        (folder / f"{name}.yaml").write_text(text)
        (folder / f"{name}.yaml").chmod(0o600)
    pictures = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=5:duration=8"]
    subprocess.run([*pictures, "-c:v", "mjpeg", "-q:v", "8", "-pix_fmt", "yuvj422p", "-f", "mjpeg", folder / "pictures.mjpeg"], check=True)
    subprocess.run([*pictures, "-c:v", "libx264", "-g", "10", "-bf", "0", "-pix_fmt", "yuv420p", "-x264-params", "aud=1:repeat-headers=1:sliced-threads=0",
                    "-f", "h264", folder / "pictures.h264"], check=True)
    status, out = board.boot(folder, SCRIPT, 360)
    log = (folder / "log").read_text() + (folder / "log-uvc").read_text()
    assert status == 0, out + log
    return folder, {c["name"]: c["streams"]["main"] for c in json.loads((folder / "state").read_text())["cameras"]}, out + log


@pytest.mark.skipif(not LONG, reason="a boot under emulation: with --long")
@pytest.mark.skipif(board.missing() is not None, reason=f"no board: {board.missing()}")
def test_a_camera_of_the_kernel_is_recorded(recorded):
    folder, state, _ = recorded
    assert state["bench"]["state"] == "live", state
    assert (state["none"]["state"], state["none"]["reason"]) == ("lost", "/dev/video7: No such file or directory")
    assert (state["tty"]["state"], state["tty"]["reason"]) == ("lost", "/dev/null is no camera")
    files = sorted((folder / "archive/bench/main").glob("*/*.mp4"))
    shape, keys = ffprobe(files[0])
    assert shape == ("h264", 640, 360) and len(keys) > 40
    picture = subprocess.run(["ffmpeg", "-v", "error", "-ss", "3", "-i", files[0], "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"],
                             capture_output=True, check=True).stdout
    bars = [picture[(300 * 640 + 40 + 80 * i) * 3:][:3] for i in range(8)]
    wanted = [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0)]  # 75 % colour bars
    assert [tuple(int(v > 95) for v in bar) for bar in bars] == wanted, bars
    assert all(abs(v - 188 * w) < 25 for bar, want in zip(bars, wanted) for v, w in zip(bar, want)), bars


@pytest.mark.skipif(not LONG, reason="a boot under emulation: with --long")
@pytest.mark.skipif(board.missing() is not None, reason=f"no board: {board.missing()}")
@pytest.mark.parametrize("camera, codec", [("whole", "h264"), ("stills", "mjpeg"), ("made", "h264")])
def test_a_usb_camera_that_compresses(recorded, camera, codec):
    """H.264 as it comes, MJPEG as it comes, MJPEG made into H.264; each picture decodes."""
    folder, state, log = recorded
    assert state[camera]["state"] == "live", (state, log)
    file = sorted((folder / f"archive/{camera}/main").glob("*/*.mp4"))[0]
    shape, keys = ffprobe(file)
    assert shape == (codec, 320, 180) and len(keys) > 40
    # the board is slow, and pictures come when they come: a second may be fewer than five of them
    assert max(distances(keys)) <= {"whole": 10, "stills": 1, "made": 6}[camera]
    done = subprocess.run(["ffmpeg", "-v", "error", "-xerror", "-i", file, "-vf", "setpts=N", "-fps_mode", "passthrough", "-f", "null", "-"],
                          capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    if camera == "whole":
        sent = {n for n in (folder / "pictures.h264").read_bytes().split(bytes([0, 0, 1])) if n and n[0] & 31 in (1, 5)}
        recorded_bytes = file.read_bytes()
        assert sum(n.rstrip(bytes(1)) in recorded_bytes for n in sent) > 30, "not a byte of the device's pictures is changed"


@pytest.mark.skipif(not LONG, reason="a boot under emulation: with --long")
@pytest.mark.skipif(board.missing() is not None, reason=f"no board: {board.missing()}")
def test_what_a_camera_does_not_offer_is_said(recorded):
    _, state, _ = recorded
    assert state["raw"]["state"] == "lost" and state["raw"]["reason"] == "/dev/uvc-0 offers no NV12 or YUYV pictures"


@pytest.mark.skipif(not LONG, reason="a boot under emulation: with --long")
@pytest.mark.skipif(board.missing() is not None, reason=f"no board: {board.missing()}")
def test_a_client_sets_the_cameras_of_the_board(recorded):
    """Size and key frames of raw pictures and text in them; JPEG in place of H.264; no text where the device encodes."""
    folder, _, log = recorded
    raw, usb, first, second, text, none = json.loads((folder / "said").read_text())
    assert ">H264<" in raw and ">JPEG<" not in raw and "<tt:Width>320</tt:Width>" in raw and ">JPEG<" in usb and ">H264<" in usb, (raw, usb)
    assert "Fault" not in first + second + text and "MaxOSDs" in none, (first, second, text, none)
    file = sorted((folder / "archive/bench/main").glob("*/*.mp4"))[-1]
    shape, keys = ffprobe(file)
    assert shape == ("h264", 320, 180) and max(distances(keys)) <= 6, keys
    picture = subprocess.run(["ffmpeg", "-v", "error", "-sseof", "-2", "-i", file, "-frames:v", "1", "-pix_fmt", "gray", "-f", "rawvideo", "-"],
                             capture_output=True, check=True).stdout
    assert picture[178 * 320 + 2] < 70 and picture[150 * 320 + 2] > 150, "the text's box over the white bar"
    shape, _ = ffprobe(sorted((folder / "archive/made/main").glob("*/*.mp4"))[-1])
    assert shape == ("mjpeg", 320, 180)


@pytest.mark.skipif(not LONG, reason="a boot under emulation: with --long")
@pytest.mark.skipif(board.missing() is not None, reason=f"no board: {board.missing()}")
def test_a_camera_that_is_pulled_out_is_told_and_comes_back(recorded):
    folder, _, log = recorded
    gone, back = ({c["name"]: c["streams"]["main"] for c in json.loads((folder / f"state-{when}").read_text())["cameras"]} for when in ("gone", "back"))
    assert gone["stills"]["state"] == "lost" and gone["stills"]["reason"] and gone["whole"]["state"] == "live", (gone, log)
    assert back["stills"]["state"] == "live" and back["stills"]["reconnects"] >= 1, (back, log)
