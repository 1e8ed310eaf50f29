# SPDX-License-Identifier: Apache-2.0
"""The alarm centre: arming with its delays, zones, PINs, alarms that are acknowledged and cleared; all of it outlives kill -9."""
import json
import signal
import subprocess
import time
import urllib.error
import urllib.request

import hub
import pages_hub
from hub import Hub, wait_for

SITE = """
cameras: { hall: { source: "test:clock", record: never } }
inputs:
  door: { driver: virtual, channel: 1, kind: door }
  pir: { driver: virtual, channel: 2, kind: pir }
  smoke: { driver: virtual, channel: 3 }
  tank: { driver: virtual, channel: 4 }
relays: { siren: { driver: virtual, channel: 1, kind: siren } }
alarm:
  exit-delay: 1s
  entry-delay: 2s
  zones:
    front: { inputs: door, armed-in: [night, away], entry: delayed, camera: hall, procedure: Call the owner }
    rooms: { inputs: [pir], armed-in: away, text: Somebody is inside, priority: 5 }
    fire: { inputs: smoke, armed-in: always, procedure: Call 112 }
rules:
  beep: { when: [{ event: alarm, source: alarm/front, state: entry }, { event: alarm, source: system/mode, state: arming }], do: { log: beep } }
  siren: { when: [alarm rooms raised, alarm front raised], do: { relay: { siren: on } } }
  quiet: { when: [mode disarmed, alarm rooms acknowledged], do: { relay: { siren: off } } }
  dry: { when: tank active, do: { alarm: { text: The tank is dry, procedure: Close the tap, camera: hall, priority: 1 } } }
  away-only: { when: tank inactive, if: { mode: away }, do: { log: it was away } }
"""
PIN = "271828"


def pin_line():
    answer = subprocess.run([hub.PIGTAIL, "user", "pin"], input=PIN + "\n", capture_output=True, text=True)
    assert answer.returncode == 0 and PIN not in answer.stdout + answer.stderr, answer.stderr
    return answer.stdout


def call(url, body=None, cookie=None):
    """(status, answer, cookie that was set) over the web port."""
    headers = {"Content-Type": "application/json", **({"Cookie": cookie} if cookie else {})}
    request = urllib.request.Request(url, json.dumps(body).encode() if body is not None else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read()), (answer.headers["Set-Cookie"] or "").split(";")[0]
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()), None


def alarm(h):
    return h.get("/api/alarm")


def open_alarms(h):
    return [a for a in alarm(h)["alarms"] if a["state"] != "cleared"]


def set_mode(h, mode, **more):
    return h.request("POST", "/api/alarm/mode", {"mode": mode, **more})


def arm(h, mode="away"):
    status, answer = set_mode(h, mode)
    assert status == 200, answer
    wait_for(f"armed {mode}", lambda: alarm(h)["mode"] == mode, 5)


def test_in_and_out():
    with Hub(SITE) as h, h.board() as board:
        assert alarm(h)["mode"] == "disarmed" and alarm(h)["arming"] is None
        status, answer = set_mode(h, "away")
        assert status == 200 and answer["arming"] == "away" and answer["mode"] == "disarmed", answer
        board.send(b"input 1 closed")  # on the way out
        board.send(b"input 1 open")
        wait_for("armed", lambda: alarm(h)["mode"] == "away", 5)
        assert not open_alarms(h)
        board.send(b"input 1 closed")  # back: time to disarm
        zone = wait_for("the entry delay", lambda: next((z for z in alarm(h)["zones"] if z.get("entry_in_s")), None), 3)
        assert zone["name"] == "front" and not open_alarms(h)
        wait_for("rules hear of both delays", lambda: (lambda e: e if len(e) == 2 else None)([e for e in h.events(source="rule/beep") if e["state"] == "log"]), 3)
        assert set_mode(h, "disarmed")[0] == 200
        time.sleep(2.2)
        assert not open_alarms(h), "disarmed in time"
        board.send(b"input 1 open")
        arm(h)
        board.send(b"input 1 closed")
        raised = wait_for("the entry delay runs out", lambda: open_alarms(h), 5)
        assert [(a["name"], a["state"], a["camera"], a["procedure"], a["count"]) for a in raised] == [("front", "raised", "hall", "Call the owner", 1)]
        wait_for("the rule hears of it", lambda: h.get("/api/relays/siren")["state"] == "on", 5)
        # P6: who did it stands in the log, and before it
        log = h.events(source="system/mode")
        orders = [e for e in log if e["topic"] == "command"]
        assert orders and all(e["actor"].startswith("user/local uid") for e in orders)
        entered = next(e for e in log if e["topic"] == "mode" and e["state"] == "away" and not e.get("initial"))
        assert any(e["state"] == "away" and e["id"] < entered["id"] for e in orders)


