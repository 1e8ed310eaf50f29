# SPDX-License-Identifier: Apache-2.0
"""What the daemon's RTSP server gives to whom: the policy of the site file holds there as on the pages."""
import os
import signal
import subprocess
import time

import pytest

from hub import Hub, free_port, wait_for
from pages_hub import PASSWORD, PIGTAIL

SECRET = "4f5e60718293"


@pytest.fixture(scope="module")
def restream():
    port = free_port()
    cameras = "".join(f"  {name}: {{ source: 'test:clock?size=320x180', record: never, audio: {{ listen: {who}, record: always }} }}\n"
                      for name, who in (("quiet", "never"), ("staff", "operator"), ("open", "all")))
    h = Hub(f"cameras:\n{cameras}serve: {{ rtsp: 127.0.0.1:{port} }}\n", start=False)
    users = ""
    for user in ("vera viewer", "otto operator"):
        users += subprocess.run([PIGTAIL, "user", "add", *user.split()], input=PASSWORD + "\n", text=True, check=True, capture_output=True).stdout
    (h.dir / "users.yaml").write_text(users + "recorder: { role: viewer }\n")
    logins = ", ".join(f"{name}: {{ user: {name}, password: {SECRET} }}" for name in ("vera", "otto", "recorder"))
    (h.dir / "secrets.yaml").write_text(f"app-passwords: {{ {logins} }}\n")
    os.chmod(h.dir / "secrets.yaml", 0o600)
    h.start()
    try:
        wait_for("three live cameras", lambda: all(c["streams"]["main"]["state"] == "live" for c in h.state()["cameras"]))
        yield port
    finally:
        h.close()


@pytest.mark.parametrize("camera, user, sound", [("quiet", "otto", False), ("staff", "vera", False), ("staff", "recorder", False),
                                                 ("staff", "otto", True), ("open", "vera", True), ("open", "recorder", True)])
def test_sound_goes_where_the_site_file_lets_it(restream, camera, user, sound):
    found = subprocess.run(["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-analyzeduration", "1", "-show_entries", "stream=codec_type", "-of", "csv=p=0",
                            f"rtsp://{user}:{SECRET}@127.0.0.1:{restream}/{camera}/main"], capture_output=True, text=True, timeout=30, check=True)
    # "data" is the track of events that cameras of this machine have
    assert set(found.stdout.split()) - {"data"} == ({"audio", "video"} if sound else {"video"})


def test_clients_of_a_stream_that_is_replaced_are_let_go():
    # a camera of this name is not taken for recordings, which are at replay/CAMERA/STREAM
    port = free_port()
    site = f"cameras:\n  replay: {{{{ source: 'test:clock?size={{}}', record: never }}}}\nserve: {{{{ rtsp: 127.0.0.1:{port} }}}}\n"
    with Hub(site.format("320x180"), start=False) as h:
        (h.dir / "users.yaml").write_text("recorder: { role: viewer }\n")
        (h.dir / "users.yaml").chmod(0o600)
        (h.dir / "secrets.yaml").write_text(f"app-passwords: {{ recorder: {{ user: recorder, password: {SECRET} }} }}\n")
        os.chmod(h.dir / "secrets.yaml", 0o600)
        h.start()
        wait_for("a live camera", lambda: h.camera("replay")["state"] == "live")
        client = subprocess.Popen(["ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", f"rtsp://recorder:{SECRET}@127.0.0.1:{port}/replay/main",
                                   "-f", "null", "-"])
        try:
            wait_for("a client that plays", lambda: h.state()["daemon"]["rtsp"]["playing"] == 1)
            time.sleep(1)
            assert client.poll() is None
            h.write_site(site.format("480x270"))
            h.process.send_signal(signal.SIGHUP)
            client.wait(5)
        finally:
            client.kill()


def test_who_is_taken_out_of_the_users_file_sees_nothing():
    """The app password that is left behind is of nobody: neither all cameras nor the ones of before."""
    port = free_port()
    site = f"cameras:\n  one: {{ source: 'test:clock?size=320x180', record: never }}\nserve: {{ rtsp: 127.0.0.1:{port} }}\n"
    with Hub(site, start=False) as h:
        (h.dir / "users.yaml").write_text("kim: { role: viewer, cameras: [one] }\n")
        (h.dir / "users.yaml").chmod(0o600)
        (h.dir / "secrets.yaml").write_text(f"app-passwords:\n  kims-wall: {{ user: kim, password: {SECRET} }}\n")
        (h.dir / "secrets.yaml").chmod(0o600)
        h.start()
        wait_for("a live camera", lambda: h.camera("one")["state"] == "live")

        def probe():
            return subprocess.run(["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-analyzeduration", "1", "-show_entries", "stream=codec_type",
                                   "-of", "csv=p=0", f"rtsp://kim:{SECRET}@127.0.0.1:{port}/one/main"], capture_output=True, text=True, timeout=30)
        assert "video" in probe().stdout
        (h.dir / "users.yaml").write_text("other: { role: viewer }\n")
        h.process.send_signal(signal.SIGHUP)
        wait_for("the reload", lambda: [e for e in h.events(topic="system") if e["state"] == "reloaded"])
        refused = probe()
        assert refused.returncode != 0 and "401" in refused.stderr, refused
        said = h.cli("config", "check", h.site)
        assert "secrets.yaml:2: app-passwords.kims-wall.user: there is no user 'kim' in the users file: this login is refused" in said.stderr
