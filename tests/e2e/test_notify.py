# SPDX-License-Identifier: Apache-2.0
"""Telling people: the queue on disk over kills, quiet hours, groups, templates, the webhooks of rules, and mail with a picture
to a real SMTP server."""
import datetime
import email
import email.header
import email.policy
import io
import json
import re
import signal
import ssl
import subprocess
import time

import hub
import numpy
import PIL.Image
import pytest
import testpicture
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from hub import Hub, wait_for
from test_rules import Receiver

INPUTS = """inputs:
  door: { driver: virtual, channel: 1, kind: door, debounce: 0ms }
  window: { driver: virtual, channel: 2, kind: door, debounce: 0ms }
"""


def hub_with(site, secrets="", **more):
    h = Hub(site, start=False, **more)
    (h.dir / "secrets.yaml").touch(mode=0o600)
    (h.dir / "secrets.yaml").write_text(secrets)
    h.start()
    return h


def told(h, state="sent", source=None):
    return [e for e in h.events(topic="notify") if e["state"] == state and (not source or e["source"] == source)]


def open_door(board, channel=1):
    board.send(b"input %d closed" % channel)
    time.sleep(0.05)
    board.send(b"input %d open" % channel)
    time.sleep(0.05)


def bodies(receiver):
    return [json.loads(body) for _, _, body in receiver.got]


# ---- the queue ----


def test_messages_survive_kills():
    """What could not be sent goes out after the hub was killed, each once: what the receiver took is not sent again."""
    with Receiver() as receiver:
        receiver.status = 503
        site = INPUTS + f"""notify: {{ hook: {{ webhook: 'http://127.0.0.1:{receiver.port}/' }} }}
rules:
  tell: {{ when: door active, do: {{ notify: 'Door {{state}}' }} }}
"""
        with hub_with(site) as h:
            with h.board() as board:
                for _ in range(8):
                    open_door(board)
            wait_for("all eight are written down", lambda: h.state()["daemon"]["notify"]["waiting"] == 8)
            for _ in range(3):
                h.kill()
                h.start()
                wait_for("they are still there", lambda: h.state()["daemon"]["notify"]["waiting"] == 8)
            h.kill()
            receiver.got.clear()
            receiver.status = 200
            h.start()
            wait_for("all arrive", lambda: len(receiver.got) >= 8, 30)
            wait_for("the log says so", lambda: len(told(h)) == 8)
            assert len({m["id"] for m in bodies(receiver)}) == 8 and len(receiver.got) == 8
            assert all(m["text"] == "Door active" for m in bodies(receiver))
            h.kill()
            h.start()
            time.sleep(1)
            assert len(receiver.got) == 8 and h.state()["daemon"]["notify"]["waiting"] == 0


def test_groups_quiet_hours_expiry():
    hour = time.gmtime().tm_hour
    with Receiver() as receiver:
        url = f"http://127.0.0.1:{receiver.port}"
        site = INPUTS + f"""notify:
  grouped: {{ webhook: '{url}/grouped', group: 2s }}
  quiet: {{ webhook: '{url}/quiet', quiet: ["{(hour - 1) % 24:02}:00", "{(hour + 2) % 24:02}:00"] }}
  gone: {{ webhook: 'http://127.0.0.1:{hub.free_port()}/', expires: 3s }}
rules:
  grouped: {{ when: door active, do: {{ notify: {{ to: grouped, text: '{{input}} of {{site}}: {{state}}' }} }} }}
  quiet: {{ when: door active, do: {{ notify: {{ to: quiet, text: later }} }} }}
  urgent: {{ when: window active, do: {{ notify: {{ to: quiet, text: now, priority: 5 }} }} }}
  gone: {{ when: window active, do: {{ notify: {{ to: gone, text: nobody hears this }} }} }}
"""
        with hub_with(site) as h, h.board() as board:
            for _ in range(7):
                open_door(board)
            open_door(board, 2)
            wait_for("two messages", lambda: len(receiver.got) >= 2)
            expired = wait_for("one expires", lambda: told(h, "failed"))
            assert [e["source"] for e in expired] == ["notify/gone"] and "expired after" in expired[0]["detail"]
            by_path = {path: json.loads(body) for path, _, body in receiver.got}
            assert len(receiver.got) == 2
            assert by_path["/grouped"]["text"] == "door of Drill: active (7 times)" and by_path["/grouped"]["count"] == 7
            assert by_path["/quiet"]["text"] == "now" and by_path["/quiet"]["priority"] == 5
            assert h.state()["daemon"]["notify"]["waiting"] == 7


