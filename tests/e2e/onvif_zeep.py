# SPDX-License-Identifier: Apache-2.0
"""python3-zeep against our ONVIF server: the published WSDLs from a folder beside the repository, no network. Every message
that comes back is kept, to be checked against the schemas."""
import os
import pathlib
import re
import subprocess
import sys
import urllib.error
import urllib.request

from lxml import etree

# the checkout and its worktrees lie side by side with it
ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("PIGTAIL_ONVIF", ROOT.parent / "shared/onvif"))
WSDL = SHARED / "wsdl"
VALIDATE = SHARED / "onvif_validate.py"
ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
SERVICES = {  # prefix: (file, binding, path)
    "tds": ("onvif/ver10/device/wsdl/devicemgmt.wsdl", "{http://www.onvif.org/ver10/device/wsdl}DeviceBinding", "device_service"),
    "trt": ("onvif/ver10/media/wsdl/media.wsdl", "{http://www.onvif.org/ver10/media/wsdl}MediaBinding", "media_service"),
    "tr2": ("onvif/ver20/media/wsdl/media.wsdl", "{http://www.onvif.org/ver20/media/wsdl}Media2Binding", "media2_service"),
    "tmd": ("onvif/ver10/deviceio.wsdl", "{http://www.onvif.org/ver10/deviceIO/wsdl}DeviceIOBinding", "deviceio_service"),
    "timg": ("onvif/ver20/imaging/wsdl/imaging.wsdl", "{http://www.onvif.org/ver20/imaging/wsdl}ImagingBinding", "imaging_service"),
    "tse": ("onvif/ver10/search.wsdl", "{http://www.onvif.org/ver10/search/wsdl}SearchBinding", "search_service"),
    "trc": ("onvif/ver10/recording.wsdl", "{http://www.onvif.org/ver10/recording/wsdl}RecordingBinding", "recording_service"),
    "trp": ("onvif/ver10/replay.wsdl", "{http://www.onvif.org/ver10/replay/wsdl}ReplayBinding", "replay_service"),
    "tev": ("onvif/ver10/events/wsdl/event.wsdl", "{http://www.onvif.org/ver10/events/wsdl}EventBinding", "event_service"),
}
SUBSCRIPTION = {
    "pull": "{http://www.onvif.org/ver10/events/wsdl}PullPointSubscriptionBinding",
    "manager": "{http://www.onvif.org/ver10/events/wsdl}SubscriptionManagerBinding",
    "producer": "{http://www.onvif.org/ver10/events/wsdl}NotificationProducerBinding",
}
NAMESPACES = {"s": ENVELOPE, "tds": "http://www.onvif.org/ver10/device/wsdl", "trt": "http://www.onvif.org/ver10/media/wsdl",
              "tr2": "http://www.onvif.org/ver20/media/wsdl", "tmd": "http://www.onvif.org/ver10/deviceIO/wsdl",
              "timg": "http://www.onvif.org/ver20/imaging/wsdl", "tev": "http://www.onvif.org/ver10/events/wsdl",
              "tse": "http://www.onvif.org/ver10/search/wsdl", "trc": "http://www.onvif.org/ver10/recording/wsdl",
              "trp": "http://www.onvif.org/ver10/replay/wsdl", "wsnt": "http://docs.oasis-open.org/wsn/b-2", "wsa": "http://www.w3.org/2005/08/addressing",
              "tt": "http://www.onvif.org/ver10/schema", "tns1": "http://www.onvif.org/ver10/topics"}

kept = []  # every reply of this process, as bytes


def local_file(url):
    """The stored copy of a published address, as the folder's XML catalog names it."""
    catalog = etree.parse(str(WSDL / "catalog.xml")).getroot()
    for entry in catalog.iter("{*}system"):
        if entry.get("systemId") == url:
            return WSDL / entry.get("uri")
    for entry in catalog.iter("{*}rewriteSystem"):
        start = entry.get("systemIdStartString")
        if url.startswith(start):
            return WSDL / (entry.get("rewritePrefix") + url[len(start):])
    if "://" in url and not url.startswith("file:"):  # a neighbour of a stored copy
        return WSDL / "ext" / url.rsplit("/", 1)[1]
    return pathlib.Path(url.removeprefix("file://"))


def parsed():
    """The WSDLs by prefix, read once: it takes seconds."""
    import zeep
    from zeep.transports import Transport

    class Local(Transport):
        def load(self, url):
            return local_file(url).read_bytes()

        def post(self, address, message, headers):
            answer = super().post(address, message, headers)
            kept.append(answer.content)
            return answer

    if not hasattr(parsed, "clients"):
        parsed.transport = Local(timeout=30, operation_timeout=90)
        parsed.clients = {prefix: zeep.Client(str(WSDL / file), transport=parsed.transport) for prefix, (file, _, _) in SERVICES.items()}
    return parsed.clients


