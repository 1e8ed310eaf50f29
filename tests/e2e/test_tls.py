# SPDX-License-Identifier: Apache-2.0
"""Beyond loopback there is TLS, with a certificate of our own when nobody gave one; RTSP only when the site file trusts the
network. The start link is for the terminal alone."""
import http.client
import os
import pathlib
import socket
import ssl
import stat
import subprocess

import pytest

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