def test_what_is_open_and_always_armed():
    with Hub(SITE) as h, h.board() as board:
        board.send(b"input 2 closed")
        wait_for("open", lambda: next(z for z in alarm(h)["zones"] if z["name"] == "rooms")["state"] == "open", 5)
        status, answer = set_mode(h, "away")
        assert status == 409 and "rooms is open" in answer["error"], answer
        assert [e for e in h.events(source="system/mode", topic="command") if e["state"] == "refused"]
        assert set_mode(h, "away", force=True)[0] == 200
        wait_for("armed", lambda: alarm(h)["mode"] == "away", 5)
        assert next(z for z in alarm(h)["zones"] if z["name"] == "rooms")["left_out"] and not open_alarms(h)
        board.send(b"input 2 open")
        board.send(b"input 2 closed")
        wait_for("guarded again once it was closed", lambda: open_alarms(h), 5)
        assert set_mode(h, "disarmed")[0] == 200
        board.send(b"input 3 closed")
        fire = wait_for("fire, although disarmed", lambda: next((a for a in open_alarms(h) if a["name"] == "fire"), None), 5)
        assert h.request("POST", f"/api/alarm/{fire['id']}/acknowledge")[0] == 200
        time.sleep(0.3)
        assert next(a for a in open_alarms(h) if a["name"] == "fire")["state"] == "acknowledged", "as long as it burns"
        board.send(b"input 3 open")
        wait_for("over", lambda: not [a for a in open_alarms(h) if a["name"] == "fire"], 5)
        over = next(a for a in alarm(h)["alarms"] if a["name"] == "fire")
        assert over["cleared_by"] == "zone/fire" and over["acknowledged_by"].startswith("user/local uid")
        assert h.request("POST", f"/api/alarm/{fire['id']}/acknowledge")[0] == 404
        assert h.request("POST", "/api/alarm/mode", {"mode": "nigt"})[0] == 400


def test_a_kill_while_armed_and_alarmed():
    with Hub(SITE) as h, h.board() as board:
        arm(h)
        board.send(b"input 2 closed")
        board.send(b"input 4 closed")
        before = wait_for("two alarms", lambda: (lambda a: a if len(a) == 2 else None)(open_alarms(h)), 5)
        dry = next(a for a in before if a["name"] == "dry")
        status, answer = h.request("POST", f"/api/alarm/{dry['id']}/acknowledge")
        assert status == 200
        h.kill()  # what was answered is on disk
        h.start()
        now = alarm(h)
        assert now["mode"] == "away" and now["alarms"] == answer["alarms"]
        assert {a["name"]: a["state"] for a in now["alarms"]} == {"rooms": "raised", "dry": "acknowledged"}
        assert h.request("POST", f"/api/alarm/{dry['id']}/clear")[0] == 200
        first = h.events(source="system/mode", topic="mode")[0]
        assert first["state"] == "away" and first["initial"]
        with h.board() as board:
            board.send(b"input 4 closed")
            board.send(b"input 4 open")
            wait_for("rules know the mode", lambda: [e for e in h.events(source="rule/away-only") if e["detail"] == "it was away"], 5)
            wait_for("rules' alarms", lambda: [a for a in open_alarms(h) if a["name"] == "dry"], 5)
            board.send(b"input 2 closed")
            wait_for("still guarded", lambda: next(a for a in open_alarms(h) if a["name"] == "rooms")["state"] == "raised", 5)
            assert next(a for a in open_alarms(h) if a["name"] == "rooms")["count"] == 2
        status, answer = set_mode(h, "disarmed")
        assert status == 200 and answer["mode"] == "disarmed"
        h.kill()
        h.start()
        assert alarm(h)["mode"] == "disarmed" and len(open_alarms(h)) == 2
        h.stop()
        state = h.archive / "alarm.state"
        assert state.stat().st_mode & 0o077 == 0
        state.write_text("[centre\n")
        h.start()
        assert alarm(h)["mode"] == "disarmed" and [e for e in h.events(source="system/alarm") if "put aside" in e["detail"]]


