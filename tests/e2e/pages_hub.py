# SPDX-License-Identifier: Apache-2.0
"""A hub of the tests' own, and a Chromium that looks at its pages."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

BUILD = pathlib.Path(os.environ.get("PIGTAIL_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
PIGTAIL = BUILD / "src/daemon/pigtail"
CODEC = BUILD / "src/codec/pigtail-codec"
OUTPUT = pathlib.Path(os.environ.get("PIGTAIL_TEST_OUTPUT", "test-output"))

SITE = """
site: {{ name: Warehouse 4, location: [52.52, 13.40], timezone: Europe/Berlin }}
web: {{ listen: 127.0.0.1:{port} }}
archive: {{ path: archive, keep: {{ free: 1% }} }}
cameras:
  gate: {{ source: "test:clock", sub: "test:clock?size=640x360", record: {{ main: always }}, audio: {{ listen: operator, record: always }} }}
  yard: {{ source: "rtsp://127.0.0.1:{closed}/stream1" }}
inputs:
  door: {{ driver: virtual, channel: 1, kind: door, debounce: 30ms }}
  button: {{ driver: virtual, channel: 2, kind: button }}
relays:
  flood: {{ driver: virtual, channel: 1, kind: light }}
  barrier: {{ driver: virtual, channel: 2, kind: gate, mode: monostable, pulse: 1s, egress: hardwired, hub-timed: accepted }}
rules:
  light at the door:
    when: door active
    do:
      - relay: {{ flood: on, for: 20s }}
      - log: somebody is at the door
      - snapshot: gate
users: users.yaml
"""
PASSWORD = "correct horse"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Hub:
    """`pigtail run` in a directory of its own; .link is the one of the first start."""

    def __init__(self, users=("vera viewer", "otto operator"), site=SITE):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="pigtail-pages-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (self.dir / "site.yaml").write_text(site.format(port=self.port, closed=free_port()))
        lines = [subprocess.run([PIGTAIL, "user", "add", *user.split()], input=PASSWORD + "\n", text=True, check=True,
                                capture_output=True).stdout for user in users]
        (self.dir / "users.yaml").write_text("".join(lines))
        os.chmod(self.dir / "users.yaml", 0o600)
        self.process = None
        self.start()

    def start(self):
        env = dict(os.environ, PIGTAIL_LINK="1", PIGTAIL_CODEC=str(CODEC), ASAN_OPTIONS="intercept_tls_get_addr=0")
        self.log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen([PIGTAIL, "run", self.dir / "site.yaml"], stdout=subprocess.PIPE, stderr=self.log,
                                        env=env, text=True)
        self.link = None
        for line in self.process.stdout:
            found = re.search(r"http\S+#login=\S+", line)
            if found:
                self.link = found[0]
                break
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the hub does not answer:\n" + (self.dir / "log").read_text())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()
            self.log.close()

    def close(self):
        status = self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
        return status


def chromium(width=1440, height=900, dark=False, touch=False, home=None):
    """A fresh Chromium; its console is kept for console_errors(). home: whose, with the certificates that he trusts in .pki/nssdb."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    profile = tempfile.mkdtemp(prefix="pigtail-chromium-")
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                 "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--mute-audio", "--hide-scrollbars",
                 f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    env = dict(os.environ, HOME=str(home)) if home else None
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver", env=env))
    driver.profile = profile
    look_like(driver, width, height, dark, touch)
    driver.set_script_timeout(30)
    driver.set_page_load_timeout(30)
    return driver


def look_like(driver, width, height, dark, touch=False):
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 2 if touch else 1, "mobile": touch})
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": touch})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})


def close_chromium(driver):
    driver.quit()
    shutil.rmtree(driver.profile, ignore_errors=True)


def console_errors(driver, *expected):
    """What the console complained of since the last call, without what was expected (regular expressions)."""
    lines = [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    return [line for line in lines if not any(re.search(e, line) for e in (*expected, r"/favicon\.ico"))]


def tap_timeline(driver, ms, lane=0):
    """A finger on the timeline where that instant stands, in a lane (-1: where the events are)."""
    driver.execute_script("""const [ms, y] = arguments, canvas = document.querySelector("canvas.timeline"), box = canvas.getBoundingClientRect();
        const x = box.left + (ms - canvas.dataset.from) / canvas.dataset.span * box.width;
        for (const type of ["pointerdown", "pointerup"])
            canvas.dispatchEvent(new PointerEvent(type, {pointerId: 1, clientX: x, clientY: box.top + y, bubbles: true}));""", ms, 34 + 15 if lane < 0 else 94 + 46 * lane)
