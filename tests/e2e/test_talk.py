# SPDX-License-Identifier: Apache-2.0
"""Messages out of cameras' speakers: GStreamer's ONVIF server takes them by its back channel, and what arrives there is compared with
what was to be said. Cameras that cannot be talked to say why. The other way round, GStreamer's client talks to a camera of our own."""
import contextlib
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import numpy as np
import pytest

from hub import Hub, UnixConnection, free_port, parse_time, wait_for
from onvif_node import Node
from quirky_camera import Camera as Quirky, SDP
from test_microphone import pitch
from rtsp_raw import Client
from test_rtsp_client import Server

HERTZ, LENGTH = 1000, 0.6
PICTURE = "( videotestsrc is-live=true ! video/x-raw,format=I420,width=160,height=120,framerate=5/1 ! jpegenc ! rtpjpegpay name=pay0 pt=26 )"
BACK = "m=audio 0 RTP/AVP {types}\r\na=sendonly\r\na=control:back\r\n"


def sound(path, *options, hertz=HERTZ, length=LENGTH):
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"sine=frequency={hertz}:sample_rate=48000:duration={length}", "-ac", "2", *options, path],
                   check=True)


def speaker(path, codec):
    """A camera that writes down what its speaker is given."""
    return Server(PICTURE, "digest", "op", "pw", "talk", codec, str(path))


@pytest.fixture(scope="module")
def place():
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        folder = pathlib.Path(folder)
        messages = folder / "messages"
        messages.mkdir()
        sound(messages / "tone.wav")
        sound(messages / "low.wav", "-ar", "22050", "-ac", "1", "-c:a", "pcm_u8", hertz=400)
        sound(messages / "tone.opus", "-c:a", "libopus", "-b:a", "64k")
        sound(messages / "tone.m4a", "-c:a", "aac", "-b:a", "96k")
        sound(messages / "blip.wav", length=0.1)
        (messages / "broken.wav").write_bytes(b"RIFF\x10\0\0\0WAVEfmt \x02\0\0\0xx")
        (folder / "outside.wav").write_bytes((messages / "tone.wav").read_bytes())
        gate, yard = (stack.enter_context(speaker(folder / codec, codec)) for codec in ("PCMU", "PCMA"))
        deaf = stack.enter_context(Server(PICTURE))
        silent, foreign = stack.enter_context(Quirky()), stack.enter_context(Quirky(sdp=SDP + BACK.format(types=97) + "a=rtpmap:97 OPUS/48000/2\r\n"))
        busy = stack.enter_context(Quirky(sdp=SDP + BACK.format(types="97 8") + "a=rtpmap:97 OPUS/48000/2\r\n", refuse={"SETUP": "453 Not Enough Bandwidth"}))
        rtsp = free_port()
        hub = stack.enter_context(Hub(f"""cameras:
  gate: {{ source: '{gate.url}', login: op }}
  yard: {{ source: '{yard.url}', login: op, record: never }}
  deaf: {{ source: '{deaf.url}', record: never }}
  silent: {{ source: '{silent.url}', record: never }}
  foreign: {{ source: '{foreign.url}', record: never }}
  busy: {{ source: '{busy.url}', record: never }}
  stranger: {{ source: '{yard.url}', record: never }}
  clock: {{ source: "test:clock?size=320x180&fps=5", record: never }}
  node: {{ source: "test:clock?size=320x180&fps=10&gop=100ms", speaker: wav:node.wav, record: never }}
  other: {{ source: 'rtsp://127.0.0.1:{rtsp}/node/main', login: otto, record: never }}
serve: {{ rtsp: 127.0.0.1:{rtsp} }}
talk: {{ messages: {messages}, voice: en }}
inputs: {{ bell: {{ driver: virtual, channel: 1, kind: button, debounce: 0ms }} }}
rules:
  greet: {{ when: bell active, do: [{{ say: {{ camera: gate, file: tone.wav }} }}, {{ say: {{ camera: yard, text: "{{input}} is {{state}} at {{time}}" }} }}] }}
  insist: {{ when: {{ event: talk, source: camera/busy, state: failed }}, do: {{ say: {{ camera: busy, file: blip.wav }} }}, cooldown: 1h }}
""", start=False))
        secrets = hub.dir / "secrets.yaml"
        secrets.touch(mode=0o600)
        secrets.write_text("logins: { op: { user: op, password: pw }, otto: { user: otto, password: secret } }\n"
                           "app-passwords: { otto: { user: otto, password: secret }, vera: { user: vera, password: secret } }\n")
        (hub.dir / "users.yaml").write_text("otto: { role: operator }\nvera: { role: viewer }\n")
        (hub.dir / "users.yaml").chmod(0o600)
        hub.rtsp = rtsp
        hub.start()
        hub.heard = {"gate": folder / "PCMU", "yard": folder / "PCMA", "node": hub.dir / "node.wav"}
        hub.wait_recording("gate")
        hub.gaps_before = len(hub.gaps("gate"))
        yield hub


