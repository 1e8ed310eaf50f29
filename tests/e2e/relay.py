# SPDX-License-Identifier: Apache-2.0
"""A line that is long and shakes: packets between two hosts are read from one TUN device and written to the other, each as much
later as a test says, so that some overtake others."""
import fcntl
import heapq
import os
import random
import select
import struct
import threading
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 1, 0x1000


def open_tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


class Relay:
    def __init__(self, names):
        self.delay = self.shake = 0.0  # s; each packet waits delay, and up to shake more
        self.moved = self.overtaken = 0
        self.fds = [open_tun(name) for name in names]
        self.over = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        waiting, last = [], 0
        while not self.over:
            pause = max(0.0, min(0.1, waiting[0][0] - time.monotonic())) if waiting else 0.1
            for fd in select.select(self.fds, [], [], pause)[0]:
                try:
                    packet = os.read(fd, 65536)
                except OSError:  # its device is down
                    time.sleep(0.01)
                    continue
                self.moved += 1
                heapq.heappush(waiting, (time.monotonic() + self.delay + random.uniform(0, self.shake), self.moved, self.fds[fd == self.fds[0]], packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, number, to, packet = heapq.heappop(waiting)
                self.overtaken += number < last
                last = max(last, number)
                try:
                    os.write(to, packet)
                except OSError:
                    pass

    def close(self):
        self.over = True
        self.thread.join()
        for fd in self.fds:
            os.close(fd)
