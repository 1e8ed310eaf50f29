# SPDX-License-Identifier: Apache-2.0
"""What is recorded here, searched and played by software that nobody here wrote (ONVIF Profile G): python3-zeep with the
published WSDLs. All that the server says is checked against the schemas."""
import datetime
import time

import pytest

import onvif_zeep
from rtsp_raw import Client
from test_onvif_server import SETUP, Node
from test_replay import NO_WAIT, clock, frames, near

pytestmark = pytest.mark.skipif(not onvif_zeep.WSDL.is_dir(), reason="the published ONVIF schemas are not beside this checkout")

SITE = """cameras:
  gate: {{ source: "test:clock?size=320x180&fps=10&gop=1s&bitrate=300k", audio: {{ listen: all, record: always }} }}
  yard: {{ source: "test:clock?size=320x180&fps=5&bitrate=200k&audio=none" }}
  hall: {{ source: "test:clock?size=320x180&fps=5&bitrate=200k&audio=none", record: {{ main: never }} }}
serve: {{ rtsp: 127.0.0.1:{rtsp}, onvif: 127.0.0.1:{onvif} }}
"""
UTC = datetime.timezone.utc
KEEP = {"KeepAliveTime": datetime.timedelta(seconds=30)}


def when(seconds):
    return datetime.datetime.fromtimestamp(seconds, UTC)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with Node(SITE) as n:
        n.wait_recording("gate", "yard")
        time.sleep(3)
        n.stop()
        time.sleep(1)
        n.start()
        time.sleep(2.5)
        n.times = [s[0] for s in n.samples("gate")]
        hole = next(i for i in range(1, len(n.times)) if n.times[i] - n.times[i - 1] > 0.6)
        n.hole = n.times[hole - 1], n.times[hole]
        yield n
        onvif_zeep.assert_kept_are_valid(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def boss(node):
    return node.device()


def found(device, **scope):
    token = device.call("tse", "FindRecordings", Scope=scope, **KEEP)
    answer = device.call("tse", "GetRecordingSearchResults", SearchToken=token, WaitTime=datetime.timedelta(seconds=5))
    assert answer.SearchState == "Completed"
    return {r.RecordingToken: r for r in answer.RecordingInformation or []}


def test_what_there_is(node, boss):
    summary = boss.call("tse", "GetRecordingSummary")
    assert summary.NumberRecordings == 2 and abs(summary.DataFrom.timestamp() - node.times[0]) < 1.5
    recordings = found(boss)
    assert set(recordings) == {"gate-main", "yard-main"}, "what was never recorded is no recording"
    gate = recordings["gate-main"]
    assert [(t.TrackToken, t.TrackType) for t in gate.Track] == [("VIDEO001", "Video"), ("AUDIO001", "Audio")]
    assert gate.RecordingStatus == "Recording" and gate.Source.Name == "gate"
    assert abs(gate.EarliestRecording.timestamp() - node.times[0]) < 0.1
    assert boss.call("tse", "GetRecordingInformation", RecordingToken="gate-main").Source == gate.Source
    [attributes] = boss.call("tse", "GetMediaAttributes", RecordingTokens=["gate-main"], Time=when(node.times[5]))
    video = attributes.TrackAttributes[0].VideoAttributes
    assert (video.Width, video.Height, video.Encoding, video.Framerate) == (320, 180, "H264", 10)


def test_a_scope(boss):
    assert set(found(boss, IncludedRecordings=["yard-main"])) == {"yard-main"}
    assert set(found(boss, IncludedSources=[{"Token": "gate"}])) == {"gate-main"}
    assert set(found(boss, RecordingInformationFilter='boolean(//Track[TrackType = "Audio"])')) == {"gate-main"}


def test_results_in_pieces(boss):
    token = boss.call("tse", "FindRecordings", Scope={}, **KEEP)
    answers = [boss.call("tse", "GetRecordingSearchResults", SearchToken=token, MaxResults=1) for _ in range(2)]
    assert [a.SearchState for a in answers] == ["Searching", "Completed"] and [len(a.RecordingInformation) for a in answers] == [1, 1]
    assert boss.call("tse", "GetSearchState", SearchToken=token) == "Completed"
    boss.call("tse", "EndSearch", SearchToken=token)
    assert boss.subcodes(f"<tse:EndSearch><tse:SearchToken>{token}</tse:SearchToken></tse:EndSearch>", "search_service") == ["InvalidArgVal", "InvalidToken"]


def told(event):
    """(topic, operation, {source and data items})"""
    message = event.Message._value_1
    return event.Topic._value_1.strip(), message.PropertyOperation, {i.Name: i.Value for i in [*message.Source.SimpleItem, *message.Data.SimpleItem]}


def events(device, begin, end=None, topic=None, start=False):
    from lxml import etree
    search = {}
    if topic:
        expression = etree.Element("{http://docs.oasis-open.org/wsn/b-2}TopicExpression",
                                   nsmap={"tns1": "http://www.onvif.org/ver10/topics", "wsnt": "http://docs.oasis-open.org/wsn/b-2"},
                                   Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet")
        expression.text = topic
        search = {"_value_1": [expression]}
    token = device.call("tse", "FindEvents", StartPoint=when(begin), **({"EndPoint": when(end)} if end else {}), Scope={"IncludedRecordings": ["gate-main"]},
                        SearchFilter=search, IncludeStartState=start, **KEEP)
    answer = device.call("tse", "GetEventSearchResults", SearchToken=token)
    assert answer.SearchState == "Completed"
    device.call("tse", "EndSearch", SearchToken=token)
    return [(r.Time.timestamp(), r.StartStateEvent, *told(r.Event)) for r in answer.Result or []]


def test_where_footage_begins_and_ends(node, boss):
    states = events(boss, node.times[0] - 10, topic="tns1:RecordingHistory/Recording/State")
    assert [(e[2], e[4]["IsRecording"]) for e in states] == [("tns1:RecordingHistory/Recording/State", v) for v in ("true", "false", "true")]
    assert abs(states[1][0] - node.hole[0]) < 0.2 and abs(states[2][0] - node.hole[1]) < 0.2
    both = events(boss, node.times[0] - 10)
    assert len(both) == 6 and sum("Track" in e[4] for e in both) == 3
    back = events(boss, time.time(), node.times[0] - 10, topic="tns1:RecordingHistory/Recording/State")
    assert [e[0] for e in back] == [e[0] for e in reversed(states)]
    middle = sum(node.hole) / 2
    begin = events(boss, middle, start=True, topic="tns1:RecordingHistory/Recording/State")
    assert [(e[1], e[3], e[4]["IsRecording"]) for e in begin] == [(True, "Initialized", "false"), (False, "Changed", "true")]
    assert not events(boss, node.times[0] - 10, topic="tns1:Device/Trigger/DigitalInput")


def test_recordings_and_jobs(boss):
    listed = boss.call("trc", "GetRecordings")
    assert [r.RecordingToken for r in listed] == ["gate-main", "yard-main"]
    assert [t.TrackToken for t in listed[0].Tracks.Track] == ["VIDEO001", "AUDIO001"]
    assert boss.call("trc", "GetRecordingConfiguration", RecordingToken="gate-main").Source.Name == "gate"
    assert boss.call("trc", "GetTrackConfiguration", RecordingToken="gate-main", TrackToken="AUDIO001").TrackType == "Audio"
    assert boss.call("trc", "GetRecordingOptions", RecordingToken="gate-main").Job.Spare == 0
    jobs = boss.call("trc", "GetRecordingJobs")
    assert [(j.JobToken, j.JobConfiguration.Mode) for j in jobs] == [("job-gate-main", "Active"), ("job-yard-main", "Active")]
    # what it is fed from is a media profile
    assert boss.call("trt", "GetProfile", ProfileToken=jobs[0].JobConfiguration.Source[0].SourceToken.Token)
    assert boss.call("trc", "GetRecordingJobConfiguration", JobToken="job-yard-main").RecordingToken == "yard-main"
    state = boss.call("trc", "GetRecordingJobState", JobToken="job-gate-main")
    assert state.State == "Active" and [t.State for t in state.Sources[0].Tracks.Track] == ["Active", "Active"]


def test_what_is_found_is_played(node):
    guest = node.device("guest")
    uri = guest.call("trp", "GetReplayUri", StreamSetup=SETUP, RecordingToken="gate-main")
    assert uri == f"rtsp://127.0.0.1:{node.rtsp}/replay/gate/main"
    with Client(node.rtsp, uri.split("/", 3)[3], "guest", "secret of guest") as c:
        assert c.ask("DESCRIBE")[0] == 200
        c.set_up(0)
        assert c.ask("PLAY", Range=f"clock={clock(node.times[0])}-{clock(node.times[9])}", **NO_WAIT)[0] == 200
        got = frames(c, 20)
        assert len(got) == 9 and all(near(p.ntp, t) for p, t in zip(got, node.times))
    assert guest.call("trp", "GetReplayConfiguration").SessionTimeout == datetime.timedelta(seconds=60)
    boss = node.device()
    boss.call("trp", "SetReplayConfiguration", Configuration={"SessionTimeout": datetime.timedelta(seconds=60)})


def test_capabilities(boss):
    assert boss.call("trp", "GetServiceCapabilities").ReversePlayback
    assert boss.call("trc", "GetServiceCapabilities").DynamicRecordings is False
    assert boss.call("tse", "GetServiceCapabilities").MetadataSearch is False


def test_who_may_not_see_a_camera_finds_nothing_of_it(node):
    neighbour = node.device("neighbour")
    assert set(found(neighbour)) == {"yard-main"}
    assert neighbour.call("tse", "GetRecordingSummary").NumberRecordings == 1
    assert neighbour.subcodes("<trp:GetReplayUri><trp:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport>"
                              "</trp:StreamSetup><trp:RecordingToken>gate-main</trp:RecordingToken></trp:GetReplayUri>", "replay_service") == ["InvalidArgVal", "NoRecording"]
    token = node.device().call("tse", "FindRecordings", Scope={}, **KEEP)
    assert neighbour.subcodes(f"<tse:GetRecordingSearchResults><tse:SearchToken>{token}</tse:SearchToken></tse:GetRecordingSearchResults>",
                              "search_service") == ["InvalidArgVal", "InvalidToken"]
    assert node.device().call("tse", "EndSearch", SearchToken=token)


@pytest.mark.parametrize("path, body, codes", [
    ("search_service", "<tse:GetRecordingInformation><tse:RecordingToken>none</tse:RecordingToken></tse:GetRecordingInformation>", ["InvalidArgVal", "NoRecording"]),
    ("search_service", "<tse:GetMediaAttributes><tse:Time>yesterday</tse:Time></tse:GetMediaAttributes>", ["InvalidArgVal"]),
    ("search_service", "<tse:FindRecordings><tse:Scope><tt:RecordingInformationFilter>//Source</tt:RecordingInformationFilter></tse:Scope>"
                       "<tse:KeepAliveTime>PT5S</tse:KeepAliveTime></tse:FindRecordings>", ["InvalidArgVal", "InvalidFilterFault"]),
    ("search_service", "<tse:FindPTZPosition/>", ["ActionNotSupported"]),
    ("recording_service", "<trc:GetTrackConfiguration><trc:RecordingToken>gate-main</trc:RecordingToken><trc:TrackToken>X</trc:TrackToken></trc:GetTrackConfiguration>",
     ["InvalidArgVal", "NoTrack"]),
    ("recording_service", "<trc:GetRecordingJobState><trc:JobToken>job-x</trc:JobToken></trc:GetRecordingJobState>", ["InvalidArgVal", "NoRecordingJob"]),
    ("replay_service", "<trp:SetReplayConfiguration><trp:Configuration><tt:SessionTimeout>PT5M</tt:SessionTimeout></trp:Configuration></trp:SetReplayConfiguration>",
     ["InvalidArgVal", "ConfigModify"]),
])
def test_faults(boss, path, body, codes):
    assert boss.subcodes(body, path) == codes


def test_so_many_searches_and_no_more(node):
    guard = node.device("guard")
    tokens = []
    begin = "<tse:FindRecordings><tse:Scope/><tse:KeepAliveTime>PT3S</tse:KeepAliveTime></tse:FindRecordings>"
    for _ in range(20):
        codes = guard.subcodes(begin, "search_service")
        tokens.append(codes)
    assert tokens[0] == [] and tokens[-1] == ["Action", "ResourceProblem"] and tokens.count([]) <= 16
    time.sleep(3.5)
    assert guard.subcodes(begin, "search_service") == [], "those whose keep-alive is over are gone"
