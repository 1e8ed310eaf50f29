# SPDX-License-Identifier: Apache-2.0
"""What cameras have on their cards, asked over ONVIF (Search, Recording, Replay): a scripted camera with the oddities of the
field, and our own node. All that is sent to them is checked against the schemas."""
import json
import os
import pathlib
import subprocess
import time
from xml.sax.saxutils import escape

import pytest

import onvif_zeep
from onvif_camera import Camera, Fault, iso
from onvif_node import Node

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("PIGTAIL_BUILD", ROOT / "build"))
RECALL = BUILD / "tests/tools/onvif-recall"
T0 = 1_789_000_000
CLOSED, INVALID, TIMEOUT, UNSUPPORTED = 6, 1, 5, 7  # of PtErrorCode


def recall(address, user="admin", password="secret", begin=T0, end=T0 + 3600):
    """(before it was reached, recordings, addresses, events, the answer of the one that was stopped)"""
    done = subprocess.run([RECALL, address, user, str(int(begin * 1e9)), str(int(end * 1e9))], input=password + "\n", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["code"] == CLOSED and lines[0]["error"] == "the camera cannot be reached" and lines[1] == {"ready": True}
    lines = lines[2:]
    if lines and lines[-1].get("code") == CLOSED:
        lines.pop()
    answer = {"errors": [x for x in lines if "error" in x], "restarted": lines.pop()["restarted_ns"] / 1e9}
    for key, word in (("recordings", "recording"), ("urls", "replay"), ("events", "event")):
        answer[key] = [x for x in lines if word in x and "error" not in x]
    return answer


class Recorder(Camera):
    more_services = (("trc", "/onvif/recording"), ("tse", "/onvif/search"), ("trp", "/onvif/replay"))
    tokens = ("low", "high & <odd> [1]")
    polls = 0

    def information(self, token):
        name = "" if "no-names" in self.quirks else "gate"
        return (f"<tt:RecordingInformation><tt:RecordingToken>{escape(token)}</tt:RecordingToken><tt:Source><tt:SourceId>src</tt:SourceId><tt:Name>{name}</tt:Name>"
                "<tt:Location/><tt:Description/><tt:Address/></tt:Source>"
                f"<tt:EarliestRecording>{iso(T0)}</tt:EarliestRecording><tt:LatestRecording>{iso(T0 + 3600)}</tt:LatestRecording><tt:Content/>"
                "<tt:Track><tt:TrackToken>v</tt:TrackToken><tt:TrackType>Video</tt:TrackType><tt:Description/></tt:Track>"
                "<tt:RecordingStatus>Recording</tt:RecordingStatus></tt:RecordingInformation>")

    def do_FindRecordings(self, body, path):
        if "no-search" in self.quirks:
            raise Fault("ter:ActionNotSupported", "FindRecordings")
        self.pages = [] if "finds-nothing" in self.quirks else [self.information(t) for t in self.tokens]
        return "<tse:FindRecordingsResponse><tse:SearchToken>S[1]</tse:SearchToken></tse:FindRecordingsResponse>"

    def results(self, kind):
        self.polls += 1
        if "endless" in self.quirks:
            page = self.pages[0] if kind == "Event" else ""
            state = "Searching"
        else:
            page, self.pages = self.pages[:1], self.pages[1:]
            page, state = "".join(page), "Searching" if self.pages else "Completed"
        return (f"<tse:Get{kind}SearchResultsResponse><tse:ResultList><tt:SearchState>{state}</tt:SearchState>{page}"
                f"</tse:ResultList></tse:Get{kind}SearchResultsResponse>")

    def do_GetRecordingSearchResults(self, body, path):
        if "slow" in self.quirks:
            time.sleep(3)
        return self.results("Recording")

    def do_GetMediaAttributes(self, body, path):
        if "no-attributes" in self.quirks:
            raise Fault("ter:ActionNotSupported", "GetMediaAttributes")
        token = next(e.text for e in body.iter() if e.tag.endswith("RecordingTokens"))
        w, h = (640, 360) if token == "low" else (1920, 1080)
        return (f"<tse:GetMediaAttributesResponse><tse:MediaAttributes><tt:RecordingToken>{escape(token)}</tt:RecordingToken><tt:TrackAttributes>"
                f"<tt:VideoAttributes><tt:Bitrate>1</tt:Bitrate><tt:Width>{w}</tt:Width><tt:Height>{h}</tt:Height><tt:Encoding>H264</tt:Encoding></tt:VideoAttributes>"
                "</tt:TrackAttributes></tse:MediaAttributes></tse:GetMediaAttributesResponse>")

    def do_GetRecordings(self, body, path):
        return "<trc:GetRecordingsResponse>" + "".join(
            f"<trc:RecordingItem><tt:RecordingToken>{escape(t)}</tt:RecordingToken><tt:Configuration><tt:Source><tt:Name>gate</tt:Name></tt:Source></tt:Configuration>"
            "<tt:Tracks><tt:Track><tt:TrackToken>v</tt:TrackToken><tt:Configuration><tt:TrackType>Video</tt:TrackType></tt:Configuration></tt:Track></tt:Tracks>"
            "</trc:RecordingItem>" for t in self.tokens) + "</trc:GetRecordingsResponse>"

    def do_GetReplayUri(self, body, path):
        token = next(e.text for e in body.iter() if e.tag.endswith("RecordingToken"))
        uri = "http://no/" if "no-rtsp" in self.quirks else f"rtsp://admin:secret@10.255.255.1:5540/replay?recording={'low' if token == 'low' else 'high'}&x=1"
        return f"<trp:GetReplayUriResponse><trp:Uri>{escape(uri)}</trp:Uri></trp:GetReplayUriResponse>"

    def result(self, at, topic, source, data, start="false"):
        return ("<tt:Result><tt:RecordingToken>low</tt:RecordingToken><tt:TrackToken>v</tt:TrackToken>"
                f"<tt:Time>{iso(at)}</tt:Time><tt:Event><wsnt:Topic>{topic}</wsnt:Topic><wsnt:Message><tt:Message UtcTime='{iso(at)}' PropertyOperation='Changed'>"
                f"<tt:Source><tt:SimpleItem Name='{source[0]}' Value='{source[1]}'/></tt:Source><tt:Data><tt:SimpleItem Name='{data[0]}' Value='{data[1]}'/></tt:Data>"
                f"</tt:Message></wsnt:Message></tt:Event><tt:StartStateEvent>{start}</tt:StartStateEvent></tt:Result>")

    def do_FindEvents(self, body, path):
        door = lambda at, value, start="false": self.result(at, "tns1:Device/Trigger/DigitalInput", ("InputToken", "AlarmIn_1"), ("LogicalState", value), start)  # noqa: E731
        self.pages = [door(T0 + 20, "false"), door(T0 + 10, "true"), door(T0, "false", "true"), door(T0 + 5000, "true"),
                      self.result(T0 + 15, "tns1:VideoSource/MotionAlarm", ("Source", "0"), ("State", "true"))]
        return "<tse:FindEventsResponse><tse:SearchToken>E[1]</tse:SearchToken></tse:FindEventsResponse>"

    def do_GetEventSearchResults(self, body, path):
        return self.results("Event")

    def do_EndSearch(self, body, path):
        return f"<tse:EndSearchResponse><tse:Endpoint>{iso(T0)}</tse:Endpoint></tse:EndSearchResponse>"


def test_a_card():
    with Recorder("rtsp://127.0.0.1/") as camera:
        found = recall(camera.source)
    assert not found["errors"]
    assert [(r["recording"], r["width"], r["height"]) for r in found["recordings"]] == [("high & <odd> [1]", 1920, 1080), ("low", 640, 360)]
    first = found["recordings"][0]
    assert (first["source"], first["status"], first["codec"], first["tracks"]) == ("gate", "Recording", "H264", ["video"])
    assert (first["first_ns"], first["last_ns"]) == (T0 * 10**9, (T0 + 3600) * 10**9)
    assert [u["replay"] for u in found["urls"]] == [f"rtsp://127.0.0.1:5540/replay?recording={r}&x=1" for r in ("high", "low")]
    assert [(e["event"], e["active"], e["initial"], e["utc_ns"] / 1e9 - T0) for e in found["events"]] == [
        ("input", 0, True, 0), ("input", 1, False, 10), ("motion", 1, False, 15), ("input", 0, False, 20)]
    assert "EndSearch" in camera.calls


def test_no_search():
    """Only the list of the Recording service is left, and its events cannot be found."""
    with Recorder("rtsp://127.0.0.1/", quirks=("no-search",)) as camera:
        found = recall(camera.source)
    assert [r["recording"] for r in found["recordings"]] == ["low", "high & <odd> [1]"], "as they came: it cannot be asked what they are"
    assert found["recordings"][0]["first_ns"] == 0


@pytest.mark.parametrize("quirk", ["finds-nothing", "no-attributes", "no-names"])
def test_quirks(quirk):
    with Recorder("rtsp://127.0.0.1/", quirks=(quirk,)) as camera:
        found = recall(camera.source)
    assert not found["errors"]
    assert {r["recording"] for r in found["recordings"]} == set(Recorder.tokens)
    assert found["recordings"][0]["source"] == ("src" if quirk == "no-names" else "gate")


def test_nothing_is_recorded():
    with Camera("rtsp://127.0.0.1/") as camera:
        found = recall(camera.source)
    assert [(e["code"], e["error"]) for e in found["errors"]] == [(UNSUPPORTED, "it has no recording service"), (UNSUPPORTED, "it has no search service")]


def test_an_address_that_is_none():
    with Recorder("rtsp://127.0.0.1/", quirks=("no-rtsp",)) as camera:
        found = recall(camera.source)
    assert [(e["code"], e["error"]) for e in found["errors"]] == [(INVALID, "it gave no RTSP address of what it recorded")] * 2


needs_schemas = pytest.mark.skipif(not onvif_zeep.WSDL.is_dir(), reason="the published ONVIF schemas are not beside this checkout")


@needs_schemas
def test_all_that_is_asked_is_valid(tmp_path):
    with Recorder("rtsp://127.0.0.1/") as camera:
        recall(camera.source)
    names = {onvif_zeep.etree.fromstring(m).find("{*}Body")[0].tag.split("}")[1] for m in camera.messages}
    assert {"FindRecordings", "GetRecordingSearchResults", "GetMediaAttributes", "GetReplayUri", "FindEvents", "GetEventSearchResults", "EndSearch"} <= names
    onvif_zeep.kept.extend(camera.messages)
    onvif_zeep.assert_kept_are_valid(tmp_path)


SITE = """cameras:
  gate: {{ source: "test:clock?size=320x180&fps=10&gop=1s&bitrate=300k", audio: {{ listen: all, record: always }} }}
  yard: {{ source: "test:clock?size=160x90&fps=5&bitrate=200k&audio=none" }}
serve: {{ rtsp: 127.0.0.1:{rtsp}, onvif: 127.0.0.1:{onvif} }}
"""


def test_our_node():
    begin = time.time()
    with Node(SITE) as node:
        node.wait_recording("gate", "yard")
        time.sleep(2)
        found = recall(f"onvif://127.0.0.1:{node.onvif}", "boss", "secret of boss", begin - 60, time.time() + 60)
        times = [s[0] for s in node.samples("gate")]
        assert not found["errors"]
        gate, yard = found["recordings"]
        assert (gate["source"], gate["width"], gate["height"], gate["codec"], gate["tracks"]) == ("gate", 320, 180, "H264", ["video", "audio"])
        assert (yard["source"], yard["width"]) == ("yard", 160) and abs(gate["first_ns"] / 1e9 - times[0]) < 0.01
        assert found["urls"][0]["replay"] == f"rtsp://127.0.0.1:{node.rtsp}/replay/gate/main"
        begins = [e for e in found["events"] if e["topic"] == "tns1:RecordingHistory/Recording/State"]
        assert begin - 2 < found["restarted"] < begin + 10
        assert {e["token"] for e in begins} == {gate["recording"], yard["recording"]} and all(begin < e["utc_ns"] / 1e9 < begin + 10 for e in begins)


def test_a_search_that_never_ends():
    """The same results for ever, or none: it is over when nothing new comes, and it is not asked in a busy loop."""
    with Recorder("rtsp://127.0.0.1/", quirks=("endless",)) as camera:
        begin = time.monotonic()
        found = recall(camera.source)
        took = time.monotonic() - begin
    assert len(found["events"]) == 1 and {r["recording"] for r in found["recordings"]} == set(Recorder.tokens)
    assert took < 30 and camera.polls < 60, (took, camera.polls)


def test_when_it_started():
    """A camera tells when it did, by its own clock; what it does not tell is not known."""
    def started(quirks, clock):
        class Booted(Recorder):
            def all_states(self):
                told = self.event("tns1:Monitoring/OperatingTime/LastReboot", "Initialized", [], [("Status", iso(self.now() - 1000))])
                return super().all_states() + [told] * ("tells" in self.quirks)
        with Booted("rtsp://127.0.0.1/", quirks=quirks, clock=clock) as camera:
            return recall(camera.source)["restarted"]
    assert abs(started(("tells",), 7200) - (time.time() - 1000)) < 3
    assert started((), 0) == 0
