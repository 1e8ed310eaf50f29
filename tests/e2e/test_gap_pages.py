# SPDX-License-Identifier: Apache-2.0
"""Gaps as people see them: on the timeline, on a page of their own, in the proof of recording. The index is written by hand, so that
there is one of each kind: fetched, given up, filled in part, waiting, not wanted."""
import json
import pathlib
import sqlite3
import time

import pytest

pytest.importorskip("selenium")
import pages_hub as hubs  # noqa: E402
from test_pages import call, find, log_in, open_page, text, wait  # noqa: E402

pytestmark = pytest.mark.skipif(not hubs.PIGTAIL.exists() or not pathlib.Path("/usr/bin/chromedriver").exists(),
                                reason="needs the built pigtail, chromium and chromedriver")

SITE = """
site: {{ name: Warehouse 4, timezone: Europe/Berlin }}
web: {{ listen: 127.0.0.1:{port} }}
archive: {{ path: archive, keep: {{ free: 1% }} }}
cameras:
  gate: {{ source: "onvif://127.0.0.1:{closed}", record: {{ main: always }} }}
  yard: {{ source: "rtsp://127.0.0.1:{closed}/stream1" }}
users: users.yaml
"""
NETWORK, HUB, DISK, POLICY = 1, 3, 4, 5
FOUND, FILLED, PARTLY, IMPOSSIBLE = 0, 4, 5, 6
LIVE = [(0, 200), (260, 400), (430, 500), (560, 700), (720, 800), (815, 900)]
FETCHED = (200, 260)
GAPS = [(400, 430, NETWORK, "no data for 10 s"), (500, 560, DISK, "the disk was full"), (700, 720, POLICY, "no rule asked for it"), (800, 815, HUB, "pigtail did not run")]
JOBS = [(*FETCHED, NETWORK, FILLED, ""), (400, 430, NETWORK, IMPOSSIBLE, "the camera's card has no footage of it"),
        (500, 560, DISK, FOUND, ""), (790, 815, HUB, PARTLY, "the camera's card has no footage of it")]


def seed(index, begin):
    """begin: seconds since 1970 of 0 above."""
    ns = lambda s: int((begin + s) * 1e9)  # noqa: E731
    db = sqlite3.connect(index)
    series = db.execute("INSERT INTO series(camera, stream) VALUES('gate', 'main') ON CONFLICT DO UPDATE SET camera=camera RETURNING id").fetchone()[0]
    db.execute("DELETE FROM gap WHERE series=?", (series,))
    put = "INSERT INTO segment(series,start_ns,end_ns,bytes,open,path,codec,width,height,fetched) VALUES(?,?,?,1,0,?,'avc1.64001f',640,360,?)"
    for a, b in (*LIVE, FETCHED):
        db.execute(put, (series, ns(a), ns(b), f"gate/main/{a}.mp4", (a, b) == FETCHED))
    for a, b, cause, reason in GAPS:
        db.execute("INSERT INTO gap(series,start_ns,end_ns,cause,reason) VALUES(?,?,?,?,?)", (series, ns(a), ns(b), cause, reason))
    for a, b, cause, state, reason in JOBS:
        db.execute("INSERT INTO job(series,start_ns,end_ns,cause,state,reason,urgent,tries,due_ns,found_ns,changed_ns,frames,bytes,seam,offset_ns)"
                   " VALUES(?,?,?,?,?,?,0,1,0,?,?,?,?,?,0)", (series, ns(a), ns(b), cause, state, reason, ns(b), ns(b), *((900, 5000000, 2) if state == FILLED else (0, 0, 0))))
    db.commit()
    db.close()


@pytest.fixture(scope="module")
def hub():
    h = hubs.Hub(site=SITE)
    wait(lambda: call(h.url + "/api/me")[0] == 200)
    h.stop()
    h.begin = time.time() - 1000
    seed(h.dir / "archive/index.db", h.begin)
    h.start()
    yield h
    h.close()


@pytest.fixture(scope="module")
def chromium():
    driver = hubs.chromium()
    yield driver
    hubs.close_chromium(driver)


