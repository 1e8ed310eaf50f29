# SPDX-License-Identifier: Apache-2.0
"""Cameras of other makers whose clock is set while they cannot be reached, and whose card says what it was told: files of before by the
clock of before, files of after by the other, so that after a step back two pictures bear the same time."""
import struct
import time

import pytest

from hub import Hub, wait_for
from test_fetch import NTP_1970
from test_hostile_replay import FPS, GOP, SECRET, Card, Eye, jobs, numbers, picture

STEPS = {"forward": 20, "a-little-back": -4, "back": -9, "back-before-anything-was-recorded": -40, "far-back": -300}
PLACED = ("forward", "a-little-back", "back")
AWAY = 10  # s; the clock is set in the middle


class SetCard(Card):
    step = 0
    set_at = None

    def clock(self, at):
        return at + (self.step if self.set_at and at >= self.set_at - 0.001 else 0)

    def time_of(self, i):
        return self.clock(self.begun + i / FPS)

    def replay(self, peer, first, last):
        """first and last by the camera's clock; file after file as they were made."""
        until = self.number(time.time())
        cut = round((self.set_at - self.begun) * FPS) if self.set_at else until
        seq = 0
        for file in (range(0, cut), range(cut, until)):
            inside = [i for i in file if first / FPS <= self.time_of(i) - self.begun < last / FPS]
            lead = range(max(file[0], inside[0] // GOP * GOP), inside[0]) if inside else ()
            for i in (*lead, *inside):
                seq = self.put(peer, i, seq, picture(i), self.time_of(i), True)
        self.send(peer, struct.pack(">BBHI", 0x81, 203, 1, 0x11223344), 1)

    def put(self, peer, i, seq, nal, at=None, extension=False, bits=0):
        if not extension and i % FPS == 0:  # live: a report
            now = self.time_of(i)
            self.send(peer, struct.pack(">BBHIQIII", 0x80, 200, 6, 0x11223344, (round(now * 2**32) + (NTP_1970 << 32)) & (2**64 - 1),
                                        round((self.begun + i / FPS) * 90000) & 0xffffffff, 0, 0), 1)
        return super().put(peer, i, seq, nal, at, extension, bits)


class SetEye(Eye):
    card = None

    def now(self):
        return self.card.clock(time.time())


@pytest.fixture(scope="module")
def drill():
    cards = {name: SetCard(step=step, begun=time.time() - 30) for name, step in STEPS.items()}
    eyes = {name: SetEye(card.url, password=SECRET, quirks={"no-events"}) for name, card in cards.items()}
    for name, eye in eyes.items():
        eye.card = cards[name]
    hub = Hub("cameras:\n" + "".join(f"  {n}: {{ source: '{e.source}', login: eye }}\n" for n, e in eyes.items()), start=False)
    (hub.dir / "secrets.yaml").write_text(f"logins:\n  eye: {{ user: admin, password: {SECRET} }}\n")
    (hub.dir / "secrets.yaml").chmod(0o600)
    with hub:
        hub.start()
        hub.wait_recording(*cards)
        time.sleep(16)  # their clocks are measured, and there is footage of the time that comes twice
        lost = time.time()
        for card in cards.values():  # a file begins with a key picture
            key = (card.number(lost + AWAY / 2) // GOP + 1) * GOP
            card.back, card.set_at, card.live_until = lost + AWAY, card.begun + key / FPS, lost
        yield hub, cards
        for name, card in cards.items():
            card.closing = True
            card.listener.close()
            eyes[name].close()


@pytest.mark.parametrize("name", STEPS)
def test_a_clock_that_was_set_meanwhile(drill, name):
    hub, cards = drill

    def settled():
        return next((j for j in jobs(hub, name) if j["seconds"] > 5 and (j["state"] == "filled" or j["tries"] > 1)), None)
    job = wait_for("a job that was tried", settled, 90, 0.3)
    held = numbers(hub, name)
    steps = [(a, b) for a, b in zip(held, held[1:]) if b != a + 1]
    if name in PLACED:
        assert job["state"] == "filled" and not steps, (job, steps)
        return
    # by the times alone what was recorded since cannot be told from what was recorded before
    assert job["state"] == "found" and f"set back by {-STEPS[name]} s" in job["reason"] and job["frames"] > 30, (job, steps)
    set_at = cards[name].number(cards[name].set_at)
    assert len(steps) == 1 and abs(steps[0][0] - set_at) <= 1 and steps[0][1] - set_at > AWAY / 2 * FPS - 15, (steps, set_at)
