# SPDX-License-Identifier: Apache-2.0
"""What keeps a relay from being switched on, and what is left of its contact's life, from the command line and by a rule."""
import pathlib

import pytest

from hub import Hub, wait_for

SITE = """inputs:
  button: { driver: virtual, channel: 1, kind: button }
relays:
  up: { driver: virtual, channel: 1, kind: gate, egress: mechanical, hub-timed: accepted, interlock: motor }
  down: { driver: virtual, channel: 2, kind: gate, egress: mechanical, hub-timed: accepted, interlock: motor }
  pump: { driver: virtual, channel: 3, min-pause: 2s }
  lamp: { driver: virtual, channel: 4, kind: light, rated-cycles: 1000 }
rules:
  lower: { when: button active, do: [ { relay: { down: on } } ] }
"""


def relay(h, *words, ok=True):
    done = h.cli("relay", *words, check=False)
    assert (done.returncode == 0) == ok, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_interlock():
    with Hub(SITE) as h:
        relay(h, "up", "on")
        said = relay(h, "down", "on", ok=False)
        assert "interlock motor: up is on, and the two are never on together; switch up off first" in said
        with h.board() as board:
            board.send(b"input 1 closed")
            failed = wait_for("the rule is refused", lambda: [e for e in h.events(topic="rule") if e["state"] == "failed"], 5)
            assert "up is on" in failed[-1]["detail"]
            board.send(b"input 1 open")
        assert h.get("/api/relays/down")["state"] == "off"
        relay(h, "up", "off")
        relay(h, "down", "on")
        assert h.get("/api/relays/down")["state"] == "on"
        refused = [e for e in h.events(source="relay/down") if e["state"] == "refused"]
        assert len(refused) == 2 and {e["actor"].split("/")[0] for e in refused} == {"user", "rule"}


def test_min_pause():
    with Hub(SITE) as h:
        assert "min-pause 2s" in relay(h, "pump", "on", ok=False)  # since the start
        wait_for("the pause is over", lambda: h.cli("relay", "pump", "on", check=False).returncode == 0, 5)
        relay(h, "pump", "off")
        assert "min-pause 2s" in relay(h, "pump", "pulse", ok=False)
        relay(h, "pump", "off")


def test_cycles_are_kept_and_wear_is_told():
    with Hub(SITE, start=False) as h:
        h.archive.mkdir(parents=True)
        (h.archive / "relay-cycles").write_text("lamp 898\nnonsense\n")
        h.start()
        relay(h, "lamp", "on")
        relay(h, "lamp", "off")
        wait_for("the count is written", lambda: "lamp 899\n" in (h.archive / "relay-cycles").read_text(), 15)
        h.kill()
        h.start()
        relay(h, "lamp", "on")
        relay(h, "lamp", "off")
        assert h.get("/api/relays/lamp")["cycles"] == 900
        worn = [e for e in h.events(source="relay/lamp") if e["state"] == "worn"]
        assert len(worn) == 1 and "has switched 900 times, and is rated for 1000: replace it soon" in worn[0]["detail"]
        shown = h.cli("state").stdout
        assert "relay off, 900 of 1000 cycles" in shown and "warning: its contact has switched 900 times" in shown
        h.stop()
        assert "lamp 900\n" in (h.archive / "relay-cycles").read_text()


def test_the_page_says_what_held_an_order_back_and_what_is_worn():
    pytest.importorskip("selenium")
    import pages_hub as hubs
    from test_pages import call, find, log_in, open_page, text, wait
    if not pathlib.Path("/usr/bin/chromedriver").exists():
        pytest.skip("needs chromium and chromedriver")
    top = "site: {{ name: Guards }}\nweb: {{ listen: 127.0.0.1:{port} }}\narchive: {{ path: archive }}\nusers: users.yaml\n"
    hub = hubs.Hub(site=top + SITE.replace("{ ", "{{ ").replace(" }", " }}").replace("kind: gate, egress: mechanical, hub-timed: accepted", "kind: light"))
    browser = None
    try:
        wait(lambda: call(hub.url + "/api/me")[0] == 200)
        hub.stop()
        (hub.dir / "archive/relay-cycles").write_text("lamp 949\n")
        hub.start()
        wait(lambda: call(hub.url + "/api/me")[0] == 200)
        browser = hubs.chromium()
        log_in(browser, hub, "otto")
        open_page(browser, hub, "plugs")
        for name in ("up", "down", "lamp"):
            find(browser, f"[data-relay={name}] .act[data-label=On]").click()
            wait(lambda: "on by user/otto" in text(browser, f".card[data-relay={name}]") or "refused" in text(browser, f".card[data-relay={name}]"), what=name)
        assert "up is on, and the two are never on together" in text(browser, ".card[data-relay=down]")
        shown = text(browser, ".card[data-relay=lamp]")
        assert "switched 950 times, rated for 1000" in shown and "replace it soon" in shown
    finally:
        if browser:
            hubs.close_chromium(browser)
        hub.close()
