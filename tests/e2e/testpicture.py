# SPDX-License-Identifier: Apache-2.0
"""Reads the time that is burnt into the test picture (doc/ref/test-picture.md) from pixels."""
import subprocess
import time

import numpy as np

CELLS = 80


def read_time(luma):
    """luma: a 2-D array of brightness, any size of the same shape. Returns the wall time in ms, or None when there is no
    whole strip."""
    height, width = luma.shape
    cell = width / CELLS
    strip = 2 * cell
    y0, y1 = int(height - strip * 0.75), max(int(height - strip * 0.25), int(height - strip * 0.75) + 1)
    rows = luma[y0:y1].astype(float)
    means = [rows[:, int(i * cell + cell / 4): max(int(i * cell + cell * 3 / 4), int(i * cell + cell / 4) + 1)].mean()
             for i in range(CELLS)]
    threshold = (means[0] + means[1] + means[2] + means[3]) / 4
    bits = [m > threshold for m in means]
    if means[0] - means[1] < 60 or bits[:4] != [True, False, True, False] or bits[76:] != [False, True, False, True]:
        return None
    ms = int("".join("1" if b else "0" for b in bits[4:68]), 2)
    check = 0xA5
    for i in range(8):
        check ^= ms >> (8 * i) & 0xFF
    return ms if check == int("".join("1" if b else "0" for b in bits[68:76]), 2) else None


def frames(url, count, width, height, *options, timeout=30):
    """Decodes with ffmpeg and gives (time burnt in, time of arrival here) in ms for each frame."""
    command = ["ffmpeg", "-v", "error", "-fflags", "nobuffer", "-flags", "low_delay", "-probesize", "32768",
               "-analyzeduration", "0", *options, "-i", url, "-an", "-map", "0:v", "-fps_mode", "passthrough",
               "-vf", f"scale={width}:{height}", "-pix_fmt", "gray", "-threads", "1", "-frames:v", str(count),
               "-f", "rawvideo", "-flush_packets", "1", "-"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    result, until = [], time.monotonic() + timeout
    try:
        while len(result) < count and time.monotonic() < until:
            data = process.stdout.read(width * height)
            if len(data) < width * height:
                break
            result.append((read_time(np.frombuffer(data, np.uint8).reshape(height, width)), time.time() * 1000))
    finally:
        process.kill()
        process.wait()
    return result
