# SPDX-License-Identifier: Apache-2.0
"""A scripted ONVIF camera: answers over HTTP as cameras in the field do, with whatever quirk a test asks for. It is no model
of the specification (the server's own tests have that) but of what was seen."""
import base64
import datetime
import hashlib
import http.client
import http.server
import re
import secrets
import socket
import ssl
import threading
import time
import urllib.parse
import xml.etree.ElementTree as xml

NS = {"s": "http://www.w3.org/2003/05/soap-envelope", "tds": "http://www.onvif.org/ver10/device/wsdl",
      "trt": "http://www.onvif.org/ver10/media/wsdl", "tr2": "http://www.onvif.org/ver20/media/wsdl",
      "tev": "http://www.onvif.org/ver10/events/wsdl", "timg": "http://www.onvif.org/ver20/imaging/wsdl",
      "tptz": "http://www.onvif.org/ver20/ptz/wsdl", "tmd": "http://www.onvif.org/ver10/deviceIO/wsdl",
      "trc": "http://www.onvif.org/ver10/recording/wsdl", "tse": "http://www.onvif.org/ver10/search/wsdl",
      "trp": "http://www.onvif.org/ver10/replay/wsdl",
      "tt": "http://www.onvif.org/ver10/schema", "wsnt": "http://docs.oasis-open.org/wsn/b-2",
      "wsa": "http://www.w3.org/2005/08/addressing", "tns1": "http://www.onvif.org/ver10/topics",
      "ter": "http://www.onvif.org/ver10/error",
      "wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
      "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"}
DECLARED = " ".join(f'xmlns:{k}="{v}"' for k, v in NS.items())
PREFIX = {v: k for k, v in NS.items()}


