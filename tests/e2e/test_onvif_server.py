# SPDX-License-Identifier: Apache-2.0
"""This Pigtail as an ONVIF camera, seen by software that nobody here wrote: python3-zeep with the published WSDLs, two npm
packages, onvif-util, ffmpeg, GStreamer. All that the server says is checked against the schemas."""
import datetime
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.request

import pytest

import onvif_zeep
from hub import wait_for
from npm import packages
from onvif_node import SITE, Node
from onvif_zeep import Device, fault_codes, token

pytestmark = pytest.mark.skipif(not onvif_zeep.WSDL.is_dir(), reason="the published ONVIF schemas are not beside this checkout")

@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with Node() as hub:
        hub.wait_pictures()
        hub.wait_sound()
        made = hub.device().call("trt", "CreateOSD", OSD={"token": "", "VideoSourceConfigurationToken": "gate-source", "Type": "Text", "Position": {"Type": "LowerLeft"},
                                                          "TextString": {"Type": "Plain", "PlainText": "gate"}})
        hub.osd = made.OSDToken
        yield hub
        checked = onvif_zeep.assert_kept_are_valid(tmp_path_factory.mktemp("kept"))
        print(f"{checked} different messages are valid")


@pytest.fixture
def boss(node):
    return node.device()


def items(message):
    """(topic, operation, {source and data items}) of a NotificationMessage of zeep."""
    from lxml import etree
    content = message.Message._value_1
    if not hasattr(content, "get"):
        content = etree.fromstring(content)
    found = {i.get("Name"): i.get("Value") for i in content.iter("{*}SimpleItem")}
    return message.Topic._value_1.strip(), content.get("PropertyOperation"), found


class PullPoint:
    def __init__(self, device, **arguments):
        self.device = device
        answer = device.call("tev", "CreatePullPointSubscription", **arguments)
        self.address = answer.SubscriptionReference.Address._value_1
        self.answer = answer

    def pull(self, seconds=5, limit=100):
        answer = self.device.call("pull", "PullMessages", self.address, Timeout=datetime.timedelta(seconds=seconds), MessageLimit=limit)
        return [items(m) for m in answer.NotificationMessage or []]

    def drain(self):
        found = []
        while more := self.pull(0):
            found += more
        return found

    def close(self):
        self.device.call("manager", "Unsubscribe", self.address)


# ---- what every operation answers ----

VIDEO10 = {"token": "gate-main", "Name": "gate-main", "UseCount": 1, "Encoding": "H264", "Resolution": {"Width": 640, "Height": 360}, "Quality": 5,
           "RateControl": {"FrameRateLimit": 10, "EncodingInterval": 1, "BitrateLimit": 500}, "H264": {"GovLength": 10, "H264Profile": "High"},
           "Multicast": {"Address": {"Type": "IPv4", "IPv4Address": "0.0.0.0"}, "Port": 0, "TTL": 0, "AutoStart": False}, "SessionTimeout": "PT60S"}
SETUP = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
BISTABLE = {"Mode": "Bistable", "DelayTime": datetime.timedelta(seconds=1), "IdleState": "open"}

# Operations with arguments, or with an answer that is a fault by design. All others are called bare and must succeed.
ARGUMENTS = {
    "tse": {"FindRecordings": {"Scope": {}, "KeepAliveTime": datetime.timedelta(seconds=5)}},
    "trc": {},
    "trp": {},
    "tds": {
        "GetServices": {"IncludeCapability": True}, "SetDiscoveryMode": {"DiscoveryMode": "Discoverable"},
        "SetScopes": {"Scopes": ["onvif://www.onvif.org/location/cellar"]}, "AddScopes": {"ScopeItem": ["onvif://www.onvif.org/location/attic"]},
        "RemoveScopes": {"ScopeItem": ["onvif://www.onvif.org/location/attic"]},
        "SetRelayOutputSettings": {"RelayOutputToken": "lamp", "Properties": BISTABLE},
        "SetRelayOutputState": {"RelayOutputToken": "lamp", "LogicalState": "inactive"},
    },
    "trt": {
        "GetProfile": {"ProfileToken": "gate-main"}, "CreateProfile": {"Name": "mine", "Token": "mine"}, "DeleteProfile": {"ProfileToken": "mine"},
        "GetVideoSourceConfiguration": {"ConfigurationToken": "gate-source"}, "GetVideoEncoderConfiguration": {"ConfigurationToken": "gate-main"},
        "GetAudioSourceConfiguration": {"ConfigurationToken": "gate-audio-source"},
        "GetAudioEncoderConfiguration": {"ConfigurationToken": "gate-main-audio"}, "GetMetadataConfiguration": {"ConfigurationToken": "gate-metadata"},
        "GetGuaranteedNumberOfVideoEncoderInstances": {"ConfigurationToken": "gate-source"},
        "GetStreamUri": {"StreamSetup": SETUP, "ProfileToken": "gate-main"}, "GetSnapshotUri": {"ProfileToken": "gate-main"},
        "SetSynchronizationPoint": {"ProfileToken": "gate-main"},
        "GetOSDOptions": {"ConfigurationToken": "gate-source"}, "SetVideoEncoderConfiguration": {"Configuration": VIDEO10, "ForcePersistence": True},
        **{f"GetCompatible{k}Configurations": {"ProfileToken": "gate-main"} for k in
           ("VideoSource", "VideoEncoder", "AudioSource", "AudioEncoder", "Metadata")},
    },
    "tr2": {
        "GetProfiles": {"Type": ["All"]}, "GetStreamUri": {"Protocol": "RtspUnicast", "ProfileToken": "gate-main"},
        "GetSnapshotUri": {"ProfileToken": "gate-main"}, "GetVideoEncoderInstances": {"ConfigurationToken": "gate-source"},
        "SetSynchronizationPoint": {"ProfileToken": "gate-main"}, "GetOSDOptions": {"ConfigurationToken": "gate-source"},
    },
    "tmd": {
        "SetRelayOutputSettings": {"RelayOutput": {"token": "lamp", "Properties": BISTABLE}},
        "SetRelayOutputState": {"RelayOutputToken": "lamp", "LogicalState": "inactive"},
        "SetDigitalInputConfigurations": {"DigitalInputs": [{"token": "door", "IdleState": "open"}]},
        "GetVideoSourceConfiguration": {"VideoSourceToken": "gate"}, "GetAudioSourceConfiguration": {"AudioSourceToken": "gate"},
        "GetAudioSourceConfigurationOptions": {"AudioSourceToken": "gate"},
    },
    "timg": {
        **{o: {"VideoSourceToken": "gate"} for o in ("GetImagingSettings", "GetOptions", "GetMoveOptions", "GetStatus")},
        "SetImagingSettings": {"VideoSourceToken": "gate", "ImagingSettings": {"IrCutFilter": "ON"}},
    },
    "tev": {},
}
# What a bare request of these is answered with: they need arguments that other tests give, or are none of what a node can do.
REFUSED = {"ActionNotSupported", "OperationProhibited", "InvalidArgVal", "InvalidArgs", "Action", "MissingAttr", "ResourceUnknownFault",
           "TooManyUsers", "FixedUser"}
