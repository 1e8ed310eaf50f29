# SPDX-License-Identifier: Apache-2.0
"""Motion: a running hub that looks at real footage (people who walk), at a corner of it where nobody walks, and at an empty
scene full of noise; and a node whose motion an ONVIF client hears of."""
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

import hub
import onvif_zeep
from hub import Hub, clip, wait_for
from test_onvif_server import Node, PullPoint

FOOTAGE = pathlib.Path("/usr/share/doc/opencv-doc/examples/data/vtest.avi")
pytestmark = pytest.mark.skipif(not FOOTAGE.exists(), reason="the footage is missing: apt-get install opencv-doc")


def people():
    """Real footage with few key frames and with B-frames."""
    return clip("people-bframes.mp4", "-i", FOOTAGE, "-t", "40", "-vf", "scale=640:480", "-c:v", "libx264", "-preset", "veryfast", "-g", "30", "-bf", "2",
                "-b:v", "600k", "-pix_fmt", "yuv420p")


def people_in_jpegs():
    return clip("people-jpegs.mp4", "-i", FOOTAGE, "-t", "20", "-vf", "scale=320:240", "-c:v", "mjpeg", "-q:v", "5", "-pix_fmt", "yuvj420p")


def empty():
    """One picture of it, with noise, a flickering lamp, and light that comes and goes slowly and at once."""
    light = "eq=eval=frame:brightness='0.1*sin(t/3)+0.03*sin(t*37)-0.25*gt(mod(t,8),4)'"
    return clip("empty-noisy.mp4", "-f", "lavfi", "-i", f"movie={FOOTAGE}:loop=0,trim=end_frame=1,loop=-1:1:0,setpts=N/10/TB,scale=640:480,{light},"
                "noise=alls=20:allf=t", "-t", "32", "-r", "10", "-c:v", "libx264", "-preset", "veryfast", "-g", "20", "-b:v", "1500k", "-pix_fmt",
                "yuv420p")


def children(pid):
    return [int(p) for p in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()]


def motion(h, camera):
    return next(c for c in h.state()["cameras"] if c["name"] == camera)["motion"]


CORNER = "[[0, 0], [0.2, 0], [0.2, 0.2], [0, 0.2]]"


def test_people_are_seen_and_light_and_noise_are_not():
    site = f"""cameras:
  people: {{ source: "file:{people()}", record: events, motion: on }}
  corner: {{ source: "file:{people()}", record: never, motion: {{ sensitivity: 60, zones: [{{ include: {CORNER} }}] }} }}
  empty: {{ source: "file:{empty()}", record: events, motion: {{ hold: 2s }} }}
  jpegs: {{ source: "file:{people_in_jpegs()}", record: never, motion: on }}
  gone: {{ source: "rtsp://127.0.0.1:9/x", record: never, motion: on }}
rules:
  somebody: {{ when: people motion, cooldown: 1min, do: {{ log: somebody is there }} }}
  nobody: {{ when: [corner motion, camera empty motion], do: {{ log: nobody is there }} }}
"""
    with Hub(site) as h:
        wait_for("somebody to be seen", lambda: [e for e in h.events(topic="motion") if e["source"] == "camera/people" and e["state"] == "active"])
        assert motion(h, "people")["state"] == "motion"
        wait_for("the rule", lambda: any(e["source"] == "rule/somebody" and e["state"] == "log" for e in h.events(topic="rule")))
        seen = next(e for e in h.events(topic="motion") if e["source"] == "camera/people" and e["state"] == "active")
        assert "% from the left" in seen["detail"] and not seen.get("initial")
        kept = wait_for("footage to be kept", lambda: [k for k in h.get("/api/keep")["kept"] if k["who"] == "camera/people"])
        assert kept[0]["camera"] == "people" and kept[0]["why"] == "something moved" and not kept[0]["person"]
        wait_for("why nothing is seen of a lost camera", lambda: "the stream is lost: " in (motion(h, "gone")["reason"] or ""))
        # a process that dies is started again
        before = {name: motion(h, name) for name in ("people", "corner", "jpegs", "empty")}
        for pid in children(h.process.pid):
            os.kill(pid, signal.SIGKILL)
        for name, was in before.items():
            wait_for(f"{name} is looked at again", lambda: motion(h, name)["restarts"] > was["restarts"]
                     and motion(h, name)["pictures"] > was["pictures"] + 10, 40)
        wait_for("all of the empty scene", lambda: motion(h, "empty")["pictures"] > 70, 60)
        states = {e["source"]: e["state"] for e in reversed(h.events(topic="motion")) if e["state"] == "active"}
        assert set(states) == {"camera/people", "camera/jpegs"}
        assert motion(h, "corner")["state"] == motion(h, "empty")["state"] == "still"
        assert not [e for e in h.events(topic="rule") if e["source"] == "rule/nobody"]
        assert not [k for k in h.get("/api/keep")["kept"] if k["camera"] == "empty"]