def test_webhook_of_a_rule():
    with Receiver() as receiver:
        site = INPUTS + f"""rules:
  call:
    when: door active
    do:
      - webhook: {{ url: 'http://127.0.0.1:{receiver.port}/api?token=hidden', method: PUT, body: '{{"input": "{{input}}", "on": true}}', secret: house }}
"""
        with hub_with(site, "tokens: { house: hunter2-token }\n") as h, h.board() as board:
            open_door(board)
            wait_for("the request", lambda: receiver.puts)
            path, headers, body = receiver.puts[0]
            assert json.loads(body) == {"input": "door", "on": True} and headers["Authorization"] == "Bearer hunter2-token"
            wait_for("the log says so", lambda: told(h, source="notify/call: webhook 0"))
            text = str(h.events()) + h.stderr()
            assert "hunter2" not in text and "hidden" not in text


def test_a_request_that_waits_goes_to_its_own_address():
    """What stands in its place in the site file meanwhile is another request, of another address and secret."""
    with Receiver() as house, Receiver() as gate:
        house.status = 503
        note = f"{{ webhook: {{ url: 'http://127.0.0.1:{house.port}/note', body: 'the door' }} }}"
        opening = f"{{ webhook: {{ url: 'http://127.0.0.1:{gate.port}/open', secret: gate }} }}"

        def site(*actions):
            return INPUTS + "rules:\n  call: { when: door active, do: [ " + ", ".join(actions) + " ] }\n"
        with hub_with(site(note), "tokens: { gate: hunter2-token }\n") as h, h.board() as board:
            open_door(board)
            wait_for("it waits", lambda: house.got)
            h.write_site(site(opening, note))
            h.process.send_signal(signal.SIGHUP)
            failed = wait_for("it is given up", lambda: told(h, "failed"))
            assert "another address" in failed[0]["detail"] and not gate.got
            house.status = 200
            open_door(board)
            wait_for("both are called", lambda: gate.got and house.got[-1][2] == b"the door" and len(told(h)) == 2)


@pytest.mark.parametrize("text, problem", [
    ("rules: { r: { when: door active, do: { notify: '{inputs} opened' } } }", "did you mean input"),
    ("rules: { r: { when: door active, do: { webhook: { url: 'ftp://x' } } } }", "must be http:// or https://"),
    ("rules: { r: { when: door active, do: { webhook: { url: 'http://u:p@x/' } } } }", "without a login"),
    ("rules: { r: { when: door active, do: { webhook: { url: 'http://x/', secret: none } } } }", "no token named 'none'"),
    ("notify: { p: { push: [nobody] } }", "there is no user 'nobody'"),
    ("notify: { p: { ntfy: 'https://x/y', quiet: ['22:00'] } }", "two times of day"),
    ("notify: { p: { ntfy: 'https://x/y', webhook: 'https://x/y' } }", "needs one of"),
    ("notify: { p: { webhook: 'https://x/y', attach: 1MiB } }", "is for ntfy"),
    ("notify: { m: { mail: nobody, smtp: 'smtp://x', from: a@b } }", "is no mail address"),
    ("notify: { m: { mail: a@b } }", "needs smtp"),
    ("notify: { s: { sia: 'tcp://192.0.2.1:9', account: '1234' } }", "without a key"),
    ("notify: { s: { sia: 'tcp://192.0.2.1', account: '1234', plain: lan } }", "needs the station's port"),
    ("notify: { s: { sia: 'tcp://127.0.0.1:9', account: '12' } }", "is no account"),
    ("notify: { s: { sia: 'tcp://127.0.0.1:9', account: '1234', key: short } }", "is no AES key"),
    ("notify: { s: { sia: 'tcp://127.0.0.1:9', account: '1234' } }\nrules: { r: { when: door active, do: { notify: { text: x, code: '1130' } } } }", "two capital letters"),
])
def test_what_the_site_file_refuses(tmp_path, text, problem):
    (tmp_path / "secrets.yaml").touch(mode=0o600)
    (tmp_path / "secrets.yaml").write_text("tokens: { short: abcdef }\n")
    (tmp_path / "site.yaml").write_text(INPUTS + text + "\n")
    done = subprocess.run([hub.PIGTAIL, "config", "check", tmp_path / "site.yaml"], capture_output=True, text=True)
    assert done.returncode and problem in done.stdout + done.stderr, done


