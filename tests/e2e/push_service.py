# SPDX-License-Identifier: Apache-2.0
"""A push service and the browsers behind it: takes what is pushed over HTTPS, verifies who pushes (RFC 8292), and decrypts it with
the browser's keys (RFC 8291). Shares nothing with the hub."""
import base64
import http.server
import json
import os
import ssl
import subprocess
import threading
import time

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def mac(key, data):
    h = hmac.HMAC(key, hashes.SHA256())
    h.update(data)
    return h.finalize()


class Browser:
    """Its keys, and what it was shown."""

    def __init__(self, service, name):
        self.key, self.auth, self.shown = ec.generate_private_key(ec.SECP256R1()), os.urandom(16), []
        self.point = self.key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        self.endpoint = f"https://localhost:{service.port}/push/{name}"
        service.browsers["/push/" + name] = self

    def registration(self, label="Test on Debian"):
        return {"endpoint": self.endpoint, "p256dh": encode(self.point), "auth": encode(self.auth), "label": label}

    def decrypt(self, body):
        salt, size, id_length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, sealed = body[21:21 + id_length], body[21 + id_length:]
        assert id_length == 65 and len(sealed) <= size
        secret = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        ikm = mac(mac(self.auth, secret), b"WebPush: info\0" + self.point + sender + b"\1")
        prk = mac(salt, ikm)
        key, nonce = mac(prk, b"Content-Encoding: aes128gcm\0\1")[:16], mac(prk, b"Content-Encoding: nonce\0\1")[:12]
        text = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert text[-1] == 2
        return text[:-1].decode()


class PushService:
    def __init__(self, directory):
        service = self
        self.browsers, self.gone, self.wrong, self.headers, self.bodies = {}, set(), [], [], []
        self.ca = directory / "ca.pem"
        run = lambda *a: subprocess.run(["openssl", *a], check=True, capture_output=True, cwd=directory)
        run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.pem")
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "request.pem")
        (directory / "names").write_text("subjectAltName=DNS:localhost")
        run("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "cert.pem")

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status = service.take(self.path, self.headers, body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *what):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def verify(self, header):
        scheme, _, rest = header.partition(" ")
        parts = dict(p.strip().split("=", 1) for p in rest.split(","))
        head, claims, signature = parts["t"].split(".")
        assert scheme == "vapid" and json.loads(decode(head)) == {"typ": "JWT", "alg": "ES256"}
        c, s = json.loads(decode(claims)), decode(signature)
        assert c["aud"] == f"https://localhost:{self.port}" and 0 < c["exp"] - time.time() <= 86400 and c["sub"].startswith("https://")
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode(parts["k"]))
        key.verify(utils.encode_dss_signature(int.from_bytes(s[:32], "big"), int.from_bytes(s[32:], "big")), f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
        return parts["k"]

    def take(self, path, headers, body):
        if path in self.gone:
            return 410
        try:
            assert headers["Content-Encoding"] == "aes128gcm" and headers["TTL"].isdigit() and len(body) <= 4096
            key = self.verify(headers["Authorization"])
            browser = self.browsers[path]
            browser.shown.append(json.loads(browser.decrypt(body)))
            self.headers.append((key, dict(headers)))
            self.bodies.append(body)
        except Exception as error:
            self.wrong.append(repr(error))
            return 400
        return 201

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.server.shutdown()
        self.server.server_close()
