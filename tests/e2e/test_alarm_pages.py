# SPDX-License-Identifier: Apache-2.0
"""The alarm centre in Chromium: mode buttons, PIN pad, a raised alarm with what is to be done, the strip on every page, a camera
that a rule brings to the front; and why a rule did not fire."""
import json
import pathlib
import subprocess
import time

import pytest

pytest.importorskip("selenium")
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402

import pages_hub as hubs  # noqa: E402
from test_pages import browser, chromium, find, log_in, open_page, text, wait  # noqa: E402,F401

pytestmark = pytest.mark.skipif(not hubs.PIGTAIL.exists() or not pathlib.Path("/usr/bin/chromedriver").exists(),
                                reason="needs the built pigtail, chromium and chromedriver")

PIN = "271828"
SITE = """
site: {{ name: Warehouse 4, timezone: Europe/Berlin }}
web: {{ listen: 127.0.0.1:{port} }}
archive: {{ path: archive, keep: {{ free: 1% }} }}
cameras:
  gate: {{ source: "test:clock?size=640x360", record: never }}
  yard: {{ source: "test:clock?size=640x360", record: never }}
  closed: {{ source: "rtsp://127.0.0.1:{closed}/", record: never }}
inputs:
  door: {{ driver: virtual, channel: 1, kind: door }}
  pir: {{ driver: virtual, channel: 2, kind: pir }}
  button: {{ driver: virtual, channel: 3, kind: button }}
alarm:
  exit-delay: 2s
  entry-delay: 3s
  zones:
    front: {{ inputs: door, armed-in: [night, away], entry: delayed, camera: gate, procedure: "Look at the gate. Call the owner: see the list at the desk." }}
    hall: {{ inputs: pir, armed-in: away, text: Somebody is in the hall, priority: 5, camera: gate, procedure: Call 110 }}
rules:
  look: {{ when: button active, do: {{ show: yard }} }}
  by night: {{ when: button active, if: {{ mode: night }}, do: {{ log: it is night }} }}
users: users.yaml
"""


@pytest.fixture(scope="module")
def hub():
    h = hubs.Hub(users=("vera viewer", "otto operator", "part operator"), site=SITE)
    h.stop()
    pin = subprocess.run([hubs.PIGTAIL, "user", "pin"], input=PIN + "\n", capture_output=True, text=True, check=True).stdout
    users = h.dir / "users.yaml"
    users.write_text(users.read_text().replace("otto:\n", f"otto:\n  {pin}").replace("part:\n", "part:\n  cameras: [gate]\n"))
    h.start()
    yield h
    h.close()


def ask(browser, path, body=None):
    return browser.execute_async_script("""
        const [path, body, done] = arguments;
        fetch(path, body ? {method: "POST", body: JSON.stringify(body), headers: {"Content-Type": "application/json"}} : {})
            .then(r => r.json().then(done))""", path, body)


def press(browser, channel):
    for closed in (True, False):
        ask(browser, f"/api/board/board/inputs/{channel}", {"closed": closed})