def test_pins():
    pin = pin_line()
    with Hub(SITE, start=False) as h:
        users = h.dir / "users.yaml"
        users.touch(mode=0o600)
        password = subprocess.run([hub.PIGTAIL, "user", "add", "otto", "operator"], input="correct horse\n", capture_output=True, text=True,
                                  check=True).stdout
        users.write_text(password + f"  {pin}" + "vera:\n  role: viewer\n")
        h.start()
        status, answer = set_mode(h, "away")
        assert status == 200, "arming needs none"
        wait_for("armed", lambda: alarm(h)["mode"] == "away", 5)
        assert {m["name"]: m["pin"] for m in alarm(h)["modes"]} == {"disarmed": True, "home": True, "night": True, "away": False}
        assert set_mode(h, "disarmed")[0] == 403 and alarm(h)["mode"] == "away"
        for _ in range(3):
            status, answer = set_mode(h, "disarmed", pin="000000")
            assert status == 403 and "wrong" in answer["error"]
        status, answer = set_mode(h, "disarmed", pin=PIN)
        assert status == 429 and "wait" in answer["error"], "who guesses is slowed"
        assert alarm(h)["mode"] == "away"
        time.sleep(1.1)
        assert h.cli("alarm", "disarm", check=False, text="999999\n").returncode == 1
        assert alarm(h)["mode"] == "away"
        time.sleep(2.1)
        h.cli("alarm", "disarm", text=PIN + "\n")
        assert alarm(h)["mode"] == "disarmed"
        command = [e for e in h.events(source="system/mode", topic="command") if e["state"] == "disarmed"]
        assert command[0]["actor"] == "user/otto" and "local uid" in command[0]["detail"], command
        assert len([e for e in h.events(source="system/mode", topic="command") if e["state"] == "refused"]) == 4
        everything = json.dumps(h.events()) + h.stderr()
        assert PIN not in everything and "000000" not in everything and "999999" not in everything
        # a PIN that is no PIN
        users.write_text(password + "  pin: 271828\n")
        said = h.cli("config", "check", h.site, check=False)
        assert said.returncode == 3 and "pigtail user pin" in said.stdout + said.stderr
        assert subprocess.run([hub.PIGTAIL, "user", "pin"], input="12\n", capture_output=True, text=True).returncode == 1


def test_command_line():
    with Hub(SITE) as h, h.board() as board:
        h.cli("alarm", "arm", "away")
        wait_for("armed", lambda: alarm(h)["mode"] == "away", 5)
        board.send(b"input 2 closed")
        wait_for("an alarm", lambda: open_alarms(h), 5)
        said = h.cli("alarm").stdout
        assert "away" in said and "Somebody is inside" in said and "raised" in said, said
        number = str(open_alarms(h)[0]["id"])
        h.cli("alarm", "ack", number)
        assert "acknowledged" in h.cli("alarm").stdout
        h.cli("alarm", "clear", number)
        assert not open_alarms(h)
        assert h.cli("alarm", "ack", number, check=False).returncode == 1
        h.cli("alarm", "disarm")
        said = h.cli("alarm", "arm", "away", check=False)
        assert said.returncode == 1 and "rooms is open" in said.stderr
        h.cli("alarm", "arm", "away", "--force")
        assert json.loads(h.cli("alarm", "--json").stdout)["arming"] == "away"
        assert h.cli("alarm", "arm", "awya", check=False).returncode == 1


def test_a_reload_while_armed():
    """Zones of the same name go on; one that is new and found open raises; a mode that is gone is told."""
    with Hub(SITE) as h, h.board() as board:
        arm(h)
        board.send(b"input 4 closed")
        wait_for("the rule's alarm", lambda: open_alarms(h), 5)
        h.write_site(SITE.replace("    fire:", "    water: { inputs: tank, armed-in: always, text: Water }\n    fire:"))
        h.process.send_signal(signal.SIGHUP)
        wait_for("the new zone", lambda: {a["name"] for a in open_alarms(h)} == {"dry", "water"}, 10)
        assert alarm(h)["mode"] == "away"
        board.send(b"input 2 closed")
        wait_for("what was guarded is", lambda: "rooms" in {a["name"] for a in open_alarms(h)}, 5)
        h.write_site("inputs: { door: { driver: virtual, channel: 1 } }\n")
        site = h.dir / "site.yaml"
        site.write_text(site.read_text().replace("timezone: UTC", "timezone: UTC, modes: [open, shut]"))
        h.process.send_signal(signal.SIGHUP)
        wait_for("its own modes", lambda: alarm(h)["mode"] == "open", 10)
        assert "no mode away any more" in h.events(source="system/mode", topic="mode")[0]["detail"]
        assert len(open_alarms(h)) == 3, "nothing is forgotten"
        for a in open_alarms(h):
            assert h.request("POST", f"/api/alarm/{a['id']}/clear")[0] == 200


