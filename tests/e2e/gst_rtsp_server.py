#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""GStreamer's RTSP server with one stream, for the tests of our client.

usage: gst_rtsp_server.py LAUNCH [basic|digest USER PASSWORD] [redirect STATUS URL] [tls CERT KEY] [replay - -] [talk CODEC FILE]

replay: every client has a pipeline of its own, and may require onvif-replay.
talk: it has a back channel as ONVIF's streaming specification describes it, for PCMU or PCMA; what comes goes into the file as it came.

Prints "port N", then "K MD5" for every buffer that passes an identity element named probeK, before it is packetised."""
import hashlib
import os
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402


def without_parameter_sets(data, is_set):
    out, at = b"", 0
    while at + 4 <= len(data):
        end = at + 4 + int.from_bytes(data[at:at + 4], "big")
        if not is_set(data[at + 4]):
            out += data[at:end]
        at = end
    return out


def on_handoff(element, buffer, k):
    data = buffer.extract_dup(0, buffer.get_size())
    kind = element.get_static_pad("sink").get_current_caps().get_structure(0).get_name()
    if kind == "video/x-h264":
        data = without_parameter_sets(data, lambda head: head & 31 in (7, 8, 9))
    elif kind == "video/x-h265":
        data = without_parameter_sets(data, lambda head: head >> 1 & 63 in (32, 33, 34, 35))
    # one write: the probes of picture and sound run on threads of their own
    os.write(1, f"{k} {hashlib.md5(data).hexdigest()}\n".encode())


def on_configure(factory, media):
    for k in range(4):
        probe = media.get_element().get_by_name(f"probe{k}")
        if probe:
            probe.set_property("signal-handoffs", True)
            probe.connect("handoff", on_handoff, k)


def ask_for_login(auth, token, kind, user, password):
    if kind == "basic":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)


def redirect(server, status, url):
    """Every DESCRIBE is answered with this status, and the address in Location."""
    def on_send(client, session, message):
        if message.parse_response()[1] == status:
            message.add_header(GstRtsp.RTSPHeaderField.LOCATION, url)

    def on_client(_, client):
        client.connect("pre-describe-request", lambda *_: status)
        client.connect("send-message", on_send)

    server.connect("client-connected", on_client)


def listen(factory, codec, path):
    payload, element = {"PCMU": (0, "rtppcmudepay"), "PCMA": (8, "rtppcmadepay")}[codec]
    factory.set_shared(False)
    factory.set_media_gtype(GstRtspServer.RTSPOnvifMedia)
    factory.set_backchannel_launch(
        f'( capsfilter caps="application/x-rtp,media=audio,payload={payload},clock-rate=8000,encoding-name={codec}" name=depay_backchannel'
        f' ! {element} ! filesink location={path} async=false sync=false buffer-mode=unbuffered )')


def main():
    Gst.init(None)
    hears = "talk" in sys.argv[2::3]
    server = GstRtspServer.RTSPOnvifServer() if hears else GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPOnvifMediaFactory() if hears else GstRtspServer.RTSPMediaFactory()
    factory.set_launch(sys.argv[1])
    factory.set_shared(True)
    factory.connect("media-configure", on_configure)
    words, auth = sys.argv[2:], GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    role = Gst.Structure.new_empty("user")
    for permission in ("media.factory.access", "media.factory.construct"):
        role.set_value(permission, True)
    kinds = words[::3]
    while words:
        kind, first, second, *words = words
        if kind == "replay":
            factory.set_shared(False)
            server.connect("client-connected", lambda _, client: client.connect("check-requirements", lambda *_: ""))
        elif kind == "talk":
            listen(factory, first, second)
        elif kind == "redirect":
            redirect(server, int(first), second)
        elif kind == "tls":
            auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(first, second))
            if len(kinds) == 1:
                auth.set_default_token(token)
        else:
            ask_for_login(auth, token, kind, first, second)
    if set(kinds) - {"redirect", "replay", "talk"}:
        factory.add_role_from_structure(role)
        server.set_auth(auth)
    server.get_mount_points().add_factory("/a", factory)
    server.attach(None)
    print("port", server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


main()