BARE_IS_FINE = {
    "tds": {"GetServiceCapabilities", "GetDeviceInformation", "GetSystemDateAndTime", "GetScopes", "GetDiscoveryMode", "GetEndpointReference", "GetUsers",
            "GetWsdlUrl", "GetCapabilities", "GetHostname", "GetDNS", "GetNTP", "GetDynamicDNS", "GetNetworkInterfaces", "GetNetworkProtocols",
            "GetNetworkDefaultGateway", "GetZeroConfiguration", "GetRelayOutputs", "GetSystemUris"},
    "trt": {"GetServiceCapabilities", "GetVideoSources", "GetAudioSources", "GetProfiles", "GetVideoSourceConfigurations", "GetVideoEncoderConfigurations",
            "GetAudioSourceConfigurations", "GetAudioEncoderConfigurations", "GetMetadataConfigurations", "GetVideoSourceConfigurationOptions",
            "GetVideoEncoderConfigurationOptions", "GetAudioSourceConfigurationOptions", "GetAudioEncoderConfigurationOptions",
            "GetMetadataConfigurationOptions", "GetOSDs"},
    "tr2": {"GetServiceCapabilities", "GetVideoSourceConfigurations", "GetVideoEncoderConfigurations", "GetAudioSourceConfigurations",
            "GetAudioEncoderConfigurations", "GetAnalyticsConfigurations", "GetMetadataConfigurations", "GetAudioOutputConfigurations",
            "GetAudioDecoderConfigurations", "GetVideoSourceConfigurationOptions", "GetVideoEncoderConfigurationOptions",
            "GetAudioSourceConfigurationOptions", "GetAudioEncoderConfigurationOptions", "GetMetadataConfigurationOptions", "GetOSDs"},
    "tmd": {"GetServiceCapabilities", "GetRelayOutputOptions", "GetAudioSources", "GetAudioOutputs", "GetVideoSources", "GetVideoOutputs", "GetRelayOutputs",
            "GetDigitalInputs", "GetDigitalInputConfigurationOptions", "GetSerialPorts"},
    "timg": {"GetServiceCapabilities"},
    "tev": {"GetServiceCapabilities", "GetEventProperties", "CreatePullPointSubscription"},
    "tse": {"GetServiceCapabilities", "GetRecordingSummary"},
    "trc": {"GetServiceCapabilities", "GetRecordings", "GetRecordingJobs"},
    "trp": {"GetServiceCapabilities", "GetReplayConfiguration"},
}
# not of Profiles S, T and G, and unknown to the server: WebRTC, sound clips, equaliser, multicast sound, searches by likeness, segments elsewhere
OTHER_PROFILES = re.compile(r"WebRTC|AudioClip|EQPreset|MulticastAudioDecoder|EventBroker|ByNL|NLSearch|ByImage|ImageSearch|Segment")


@pytest.mark.parametrize("prefix", onvif_zeep.SERVICES)
def test_every_operation(node, boss, prefix):
    for operation in onvif_zeep.published_operations(prefix):
        arguments = {"OSDToken": node.osd} if operation == "GetOSD" else ARGUMENTS[prefix].get(operation)
        if arguments is not None or operation in BARE_IS_FINE[prefix]:
            boss.call(prefix, operation, **(arguments or {}))
            continue
        element = "tds" if prefix == "tmd" and operation in ("GetRelayOutputs", "SetRelayOutputState") else prefix
        codes = boss.subcodes(f"<{element}:{operation}/>", onvif_zeep.SERVICES[prefix][2])
        assert codes and codes[0] in (REFUSED | ({"UnknownAction"} if OTHER_PROFILES.search(operation) else set())), (operation, codes)


SECTIONS = {"tse": "Recording search", "trc": "Recording control", "trp": "Replay", "tds": "Device", "trt": "Media (ver10)", "tr2": "Media2 (ver20)", "tmd": "Device IO", "timg": "Imaging", "tev": "Events"}


@pytest.mark.parametrize("prefix", SECTIONS)
def test_the_reference_names_every_operation(prefix):
    page = (onvif_zeep.ROOT / "doc/ref/onvif-server.md").read_text().split(f"\n## {SECTIONS[prefix]}\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`([A-Z]\w+)`", " ".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))))
    published = set(onvif_zeep.published_operations(prefix))
    assert not published - named
    assert not named - published - {"PullMessages", "SetSynchronizationPoint", "Seek", "Renew", "Unsubscribe", "Subscribe", "Notify", "GetCurrentMessage",
                                    "PauseSubscription", "ResumeSubscription"}


def test_what_it_is(node, boss):
    information = boss.call("tds", "GetDeviceInformation")
    assert information.Manufacturer == "Pigtail" and re.fullmatch(r"[0-9a-f]{12}", information.SerialNumber)
    assert boss.call("tds", "GetEndpointReference").GUID.startswith("urn:uuid:")
    when = boss.call("tds", "GetSystemDateAndTime").UTCDateTime
    there = datetime.datetime(when.Date.Year, when.Date.Month, when.Date.Day, when.Time.Hour, when.Time.Minute, when.Time.Second)
    assert abs((there - datetime.datetime.utcnow()).total_seconds()) < 3
    services = {s.Namespace: s.XAddr for s in boss.call("tds", "GetServices", IncludeCapability=False)}
    assert services["http://www.onvif.org/ver20/media/wsdl"] == f"{boss.origin}/onvif/media2_service"
    protocols = {p.Name: p.Port for p in boss.call("tds", "GetNetworkProtocols")}
    assert protocols == {"HTTP": [node.onvif], "RTSP": [node.rtsp]}
    assert any(i.Info.Name == "lo" for i in boss.call("tds", "GetNetworkInterfaces"))
    assert {u.Username: u.UserLevel for u in boss.call("tds", "GetUsers")} == {
        "boss": "Administrator", "guard": "Operator", "guest": "User", "neighbour": "User"}


def test_profiles_name_what_is_sent(node, boss):
    profiles = {p.token: p for p in boss.call("trt", "GetProfiles")}
    main = profiles["gate-main"]
    assert set(profiles) >= {"gate-main", "gate-sub", "yard-main"}
    assert (main.VideoEncoderConfiguration.Encoding, main.VideoEncoderConfiguration.Resolution.Width) == ("H264", 640)
    assert main.AudioEncoderConfiguration.Encoding == "AAC" and profiles["gate-sub"].AudioEncoderConfiguration is None
    second = {p.token: p for p in boss.call("tr2", "GetProfiles", Type=["VideoEncoder"])}["gate-main"].Configurations
    assert second.VideoEncoder.GovLength == 10 and second.VideoEncoder.RateControl.BitrateLimit == 500 and second.VideoSource is None
    assert boss.call("tr2", "GetProfiles")[0].Configurations is None
    assert boss.call("tmd", "GetServiceCapabilities").DigitalInputs == 2


# ---- set and read back ----

