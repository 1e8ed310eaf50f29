# SPDX-License-Identifier: Apache-2.0
"""A bare RTSP client over TCP, written from RFC 2326, RFC 2617 and RFC 3550: what it says and sees is up to the test."""
import hashlib
import re
import socket
import struct

NTP_1970 = 2208988800


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


class Packet:
    """One RTP packet; of the replay extension: .ntp (seconds since 1970), .c .e .d .t, .cseq, or .ntp None."""

    def __init__(self, channel, data):
        self.channel, self.data = channel, data
        first, second, self.seq, self.time, self.ssrc = struct.unpack(">BBHII", data[:12])
        assert first >> 6 == 2
        self.marker = bool(second & 0x80)
        at = 12 + 4 * (first & 15)
        self.ntp = None
        if first & 0x10:
            profile, words = struct.unpack(">HH", data[at:at + 4])
            body = data[at + 4:at + 4 + 4 * words]
            at += 4 + 4 * words
            if profile == 0xABAC:
                assert words == 3
                seconds, part, flags, self.cseq = struct.unpack(">IIBB", body[:10])
                self.ntp = seconds - NTP_1970 + part / 2**32
                self.c, self.e, self.d, self.t = (bool(flags & bit) for bit in (0x80, 0x40, 0x20, 0x10))
                assert not flags & 0x0f
        self.payload = data[at:]


class Client:
    def __init__(self, port, path, user, password, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout=20)
        self.url = f"rtsp://{host}:{port}/{path}"
        self.user, self.password, self.challenge = user, password, None
        self.cseq = 0
        self.session = None
        self.buffer = b""
        self.packets = []  # that came while an answer was waited for

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def _need(self, n):
        while len(self.buffer) < n:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError
            self.buffer += more

    def _take(self, n):
        self._need(n)
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def _frame(self):
        self._need(4)
        _, channel, size = struct.unpack(">BBH", self.buffer[:4])
        return Packet(channel, self._take(4 + size)[4:])

    def packet(self, timeout=10):
        """The next one, or None when none comes in time."""
        if self.packets:
            return self.packets.pop(0)
        self.socket.settimeout(timeout)
        try:
            self._need(1)
            assert self.buffer[:1] == b"$", self.buffer[:100]
            return self._frame()
        except TimeoutError:
            return None
        finally:
            self.socket.settimeout(20)

    def _answer(self):
        while True:
            self._need(1)
            if self.buffer[:1] == b"$":
                self.packets.append(self._frame())
                continue
            while b"\r\n\r\n" not in self.buffer:
                self._need(len(self.buffer) + 1)
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            headers = {}
            for line in lines[1:]:
                name, _, value = line.partition(":")
                headers.setdefault(name.lower(), value.strip())
            body = self._take(int(headers.get("content-length", 0)))
            return int(lines[0].split()[1]), headers, body.decode()

    def request(self, method, url=None, **headers):
        """Its bytes; underscores in names of headers stand for dashes."""
        url = url or self.url
        self.cseq += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self.cseq}"]
        if self.challenge:
            realm, nonce = self.challenge
            response = md5(f"{md5(f'{self.user}:{realm}:{self.password}')}:{nonce}:{md5(f'{method}:{url}')}")
            lines.append(f'Authorization: Digest username="{self.user}", realm="{realm}", nonce="{nonce}", uri="{url}", response="{response}"')
        if self.session:
            lines.append(f"Session: {self.session}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def at_once(self, *requests):
        """Requests that do not wait for one another; the answers by CSeq, as ask() gives them."""
        self.socket.sendall(b"".join(requests))
        answers = {}
        for _ in requests:
            status, headers, body = self._answer()
            answers[int(headers["cseq"])] = status, headers, body
        return [answers[n] for n in sorted(answers)]

    def ask(self, method, url=None, **headers):
        """(status, headers, body)"""
        url = url or self.url
        for _ in range(2):
            self.socket.sendall(self.request(method, url, **headers))
            status, got, body = self._answer()
            assert got["cseq"] == str(self.cseq)
            if status == 401 and not self.challenge:
                # an MD5 challenge without qop is what the oldest clients know
                self.challenge = re.search(r'realm="([^"]*)"', got["www-authenticate"])[1], re.search(r'nonce="([^"]*)"', got["www-authenticate"])[1]
                continue
            if status == 200 and "session" in got:
                self.session = got["session"].split(";")[0]
            return status, got, body
        raise AssertionError("the login is refused")

    def set_up(self, *tracks, replay=True):
        for track in tracks:
            status, headers, _ = self.ask("SETUP", f"{self.url}/track{track}", Transport=f"RTP/AVP/TCP;unicast;interleaved={2 * track}-{2 * track + 1}",
                                          **({"Require": "onvif-replay"} if replay else {}))
            assert status == 200, headers