@pytest.fixture
def browser(chromium):
    hubs.console_errors(chromium)
    yield chromium
    errors = hubs.console_errors(chromium)
    assert not errors, errors


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def timeline(browser, hub):
    """Opened so that all of it is seen. Gives what to tap by."""
    open_page(browser, hub, f"time/gate?at={iso(hub.begin + 899)}&span=2100")
    wait(lambda: browser.execute_script("return document.querySelector('canvas.timeline')?.dataset.span"), what="the timeline")

    def tap(at, state):
        """Until it is drawn, the tap finds nothing."""
        def hit():
            hubs.tap_timeline(browser, (hub.begin + at) * 1000)
            return browser.execute_script("const n = document.querySelector('.gap-note'); return !n.hidden && n.dataset.state") == state
        wait(hit, what=f"the gap at {at} to be {state}")
        return text(browser, ".gap-note p")
    return tap


def buttons(browser, within):
    return [b.text for b in browser.find_elements("css selector", within + " .act") if b.is_displayed()]


def ask(browser, path):
    return json.loads(browser.execute_async_script("fetch(arguments[0]).then(r => r.text()).then(arguments[1])", path))


def picture(browser, name):
    hubs.OUTPUT.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(hubs.OUTPUT / f"{name}.png"))


# ---- the timeline ----

def test_a_tap_tells_what_becomes_of_a_gap(hub, browser):
    log_in(browser, hub, "otto")
    tap = timeline(browser, hub)
    words = tap(530, "waiting")
    assert "the disk was full" in words and "waits to be fetched" in words
    assert buttons(browser, ".gap-note") == ["Fetch now"]
    words = tap(415, "not recoverable")
    assert "no data for 10 s" in words and "is not recoverable: the camera's card has no footage of it" in words
    assert buttons(browser, ".gap-note") == ["Fetch now"]
    assert "the rest of it is not recoverable" in tap(807, "partly filled")
    assert "nobody wanted it recorded" in tap(710, "not wanted")
    assert buttons(browser, ".gap-note") == []
    picture(browser, "gaps-timeline")
    hubs.tap_timeline(browser, (hub.begin + 230) * 1000)
    wait(lambda: "fetched from the camera's card later" in text(browser, ".timeline-words"), what="where the footage is from")
    assert not browser.find_element("css selector", ".gap-note").is_displayed()


def test_patterns_differ(hub, browser):
    """Not by colour alone: live is one colour, everything else has a pattern, and no two are alike."""
    log_in(browser, hub, "otto")
    tap = timeline(browser, hub)
    tap(530, "waiting")
    seen = browser.execute_script("""return [...document.querySelectorAll(".legend canvas")].map(canvas => {
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data, dark = [];
        for (let i = 0; i < data.length; i += 4)
            dark.push(data[i + 3] > 128 && data[i] + data[i + 1] + data[i + 2] < 600 ? 1 : 0);
        return dark.join("");
    })""")
    assert len(seen) == len(set(seen)) == 7
    assert "0" not in seen[0]


def test_fetch_now_asks_and_is_logged(hub, browser):
    log_in(browser, hub, "otto")
    tap = timeline(browser, hub)
    tap(530, "waiting")
    find(browser, ".gap-note .act").click()
    wait(lambda: "1 gap is asked for" in text(browser, ".gap-told"), what="the answer")
    job = next(j for j in ask(browser, "/api/backfill?camera=gate")["jobs"] if j["state"] == "found")
    assert job["urgent"] and job["waits"] == "the camera is not reached"
    said = next(e for e in ask(browser, "/api/events?topic=archive&limit=20")["events"] if e["state"] == "backfill-asked")
    assert (said["actor"], said["source"]) == ("user/otto", "camera/gate")


def test_a_viewer_sees_gaps_and_no_buttons(hub, browser):
    log_in(browser, hub, "vera")
    tap = timeline(browser, hub)
    tap(530, "waiting")
    assert buttons(browser, ".gap-note") == []
    open_page(browser, hub, "gaps")
    find(browser, ".gap-row")
    assert buttons(browser, "main") == []


# ---- the page of all of them ----

def rows(browser):
    return browser.execute_script("""return [...document.querySelectorAll(".gap-row")].map(r =>
        [r.dataset.camera + "/" + r.dataset.stream, r.querySelector(".state").textContent, r.querySelector(".gap-why").textContent, r.querySelector(".act") ? "button" : ""])""")