def test_scopes_and_discovery_mode(node, boss):
    fixed = [s.ScopeItem for s in boss.call("tds", "GetScopes") if s.ScopeDef == "Fixed"]
    assert {s.split("/")[3] for s in fixed} >= {"Profile", "hardware", "name"}
    boss.call("tds", "SetScopes", Scopes=["onvif://www.onvif.org/location/hall", *fixed])
    boss.call("tds", "AddScopes", ScopeItem=["onvif://www.onvif.org/location/stairs"])
    assert boss.call("tds", "RemoveScopes", ScopeItem=["onvif://www.onvif.org/location/hall"]) == ["onvif://www.onvif.org/location/hall"]
    assert [s.ScopeItem for s in boss.call("tds", "GetScopes") if s.ScopeDef == "Configurable"] == ["onvif://www.onvif.org/location/stairs"]
    assert boss.subcodes(f"<tds:RemoveScopes><tds:ScopeItem>{fixed[0]}</tds:ScopeItem></tds:RemoveScopes>") == ["OperationProhibited", "FixedScope"]
    boss.call("tds", "SetDiscoveryMode", DiscoveryMode="NonDiscoverable")
    assert boss.call("tds", "GetDiscoveryMode") == "NonDiscoverable"
    boss.call("tds", "SetDiscoveryMode", DiscoveryMode="Discoverable")


def test_profiles_of_clients(node, boss):
    made = boss.call("trt", "CreateProfile", Name="my view", Token="view")
    assert made.token == "view" and not made.fixed and made.VideoSourceConfiguration is None
    assert boss.subcodes("<trt:GetStreamUri><trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol>"
                         "</tt:Transport></trt:StreamSetup><trt:ProfileToken>view</trt:ProfileToken></trt:GetStreamUri>") == ["Action", "IncompleteConfiguration"]
    add = "<trt:Add{0}Configuration><trt:ProfileToken>view</trt:ProfileToken><trt:ConfigurationToken>{1}</trt:ConfigurationToken></trt:Add{0}Configuration>"
    assert boss.subcodes(add.format("VideoEncoder", "yard-main")) == ["Action", "ConfigurationConflict"], "no source yet"
    boss.call("trt", "AddVideoSourceConfiguration", ProfileToken="view", ConfigurationToken="yard-source")
    assert boss.subcodes(add.format("VideoEncoder", "gate-main")) == ["Action", "ConfigurationConflict"], "another camera's"
    boss.call("trt", "AddVideoEncoderConfiguration", ProfileToken="view", ConfigurationToken="yard-main")
    assert boss.call("tr2", "GetStreamUri", Protocol="RtspUnicast", ProfileToken="view").endswith("/yard/main")
    assert boss.subcodes("<trt:RemoveVideoSourceConfiguration><trt:ProfileToken>view</trt:ProfileToken></trt:RemoveVideoSourceConfiguration>") == [
        "Action", "ConfigurationConflict"]
    boss.call("tr2", "RemoveConfiguration", ProfileToken="view", Configuration=[{"Type": "All"}])
    boss.call("tr2", "AddConfiguration", ProfileToken="view", Configuration=[{"Type": "VideoSource", "Token": "gate-source"},
                                                                              {"Type": "VideoEncoder", "Token": "gate-sub"}])
    assert boss.call("trt", "GetProfile", ProfileToken="view").VideoEncoderConfiguration.token == "gate-sub"
    other = boss.call("tr2", "CreateProfile", Name="second", Configuration=[{"Type": "VideoEncoder", "Token": "gate-main"},
                                                                            {"Type": "VideoSource", "Token": "gate-source"}])
    assert boss.call("trt", "GetVideoEncoderConfiguration", ConfigurationToken="gate-main").UseCount == 2
    boss.call("tr2", "DeleteProfile", Token=other)
    boss.call("trt", "DeleteProfile", ProfileToken="view")
    assert "view" not in {p.token for p in boss.call("trt", "GetProfiles")}


def test_relay_settings_are_kept_and_honoured():
    with Node() as node:
        boss = node.device()
        boss.call("tds", "SetRelayOutputSettings", RelayOutputToken="lamp",
                  Properties={"Mode": "Monostable", "DelayTime": datetime.timedelta(milliseconds=400), "IdleState": "open"})
        boss.call("tmd", "SetRelayOutputSettings", RelayOutput={"token": "horn", "Properties": {
            "Mode": "Bistable", "DelayTime": datetime.timedelta(seconds=1), "IdleState": "open"}})
        for _ in range(2):
            settings = {r.token: r.Properties for r in boss.call("tds", "GetRelayOutputs")}
            assert settings["lamp"].Mode == "Monostable" and settings["lamp"].DelayTime.total_seconds() == 0.4
            assert settings["horn"].IdleState == "open" and settings["strike"].DelayTime.total_seconds() == 3
            point = PullPoint(boss, Filter={"_value_1": [topic("tns1:Device/Trigger/Relay")]})
            point.drain()
            start = time.monotonic()
            boss.call("tds", "SetRelayOutputState", RelayOutputToken="lamp", LogicalState="active")
            assert point.pull() == [("tns1:Device/Trigger/Relay", "Changed", {"RelayToken": "lamp", "LogicalState": "active"})]
            assert node.relay("lamp")["actor"] == "user/boss via onvif"
            assert point.pull() == [("tns1:Device/Trigger/Relay", "Changed", {"RelayToken": "lamp", "LogicalState": "inactive"})]
            assert 0.35 < time.monotonic() - start < 2
            node.stop()
            node.start()
        assert [e["actor"] for e in node.events(topic="command") if e["state"] == "on" and e["source"] == "relay/lamp"] == ["user/boss via onvif"] * 2


