# SPDX-License-Identifier: Apache-2.0
"""Web Push: browsers are registered by their users, get what they can decrypt, and are forgotten when they are gone. The push
service's certificate is verified: its CA is one that the hub's machine trusts, in a mount namespace of the hub's own."""
import base64
import io
import json
import os
import ssl
import subprocess
import urllib.error
import urllib.request

import hub
import numpy
import PIL.Image
import testpicture
from hub import Hub, wait_for
from npm import packages
from pages_hub import chromium, close_chromium
from push_service import Browser, PushService
from selenium.webdriver.common.by import By

PASSWORD = "correct horse"
SITE = """inputs:
  door: { driver: virtual, channel: 1, kind: door, debounce: 0ms }
  window: { driver: virtual, channel: 2, kind: door, debounce: 0ms }
notify:
  everybody: { push: all }
  boss: { push: [anna], expires: 1h }
rules:
  all: { when: door active, do: { notify: { to: everybody, text: 'Tür {input}', priority: 5 } } }
  boss: { when: window active, do: { notify: { to: boss, text: 'only Anna' } } }
users: users.yaml
"""
CAMERA = "cameras: { gate: { source: 'test:clock?size=640x360&fps=15&gop=1s' } }\n"


class Caller:
    def __init__(self, h, user, ca=None):
        self.url, self.cookie = f"http{'s' if ca else ''}://127.0.0.1:{h.port}", None
        self.tls = ssl.create_default_context(cafile=ca) if ca else None
        status, _, headers = self.ask("POST", "/api/login", {"user": user, "password": PASSWORD})
        assert status == 200
        self.cookie = headers["Set-Cookie"].split(";")[0]

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if body is not None else None, method=method)
        if self.cookie:
            request.add_header("Cookie", self.cookie)
        try:
            with urllib.request.urlopen(request, timeout=10, context=self.tls) as answer:
                return answer.status, json.loads(answer.read()), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read()), error.headers


def write_users(h, *users):
    lines = [subprocess.run([hub.PIGTAIL, "user", "add", user, "viewer"], input=PASSWORD + "\n", text=True, check=True, capture_output=True).stdout for user in users]
    (h.dir / "users.yaml").write_text("".join(lines))
    (h.dir / "users.yaml").chmod(0o600)


def hub_that_trusts(service, site=SITE, web_keys=""):
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    h = Hub(site, start=False, web_keys=", names: [hub.example.org]" + web_keys,
            prefix=("unshare", "-m", "sh", "-c", f'mount --bind {service.ca} {bundle} && exec "$@"', "sh"))
    write_users(h, "anna", "bert")
    h.start()
    return h


def ring(board, channel):
    board.send(b"input %d closed" % channel)
    board.send(b"input %d open" % channel)


def test_what_is_pushed_can_be_read_by_the_browser_alone(tmp_path):
    with PushService(tmp_path) as service, hub_that_trusts(service) as h, h.board() as board:
        anna, bert = Caller(h, "anna"), Caller(h, "bert")
        phone, desk, other = Browser(service, "phone"), Browser(service, "desk"), Browser(service, "other")
        for who, browser in ((anna, phone), (anna, desk), (bert, other)):
            assert who.ask("POST", "/api/devices", browser.registration())[0] == 200
        key = anna.ask("GET", "/api/devices")[1]["key"]
        ring(board, 1)
        wait_for("all three", lambda: phone.shown and desk.shown and other.shown)
        assert phone.shown[0]["text"] == "Tür door" and phone.shown[0]["title"] == "Drill"
        ring(board, 2)
        wait_for("hers", lambda: len(phone.shown) == 2 and len(desk.shown) == 2)
        assert phone.shown[1]["text"] == "only Anna" and not service.wrong
        urgency = [headers["Urgency"] for _, headers in service.headers]
        assert urgency == ["high"] * 3 + ["normal"] * 2 and {k for k, _ in service.headers} == {key}
        sent = wait_for("the log says so", lambda: (lambda e: e if len(e) == 5 else None)([e for e in h.events(topic="notify") if e["state"] == "sent"]))
        assert len(other.shown) == 1
        # after a kill the same key and the same devices
        h.kill()
        h.start()
        with h.board() as again:
            ring(again, 1)
            wait_for("all three again", lambda: len(phone.shown) == 3 and len(other.shown) == 2)
        assert Caller(h, "anna").ask("GET", "/api/devices")[1]["key"] == key
        text = str(sent) + str(h.events()) + h.stderr() + str(h.state())
        assert "/push/" not in text