def test_the_page_of_all_gaps(hub, browser):
    log_in(browser, hub, "otto")
    open_page(browser, hub, "gaps/gate")
    wait(lambda: len([r for r in rows(browser) if r[0] == "gate/main"]) >= 4, what="its rows")
    old = [r for r in rows(browser) if r[0] == "gate/main"][-4:]  # newest first; above them what has happened since
    assert [r[1] for r in old] == ["partly filled", "waiting", "not recoverable", "filled"], old
    assert [r[3] for r in old] == ["button", "button", "button", ""]
    assert old[1][2].startswith("disk: the disk was full.") and "the camera is not reached" in old[1][2]
    assert "900 frames, 4.8 MiB, seam by content" in old[3][2]
    assert not any("nobody wanted" in r[2] for r in rows(browser))
    picture(browser, "gaps-page")
    find(browser, ".gap-filter input[type=checkbox]").click()
    wait(lambda: any(r[1] == "not wanted" for r in rows(browser)), what="what nobody wanted")
    assert "all=1" in browser.current_url
    browser.execute_script("const s = document.querySelector('.gap-filter select'); s.value = 'yard'; s.dispatchEvent(new Event('change'));")
    wait(lambda: rows(browser) and all(r[0].startswith("yard/") for r in rows(browser)), what="those of one camera")
    assert "gaps/yard" in browser.current_url
    # by rtsp:// there is nobody to ask
    assert all(r[3] == "" and "only cameras by onvif://" in r[2] for r in rows(browser)), rows(browser)


def test_pause_and_resume(hub, browser):
    log_in(browser, hub, "otto")
    open_page(browser, hub, "gaps")
    for before, button, after in (("false", "Pause", "true"), ("true", "Resume", "false")):
        find(browser, f".pause-bar[data-paused={before}] [data-label={button}]").click()
        find(browser, f".pause-bar[data-paused={after}]")
        assert ask(browser, "/api/backfill")["paused"] == (after == "true")


# ---- the proof ----

def test_proof_of_recording(hub, browser):
    log_in(browser, hub, "otto")
    open_page(browser, hub, f"proof?from={iso(hub.begin)}&to={iso(hub.begin + 900)}&cameras=gate")
    find(browser, ".proof table")
    sheet = text(browser, ".proof")
    assert "Proof of recording: Warehouse 4" in sheet and "Europe/Berlin" in sheet and "by otto" in sheet and "15 min 0 s" in sheet
    cells = [c.text for c in browser.find_elements("css selector", ".proof table:first-of-type tbody tr:first-child > *")]
    # of 900 s: 715 live, 60 fetched, 30 + 60 + 20 + 15 missing
    assert cells == ["gate / main", "86.111 %", "11 min 55 s", "1 min 0 s", "30 s network\n15 s hub was off\n1 min 0 s disk\n20 s not wanted", "–"], cells
    gaps = browser.execute_script("return [...document.querySelectorAll('.proof table')].slice(-1)[0].querySelectorAll('tbody tr').length")
    assert gaps == len(GAPS)
    assert "the disk was full; it waits to be fetched" in sheet and "it is not recoverable: the camera's card has no footage of it" in sheet
    # printed: the sheet alone, black on white, a table also where the paper is narrow
    hubs.look_like(browser, 700, 1000, True)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        shown = browser.execute_script("""const seen = s => [...document.querySelectorAll(s)].some(e => e.getClientRects().length);
            return [seen("header nav"), seen(".proof-form"), seen(".proof table"), getComputedStyle(document.querySelector(".proof td")).display,
                getComputedStyle(document.documentElement).backgroundColor, document.documentElement.scrollWidth - innerWidth]""")
        picture(browser, "proof-printed")
        assert shown[:5] == [False, False, True, "table-cell", "rgb(255, 255, 255)"] and shown[5] <= 0, shown
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        hubs.look_like(browser, 1440, 900, False)


def test_a_new_system_counts_from_its_first_footage(hub, browser):
    log_in(browser, hub, "otto")
    for begin, end, share, rest in ((-3600, 200, "100 %", "counts from"), (-3600, -1800, "–", "30 min 0 s")):
        open_page(browser, hub, f"proof?from={iso(hub.begin + begin)}&to={iso(hub.begin + end)}&cameras=gate")
        find(browser, ".proof table")
        cells = [c.text for c in browser.find_elements("css selector", ".proof table:first-of-type tbody tr:first-child > *")]
        assert cells[1] == share and cells[4] == "nothing" and rest in cells[5], cells
        assert len(browser.find_elements("css selector", ".proof table")) == 1, "nothing is missing"
        picture(browser, f"proof-new{begin}-{end}")
