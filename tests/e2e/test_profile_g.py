# SPDX-License-Identifier: Apache-2.0
"""What is recorded here, searched and played by software that nobody here wrote (ONVIF Profile G): python3-zeep with the
published WSDLs. All that the server says is checked against the schemas."""
import datetime
import time

import pytest

import onvif_zeep
from hub import parse_time, wait_for
from rtsp_raw import Client
from test_onvif_server import SETUP, Node, PullPoint
from test_onvif_server import topic as topic_filter
from test_replay import NO_WAIT, clock, frames, near

pytestmark = pytest.mark.skipif(not onvif_zeep.WSDL.is_dir(), reason="the published ONVIF schemas are not beside this checkout")

SITE = """cameras:
  gate: {{ source: "test:clock?size=320x180&fps=10&gop=1s&bitrate=300k", audio: {{ listen: all, record: always }} }}
  yard: {{ source: "test:clock?size=320x180&fps=5&bitrate=200k&audio=none" }}
  hall: {{ source: "test:clock?size=320x180&fps=5&bitrate=200k&audio=none", record: {{ main: never }} }}
inputs:
  door: {{ driver: virtual, channel: 1, kind: door, contact: normally-open, debounce: 0ms }}
relays:
  lamp: {{ driver: virtual, channel: 1, kind: light, contact: normally-open, safe: off }}
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


GATE = {"IncludedRecordings": ["gate-main"]}
HISTORY = "tns1:RecordingHistory//."
DOOR = "tns1:Device/Trigger/DigitalInput"


def events(device, begin, end=None, topic=None, start=False, scope=GATE, **more):
    search = {"_value_1": [topic_filter(topic)]} if topic else {}
    token = device.call("tse", "FindEvents", StartPoint=when(begin), **({"EndPoint": when(end)} if end else {}), Scope=scope,
                        SearchFilter=search, IncludeStartState=start, **KEEP, **more)
    answer = device.call("tse", "GetEventSearchResults", SearchToken=token)
    assert answer.SearchState == "Completed"
    device.call("tse", "EndSearch", SearchToken=token)
    return [(r.Time.timestamp(), r.StartStateEvent, *told(r.Event)) for r in answer.Result or []]


def test_where_footage_begins_and_ends(node, boss):
    states = events(boss, node.times[0] - 10, topic="tns1:RecordingHistory/Recording/State")
    assert [(e[2], e[4]["IsRecording"]) for e in states] == [("tns1:RecordingHistory/Recording/State", v) for v in ("true", "false", "true")]
    assert abs(states[1][0] - node.hole[0]) < 0.2 and abs(states[2][0] - node.hole[1]) < 0.2
    both = events(boss, node.times[0] - 10, topic=HISTORY)
    assert len(both) == 6 and sum("Track" in e[4] for e in both) == 3
    back = events(boss, time.time(), node.times[0] - 10, topic="tns1:RecordingHistory/Recording/State")
    assert [e[0] for e in back] == [e[0] for e in reversed(states)]
    middle = sum(node.hole) / 2
    begin = events(boss, middle, start=True, topic="tns1:RecordingHistory/Recording/State")
    assert [(e[1], e[3], e[4]["IsRecording"]) for e in begin] == [(True, "Initialized", "false"), (False, "Changed", "true")]
    assert not events(boss, node.times[0] - 10, topic="tns1:VideoSource/MotionAlarm")


def test_what_plugs_did(node, boss):
    """By the log, to the microsecond; a state that is said again, as after a start, is no event."""
    begin = time.time()
    for closed in (True, False, True):
        node.press(1, closed)
        time.sleep(0.2)
    boss.call("tds", "SetRelayOutputState", RelayOutputToken="lamp", LogicalState="active")
    wait_for("the lamp", lambda: node.relay("lamp")["state"] == "on")
    end = time.time()
    logged = [parse_time(e["time"]) for e in node.events(topic="input") if e["source"] == "input/door" and parse_time(e["time"]) > begin][::-1]
    door = events(boss, begin, end, topic=DOOR)
    assert [(e[1], e[3], e[4]) for e in door] == [(False, "Changed", {"InputToken": "door", "LogicalState": v}) for v in ("true", "false", "true")]
    assert [round(e[0], 6) for e in door] == [round(t, 6) for t in logged]
    assert {e[2] for e in events(boss, begin, end)} == {DOOR, "tns1:Device/Trigger/Relay"}
    assert [e[4]["LogicalState"] for e in events(boss, begin, end, topic="tns1:Device/Trigger/Relay")] == ["active"]
    both = events(boss, begin, end, topic=f"{DOOR}|tns1:Device//.")
    assert [e[0] for e in both] == sorted(e[0] for e in both) and len(both) == 4
    assert events(boss, begin, end, topic=DOOR, MaxMatches=2) == door[:2]
    # the state between the second press and the third, then what followed
    between = (logged[1] + logged[2]) / 2
    assert [(e[1], e[3], e[4]["LogicalState"]) for e in events(boss, between, end, topic=DOOR, start=True)] == [
        (True, "Initialized", "false"), (False, "Changed", "true")]
    back = events(boss, end, between, topic=DOOR, start=True)
    assert [(e[1], e[4]["LogicalState"]) for e in back] == [(True, "true"), (False, "true"), (True, "false")], "the states at both ends"
    assert events(boss, end, begin, topic=DOOR, MaxMatches=1) == door[-1:]
    whole = events(boss, node.times[0] - 10, end, topic=DOOR)
    assert all(a[4]["LogicalState"] != b[4]["LogicalState"] for a, b in zip(whole, whole[1:]))
    # plugs of no camera are for whoever sees all
    assert not events(node.device("neighbour"), begin, end, topic=DOOR, scope={})


def test_states_of_recordings_while_they_change(node):
    """Switched off and on by an operator; who may only look may not. It is kept, seen in the gap, and told to subscribers."""
    guard, boss = node.device("guard"), node.device()
    job = "<trc:SetRecordingJobMode><trc:JobToken>job-yard-main</trc:JobToken><trc:Mode>{}</trc:Mode></trc:SetRecordingJobMode>"
    assert node.device("guest").subcodes(job.format("Idle"), "recording_service") == ["NotAuthorized"]
    assert guard.subcodes(job.format("Asleep"), "recording_service") == ["InvalidArgVal", "BadMode"]
    point = PullPoint(boss, Filter={"_value_1": [topic_filter("tns1:RecordingConfig/JobState|tns1:RecordingHistory//.")]}, InitialTerminationTime="PT60S")
    seen = point.pull()
    assert ("tns1:RecordingConfig/JobState", "Initialized", {"RecordingJobToken": "job-yard-main", "State": "Active"}) in seen, seen
    guard.call("trc", "SetRecordingJobMode", JobToken="job-yard-main", Mode="Idle")
    off = time.time()
    seen = point.drain()
    assert ("tns1:RecordingConfig/JobState", "Changed", {"RecordingJobToken": "job-yard-main", "State": "Idle"}) in seen, seen
    assert ("tns1:RecordingHistory/Recording/State", "Changed", {"RecordingToken": "yard-main", "IsRecording": "false"}) in seen, seen
    wait_for("the gap", lambda: any(g[1] is None and g[2] == "switched off over ONVIF by guard" for g in node.gaps("yard")))
    wait_for("its state", lambda: boss.call("trc", "GetRecordingJobState", JobToken="job-yard-main").State == "Idle")
    assert boss.call("trc", "GetRecordingJobConfiguration", JobToken="job-yard-main").Mode == "Idle"
    assert boss.call("trc", "GetRecordingJobState", JobToken="job-gate-main").State == "Active"
    assert node.camera("yard")["state"] == "live", "who watches goes on watching"
    told = [e for e in node.events(topic="archive") if e["source"] == "camera/yard"]
    assert [(e["state"], e["actor"]) for e in told] == [("idle", "user/guard via onvif")]
    node.stop()
    node.start()
    node.wait_pictures()
    boss = node.device()
    configuration = boss.call("trc", "GetRecordingJobConfiguration", JobToken="job-yard-main")
    assert configuration.Mode == "Idle", "as before the start"
    configuration.Mode = "Active"
    answer = boss.call("trc", "SetRecordingJobConfiguration", JobToken="job-yard-main", JobConfiguration=configuration)
    assert answer == configuration
    wait_for("footage", lambda: boss.call("trc", "GetRecordingJobState", JobToken="job-yard-main").State == "Active")
    wait_for("the end of the gap", lambda: any(g[1] for g in node.gaps("yard") if g[2] == "switched off over ONVIF by guard"))
    begin, end, _ = next(g for g in node.gaps("yard") if g[2] == "switched off over ONVIF by guard")
    first = min(s[0] for s in node.samples("yard") if s[0] > begin + 0.3)
    assert abs(begin - off) < 1.5 and begin + 0.3 < end <= first + 0.3 and first - end < 2, "a key frame was asked for"


def test_what_the_site_file_says_stays(boss):
    recording = boss.call("trc", "GetRecordingConfiguration", RecordingToken="gate-main")
    recording.Source.Location = ""  # which zeep reads as nothing
    boss.call("trc", "SetRecordingConfiguration", RecordingToken="gate-main", RecordingConfiguration=recording)
    track = boss.call("trc", "GetTrackConfiguration", RecordingToken="gate-main", TrackToken="VIDEO001")
    boss.call("trc", "SetTrackConfiguration", RecordingToken="gate-main", TrackToken="VIDEO001", TrackConfiguration=track)
    for wrong in ("<tt:RecordingToken>yard-main</tt:RecordingToken><tt:Mode>Active</tt:Mode><tt:Priority>1</tt:Priority>",
                  "<tt:RecordingToken>gate-main</tt:RecordingToken><tt:Mode>Active</tt:Mode><tt:Priority>1</tt:Priority><tt:Source><tt:SourceToken><tt:Token>"
                  "yard-main</tt:Token></tt:SourceToken></tt:Source>",
                  "<tt:RecordingToken>gate-main</tt:RecordingToken><tt:Mode>Active</tt:Mode><tt:Priority>1</tt:Priority><tt:Source><tt:AutoCreateReceiver>true"
                  "</tt:AutoCreateReceiver></tt:Source>"):
        body = f"<trc:SetRecordingJobConfiguration><trc:JobToken>job-gate-main</trc:JobToken><trc:JobConfiguration>{wrong}</trc:JobConfiguration></trc:SetRecordingJobConfiguration>"
        assert boss.subcodes(body, "recording_service") == ["InvalidArgVal", "BadConfiguration"]
    for body in ("<trc:SetRecordingConfiguration><trc:RecordingToken>gate-main</trc:RecordingToken><trc:RecordingConfiguration><tt:Content>mine</tt:Content>"
                 "<tt:MaximumRetentionTime>PT0S</tt:MaximumRetentionTime></trc:RecordingConfiguration></trc:SetRecordingConfiguration>",
                 "<trc:SetTrackConfiguration><trc:RecordingToken>gate-main</trc:RecordingToken><trc:TrackToken>VIDEO001</trc:TrackToken><trc:TrackConfiguration>"
                 "<tt:TrackType>Video</tt:TrackType><tt:Description>mine</tt:Description></trc:TrackConfiguration></trc:SetTrackConfiguration>"):
        assert boss.subcodes(body, "recording_service") == ["InvalidArgVal", "BadConfiguration"]


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
    ("search_service", "<tse:FindPTZPosition/>", ["ActionNotSupported", "NotImplemented"]),
    ("search_service", "<tse:FindMetadata/>", ["ActionNotSupported", "NotImplemented"]),
    ("search_service", "<tse:FindEvents><tse:StartPoint>2026-01-01T00:00:00Z</tse:StartPoint><tse:SearchFilter><wsnt:TopicExpression>a//</wsnt:TopicExpression>"
                       "</tse:SearchFilter></tse:FindEvents>", ["InvalidArgVal", "InvalidFilterFault"]),
    ("recording_service", "<trc:CreateRecording/>", ["ActionNotSupported", "NotImplemented"]),
    ("recording_service", "<trc:CreateRecordingJob/>", ["Action", "MaxRecordingJobs"]),
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
