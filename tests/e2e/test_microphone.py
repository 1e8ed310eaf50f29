# SPDX-License-Identifier: Apache-2.0
"""A microphone of the machine beside a camera's pictures: ALSA's own plugin that reads a file, without a sound card; with --long
a sound card of the kernel's own (snd-aloop) on a board in QEMU, into which a tone is played."""
import json
import math
import pathlib
import re
import struct
import subprocess
import tempfile

import numpy as np
import pytest

import board
import onvif_zeep
from hub import BUILD, LONG, Hub, wait_for
from onvif_node import Node

CAMERA = """cameras:
  gate: {{ source: "test:clock?size=320x180&fps=10&gop=500ms&bitrate=200k", microphone: "alsa:{pcm}", speaker: "wav:heard.wav", audio: {{ listen: all, record: always }} }}
serve: {{ rtsp: 127.0.0.1:{rtsp}, onvif: 127.0.0.1:{onvif} }}
"""
HERTZ = 600  # whole periods in any whole second


@pytest.fixture(scope="module")
def alsa():
    """PCMs that give a tone as if they were microphones, by the rate they are asked for; "gone" has no file yet."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for rate in (8000, 48000):
            tone = [int(12000 * math.sin(2 * math.pi * HERTZ * i / rate)) for i in range(rate)]
            (folder / str(rate)).write_bytes(struct.pack(f"<{rate}h", *tone) * 60)
        names = {"low": 8000, "high": 48000, "gone": "later"}
        (folder / "asound.conf").write_text("".join(
            f'pcm.{name} {{ type file slave.pcm {{ type null }} file /dev/null infile "{folder}/{file}" format raw }}\n' for name, file in names.items()))
        yield folder


def node(alsa, pcm):
    return Node(CAMERA.replace("{pcm}", pcm), "boss: { role: admin }\n", env={"ALSA_CONFIG_PATH": str(alsa / "asound.conf")})


def pitch(samples, rate):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * rate / len(samples)


def decoded(what, rate, seconds, *options):
    data = subprocess.run(["ffmpeg", "-v", "error", *options, "-i", what, "-map", "0:a", "-t", str(seconds), "-ac", "1", "-ar", str(rate), "-f", "s16le", "-"],
                          capture_output=True, timeout=60, check=True).stdout
    return np.frombuffer(data, np.int16).astype(float)


def assert_speaker_is_told(boss):
    """Over ONVIF, by every service that knows outputs, and by the profiles."""
    assert [o.token for o in boss.call("trt", "GetAudioOutputs")] == boss.call("tmd", "GetAudioOutputs") == ["gate"]
    assert boss.call("tmd", "GetServiceCapabilities").AudioOutputs == 1
    outputs = [boss.call(prefix, "GetAudioOutputConfigurations") for prefix in ("trt", "tr2")]
    assert [[(o.token, o.OutputToken, o.OutputLevel) for o in some] for some in outputs] == [[("gate-audio-output", "gate", 100)]] * 2
    assert boss.call("tmd", "GetAudioOutputConfiguration", AudioOutputToken="gate").AudioOutputConfiguration.token == "gate-audio-output"
    assert boss.call("tmd", "GetAudioOutputConfigurationOptions", AudioOutputToken="gate").AudioOutputOptions.OutputTokensAvailable == ["gate"]
    told = boss.raw("<trt:GetProfile><trt:ProfileToken>gate-main</trt:ProfileToken></trt:GetProfile>")[1].decode()  # zeep does not see into the extension
    assert re.findall(r'Extension>.*AudioOutputConfiguration token="(.*?)".*AudioDecoderConfiguration token="(.*?)".*Extension>', told) == [
        ("gate-audio-output", "gate-audio-decoder")], told
    profile = boss.call("tr2", "GetProfiles", Token="gate-main", Type=["AudioOutput", "AudioDecoder"])[0].Configurations
    assert (profile.AudioOutput.token, profile.AudioDecoder.token) == ("gate-audio-output", "gate-audio-decoder")
    assert boss.call("trt", "GetAudioDecoderConfigurationOptions").G711DecOptions.SampleRateRange.Items == [8]
    assert [o.Encoding for o in boss.call("tr2", "GetAudioDecoderConfigurationOptions")] == ["PCMU", "PCMA"]
    want = outputs[1][0]
    boss.call("tr2", "SetAudioOutputConfiguration", Configuration=want)
    want.OutputLevel = 50
    with pytest.raises(Exception, match="the volume cannot be set to that"):
        boss.call("tr2", "SetAudioOutputConfiguration", Configuration=want)


def codecs(hub):
    return {t["kind"]: t["codec"] for t in hub.camera("gate")["tracks"]}


@pytest.mark.skipif(not onvif_zeep.WSDL.is_dir(), reason="the published ONVIF schemas are not beside this checkout")
def test_its_sound_is_a_track_and_its_codec_is_set(alsa, tmp_path):
    with node(alsa, "high") as hub:
        wait_for("sound", lambda: codecs(hub).get("audio") == "AAC")
        boss = hub.device()
        assert len(boss.call("trt", "GetAudioSources")) == 1
        assert_speaker_is_told(boss)
        options = {o.Encoding: o.SampleRateList.Items for o in boss.call("tr2", "GetAudioEncoderConfigurationOptions", ConfigurationToken="gate-main-audio")}
        assert options == {"MP4A-LATM": [48], "PCMU": [8], "PCMA": [8]}
        url = f"rtsp://boss:secret%20of%20boss@127.0.0.1:{hub.rtsp}/gate/main"
        heard = decoded(url, 48000, 2, "-rtsp_transport", "tcp")
        assert len(heard) > 48000 and abs(pitch(heard[-48000:], 48000) - HERTZ) < 3
        picture = subprocess.run(["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=codec_name", "-of", "csv=p=0", url],
                                 capture_output=True, text=True, timeout=60, check=True).stdout.split()
        assert picture[:2] == ["h264", "aac"]
        want = boss.call("tr2", "GetAudioEncoderConfigurations", ConfigurationToken="gate-main-audio")[0]
        want.Encoding, want.SampleRate = "PCMA", 8
        boss.call("tr2", "SetAudioEncoderConfiguration", Configuration=want)
        assert boss.call("tr2", "GetAudioEncoderConfigurations", ConfigurationToken="gate-main-audio")[0].Encoding == "PCMA"
        wait_for("the other law", lambda: codecs(hub)["audio"] == "G.711 A-law")
        hub.stop()
        hub.start()
        wait_for("it again", lambda: codecs(hub).get("audio") == "G.711 A-law")
        hub.wait_recording("gate")
        wait_for("recorded sound", lambda: [s for s in hub.segments("gate", "audio")])
        hub.assert_sound()
    onvif_zeep.assert_kept_are_valid(tmp_path)


def test_one_that_comes_and_goes_is_told(alsa):
    with Hub('cameras:\n  gate: { source: "test:clock?size=320x180&fps=5&bitrate=100k", microphone: "alsa:gone?codec=pcmu", audio: { listen: all },'
             ' record: never }\n', env={"ALSA_CONFIG_PATH": str(alsa / "asound.conf")}) as hub:
        def state():
            return next(c for c in hub.state()["cameras"] if c["name"] == "gate")["microphone"]
        wait_for("the reason", lambda: state()["state"] == "lost" and state()["reason"] == "microphone gone: No such file or directory")
        assert wait_for("pictures", lambda: hub.camera("gate")["state"] == "live")
        assert any(e["source"] == "camera/gate" and "microphone gone" in (e["detail"] or "") for e in hub.events(topic="system"))
        assert "microphone gone: No such file or directory" in hub.cli("state").stdout
        (alsa / "later").write_bytes((alsa / "8000").read_bytes())
        wait_for("its return", lambda: state()["state"] == "live" and codecs(hub).get("audio") == "G.711 µ-law", 40)


BOARD = """
site: { name: Board, timezone: UTC }
web: { listen: 127.0.0.1:8080 }
archive: { path: /tmp/archive }
cameras:
  gate: { source: "v4l2:/dev/video0?size=320x180&fps=5", microphone: "alsa:hw:Loopback,1?codec=pcmu", audio: { record: always } }