def topic(expression, dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"):
    from lxml import etree
    element = etree.Element("{http://docs.oasis-open.org/wsn/b-2}TopicExpression", nsmap={"tns1": "http://www.onvif.org/ver10/topics"})
    element.set("Dialect", dialect)
    element.text = expression
    return element


@pytest.mark.parametrize("relay, idle, closed_when_active", [("lamp", "open", True), ("horn", "closed", False)])
def test_relay_state_through_the_contact(node, boss, relay, idle, closed_when_active):
    """LogicalState is the function; which way the contact goes is the idle state's affair."""
    assert {r.token: r.Properties.IdleState for r in boss.call("tmd", "GetRelayOutputs")}[relay] == idle
    channel = {"lamp": 1, "horn": 2}[relay]

    def closed():
        return next(c["closed"] for c in node.get("/api/board/board")["channels"] if c["plug"] == "relay" and c["channel"] == channel)
    boss.call("tds", "SetRelayOutputState", RelayOutputToken=relay, LogicalState="active")
    assert closed() == closed_when_active
    boss.call("tds", "SetRelayOutputState", RelayOutputToken=relay, LogicalState="inactive")
    assert closed() != closed_when_active


def test_infrared_filter(node, boss):
    boss.call("timg", "SetImagingSettings", VideoSourceToken="gate", ImagingSettings={"IrCutFilter": "ON"})
    assert node.relay("gate-ir-cut")["state"] == "on"
    assert boss.call("timg", "GetImagingSettings", VideoSourceToken="gate").IrCutFilter == "ON"
    boss.call("timg", "SetImagingSettings", VideoSourceToken="gate", ImagingSettings={"IrCutFilter": "OFF"})
    assert boss.call("timg", "GetImagingSettings", VideoSourceToken="gate").IrCutFilter == "OFF"
    assert not boss.call("timg", "GetImagingSettings", VideoSourceToken="yard"), "no plug, no filter"


# ---- named faults ----

SETTINGS = ("<tds:SetRelayOutputSettings><tds:RelayOutputToken>{}</tds:RelayOutputToken><tds:Properties><tt:Mode>{}</tt:Mode><tt:DelayTime>{}</tt:DelayTime>"
            "<tt:IdleState>open</tt:IdleState></tds:Properties></tds:SetRelayOutputSettings>")
TIME = ("<tds:SetSystemDateAndTime><tds:DateTimeType>{}</tds:DateTimeType><tds:DaylightSavings>false</tds:DaylightSavings>{}<tds:UTCDateTime><tt:Time>"
        "<tt:Hour>1</tt:Hour><tt:Minute>0</tt:Minute><tt:Second>0</tt:Second></tt:Time><tt:Date><tt:Year>2030</tt:Year><tt:Month>{}</tt:Month>"
        "<tt:Day>1</tt:Day></tt:Date></tds:UTCDateTime></tds:SetSystemDateAndTime>")
USER = "<tds:{0}><tds:User><tt:Username>{1}</tt:Username><tt:Password>new</tt:Password><tt:UserLevel>{2}</tt:UserLevel></tds:User></tds:{0}>"
URI = ("<trt:GetStreamUri><trt:StreamSetup><tt:Stream>{}</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport></trt:StreamSetup>"
       "<trt:ProfileToken>{}</trt:ProfileToken></trt:GetStreamUri>")
SUBSCRIBE = '<tev:CreatePullPointSubscription><tev:Filter>{}</tev:Filter></tev:CreatePullPointSubscription>'
EXPRESSION = '<wsnt:TopicExpression Dialect="{}">{}</wsnt:TopicExpression>'
CONCRETE = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
OSD = ("<tr2:CreateOSD><tr2:OSD><tt:VideoSourceConfigurationToken>{}</tt:VideoSourceConfigurationToken><tt:Type>{}</tt:Type><tt:Position><tt:Type>{}"
       "</tt:Type></tt:Position><tt:TextString><tt:Type>{}</tt:Type>{}</tt:TextString></tr2:OSD></tr2:CreateOSD>")
FAULTS = [
    ("<tds:SetRelayOutputState><tds:RelayOutputToken>none</tds:RelayOutputToken><tds:LogicalState>active</tds:LogicalState></tds:SetRelayOutputState>",
     "InvalidArgVal", "RelayToken"),
    (SETTINGS.format("none", "Bistable", "PT1S"), "InvalidArgVal", "RelayToken"),
    (SETTINGS.format("lamp", "Monostable", "PT0S"), "InvalidArgVal", "ModeError"),
    (SETTINGS.format("lamp", "Monostable", "soon"), "InvalidArgVal", "ModeError"),
    (SETTINGS.format("lamp", "Monostable", "PT2H"), "InvalidArgVal", "ModeError"),
    (SETTINGS.format("strike", "Bistable", "PT1S"), "InvalidArgVal", "ModeError"),  # a door's are the site file's
    (SETTINGS.format("lamp", "Tristable", "PT1S"), "InvalidArgVal"),
    ("<trt:GetProfile><trt:ProfileToken>none</trt:ProfileToken></trt:GetProfile>", "InvalidArgVal", "NoProfile"),
    ("<tr2:GetProfiles><tr2:Token>none</tr2:Token></tr2:GetProfiles>", "InvalidArgVal", "NoProfile"),
    ("<trt:DeleteProfile><trt:ProfileToken>gate-main</trt:ProfileToken></trt:DeleteProfile>", "Action", "DeletionOfFixedProfile"),
    ("<trt:CreateProfile><trt:Name>x</trt:Name><trt:Token>gate-main</trt:Token></trt:CreateProfile>", "InvalidArgVal", "ProfileExists"),
    (URI.format("RTP-Unicast", "none"), "InvalidArgVal", "NoProfile"),
    (URI.format("RTP-Multicast", "gate-main"), "InvalidArgVal", "InvalidStreamSetup"),
    ("<trt:GetVideoEncoderConfiguration><trt:ConfigurationToken>x</trt:ConfigurationToken></trt:GetVideoEncoderConfiguration>", "InvalidArgVal", "NoConfig"),
    ("<trt:GetAudioOutputs/>", "ActionNotSupported", "AudioOutputNotSupported"),
    ("<trt:AddPTZConfiguration/>", "ActionNotSupported", "PTZNotSupported"),
    ("<trt:GetOSD><trt:OSDToken>x</trt:OSDToken></trt:GetOSD>", "InvalidArgVal", "NoConfig"),
    ('<tr2:SetOSD><tr2:OSD token="x"/></tr2:SetOSD>', "InvalidArgVal", "NoConfig"),
    ("<tr2:DeleteOSD><tr2:OSDToken>x</tr2:OSDToken></tr2:DeleteOSD>", "InvalidArgVal", "NoConfig"),
    (OSD.format("none-source", "Text", "UpperLeft", "Plain", ""), "InvalidArgVal", "NoConfig"),
    (OSD.format("gate-source", "Image", "UpperLeft", "Plain", ""), "InvalidArgVal", "ConfigModify"),
    (OSD.format("gate-source", "Text", "Middle", "Plain", ""), "InvalidArgVal", "ConfigModify"),
    (OSD.format("gate-source", "Text", "Custom", "Plain", ""), "InvalidArgVal", "ConfigModify"),
    (OSD.format("gate-source", "Text", "UpperLeft", "Poem", ""), "InvalidArgVal", "ConfigModify"),
    (OSD.format("gate-source", "Text", "UpperLeft", "Date", "<tt:DateFormat>yy</tt:DateFormat>"), "InvalidArgVal", "ConfigModify"),
    (OSD.format("gate-source", "Text", "UpperLeft", "Plain", "<tt:PlainText>" + "x" * 128 + "</tt:PlainText>"), "InvalidArgVal", "ConfigModify"),
    (OSD.format("gate-source", "Text", "UpperLeft", "Plain", "<tt:PlainText>a&#10;b</tt:PlainText>"), "InvalidArgVal", "ConfigModify"),
    ("<trt:GetOSDOptions><trt:ConfigurationToken>x</trt:ConfigurationToken></trt:GetOSDOptions>", "InvalidArgVal", "NoConfig"),
    ('<tmd:SetDigitalInputConfigurations><tmd:DigitalInputs token="x"/></tmd:SetDigitalInputConfigurations>', "InvalidArgVal", "NoConfig"),
    ('<tmd:SetDigitalInputConfigurations><tmd:DigitalInputs token="beam" IdleState="open"/></tmd:SetDigitalInputConfigurations>',
     "InvalidArgVal", "SettingsInvalid"),
    ("<timg:GetImagingSettings><timg:VideoSourceToken>x</timg:VideoSourceToken></timg:GetImagingSettings>", "InvalidArgVal", "NoSource"),
    ("<timg:SetImagingSettings><timg:VideoSourceToken>yard</timg:VideoSourceToken><timg:ImagingSettings><tt:IrCutFilter>ON</tt:IrCutFilter>"
     "</timg:ImagingSettings></timg:SetImagingSettings>", "InvalidArgVal", "SettingsInvalid"),
    ("<timg:Move><timg:VideoSourceToken>gate</timg:VideoSourceToken></timg:Move>", "ActionNotSupported", "NoImagingForSource"),
    ("<tds:GetCapabilities><tds:Category>PTZ</tds:Category></tds:GetCapabilities>", "ActionNotSupported", "NoSuchService"),
    ("<tds:SystemReboot/>", "OperationProhibited"),
    ("<tds:SetSystemFactoryDefault><tds:FactoryDefault>Soft</tds:FactoryDefault></tds:SetSystemFactoryDefault>", "OperationProhibited"),
    (TIME.format("Manual", "", 13), "InvalidArgVal", "InvalidDateTime"),
    (TIME.format("Manual", "", 12), "OperationProhibited"),
    (TIME.format("Manual", "<tds:TimeZone><tt:TZ>nowhere!</tt:TZ></tds:TimeZone>", 12), "InvalidArgVal", "InvalidTimeZone"),
    (USER.format("CreateUsers", "boss", "User"), "OperationProhibited", "UsernameClash"),
    (USER.format("CreateUsers", "new", "Anonymous"), "OperationProhibited", "AnonymousNotAllowed"),
    (USER.format("CreateUsers", "new", "User"), "Action", "TooManyUsers"),
    (USER.format("SetUser", "nobody", "User"), "InvalidArgVal", "UsernameMissing"),
    (USER.format("SetUser", "guest", "User"), "InvalidArgVal", "FixedUser"),
    ("<tds:DeleteUsers><tds:Username>guest</tds:Username></tds:DeleteUsers>", "InvalidArgVal", "FixedUser"),
    ("<tds:AddScopes><tds:ScopeItem>not a scope</tds:ScopeItem></tds:AddScopes>", "InvalidArgVal"),
    ("<tds:AddScopes>" + "".join(f"<tds:ScopeItem>onvif://x/{i}</tds:ScopeItem>" for i in range(40)) + "</tds:AddScopes>", "Action", "TooManyScopes"),
    ("<tds:SetHostname><tds:Name>x</tds:Name></tds:SetHostname>", "ActionNotSupported"),
    ("<tds:GetRemoteUser/>", "ActionNotSupported", "NotRemoteUser"),
    ("<tds:Nonsense/>", "UnknownAction"),
    ("", "Tag"),
    (SUBSCRIBE.format(EXPRESSION.format("http://example.org/mine", "tns1:Device//.")), "TopicExpressionDialectUnknownFault"),
    (SUBSCRIBE.format(EXPRESSION.format(CONCRETE, "tns1:Device///")), "InvalidTopicExpressionFault"),
    (SUBSCRIBE.format(EXPRESSION.format(CONCRETE, "tns1:Weather//.")), "TopicNotSupportedFault"),
    (SUBSCRIBE.format('<wsnt:MessageContent Dialect="x">boolean(1)</wsnt:MessageContent>'), "InvalidFilterFault"),
    ("<tev:CreatePullPointSubscription><tev:InitialTerminationTime>2001-01-01T00:00:00Z</tev:InitialTerminationTime></tev:CreatePullPointSubscription>",
     "UnacceptableInitialTerminationTimeFault"),
    ("<tev:PullMessages><tev:Timeout>PT1S</tev:Timeout><tev:MessageLimit>1</tev:MessageLimit></tev:PullMessages>", "ResourceUnknownFault"),
    ("<wsnt:Subscribe><wsnt:ConsumerReference><wsa:Address>file:///etc/passwd</wsa:Address></wsnt:ConsumerReference></wsnt:Subscribe>",
     "SubscribeCreationFailedFault"),
]


@pytest.mark.parametrize("body, codes", [(f[0], list(f[1:])) for f in FAULTS], ids=lambda v: "-".join(v) if isinstance(v, list) else "")
def test_named_fault(node, boss, body, codes):
    assert boss.subcodes(body) == codes


# ---- events ----

def test_pull_point(node, boss):
    node.press(1, False)
    node.press(2, True)
    point = PullPoint(boss, InitialTerminationTime="PT60S")
    first = {(t, i.get("InputToken") or i.get("RelayToken")): (o, i.get("LogicalState")) for t, o, i in point.drain()}
    assert first["tns1:Device/Trigger/DigitalInput", "door"] == ("Initialized", "false")
    assert first["tns1:Device/Trigger/DigitalInput", "beam"] == ("Initialized", "false"), "a closed contact that is normally closed"
    assert first["tns1:Device/Trigger/Relay", "strike"] == ("Initialized", "inactive")
    assert ("tns1:Device/HardwareFailure/StorageFailure", None) in first
    start = time.monotonic()
    assert point.pull(2) == [], "an empty answer comes when the time is up"
    assert 1.9 < time.monotonic() - start < 4
    pressed = []
    threading.Timer(0.5, lambda: (pressed.append(time.monotonic()), node.press(1, True))).start()
    assert point.pull(20) == [("tns1:Device/Trigger/DigitalInput", "Changed", {"InputToken": "door", "LogicalState": "true"})]
    assert time.monotonic() - pressed[0] < 0.5
    node.press(2, False)
    assert point.pull() == [("tns1:Device/Trigger/DigitalInput", "Changed", {"InputToken": "beam", "LogicalState": "true"})]
    boss.call("pull", "SetSynchronizationPoint", point.address)
    assert ("tns1:Device/Trigger/DigitalInput", "Initialized", {"InputToken": "door", "LogicalState": "true"}) in point.drain()
    renewed = boss.call("manager", "Renew", point.address, TerminationTime="PT300S")
    assert 290 < (renewed.TerminationTime - renewed.CurrentTime).total_seconds() <= 300
    point.close()
    assert boss.subcodes("<tev:PullMessages><tev:Timeout>PT1S</tev:Timeout><tev:MessageLimit>1</tev:MessageLimit></tev:PullMessages>",
                         point.address) == ["ResourceUnknownFault"]
    node.press(1, False)
    node.press(2, True)


def test_an_edge_reaches_who_waits_at_once(node, boss):
    """On a connection that is kept; were head and body of the answer to wait for each other, it would be 40 ms."""
    import http.client
    point = PullPoint(boss, Filter={"_value_1": [topic("tns1:Device/Trigger/DigitalInput")]})
    point.drain()
    path, took = point.address.removeprefix(boss.origin), []
    connection = http.client.HTTPConnection("127.0.0.1", node.onvif, timeout=20)
    spaces = " ".join(f'xmlns:{p}="{u}"' for p, u in onvif_zeep.NAMESPACES.items())
    for i in range(21):
        connection.request("POST", path, f"<s:Envelope {spaces}><s:Header>{token('boss', 'secret of boss')}</s:Header><s:Body><tev:PullMessages>"
                           "<tev:Timeout>PT10S</tev:Timeout><tev:MessageLimit>9</tev:MessageLimit></tev:PullMessages></s:Body></s:Envelope>")
        pressed = []
        threading.Timer(0.1, lambda: (pressed.append(time.monotonic()), node.press(1, i % 2 == 0))).start()
        assert b"Changed" in connection.getresponse().read()
        took.append(time.monotonic() - pressed[0])
    connection.close()
    point.close()
    node.press(1, False)
    assert sorted(took)[10] < 0.03, took


def test_topics_are_filtered(node, boss):
    for expression, wanted in [("tns1:Device/Trigger/Relay", {"Relay"}), ("tns1:Device/Trigger//.", {"Relay", "DigitalInput"}),
                               ("tns1:Device//.|tns1:VideoSource//.", {"Relay", "DigitalInput", "StorageFailure"})]:
        point = PullPoint(boss, Filter={"_value_1": [topic(expression)]})
        assert {t.rsplit("/", 1)[1] for t, _, _ in point.drain()} == wanted
        point.close()


def test_a_short_subscription_ends(node, boss):
    point = PullPoint(boss, InitialTerminationTime="PT1S")
    time.sleep(1.5)
    assert boss.subcodes("<wsnt:Renew><wsnt:TerminationTime>PT60S</wsnt:TerminationTime></wsnt:Renew>", point.address) == ["ResourceUnknownFault"]


def test_a_question_waits_and_another_is_refused(node, boss):
    point = PullPoint(boss)
    point.drain()
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(node.device().raw(
        "<tev:PullMessages><tev:Timeout>PT3S</tev:Timeout><tev:MessageLimit>1</tev:MessageLimit></tev:PullMessages>", point.address)))
    waiting.start()
    time.sleep(0.5)
    pull = "<tev:PullMessages><tev:Timeout>{}</tev:Timeout><tev:MessageLimit>1</tev:MessageLimit></tev:PullMessages>"
    assert boss.subcodes(pull.format("PT1S"), point.address) == ["UnableToGetMessagesFault"]
    assert b"PullMessagesFaultResponse" in boss.raw(pull.format("PT20M"), point.address)[1]
    waiting.join()
    assert answers[0][0] == 200
    assert node.device("guest").subcodes(pull.format("PT1S"), point.address) == ["ResourceUnknownFault"], "it is another user's"
    point.close()


