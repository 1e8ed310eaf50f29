#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""GStreamer's client talks into a back channel: a tone for so many seconds.

usage: gst_talker.py URL USER PASSWORD HERTZ SECONDS [PCMU|PCMA]

Prints "talks" once it does. Its exit status is 0 when all of it was pushed, 3 when there is no back channel."""
import os
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402


def main():
    url, user, password, hertz, seconds = sys.argv[1:6]
    encoder, payloader = ("alawenc", "rtppcmapay") if sys.argv[6:] == ["PCMA"] else ("mulawenc", "rtppcmupay")
    Gst.init(None)
    loop = GLib.MainLoop()
    status, talks, kept = [3], [], []
    pipeline, src = Gst.Pipeline(), Gst.parse_launch(f"rtspsrc location={url} user-id={user} user-pw={password} protocols=tcp latency=0 backchannel=onvif")
    pipeline.add(src)
    tone = Gst.parse_launch(
        f"audiotestsrc is-live=true wave=sine freq={hertz} samplesperbuffer=160 num-buffers={int(float(seconds) * 50)}"
        f" ! audio/x-raw,rate=8000,channels=1 ! {encoder} ! {payloader} min-ptime=20000000 max-ptime=20000000 ! appsink name=out emit-signals=true sync=true")
    out = tone.get_by_name("out")

    def select(_, number, caps):
        if not caps.get_structure(0).has_field("a-sendonly"):
            return True
        status[0] = 1

        def push(sink):
            # the signal takes the sample for its own, which Python's bindings do not know: Python must never let go of it
            kept.append(sink.emit("pull-sample"))
            src.emit("push-backchannel-buffer", number, kept[-1])
            return Gst.FlowReturn.OK

        out.connect("new-sample", push)
        return True

    def pad_added(_, pad):
        fake = Gst.ElementFactory.make("fakesink")
        fake.set_property("async", False)
        pipeline.add(fake)
        fake.sync_state_with_parent()
        pad.link(fake.get_static_pad("sink"))
        GLib.idle_add(begin)  # it plays

    def begin():
        if status[0] == 3:
            loop.quit()
        elif not talks:
            talks.append(True)
            tone.set_state(Gst.State.PLAYING)
            print("talks", flush=True)

    def over(*_):
        status[0] = 0
        loop.quit()

    src.connect("select-stream", select)
    src.connect("pad-added", pad_added)
    for p, signal, fn in ((pipeline, "message::error", lambda *_: loop.quit()), (pipeline, "message::eos", lambda *_: loop.quit()), (tone, "message::eos", over)):
        p.get_bus().add_signal_watch()
        p.get_bus().connect(signal, fn)
    GLib.timeout_add_seconds(15, loop.quit)
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    tone.set_state(Gst.State.NULL)
    pipeline.set_state(Gst.State.NULL)  # says goodbye
    os._exit(status[0])


main()
