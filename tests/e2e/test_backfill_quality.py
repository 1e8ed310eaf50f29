# SPDX-License-Identifier: Apache-2.0
"""A card that holds less than what the hub records: what it has better comes first, what it has only in a lesser quality is better than
nothing, and that is said wherever footage is: on the timeline, in the list of files, by the job, in the proof of recording."""
import pathlib
import sqlite3
import subprocess
import time

import numpy as np
import pytest

from hub import Hub, assert_plays, format_time, free_port, parse_time, wait_for
from test_reload import reload
from testpicture import read_time

BOTH = "record: { main: always, sub: always }"
SUB = "record: { main: never, sub: always }"
STREAMS = ('source: "test:clock?size=640x360&fps=10&gop=1s&bitrate=400k&audio=none", sub: "test:clock?size=320x180&fps=10&gop=1s&bitrate=100k&audio=none"')
CUT = 14  # s


def write_secrets(h, secrets):
    (h.dir / "secrets.yaml").write_text(secrets)
    (h.dir / "users.yaml").write_text("boss: { role: admin }\n")
    for name in ("secrets.yaml", "users.yaml"):
        (h.dir / name).chmod(0o600)


@pytest.fixture(scope="module")
def site():
    """The hub records main and sub. It is cut off for a while, and in the middle of that the camera's card gets the sub stream alone."""
    rtsp, onvif = free_port(), free_port()
    serve = f"serve: {{ rtsp: 127.0.0.1:{rtsp}, onvif: 127.0.0.1:{onvif} }}\n"
    node = Hub(f"cameras:\n  cam: {{ {STREAMS}, {BOTH} }}\n{serve}", start=False)
    hub = Hub(f"cameras:\n  gate: {{ source: 'onvif://127.0.0.1:{onvif}', login: gate, {BOTH} }}\n", start=False)
    with node, hub:
        write_secrets(node, "app-passwords:\n  hub: { user: boss, password: of the card }\n")
        write_secrets(hub, "logins:\n  gate: { user: boss, password: of the card }\n")
        node.start()
        hub.start()
        hub.wait_recording("gate")
        wait_for("it is known what the camera has", lambda: "maker" in hub.state()["cameras"][0]["onvif"], 20)
        time.sleep(3)
        hub.begin = time.time()
        assert hub.request("POST", "/api/cameras/gate/drill", {"for": f"{CUT}s"})[0] == 200
        time.sleep(3)
        node.write_site(f"cameras:\n  cam: {{ {STREAMS}, {SUB} }}\n{serve}")
        reload(node)
        time.sleep(5)
        node.write_site(f"cameras:\n  cam: {{ {STREAMS}, {BOTH} }}\n{serve}")
        reload(node)
        yield node, hub


def job_of(hub, stream):
    return next((j for j in hub.get("/api/backfill")["jobs"] if j["stream"] == stream and j["seconds"] > 5), None)


def spans(hub, stream, key):
    return hub.get("/api/timeline?detail=1&camera=gate")["cameras"]["gate"][stream][key]


def in_line(hub, *words):
    return [line for line in hub.cli(*words).stdout.splitlines() if "another quality" in line]


def test_the_better_one_first(site):
    """What the card has of main is fetched at once; the rest is not taken from the sub stream as long as main may still come."""
    _, hub = site
    job = wait_for("what the card has of main", lambda: (j := job_of(hub, "main")) and j["frames"] and j["state"] == "found" and j, 60)
    assert "no footage of it (yet)" in job["reason"], job
    assert not spans(hub, "main", "other_quality")
    left = [g for g in spans(hub, "main", "gaps") if g.get("end") and g["end"] - g["start"] > 1000]
    assert len(left) == 1 and 3000 < left[0]["end"] - left[0]["start"] < 9000, left
    wait_for("sub is filled", lambda: (j := job_of(hub, "sub")) and j["state"] == "filled", 60)
    assert not spans(hub, "sub", "other_quality"), "the sub stream is as it was recorded live"