def test_a_client_that_vanishes_loses_nothing(node, boss):
    """Its question ends with its connection: what it would have got is there for the next one."""
    point = PullPoint(boss, Filter={"_value_1": [topic("tns1:Device/Trigger/DigitalInput")]})
    point.drain()
    pull = "<tev:PullMessages><tev:Timeout>PT60S</tev:Timeout><tev:MessageLimit>1</tev:MessageLimit></tev:PullMessages>"
    with pytest.raises(OSError):
        boss.raw(pull, point.address, timeout=0.5)
    time.sleep(1)
    node.press(1, True)
    assert point.pull() == [("tns1:Device/Trigger/DigitalInput", "Changed", {"InputToken": "door", "LogicalState": "true"})]
    node.press(1, False)
    point.close()


def test_stopping_while_somebody_waits():
    """Whoever waits is told; what a sanitizer finds is a failure."""
    with Node() as node:
        boss = node.device()
        point = PullPoint(boss)
        point.drain()
        with socket.socket() as nobody:  # deliveries that never come to an end
            nobody.bind(("127.0.0.1", 0))
            nobody.listen()
            boss.call("producer", "Subscribe", f"{boss.origin}/onvif/event_service",
                      ConsumerReference={"Address": f"http://127.0.0.1:{nobody.getsockname()[1]}/"})
            answers = []

            def wait():
                try:
                    answers.append(boss.raw("<tev:PullMessages><tev:Timeout>PT60S</tev:Timeout><tev:MessageLimit>1</tev:MessageLimit></tev:PullMessages>",
                                            point.address)[1])
                except OSError as error:
                    answers.append(error)
            waiting = threading.Thread(target=wait)
            waiting.start()
            time.sleep(1)
            node.stop()
            waiting.join(10)
            assert answers


