# SPDX-License-Identifier: Apache-2.0
"""Cameras whose card answers as it should not. Each is recorded live, lost for some seconds and asked for what is missing; whatever
it sends, what was recorded live stays as it is, nothing is there twice, what lacks is told, and its password is told to nobody."""
import json
import re
import sqlite3
import struct
import threading
import time
from xml.sax.saxutils import escape

import pytest

import hub as hubs
from hub import Hub, parse_time, wait_for
from quirky_camera import fragments
from test_fetch import NTP_1970, Replay
from test_recordings import Recorder

FPS, GOP = 10, 10
SECRET = "s3cret-of-the-card"


def picture(i, size=600, key=None):
    head = b"\x65\x88\x84" if (i % GOP == 0 if key is None else key) else b"\x41\x9a\x02"
    return head + b"picture %09d " % i + bytes([i % 251 + 4]) * size


class Card(Replay):
    """Live and recorded pictures, the same in both, each with its number in it; `kind` says how the card misbehaves."""
    kind = "good"
    begun = 0.0
    live_until = None  # from then on until `back` nobody is let in
    back = 0.0
    plays = 0

    def away(self):
        return self.live_until and self.live_until < time.time() < self.back

    def number(self, at):
        return int((at - self.begun) * FPS)

    def answer(self, peer, method, headers, state):
        live = "require" not in headers
        if self.away():
            peer.close()
        elif live and method == "SETUP":
            self.reply(peer, headers, extra=[f"Session: {self.session}", f"Transport: {headers['transport']}"])
        elif live and method == "PLAY":
            self.reply(peer, headers, extra=[f"Session: {self.session}"])
            threading.Thread(target=self.guarded_stream, args=(peer, state), daemon=True).start()
        elif method == "PLAY":
            self.plays += 1
            if self.kind == "closes":
                peer.close()
                return
            begin, end = (float(hubs.parse_time(f"{t[:4]}-{t[4:6]}-{t[6:11]}:{t[11:13]}:{t[13:]}Z")) for t in
                          re.fullmatch(r"clock=(\S+?)Z-(\S+)Z", headers["range"]).groups())
            self.reply(peer, headers, extra=[f"Session: {self.session}", f"Range: {headers['range']}"])
            self.replay(peer, self.number(begin) // GOP * GOP, self.number(end))
        else:
            super().answer(peer, method, headers, state)

    def stream(self, peer, state):
        i, seq = (self.number(time.time()) // GOP + 1) * GOP, 0  # nobody is sent again what was sent before
        while not self.away():
            time.sleep(max(0, self.begun + i / FPS - time.time()))
            seq = self.put(peer, i, seq, picture(i))
            i += 1
        peer.close()

    def put(self, peer, i, seq, nal, at=None, extension=False, bits=0):
        at = self.begun + i / FPS if at is None else at
        pieces = list(fragments(nal, 60000))
        for k, piece in enumerate(pieces):
            last = k == len(pieces) - 1
            words = struct.pack(">HHQBBH", 0xABAC, 3, (round(at * 2**32) + (NTP_1970 << 32)) & (2**64 - 1), bits, 1, 0) if extension else b""
            self.send(peer, struct.pack(">BBHII", 0x90 if words else 0x80, 96 | (0x80 if last else 0), seq & 0xffff, round((self.begun + i / FPS) * 90000) & 0xffffffff, 0x11223344)
                      + words + piece)
            seq += 1
        return seq

    def replay(self, peer, first, last):
        """What is sent, as (number, time or None, picture)."""
        seq = 0
        for i, at, nal in self.sent(first, last):
            seq = self.put(peer, i, seq, nal, at, True)
        if self.kind not in ("endless", "round"):
            self.send(peer, struct.pack(">BBHI", 0x81, 203, 1, 0x11223344), 1)

    def sent(self, first, last):
        middle = (first + last) // 2
        if self.kind == "endless":  # it goes round, without end
            first -= first % GOP
            while True:
                yield from ((i, None, picture(i)) for i in range(first, first + 2 * GOP))
        if self.kind == "round":  # it has not all, and begins again with that, without end
            while True:
                yield from ((i, None, picture(i)) for i in range(first, (first + 3 * last) // 4))
        if self.kind == "from the beginning":
            first = 0
        if self.kind == "twenty minutes before":  # a whole file of its card
            first -= 1200 * FPS
        if self.kind == "no key pictures":
            yield from ((i, None, picture(i, key=False)) for i in range(first, last))
            return
        for i in range(first, last):
            at = {"1970": 1.0, "2100": 4102444800.0}.get(self.kind) if i == middle else None
            yield i, at, picture(i, 3_000_000 if self.kind == "huge" and i == (middle + last) // 2 else 600)
            if self.kind == "twice":
                yield i, None, picture(i)


class Eye(Recorder):
    tokens = ("low",)

    def do_GetReplayUri(self, body, path):
        uri = self.stream.replace("rtsp://", f"rtsp://admin:{self.password}@")
        return f"<trp:GetReplayUriResponse><trp:Uri>{escape(uri)}</trp:Uri></trp:GetReplayUriResponse>"

    def do_FindRecordings(self, body, path):
        if "never-answers" in self.quirks:
            time.sleep(600)
        return super().do_FindRecordings(body, path)


KINDS = ["endless", "round", "twenty minutes before", "twice", "1970", "2100", "no key pictures", "never answers"] + (["good", "from the beginning", "huge", "closes"] if hubs.LONG else [])


def forget_a_gap(hub):
    """As retention does while its job waits: neither footage nor a gap is left of that time."""
    db = sqlite3.connect(hub.archive / "index.db")
    series = db.execute("INSERT INTO series(camera, stream) VALUES('twice', 'main') ON CONFLICT DO UPDATE SET camera=camera RETURNING id").fetchone()[0]
    begin = int((time.time() - 7200) * 1e9)
    db.execute("INSERT INTO job(series,start_ns,end_ns,cause,state,reason,urgent,tries,due_ns,found_ns,changed_ns,frames,bytes,seam,offset_ns)"
               " VALUES(?,?,?,1,0,'',1,0,0,?,?,0,0,0,0)", (series, begin, begin + 10**12, begin, begin))
    db.commit()
    db.close()


@pytest.fixture(scope="module")
def drill():
    cards, eyes = {}, {}
    for kind in KINDS:
        name = kind.replace(" ", "-")
        cards[name] = Card(kind=kind, begun=time.time() - 30)
        eyes[name] = Eye(cards[name].url, password=SECRET, quirks={"no-events"} | ({"never-answers"} if kind == "never answers" else set()))
    hub = Hub("cameras:\n" + "".join(f"  {n}: {{ source: '{e.source}', login: eye }}\n" for n, e in eyes.items()), start=False)
    (hub.dir / "secrets.yaml").write_text(f"logins:\n  eye: {{ user: admin, password: {SECRET} }}\n")
    (hub.dir / "secrets.yaml").chmod(0o600)
    with hub:
        hub.start()
        hub.stop()
        forget_a_gap(hub)
        hub.start()
        hub.wait_recording(*cards)
        time.sleep(1.5)
        lost = time.time()
        for card in cards.values():
            card.back, card.live_until = lost + 3, lost
        yield hub, cards
        for card, eye in zip(cards.values(), eyes.values()):
            card.closing = True
            card.listener.close()
            eye.close()


def jobs(hub, name):
    return hub.get(f"/api/backfill?camera={name}")["jobs"]


def numbers(hub, name):
    """Of the pictures as the archive plays them."""
    path = hub.dir / f"{name}.mp4"
    found = hub.get(f"/api/cameras/{name}/segments")["segments"]
    hub.cli("archive", "export", name, "--from", found[0]["start"], "--to", found[-1]["end"], "--output", path)
    return [int(n) for n in re.findall(rb"picture (\d{9}) ", path.read_bytes())]




FILLED = ("good", "twenty minutes before", "from the beginning", "twice", "1970", "2100", "huge")
REASONS = {"endless": "sends without end", "round": "sends without end", "no key pictures": "no whole frame", "closes": "closed the connection", "never answers": "no whole answer"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_card_may_answer(drill, kind):
    hub, cards = drill
    name = kind.replace(" ", "-")

    def tried():
        return next((j for j in jobs(hub, name) if 2 < j["seconds"] < 1000 and (j["reason"] or j["state"] == "filled")), None)
    job = wait_for("a job that was tried", tried, 60, 0.3)
    held = numbers(hub, name)
    steps = [(a, b) for a, b in zip(held, held[1:]) if b != a + 1]
    if kind in FILLED:
        assert (job["state"], job["seam"]) == ("filled", "content") and not steps, (job, steps)
    elif kind == "round":  # what is right of it is kept, once
        assert job["state"] == "found" and REASONS[kind] in job["reason"] and job["frames"] >= 10, job
        assert len(steps) == 1 and steps[0][1] > steps[0][0] + 1, steps
    else:
        assert job["state"] == "found" and REASONS[kind] in job["reason"] and not job["frames"], job
        assert len(steps) == 1 and steps[0][1] - steps[0][0] > 20, "live as it was, and one hole"
        gaps = [g for g in hub.get(f"/api/backfill?camera={name}")["gaps"] if g["seconds"] > 2]
        assert len(gaps) == 1 and gaps[0]["end"], gaps


def test_what_was_deleted_meanwhile_is_not_called_filled(drill):
    hub, _ = drill
    job = wait_for("its end", lambda: next((j for j in jobs(hub, "twice") if j["seconds"] == 1000 and j["state"] not in ("found", "asked")), None), 30, 0.3)
    assert (job["state"], job["frames"]) == ("impossible", 0) and "deleted" in job["reason"], job


def test_a_pause_is_true_or_false(drill):
    hub, _ = drill
    for wish in ({}, {"pause": "yes"}, {"pause": None}, {"pause": []}):
        assert hub.request("POST", "/api/backfill/pause", wish)[0] == 400, wish
    assert not hub.get("/api/backfill")["paused"]


def test_the_password_is_told_to_nobody(drill):
    """It stands in the address that the camera gave."""
    hub, _ = drill
    told = hub.stderr() + "".join(json.dumps(hub.get(p)) for p in ("/api/backfill", "/api/proof", "/api/state", "/api/events?limit=10000", "/api/timeline?detail=1"))
    assert SECRET not in told
    assert not [p for p in hub.dir.rglob("*") if p.is_file() and p.name != "secrets.yaml" and SECRET.encode() in p.read_bytes()]


def test_it_stops_while_cameras_are_asked(drill):
    """The last one. One goes round without end meanwhile, another never answers."""
    hub, _ = drill
    for name in ("endless", "never-answers"):
        assert hub.request("POST", "/api/backfill", {"camera": name})[0] == 200
    wait_for("both are asked", lambda: all(any(j["state"] in ("asked", "fetching") for j in jobs(hub, n)) for n in ("endless", "never-answers")), 20)
    begin = time.monotonic()
    hub.stop()
    assert time.monotonic() - begin < 6, "3 s of a release build"