# ---- mail ----


class Mailbox:
    """aiosmtpd; .mails are (envelope, message). A login is hub/secret where there is TLS."""

    def __init__(self, tmp_path, tls):
        self.mails, self.refuse, self.logins = [], None, 0
        certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        self.ca = certificate
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        more = {"starttls": {"tls_context": context, "require_starttls": True, "authenticator": self.login, "auth_required": True},
                "smtps": {"ssl_context": context, "authenticator": self.login, "auth_required": True, "auth_require_tls": False},
                "plain": {}}[tls]
        self.port = hub.free_port()
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port, **more)
        self.controller.start()

    def login(self, server, session, envelope, mechanism, data):
        self.logins += 1
        return AuthResult(success=data.login == b"hub" and data.password == b"hunter2-mail")

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope, email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return "250 taken"

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.controller.stop()


def mail_site(box, scheme, more, camera=""):
    return INPUTS + camera + f"""notify:
  office: {{ mail: [anna@example.org, guard@example.org], smtp: '{scheme}://127.0.0.1:{box.port}', from: hub@example.org{more} }}
rules:
  tell: {{ when: door active, do: {{ notify: {{ to: office, text: 'Tür {{input}} um {{time}}'{", camera: gate" if camera else ""} }} }} }}
"""


@pytest.mark.parametrize("tls, scheme", [("starttls", "smtp"), ("smtps", "smtps")])
def test_mail_with_a_picture(tmp_path, tls, scheme):
    """The key frame before one second before the event, by the time that it shows, and a link to the moment. To ntfy as an attachment."""
    with Mailbox(tmp_path, tls) as box, Receiver() as receiver:
        camera = "cameras: { gate: { source: 'test:clock?size=640x360&fps=15&gop=1s' } }\n"
        site = mail_site(box, scheme, f", login: mail, ca: {box.ca}", camera) + "  phone: { when: door active, do: { notify: { to: phone, text: 'Tür', camera: gate } } }\n"
        site = site.replace("rules:\n", f"  phone: {{ ntfy: 'http://127.0.0.1:{receiver.port}/yard', attach: 1MiB }}\nrules:\n")
        with hub_with(site, "logins: { mail: { user: hub, password: hunter2-mail } }\n",
                      web_keys=", names: [hub.example.org]") as h, h.board() as board:
            wait_for("the camera is recorded", lambda: h.segments("gate"))
            time.sleep(6)
            open_door(board)
            wait_for("the mail", lambda: box.mails, 30)
            envelope, mail = box.mails[0]
            assert envelope.rcpt_tos == ["anna@example.org", "guard@example.org"] and envelope.mail_from == "hub@example.org"
            assert mail["Subject"].startswith("Drill: Tür door um 20") and mail["Auto-Submitted"] == "auto-generated" and box.logins
            text = mail.get_body().get_content()
            assert re.search(r"^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC\r?$", text, re.M), text  # the site's own time
            assert "https://hub.example.org/#/time/gate?at=20" in text and "No picture" not in text
            pictures = [p for p in mail.iter_attachments() if p.get_content_type() == "image/jpeg"]
            wait_for("the picture at ntfy", lambda: receiver.puts)
            path, headers, body = receiver.puts[0]
            assert path == "/yard" and headers["Filename"] == "picture.jpg" and headers["Content-Type"] == "image/jpeg" and headers["Title"] == "Drill"
            assert email.header.decode_header(headers["Message"]) == [("Tür".encode(), "utf-8")] and headers["Click"].startswith("https://hub.example.org/#/time/gate")
            assert body == pictures[0].get_content() and not receiver.got
            picture = PIL.Image.open(io.BytesIO(body))
            assert picture.size == (640, 360)
            at = datetime.datetime.fromisoformat([e for e in h.events(topic="input") if e["state"] == "active"][0]["time"].replace("Z", "+00:00")).timestamp()
            shown = testpicture.read_time(numpy.asarray(picture.convert("L")))
            assert 1 <= at - shown / 1000 <= 2.2, (at, shown)
            # the same picture for who asks for that time; none of a time that is not recorded yet
            asked = [h.request("GET", f"/api/cameras/gate/picture.jpg{query}") for query in (f"?at={at - 1:.3f}", f"?at={time.time() + 2:.3f}", "", "?at=1000000000", f"?at={at:.3f}&width=1")]
            assert [status for status, _ in asked] == [200, 404, 400, 404, 400] and asked[0][1] == body, asked[1:]
            wait_for("the log says so", lambda: len(told(h)) == 2)
        assert "hunter2" not in h.stderr()