def test_base_notification(node, boss):
    received = []

    class Consumer(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *what):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Consumer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        answer = boss.call("producer", "Subscribe", f"{boss.origin}/onvif/event_service", InitialTerminationTime="PT60S",
                           ConsumerReference={"Address": f"http://127.0.0.1:{server.server_port}/notify"})
        address = answer.SubscriptionReference.Address._value_1
        wait_for("what is", lambda: b"Initialized" in b"".join(received))
        node.press(1, True)
        wait_for("the edge", lambda: any(b"Changed" in r and b'"door"' in r for r in received))
        boss.call("manager", "Unsubscribe", address)
        count = len(received)
        node.press(1, False)
        time.sleep(0.5)
        assert len(received) == count
        server.shutdown()
    onvif_zeep.kept.extend(received)


def test_an_input_that_goes_is_deleted():
    with Node() as node:
        point = PullPoint(node.device(), Filter={"_value_1": [topic("tns1:Device/Trigger/DigitalInput")]})
        point.drain()
        text = SITE.format(onvif=node.onvif, rtsp=node.rtsp)
        node.write_site("\n".join(line for line in text.splitlines() if "beam" not in line))
        assert node.request("POST", "/api/reload")[0] == 200
        assert point.pull() == [("tns1:Device/Trigger/DigitalInput", "Deleted", {"InputToken": "beam", "LogicalState": "true"})]
        node.write_site(text)
        node.request("POST", "/api/reload")
        assert ("tns1:Device/Trigger/DigitalInput", "Initialized") in [m[:2] for m in point.pull()]


# ---- who may ----

def test_roles(node):
    state = "<tds:SetRelayOutputState><tds:RelayOutputToken>lamp</tds:RelayOutputToken><tds:LogicalState>inactive</tds:LogicalState></tds:SetRelayOutputState>"
    calls = {  # body: who may
        "<tds:GetDeviceInformation/>": {"guest", "guard", "boss"}, "<trt:GetProfiles/>": {"guest", "guard", "boss"},
        state: {"guard", "boss"}, "<tds:GetUsers/>": {"boss"},
        "<tds:SetDiscoveryMode><tds:DiscoveryMode>Discoverable</tds:DiscoveryMode></tds:SetDiscoveryMode>": {"boss"},
    }
    for body, allowed in calls.items():
        for user in ("guest", "guard", "boss"):
            assert node.device(user).subcodes(body) == ([] if user in allowed else ["NotAuthorized"]), (user, body)


def test_a_user_sees_their_cameras(node):
    neighbour = node.device("neighbour")
    assert [p.token for p in neighbour.call("trt", "GetProfiles")] == ["yard-main"]
    assert neighbour.subcodes("<trt:GetProfile><trt:ProfileToken>gate-main</trt:ProfileToken></trt:GetProfile>") == ["InvalidArgVal", "NoProfile"]
    assert not neighbour.call("tds", "GetRelayOutputs") and not neighbour.call("tmd", "GetDigitalInputs"), "plugs of no camera"


def test_before_login(node):
    nobody = Device(node.onvif, None)
    for operation in ("GetSystemDateAndTime", "GetServiceCapabilities", "GetCapabilities", "GetHostname", "GetWsdlUrl", "GetEndpointReference"):
        assert nobody.raw(f"<tds:{operation}/>")[0] == 200
    assert nobody.raw("<tmd:GetRelayOutputOptions/>")[0] == 200
    for body in ("<tds:GetDeviceInformation/>", "<trt:GetProfiles/>", "<tev:CreatePullPointSubscription/>", "<tmd:GetDigitalInputs/>"):
        status, reply = nobody.raw(body)
        assert status == 401 and fault_codes(reply) == ["NotAuthorized"]


