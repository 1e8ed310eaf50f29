# SPDX-License-Identifier: Apache-2.0
"""Adding a camera in the browser: looked for, seen, saved, running, and nothing of its password anywhere but the secrets file."""
import json
import pathlib

import pytest
from selenium.webdriver.common.by import By

import hub
import pages_hub
from hub import Farm, Hub, wait_for
from onvif_camera import Camera

OUTPUT = pages_hub.OUTPUT


@pytest.fixture(scope="module")
def farm():
    with Farm() as f:
        yield f


def test_over_the_api(farm):
    with Camera(farm.url(), farm.url(1), password="sesame") as camera, Hub() as h:
        (h.dir / "secrets.yaml").write_text("# kept by hand\ntokens: { phone: abc }\n")
        (h.dir / "secrets.yaml").chmod(0o600)
        new = {"name": "yard", "source": camera.source, "user": "admin", "password": "sesame"}
        assert h.request("POST", "/api/cameras", {**new, "name": "../yard"})[0] == 400
        assert h.request("POST", "/api/cameras", {**new, "source": "onvif://u:p@192.0.2.1"})[0] == 400
        status, answer = h.request("POST", "/api/cameras", new)
        assert status == 201, answer
        h.wait_recording("yard")
        text = (h.dir / "secrets.yaml").read_text()
        assert "# kept by hand" in text and "sesame" in text and (h.dir / "secrets.yaml").stat().st_mode & 0o777 == 0o600
        assert "sesame" not in (h.dir / "cameras.d/yard.yaml").read_text()
        assert "sesame" not in json.dumps(h.state()) + h.stderr() + json.dumps(h.events())
        assert h.request("POST", "/api/cameras", new)[0] == 409
        assert any(e["state"] == "added" and e["actor"].startswith("user/") for e in h.events(source="camera/yard"))
        # it is there after a restart, and gone after it was removed; footage stays
        h.stop()
        h.start()
        h.wait_recording("yard")
        assert h.request("DELETE", "/api/cameras/yard")[0] == 200
        assert not h.state()["cameras"] and h.segments("yard")
        assert h.request("DELETE", "/api/cameras/yard")[0] == 404


def test_what_would_break_the_site_changes_nothing(farm):
    with Hub() as h:
        status, answer = h.request("POST", "/api/cameras", {"name": "yard", "source": "gopher://x"})
        assert status == 409 and "must begin with one of" in answer["error"], answer
        assert not (h.dir / "cameras.d/yard.yaml").exists()


def test_preview(farm):
    with Hub() as h:
        status, jpeg = h.request("POST", "/api/preview", {"source": farm.url()})
        assert status == 200 and jpeg[:2] == b"\xff\xd8"
        status, answer = h.request("POST", "/api/preview", {"source": "rtsp://127.0.0.1:9/x"})
        assert status == 502 and "refused" in answer["error"], answer
        assert h.request("POST", "/api/preview", {"source": "file:/etc/passwd"})[0] == 400


