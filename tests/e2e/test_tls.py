# SPDX-License-Identifier: Apache-2.0
"""Beyond loopback there is TLS, with a certificate of our own when nobody gave one; RTSP only when the site file trusts the
network. The start link is for the terminal alone. An authority of our own, judged by OpenSSL, GnuTLS and curl (Chromium: test_push.py)."""
import http.client
import json
import os
import pathlib
import random
import re
import socket
import ssl
import stat
import subprocess
import time
import urllib.error
import urllib.request

import PIL.Image
import pytest
from hub import Hub, wait_for
from test_clock import Clock

BUILD = pathlib.Path(os.environ.get("PIGTAIL_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
PIGTAIL = BUILD / "src/daemon/pigtail"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(folder, text):
    (folder / "site.yaml").write_text(text)
    env = {k: v for k, v in os.environ.items() if k != "PIGTAIL_LINK"}
    return subprocess.Popen([PIGTAIL, "run", folder / "site.yaml"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


@pytest.fixture
def hub(tmp_path):
    port = free_port()
    process = start(tmp_path, f"site: {{ name: TLS }}\nweb: {{ listen: 0.0.0.0:{port} }}\narchive: {{ path: archive }}\n")
    for line in process.stderr:
        if line == "ready\n":
            break
    process.port = port
    yield process
    process.terminate()
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "login=" not in out + err, "the link went where it can be read later"


def get(port, path, context):
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    connection.request("GET", path)
    return connection.getresponse()


def test_connections_that_their_peer_ends_are_let_go(hub):
    """More than the limit of 256, one after the other, each kept alive by the hub and left by its client."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for _ in range(300):
        connection = http.client.HTTPSConnection("127.0.0.1", hub.port, timeout=10, context=context)
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200 and not answer.will_close
        connection.close()


def test_own_certificate_beyond_loopback(hub, tmp_path):
    pem = tmp_path / "archive/tls.crt"
    key = tmp_path / "archive/tls.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    trusting = ssl.create_default_context(cafile=pem)  # checks the name too: 127.0.0.1 is in it
    assert get(hub.port, "/", trusting).status == 200
    assert get(hub.port, "/api/state", trusting).status == 401
    with pytest.raises(ssl.SSLError):
        get(hub.port, "/", ssl.create_default_context())
    with socket.create_connection(("127.0.0.1", hub.port), 5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        plain.settimeout(5)
        try:
            answer = plain.recv(100)
        except ConnectionError:
            answer = b""
        assert b"HTTP/" not in answer


def test_rtsp_beyond_loopback_needs_a_trusted_network(tmp_path):
    process = start(tmp_path, f"site: {{ name: R }}\nweb: {{ listen: 127.0.0.1:{free_port()} }}\narchive: {{ path: archive }}\n"
                              f"serve: {{ rtsp: 0.0.0.0:{free_port()} }}\n")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "plain: lan" in err and "serve.rtsps" in err


def test_rtsps_beyond_loopback_with_the_own_certificate(tmp_path):
    """A camera's stream over TLS on every address, no trust in the network needed; the certificate is that of the pages."""
    port, secure = free_port(), free_port()
    (tmp_path / "secrets.yaml").write_text("app-passwords: { wall: { user: wall, password: secret } }\n")
    (tmp_path / "secrets.yaml").chmod(0o600)
    (tmp_path / "users.yaml").write_text("wall: { role: viewer }\n")
    (tmp_path / "users.yaml").chmod(0o600)
    process = start(tmp_path, f"site: {{ name: R }}\nweb: {{ listen: 0.0.0.0:{port} }}\narchive: {{ path: archive }}\n"
                              f"serve: {{ rtsps: 0.0.0.0:{secure} }}\ncameras: {{ clock: {{ source: test:clock?size=320x180, record: never }} }}\n")
    for line in process.stderr:
        if line == "ready\n":
            break
    try:
        done = subprocess.run(["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=codec_name,width", "-of", "csv=p=0",
                               f"rtsps://wall:secret@127.0.0.1:{secure}/clock/main"], capture_output=True, text=True, timeout=30)
        assert "h264,320" in done.stdout, done.stderr
        trusting = ssl.create_default_context(cafile=tmp_path / "archive/tls.crt")
        with socket.create_connection(("127.0.0.1", secure), 5) as raw, trusting.wrap_socket(raw, server_hostname="127.0.0.1") as tls:
            tls.sendall(b"DESCRIBE rtsps://127.0.0.1/clock/main RTSP/1.0\r\nCSeq: 1\r\n\r\n")
            assert b" 401 " in tls.recv(4000)
    finally:
        process.terminate()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err


# ---- an authority of our own ----

DAY = 86400


def openssl(*arguments, text=None):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, input=text, check=True).stdout


def peer(port, ca, name):
    """What a client that trusts this authority alone, as strict as OpenSSL can be, sees of who answers."""
    context = ssl.create_default_context(cafile=ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with socket.create_connection(("127.0.0.1", port), 5) as raw, context.wrap_socket(raw, server_hostname=name) as tls:
        return tls.getpeercert()


def peer_or_none(port, ca):
    try:
        return peer(port, ca, "127.0.0.1")
    except ssl.SSLError:
        return None


def gnutls_accepts(port, ca, name):
    from gi.repository import Gio, GLib
    raw = Gio.SocketClient().connect_to_host("127.0.0.1", port, None)
    tls = Gio.TlsClientConnection.new(raw, Gio.NetworkAddress.new(name, port))
    tls.set_database(Gio.TlsFileDatabase.new(str(ca)))
    try:
        return tls.handshake(None)
    except GLib.Error:
        return False


def serial(port):
    return openssl("x509", "-noout", "-serial", text=ssl.get_server_certificate(("127.0.0.1", port)))


def read_code(path, *decoder):
    said = subprocess.run(["gst-launch-1.0", "-m", "filesrc", f"location={path}", "!", *decoder, "!", "videoconvert", "!", "zbar", "!", "fakesink"],
                          capture_output=True, text=True, timeout=30).stdout
    return re.search(r'symbol=\(string\)"?([^",;]+)', said)[1]


def picture_of(text, path):
    """The half blocks of a terminal as squares."""
    lines = [line for line in text.splitlines() if set(line) <= set(" ▄▀█") and len(line) > 20]
    rows = [[c in lit for c in line] for line in lines for lit in ("▀█", "▄█")]
    image = PIL.Image.new("1", (len(rows[0]), len(rows)))
    image.putdata([255 * square for row in rows for square in row])
    image.resize((image.width * 6, image.height * 6)).save(path)


def plain(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def test_an_authority_of_our_own(tmp_path):
    install = free_port()
    h = Hub(start=False, web_keys=f", tls: own, install: '127.0.0.1:{install}', names: [hub.example.org]")
    clock, ca, kept = Clock(tmp_path), tmp_path / "pigtail-ca.crt", h.archive / "ca.pem"
    h.env.update({**clock.env(), "ASAN_OPTIONS": h.env["ASAN_OPTIONS"] + ":verify_asan_link_order=0"})
    with h:
        # 1970: nothing is made that would be wrong for ever, and the pages are there all the same
        clock.set(1000 - int(time.time()))
        h.start()
        first = serial(h.port)
        assert not kept.exists() and plain(install, "/install")[0] == 404
        assert "the clock is not set" in h.state()["daemon"]["authority"]["problem"] and "the clock is not set" in h.cli("ca", check=False).stderr
        clock.set(0)
        wait_for("the authority is made", lambda: serial(h.port) != first)
        told = h.state()["daemon"]["authority"]
        # the way of a phone: page, certificate, fingerprint, code
        status, page, _ = plain(install, "/install")
        assert status == 200 and told["fingerprint"] in page.replace("<wbr>", "") and told["pages"] in page and "{" not in page
        assert told["address"] == f"http://hub.example.org:{install}/install" and told["pages"] == f"https://hub.example.org:{h.port}/"
        status, text, headers = plain(install, "/install/pigtail-ca.crt")
        ca.write_text(text)
        assert status == 200 and headers["Content-Type"] == "application/x-x509-ca-cert" and "KEY" not in text
        assert openssl("x509", "-in", ca, "-noout", "-fingerprint", "-sha256").strip().split("=")[1] == told["fingerprint"]
        for path in ("/", "/ui/app.js", "/api/state", "/api/me", "/install/ca.pem", "/install/../ca.pem"):
            assert plain(install, path)[0] in (400, 404), path
        printed = h.cli("ca").stdout
        assert told["fingerprint"] in printed
        picture_of(printed, tmp_path / "code.png")
        (tmp_path / "code.svg").write_text(h.request("GET", "/api/authority/qr.svg")[1].decode().replace("<svg ", '<svg width="400" height="400" ', 1))
        assert read_code(tmp_path / "code.png", "pngdec") == read_code(tmp_path / "code.svg", "rsvgdec") == told["address"]
        # whom it is trusted by, and for what
        for name in ("127.0.0.1", "localhost", "hub.example.org", socket.gethostname()):
            seen = peer(h.port, ca, name)
            assert gnutls_accepts(h.port, ca, name), name
        ends, begins = (ssl.cert_time_to_seconds(seen[k]) for k in ("notAfter", "notBefore"))
        assert ends - begins <= 398 * DAY and begins < time.time() - DAY / 2  # the least that browsers ask for; clocks of phones differ
        with pytest.raises(ssl.SSLCertVerificationError):
            peer(h.port, ca, "other.example.org")
        assert not gnutls_accepts(h.port, ca, "other.example.org")
        curl = ["curl", "-sS", "--cacert", ca, "--resolve", f"hub.example.org:{h.port}:127.0.0.1", f"https://hub.example.org:{h.port}/install"]
        assert told["fingerprint"] in subprocess.run(curl, capture_output=True, text=True, check=True).stdout.replace("<wbr>", "")
        leaf = tmp_path / "leaf.pem"
        leaf.write_text(ssl.get_server_certificate(("127.0.0.1", h.port)))
        openssl("verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "hub.example.org", "-CAfile", ca, leaf)
        # before it ends, and when somebody asks, there is a new one of the same authority, without a restart
        before = serial(h.port)
        clock.set(370 * DAY)
        wait_for("it is renewed by itself", lambda: serial(h.port) != before)
        leaf.write_text(ssl.get_server_certificate(("127.0.0.1", h.port)))
        openssl("verify", "-x509_strict", "-purpose", "sslserver", "-attime", int(time.time()) + 760 * DAY, "-CAfile", ca, leaf)
        clock.set(0)
        wait_for("the clock was set back", lambda: peer_or_none(h.port, ca))
        before = serial(h.port)
        assert json.loads(h.cli("ca", "--renew", "--json").stdout)["fingerprint"] == told["fingerprint"]
        assert serial(h.port) != before and peer(h.port, ca, "127.0.0.1")
        h.stop()
        # other names: the same authority, as far as it may speak for them
        h.web_keys = ", tls: own, names: [yard.internal, bank.example.com]"
        h.write_site("")
        h.start()
        now = h.state()["daemon"]["authority"]
        assert now["fingerprint"] == told["fingerprint"] and "yard.internal" in now["names"] and "bank.example.com" not in now["names"]
        assert peer(h.port, ca, "yard.internal") and now["address"] == f"https://yard.internal:{h.port}/install"
        h.stop()
        # a damaged file is not replaced behind anybody's back: what phones trust is in it
        whole = kept.read_bytes()
        assert all(stat.S_IMODE((h.archive / f).stat().st_mode) == 0o600 for f in ("ca.pem", "web.pem"))
        kept.write_bytes(whole[:200])
        h.start()
        assert "ca.pem holds no key and certificate" in h.stderr() and "ca.pem holds" in h.state()["daemon"]["authority"]["problem"] and kept.read_bytes() == whole[:200]
        with pytest.raises(ssl.SSLCertVerificationError):
            peer(h.port, ca, "127.0.0.1")
        kept.write_bytes(whole)
        h.cli("ca", "--renew")
        assert peer(h.port, ca, "127.0.0.1") and not h.state()["daemon"]["authority"]["problem"]
        # whoever wants another authority says so by taking the file away; it may speak for what the hub is called now
        kept.unlink()
        other = json.loads(h.cli("ca", "--renew", "--json").stdout)
        assert other["fingerprint"] != told["fingerprint"] and "bank.example.com" in other["names"]
        ca.write_text(openssl("x509", "-in", kept))
        assert peer(h.port, ca, "bank.example.com")
        key = whole.decode().split("-----")[2].strip().splitlines()[0]
        assert key not in h.stderr() + str(h.events()) + str(h.state())


def test_an_authority_survives_kills():
    """Killed at the moment when its files appear: they are whole or not there."""
    with Hub(start=False, web_keys=", tls: own") as h:
        for name in ("ca.pem", "ca.pem", "web.pem", "web.pem"):
            for path in h.archive.glob(name + "*"):
                path.unlink()
            h.start(wait=False)
            wait_for("the file appears", lambda: list(h.archive.glob(name + "*")), 30, 0)
            time.sleep(random.random() / 500)
            h.kill()
            for path in (p for p in (h.archive / "ca.pem", h.archive / "web.pem") if p.exists()):
                assert openssl("pkey", "-in", path, "-pubout") == openssl("x509", "-in", path, "-pubkey", "-noout"), path
        h.start()
        (h.dir / "ca").write_text(openssl("x509", "-in", h.archive / "ca.pem"))
        assert peer(h.port, h.dir / "ca", "127.0.0.1")


def test_an_address_that_comes(tmp_path):
    """The hub gets another address while it runs: the pages are trusted there too, by who trusted them before."""
    (tmp_path / "site.yaml").write_text("web: { listen: 0.0.0.0:8443, tls: own }\narchive: { path: archive }\n")
    with subprocess.Popen(["unshare", "-n", PIGTAIL, "run", tmp_path / "site.yaml"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as hub:
        inside = ["nsenter", "-t", str(hub.pid), "-n"]
        next(line for line in hub.stderr if line == "ready\n")
        ca = tmp_path / "ca"
        ca.write_text(openssl("x509", "-in", tmp_path / "archive/ca.pem"))
        try:
            for change in ("link set lo up", "addr add 10.77.0.1/24 dev lo"):
                subprocess.run([*inside, "ip", *change.split()], check=True)
            wait_for("it is trusted there", lambda: subprocess.run([*inside, "curl", "-s", "--cacert", ca, "https://10.77.0.1:8443/"], capture_output=True).stdout)
        finally:
            hub.terminate()
        assert hub.wait(30) == 0