def test_tokens(node, boss):
    body = "<tds:GetDeviceInformation/>"
    once = token("boss", "secret of boss")
    assert boss.raw(body, header=once)[0] == 200
    assert fault_codes(boss.raw(body, header=once)[1]) == ["NotAuthorized"], "used before"
    old = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=20)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for wrong in (token("boss", "guess"), token("nobody", "secret of boss"), token("boss", "secret of boss", created=old),
                  token("boss", "secret of boss").replace("#PasswordDigest", "#PasswordText")):
        status, reply = boss.raw(body, header=wrong)
        assert status == 400 and fault_codes(reply) == ["NotAuthorized"]


def test_refused_logins_are_logged(node):
    time.sleep(1.1)
    assert Device(node.onvif, "mallory", "guess").subcodes("<tds:GetDeviceInformation/>") == ["NotAuthorized"]
    wait_for("the event", lambda: any(e["source"] == "user/mallory" and e["state"] == "refused" for e in node.events(topic="login")))


def test_who_guesses_is_slowed_and_nobody_else(node):
    body = "<tds:GetDeviceInformation/>"

    def reason(password):
        return Device(node.onvif, "guest", password).raw(body)[1].decode()
    for guess in ("a", "b", "c"):
        assert "is wrong" in reason(guess)
    assert "too many wrong attempts: wait" in reason("secret of guest"), "whatever the password is, it came too soon"
    assert Device(node.onvif, "boss", "secret of boss").subcodes(body) == []
    wait_for("the end of the wait", lambda: "FirmwareVersion" in reason("secret of guest"), 10, 0.3)
    assert "is wrong" in reason("d") and "is wrong" in reason("e"), "all is forgiven"
    assert "FirmwareVersion" in reason("secret of guest")


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_http_digest(node, algorithm):
    url = f"http://127.0.0.1:{node.onvif}/onvif/device_service"
    message = ('<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><GetDeviceInformation '
               'xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>')
    def curl(password):
        return subprocess.run(["curl", "-s", "--digest", "-u", f"boss:{password}", "-H", "Content-Type: application/soap+xml", "-d", message, url],
                              capture_output=True, text=True, check=True).stdout
    if algorithm == "MD5":
        from requests.auth import HTTPDigestAuth
        import requests
        session = requests.Session()
        session.auth = HTTPDigestAuth("boss", "secret of boss")
        for _ in range(3):  # the nonce counts up
            assert "FirmwareVersion" in session.post(url, message).text
        session.auth = HTTPDigestAuth("boss", "guess")
        assert session.post(url, message).status_code == 401
    else:
        if not shutil.which("curl"):
            pytest.skip("no curl")
        assert "FirmwareVersion" in curl("secret of boss") and "FirmwareVersion" not in curl("guess")


# ---- bad input ----

def test_nonsense_is_told_so(node, boss):
    space = 'xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    whole = f'<s:Envelope {space}><s:Body><GetHostname xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>'.encode()
    assert boss.post(whole)[0] == 200
    deep = b"<a>" * 5000
    cases = [b"\0" * 1000, b"hello", whole[:-20], whole.replace(b"<s:Body>", b"<s:Body>\xff\xfe"), b"<?xml version='1.0' encoding='UTF-16'?>" + whole,
             b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>" + whole.replace(b"<s:Body>", b"<s:Header>&e;</s:Header><s:Body>"),
             b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><s>&b;</s>", f"<s:Envelope {space}><s:Body>".encode() + deep,
             f"<s:Envelope {space}><s:Body>".encode() + deep + b"</a>" * 5000 + b"</s:Body></s:Envelope>", b"<a/>", b"[]" * 5000]
    for bad in cases:
        status, reply = boss.post(bad)
        assert status == 400 and fault_codes(reply) == ["WellFormed"], (bad[:80], reply)
        assert b"root:" not in reply
    for every in range(1, len(whole), 7):  # truncated anywhere
        assert boss.post(whole[:every])[0] == 400
    must = whole.replace(b"<s:Body>", b'<s:Header><x s:mustUnderstand="1"/></s:Header><s:Body>')
    assert fault_codes(boss.post(must)[1]) == ["MustUnderstand"]
    long = boss.raw(f"<trt:GetProfile><trt:ProfileToken>{'x' * 100000}</trt:ProfileToken></trt:GetProfile>")
    assert fault_codes(long[1]) == ["InvalidArgs"]
    assert boss.subcodes("<trt:GetProfile><trt:ProfileToken>&lt;x&gt;&amp;%s%n</trt:ProfileToken></trt:GetProfile>") == ["InvalidArgVal", "NoProfile"]


def test_huge_and_slow(node, boss):
    with socket.create_connection(("127.0.0.1", node.onvif)) as s:
        s.sendall(b"POST /onvif/device_service HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/soap+xml\r\nContent-Length: 900000000\r\n\r\n")
        assert b"413" in s.recv(100)
    slow = [socket.create_connection(("127.0.0.1", node.onvif)) for _ in range(50)]
    for s in slow:
        s.sendall(b"POST /onvif/device_service HT")
    start = time.monotonic()
    boss.call("tds", "GetHostname")
    assert time.monotonic() - start < 5
    for s in slow:
        s.close()


def test_a_thousand_subscriptions():
    with Node() as node:
        boss = node.device()
        answers = [boss.subcodes("<tev:CreatePullPointSubscription/>") for _ in range(1000)]
        made = sum(a == [] for a in answers)
        assert 10 <= made <= 64 and answers[made:] == [["SubscribeCreationFailedFault"]] * (1000 - made)
        assert node.state()["daemon"]["onvif"]["subscriptions"] == made
        assert boss.call("tds", "GetDeviceInformation").Manufacturer == "Pigtail"
        node.press(1, True)
        assert node.pss_mib() < 600


# ---- other people's programs ----

@pytest.fixture(scope="module")
def npm():
    return packages("npm", "onvif@0.8", "node-onvif@0.1")


ONVIF_JS = """
const { Cam } = require('onvif');
const out = {};
const cam = new Cam({ hostname: '127.0.0.1', port: PORT, username: 'boss', password: 'secret of boss', timeout: 15000 }, function (error) {
    if (error) { console.error(error); process.exit(1); }
    out.profiles = this.profiles.map(p => p.$.token);
    this.getDeviceInformation((error, information) => {
        out.manufacturer = information.manufacturer;
        this.getStreamUri({ protocol: 'RTSP' }, (error, stream) => {
            out.stream = stream.uri;
            this.getSnapshotUri((error, snapshot) => {
                out.snapshot = snapshot.uri;
                this.on('event', message => {
                    const m = message.message.message, op = m.$.PropertyOperation;
                    const item = i => (Array.isArray(i) ? i[0] : i)?.$ ?? {};  // a reboot has no source
                    if (op === 'Initialized' && item(m.source?.simpleItem).Value === 'door' && !out.asked) {
                        out.asked = true;
                        console.log('subscribed');
                    }
                    if (op === 'Changed' && item(m.source?.simpleItem).Value === 'door') {
                        out.event = item(m.data.simpleItem).Value;
                        console.log(JSON.stringify(out));
                        process.exit(0);
                    }
                });
            });
        });
    });
});
setTimeout(() => { console.error('no event', out); process.exit(2); }, 40000);
"""