def picture(browser, name):
    hubs.OUTPUT.mkdir(parents=True, exist_ok=True)
    for width, height, touch in ((390, 844, True), (1400, 900, False)):
        hubs.look_like(browser, width, height, False, touch)
        time.sleep(0.6)
        browser.save_screenshot(str(hubs.OUTPUT / f"{name}-{width}.png"))
        overflow = browser.execute_script("return document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{name} is {overflow} pixels wider than a screen of {width}"
    hubs.look_like(browser, 1440, 900, False)


def mode_is(browser, mode):
    wait(lambda: text(browser, ".mode-now b") == mode, 10, "mode " + mode)


def type_pin(browser, pin):
    for digit in pin:
        find(browser, f".pin-key[data-digit='{digit}']").click()
    find(browser, ".pin-key.primary").click()


def test_arm_alarm_acknowledge_disarm(hub, browser):
    log_in(browser, hub, "otto")
    open_page(browser, hub, "alarm")
    mode_is(browser, "disarmed")
    ask(browser, "/api/board/board/inputs/2", {"closed": True})
    wait(lambda: "open" in text(browser, "[data-zone=hall]"), 5, "the zone is open")
    browser.expected.append("409")
    find(browser, ".modes [data-mode=away]").click()
    wait(lambda: "hall is open" in text(browser, ".problem"), 5, "why not")
    ask(browser, "/api/board/board/inputs/2", {"closed": False})
    wait(lambda: "closed" in text(browser, "[data-zone=hall]"), 5, "the zone is closed")
    height = browser.execute_script("return document.querySelector('.modes .act').getBoundingClientRect().height")
    assert height >= 70, "big enough for a thumb"
    find(browser, ".modes [data-mode=away]").click()
    wait(lambda: "away in" in text(browser, ".arming"), 5, "the exit delay")
    mode_is(browser, "away")
    press(browser, 2)
    card = find(browser, ".alarm[data-state=raised]", 5)
    assert "Somebody is in the hall" in card.text and "Call 110" in card.text
    wait(lambda: browser.execute_script("return document.querySelector('.alarm-camera img')?.naturalWidth > 0"), 10, "its picture")
    picture(browser, "alarm-raised")
    open_page(browser, hub, "system")  # the strip is on every page, and leads back
    strip = find(browser, ".alarm-strip:not([hidden])")
    assert "Somebody is in the hall" in strip.text
    picture(browser, "alarm-strip")
    strip.click()
    find(browser, ".alarm .act[data-label=Acknowledge]").click()
    find(browser, ".alarm[data-state=acknowledged], .log li b", 5)
    wait(lambda: not browser.find_element(By.CSS_SELECTOR, ".alarm-strip").is_displayed(), 5, "the strip goes")
    assert "Somebody is in the hall" in text(browser, "main .log") and "user/otto" in text(browser, "main .log"), "its inputs are closed: it is over"
    # disarming asks for the PIN
    browser.expected.append("403")
    find(browser, ".modes [data-mode=disarmed]").click()
    picture(browser, "alarm-pin")
    type_pin(browser, "0000")
    wait(lambda: "wrong" in text(browser, ".pin .problem"), 5, "it is wrong")
    assert text(browser, ".mode-now b") == "away"
    type_pin(browser, PIN)
    mode_is(browser, "disarmed")
    assert not browser.find_elements(By.CSS_SELECTOR, "dialog.pin")
    assert PIN not in browser.page_source and PIN not in json.dumps(ask(browser, "/api/events?limit=1000"))
    assert PIN not in browser.current_url and PIN not in (hub.dir / "log").read_text()


def test_a_viewer_sees_and_orders_nothing(hub, browser):
    log_in(browser, hub, "vera")
    open_page(browser, hub, "alarm")
    mode_is(browser, "disarmed")
    find(browser, "[data-zone=front]")
    assert not browser.find_elements(By.CSS_SELECTOR, "main .act")


def test_a_camera_comes_to_the_front(hub, browser):
    log_in(browser, hub, "otto")
    open_page(browser, hub, "events")
    time.sleep(1)  # the bus
    press(browser, 3)
    find(browser, ".front:not([hidden]) .picture.playing", 20)
    assert "Look at yard" in text(browser, ".front") and "rule/look" in text(browser, ".front")
    picture(browser, "alarm-front")
    find(browser, ".front a.button").click()
    wait(lambda: "#/live/yard" in browser.current_url, 5)
    wait(lambda: not browser.find_element(By.CSS_SELECTOR, ".front").is_displayed(), 5, "it is looked at")
    for user in ("vera", "part"):  # no operator; one who may not see that camera
        log_in(browser, hub, user)
        open_page(browser, hub, "events")
        time.sleep(1)
        subprocess.run([hubs.PIGTAIL, "state", "--site", hub.dir / "site.yaml"], check=True, capture_output=True)
        cookie = browser.get_cookies()
        log_in(browser, hub, "otto")
        operator = browser.get_cookies()
        browser.delete_all_cookies()
        for c in cookie:
            browser.add_cookie(c)
        open_page(browser, hub, "events")
        time.sleep(1)
        hubs_press(hub, operator, 3)
        time.sleep(2)
        assert not browser.find_element(By.CSS_SELECTOR, ".front").is_displayed(), user


def hubs_press(hub, cookies, channel):
    """As somebody else, at another screen."""
    import urllib.request
    cookie = "; ".join(f"{c['name']}={c['value']}" for c in cookies)
    for closed in (True, False):
        request = urllib.request.Request(f"{hub.url}/api/board/board/inputs/{channel}", json.dumps({"closed": closed}).encode(),
                                         {"Content-Type": "application/json", "Cookie": cookie})
        urllib.request.urlopen(request, timeout=10).close()


def test_why_a_rule_did_not_fire(hub, browser):
    log_in(browser, hub, "otto")
    open_page(browser, hub, "plugs")
    press(browser, 3)
    wait(lambda: "did not fire" in text(browser, "[data-rule='by night']") and "mode is disarmed" in text(browser, "[data-rule='by night'] .when"), 10, "why")
    assert "fired" in text(browser, "[data-rule=look]")
    card = find(browser, "[data-rule='by night']")
    ActionChains(browser).move_to_element(card.find_element(By.TAG_NAME, "summary")).click().perform()
    card.find_element(By.CSS_SELECTOR, "form button").click()
    wait(lambda: "does not fire" in text(browser, "[data-rule='by night'] .log"), 10, "why, at that time")
    picture(browser, "alarm-rules")