OTHERS_JS = """
const ece = require('http_ece'), jwt = require('jsonwebtoken'), crypto = require('crypto');
const { body, secret, auth, sender, token } = JSON.parse(require('fs').readFileSync(0));
const browser = crypto.createECDH('prime256v1');
browser.setPrivateKey(Buffer.from(secret, 'hex'));
const text = ece.decrypt(Buffer.from(body, 'base64'), { version: 'aes128gcm', privateKey: browser, authSecret: auth });
const p = Buffer.from(sender, 'base64url'), part = (a, b) => p.subarray(a, b).toString('base64url');
const key = crypto.createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x: part(1, 33), y: part(33, 65) } });
console.log(JSON.stringify({ text: text.toString(), claims: jwt.verify(token, key, { algorithms: ['ES256'] }) }));
"""


def test_other_peoples_programs_read_what_is_pushed(tmp_path):
    """npm's http_ece decrypts it with the browser's keys, and jsonwebtoken verifies who sent it."""
    place = packages("npm-push", "http_ece@1.2", "jsonwebtoken@9")
    with PushService(tmp_path) as service, hub_that_trusts(service) as h, h.board() as board:
        phone = Browser(service, "phone")
        assert Caller(h, "anna").ask("POST", "/api/devices", phone.registration())[0] == 200
        ring(board, 1)
        wait_for("it is pushed", lambda: phone.shown)
        told = {"body": base64.b64encode(service.bodies[0]).decode(), "secret": f"{phone.key.private_numbers().private_value:064x}",
                "auth": phone.registration()["auth"], "sender": service.headers[0][0],
                "token": service.headers[0][1]["Authorization"].split("t=")[1].split(",")[0]}
    (tmp_path / "read.js").write_text(OTHERS_JS)
    read = subprocess.run(["node", tmp_path / "read.js"], input=json.dumps(told), capture_output=True, text=True, env=os.environ | {"NODE_PATH": str(place / "node_modules")})
    assert read.returncode == 0, read.stderr
    read = json.loads(read.stdout)
    assert json.loads(read["text"]) == phone.shown[0] and "Tür door" in read["text"]
    assert read["claims"]["aud"] == f"https://localhost:{service.port}" and read["claims"]["sub"].startswith("https://")


def test_devices_come_and_go(tmp_path):
    with PushService(tmp_path) as service, hub_that_trusts(service) as h:
        anna, bert = Caller(h, "anna"), Caller(h, "bert")
        phone, other = Browser(service, "phone"), Browser(service, "other")
        for wrong in ({"endpoint": "http://localhost/push"}, {"endpoint": "https://u:p@localhost/"}, {"p256dh": "x"}, {"auth": "AAAA"}, {"p256dh": "B" + "A" * 86}):
            assert anna.ask("POST", "/api/devices", {**phone.registration(), **wrong})[0] == 400, wrong
        assert h.request("POST", "/api/devices", phone.registration())[0] == 409  # nobody of the users file
        for who, browser in ((anna, phone), (anna, phone), (bert, other)):
            assert who.ask("POST", "/api/devices", browser.registration("Ä" * 200))[0] == 200
        [device] = anna.ask("GET", "/api/devices")[1]["devices"]
        assert device["label"] == "Ä" * 80
        assert bert.ask("DELETE", f"/api/devices/{device['id']}")[0] == 404
        service.gone.add("/push/phone")
        with h.board() as board:
            ring(board, 1)
            wait_for("the one that is gone is forgotten", lambda: not anna.ask("GET", "/api/devices")[1]["devices"])
            wait_for("the other was told", lambda: other.shown)
            # who is no user any more is told nothing
            write_users(h, "anna")
            h.process.send_signal(1)
            wait_for("the users are read", lambda: "site file reloaded" in h.stderr())
            ring(board, 1)
            wait_for("that nobody is told is told", lambda: [e for e in h.events(topic="notify") if e["source"] == "notify/everybody" and e["state"] == "failed" and "no device takes these messages" in e["detail"]])
        assert len(other.shown) == 1


def home_that_trusts(h, directory):
    """A home directory whose Chromium knows the hub's authority, as somebody has it who installed the certificate; and that."""
    database, ca = f"sql:{directory}/.pki/nssdb", directory / "pigtail-ca.crt"
    (directory / ".pki/nssdb").mkdir(parents=True)
    subprocess.run(["openssl", "x509", "-in", h.archive / "ca.pem", "-out", ca], check=True)
    subprocess.run(["certutil", "-d", database, "-N", "--empty-password"], check=True)
    subprocess.run(["certutil", "-d", database, "-A", "-t", "C,,", "-n", "Pigtail", "-i", ca], check=True)
    return directory, ca


