# SPDX-License-Identifier: Apache-2.0
"""`pigtail discover`: a camera that is named, and cameras that are not, by multicast in a network of the test's own."""
import http.server
import json
import os
import pathlib
import re
import subprocess
import threading

import pytest

import hub
from onvif_camera import Camera

ENV = dict(os.environ, ASAN_OPTIONS="intercept_tls_get_addr=0:" + os.environ.get("ASAN_OPTIONS", ""))


def discover(*arguments, password=None):
    return subprocess.run([hub.PIGTAIL, "discover", *arguments], input=password or "", text=True, capture_output=True, env=ENV, timeout=60)


def test_a_camera_that_is_named(tmp_path):
    with Camera("rtsp://127.0.0.1:9/main", "rtsp://127.0.0.1:9/sub", clock=77, relays=("out 1", "B")) as camera:
        asked = discover("--only-hosts", "--host", f"127.0.0.1:{camera.port}", "--user", "admin", password="secret\n")
        assert asked.returncode == 0, asked.stderr
        assert "Acme Eye 3" in asked.stdout and re.search("7[678] s ahead", asked.stdout)
        assert not re.search(r"\bsecret\b", asked.stdout + asked.stderr)
        # the piece is a site file as it stands
        site = tmp_path / "site.yaml"
        site.write_text(asked.stdout)
        secrets = tmp_path / "secrets.yaml"
        secrets.write_text("logins: { cameras: { user: admin, password: secret } }\n")
        secrets.chmod(0o600)
        checked = subprocess.run([hub.PIGTAIL, "config", "check", site], capture_output=True, text=True, env=ENV)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        found = json.loads(discover("--only-hosts", "--host", f"127.0.0.1:{camera.port}", "--user", "admin", "--json", password="secret\n").stdout)
        assert [p["use"] for p in found[0]["profiles"]] == ["main", "sub"]
        assert {(p["kind"], p["token"]) for p in found[0]["plugs"]} == {("input", "AlarmIn_1"), ("relay", "out 1"), ("relay", "B")}
        assert found[0]["profiles"][0]["url"] == "rtsp://127.0.0.1:9/main"


def test_several_cameras_are_one_piece(tmp_path):
    """Each section stands once, however many cameras there are, and those that were not asked stand aside."""
    with Camera("rtsp://127.0.0.1:9/main") as one, Camera("rtsp://127.0.0.1:9/main") as two, Camera("rtsp://127.0.0.1:9/main", password="other") as three:
        hosts = ",".join(f"127.0.0.1:{c.port}" for c in (one, two, three))
        asked = discover("--only-hosts", "--host", hosts, "--user", "admin", password="secret\n").stdout
    assert [len(re.findall(f"^{section}:$", asked, re.M)) for section in ("cameras", "inputs", "relays")] == [1, 1, 1], asked
    assert asked.startswith(f"# onvif://127.0.0.1:{three.port}") and "could not be asked: 401" in asked
    (tmp_path / "site.yaml").write_text(asked)
    (tmp_path / "secrets.yaml").write_text("logins: { cameras: { user: admin, password: secret } }\n")
    (tmp_path / "secrets.yaml").chmod(0o600)
    checked = subprocess.run([hub.PIGTAIL, "config", "check", tmp_path / "site.yaml"], capture_output=True, text=True, env=ENV)
    assert "2 cameras, 2 inputs, 2 relays" in checked.stdout, checked.stdout + checked.stderr


RECORDED = pathlib.Path(__file__).resolve().parents[3] / "shared/vendor/onvif/bosch_flexidome_5100i"