def test_in_the_browser(farm, tmp_path):
    pages = pages_hub.Hub(users=("ada admin",), site=pages_hub.SITE)
    browser = pages_hub.chromium(390, 844, touch=True)
    try:
        with Camera(farm.url(), farm.url(1), password="sesame", clock=100, quirks=("media2",)) as camera:
            camera.masks["old"] = {"enabled": True, "points": [(-1, 1), (0, 1), (0, 0.5)]}
            browser.get(pages.link)
            wait_for("the pages", lambda: browser.find_elements(By.CSS_SELECTOR, ".bar h1"), 20)
            browser.get(pages.url + "/#/add")
            find = lambda s, n=10: wait_for(s, lambda: browser.find_elements(By.CSS_SELECTOR, s), n)[0]
            find("input[name=user]").send_keys("admin")
            find("input[name=password]").send_keys("sesame")
            find("input[name=hosts]").send_keys(f"127.0.0.1:{camera.port}")
            find("form button.primary").click()
            card = find(f".candidate[data-source='{camera.source}']", 20)
            assert "1 alarm input" in card.text and "1 relay output" in card.text and "ahead" in card.text
            wait_for("its picture", lambda: browser.execute_script("return arguments[0].querySelector('img').naturalWidth", card) == 640, 20)
            OUTPUT.mkdir(exist_ok=True)
            browser.save_screenshot(str(OUTPUT / "phone-add.png"))
            name = card.find_element(By.CSS_SELECTOR, "form.add input")
            name.clear()
            name.send_keys("orchard")
            card.find_element(By.CSS_SELECTOR, "form.add button").click()
            wait_for("it is added", lambda: "Added" in card.text, 10)
            browser.get(pages.url + "/#/live/orchard")
            find(".picture.playing", 20)
            # and it is turned as long as the finger is down
            find(".pad .way[data-way=left]")
            from selenium.webdriver import ActionChains
            ActionChains(browser).click_and_hold(find(".pad .way[data-way=left]")).pause(1.5).release().perform()
            wait_for("it was turned and stopped", lambda: [n for n, _ in camera.told][-1:] == ["Stop"], 5)
            assert [n for n, _ in camera.told].count("ContinuousMove") == 2, camera.told
            # what it hides is drawn over the picture, and can be switched
            find(".picture .masks polygon.on")
            browser.execute_script("arguments[0].click()", find(".mask[data-token=old] input"))
            find(".picture .masks polygon.off")
            assert camera.masks["old"]["enabled"] is False
            # and a part is covered by dragging over it, as far as the picture goes
            browser.execute_script("arguments[0].click(); window.scrollTo(0, 0)", find("[data-act=cover]"))
            picture = find(".picture.single")
            w, ht = picture.size["width"], picture.size["height"]
            ActionChains(browser).move_to_element_with_offset(picture, -w // 4, -ht // 4).click_and_hold().move_by_offset(w // 2, ht // 2).release().perform()
            wait_for("it is covered", lambda: "m1" in camera.masks, 5)
            assert all(abs(abs(v) - 0.5) < 0.05 for p in camera.masks["m1"]["points"] for v in p), camera.masks
            find(".picture .masks polygon.on")
            assert "admin (Administrator)" in browser.find_element(By.CSS_SELECTOR, ".controls").text
            browser.execute_script("document.querySelector('.mask-list').scrollIntoView()")
            browser.save_screenshot(str(OUTPUT / "phone-controls.png"))
    finally:
        pages_hub.close_chromium(browser)
        pages.close()


def test_its_plugs_stand_beside_its_picture(farm):
    """Who looks at the gate switches its lamp there; what belongs to no camera is not among them."""
    with Camera(farm.url(), farm.url(1), user="", password="") as camera:
        site = pages_hub.SITE
        for before, line in (("  yard:", f"  orchard: {{{{ source: '{camera.source}' }}}}\n"), ("  door:", "  wicket: {{ driver: onvif, camera: orchard, token: AlarmIn_1, kind: door }}\n"),
                             ("  flood:", "  lantern: {{ driver: onvif, camera: orchard, token: AlarmOut_1, kind: light }}\n")):
            site = site.replace(before, line + before, 1)
        pages = pages_hub.Hub(users=("ada admin",), site=site)
        browser = pages_hub.chromium(390, 844, touch=True)
        try:
            browser.get(pages.link)
            wait_for("the pages", lambda: browser.find_elements(By.CSS_SELECTOR, ".bar h1"), 20)
            browser.get(pages.url + "/#/live/orchard")
            lantern = wait_for("its relay", lambda: browser.find_elements(By.CSS_SELECTOR, ".near [data-relay=lantern][data-state=off]"), 20)[0]
            assert [c.get_attribute("data-relay") or c.get_attribute("data-input") for c in browser.find_elements(By.CSS_SELECTOR, ".near .card")] == ["lantern", "wicket"]
            browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", lantern)
            [b for b in lantern.find_elements(By.CSS_SELECTOR, "button") if b.text == "On"][0].click()
            wait_for("it is lit", lambda: camera.relays["AlarmOut_1"]["active"] and lantern.get_attribute("data-state") == "on", 5)
            browser.save_screenshot(str(OUTPUT / "phone-camera-plugs.png"))
            browser.get(pages.url + "/#/live/gate")
            wait_for("the other camera", lambda: browser.find_elements(By.CSS_SELECTOR, ".near[hidden]"), 10)
        finally:
            pages_hub.close_chromium(browser)
            pages.close()
