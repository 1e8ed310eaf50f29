# SPDX-License-Identifier: Apache-2.0
"""The command line as people type it: relative times, mistyped names, orders that make no sense, and what a stop leaves behind."""
import json
import subprocess
import time

import pytest

from hub import PIGTAIL, Farm, Hub, wait_for

SITE = """cameras: {{ gate: {{ source: "{url}" }} }}
inputs: {{ door: {{ driver: virtual, channel: 1 }} }}
relays: {{ flood: {{ driver: virtual, channel: 1, kind: light }}, horn: {{ driver: virtual, channel: 2, kind: light, mode: monostable, pulse: 200ms }} }}
rules: {{ night: {{ when: door active, do: {{ log: x }} }} }}
"""


@pytest.fixture(scope="module")
def hub():
    with Farm() as farm, Hub(SITE.format(url=farm.url())) as h:
        h.wait_recording("gate")
        time.sleep(3)
        yield h


@pytest.mark.parametrize("arguments, said", [
    (["relay", "floood"], "there is no relay 'floood' (did you mean flood?)"), (["input", "dor"], "there is no input 'dor' (did you mean door?)"),
    (["snapshot", "gaet"], "there is no camera 'gaet' (did you mean gate?)"), (["rules", "explain", "nigth"], "no rule 'nigth' (did you mean night?)"),
    (["archive", "export", "gat", "--from", "-5s", "--to", "now"], "there is no camera 'gat' (did you mean gate?)"),
    (["relya", "flood"], "there is no command 'relya' (did you mean relay?)"),
])
def test_mistyped_names_get_a_suggestion(hub, arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = hub.cli(*arguments, check=False)
    assert done.returncode and said in done.stderr, done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command, said", [("run", "usage: pigtail run SITE.yaml"), ("archive", "pigtail archive export CAMERA"), ("discover", "--only-hosts"),
                                           ("input", "usage: pigtail input NAME"), ("user", "pigtail user password")])
def test_each_command_says_how_it_is_used(command, said):
    done = subprocess.run([PIGTAIL, command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and said in done.stdout and not done.stderr


def test_no_password_is_no_password():
    """The end of the input is told; what memory held is not taken for it."""
    for what, said in (("password", "no password was given"), ("pin", "no PIN was given")):
        done = subprocess.run([PIGTAIL, "user", what], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 1 and said in done.stderr and not done.stdout


def test_a_pulse_takes_no_time_of_its_own(hub):
    done = hub.cli("relay", "horn", "pulse", "--for", "3s", check=False)
    assert done.returncode == 1 and "for goes with on alone" in done.stderr
    assert hub.get("/api/relays/horn")["state"] == "off"
    hub.cli("relay", "horn", "pulse")
    hub.cli("relay", "flood", "on", "--for", "300ms")
    wait_for("its end", lambda: hub.get("/api/relays/flood")["state"] == "off")


def test_times_as_people_say_them(hub, tmp_path):
    clip = tmp_path / "clip.mp4"
    hub.cli("archive", "export", "gate", "--from", "2s ago", "--to", "-500ms", "--output", clip)
    assert clip.stat().st_size > 1000
    events = [json.loads(line) for line in hub.cli("events", "--since", "10min ago", "--json").stdout.splitlines()]
    assert any(e["source"] == "camera/gate" for e in events)
    assert not hub.cli("events", "--since", "+1h").stdout
    bad = hub.cli("events", "--since", "yesterday", check=False)
    assert bad.returncode == 2 and "'yesterday' is not a time" in bad.stderr and "10min ago" in bad.stderr


def test_where_footage_ends_is_said(hub, tmp_path):
    done = hub.cli("archive", "export", "gate", "--from", "+1h", "--to", "+2h", "--output", tmp_path / "none.mp4", check=False)
    assert done.returncode == 1 and "there is no footage of camera gate between" in done.stderr and "it begins at 20" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_stop_leaves_no_directory_behind():
    with Hub(SITE.format(url="rtsp://127.0.0.1:9/x")) as h:
        h.cli("relay", "flood", "on")
        assert (h.runtime / "control.sock").exists()
        h.stop()
        assert not h.runtime.exists()
        asked = h.cli("state", check=False)
        assert asked.returncode == 1 and "no daemon runs for" in asked.stderr
        assert not h.runtime.exists()
        h.start()
        assert any(e["source"] == "relay/flood" and e["topic"] == "command" for e in h.events())
        h.kill()
        assert (h.runtime / "journal.0").exists()
        h.start()
