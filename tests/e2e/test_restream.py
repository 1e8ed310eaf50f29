# SPDX-License-Identifier: Apache-2.0
"""What the daemon's RTSP server gives to whom: the policy of the site file holds there as on the pages."""
import os
import subprocess

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
    (h.dir / "users.yaml").write_text(users)
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
    assert sorted(found.stdout.split()) == (["audio", "video"] if sound else ["video"])