class Recorded(http.server.BaseHTTPRequestHandler):
    """A camera that answers what a real one has answered once, and nothing else."""

    def do_POST(self):
        asked = re.search(rb"Body>\s*<\w+:(\w+)", self.rfile.read(int(self.headers["Content-Length"])))[1].decode()
        known = self.server.answers.get(asked)
        body = known or b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:ter="http://www.onvif.org/ver10/error"><s:Body><s:Fault><s:Code><s:Value>' \
                        b"s:Receiver</s:Value><s:Subcode><s:Value>ter:ActionNotSupported</s:Value></s:Subcode></s:Code></s:Fault></s:Body></s:Envelope>"
        self.send_response(200 if known else 500)
        self.send_header("Content-Type", "application/soap+xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *what):
        pass


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recordings of real cameras are not beside this checkout")
def test_a_recorded_camera():
    """Bosch FLEXIDOME 5100i: no GetServices, a clock years behind, addresses of its own network, no login."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorded) as server:
        files = [f.read_bytes() for f in sorted(RECORDED.glob("*_response.xml"))]
        server.answers = {re.search(rb"<(\w+)Response", f)[1].decode(): f for f in reversed(files)}  # the first of each kind
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = json.loads(discover("--only-hosts", "--host", f"127.0.0.1:{server.server_port}", "--json").stdout)[0]
        server.shutdown()
    assert not found["error"] and (found["maker"], found["model"]) == ("Bosch", "FLEXIDOME indoor 5100i IR"), found
    used = {p["use"]: p for p in found["profiles"] if p["use"]}
    assert [(used[u]["token"], used[u]["codec"], used[u]["width"], used[u]["height"]) for u in ("main", "sub")] == [("0", "H264", 1920, 1080), ("2", "H264", 1280, 720)]
    assert used["main"]["url"] == "rtsp://127.0.0.1/rtsp_tunnel?p=0&line=1&inst=1&vcd=2"
    assert found["snapshot"] == f"http://127.0.0.1:{server.server_port}/snap.jpg?JpegCam=1"
    assert found["clock_offset_ms"] < -365 * 86400e3
    assert any("relays" in n and "ActionNotSupported" in n for n in found["notes"]), found["notes"]


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recordings of real cameras are not beside this checkout")
def test_what_a_camera_says_of_itself_is_no_line_of_the_site_file():
    """YAML and terminals know line breaks and orders that are no ASCII."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorded) as server:
        files = [f.read_bytes() for f in sorted(RECORDED.glob("*_response.xml"))]
        server.answers = {re.search(rb"<(\w+)Response", f)[1].decode(): f for f in reversed(files)}
        evil = b">Bosch\xe2\x80\xa8relays: {}\xe2\x80\xa9web: {}\xc2\x85archive: {}\xc2\x9b31m<"
        server.answers["GetDeviceInformation"] = server.answers["GetDeviceInformation"].replace(b">Bosch<", evil)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        text = discover("--only-hosts", "--host", f"127.0.0.1:{server.server_port}").stdout
        server.shutdown()
    assert "# " in text and "Bosch relays: {} web: {} archive: {}" in text, text
    assert not set(text) & set("\u2028\u2029\x85\x9b")


def test_the_certificate_is_named(tmp_path):
    cert, key = tmp_path / "cert", tmp_path / "key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=camera"],
                   check=True, capture_output=True)
    with Camera("rtsp://127.0.0.1:9/main", tls=(cert, key)) as camera:
        asked = discover("--only-hosts", "--host", f"https://127.0.0.1:{camera.port}/onvif/device_service", "--user", "admin", password="secret\n").stdout
        assert f'source: "onvifs://127.0.0.1:{camera.port}"' in asked
        want = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-fingerprint", "-sha256"], check=True, capture_output=True, text=True).stdout.strip().split("=")[1]
        assert f'tls: "sha256:{want.replace(":", "").lower()}"' in asked


def test_storage_lamps_and_users():
    with Camera("rtsp://127.0.0.1:9/main", quirks=("storage",)) as camera:
        asked = discover("--only-hosts", "--host", f"127.0.0.1:{camera.port}", "--user", "admin", password="secret\n").stdout
        for line in ("# it has: storage SD: LocalStorage at /mnt/sd", "# it has: recording R1 'yard' (video)", "# user: admin (Administrator)",
                     "# lamps and such: tt:IRLamp|On tt:IRLamp|Off"):
            assert f"  {line}" in asked.splitlines(), asked
        assert "warning" not in asked


@pytest.mark.parametrize("quirks, login, says", [(("no-login",), ["--user", "admin"], "without any login"), (("no-login",), [], "without any login"),
                                                 ((), ["--user", "admin"], "makers ship")])
def test_doors_that_stand_open(quirks, login, says):
    with Camera("rtsp://127.0.0.1:9/main", password="admin", quirks=quirks) as camera:
        asked = discover("--only-hosts", "--host", f"127.0.0.1:{camera.port}", *login, password="admin\n").stdout
        assert any(line.startswith("  # warning:") and says in line for line in asked.splitlines()), asked


