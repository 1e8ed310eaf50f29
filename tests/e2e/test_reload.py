# SPDX-License-Identifier: Apache-2.0
"""The site file while the hub runs: what did not change is not touched, what is wrong changes nothing and says why, secrets
stay secret; and `record: events` keeps what a rule asked for."""
import os
import signal
import subprocess
import time

import pytest

import hub
from hub import Farm, Hub, wait_for


def reload(h, expect="site file reloaded"):
    begin = len(h.lines)
    h.process.send_signal(signal.SIGHUP)
    wait_for(expect, lambda: any(expect in line for line in h.lines[begin:]))
    return "\n".join(h.lines[begin:])


def test_unchanged_streams_are_not_dropped():
    with Farm() as farm:
        one, two, three = (f"  {n}: {{ source: {farm.url(i)} }}\n" for i, n in enumerate(("one", "two", "three")))
        with Hub("cameras:\n" + one + two) as h:
            h.wait_recording("one", "two")
            h.write_site("cameras:\n" + one + three)
            reload(h)
            gone = time.time()
            h.wait_recording("one", "three")
            time.sleep(2)
            before = farm.sent(1)
            time.sleep(0.5)
            assert farm.sent(1) == before, "the removed camera is still asked for pictures"
            assert [c["name"] for c in h.state()["cameras"]] == ["one", "three"]
            assert h.camera("one")["reconnects"] == 0
            assert [g for g in h.gaps("one") if g[0] > h.started_at + 1] == []
            sent = farm.sent(0)
            h.stop()
            h.assert_sound()
            # one connection from start to end: every frame of it is there
            recorded = len(h.samples("one"))
            assert recorded >= sent - 1, (recorded, sent)
            assert max(s[0] for s in h.samples("two")) < gone + 0.5


@pytest.mark.parametrize("broken, says", [
    ("cameras:\n  one: { source: rtsp://127.0.0.1/1, recrod: always }\n", ("site.yaml:5:", "recrod", "did you mean record")),
    ("cameras:\n  one: { source: rtsp://127.0.0.1/1\n", ("site.yaml:",)),
    ("rules:\n  r: { when: dor active, do: [ { log: x } ] }\n", ("site.yaml:5:", "dor")),
    ("cameras:\n  one: { source: 'rtsp://admin:hunter2-secret@127.0.0.1/1' }\n", ("site.yaml:5:", "secrets.yaml")),
])
def test_a_broken_file_changes_nothing(broken, says):
    with Farm() as farm:
        good = f"cameras:\n  one: {{ source: {farm.url()} }}\n"
        with Hub(good) as h:
            h.wait_recording("one")
            h.write_site(broken)
            said = reload(h, "site file not taken")
            for part in says:
                assert part in said, said
            checked = h.cli("config", "check", h.site, check=False)
            assert checked.returncode == 3
            for part in says:
                assert part in checked.stdout + checked.stderr
            assert "hunter2-secret" not in said + checked.stdout + checked.stderr + str(h.events()) + str(h.state())
            status, answer = h.request("POST", "/api/reload")
            assert status == 409 and says[0] in answer["error"]
            assert h.camera("one")["state"] == "live" and h.camera("one")["reconnects"] == 0
            assert [e for e in h.events(topic="system") if e["state"] == "refused"]
            h.write_site(good)
            reload(h)
            assert h.camera("one")["reconnects"] == 0


SECRETS = """logins:
  gate: { user: operator-of-it, password: hunter2-camera }
tokens:
  hook: hunter2-token
app-passwords:
  vms: { user: vms, password: hunter2-app }
"""