def test_mail_without_a_picture(tmp_path):
    """In the clear to this machine; a camera that recorded nothing is no reason to keep quiet."""
    with Mailbox(tmp_path, "plain") as box:
        camera = f"cameras: {{ gate: {{ source: 'rtsp://127.0.0.1:{hub.free_port()}/' }} }}\n"
        with hub_with(mail_site(box, "smtp", "", camera)) as h, h.board() as board:
            open_door(board)
            wait_for("the mail", lambda: box.mails, 30)
            assert "No picture: nothing is recorded of camera gate" in box.mails[0][1].get_body().get_content()


def test_a_text_that_is_like_a_mail(tmp_path):
    """Lines and dots of a text stay its own, in the head, in the body and before the server."""
    text = "one\\r\\nBcc: evil@example.org\\r\\n\\r\\n.\\r\\nQUIT\\r\\n{state} 🔔 =?utf-8?q?x?="
    with Mailbox(tmp_path, "plain") as box:
        site = mail_site(box, "smtp", "").replace("'Tür {input} um {time}'", f'"{text}"')
        with hub_with(site) as h, h.board() as board:
            open_door(board)
            wait_for("the mail", lambda: box.mails, 30)
            envelope, mail = box.mails[0]
            assert envelope.rcpt_tos == ["anna@example.org", "guard@example.org"] and not mail["Bcc"]
            subject = "".join(part.decode(code) if code else part for part, code in email.header.decode_header(envelope.content.decode().split("Subject: ")[1].split("\r\nAuto-")[0]))
            assert "Bcc: evil" in subject and "🔔" in subject and not set(subject) & set("\r\n")
            assert mail.get_body().get_content().replace("\r\n", "\n").startswith("one\nBcc: evil@example.org\n\n.\nQUIT\nactive 🔔 =?utf-8?q?x?=")
            wait_for("the log says so", lambda: told(h))


def test_mail_that_is_refused(tmp_path):
    """550 is for good, 451 is not; a certificate that nobody vouches for is refused."""
    with Mailbox(tmp_path, "plain") as box:
        with hub_with(mail_site(box, "smtp", "")) as h, h.board() as board:
            box.refuse = "550 no such user"
            open_door(board)
            failed = wait_for("it is given up", lambda: told(h, "failed"))
            assert "550" in failed[0]["detail"] and "after 1 tries" in failed[0]["detail"]
            box.refuse = "451 later"
            open_door(board)
            time.sleep(1)
            box.refuse = None
            wait_for("it arrives", lambda: box.mails, 30)
    with Mailbox(tmp_path, "smtps") as box:
        with hub_with(mail_site(box, "smtps", ", expires: 3s")) as h, h.board() as board:
            open_door(board)
            failed = wait_for("it expires", lambda: told(h, "failed"))
            assert "certificate" in failed[0]["detail"] and not box.mails