@pytest.fixture(scope="module")
def later(site):
    """The same when nothing better came for minutes."""
    _, hub = site
    wait_for("what the card has of main", lambda: (j := job_of(hub, "main")) and j["frames"] and j["state"] == "found", 60)
    wait_for("sub is filled", lambda: (j := job_of(hub, "sub")) and j["state"] == "filled", 60)
    hub.stop()
    db = sqlite3.connect(hub.archive / "index.db")
    db.execute("UPDATE job SET tries=7, due_ns=0 WHERE state<4 AND end_ns - start_ns > 5e9")
    db.commit()
    db.close()
    hub.start()
    wait_for("the rest, from the sub stream", lambda: job_of(hub, "main")["state"] == "filled", 60)
    return site


def test_then_the_lesser_one(later, tmp_path):
    _, hub = later
    job = job_of(hub, "main")
    assert job["reason"] == "in another quality than what was recorded live: 320x180", job
    other = spans(hub, "main", "other_quality")
    assert len(other) == 1 and other[0][2:] == [320, 180] and 3000 < other[0][1] - other[0][0] < 9000, other
    fetched = spans(hub, "main", "fetched")
    assert fetched[0][0] < other[0][0] and fetched[-1][1] > other[0][1], (fetched, other)
    hub.wait_recording("gate")
    time.sleep(3)
    hub.assert_nothing_silent("gate")
    # both were wanted, and both are there
    assert {(s["width"], s["height"]) for s in hub.get("/api/cameras/gate/segments?stream=sub")["segments"]} == {(320, 180)}

    lines = in_line(hub, "archive", "ls", "gate")
    assert lines and all("(fetched, in another quality: 320x180)" in line for line in lines), lines
    assert in_line(hub, "archive", "backfill"), "the job says so"
    proof = next(s for s in hub.get(f"/api/proof?camera=gate&from={format_time(hub.begin)}")["series"] if s["stream"] == "main")
    assert abs(proof["other_quality"] - (other[0][1] - other[0][0]) / 1000) < 0.1 and proof["fetched"] > proof["other_quality"] + 3, proof
    assert in_line(hub, "archive", "proof", "gate")
    said = [e for e in hub.events(topic="archive") if e["state"] == "filled" and "another quality" in e["detail"]]
    assert len(said) == 1, said
    # each file says it of itself
    file = next(s["path"] for s in hub.get("/api/cameras/gate/segments")["segments"] if s["other_quality"])
    comment = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format_tags=comment", "-of", "csv=p=0", hub.archive / file], capture_output=True, text=True, check=True).stdout
    assert "in another quality: 320x180, recorded live are 640x360" in comment, comment


def test_a_clip_across_it(later, tmp_path):
    """Every frame once and in order, by the clock in its picture; and the file plays without a word."""
    node, hub = later
    job = job_of(hub, "main")
    begin, end = parse_time(job["start"]) - 2, parse_time(job["end"]) + 1
    clip = tmp_path / "clip.mp4"
    hub.cli("archive", "export", "gate", "--from", format_time(begin), "--to", format_time(end), "--output", clip)
    assert_plays(clip)
    sizes = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=width,height", "-of", "csv=p=0", clip], capture_output=True, text=True, check=True).stdout
    order = []
    for size in filter(None, (line.strip(",") for line in sizes.split())):
        if not order or order[-1] != size:
            order.append(size)
    assert order == ["640,360", "320,180", "640,360"], order
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", clip, "-an", "-fps_mode", "passthrough", "-vf", "scale=640:360", "-pix_fmt", "gray", "-f", "rawvideo", "-"], capture_output=True, check=True).stdout
    times = [read_time(f) for f in np.frombuffer(raw, np.uint8).reshape(-1, 360, 640)]
    assert all(times), times
    steps = sorted({b - a for a, b in zip(times, times[1:])})
    # main and sub are encoded from pictures of their own: at their seams the clock alone decides; and a busy machine makes them unevenly
    made = [sorted(s[0] for s in node.samples("cam", stream) if begin < s[0] < end) for stream in ("main", "sub")]
    late = [[b - a - 0.1 for a, b in zip(walls, walls[1:]) if 0.15 < b - a < 3] + [0] for walls in made]
    assert steps[0] > 0 and steps[-1] <= 250 + 1000 * max(map(max, late)) and len(times) >= (end - begin - max(map(sum, late))) * 10 - 4, (steps, late)