def test_secrets_stay_secret():
    closed = hub.free_port()
    text = (f"cameras:\n  gate: {{ source: 'rtsp://127.0.0.1:{closed}/x', login: gate }}\n"
            f"notify:\n  hook: {{ webhook: 'http://127.0.0.1:{closed}/h', secret: hook }}\n"
            "inputs:\n  door: { driver: virtual, channel: 1, kind: door, debounce: 0ms }\n"
            "rules:\n  tell: { when: door active, do: [ { notify: somebody came } ] }\n")
    with Hub(text, start=False) as h:
        secrets = h.dir / "secrets.yaml"
        secrets.write_text(SECRETS)
        os.chmod(secrets, 0o644)
        refused = subprocess.run([hub.PIGTAIL, "run", h.site], env=h.env, capture_output=True, text=True, timeout=30)
        assert refused.returncode == 3 and "chmod 600" in refused.stderr, refused.stderr
        os.chmod(secrets, 0o600)
        h.start()
        with h.board() as board:
            board.send(b"input 1 closed")
            wait_for("the stream is lost", lambda: h.camera("gate")["state"] == "lost")
            wait_for("the rule fired", lambda: [e for e in h.events(source="rule/tell")])
        time.sleep(1)
        everything = [h.stderr(), str(h.state()), str(h.events()), str(h.get("/api/cameras")), str(h.get("/api/plugs")), str(h.get("/api/rules")),
                      str(h.request("GET", "/metrics")), str(h.gaps("gate"))]
        for command in (["parse", "site", h.site], ["config", "check", h.site], ["state"], ["events"], ["rules", "ls"]):
            answer = h.cli(*command)
            everything.append(answer.stdout + answer.stderr)
        os.chmod(secrets, 0o640)
        everything.append(reload(h, "site file not taken"))
        assert "chmod 600" in everything[-1]
        h.stop()
        everything.append(h.stderr())
        for text in everything:
            assert "hunter2" not in text, text
        for path in h.archive.glob("events.db*"):
            assert b"hunter2" not in path.read_bytes()


def test_record_events_keeps_what_a_rule_asked_for():
    """The ring is segments of a minute and 90 s of them; with the clock of the machine this takes minutes, so here only what is
    promised at once: footage from before the edge is there, under a hold that says who, and plays."""
    with Farm() as farm, Hub(f"cameras:\n  gate: {{ source: {farm.url()}, record: events }}\n"
                             "inputs:\n  door: { driver: virtual, channel: 1, kind: door, debounce: 0ms }\n"
                             "rules:\n  door: { when: door active, do: [ { record: { camera: gate, before: 3s, after: 1s, keep: 1d } } ] }\n") as h:
        h.wait_recording("gate")
        time.sleep(4)
        with h.board() as board:
            edge = time.time()
            board.send(b"input 1 closed")
            kept = wait_for("the rule's hold", lambda: h.get("/api/keep")["kept"])
            time.sleep(2.5)
        assert len(kept) == 1 and kept[0]["camera"] == "gate" and kept[0]["who"] == "rule/door"
        assert abs(hub.parse_time(kept[0]["from"]) - (edge - 3)) < 0.1 and abs(hub.parse_time(kept[0]["to"]) - (edge + 1)) < 0.1
        inside = [x for x in h.samples("gate") if edge - 3 <= x[0] < edge + 1]
        assert len(inside) >= 99 and inside[0][0] < edge - 2.9
        h.assert_nothing_silent("gate")


@pytest.mark.skipif(not hub.LONG, reason="waits for the ring to turn: PIGTAIL_LONG=1")
def test_the_ring_forgets_the_rest():
    with Farm() as farm, Hub(f"cameras:\n  gate: {{ source: {farm.url()}, record: events }}\n"
                             "inputs:\n  door: { driver: virtual, channel: 1, kind: door, debounce: 0ms }\n"
                             "rules:\n  door: { when: door active, do: [ { record: { camera: gate, before: 3s, after: 1s, keep: 1d } } ] }\n") as h:
        h.wait_recording("gate")
        time.sleep(70)
        with h.board() as board:
            edge = time.time()
            board.send(b"input 1 closed")
            time.sleep(250)
        first = [hub.samples(f) for f in h.segments("gate")]
        spans = [(f[0][0], f[-1][0]) for f in first if f]
        assert any(a <= edge - 3 + 0.1 and b >= edge for a, b in spans), (edge, spans)
        kept = [s for s in spans if s[1] < time.time() - 170]
        assert all(s[1] >= edge - 3 and s[0] <= edge + 1 for s in kept), (edge, spans)
