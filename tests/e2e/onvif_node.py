# SPDX-License-Identifier: Apache-2.0
"""A Pigtail that is an ONVIF camera, with users of each role."""
from hub import Hub, free_port, wait_for
from onvif_zeep import Device

SITE = """cameras:
  gate: {{ source: "test:clock?size=640x360&fps=10&gop=1s&bitrate=500k", sub: "test:clock?size=320x180&fps=5&bitrate=200k&audio=none",
          audio: {{ listen: all }}, record: {{ main: never }} }}
  yard: {{ source: "test:clock?size=320x180&fps=5&bitrate=200k&audio=none", record: {{ main: never }} }}
inputs:
  door: {{ driver: virtual, channel: 1, kind: door, contact: normally-open, debounce: 0ms }}
  beam: {{ driver: virtual, channel: 2, kind: beam, contact: normally-closed, debounce: 0ms }}
relays:
  lamp: {{ driver: virtual, channel: 1, kind: light, contact: normally-open, safe: off }}
  horn: {{ driver: virtual, channel: 2, kind: light, contact: normally-closed, safe: off }}
  strike: {{ driver: virtual, channel: 3, kind: door, contact: normally-open, egress: hardwired, mode: monostable, pulse: 3s, hub-timed: accepted, safe: off }}
  gate-ir-cut: {{ driver: virtual, channel: 4, kind: other, contact: normally-open, safe: off }}
serve: {{ rtsp: 127.0.0.1:{rtsp}, onvif: 127.0.0.1:{onvif} }}
"""
USERS = "boss: { role: admin }\nguard: { role: operator }\nguest: { role: viewer }\nneighbour: { role: viewer, cameras: [yard] }\n"


class Node(Hub):
    def __init__(self, site=SITE, users=USERS, **more):
        self.onvif, self.rtsp = free_port(), free_port()
        super().__init__(site.format(onvif=self.onvif, rtsp=self.rtsp), start=False, **more)
        names = [line.split(":")[0] for line in users.splitlines()]
        secrets = self.dir / "secrets.yaml"
        secrets.write_text("app-passwords:\n" + "".join(f"  {n}-vms: {{ user: {n}, password: secret of {n} }}\n" for n in names))
        secrets.chmod(0o600)
        (self.dir / "users.yaml").write_text(users)
        (self.dir / "users.yaml").chmod(0o600)
        self.start()

    def device(self, user="boss"):
        return Device(self.onvif, user, f"secret of {user}")

    def press(self, channel, closed):
        status, answer = self.request("POST", f"/api/board/board/inputs/{channel}", {"closed": closed})
        assert status == 200, answer

    def relay(self, name):
        return self.get(f"/api/relays/{name}")

    def wait_pictures(self):
        wait_for("pictures of both cameras",
                 lambda: all(s["state"] == "live" for c in self.state()["cameras"] for s in c["streams"].values()), 60)

    def wait_sound(self):
        wait_for("sound of the one that has a microphone",
                 lambda: any(t["kind"] == "audio" for c in self.state()["cameras"] for s in c["streams"].values() for t in s["tracks"]), 60)