def iso(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Fault(Exception):
    def __init__(self, subcode, reason, status=400):
        super().__init__(reason)
        self.subcode, self.status = subcode, status


class Subscription:
    """A pull point; or, with a consumer, one that delivers by itself."""

    def __init__(self, camera, seconds, consumer=None):
        self.camera, self.queue, self.id, self.consumer = camera, [], secrets.token_hex(4), consumer
        self.until = time.time() + seconds
        if consumer:
            threading.Thread(target=self.deliver, daemon=True).start()

    def deliver(self):
        c = self.camera
        while True:
            with c.changed:
                c.changed.wait_for(lambda: self.queue or self.id not in c.subscriptions)
                if self.id not in c.subscriptions:
                    return
                events, self.queue = [e for _, e in self.queue], []
            c.deliveries.append(c.notify(self.consumer, "".join(events)))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Connections that the other end gives up are no news."""


class Camera:
    """`quirks`: words, see where they are asked for. All state is guarded by `self.changed`."""
    more_services = ()  # of a subclass: (prefix, path)

    def __init__(self, stream, sub=None, user="admin", password="secret", quirks=(), inputs=("AlarmIn_1",), relays=("AlarmOut_1",), slots=10,
                 clock=0.0, host="127.0.0.1", port=0, tls=None):
        self.stream, self.sub, self.user, self.password = stream, sub, user, password
        self.quirks, self.slots, self.clock = set(quirks), slots, clock
        self.changed = threading.Condition()
        self.inputs = {t: False for t in inputs}
        self.relays = {t: {"active": False, "mode": "Bistable", "delay": 0.0, "idle": "open"} for t in relays}
        self.orders, self.calls, self.refused, self.messages, self.told = [], [], 0, [], []
        self.masks, self.made = {}, 0  # token → {enabled, points}
        self.subscriptions = {}
        self.deliveries = []  # the status of each
        self.nonce = secrets.token_hex(8)
        self.server = Server((host, port), type("Handler", (Handler,), {"camera": self}))
        self.port = self.server.server_address[1]
        self.tls = tls  # the files of its certificate and key; None: plain HTTP
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://{host}:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def source(self):
        return f"onvif{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        with self.changed:
            self.subscriptions.clear()
            self.changed.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def now(self):
        return time.time() + self.clock

    # ---- from the test ----

    def set_input(self, token, active):
        with self.changed:
            self.inputs[token] = active
            self.post(self.input_event(token, "Changed"))

    def post(self, event):
        for s in self.subscriptions.values():
            s.queue.append((time.time(), event))
        self.changed.notify_all()

    def notify(self, consumer, events):
        """Delivers, and tells the status of the answer."""
        to = urllib.parse.urlsplit(consumer)
        body = f'<?xml version="1.0"?><s:Envelope {DECLARED}><s:Header><wsa:Action>http://docs.oasis-open.org/wsn/bw-2/NotificationConsumer/Notify' \
               f'</wsa:Action></s:Header><s:Body><wsnt:Notify>{events}</wsnt:Notify></s:Body></s:Envelope>'
        try:
            connection = http.client.HTTPConnection(to.hostname, to.port, timeout=5)
            connection.request("POST", to.path, body.encode(), {"Content-Type": "application/soap+xml; charset=utf-8"})
            return connection.getresponse().status
        except OSError:
            return 0

    def forget_subscriptions(self):
        """As a reboot does."""
        with self.changed:
            self.subscriptions.clear()
            self.changed.notify_all()

    def relay(self, token):
        with self.changed:
            return self.relays[token]["active"]

    # ---- events ----

    def event(self, topic, how, source, data):
        item = '<tt:SimpleItem Name="%s" Value="%s"/>'
        how = f' PropertyOperation="{how}"' if how else ""
        return (f'<wsnt:NotificationMessage><wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">{topic}</wsnt:Topic>'
                f'<wsnt:Message><tt:Message UtcTime="{iso(self.now())}"{how}><tt:Source>{"".join(item % p for p in source)}</tt:Source>'
                f'<tt:Data>{"".join(item % p for p in data)}</tt:Data></tt:Message></wsnt:Message></wsnt:NotificationMessage>')

    def input_event(self, token, how):
        value = "true" if self.inputs[token] else "false"
        if "state-words" in self.quirks:
            value = "active" if self.inputs[token] else "inactive"
        name = "State" if "state-name" in self.quirks else "LogicalState"
        topic = "tns1:VideoSource/tns1:Device/Trigger/DigitalInput" if "nested-topic" in self.quirks else "tns1:Device/Trigger/DigitalInput"
        shown = "0" if "other-token" in self.quirks else token
        return self.event(topic, how, [("InputToken", shown)], [(name, value)])

    def relay_event(self, token, how):
        return self.event("tns1:Device/Trigger/Relay", how, [("RelayToken", token)],
                          [("LogicalState", "active" if self.relays[token]["active"] else "inactive")])

    def all_states(self):
        states = [self.input_event(t, "Initialized") for t in self.inputs]
        if "no-relay-events" not in self.quirks:
            states += [self.relay_event(t, "Initialized") for t in self.relays]
        return states

    def set_relay(self, token, active):
        r = self.relays[token]
        r["active"] = active
        if "no-relay-events" not in self.quirks:
            self.post(self.relay_event(token, "Changed"))
        if active and r["mode"] == "Monostable" and "ignores-delay" not in self.quirks:
            threading.Timer(r["delay"], self.end_pulse, (token,)).start()

    def end_pulse(self, token):
        with self.changed:
            self.set_relay(token, False)

    # ---- login ----

    def wsse_ok(self, header):
        token = header.find("wsse:Security/wsse:UsernameToken", NS) if header is not None else None
        if token is None:
            return False
        created = token.findtext("wsu:Created", "", NS)
        at = datetime.datetime.fromisoformat(created.replace("Z", "+00:00")).timestamp()
        nonce = base64.b64decode(token.findtext("wsse:Nonce", "", NS))
        want = base64.b64encode(hashlib.sha1(nonce + created.encode() + self.password.encode()).digest()).decode()
        return token.findtext("wsse:Username", "", NS) == self.user and token.findtext("wsse:Password", "", NS) == want and abs(at - self.now()) < 5

    def digest_ok(self, header, method, algorithm):
        fields = dict(re.findall(r'(\w+)="?([^",]*)"?', header or ""))
        if not header or not header.startswith("Digest") or fields.get("nonce") != self.nonce:
            return False
        h = (lambda t: hashlib.sha256(t.encode()).hexdigest()) if algorithm == "SHA-256" else (lambda t: hashlib.md5(t.encode()).hexdigest())
        if fields.get("algorithm", "MD5") != algorithm:
            return False
        a1, a2 = h(f"{self.user}:camera:{self.password}"), h(f"{method}:{fields['uri']}")
        return fields["response"] == h(f"{a1}:{self.nonce}:{fields['nc']}:{fields['cnonce']}:auth:{a2}")

    def algorithms(self):
        if "sha-256" in self.quirks:
            return ["SHA-256"]
        return ["MD5", "SHA-256"] if "md5-first" in self.quirks else ["MD5"]

    # ---- calls ----

    def address(self, path):
        if "dead-xaddr" in self.quirks:
            return f"http://10.255.255.1{path}"
        if "doubled-port" in self.quirks:
            return f"http://127.0.0.1:{self.port}:{self.port}{path}"
        if "loopback" in self.quirks:
            return f"http://127.0.0.2:{self.port}{path}"
        return self.url + path

    def answer(self, name, body, path):
        operation = getattr(self, "do_" + name, None)
        if not operation:
            raise Fault("ter:ActionNotSupported", f"{name} is not supported")
        return operation(body, path)

    def do_GetSystemDateAndTime(self, body, path):
        t = datetime.datetime.fromtimestamp(self.now(), datetime.timezone.utc)
        parts = (f"<tt:Time><tt:Hour>{t.hour}</tt:Hour><tt:Minute>{t.minute}</tt:Minute><tt:Second>{t.second}</tt:Second></tt:Time>"
                 f"<tt:Date><tt:Year>{t.year}</tt:Year><tt:Month>{t.month}</tt:Month><tt:Day>{t.day}</tt:Day></tt:Date>")
        return ("<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false"
                f"</tt:DaylightSavings><tt:UTCDateTime>{parts}</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>")

    def do_GetServices(self, body, path):
        if "no-getservices" in self.quirks:
            raise Fault("ter:ActionNotSupported", "GetServices")
        services = [("tr2", "/onvif/media2")] if "media2" in self.quirks else []
        services += [("tds", "/onvif/device_service"), ("trt", "/onvif/media"), ("tmd", "/onvif/deviceio"), ("timg", "/onvif/imaging"), ("tptz", "/onvif/ptz")]
        services += [("tev", "/onvif/events")] if "no-events" not in self.quirks else []
        services += [("trc", "/onvif/recording")] if "storage" in self.quirks else []
        services += self.more_services
        return "<tds:GetServicesResponse>" + "".join(
            f"<tds:Service><tds:Namespace>{NS[p]}</tds:Namespace><tds:XAddr>{self.address(a)}</tds:XAddr><tds:Version><tt:Major>2</tt:Major>"
            "<tt:Minor>0</tt:Minor></tds:Version></tds:Service>" for p, a in services) + "</tds:GetServicesResponse>"

    def do_GetCapabilities(self, body, path):
        return ("<tds:GetCapabilitiesResponse><tds:Capabilities>"
                f"<tt:Device><tt:XAddr>{self.address('/onvif/device_service')}</tt:XAddr></tt:Device>"
                f"<tt:Events><tt:XAddr>{self.address('/onvif/events')}</tt:XAddr></tt:Events>"
                f"<tt:Media><tt:XAddr>{self.address('/onvif/media')}</tt:XAddr></tt:Media>"
                f"<tt:Extension><tt:DeviceIO><tt:XAddr>{self.address('/onvif/deviceio')}</tt:XAddr></tt:DeviceIO></tt:Extension>"
                "</tds:Capabilities></tds:GetCapabilitiesResponse>")

    def do_GetDeviceInformation(self, body, path):
        return ("<tds:GetDeviceInformationResponse><tds:Manufacturer>Acme</tds:Manufacturer><tds:Model>Eye 3</tds:Model><tds:FirmwareVersion>1.2.3"
                "</tds:FirmwareVersion><tds:SerialNumber>0815</tds:SerialNumber><tds:HardwareId>7</tds:HardwareId></tds:GetDeviceInformationResponse>")

    def profiles(self, media2):
        made, metadata = [], '<tt:MetadataConfiguration token="md"/>' if "metadata" in self.quirks else ""
        for token, w, h in [("main", 1920, 1080)] + ([("sub", 640, 360)] if self.sub else []):
            inner = (f"<tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>{w}</tt:Width><tt:Height>{h}</tt:Height></tt:Resolution>"
                     "<tt:RateControl><tt:FrameRateLimit>25</tt:FrameRateLimit><tt:EncodingInterval>1</tt:EncodingInterval>"
                     "<tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl>")
            if media2:
                made.append(f'<tr2:Profiles token="{token}" fixed="true"><tr2:Name>{token}</tr2:Name><tr2:Configurations><tr2:VideoSource token="v">'
                            f'<tt:SourceToken>0</tt:SourceToken></tr2:VideoSource><tr2:VideoEncoder token="e{token}">{inner}</tr2:VideoEncoder><tr2:PTZ token="p"/>'
                            "</tr2:Configurations></tr2:Profiles>")
            else:
                made.append(f'<trt:Profiles token="{token}" fixed="true"><tt:Name>{token}</tt:Name><tt:VideoSourceConfiguration token="v">'
                            f'<tt:SourceToken>0</tt:SourceToken></tt:VideoSourceConfiguration><tt:VideoEncoderConfiguration token="e{token}">{inner}'
                            f'</tt:VideoEncoderConfiguration><tt:PTZConfiguration token="p"/>{metadata}</trt:Profiles>')
        return "".join(made)

    def do_GetProfiles(self, body, path):
        p = "tr2" if path.endswith("media2") else "trt"
        return f"<{p}:GetProfilesResponse>{self.profiles(p == 'tr2')}</{p}:GetProfilesResponse>"

    def do_GetStreamUri(self, body, path):
        token = next(e.text for e in body.iter() if e.tag.endswith("ProfileToken"))
        uri = self.sub if token == "sub" else self.stream
        if "userinfo" in self.quirks:
            uri = uri.replace("rtsp://", "rtsp://admin:secret@")
        if "placeholder" in self.quirks:
            uri = uri.replace("127.0.0.1", "0.0.0.0")
        uri = uri.replace("&", "&amp;")
        if path.endswith("media2"):
            return f"<tr2:GetStreamUriResponse><tr2:Uri>{uri}</tr2:Uri></tr2:GetStreamUriResponse>"
        return (f"<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>{uri}</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
                "<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>")

    def do_GetDigitalInputs(self, body, path):
        return ("<tmd:GetDigitalInputsResponse>" + "".join(f'<tmd:DigitalInputs token="{t}" IdleState="open"/>' for t in self.inputs)
                + "</tmd:GetDigitalInputsResponse>")

    def do_GetRelayOutputs(self, body, path):
        return "<tds:GetRelayOutputsResponse>" + "".join(
            f'<tds:RelayOutputs token="{t}"><tt:Properties><tt:Mode>{r["mode"]}</tt:Mode><tt:DelayTime>PT{r["delay"]}S</tt:DelayTime>'
            f'<tt:IdleState>{r["idle"]}</tt:IdleState></tt:Properties></tds:RelayOutputs>' for t, r in self.relays.items()) + "</tds:GetRelayOutputsResponse>"

    def relay_token(self, body):
        token = next(e.text for e in body.iter() if e.tag.endswith("RelayOutputToken"))
        if token not in self.relays:
            raise Fault("ter:InvalidArgVal", f"RelayToken {token}")
        return token

    def do_SetRelayOutputState(self, body, path):
        if "relays-by-deviceio" in self.quirks and not path.endswith("deviceio"):
            raise Fault("ter:ActionNotSupported", "not here")
        token, state = self.relay_token(body), next(e.text for e in body.iter() if e.tag.endswith("LogicalState"))
        with self.changed:
            self.orders.append((token, state, time.time()))
            self.set_relay(token, state == "active")
        return "<tds:SetRelayOutputStateResponse/>"

    def do_SetRelayOutputSettings(self, body, path):
        token = self.relay_token(body)
        value = {e.tag.split("}")[1]: e.text for e in body.iter()}
        with self.changed:
            self.relays[token].update(mode=value["Mode"], delay=float(value["DelayTime"].strip("PTS")), idle=value["IdleState"])
        return "<tds:SetRelayOutputSettingsResponse/>"

    # ---- what it lets itself be told; self.told is what it was ----

    def do_GetServiceCapabilities(self, body, path):
        return ('<tds:GetServiceCapabilitiesResponse><tds:Capabilities><tds:Network/><tds:Security/><tds:System/>'
                '<tds:Misc AuxiliaryCommands="tt:IRLamp|On tt:IRLamp|Off"/></tds:Capabilities></tds:GetServiceCapabilitiesResponse>')

    def do_GetImagingSettings(self, body, path):
        return ("<timg:GetImagingSettingsResponse><timg:ImagingSettings><tt:IrCutFilter>AUTO</tt:IrCutFilter></timg:ImagingSettings>"
                "</timg:GetImagingSettingsResponse>")

    def do_GetPresets(self, body, path):
        return '<tptz:GetPresetsResponse><tptz:Preset token="1"><tt:Name>Gate &amp; yard</tt:Name></tptz:Preset></tptz:GetPresetsResponse>'

    def tell(self, body, answer):
        values = {e.tag.split("}")[1]: e.text or dict(e.attrib) for e in body.iter() if e is not body and (e.text or e.attrib)}
        self.told.append((body.tag.split("}")[1], values))
        return answer

    def do_ContinuousMove(self, body, path):
        return self.tell(body, "<tptz:ContinuousMoveResponse/>")

    def do_Stop(self, body, path):
        return self.tell(body, "<tptz:StopResponse/>")

    def do_GotoPreset(self, body, path):
        return self.tell(body, "<tptz:GotoPresetResponse/>")

    def do_SetImagingSettings(self, body, path):
        return self.tell(body, "<timg:SetImagingSettingsResponse/>")

    def do_SendAuxiliaryCommand(self, body, path):
        return self.tell(body, "<tds:SendAuxiliaryCommandResponse/>")

    # ---- who may log in, storage, time servers ----

    def do_GetUsers(self, body, path):
        return ("<tds:GetUsersResponse>" + "".join(f"<tds:User><tt:Username>{n}</tt:Username><tt:UserLevel>{level}</tt:UserLevel></tds:User>"
                                                   for n, level in [(self.user or "admin", "Administrator"), ("guest", "User")]) + "</tds:GetUsersResponse>")

    def do_GetStorageConfigurations(self, body, path):
        if "storage" not in self.quirks:
            raise Fault("ter:ActionNotSupported", "GetStorageConfigurations")
        return ('<tds:GetStorageConfigurationsResponse><tds:StorageConfigurations token="SD"><tds:Data type="LocalStorage"><tds:LocalPath>/mnt/sd</tds:LocalPath>'
                "</tds:Data></tds:StorageConfigurations></tds:GetStorageConfigurationsResponse>")

    def do_GetRecordings(self, body, path):
        return ("<trc:GetRecordingsResponse><trc:RecordingItem><tt:RecordingToken>R1</tt:RecordingToken><tt:Configuration><tt:Content>yard</tt:Content></tt:Configuration>"
                "<tt:Tracks><tt:Track><tt:Configuration><tt:TrackType>Video</tt:TrackType></tt:Configuration></tt:Track></tt:Tracks></trc:RecordingItem></trc:GetRecordingsResponse>")

    def do_GetNTP(self, body, path):
        return ("<tds:GetNTPResponse><tds:NTPInformation><tt:FromDHCP>false</tt:FromDHCP><tt:NTPManual><tt:Type>DNS</tt:Type><tt:DNSname>time.example</tt:DNSname>"
                "</tt:NTPManual></tds:NTPInformation></tds:GetNTPResponse>")

    def do_SetNTP(self, body, path):
        return self.tell(body, "<tds:SetNTPResponse/>")

    # ---- privacy masks ----

    def mask(self, token):
        m = self.masks[token]
        points = "".join(f'<tt:Point x="{x}" y="{y}"/>' for x, y in m["points"])
        return (f'<tr2:Masks token="{token}"><tr2:ConfigurationToken>v</tr2:ConfigurationToken><tr2:Polygon>{points}</tr2:Polygon><tr2:Type>Color</tr2:Type>'
                f'<tr2:Color X="90" Y="54" Z="240" Colorspace="http://www.onvif.org/ver10/colorspace/YCbCr"/><tr2:Enabled>{str(m["enabled"]).lower()}</tr2:Enabled></tr2:Masks>')

    def do_GetMasks(self, body, path):
        asked = next((e.text for e in body if e.tag.endswith("}Token")), None)
        return "<tr2:GetMasksResponse>" + "".join(self.mask(t) for t in self.masks if asked in (None, t)) + "</tr2:GetMasksResponse>"

    def read_mask(self, body):
        mask = next(e for e in body.iter() if e.tag == "{%s}Mask" % NS["tr2"])
        points = [(float(p.get("x")), float(p.get("y"))) for p in mask.iter("{%s}Point" % NS["tt"])]
        color = mask.find("tr2:Color", NS)
        return mask.get("token"), {"enabled": mask.findtext("tr2:Enabled", "", NS) == "true", "points": points, "color": color.get("X") if color is not None else None,
                                   "of": mask.findtext("tr2:ConfigurationToken", "", NS)}

    def do_SetMask(self, body, path):
        token, mask = self.read_mask(body)
        if token not in self.masks:
            raise Fault("ter:InvalidArgVal", f"no mask {token}")
        self.masks[token] = mask
        return "<tr2:SetMaskResponse/>"

    def do_CreateMask(self, body, path):
        self.made += 1
        self.masks[f"m{self.made}"] = self.read_mask(body)[1]
        return f"<tr2:CreateMaskResponse><tr2:Token>m{self.made}</tr2:Token></tr2:CreateMaskResponse>"

    def do_DeleteMask(self, body, path):
        if self.masks.pop(next(e.text for e in body if e.tag.endswith("}Token")), None) is None:
            raise Fault("ter:InvalidArgVal", "no such mask")
        return "<tr2:DeleteMaskResponse/>"

    def do_SetSystemDateAndTime(self, body, path):
        return self.tell(body, "<tds:SetSystemDateAndTimeResponse/>")

    def do_SystemReboot(self, body, path):
        return self.tell(body, "<tds:SystemRebootResponse><tds:Message>now</tds:Message></tds:SystemRebootResponse>")

    # ---- subscriptions ----

    def seconds(self, body, name, default):
        text = next((e.text for e in body.iter() if e.tag.endswith(name)), None)
        m = re.fullmatch(r"PT([\d.]+)S", text or "")
        return float(m[1]) if m else default

    def do_Subscribe(self, body, path):
        if "push" not in self.quirks:
            raise Fault("ter:ActionNotSupported", "Subscribe")
        consumer = next(e.text for e in body.iter() if e.tag == "{%s}Address" % NS["wsa"])
        with self.changed:
            s = Subscription(self, 8 if "short-lived" in self.quirks else self.seconds(body, "InitialTerminationTime", 60), consumer)
            self.subscriptions[s.id] = s
            s.queue = [(time.time(), e) for e in self.all_states()]
            self.changed.notify_all()
        return (f"<wsnt:SubscribeResponse><wsnt:SubscriptionReference><wsa:Address>{self.address(f'/onvif/sub/{s.id}')}</wsa:Address></wsnt:SubscriptionReference>"
                f"<wsnt:CurrentTime>{iso(self.now())}</wsnt:CurrentTime><wsnt:TerminationTime>{iso(s.until + self.clock)}</wsnt:TerminationTime></wsnt:SubscribeResponse>")

    def do_CreatePullPointSubscription(self, body, path):
        if "no-pull" in self.quirks:
            raise Fault("ter:ActionNotSupported", "CreatePullPointSubscription")
        with self.changed:
            now = time.time()
            self.subscriptions = {k: s for k, s in self.subscriptions.items() if s.until > now}
            if len(self.subscriptions) >= self.slots:
                raise Fault("ter:NotAuthorized", "no more subscriptions") if "slots-as-401" in self.quirks else Fault("ter:Action", "MaxPullPoints")
            granted = 0 if "expires-at-once" in self.quirks else self.seconds(body, "InitialTerminationTime", 60)
            s = Subscription(self, max(granted, 5))
            self.subscriptions[s.id] = s
            if "always-empty" not in self.quirks:
                s.queue = [(now, e) for e in self.all_states()]
        address = f"/onvif/sub/{s.id}"
        reference = ""
        if "reference-parameters" in self.quirks:
            address, reference = "/onvif/sub", f'<wsa:ReferenceParameters><v:Id xmlns:v="urn:vendor">{s.id}</v:Id></wsa:ReferenceParameters>'
        return (f"<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference><wsa:Address>{self.address(address)}</wsa:Address>{reference}"
                f"</tev:SubscriptionReference><wsnt:CurrentTime>{iso(self.now())}</wsnt:CurrentTime><wsnt:TerminationTime>{iso(self.now() + granted)}"
                "</wsnt:TerminationTime></tev:CreatePullPointSubscriptionResponse>")

    def subscription(self, path, header):
        key = path.rsplit("/", 1)[1]
        if header is not None and "reference-parameters" in self.quirks:
            key = header.findtext("{urn:vendor}Id", "")
        s = self.subscriptions.get(key)
        if not s or s.until < time.time():
            self.subscriptions.pop(key, None)
            raise Fault("ter:InvalidArgVal", "ResourceUnknown")
        return s

    def do_PullMessages(self, body, path, header=None):
        if "broken-pull" in self.quirks:
            raise Fault("ter:Action", "internal error", 500)
        wait = self.seconds(body, "Timeout", 1)
        with self.changed:
            s = self.subscription(path, header)
            if "pull-prolongs" in self.quirks:
                s.until = time.time() + 60
            if "no-long-poll" not in self.quirks:
                self.changed.wait_for(lambda: s.queue or s.id not in self.subscriptions, wait)
            s = self.subscription(path, header)
            messages = [] if "always-empty" in self.quirks else [e for _, e in s.queue]
            s.queue = []
        return (f"<tev:PullMessagesResponse><tev:CurrentTime>{iso(self.now())}</tev:CurrentTime><tev:TerminationTime>{iso(self.now() + 60)}"
                f"</tev:TerminationTime>{''.join(messages)}</tev:PullMessagesResponse>")

    def do_Renew(self, body, path, header=None):
        if "no-renew" in self.quirks:
            raise Fault("ter:ActionNotSupported", "Renew")
        with self.changed:
            s = self.subscription(path, header)
            s.until = time.time() + self.seconds(body, "TerminationTime", 60)
            return (f"<wsnt:RenewResponse><wsnt:TerminationTime>{iso(s.until + self.clock)}</wsnt:TerminationTime><wsnt:CurrentTime>{iso(self.now())}"
                    "</wsnt:CurrentTime></wsnt:RenewResponse>")

    def do_Unsubscribe(self, body, path, header=None):
        with self.changed:
            s = self.subscription(path, header)
            del self.subscriptions[s.id]
            self.changed.notify_all()
        return "<wsnt:UnsubscribeResponse/>"

    def do_SetSynchronizationPoint(self, body, path, header=None):
        if "no-sync-point" in self.quirks:
            raise Fault("ter:ActionNotSupported", "SetSynchronizationPoint")
        with self.changed:
            s = self.subscription(path, header)
            if "always-empty" not in self.quirks:
                s.queue += [(time.time(), e) for e in self.all_states()]
            self.changed.notify_all()
        return "<tev:SetSynchronizationPointResponse/>"


OPEN = {"GetSystemDateAndTime", "GetServices", "GetCapabilities"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *what):
        pass

    def reply(self, status, body, headers=()):
        text = (f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope {DECLARED}><s:Body>{body}</s:Body></s:Envelope>' if body else "").encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/soap+xml; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def fault(self, subcode, reason, status):
        self.reply(status, f"<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
                           f'<s:Reason><s:Text xml:lang="en">{reason}</s:Text></s:Reason></s:Fault>')

    def challenge(self):
        c = self.camera
        both = [f'Digest realm="camera", qop="auth", nonce="{c.nonce}", algorithm={a}' for a in c.algorithms()]
        if "basic-first" in c.quirks:
            both.insert(0, 'Basic realm="camera"')
        c.refused += 1
        self.reply(401, "", [("WWW-Authenticate", v) for v in both])

    def do_POST(self):
        c = self.camera
        message = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        envelope = xml.fromstring(message)
        header, body = envelope.find("s:Header", NS), envelope.find("s:Body", NS)[0]
        name = body.tag.split("}")[1]
        c.calls.append(name)
        c.messages.append(message)
        if not self.logged_in(c, name, header):
            return
        try:
            operation = getattr(c, "do_" + name, None)
            if operation and self.path.startswith("/onvif/sub"):
                self.reply(200, operation(body, self.path, header))
            else:
                self.reply(200, c.answer(name, body, self.path))
        except Fault as f:
            self.fault(f.subcode, f, 200 if "fault-200" in c.quirks else f.status)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def logged_in(self, c, name, header):
        if not c.user or "no-login" in c.quirks or (name in OPEN and "time-needs-login" not in c.quirks):
            return True
        if "digest-only" in c.quirks:
            if any(c.digest_ok(self.headers.get("Authorization"), "POST", a) for a in c.algorithms()):
                return True
            self.challenge()
            return False
        if c.wsse_ok(header):
            return True
        if "http-401" in c.quirks:
            self.reply(401, "")
        else:
            c.refused += 1
            self.fault("ter:NotAuthorized", "Sender not Authorized", 400)
        return False