def heard(hub, camera):
    form = {"gate": ["-f", "mulaw", "-ar", "8000", "-ac", "1"], "yard": ["-f", "alaw", "-ar", "8000", "-ac", "1"], "node": []}[camera]
    return np.frombuffer(subprocess.run(["ffmpeg", "-v", "error", *form, "-i", hub.heard[camera], "-f", "s16le", "-"], capture_output=True,
                                        check=True).stdout, np.int16).astype(float)


def talk(hub, camera="gate", state=None):
    return [e for e in hub.events(topic="talk", source=f"camera/{camera}") if not state or e["state"] == state]


def say(hub, camera, words, status=200):
    """Waits for its end; the events from its start on, oldest first."""
    before = len(talk(hub, camera))
    got, answer = hub.request("POST", f"/api/cameras/{camera}/talk", words)
    assert got == status, answer
    said = wait_for("its end", lambda: (lambda e: e[::-1] if e and e[0]["state"] != "started" else None)(talk(hub, camera)[:len(talk(hub, camera)) - before]))
    return answer, said


def assert_tone(samples, hertz):
    assert abs(pitch(samples, 8000) - hertz) < 3
    # nothing is missing and nothing torn: the tone runs through, as loud as it begins
    loud = [np.abs(samples[at:at + 400]).mean() for at in range(400, len(samples) - 800, 400)]
    assert min(loud) > 0.9 * max(loud) > 100


@pytest.mark.parametrize("camera,file,hertz", [("gate", "tone.wav", HERTZ), ("gate", "tone.opus", HERTZ), ("yard", "tone.m4a", HERTZ)])
def test_a_file_is_heard(place, camera, file, hertz):
    begin = time.monotonic()
    answer, said = say(place, camera, {"file": file})
    assert abs(answer["seconds"] - LENGTH) < 0.06 < answer["seconds"] < time.monotonic() - begin  # as fast as it is heard
    assert [(e["state"], e["detail"]) for e in said] == [(s, f"plays {file}") for s in ("started", "ended")]
    assert all(e["actor"].startswith("user/local ") for e in said)
    sound = heard(place, camera)
    assert len(sound) == round(answer["seconds"] * 8000)
    assert_tone(sound, hertz)


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not there")
def test_texts_are_spoken_by_rule_and_command_line(place):
    with place.board() as board:
        board.send(b"input 1 closed")
        wait_for("both", lambda: [[e["state"] for e in talk(place, c) if e["actor"] == "rule/greet"] for c in ("gate", "yard")] == [["ended", "started"]] * 2)
        board.send(b"input 1 open")
    assert re.fullmatch(r"says bell is active at \d\d:\d\d", talk(place, "yard")[0]["detail"])  # nobody is read a date
    assert_tone(heard(place, "gate"), HERTZ)
    spoken = heard(place, "yard")
    assert 0.6 < len(spoken) / 8000 < 3 and np.abs(spoken).max() > 3000
    assert not place.cli("say", "yard", "Hi").stdout
    wait_for("its end", lambda: talk(place, "yard")[0]["state"] == "ended")
    assert talk(place, "yard")[0]["detail"] == "says Hi" and len(heard(place, "yard")) < len(spoken)
    place.cli("say", "gate", "blip.wav")
    assert talk(place, "gate")[0]["detail"] == "plays blip.wav"
    mistyped = place.cli("say", "gate", "bilp.wav", check=False)
    assert mistyped.returncode == 1 and "talk.messages holds no file of this name" in mistyped.stderr
    assert place.get("/api/cameras/gate/talk") == {"possible": True, "texts": True, "messages": ["blip.wav", "broken.wav", "low.wav", "tone.m4a", "tone.opus", "tone.wav"]}


