# SPDX-License-Identifier: Apache-2.0
"""Supervised loops through the files that the kernel's industrial I/O gives an ADC: here ordinary ones in a directory, as no ADC is
plugged in. What the resistors mean is `unit:plugs/adc/loop`; this is the way from a reading to events and rules."""
from hub import Hub, wait_for

SITE = """inputs:
  door: {{ driver: adc, chip: {adc}, channel: 0, full: 4095, pull-up: 2k2, series: 2k2, parallel: 4k7, contact: normally-closed, kind: door, every: 10ms }}
  away: {{ driver: adc, chip: no-such-adc, channel: 1, full: 4095, pull-up: 2k2, series: 2k2 }}
rules:
  tampered: {{ when: {{ event: tamper, source: input/door, state: active }}, do: {{ log: somebody is at the line }} }}
  opened: {{ when: door active, do: {{ log: opened }} }}
"""


def test_five_states_and_tamper(tmp_path):
    adc = tmp_path / "iio"
    adc.mkdir()

    def put(ohm):
        (adc / "in_voltage0_raw").write_text(f"{4095 if ohm is None else round(4095 * ohm / (ohm + 2200))}\n")
    put(2200)
    with Hub(SITE.format(adc=adc)) as h:
        def door():
            return h.get("/api/inputs/door")
        def told(topic, state):
            return [e for e in h.events(source="input/door", topic=topic) if e["state"] == state]
        def logged(rule):
            return len([e for e in h.events(source=f"rule/{rule}") if e["state"] == "log"])
        wait_for("normal", lambda: door()["state"] == "inactive")
        assert h.get("/api/inputs/away")["state"] == "unknown" and "no ADC named no-such-adc" in h.get("/api/inputs/away")["error"]
        put(6900)
        wait_for("active", lambda: door()["state"] == "active")
        put(2200)
        wait_for("normal again", lambda: door()["state"] == "inactive")
        assert logged("opened") == 1 and not told("tamper", "active")
        for ohm, word in ((None, "the line is cut"), (0, "the line is shorted"), (1200, "none of those expected: 1200 ohms")):
            before = len(told("tamper", "active"))
            put(ohm)
            wait_for(word, lambda: door()["state"] == "fault" and word in (door()["error"] or ""))
            assert len(told("tamper", "active")) == before + 1 and word in told("tamper", "active")[0]["detail"]
            put(2200)
            wait_for("mended", lambda: door()["state"] == "inactive" and not door().get("error"))
            wait_for("no tamper any more", lambda: len(told("tamper", "inactive")) == before + 1)
        put(0)
        wait_for("shorted", lambda: len(told("tamper", "active")) == 4)
        put(None)
        wait_for("and cut behind that: another event", lambda: len(told("tamper", "active")) == 5)
        assert "the line is cut" in told("tamper", "active")[0]["detail"]
        put(2200)
        wait_for("mended", lambda: len(told("tamper", "inactive")) == 4)
        assert logged("tampered") == 5 and logged("opened") == 1
        shown = h.cli("events", "--source", "input/door").stdout  # a door that is active is not one that was tampered with
        assert shown.count("tamper active") == 5 and shown.count("tamper inactive") == 4 and shown.count("input/door             active") == 1, shown