def test_without_the_codec_it_says_so(monkeypatch):
    alone = hub.BUILD / f"alone-{os.getpid()}" / "pigtail"  # the same program where there is no other beside it
    alone.parent.mkdir()
    os.link(hub.PIGTAIL, alone)
    monkeypatch.setattr(hub, "PIGTAIL", alone)
    try:
        with Hub(f"cameras:\n  people: {{ source: \"file:{people()}\", record: never, motion: on }}\n") as h:
            wait_for("the reason", lambda: "pigtail-codec is not installed" in (motion(h, "people")["reason"] or ""))
            assert motion(h, "people")["state"] == "unknown"
            told = [e for e in h.events(topic="motion") if e["state"] == "unknown"]
            assert len(told) == 1 and "pigtail-codec is not installed" in told[0]["detail"]
    finally:
        shutil.rmtree(alone.parent)


@pytest.mark.skipif(not onvif_zeep.WSDL.is_dir(), reason="the published ONVIF schemas are not beside this checkout")
def test_an_onvif_client_hears_of_it():
    site = f"""cameras:
  people: {{{{ source: "file:{people()}", record: never, motion: on }}}}
  yard: {{{{ source: "test:clock?size=320x180&fps=5&audio=none", record: never }}}}
serve: {{{{ rtsp: 127.0.0.1:{{rtsp}}, onvif: 127.0.0.1:{{onvif}} }}}}
"""
    with Node(site) as node:
        boss = node.device()
        assert b"MotionAlarm" in properties(boss)
        point = PullPoint(boss)
        found = []

        def alarm():
            found.extend(point.pull(2))
            return [i for t, how, i in found if t == "tns1:VideoSource/MotionAlarm" and i["State"] == "true"]
        wait_for("the alarm", alarm, 30)
        alarms = [(how, i) for t, how, i in found if t == "tns1:VideoSource/MotionAlarm"]
        assert {i["Source"] for _, i in alarms} == {"people"}
        assert alarms[-1][0] in ("Initialized", "Changed")  # a slow client finds it begun
        point.close()


def properties(device):
    before = len(onvif_zeep.kept)
    device.call("tev", "GetEventProperties")
    return onvif_zeep.kept[before]


@pytest.mark.skipif(not pathlib.Path("/usr/bin/chromedriver").exists(), reason="needs chromium and chromedriver")
def test_the_page_says_so_and_shows_the_zones():
    import pages_hub
    from selenium.webdriver.common.by import By
    site = f"""
site: {{{{ name: Motion, timezone: UTC }}}}
web: {{{{ listen: 127.0.0.1:{{port}} }}}}
archive: {{{{ path: archive }}}}
cameras:
  people:
    source: "file:{people()}"
    motion: {{{{ zones: [{{{{ include: [[0, 0.1], [1, 0.1], [1, 1], [0, 1]] }}}}, {{{{ exclude: {CORNER} }}}}] }}}}
"""
    page = pages_hub.Hub(users=(), site=site)
    driver = pages_hub.chromium()
    try:
        driver.get(page.link)
        wait_for("the login", lambda: "#login" not in driver.current_url)
        driver.get(f"{page.url}/#/live/people")

        def words():
            return driver.execute_script("return document.querySelector('p.motion')?.textContent || ''")
        wait_for("motion on the page", lambda: words() == "motion", 40)
        zones = driver.find_elements(By.CSS_SELECTOR, ".picture > svg.zones polygon")
        assert [z.get_attribute("class") for z in zones] == ["include", "exclude"]
        driver.get(f"{page.url}/#/time/people?span=60")
        wait_for("the colour of motion on the timeline", lambda: driver.execute_script("""
            const canvas = document.querySelector("canvas.timeline");
            if (!canvas) return false;
            const colour = getComputedStyle(canvas).getPropertyValue("--event").trim(), g = document.createElement("canvas").getContext("2d");
            g.fillStyle = colour;
            const want = g.fillStyle, pixels = canvas.getContext("2d").getImageData(0, 64, canvas.width, 44).data;
            let n = 0;
            for (let i = 0; i < pixels.length; i += 4)
                n += want === "#" + [...pixels.slice(i, i + 3)].map(v => v.toString(16).padStart(2, "0")).join("");
            return n > 20;"""), 20)
        (pages_hub.OUTPUT / "pages").mkdir(parents=True, exist_ok=True)
        driver.save_screenshot(str(pages_hub.OUTPUT / "pages" / "motion-timeline.png"))
        driver.get(f"{page.url}/#/live/people")
        wait_for("the live page", lambda: words() != "")
        driver.save_screenshot(str(pages_hub.OUTPUT / "pages" / "motion-live.png"))
        assert not pages_hub.console_errors(driver, "willReadFrequently")
    finally:
        pages_hub.close_chromium(driver)
        page.close()
