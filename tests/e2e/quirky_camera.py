# SPDX-License-Identifier: Apache-2.0
"""A small RTSP server that misbehaves in one chosen way, as real cameras and hostile peers do."""
import base64
import hashlib
import re
import secrets
import socket
import struct
import threading
import time

SPS = bytes.fromhex("6764001eacb201405ff2e022000003000200000300641e2c5c90")
PPS = bytes.fromhex("68ebc3cb22c0")
SDP = ("v=0\r\ns=quirky\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;"
       f"sprop-parameter-sets={base64.b64encode(SPS).decode()},{base64.b64encode(PPS).decode()}\r\na=control:track1\r\n")


def frame_nal(i):
    """A picture of its own: its number stands in it, long enough for several packets."""
    head = b"\x65\x88\x84" if i % 25 == 0 else b"\x41\x9a\x02"
    return head + b"picture %06d " % i + bytes((i * 7 + k) % 251 + 4 for k in range(3000))


def rtp(seq, ts, payload, marker, ssrc=0x11223344, pt=96):
    return struct.pack(">BBHII", 0x80, pt | (0x80 if marker else 0), seq & 0xFFFF, ts & 0xFFFFFFFF, ssrc) + payload


def fragments(nal, size=1200):
    """FU-A."""
    body = nal[1:]
    for at in range(0, len(body), size):
        piece = body[at:at + size]
        flags = (0x80 if at == 0 else 0) | (0x40 if at + size >= len(body) else 0)
        yield bytes([nal[0] & 0xE0 | 28, flags | nal[0] & 31]) + piece


class Camera:
    """quirks are attributes; a subclass or keyword sets them."""
    challenges = None          # list of WWW-Authenticate values with {nonce}; None: no login
    algorithm = hashlib.md5
    stale_after = None         # requests until the nonce goes stale
    session = "1234;timeout=60"
    transport_extra = ""
    sdp = SDP
    describe = None            # raw bytes in place of the reply
    markers = True
    public = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
    frames = 100000
    refuse = {}                # method -> status line

    def __init__(self, **quirks):
        self.__dict__.update(quirks)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"rtsp://127.0.0.1:{self.port}/live"
        self.requests, self.accepted, self.closing = [], [], False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.closing = True
        self.listener.close()

    def serve(self):
        while not self.closing:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.accepted.append(time.monotonic())
            threading.Thread(target=self.guarded, args=(peer,), daemon=True).start()

    def guarded(self, peer):
        try:
            self.talk(peer)
        except OSError:
            pass
        finally:
            peer.close()

    def authorised(self, method, headers, state):
        if not self.challenges:
            return True
        value = headers.get("authorization", "")
        params = dict(re.findall(r'(\w+)="?([^",]*)"?', value))
        state["n"] = state.get("n", 0) + 1
        if params.get("nonce") != state.get("nonce"):
            return False
        if self.stale_after and state["n"] > self.stale_after:
            state["n"], state["stale"] = 0, True
            return False
        h = lambda text: self.algorithm(text.encode()).hexdigest()  # noqa: E731
        a1, a2 = h(f"op:{params['realm']}:pw"), h(f"{method}:{params['uri']}")
        middle = f":{params['nc']}:{params['cnonce']}:auth" if "qop" in params else ""
        return params.get("response") == h(f"{a1}:{params['nonce']}{middle}:{a2}")

    def talk(self, peer):
        data, state = b"", {"nonce": secrets.token_hex(8)}
        while True:
            while data[:1] == b"$" or b"\r\n\r\n" not in data:
                if data[:1] == b"$" and len(data) >= 4 and len(data) >= 4 + struct.unpack(">H", data[2:4])[0]:
                    data = data[4 + struct.unpack(">H", data[2:4])[0]:]
                    continue
                more = peer.recv(65536)
                if not more:
                    return
                data += more
            head, data = data.split(b"\r\n\r\n", 1)
            lines = head.decode().split("\r\n")
            method, url = lines[0].split()[:2]
            headers = {k.strip().lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
            self.requests.append((method, url, headers))
            self.answer(peer, method, headers, state)

    def reply(self, peer, headers, status="200 OK", extra=(), body=""):
        text = f"RTSP/1.0 {status}\r\nCSeq: {headers.get('cseq')}\r\n" + "".join(f"{e}\r\n" for e in extra)
        peer.sendall((text + (f"Content-Length: {len(body)}\r\n" if body else "") + "\r\n" + body).encode())

    def answer(self, peer, method, headers, state):
        if method in self.refuse:
            self.reply(peer, headers, self.refuse[method])
        elif method == "OPTIONS":
            self.reply(peer, headers, extra=[f"Public: {self.public}"])
        elif not self.authorised(method, headers, state):
            old, state["nonce"] = state["nonce"], secrets.token_hex(8)
            stale = ", stale=TRUE" if state.pop("stale", False) else ""
            self.reply(peer, headers, "401 Unauthorized",
                       [f"WWW-Authenticate: {c.format(nonce=state['nonce'])}{stale}" for c in self.challenges])
        elif method == "DESCRIBE" and self.describe is not None:
            self.raw_description(peer)
        elif method == "DESCRIBE":
            self.reply(peer, headers, body=self.sdp)
        elif method == "SETUP":
            transport = headers["transport"]
            state["udp"] = re.search(r"client_port=(\d+)", transport)
            self.reply(peer, headers, extra=[f"Session: {self.session}", f"Transport: {transport}{self.transport_extra}"])
        elif method == "PLAY":
            self.reply(peer, headers, extra=[f"Session: {self.session}"])
            threading.Thread(target=self.guarded_stream, args=(peer, state), daemon=True).start()
        else:
            self.reply(peer, headers)

    def raw_description(self, peer):
        peer.sendall(self.describe)

    def guarded_stream(self, peer, state):
        try:
            self.stream(peer, state)
        except OSError:
            pass

    def send(self, peer, packet, channel=0):
        peer.sendall(b"$" + bytes([channel]) + struct.pack(">H", len(packet)) + packet)

    def packets(self, i, seq):
        """All packets of picture i."""
        pieces = list(fragments(frame_nal(i)))
        return [rtp(seq + k, i * 3600, p, self.markers and k == len(pieces) - 1) for k, p in enumerate(pieces)]

    def stream(self, peer, state):
        seq = 65000
        for i in range(self.frames):
            packets = self.packets(i, seq)
            seq += 3  # as many as there should be
            for packet in packets:
                self.send(peer, packet)
            time.sleep(0.01)