@pytest.mark.parametrize("login, says", [(None, "wants a login"), ("wrong", "401 wrong login")])
def test_what_could_not_be_asked_and_why(login, says):
    with Camera("rtsp://127.0.0.1:9/0") as camera:
        asked = discover("--only-hosts", "--host", f"127.0.0.1:{camera.port}", *(["--user", "admin"] if login else []), password=f"{login}\n")
        assert says in asked.stdout
        assert all(line.startswith("#") for line in asked.stdout.splitlines() if line)


def test_usage():
    assert discover("--only-hosts").returncode == 2
    assert discover("--host", "rtsp://x", "--only-hosts").returncode == 1


# ---- a network of its own: two hosts on one wire ----

NETS = ("pt-disc-a", "pt-disc-b")


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def wire():
    if os.getuid():
        pytest.skip("network namespaces need root")
    names = [f"{n}-{os.getpid()}" for n in NETS]
    try:
        ip("netns", "add", names[0])
        ip("netns", "add", names[1])
        ip("-n", names[0], "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", names[1])
        for i, name in enumerate(names):
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "addr", "add", f"192.0.2.{i + 1}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
        yield names
    except (OSError, subprocess.CalledProcessError) as e:
        pytest.skip(f"no network namespaces here: {e}")
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


RESPONDER = r"""
# a camera of a foreign house: answers probes for NetworkVideoTransmitter as recorded devices do, from its other address
import re, socket, struct, sys, threading
sys.path.insert(0, sys.argv[1])
from onvif_camera import Camera
camera = Camera("rtsp://127.0.0.1:9/0", host="192.0.2.2", quirks=sys.argv[2:])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", 3702))
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.255.255.250") + socket.inet_aton("192.0.2.2"))
print("ready", flush=True)
xaddr = "http://192.168.99.99/onvif/device_service " if "dead-first" in sys.argv else ""
xaddrs = "" if "no-xaddrs" in sys.argv else f"<d:XAddrs>{xaddr}http://192.0.2.2:{camera.port}/onvif/device_service</d:XAddrs>"
while True:
    data, peer = s.recvfrom(65536)
    probe = data.decode()
    if ":Probe>" not in probe or "NetworkVideoTransmitter" not in probe:
        continue
    id = re.search(r"MessageID[^>]*>([^<]+)<", probe)[1]
    s.sendto(f'''<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing"
xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><SOAP-ENV:Header>
<wsa:MessageID>uuid:1</wsa:MessageID><wsa:RelatesTo>{id}</wsa:RelatesTo><wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To>
<wsa:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</wsa:Action></SOAP-ENV:Header><SOAP-ENV:Body><d:ProbeMatches><d:ProbeMatch>
<wsa:EndpointReference><wsa:Address>urn:uuid:1419d68a-1dd2-11b2-a105-f1d1d1d1d1d1</wsa:Address></wsa:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types>
<d:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Garden%20Cam onvif://www.onvif.org/hardware/E3</d:Scopes>
{xaddrs}<d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>'''.encode(), peer)
"""


@pytest.mark.parametrize("quirk", ["plain", "dead-first"])
def test_multicast(wire, quirk):
    here = os.path.dirname(__file__)
    responder = subprocess.Popen(["ip", "netns", "exec", wire[1], "/usr/bin/python3", "-c", RESPONDER, here, quirk], stdout=subprocess.PIPE, text=True)
    try:
        assert responder.stdout.readline() == "ready\n"
        asked = subprocess.run(["ip", "netns", "exec", wire[0], hub.PIGTAIL, "discover", "--user", "admin", "--json"], input="secret\n", text=True,
                               capture_output=True, env=ENV, timeout=60)
        found = json.loads(asked.stdout)
        assert len(found) == 1, asked.stdout
        assert found[0]["title"] == "Garden Cam" and found[0]["name"] == "garden-cam" and not found[0]["error"], found
        assert re.fullmatch(r"onvif://192\.0\.2\.2:\d+", found[0]["source"])
        assert found[0]["model"] == "Eye 3" and len(found[0]["plugs"]) == 2
    finally:
        responder.terminate()
        responder.wait()
