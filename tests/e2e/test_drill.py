# SPDX-License-Identifier: Apache-2.0
"""pigtail drill: on a site that runs, a camera is cut off for a while, and the gap is filled from its card; or it is said why not."""
import json
import subprocess
import threading

from hub import PIGTAIL, Farm, Hub, wait_for
from wire import Wire, WiredHub, WiredNode

SUB = 'sub: "test:clock?size=320x180&fps=10&gop=2s&bitrate=100k&audio=none", record: { main: always, sub: always }'


def test_a_drill():
    with Wire() as wire, WiredNode(wire, more=SUB) as node, WiredHub(wire, ", record: { main: always, sub: always }") as hub:
        hub.wait_recording("gate")
        wait_for("it is known what the camera has", lambda: "maker" in hub.state()["cameras"][0]["onvif"], 20)
        done = []
        drill = threading.Thread(target=lambda: done.append(hub.cli("drill", "gate", "--for", "5s", "--json", check=False)))
        drill.start()
        wait_for("the gap is seen", lambda: any(g["reason"] == "a drill" and g["cause"] == "network" for g in hub.get("/api/backfill?camera=gate")["gaps"]), 20)
        status, answer = hub.request("POST", "/api/cameras/gate/drill", {"for": "5s"})
        assert status == 409 and "another one is on" in answer["error"], (status, answer)
        drill.join()
        assert done[0].returncode == 0, done[0].stdout + done[0].stderr
        told = json.loads(done[0].stdout)
        assert told["filled"] and {j["stream"] for j in told["jobs"]} == {"main", "sub"}, told
        assert all(j["seam"] == "content" and 4 < j["seconds"] < 9 and j["frames"] > 35 for j in told["jobs"]), told
        assert any(e["state"] == "drill" and e["detail"] == "5s" and e["actor"].startswith("user/") for e in hub.events(source="camera/gate")), hub.events()
        node.stop()
        wait_for("the camera is lost", lambda: hub.camera("gate")["state"] != "live", 20)
        refused = hub.cli("drill", "gate", "--for", "5s", check=False)
        assert refused.returncode == 1 and "no drill of camera gate" in refused.stderr, refused
        assert hub.request("POST", "/api/cameras/gate/drill", {"for": "1s"})[0] == 400


def test_nothing_to_drill():
    with Farm() as farm, Hub(f"cameras:\n  gate: {{ source: '{farm.url()}' }}\n") as hub:
        hub.wait_recording("gate")
        for name, what in (("gate", "only cameras by onvif://"), ("yard", "no camera")):
            done = hub.cli("drill", name, check=False)
            assert done.returncode == 1 and what in done.stderr, done
        assert not any("drill" in g[2] for g in hub.gaps("gate"))
        assert subprocess.run([PIGTAIL, "drill"], env=dict(hub.env, PIGTAIL_SITE=str(hub.site)), capture_output=True).returncode == 2
