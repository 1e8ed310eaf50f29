# SPDX-License-Identifier: Apache-2.0
"""A USB camera (UVC 1.1) that gives MJPEG and H.264, without hardware: the kernel's driver vhci_hcd is given a socket in place
of a cable (USB/IP), and this program is the device at its other end. Run as root: uvc_camera.py PORT PICTURES.mjpeg PICTURES.h264"""
import re
import select
import socket
import struct
import sys
import time

WIDTH, HEIGHT, FPS = 320, 180, 5
INTERVAL = 10_000_000 // FPS
PAYLOAD = 65536  # bytes of a picture and its header, at most
ENDPOINT = 0x81


def descriptor(kind, body):
    return struct.pack("BB", len(body) + 2, kind) + body


def frame(subtype, *buffer):
    rates = struct.pack("<HHII", WIDTH, HEIGHT, WIDTH * HEIGHT * FPS, WIDTH * HEIGHT * FPS * 16)
    return descriptor(0x24, struct.pack("BBB", subtype, 1, 0) + rates + b"".join(buffer) + struct.pack("<I", INTERVAL))


def configuration():
    camera = descriptor(0x24, struct.pack("<BBHBBHHHB", 0x02, 1, 0x0201, 0, 0, 0, 0, 0, 3) + bytes(3))
    output = descriptor(0x24, struct.pack("<BBHBBB", 0x03, 2, 0x0101, 0, 1, 0))
    control = camera + output
    header = descriptor(0x24, struct.pack("<BHHIBB", 0x01, 0x0110, 13 + len(control), 48_000_000, 1, 1))
    mjpeg = descriptor(0x24, struct.pack("BBBBBBBBB", 0x06, 1, 1, 1, 1, 0, 0, 0, 0))
    mjpeg += frame(0x07, struct.pack("<I", PAYLOAD), struct.pack("<IB", INTERVAL, 1))
    h264 = descriptor(0x24, struct.pack("BBB", 0x10, 2, 1) + b"H264" + bytes.fromhex("00001000800000aa00389b71") + bytes([16, 1, 0, 0, 0, 0, 1]))
    h264 += frame(0x11, struct.pack("<IBI", INTERVAL, 1, 0))
    formats = mjpeg + h264
    streaming = descriptor(0x24, struct.pack("<BBHBBBBBBBB", 0x01, 2, 15 + len(formats), ENDPOINT, 0, 2, 0, 0, 0, 1, 0) + b"\0") + formats
    body = descriptor(0x0b, bytes([0, 2, 0x0e, 0x03, 0, 0]))
    body += descriptor(4, bytes([0, 0, 0, 0x0e, 0x01, 0, 0])) + header + control
    body += descriptor(4, bytes([1, 0, 1, 0x0e, 0x02, 0, 0])) + streaming + descriptor(5, struct.pack("<BBHB", ENDPOINT, 2, 512, 0))
    return descriptor(2, struct.pack("<HBBBBB", 9 + len(body), 2, 1, 0, 0x80, 50)) + body


DEVICE = descriptor(1, struct.pack("<HBBBBHHHBBBB", 0x0200, 0xef, 2, 1, 64, 0x1d6b, 0x0102, 0x0100, 0, 0, 0, 1))
QUALIFIER = descriptor(6, struct.pack("<HBBBBBB", 0x0200, 0xef, 2, 1, 64, 1, 0))
CONFIGURATION = configuration()


def probe(format_index):
    return struct.pack("<HBBIHHHHHIIIBBBB", 1, format_index, 1, INTERVAL, 0, 0, 0, 0, 0, PAYLOAD, PAYLOAD, 48_000_000, 0, 0, 0, 0)


class Camera:
    def __init__(self, mjpeg, h264):
        self.pictures = {1: re.findall(rb"\xff\xd8.*?\xff\xd9", mjpeg, re.S), 2: [b"\0\0\0\1\x09" + p for p in h264.split(b"\0\0\0\1\x09")[1:]]}
        self.format, self.asked, self.count, self.next = 1, probe(1), 0, 0

    def control(self, setup, data):
        """The answer to a control request; None: stalled."""
        kind, request, value, _, length = struct.unpack("<BBHHH", setup)
        if kind == 0x80 and request == 6:
            found = {1: DEVICE, 2: CONFIGURATION, 6: QUALIFIER}.get(value >> 8)
            return found[:length] if found else None
        if kind & 0x60 == 0 and request in (1, 3, 9, 11):
            return b""
        if kind == 0x80 and request == 0:
            return b"\0\0"
        if kind == 0x21 and request == 1 and value >> 8 in (1, 2):  # SET_CUR of probe and commit
            self.format = min(max(data[2], 1), 2)
            self.asked = probe(self.format)
            return b""
        if kind == 0xa1 and value >> 8 in (1, 2):
            answers = {0x81: self.asked, 0x82: probe(1), 0x83: probe(2), 0x87: self.asked, 0x85: struct.pack("<H", len(self.asked)), 0x86: b"\x03"}
            return answers[request][:length] if request in answers else None
        return None

    def picture(self):
        """The next one, at its time, behind the header of a payload."""
        now = time.monotonic()
        self.next = max(self.next + 1 / FPS, now)
        time.sleep(self.next - now)
        pictures = self.pictures[self.format]
        self.count += 1
        return struct.pack("BB", 2, 0x82 | self.count & 1) + pictures[(self.count - 1) % len(pictures)]


def receive(cable, n):
    data = b""
    while len(data) < n:
        more = cable.recv(n - len(data))
        if not more:
            raise SystemExit
        data += more
    return data


def serve(cable, camera):
    waiting = []  # questions for pictures
    while True:
        if not select.select([cable], [], [], 0 if waiting else None)[0]:
            sequence, room = waiting.pop(0)
            answer = camera.picture()[:room]
            cable.sendall(struct.pack(">IIIIIiIIII", 3, sequence, 0, 0, 0, 0, len(answer), 0, 0, 0) + bytes(8) + answer)
            continue
        head = receive(cable, 48)
        command, sequence, _, out_in, endpoint, flags, length = struct.unpack(">IIIIIII", head[:28])
        if command == 2:  # UNLINK
            known = [w for w in waiting if w[0] == flags]  # in the place of flags: which one
            waiting = [w for w in waiting if w not in known]
            cable.sendall(struct.pack(">IIIIIi", 4, sequence, 0, 0, 0, -104 if known else 0) + bytes(24))
            continue
        if endpoint == 0:
            answer = camera.control(head[40:48], receive(cable, length) if out_in == 0 and length else b"")
            status, answer = (-32, b"") if answer is None else (0, answer)
            size = len(answer) if out_in else length
            cable.sendall(struct.pack(">IIIIIiIIII", 3, sequence, 0, 0, 0, status, size, 0, 0, 0) + bytes(8) + (answer if out_in else b""))
        else:
            waiting.append((sequence, length))


def main():
    camera = Camera(open(sys.argv[2], "rb").read(), open(sys.argv[3], "rb").read())
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with open("/sys/devices/platform/vhci_hcd.0/attach", "w") as attach:
        attach.write(f"{sys.argv[1]} {theirs.fileno()} {65538 + int(sys.argv[1])} 3")  # port, socket, device id, high speed
    theirs.close()
    serve(ours, camera)


main()