SHOWN = "return navigator.serviceWorker.getRegistration('/ui/').then(r => r.getNotifications()).then(l => l.map(n => [n.title, n.body, n.data, n.image]))"
ICONS = """return fetch('/ui/pigtail.webmanifest').then(r => r.json()).then(m => Promise.all([...m.icons.filter(i => i.type === 'image/png'),
    {src: document.querySelector('link[rel=apple-touch-icon]').href, sizes: '180x180'}].map(async i => {
        const picture = await createImageBitmap(await (await fetch(i.src)).blob());
        return [i.sizes, `${picture.width}x${picture.height}`];
    })))"""


def test_the_page(tmp_path):
    """The button, from the browser's permission to what the service worker shows, with the picture that this login may see. The browser
    trusts the hub's authority and ignores nothing. A push service of Chromium's own cannot be reached without the Internet: what it would
    give stands in its place."""
    driver = None
    site = CAMERA + SITE.replace("text: 'Tür {input}'", "text: 'Tür {input}', camera: gate")
    with PushService(tmp_path) as service, hub_that_trusts(service, site, ", tls: own") as h, h.board() as board:
        phone = Browser(service, "phone")
        home, ca = home_that_trusts(h, tmp_path / "home")
        try:
            driver = chromium(400, 800, home=home)
            url = f"https://127.0.0.1:{h.port}"
            driver.execute_cdp_cmd("Browser.grantPermissions", {"origin": url, "permissions": ["notifications"]})
            r = phone.registration()
            driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": """
                let own = null;
                PushManager.prototype.getSubscription = async () => own;
                PushManager.prototype.subscribe = async options => {
                    window.askedKey = new Uint8Array(options.applicationServerKey).length;
                    return own = {endpoint: %s, toJSON: () => ({endpoint: %s, keys: {p256dh: %s, auth: %s}}), unsubscribe: async () => own = null};
                };""" % tuple(json.dumps(t) for t in (r["endpoint"], r["endpoint"], r["p256dh"], r["auth"]))})
            driver.get(url)
            wait_for("the login", lambda: driver.find_elements(By.CSS_SELECTOR, "input[type=password]"))
            driver.execute_async_script("""const done = arguments[0];
                fetch("/api/login", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({user: "anna", password: %s})}).then(() => done());""" % json.dumps(PASSWORD))
            driver.refresh()
            wait_for("the menu", lambda: driver.find_elements(By.CSS_SELECTOR, "button.who"))[0].click()
            button = driver.find_element(By.CSS_SELECTOR, ".device button")
            wait_for("the offer", lambda: button.text == "Notify me on this device")
            button.click()
            wait_for("it is on", lambda: button.text == "Notify me here no more")
            assert driver.execute_script("return window.askedKey") == 65
            assert driver.execute_script("return fetch('/ui/pigtail.webmanifest').then(r => r.headers.get('Content-Type'))") == "application/manifest+json"
            icons = driver.execute_script(ICONS)
            assert len(icons) == 4 and all(said == size for said, size in icons), icons
            wait_for("footage", lambda: len(h.samples("gate")) > 60)
            ring(board, 1)
            wait_for("it is pushed", lambda: phone.shown)
            driver.execute_cdp_cmd("ServiceWorker.enable", {})

            def shown():
                for number in range(3):  # one that is not active yet is given nothing
                    driver.execute_cdp_cmd("ServiceWorker.deliverPushMessage", {"origin": url + "/", "registrationId": str(number), "data": json.dumps(phone.shown[0])})
                return driver.execute_script(SHOWN)
            title, text, link, _ = wait_for("it is shown", shown, 20, 0.5)[0]
            at = phone.shown[0]["time"] / 1000
            assert (title, text) == ("Drill", "Tür door") and link.startswith("/#/time/gate?at=20")
            image = wait_for("its picture", lambda: driver.execute_script(SHOWN)[0][3], 30, 0.5)
            picture = PIL.Image.open(io.BytesIO(base64.b64decode(image.removeprefix("data:image/jpeg;base64,"))))
            seen = testpicture.read_time(numpy.asarray(picture.convert("L")))
            assert picture.size == (640, 360) and 1 <= at - seen / 1000 <= 2.2, (at, seen)
            button.click()
            wait_for("it is off", lambda: button.text == "Notify me on this device")
            assert not Caller(h, "anna", ca).ask("GET", "/api/devices")[1]["devices"]
            driver.get(url + "/#/system")
            code = wait_for("how another phone comes here", lambda: driver.find_elements(By.CSS_SELECTOR, "img.qr"))[0]
            wait_for("the code is drawn", lambda: code.get_property("naturalWidth"))
            assert h.state()["daemon"]["authority"]["fingerprint"] in driver.find_element(By.CSS_SELECTOR, ".page-system").text
        finally:
            if driver:
                close_chromium(driver)