class Device:
    """One user's view of the server."""

    def __init__(self, port, user="boss", password="secret of boss", scheme="http"):
        self.origin = f"{scheme}://127.0.0.1:{port}"
        self.user, self.password = user, password

    def service(self, name, address=None):
        from zeep.wsse.username import UsernameToken
        prefix = "tev" if name in SUBSCRIPTION else name
        client = parsed()[prefix]
        client.wsse = UsernameToken(self.user, self.password, use_digest=True) if self.user else None
        binding = SUBSCRIPTION.get(name) or SERVICES[name][1]
        return client.create_service(binding, address or f"{self.origin}/onvif/{SERVICES[prefix][2]}")

    def call(self, name, operation, address=None, **arguments):
        return getattr(self.service(name, address), operation)(**arguments)

    def raw(self, body, path="device_service", headers=None, timeout=30, header=""):
        """(status, reply) of a body written by hand; with a UsernameToken."""
        spaces = " ".join(f'xmlns:{p}="{u}"' for p, u in NAMESPACES.items())
        if self.user and not header:
            header = token(self.user, self.password)
        return self.post(f"<s:Envelope {spaces}><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>".encode(), path, headers, timeout)

    def post(self, message, path="device_service", headers=None, timeout=30):
        request = urllib.request.Request(path if "://" in path else f"{self.origin}/onvif/{path}", message,
                                         {"Content-Type": "application/soap+xml; charset=utf-8", **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                status, reply = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, reply = error.code, error.read()
        if reply.startswith(b"<?xml"):
            kept.append(reply)
        return status, reply

    def subcodes(self, body, path="device_service"):
        """The fault's subcodes without their prefixes; []: it was none."""
        return fault_codes(self.raw(body, path)[1])


def token(user, password, created=None, nonce=None):
    import base64
    import datetime
    import hashlib
    created = created or datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    nonce = nonce or os.urandom(16)
    digest = base64.b64encode(hashlib.sha1(nonce + created.encode() + password.encode()).digest()).decode()
    base = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
    return (f'<wsse:Security s:mustUnderstand="1" xmlns:wsse="{base}wssecurity-secext-1.0.xsd" xmlns:wsu="{base}wssecurity-utility-1.0.xsd">'
            f'<wsse:UsernameToken><wsse:Username>{user}</wsse:Username>'
            f'<wsse:Password Type="{base}username-token-profile-1.0#PasswordDigest">{digest}</wsse:Password>'
            f'<wsse:Nonce>{base64.b64encode(nonce).decode()}</wsse:Nonce><wsu:Created>{created}</wsu:Created></wsse:UsernameToken></wsse:Security>')


def fault_codes(reply):
    root = etree.fromstring(reply)
    values = [v.text for v in root.iterfind(f".//{{{ENVELOPE}}}Fault//{{{ENVELOPE}}}Subcode/{{{ENVELOPE}}}Value")]
    if root.find(f".//{{{ENVELOPE}}}Fault") is not None and not values:
        values = [root.find(f".//{{{ENVELOPE}}}Fault/{{{ENVELOPE}}}Code/{{{ENVELOPE}}}Value").text]
    return [v.split(":")[1] for v in values]


def published_operations(prefix):
    text = (WSDL / SERVICES[prefix][0]).read_text()
    port = text[text.index("<wsdl:portType"):text.index("</wsdl:portType>")]
    return re.findall(r'<wsdl:operation name="(\w+)"', port)


# The check's amended copy of the schemas serves for documents of the tt namespace as well.
CHECK_METADATA = """import importlib.util, sys
spec = importlib.util.spec_from_file_location("validate", sys.argv[1])
validate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(validate)
schema = validate.etree.XMLSchema(validate.etree.parse(validate.W + "/onvif/ver10/schema/onvif.xsd"))
for name in sys.argv[2:]:
    if not schema.validate(validate.etree.parse(name)):
        sys.exit(f"{name}: {schema.error_log.last_error}")
"""


def assert_metadata_is_valid(documents, folder):
    files = [folder / f"{i}.xml" for i in range(len(documents))]
    for file, document in zip(files, documents):
        file.write_bytes(document)
    answer = subprocess.run([sys.executable, "-c", CHECK_METADATA, VALIDATE, *files], capture_output=True, text=True)
    assert files and answer.returncode == 0, answer.stderr[-2000:]


class Stored(etree.Resolver):
    def resolve(self, url, identifier, context):
        return self.resolve_filename(str(local_file(url)), context)


def assert_base_notification_is_valid(files):
    parser = etree.XMLParser()
    parser.resolvers.add(Stored())
    schema = etree.XMLSchema(etree.parse(str(WSDL / "ext/b-2.xsd"), parser))
    for file in files:
        for body in etree.parse(str(file)).getroot().iterfind(f"{{{ENVELOPE}}}Body/*"):
            details = body.findall(f"{{{ENVELOPE}}}Detail/*") if body.tag == f"{{{ENVELOPE}}}Fault" else [body]
            for element in details:
                if element.tag.startswith("{" + NAMESPACES["wsnt"]):
                    alone = etree.fromstring(etree.tostring(element))
                    assert schema.validate(alone), (element.tag, schema.error_log.last_error)


def assert_kept_are_valid(folder):
    """All kept replies pass the strict check of the schemas; then they are forgotten."""
    folder.mkdir(exist_ok=True)
    files = []
    for i, reply in enumerate({re.sub(rb"\d", b"0", r): r for r in kept}.values()):
        files.append(folder / f"{i}.xml")
        files[-1].write_bytes(reply)
    kept.clear()
    assert_base_notification_is_valid(files)
    files = [f for f in files if not re.search(rb"Body><wsnt:", f.read_bytes())]  # which that check does not know
    for at in range(0, len(files), 400):
        answer = subprocess.run([sys.executable, VALIDATE, *files[at:at + 400]], capture_output=True, text=True)
        problems = [line for line in answer.stdout.splitlines() if not line.startswith(("FAULT", "{"))]
        assert answer.returncode == 0 and not problems, "\n".join(problems[:20]) + answer.stderr[-2000:]
    return len(files)