def test_a_disk_that_takes_nothing():
    """Done, and said that it will not outlive a restart; and written with the next one that can be."""
    with Hub(SITE, start=False) as h:
        h.archive.mkdir()
        (h.archive / "alarm.state").mkdir()
        (h.archive / "alarm.state" / "in the way").touch()
        h.start()
        status, answer = set_mode(h, "home")
        assert status == 500 and "written down" in answer["error"], answer
        assert alarm(h)["mode"] == "home"
        assert [e for e in h.events(source="system/alarm") if e["state"] == "warning"]
        (h.archive / "alarm.state" / "in the way").unlink()
        (h.archive / "alarm.state").rmdir()
        assert set_mode(h, "disarmed")[0] == 200
        assert "mode=disarmed" in (h.archive / "alarm.state").read_text()


def test_without_a_section():
    """Modes and alarms are there without it; nothing is delayed and nothing is refused."""
    site = """
inputs: { door: { driver: virtual, channel: 1 } }
rules:
  alert: { when: door active, if: { mode: [night, away] }, do: { alarm: Somebody came } }
  by night: { when: door inactive, do: { mode: night } }
"""
    with Hub(site) as h, h.board() as board:
        assert alarm(h)["zones"] == [] and alarm(h)["mode"] == "disarmed"
        board.send(b"input 1 closed")
        board.send(b"input 1 open")
        wait_for("the rule sets the mode", lambda: alarm(h)["mode"] == "night", 5)
        assert not open_alarms(h)
        board.send(b"input 1 closed")
        raised = wait_for("its alarm", lambda: open_alarms(h), 5)
        assert raised[0]["name"] == "alert" and raised[0]["of"] == "rule" and raised[0]["cause"] == "input door active"
        order = [e for e in h.events(source="system/mode", topic="command")]
        assert order[0]["actor"] == "rule/by night"
        status, answer = set_mode(h, "away")
        assert status == 200 and answer["mode"] == "away"


def test_who_may():
    site = pages_hub.SITE + """alarm:
  exit-delay: 0s
  zones: {{ front: {{ inputs: door, armed-in: away, camera: gate }} }}
"""
    h = pages_hub.Hub(users=("vera viewer", "otto operator", "part operator"), site=site)
    try:
        h.stop()
        users = h.dir / "users.yaml"
        users.write_text(users.read_text().replace("part:\n", "part:\n  cameras: [yard]\n"))
        h.start()
        login = {name: call(h.url + "/api/login", {"user": name, "password": pages_hub.PASSWORD})[2] for name in ("vera", "otto", "part")}

        def ask(who, path, body=None):
            return call(h.url + path, body, login.get(who))[:2]

        assert ask("nobody", "/api/alarm")[0] == 401
        assert ask("vera", "/api/alarm/mode", {"mode": "away"})[0] == 403
        status, answer = ask("part", "/api/alarm/mode", {"mode": "away"})
        assert status == 403 and "whole site" in answer["error"]
        status, answer = ask("otto", "/api/alarm/mode", {"mode": "away"})
        assert status == 200 and answer["mode"] == "away"
        ask("otto", "/api/board/board/inputs/1", {"closed": True})
        raised = wait_for("the alarm", lambda: ask("vera", "/api/alarm")[1]["alarms"], 5)
        seen = ask("part", "/api/alarm")[1]
        assert seen["alarms"] == [] and seen["zones"] == [], "of another camera"
        acknowledge = f"/api/alarm/{raised[0]['id']}/acknowledge"
        assert ask("vera", acknowledge, {})[0] == 403
        assert ask("part", acknowledge, {})[0] == 404
        status, answer = ask("otto", acknowledge, {})
        assert status == 200 and answer["alarms"][0]["acknowledged_by"] == "user/otto"
    finally:
        h.close()
