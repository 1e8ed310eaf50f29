# SPDX-License-Identifier: Apache-2.0
"""`pigtail demo`: a camera and a hub, two processes; the hub finds the camera by discovery, and its door and lamp go over ONVIF. The
cable between the two is pulled on the board, and the hole that it leaves is filled while somebody looks."""
import http.client
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

import hub
import pages_hub as pages
from hub import free_port, wait_for

ENV = dict(os.environ, PIGTAIL_CODEC=str(hub.CODEC), ASAN_OPTIONS="intercept_tls_get_addr=0:" + os.environ.get("ASAN_OPTIONS", ""))


class Site:
    """One of the two, by its pages, as whoever has the link sees it."""

    def __init__(self, link):
        self.port = int(link.split(":")[2].split("/")[0])
        token = link.split("#login=")[1].split("&")[0]
        self.cookie = None
        status, headers, _ = self.ask("POST", "/api/login", {"token": token})
        assert status == 200
        self.cookie = headers["Set-Cookie"].split(";")[0]

    def ask(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        c.request(method, path, json.dumps(body) if body is not None else None, {"Cookie": self.cookie} if self.cookie else {})
        answer = c.getresponse()
        data = answer.read()
        c.close()
        return answer.status, answer.headers, json.loads(data) if data else None

    def get(self, path):
        status, _, answer = self.ask("GET", path)
        assert status == 200, (path, status, answer)
        return answer


def start(folder, *arguments):
    process = subprocess.Popen([hub.PIGTAIL, "demo", "--dir", folder, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV)
    process.hub = process.stdout.readline().strip()
    process.camera = process.stdout.readline().strip().split(": ", 1)[-1]
    return process


def stop(process):
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "demo"
    process = start(folder, "--port", str(free_port() // 4 * 4))
    try:
        process.folder, process.sites = folder, (Site(process.hub), Site(process.camera))
        wait_for("footage", lambda: any(s["segments"] for s in process.sites[0].get("/api/archive")["series"]), 30)
        yield process
    finally:
        if process.poll() is None:
            stop(process)


def test_door_and_lamp_over_onvif(demo):
    the_hub, camera = demo.sites
    site = (demo.folder / "hub-site/site.yaml").read_text()
    assert "source: onvif://" in site and "driver: onvif" in site and "virtual" not in site
    wait_for("the hub has the camera", lambda: the_hub.get("/api/inputs/door")["state"] == "inactive", 20)
    times = []
    for _ in range(3):
        assert camera.ask("POST", "/api/board/board/inputs/1", {"closed": True})[0] == 200
        begin = time.monotonic()
        wait_for("the lamp is lit", lambda: camera.get("/api/relays/flood")["state"] == "on", 5, 0.002)
        times.append(time.monotonic() - begin)
        wait_for("and read back", lambda: the_hub.get("/api/relays/flood")["state"] == "on", 5, 0.01)
        camera.ask("POST", "/api/board/board/inputs/1", {"closed": False})
        the_hub.ask("POST", "/api/relays/flood", {"state": "off"})
        wait_for("the lamp is dark", lambda: camera.get("/api/relays/flood")["state"] == "off", 5, 0.01)
        time.sleep(0.3)
    assert min(times) < 0.5, times
    # the camera's log says who did it: a user by ONVIF; the hub's: the rule
    assert any("onvif" in e["actor"] for e in camera.get("/api/events?source=relay/flood&topic=command")["events"])
    assert any(e["actor"] == "rule/light at the door" for e in the_hub.get("/api/events?source=relay/flood&topic=command")["events"])
    # the gate is monostable by the camera's own timer
    camera.ask("POST", "/api/board/board/inputs/2", {"closed": True})
    wait_for("the gate opens", lambda: camera.get("/api/relays/gate")["state"] == "on", 5, 0.01)
    wait_for("and closes by itself", lambda: camera.get("/api/relays/gate")["state"] == "off", 5, 0.05)


# ---- the cable ----

READ_CLOCK = (pathlib.Path(__file__).parent / "read_clock.js").read_text()


class Person:
    """Somebody with a browser, logged in at one of the two."""

    def __init__(self, *size, **look):
        pytest.importorskip("selenium")
        if not pathlib.Path("/usr/bin/chromedriver").exists():
            pytest.skip("needs chromium and chromedriver")
        self.browser = pages.chromium(*size, **look)

    def look_at(self, site, page):
        self.browser.get(f"http://127.0.0.1:{site.port}/ui/icon.svg")
        name, value = site.cookie.split("=", 1)
        self.browser.add_cookie({"name": name, "value": value, "path": "/"})
        self.go(site, page)

    def go(self, site, page):
        self.browser.get(f"http://127.0.0.1:{site.port}/#/{page}")
        self.find("main > *")

    def find(self, selector, seconds=15):
        wait_for(selector, lambda: self.browser.find_elements("css selector", selector), seconds)
        return self.browser.find_element("css selector", selector)

    def words(self, selector):
        return self.browser.execute_script("return document.querySelector(arguments[0])?.textContent || ''", selector)

    def run(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def picture(self, name):
        pages.OUTPUT.mkdir(parents=True, exist_ok=True)
        self.browser.save_screenshot(str(pages.OUTPUT / f"{name}.png"))

    def __enter__(self):
        return self

    def __exit__(self, *what):
        errors = pages.console_errors(self.browser)
        pages.close_chromium(self.browser)
        assert what[0] or not errors, errors


def iso(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms / 1000)) + f".{int(ms % 1000):03d}Z"


def test_a_pulled_cable_leaves_a_hole_that_fills(demo):
    """The promise of it all, as somebody sees it who tries `./run`."""
    the_hub, camera = demo.sites
    main = lambda: the_hub.get("/api/timeline?stream=main&detail=1")["cameras"]["gate"]["main"]  # noqa: E731
    with Person(1200, 900) as person:
        person.look_at(camera, "plugs")
        person.find(".switch[data-input=cable-pulled]").click()
        pulled = time.time() * 1000
        person.look_at(the_hub, f"time/gate?at={iso(pulled)}&span=90")
        wait_for("the hole", lambda: [g for g in main()["gaps"] if not g.get("end")], 10)
        person.find("canvas.timeline[data-span]")
        wait_for("why nothing comes", lambda: "fetching begins when footage comes again" in person.words(".gap-note p") or pages.tap_timeline(person.browser, time.time() * 1000 - 1000), 15)
        # a short one TCP would outlive, and nothing would be missing
        wait_for("the hub gives the connection up", lambda: the_hub.get("/api/state")["cameras"][0]["streams"]["main"]["state"] != "live", 20)
        assert main()["last"] < pulled + 1500, "footage came around the cable"
        assert camera.ask("POST", "/api/board/board/inputs/3", {"closed": False})[0] == 200
        hole = wait_for("the hole's end", lambda: next((g for g in main()["gaps"] if g.get("end") and g["end"] - g["start"] > 3000), None), 30)
        wait_for("its end in words", lambda: "still open" not in person.words(".gap-note p"), 10)
        assert "no data for" in person.words(".gap-note p")
        person.picture("cable-1-hole")
        seen = set()

        def filled():
            seen.add(person.run("return document.querySelector('.gap-note').dataset.state"))
            if "being fetched" in seen and not (pages.OUTPUT / "cable-2-filling.png").exists():
                person.picture("cable-2-filling")
            return "filled" in seen
        (pages.OUTPUT / "cable-2-filling.png").unlink(missing_ok=True)
        wait_for("the page shows that it is filled", filled, 60, 0.15)
        assert "being fetched" in seen, seen
        person.picture("cable-3-filled")
        line = main()
        assert any(a <= hole["start"] + 100 and b >= hole["end"] - 100 for a, b in line["fetched"]), line
        # across both seams the burnt-in clock runs through
        person.go(the_hub, f"time/gate?at={iso(hole['start'] - 1500)}&span=40")
        wait_for("a picture", lambda: person.words(".player-word") == "paused", 15)
        person.run(READ_CLOCK)
        person.run("const rate = document.querySelector('[aria-label=Speed]'); rate.value = '2'; rate.dispatchEvent(new Event('change'));")
        person.find("[data-do=play]").click()
        length = (hole["end"] - hole["start"] + 4000) / 2
        person.browser.set_script_timeout(length / 1000 + 20)
        frames = person.browser.execute_async_script(
            "const [ms, done] = arguments; watchClock(document.querySelector('video'), ms).then(done)", length)
        clock = [f["burnt"] for f in frames if f["burnt"]]
        steps = [b - a for a, b in zip(clock, clock[1:])]
        print(f"{len(clock)} frames from {clock[0] - hole['start']:.0f} ms to {clock[-1] - hole['end']:.0f} ms behind the hole; steps {min(steps)} to {max(steps)} ms")
        assert clock[0] < hole["start"] and clock[-1] > hole["end"]
        assert min(steps) > 0 and max(steps) < 1200, steps  # a busy machine shows fewer frames; a jump would be the hole itself
        assert "skipped" not in person.words(".told")


def test_changed_files_are_kept(demo):
    """The last one: it stops the demo. The second start is quick."""
    stop(demo)
    path = demo.folder / "hub-site/site.yaml"
    path.write_text(path.read_text().replace("name: Demo,", "name: Mine,"))
    begin = time.monotonic()
    process = start(demo.folder)
    try:
        if not hub.LONG:
            assert time.monotonic() - begin < 10  # 3 s of a release build on a quiet machine
        assert Site(process.hub).get("/api/state")["site"]["name"] == "Mine"
    finally:
        stop(process)