@pytest.mark.parametrize("camera,words,status,reason", [
    ("deaf", {"file": "tone.wav"}, 501, "551 camera deaf cannot do that: it refused Require: www.onvif.org/ver20/backchannel"),
    ("silent", {"file": "tone.wav"}, 404, "camera silent cannot be talked to: it offers no back channel"),
    ("foreign", {"file": "tone.wav"}, 501, "camera foreign takes sound as OPUS at 48000 Hz alone, and pigtail talks G.711 at 8000 Hz"),
    ("busy", {"file": "tone.wav"}, 409, "453 camera busy has no room: somebody else may be talking"),
    ("stranger", {"file": "tone.wav"}, 502, "401 camera stranger asks for a login and none is given"),
    ("clock", {"file": "tone.wav"}, 501, "it is reached neither by ONVIF nor by RTSP"),
    ("gate", {"file": "../outside.wav"}, 404, "talk.messages holds no file of this name"),
    ("gate", {"file": "broken.wav"}, 400, "broken.wav: there is no sound in this WAV"),
    ("gate", {"text": ""}, 400, "a text has 1 to 500 bytes"),
    ("gate", {"text": "x" * 501}, 400, "a text has 1 to 500 bytes"),
])
def test_why_not(place, camera, words, status, reason):
    answer, said = say(place, camera, words, status)
    assert reason in answer["error"], answer
    assert said[-1]["state"] == "failed" and reason in said[-1]["detail"] and "pw" not in str(said)


def test_a_rule_that_speaks_because_somebody_could_not(place):
    place.request("POST", "/api/cameras/busy/talk", {"file": "tone.wav"})
    wait_for("the rule's too", lambda: [e["state"] for e in talk(place, "busy") if e["actor"] == "rule/insist"] == ["failed", "started"])


def test_one_after_the_other_and_not_too_many(place):
    path = "/api/cameras/gate/talk"
    assert place.request("POST", path, {})[0] == 400 and place.request("POST", path, {"text": "a", "file": "b"})[0] == 400
    assert place.request("POST", "/api/cameras/nowhere/talk", {"text": "a"})[0] == 404
    begin = time.time()
    many = [UnixConnection(place.runtime / "control.sock", 60) for _ in range(7)]
    for c in many:
        c.request("POST", path, '{"file": "blip.wav"}')
    answers = [c.getresponse() for c in many]
    assert sorted(a.status for a in answers) == [200] * 5 + [409] * 2
    assert all(b"4 messages wait already" in a.read() for a in answers if a.status == 409)
    wait_for("the last", lambda: talk(place)[0]["state"] == "ended")
    assert [e["state"] for e in talk(place)[::-1] if parse_time(e["time"]) > begin and e["state"] != "failed"] == ["started", "ended"] * 5
    # nothing of it was noticed where it is recorded
    assert len(place.gaps("gate")) == place.gaps_before and place.camera("gate")["state"] == "live"


# ---- a camera of our own that has a loudspeaker ----

@contextlib.contextmanager
def talker(hub, user, hertz, *law, seconds=1):
    p = subprocess.Popen(["/usr/bin/python3", str(pathlib.Path(__file__).parent / "gst_talker.py"), f"rtsp://127.0.0.1:{hub.rtsp}/node/main", user, "secret",
                          str(hertz), str(seconds), *law], stdout=subprocess.PIPE, text=True)
    try:
        yield p
    finally:
        p.kill()
        p.wait()


