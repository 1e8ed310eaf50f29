# SPDX-License-Identifier: Apache-2.0
"""Pictures that rules take: of the moment or of before it, by the clock that is burnt in; where they are kept and how long; and the
snapshot of the command line."""
import datetime
import io
import time

import hub
import numpy
import PIL.Image
import testpicture
from hub import Hub, wait_for

SITE = f"""cameras:
  gate: {{ source: 'test:clock?size=640x360&fps=15&gop=1s', keep: {{ days: 14 }} }}
  yard: {{ source: 'test:clock?size=640x360&fps=5&gop=1s', record: never }}
  gone: {{ source: 'rtsp://127.0.0.1:{hub.free_port()}/' }}
inputs:
  door: {{ driver: virtual, channel: 1, kind: door, debounce: 0ms }}
rules:
  now: {{ when: door active, do: {{ snapshot: yard }} }}
  blind: {{ when: start, do: {{ snapshot: gone }} }}
  before: {{ when: door active, do: {{ snapshot: {{ camera: gate, before: 3s }} }} }}
"""
DAY = 86400


def shown(jpeg):
    """The clock in a picture, seconds since 1970."""
    picture = PIL.Image.open(io.BytesIO(jpeg))
    assert picture.format == "JPEG" and picture.size == (640, 360)
    return testpicture.read_time(numpy.asarray(picture.convert("L"))) / 1000


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def old_picture(folder, camera, age):
    """As one was kept so many seconds ago."""
    number = int((time.time() - age - 1577836800) * 1000) << 22
    path = folder / f"{number:016x}-{camera}.jpg"
    path.write_bytes(b"old")
    return path


def test_a_rule_takes_pictures(tmp_path):
    h = Hub(SITE, start=False)
    folder = h.archive / "pictures"
    folder.mkdir(parents=True)
    over_keep, within, of_nobody = old_picture(folder, "gate", 15 * DAY), old_picture(folder, "gate", 13 * DAY), old_picture(folder, "sold", 31 * DAY)
    many = [old_picture(folder, "gate", DAY + n) for n in range(999)]
    other = folder / "notes.txt"
    other.write_text("nobody's picture")
    h.start()
    with h, h.board() as board:
        wait_for("too old ones go", lambda: not over_keep.exists() and not of_nobody.exists())
        assert within.exists() and all(p.exists() for p in many) and other.exists()
        wait_for("both are live", lambda: all(h.camera(c)["state"] == "live" for c in ("gate", "yard")) and h.segments("gate"))
        time.sleep(4)  # there has to be a before
        board.send(b"input 1 closed")

        def pictures():
            return {e["source"]: e for e in h.events(topic="picture")}
        wait_for("both are taken", lambda: {"camera/gate", "camera/yard"} <= set(pictures()), 20)
        pressed = seconds(h.events(source="input/door", topic="input")[0]["time"])
        for camera, before, rule in (("gate", 3, "before"), ("yard", 0, "now")):
            e = pictures()[f"camera/{camera}"]
            assert (e["state"], e["actor"]) == ("taken", f"rule/{rule}")
            status, jpeg = h.request("GET", f"/api/cameras/{camera}/pictures/{e['id']}.jpg")
            assert status == 200 and -0.1 <= pressed - shown(jpeg) - before <= 1.3, (camera, pressed - shown(jpeg))
            assert abs(seconds(e["detail"].split()[-1]) - shown(jpeg)) < 0.2
            assert (folder / f"{e['id']}-{camera}.jpg").read_bytes() == jpeg
        # a thousand of them at most, and the oldest go first
        wait_for("the oldest has gone", lambda: not within.exists() and len(list(folder.glob("*.jpg"))) == 1000)
        for path in (f"gate/pictures/{pictures()['camera/yard']['id']}.jpg", "gate/pictures/..%2f..%2fsite.yaml.jpg", "gate/pictures/x.jpg", "nobody/pictures/x.jpg"):
            assert h.request("GET", f"/api/cameras/{path}")[0] in (400, 404), path
        wait_for("the one that shows nothing is told", lambda: "camera/gone" in pictures())
        assert pictures()["camera/gone"]["state"] == "failed" and "nothing is recorded" in pictures()["camera/gone"]["detail"]
        # what it would have done, and why it did
        (tmp_path / "site.yaml").write_text(h.site.read_text().replace("  before:", "  also:"))
        assert "snapshot gate" in h.cli("rules", "simulate", tmp_path / "site.yaml", "--from", "-5min").stdout
        assert "fired 1 time" in h.cli("rules", "explain", "before").stdout
        file = tmp_path / "yard.jpg"
        h.cli("snapshot", "yard", "-o", file)
        assert abs(time.time() - shown(file.read_bytes())) < 10
