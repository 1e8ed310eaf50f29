# SPDX-License-Identifier: Apache-2.0
"""A monitoring station's receiver, written from ANSI/SIA DC-09-2013 and sharing nothing with the hub: it takes events over TCP
and UDP on the same port, checks checksum, length, encryption, padding and timestamp, and answers ACK, NAK or DUH."""
import datetime
import os
import re
import socket
import threading

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

FRAME = re.compile(rb'\n([0-9A-F]{4})0([0-9A-F]{3})("(\*?)([A-Z-]+)"(\d{4})(R[0-9A-F]{1,6})?(L[0-9A-F]{1,6})#([0-9A-F]{3,16})\[(.*))\r\Z', re.S)
SIA = re.compile(r"#([0-9A-F]{3,16})\|N([A-Z]{2})(\d+)")
CONTACT_ID = re.compile(r"#([0-9A-F]{3,16})\|([136])([0-9A-F]{3}) (\d\d) (\d{3})")
TIME = "%H:%M:%S,%m-%d-%Y"


def crc(data):
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value


def frame(text):
    data = text.encode()
    return b"\n%04X0%03X" % (crc(data), len(data)) + data + b"\r"


class Station:
    """.events: what was acknowledged; .wrong: what broke the standard; .nulls: how often the link was tried."""

    def __init__(self, key=None, udp=False, port=None):
        self.key, self.udp = key, udp
        self.events, self.wrong, self.nulls, self.got = [], [], 0, 0
        self.answer = "ACK"       # or DUH, NAK, nothing, damaged, plain
        self.clock = datetime.timedelta()  # of the station against ours
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port or 0))
        self.port = self.socket.getsockname()[1]
        if not udp:
            self.socket.listen(8)
        threading.Thread(target=self._datagrams if udp else self._connections, daemon=True).start()

    def url(self):
        return f"{'udp' if self.udp else 'tcp'}://127.0.0.1:{self.port}"

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def _datagrams(self):
        while True:
            try:
                data, peer = self.socket.recvfrom(2048)
            except OSError:
                return
            answer = self._take(data)
            if answer:
                self.socket.sendto(answer, peer)

    def _connections(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._connection, args=(peer,), daemon=True).start()

    def _connection(self, peer):
        with peer:
            peer.settimeout(30)
            data = b""
            try:
                while piece := peer.recv(2048):
                    data += piece
                    while b"\r" in data:
                        one, data = data[:data.index(b"\r") + 1], data[data.index(b"\r") + 1:]
                        answer = self._take(one)
                        if answer:
                            peer.sendall(answer)
            except OSError:
                pass

    def _now(self):
        return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + self.clock

    def _cipher(self):
        return Cipher(algorithms.AES(self.key), modes.CBC(bytes(16)))

    def _decrypt(self, text):
        if len(text) % 32:
            self.wrong.append("what is encrypted is no whole number of blocks")
            return None
        d = self._cipher().decryptor()
        plain = d.update(bytes.fromhex(text.decode())) + d.finalize()
        pad, bar, rest = plain.partition(b"|")
        if not bar or not 0 <= len(pad) <= 16 or re.search(rb"[\[\]]", pad):
            self.wrong.append(f"padding: {plain!r}")
            return None
        return rest.decode()

    def _reply(self, word, sequence, line, account):
        if word != "ACK" or not self.key:
            return frame(f'"{word}"{sequence}{line}#{account}[]')
        text = f"|]_{self._now().strftime(TIME)}".encode()
        pad = 16 - len(text) % 16
        text = bytes(65 + b % 26 for b in os.urandom(pad)) + text
        e = self._cipher().encryptor()
        return frame(f'"*ACK"{sequence}{line}#{account}[{(e.update(text) + e.finalize()).hex().upper()}')

    def _take(self, data):
        self.got += 1
        m = FRAME.fullmatch(data)
        if not m:
            self.wrong.append(f"no frame: {data!r}")
            return None
        if int(m[1], 16) != crc(m[3]) or int(m[2], 16) != len(m[3]):
            self.wrong.append(f"checksum or length: {data!r}")
            return None
        star, kind, sequence, line, account = (g.decode() if g else "" for g in (m[4], m[5], m[6], m[8], m[9]))
        if bool(star) != bool(self.key):
            self.wrong.append(f"encryption: {data!r}")
            return frame(f'"DUH"{sequence}{line}#{account}[]')
        content = self._decrypt(m[10]) if star else m[10].decode()
        if content is None:
            return None
        inner = re.fullmatch(r"([^\]]*)\](?:\[H([0-9:,-]{19})\])?_([0-9:,-]{19})", content)
        if not inner:
            self.wrong.append(f"content: {content!r}")
            return None
        off = (datetime.datetime.strptime(inner[3], TIME) - self._now()).total_seconds()
        if self.answer == "nothing":
            return None
        if self.key and not -40 <= off <= 20:
            return frame(f'"NAK"0000R0L0A0[]_{self._now().strftime(TIME)}')
        if self.answer == "plain":
            return frame(f'"ACK"{sequence}{line}#{account}[]')
        if self.answer in ("DUH", "NAK"):
            return self._reply(self.answer, sequence, line, account)
        if kind == "NULL":
            if sequence != "0000" or inner[1]:
                self.wrong.append(f"NULL: {content!r}")
            self.nulls += 1
        else:
            pattern = {"SIA-DCS": SIA, "ADM-CID": CONTACT_ID}.get(kind)
            event = pattern and pattern.fullmatch(inner[1])
            if not event or event[1] != account or not 1 <= int(sequence) <= 9999:
                self.wrong.append(f"{kind} {sequence}: {content!r}")
                return self._reply("DUH", sequence, line, account)
            self.events.append((int(sequence), kind, account, *event.groups()[1:], inner[2]))
        answer = self._reply("ACK", sequence, line, account)
        return answer[:12] + b"x" + answer[13:] if self.answer == "damaged" else answer