def test_pages_play_through_it(later):
    pytest.importorskip("selenium")
    if not pathlib.Path("/usr/bin/chromedriver").exists():
        pytest.skip("needs chromium and chromedriver")
    import pages_hub
    from test_pages import READ_CLOCK, text, wait
    _, hub = later
    other = spans(hub, "main", "other_quality")[0]
    browser = pages_hub.chromium(1400, 900)
    try:
        wait_for("the start link", lambda: hub.link and "#login=" in hub.link)
        browser.get(hub.link)
        wait(lambda: "login" not in browser.current_url and browser.find_elements("css selector", "main > *"), what="the page")
        url = f"http://127.0.0.1:{hub.port}/#/"
        browser.get(f"{url}time/gate?at={format_time(other[0] / 1000 - 2.5)}&span=60")
        browser.refresh()
        wait(lambda: text(browser, ".player-word") == "paused", what="a picture")
        browser.execute_script(READ_CLOCK)
        pages_hub.tap_timeline(browser, (other[0] + other[1]) / 2)
        wait(lambda: "in another quality than what was recorded live: 320×180" in text(browser, ".timeline-words"), what="the words")
        wait(lambda: browser.execute_script("return document.querySelector('video').videoWidth") == 320, what="the smaller picture")
        pages_hub.OUTPUT.mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(str(pages_hub.OUTPUT / "other-quality.png"))
        pages_hub.tap_timeline(browser, other[0] - 2500)
        wait(lambda: browser.execute_script("return document.querySelector('video').videoWidth") == 640, what="the larger picture")
        browser.set_script_timeout(60)
        length = other[1] - other[0] + 6000
        wait(lambda: text(browser, ".player-word") == "playing", what="playing from there")
        seen = browser.execute_async_script("""const video = document.querySelector("video"), seen = [], done = arguments[1], until = performance.now() + arguments[0];
            const frame = () => {
                seen.push([readClock(video), video.videoWidth, Number(document.querySelector(".big-time").dataset.ms)]);
                performance.now() < until ? video.requestVideoFrameCallback(frame) : done(seen);
            };
            video.requestVideoFrameCallback(frame);
            setTimeout(() => done(seen), arguments[0] + 3000);""", length)
        good = [s for s in seen if s[0]]
        widths = [w for i, (_, w, _) in enumerate(good) if not i or good[i - 1][1] != w]
        assert widths == [640, 320, 640], (widths, good[:3], good[-3:])
        times = [s[0] for s in good]
        assert times == sorted(times) and times[-1] > other[1] + 1000 and max(b - a for a, b in zip(times, times[1:])) < 1500, times
        errors = pages_hub.console_errors(browser)
        assert not errors, errors
        browser.get(f"{url}gaps/gate")
        browser.refresh()
        wait(lambda: "in another quality than what was recorded live: 320x180" in text(browser, ".gap-list"), what="the page of gaps")
        browser.get(f"{url}proof?from={format_time(hub.begin)}&to={format_time(time.time())}&cameras=gate")
        browser.refresh()
        wait(lambda: "in another quality" in text(browser, ".proof table"), what="the proof")
        browser.save_screenshot(str(pages_hub.OUTPUT / "other-quality-proof.png"))
    finally:
        pages_hub.close_chromium(browser)