@pytest.mark.parametrize("law", ["PCMU", "PCMA"])
def test_gstreamer_talks_to_our_camera(place, law):
    before = len(talk(place, "node"))
    wait_for("pictures", lambda: place.camera("node")["state"] == "live")
    with talker(place, "otto", 700, law) as otto:
        if law == "PCMU":  # one at a time
            assert otto.stdout.readline() == "talks\n"
            answer, _ = say(place, "other", {"file": "blip.wav"}, 409)
            assert "503 camera other has no room: somebody else may be talking" in answer["error"]
        assert otto.wait(30) == 0
    said = wait_for("its end", lambda: (lambda e: e if len(e) == before + 2 else None)(talk(place, "node")))
    assert [(e["state"], e["actor"], e["detail"]) for e in said[:2]] == [(s, "user/otto", "talks over RTSP") for s in ("ended", "started")]
    sound = heard(place, "node")
    assert 0.8 < len(sound) / 8000 < 1.2
    assert_tone(sound[160:], 700)


def test_who_may_talk_to_our_camera(place):
    for user, path, may in (("otto", "node", True), ("vera", "node", False), ("otto", "clock", False)):
        with Client(place.rtsp, f"{path}/main", user, "secret") as client:
            assert "a=sendonly" not in client.ask("DESCRIBE")[2]
            status, _, sdp = client.ask("DESCRIBE", Require="www.onvif.org/ver20/backchannel")
            assert status == 200 and ("m=audio 0 RTP/AVP 0 8" in sdp and "a=sendonly" in sdp) == may
            back = f"{client.url}/track4"
            assert client.ask("SETUP", back, Transport="RTP/AVP;unicast;client_port=5000-5001")[0] == 461
            assert client.ask("SETUP", back, Transport="RTP/AVP/TCP;unicast;interleaved=0-1")[0] == (200 if may else 404)
    wait_for("its end", lambda: talk(place, "node")[0]["state"] == "ended")  # the connection is gone


def test_our_hub_talks_to_our_camera(place):
    say(place, "other", {"file": "tone.wav"})
    wait_for("its end", lambda: talk(place, "node")[0]["state"] == "ended")
    sound = heard(place, "node")
    assert abs(len(sound) / 8000 - LENGTH) < 0.06
    assert_tone(sound, HERTZ)


def test_a_camera_by_onvif_is_talked_to():
    """The hub knows nothing but where the camera's ONVIF is: the address to talk to is the one its profile names."""
    site = """cameras: {{ gate: {{ source: "test:clock?size=320x180&fps=10&gop=100ms", speaker: wav:heard.wav, record: {{ main: never }} }} }}
serve: {{ rtsp: 127.0.0.1:{rtsp}, onvif: 127.0.0.1:{onvif} }}
"""
    with Node(site, "guard: { role: operator }\n") as node, Hub(f"cameras: {{ door: {{ source: 'onvif://127.0.0.1:{node.onvif}', login: gate, record: never }} }}\n"
                                 "talk: { messages: . }\n", start=False) as hub:
        node.wait_pictures()
        (hub.dir / "secrets.yaml").touch(mode=0o600)
        (hub.dir / "secrets.yaml").write_text("logins: { gate: { user: guard, password: secret of guard } }\n")
        sound(hub.dir / "tone.wav")
        hub.start()
        wait_for("the camera's pictures", lambda: hub.camera("door")["state"] == "live")
        say(hub, "door", {"file": "tone.wav"})
        wait_for("its end", lambda: (talk(node, "gate") or [{"state": ""}])[0]["state"] == "ended")
        node.heard = {"node": node.dir / "heard.wav"}
        assert talk(node, "gate")[0]["actor"] == "user/guard"
        assert_tone(heard(node, "node"), HERTZ)


def test_a_message_out_of_the_machines_own_loudspeaker(place):
    say(place, "node", {"file": "low.wav"})
    assert talk(place, "node")[0]["detail"] == "plays low.wav"
    assert_tone(heard(place, "node"), 400)


def test_who_wanted_it_is_in_the_log_although_the_hub_dies(place):
    before = talk(place, "node")[0]["id"]
    with talker(place, "otto", 700) as otto:
        assert otto.stdout.readline() == "talks\n"
        place.kill()
    place.start()
    assert [(e["state"], e["actor"]) for e in talk(place, "node") if e["id"] > before] == [("started", "user/otto")]