NODE_ONVIF_JS = """
const onvif = require('node-onvif');
const device = new onvif.OnvifDevice({ xaddr: 'http://127.0.0.1:PORT/onvif/device_service', user: 'boss', pass: 'secret of boss' });
device.init().then(async information => {
    const shot = await device.fetchSnapshot().catch(e => ({ headers: { 'content-type': String(e) } }));
    console.log(JSON.stringify({ manufacturer: information.Manufacturer, profiles: device.getProfileList().map(p => p.token),
        stream: device.getUdpStreamUrl(), snapshot: device.getCurrentProfile().snapshot, type: shot.headers['content-type'] }));
    const events = device.services.events;
    console.log(JSON.stringify((await events.getEventProperties()).data.GetEventPropertiesResponse.FixedTopicSet));
    process.exit(0);
}).catch(e => { console.error(e); process.exit(1); });
"""


def run_js(npm, node, script):
    path = npm / f"{os.getpid()}.js"
    path.write_text(script.replace("PORT", str(node.onvif)))
    return subprocess.Popen(["node", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=npm)


def test_npm_onvif(node, npm):
    node.press(1, False)
    process = run_js(npm, node, ONVIF_JS)
    try:
        assert process.stdout.readline().strip() == "subscribed", process.communicate()[1]
        node.press(1, True)
        found = json.loads(process.stdout.readline() or process.communicate()[1])
    finally:
        process.kill()
        process.communicate()
        node.press(1, False)
    assert found["manufacturer"] == "Pigtail" and set(found["profiles"]) >= {"gate-main", "gate-sub", "yard-main"}
    assert found["stream"].startswith(f"rtsp://127.0.0.1:{node.rtsp}/") and "/onvif/snapshot/" in found["snapshot"]
    assert found["event"] in (True, "true")


def test_npm_node_onvif(node, npm):
    process = run_js(npm, node, NODE_ONVIF_JS)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    found = json.loads(output.splitlines()[0])
    assert found["manufacturer"] == "Pigtail" and set(found["profiles"]) >= {"gate-main", "gate-sub", "yard-main"}
    assert found["stream"] == f"rtsp://127.0.0.1:{node.rtsp}/gate/main" and found["type"] == "image/jpeg"


PROBE_MATCH = """<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><s:Header>
<a:RelatesTo>{}</a:RelatesTo><a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</a:Action></s:Header><s:Body><d:ProbeMatches>
<d:ProbeMatch><a:EndpointReference><a:Address>{}</a:Address></a:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types>
<d:Scopes>onvif://www.onvif.org/name/Drill onvif://www.onvif.org/hardware/pigtail</d:Scopes><d:XAddrs>{}</d:XAddrs>
<d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"""


def test_onvif_util(node, boss, tmp_path):
    """It finds cameras by multicast alone: its question is sent to a socket of ours, which names the node."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not shutil.which("onvif-util") or not compiler:
        pytest.skip("onvif-tools or a C compiler is not installed")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", tmp_path / "near.so", pathlib.Path(__file__).with_name("near_probe.c")], check=True)
    endpoint = boss.call("tds", "GetEndpointReference").GUID

    def answer(s):
        while True:
            data, peer = s.recvfrom(65536)
            if not data:
                return
            asked = re.search(rb"MessageID[^>]*>([^<]*)<", data)
            s.sendto(PROBE_MATCH.format(asked[1].decode() if asked else "", endpoint, f"{boss.origin}/onvif/device_service").encode(), peer)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        threading.Thread(target=answer, args=[s], daemon=True).start()
        for _ in range(12):  # it makes the same token twice now and then; the second one is refused, as it has to be
            done = subprocess.run(["onvif-util", "-u", "boss", "-p", "secret of boss", "127.0.0.1"],
                                  input="get capabilities\nget time\nget profiles\nget rtsp\nget video\nget network\nquit\n", capture_output=True,
                                  text=True, timeout=60,
                                  env=dict(os.environ, LD_PRELOAD=str(tmp_path / "near.so"), PROBE_PORT=str(s.getsockname()[1])))
            if "NotAuthorized" not in done.stdout:
                break
        s.sendto(b"", s.getsockname())
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    for expected in ("gate-main", f"rtsp://127.0.0.1:{node.rtsp}/gate/main", "640", "/onvif/event_service"):
        assert expected in done.stdout


def test_what_is_named_plays(node, boss):
    uri = boss.call("trt", "GetStreamUri", StreamSetup=SETUP, ProfileToken="gate-main").Uri
    login = uri.replace("rtsp://", "rtsp://boss:secret%20of%20boss@")
    done = subprocess.run(["ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", login, "-frames:v", "10", "-f", "null", "-"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    done = subprocess.run(["gst-launch-1.0", "-q", "rtspsrc", f"location={uri}", "user-id=boss", "user-pw=secret of boss", "protocols=tcp", "!",
                           "rtph264depay", "!", "avdec_h264", "!", "fakesink", "num-buffers=10"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_events_travel_in_the_stream(node, boss, tmp_path):
    """Metadata over RTSP, as ffmpeg takes it out: the state of what there is, and an edge."""
    uri = boss.call("trt", "GetStreamUri", StreamSetup=SETUP, ProfileToken="gate-main").Uri.replace("rtsp://", "rtsp://boss:secret%20of%20boss@")
    node.press(1, False)
    process = subprocess.Popen(["ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", uri, "-map", "0:d:0", "-c", "copy", "-t", "12", "-f", "data", "-"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for at in range(8):
        threading.Timer(2 + at, node.press, [1, at % 2 == 0]).start()
    output, errors = process.communicate(timeout=60)
    node.press(1, False)
    documents = re.findall(rb"<tt:MetadataStream.*?</tt:MetadataStream>", output, re.S)
    assert any(b"Changed" in d and b'Value="door"' in d for d in documents), (output[:500], errors[-500:])
    assert any(b"Initialized" in d and b'Value="lamp"' in d for d in documents)
    onvif_zeep.assert_metadata_is_valid(set(documents), tmp_path)


def test_snapshot(node, boss):
    import io
    from PIL import Image
    import requests
    from requests.auth import HTTPDigestAuth
    uri = boss.call("tr2", "GetSnapshotUri", ProfileToken="gate-sub")
    assert requests.get(uri).status_code == 401
    picture = requests.get(uri, auth=HTTPDigestAuth("guest", "secret of guest"))
    assert picture.headers["Content-Type"] == "image/jpeg" and Image.open(io.BytesIO(picture.content)).size == (320, 180)
    assert requests.get(uri, auth=HTTPDigestAuth("neighbour", "secret of neighbour")).status_code == 404


def test_beyond_loopback_by_tls():
    """Plain only where the site file trusts the network, like RTSP."""
    import ssl
    with Node(SITE.replace("onvif: 127.0.0.1", "onvif: 0.0.0.0")) as node:
        context = ssl._create_unverified_context()
        with urllib.request.urlopen(urllib.request.Request(f"https://127.0.0.1:{node.onvif}/onvif/device_service", (
                '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><GetServices xmlns="http://www.onvif.org/ver10/device/wsdl">'
                '<IncludeCapability>false</IncludeCapability></GetServices></s:Body></s:Envelope>').encode()), context=context) as answer:
            assert f"https://127.0.0.1:{node.onvif}/onvif/media_service" in answer.read().decode()