"""
SCRIPT = f"""
export PIGTAIL_CODEC={BUILD}/src/codec/pigtail-codec RUNTIME_DIRECTORY=/run ASAN_OPTIONS=detect_leaks=0
{BUILD}/tests/tools/play-tone plughw:Loopback,0 {HERTZ} 60 2>>/board/log &
{BUILD}/src/daemon/pigtail run /board/site.yaml 2>>/board/log &
hub=$!
sleep 30
{BUILD}/src/daemon/pigtail state --json --site /board/site.yaml >/board/state
kill $hub
wait $hub
status=$?
cp -r /tmp/archive /board/archive
exit $status
"""


@pytest.mark.skipif(not LONG, reason="a boot under emulation: with --long")
@pytest.mark.skipif(board.missing() is not None, reason=f"no board: {board.missing()}")
def test_a_sound_card_of_the_kernel_is_recorded(tmp_path):
    (tmp_path / "site.yaml").write_text(BOARD)
    status, out = board.boot(tmp_path, SCRIPT)
    assert status == 0, out + (tmp_path / "log").read_text()
    camera = json.loads((tmp_path / "state").read_text())["cameras"][0]
    assert camera["microphone"]["state"] == "live", (camera, (tmp_path / "log").read_text())
    heard = decoded(sorted((tmp_path / "archive/gate/audio").glob("*/*.mp4"))[0], 8000, 60)
    assert len(heard) > 8000 * 10
    loud = [at for at in range(0, len(heard) - 8000, 8000) if np.abs(heard[at:at + 8000]).mean() > 1000]
    assert len(loud) > 5 and all(abs(pitch(heard[at:at + 8000], 8000) - HERTZ) < 5 for at in loud), loud
