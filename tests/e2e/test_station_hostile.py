# SPDX-License-Identifier: Apache-2.0
"""A monitoring station that somebody else answers for, and one that answers drop by drop."""
import socket
import threading
import time

import pytest
from hub import wait_for
from sia_station import Station
from test_notify import INPUTS, hub_with, open_door, told

KEY = "0123456789abcdef0123456789ABCDEF"


def station_hub(url, more=""):
    return hub_with(INPUTS + f"""notify: {{ station: {{ sia: '{url}', account: "1234"{more} }} }}
rules:
  alarm: {{ when: door active, do: {{ notify: {{ to: station, text: break-in, code: BA, zone: 3 }} }} }}
""", f"tokens: {{ station: {KEY} }}\n")


class Shouted(Station):
    """Whatever is sent to it, others answer first: nonsense, and frames that are damaged or in the clear."""

    def _datagrams(self):
        while True:
            try:
                data, peer = self.socket.recvfrom(2048)
            except OSError:
                return
            if not peer:  # it is being closed
                return
            for junk in (b"", b"nonsense", b"\n0000000\r", b"\r" * 500, b"x" * 2000, data, b'\nA8FB0015"ACK"0001L0#1234[]\r'):
                self.socket.sendto(junk, peer)
            answer = self._take(data)
            if answer:
                self.socket.sendto(answer, peer)


def test_datagrams_of_others_are_passed_over():
    with Shouted(bytes.fromhex(KEY), True) as station, station_hub(station.url(), ", key: station") as h, h.board() as board:
        open_door(board)
        wait_for("it arrives", lambda: told(h))
        assert len(station.events) == 1 and not told(h, "failed")


def test_a_refusal_in_the_clear_makes_no_link_and_loses_nothing():
    """With a key DUH may be anybody's."""
    with Station(bytes.fromhex(KEY)) as station, station_hub(station.url(), ", key: station, supervise: 1s") as h, h.board() as board:
        wait_for("the link is live", lambda: told(h, "live"))
        station.answer = "DUH"
        wait_for("DUH is no sign of it", lambda: told(h, "lost"))
        open_door(board)
        got = station.got
        wait_for("it is tried more than once", lambda: station.got > got + 1)
        assert not told(h, "failed")
        station.answer = "ACK"
        wait_for("it arrives", lambda: told(h))
        wait_for("the link is live again", lambda: len(told(h, "live")) == 2)


@pytest.mark.parametrize("piece", [b"A", b"\n"])
def test_an_answer_that_drips_ends(piece):
    with socket.create_server(("127.0.0.1", 0)) as ear:
        calls = []

        def drip(peer):
            with peer:
                try:
                    while True:
                        peer.send(piece)
                        time.sleep(0.5)
                except OSError:
                    pass

        def answer():
            while True:
                try:
                    peer, _ = ear.accept()
                except OSError:
                    return
                calls.append(time.monotonic())
                threading.Thread(target=drip, args=(peer,), daemon=True).start()
        threading.Thread(target=answer, daemon=True).start()
        with station_hub(f"tcp://127.0.0.1:{ear.getsockname()[1]}") as h, h.board() as board:
            open_door(board)
            wait_for("it is tried anew", lambda: len(calls) >= 2, 25)
            assert h.state()["daemon"]["notify"]["waiting"] == 1 and not told(h, "failed")
        ear.shutdown(socket.SHUT_RDWR)
