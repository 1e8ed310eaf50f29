# SPDX-License-Identifier: Apache-2.0
"""A monitoring station by SIA DC-09: a receiver of our own that checks every rule of the standard and makes troubles, and one that
nobody here wrote, ioBroker's."""
import datetime
import json
import os
import subprocess
import threading

import pytest
from hub import free_port, wait_for
from npm import packages
from sia_station import Station
from test_notify import INPUTS, hub_with, open_door, told


def station_site(url, more=""):
    return INPUTS + f"""notify: {{ station: {{ sia: '{url}', account: "1234"{more} }} }}
rules:
  alarm: {{ when: door active, do: {{ notify: {{ to: station, text: break-in, code: {'"1130"' if 'adm-cid' in more else 'BA'}, zone: 3 }} }} }}
  over: {{ when: door inactive, do: {{ notify: {{ to: station, text: over, code: {'"3130"' if 'adm-cid' in more else 'BR'}, zone: 3 }} }} }}
"""


KEYS = {16: "0123456789abcdef0123456789ABCDEF", 24: "00112233445566778899aabbccddeeff0011223344556677", 32: "00112233445566778899aabbccddeeff" * 2}


@pytest.mark.parametrize("udp", [False, True])
@pytest.mark.parametrize("key", [0, 16, 24, 32])
@pytest.mark.parametrize("contact_id", [False, True])
def test_station(udp, key, contact_id):
    with Station(bytes.fromhex(KEYS[key]) if key else None, udp) as station:
        more = (", format: adm-cid" if contact_id else "") + (", key: station" if key else "")
        with hub_with(station_site(station.url(), more), f"tokens: {{ station: {KEYS.get(key, 'x')} }}\n") as h, h.board() as board:
            for _ in range(3):
                open_door(board)
            wait_for("six events", lambda: len(station.events) == 6)
            kind = "ADM-CID" if contact_id else "SIA-DCS"
            what = [("1", "130", "00", "003"), ("3", "130", "00", "003")] if contact_id else [("BA", "3"), ("BR", "3")]
            assert station.events == [(i + 1, kind, "1234", *what[i % 2], None) for i in range(6)]
            assert not station.wrong
            wait_for("the log says so", lambda: len(told(h)) == 6)
        assert not key or KEYS[key] not in h.stderr()


def test_station_that_is_away():
    """Nothing is lost and nothing overtaken while it is away and the hub is killed; what comes late says when it was; the link is
    watched."""
    key = bytes.fromhex(KEYS[16])
    station = Station(key)
    with hub_with(station_site(station.url(), ", key: station, supervise: 1s"), f"tokens: {{ station: {KEYS[16]} }}\n") as h:
        wait_for("the link is tried", lambda: station.nulls >= 3)
        assert [e["source"] for e in told(h, "live")] == ["notify/station"]
        station.close()
        wait_for("its loss is told", lambda: told(h, "lost"))
        with h.board() as board:
            for _ in range(2):
                open_door(board)
        wait_for("they wait", lambda: h.state()["daemon"]["notify"]["waiting"] == 4)
        h.kill()
        again = Station(key, port=station.port)
        with again:
            h.start()
            wait_for("all arrive", lambda: len(again.events) >= 4, 70)
            assert [(e[0], e[3]) for e in again.events] == [(1, "BA"), (2, "BR"), (3, "BA"), (4, "BR")] and not again.wrong
            wait_for("it is back", lambda: told(h, "live"))
            assert len(told(h, "failed")) == 0
            h.stop()


