# SPDX-License-Identifier: Apache-2.0
"""A mosquitto of one's own, on loopback, that can be stopped and started with what it keeps."""
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import paho.mqtt.client as paho

from hub import SCRATCH, free_port, wait_for


class Broker:
    def __init__(self, more="", port=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="pigtail-broker-", dir=SCRATCH))
        self.port = port or free_port()
        self.more = more
        self.process = None
        self.start()

    def start(self):
        (self.dir / "conf").write_text(f"""listener {self.port} 127.0.0.1
persistence true
persistence_location {self.dir}/
autosave_on_changes true
autosave_interval 1
log_dest stderr
user root
{self.more or "allow_anonymous true"}
""")
        self.process = subprocess.Popen(["mosquitto", "-c", self.dir / "conf"], stderr=subprocess.DEVNULL)
        def up():
            assert self.process.poll() is None, "mosquitto did not start"
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        wait_for("the broker listens", up, 10, 0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


class Client:
    """Hears everything under its patterns; .got is a list of (topic, payload, retained), .raw the last bytes of each topic."""

    def __init__(self, broker, *patterns, persistent=None):
        """persistent: a name under which the broker keeps what comes while this one is away."""
        self.got, self.raw = [], {}
        self.c = paho.Client(client_id=persistent or "", clean_session=not persistent)
        self.c.on_message = self._message
        self.c.on_connect = lambda c, *_: [c.subscribe(p, 1) for p in patterns]
        self.c.reconnect_delay_set(1, 1)
        self.c.connect("127.0.0.1", broker.port)
        self.c.loop_start()
        wait_for("a client is connected", self.c.is_connected, 10, 0.02)
        time.sleep(0.1)

    def _message(self, client, user, m):
        self.raw[m.topic] = m.payload
        self.got.append((m.topic, m.payload.decode(errors="replace"), bool(m.retain)))

    def last(self, topic):
        return next((p for t, p, _ in reversed(self.got) if t == topic), None)

    def publish(self, topic, payload, qos=0, retain=False):
        self.c.publish(topic, payload, qos, retain).wait_for_publish(5)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.c.disconnect()
        self.c.loop_stop()