def test_station_with_troubles():
    """Another clock, an answer that anybody could have given, a damaged one, silence, and what it does not understand."""
    with Station(bytes.fromhex(KEYS[32])) as station:
        station.clock = datetime.timedelta(hours=5)
        with hub_with(station_site(station.url(), ", key: station"), f"tokens: {{ station: {KEYS[32]} }}\n") as h, h.board() as board:
            board.send(b"input 1 closed")
            wait_for("it arrives by the station's clock", lambda: station.events)
            station.clock = datetime.timedelta()
            for answer in ("plain", "damaged", "NAK"):
                station.answer, before, n = answer, station.got, len(told(h))
                board.send(b"input 1 open" if answer != "damaged" else b"input 1 closed")
                wait_for(f"{answer} is not taken for an answer", lambda: station.got >= before + 2)
                assert len(told(h)) == n
                station.answer = "ACK"
                wait_for("it arrives", lambda: len(told(h)) == n + 1)
            station.answer = "DUH"
            board.send(b"input 1 closed")
            failed = wait_for("it is given up", lambda: told(h, "failed"))
            assert "DUH" in failed[0]["detail"] and not station.wrong


IOBROKER_JS = """
const { sia } = require('iobroker.sia/build/lib/sia.js');
const aes = KEY ? { aes: true, hex: true, password: 'KEY' } : { aes: false };
const station = new sia({ host: '127.0.0.1', port: PORT, timeout: 20, sockend: SOCKEND, logger: { info() {}, debug() {}, error() {} } });
station.setAccounts([{ accountnumber: '1234', ...aes }]);
station.on('sia', (message, wrong) => console.log(JSON.stringify(wrong ? { wrong } :
    { id: message.id, sequence: message.seq, account: message.act, message: message.data_message, time: message.ts })));
station.serverudp.on('listening', () => console.log('ready'));
station.servertcp.on('listening', () => station.serverStartUDP());
station.serverStartTCP();
"""


@pytest.mark.parametrize("contact_id,key,udp,sockend", [(False, 0, False, True), (True, 16, False, False), (False, 24, True, True), (True, 32, True, True)])
def test_station_of_other_people(tmp_path, contact_id, key, udp, sockend):
    """Each message is acknowledged by ioBroker's receiver and understood: what happened, where, when; over connections that it ends
    and that stay."""
    place = packages("npm-sia", "iobroker.sia@2.0.4")
    port = free_port()
    script = IOBROKER_JS.replace("KEY ?", f"{int(key > 0)} ?").replace("KEY", KEYS.get(key, "")).replace("PORT", str(port)).replace("SOCKEND", str(sockend).lower())
    (tmp_path / "station.js").write_text(script)
    process = subprocess.Popen(["node", tmp_path / "station.js"], stdout=subprocess.PIPE, text=True, env=os.environ | {"NODE_PATH": str(place / "node_modules")})
    heard = []
    try:
        assert process.stdout.readline() == "ready\n"
        threading.Thread(target=lambda: heard.extend(json.loads(line) for line in process.stdout), daemon=True).start()
        more = (", format: adm-cid" if contact_id else "") + (", key: station" if key else "")
        with hub_with(station_site(f"{'udp' if udp else 'tcp'}://127.0.0.1:{port}", more), f"tokens: {{ station: {KEYS.get(key, 'x')} }}\n") as h, h.board() as board:
            for _ in range(3):
                open_door(board)
            wait_for("all are acknowledged", lambda: len(told(h)) == 6)
            assert not told(h, "failed")
    finally:
        process.kill()
        process.wait()
    what = [("1130 00 003", "3130 00 003"), ("NBA3", "NBR3")][not contact_id]
    for i, message in enumerate(heard):
        assert message["id"] == "*" * (key > 0) + ("ADM-CID" if contact_id else "SIA-DCS") and message["sequence"] == f"{i + 1:04}" and message["account"] == "1234"
        assert message["message"].startswith("#1234|" + what[i % 2]), message
        sent = datetime.datetime.strptime(message["time"], "%H:%M:%S,%m-%d-%Y").replace(tzinfo=datetime.timezone.utc)
        assert abs((datetime.datetime.now(datetime.timezone.utc) - sent).total_seconds()) < 60
    assert len(heard) == 6
