# SPDX-License-Identifier: Apache-2.0
"""Inputs and relays on the lines of a GPIO chip, through the kernel's own ABI: from an edge to a relay's line read back; bias, levels,
debounce; edges nobody read, a chip that is pulled out, a line that somebody else has, a program that is killed; the rule of the guide, also
with plugs at a broker. One boot for all of it."""
import json
import pathlib
import re
import subprocess
import time

import pytest

import board
from gpio import Chip
from hub import BUILD
from machine import Machine

pytestmark = pytest.mark.skipif(board.missing() is not None, reason=f"no board: {board.missing()}")
PIGTAIL = f"{BUILD}/src/daemon/pigtail"
DOOR, BUTTON, BEAM, LAMP, HORN, LOCK, TAKEN = 0, 1, 2, 3, 4, 5, 6
SITE = """site: { name: Board, timezone: UTC }
web: { listen: 127.0.0.1:8080 }
archive: { path: /state/archive }
inputs:
  door: { driver: gpio, chip: bench, line: door, bias: pull-up, kind: door, contact: normally-closed }
  button: { driver: gpio, chip: bench, line: 1, bias: pull-up, kind: button, debounce: 200ms }
  beam: { driver: gpio, chip: bench, line: 2, bias: pull-down, kind: beam }
  taken: { driver: gpio, chip: bench, line: 6 }
relays:
  lamp: { driver: gpio, chip: bench, line: lamp, kind: light }
  horn: { driver: gpio, chip: bench, line: 4, active: low, kind: siren }
  lock: { driver: gpio, chip: bench, line: 5, contact: normally-closed, kind: door, egress: hardwired, hub-timed: accepted }
rules:
  open: { when: door active, do: [ { relay: { lamp: on } } ] }
  shut: { when: door inactive, do: [ { relay: { lamp: off } } ] }
"""
# The rule of doc/guide/rules.md, which is that of the design's example, on a site where it is always night.
GUIDE = pathlib.Path(__file__).resolve().parents[2] / "doc/guide/rules.md"
NIGHT = """site: {{ name: Warehouse 4, timezone: UTC, location: [0, {longitude}] }}
web: {{ listen: 127.0.0.1:8080 }}
archive: {{ path: /state/night }}
mqtt: {{ broker: "mqtt://127.0.0.1:1883" }}
notify: {{ desk: {{ webhook: "http://127.0.0.1:8090/" }} }}
cameras: {{ gate: {{ source: "file:/board/gate.mp4", record: always }} }}
inputs: {{ door: {{ {door}, kind: door }} }}
relays: {{ flood: {{ {flood}, kind: light, safe: off }} }}
{rule}"""
ON_GPIO = {"door": "driver: gpio, chip: bench, line: door, contact: normally-closed, debounce: 30ms", "flood": "driver: gpio, chip: bench, line: lamp"}
ON_MQTT = {"door": "driver: mqtt, topic: house/door", "flood": "driver: mqtt, topic: house/flood/set, state: house/flood"}
# Takes what people are told.
DESK = """import http.server
class Desk(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        with open("/board/told", "ab") as f:
            f.write(self.rfile.read(int(self.headers["Content-Length"])) + b"\\n")
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8090), Desk).serve_forever()
"""
# Refuses what a kernel without debounce, or (with REFUSE_EDGES) a chip without interrupts, would refuse.
REFUSE = r"""#include <errno.h>
#include <linux/gpio.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int ioctl(int fd, unsigned long request, ...) {
	va_list args;
	va_start(args, request);
	void *p = va_arg(args, void *);
	va_end(args);
	struct gpio_v2_line_config *config = request == GPIO_V2_GET_LINE_IOCTL ? &((struct gpio_v2_line_request *)p)->config : NULL;
	if (config && config->num_attrs) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (config && config->flags & GPIO_V2_LINE_FLAG_EDGE_RISING && getenv("REFUSE_EDGES")) {
		errno = ENXIO;
		return -1;
	}
	return (int)syscall(SYS_ioctl, fd, request, p);
}
"""
# What the kernel says of a line: consumer and debounce in µs.
LINE_INFO = """import array, fcntl, glob, struct, sys
for path in glob.glob("/dev/gpiochip*"):
    with open(path) as f:
        b = array.array("B", 256 * b"\\0"); struct.pack_into("I", b, 64, int(sys.argv[1])); fcntl.ioctl(f, 0xc100b405, b)
        used = b[32:64].tobytes().split(b"\\0")[0].decode()
        n, = struct.unpack_from("I", b, 68)
        print(used, [struct.unpack_from("I", b, 80 + 16 * i + 8)[0] for i in range(n)])
"""


class Bench:
    def __init__(self, machine, chip):
        self.machine, self.chip, self.running = machine, chip, False

    def start(self, before="", site="site.yaml"):
        self.machine.run(f"""({before} exec setsid {PIGTAIL} run /board/{site}) </dev/null >/dev/null 2>/board/log &
echo $! >/state/pid""")
        self.machine.wait("that it is ready", lambda: "ready\n" in (self.machine.share / "log").read_text(), 60)
        self.running = True

    def stop(self, signal="TERM"):
        self.machine.run(f"kill -{signal} $(cat /state/pid); while kill -0 $(cat /state/pid) 2>/dev/null; do sleep 0.1; done")
        self.running = False
        assert "Sanitizer" not in (log := (self.machine.share / "log").read_text()), log

    def plugs(self):
        o = self.machine.get("/api/plugs")
        return {p["name"]: p for p in o["inputs"] + o["relays"]}

    def wait(self, **states):
        """Until each plug is in that state; all plugs then."""
        def there():
            plugs = self.plugs()
            return plugs if all(plugs[n]["state"] == s for n, s in states.items()) else None

        return self.machine.wait(states, there, 20)

    def events(self, source, since=0):
        """The events of a source, beyond the first so many."""
        return self.machine.get(f"/api/events?order=oldest&limit=1000&source={source}")["events"][since:]

    def order(self, words, **options):
        return self.machine.run(f"{PIGTAIL} relay {words} --site /board/site.yaml", **options)


def seconds(machine, time):
    return float(machine.run(f"date -d '{time}' +%s.%N")[1])


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpio")
    (folder / "site.yaml").write_text(SITE)
    (folder / "line-info.py").write_text(LINE_INFO)
    (folder / "refuse.c").write_text(REFUSE)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "refuse.so", folder / "refuse.c"], check=True)
    with Machine(folder) as m:
        yield m


@pytest.fixture(scope="module")
def chip(machine):
    try:
        made = Chip(machine, {DOOR: "door", LAMP: "lamp"}, {TAKEN: "modem-reset"})
    except (subprocess.CalledProcessError, StopIteration) as e:
        pytest.skip(f"gpio-sim could not be had for this kernel: {e} {getattr(e, 'stderr', '')}")
    return made


@pytest.fixture(scope="module")
def program(machine, chip):
    b = Bench(machine, chip)
    yield b
    if b.running:
        b.stop()


@pytest.fixture
def bench(program):
    """The program runs, nothing is active."""
    program.chip.run(f"pull {DOOR} down; pull {BUTTON} up; pull {BEAM} down; pull {HORN} up")  # what the wiring does; a horn with current at low
    if not program.running:
        program.start()
        program.chip.run(f"pull {DOOR} down")  # after the bias that the site file gives
    program.wait(door="inactive", button="inactive", beam="inactive", lamp="off")
    return program


def test_from_an_edge_to_a_relays_line(bench):
    chip, known = bench.chip, len(bench.events("input/door"))
    out = chip.run(f"""L=$(line {LAMP})/value
date +%s.%N; pull {DOOR} up; date +%s.%N
n=0; while [ $(cat $L) = 0 ] && [ $n -lt 500 ]; do n=$((n + 1)); sleep 0.01; done; cat $L""").split()
    assert out[2] == "1", "the lamp's line did not rise"
    event = bench.events("input/door", known)[-1]
    assert event["state"] == "active"
    assert float(out[0]) - 0.001 <= seconds(bench.machine, event["time"]) <= float(out[1]) + 0.05, (out, event)
    assert bench.plugs()["lamp"]["state"] == "on"
    chip.pull(DOOR, "down")
    bench.wait(door="inactive", lamp="off")
    assert chip.value(LAMP) == 0


def test_an_edge_has_the_kernels_time_although_the_clock_is_set_meanwhile(bench):
    """Nobody reads for two seconds, and the clock goes an hour forward: the edge is where it would be by the clock that is right now."""
    known = len(bench.events("input/door"))
    out = bench.chip.run(f"""kill -STOP $(cat /state/pid)
cut -d' ' -f1 /proc/uptime; pull {DOOR} up; cut -d' ' -f1 /proc/uptime
sleep 2; date -s "@$(($(date +%s) + 3600))" >/dev/null
kill -CONT $(cat /state/pid)
python3 -c "import time; print(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))" """).split()
    before, after, now, uptime = map(float, out)
    bench.wait(door="active", lamp="on")
    event = bench.events("input/door", known)[-1]
    happened = seconds(bench.machine, event["time"])
    assert now - (uptime - before) - 0.1 <= happened <= now - (uptime - after) + 0.1, (out, event, happened)
    bench.machine.run("date -s @$(($(date +%s) - 3600))")


def test_bias_levels_and_contacts(bench):
    chip = bench.chip
    assert chip.run(f"for n in {DOOR} {BUTTON} {BEAM}; do cat $(line $n)/pull; done").split() == ["pull-down", "pull-up", "pull-down"]
    bench.stop()
    chip.run(f"pull {DOOR} down; pull {BUTTON} down; pull {BEAM} up")
    bench.start()  # asks for the bias that the site file gives
    assert chip.run(f"for n in {DOOR} {BUTTON} {BEAM}; do cat $(line $n)/pull; done").split() == ["pull-up", "pull-up", "pull-down"]
    # pulled up and shut to ground: low is closed; pulled down: high is
    bench.wait(door="active", button="inactive", beam="inactive")
    chip.run(f"pull {BUTTON} down; pull {BEAM} up")
    bench.wait(button="active", beam="active")
    # a coil that has current at low; a contact that the coil opens
    assert (chip.value(HORN), chip.value(LOCK)) == (1, 0)
    bench.order("horn on")
    bench.order("lock on")
    plugs = bench.wait(horn="on", lock="on")
    assert (chip.value(HORN), chip.value(LOCK)) == (0, 1) and not plugs["horn"]["warning"]
    chip.run(f"pull {DOOR} down")


def test_debounce_by_the_kernel(bench):
    info = bench.machine.run(f"python3 /board/line-info.py {BUTTON}; python3 /board/line-info.py {DOOR}")[1]
    assert info.splitlines() == ["pigtail:button [200000]", "pigtail:door []"]
    bounces(bench)


def test_debounce_by_the_program_where_the_kernel_refuses(bench):
    bench.stop()
    bench.start("export LD_PRELOAD=/board/refuse.so ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0;")
    bench.wait(button="inactive")
    assert bench.machine.run(f"python3 /board/line-info.py {BUTTON}")[1].splitlines() == ["pigtail:button []"]
    bounces(bench)
    bench.stop()


def test_a_chip_without_interrupts(bench):
    """Its lines are read often, and what is lost between is not said to be edges that nobody read."""
    bench.stop()
    bench.start("export REFUSE_EDGES=1 LD_PRELOAD=/board/refuse.so ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0;")
    bench.chip.run(f"pull {DOOR} down")
    bench.wait(door="inactive", lamp="off", button="inactive")
    known = len(bench.events("input/button"))
    bench.chip.pull(DOOR, "up")
    bench.wait(door="active", lamp="on")
    assert bench.chip.value(LAMP) == 1
    bench.chip.pull(DOOR, "down")
    bench.wait(door="inactive", lamp="off")
    bounces(bench)
    assert not [e for e in bench.events("input/button", known) if e["topic"] == "system"]
    bench.stop()


def bounces(bench):
    known = len(bench.events("input/button"))
    bench.chip.run(f"L=$(line {BUTTON})/pull\nfor to in down up; do echo pull-$to >$L; done")  # a disturbance
    at = bench.chip.run(f"""L=$(line {BUTTON})/pull
sleep 0.5
date +%s.%N
for to in down up down up down; do echo pull-$to >$L; done
date +%s.%N""").split()
    bench.wait(button="active")
    events = bench.events("input/button", known)
    assert [e["state"] for e in events] == ["active"]
    assert float(at[0]) - 0.05 <= seconds(bench.machine, events[0]["time"]) <= float(at[1]) + 0.05, (at, events)


def test_edges_that_nobody_read(bench):
    known, pulses = len(bench.events("input/beam")), 1500  # the kernel itself sees several as one when they come fast
    bench.chip.run(f"""kill -STOP $(cat /state/pid)
L=$(line {BEAM})/pull
n=0; while [ $n -lt {pulses} ]; do echo pull-up >$L; echo pull-down >$L; n=$((n + 1)); done
echo pull-up >$L
kill -CONT $(cat /state/pid)""")
    # it is active with the first of the edges that were kept; what was lost is known behind the last of them
    warned = bench.machine.wait("what was lost", lambda: [e for e in bench.events("input/beam", known) if e["topic"] == "system"], 20)
    bench.wait(beam="active")
    assert len(warned) == 1 and (lost := re.search(r"of gpiochip\d+ \(bench\): (\d+) edges came faster than they could be read", warned[0]["detail"])), warned
    assert 0 < int(lost[1]) <= 2 * pulses + 1 - 256


def test_a_chip_that_is_pulled_out(bench):
    bench.chip.pull(DOOR, "up")
    bench.wait(lamp="on")
    known = len(bench.events("input/door"))
    bench.chip.plug(False)
    plugs = bench.wait(door="fault", lamp="fault", button="fault")
    assert "there is no chip bench" in plugs["door"]["error"] or "its chip is gone" in plugs["door"]["error"]
    code, said = bench.order("lamp on", check=False)
    assert code == 1 and "there is no chip bench" in said
    bench.chip.plug(True)
    bench.wait(door="active", lamp="off", button="inactive")  # made safe; what is found on return starts no rule
    states = [(e["state"], e.get("detail", "")) for e in bench.events("input/door", known)]
    assert [s for s, _ in states] == ["fault", "active"] and "its chip is gone" in states[0][1]
    told = [(e["state"], e.get("actor")) for e in bench.events("relay/lamp") if e["topic"] == "command"]
    assert told[-1] == ("off", "return"), told
    bench.chip.pull(DOOR, "down")
    bench.wait(door="inactive")
    bench.chip.pull(DOOR, "up")
    bench.wait(lamp="on")


def test_a_line_that_somebody_else_has(bench):
    plug = bench.plugs()["taken"]
    assert plug["state"] == "fault" and re.fullmatch(r"line 6 of gpiochip\d+ \(bench\) is in use by 'modem-reset': end that, or name another line", plug["error"])


def test_a_program_that_is_killed(bench):
    """The lines go where the wiring puts them, here by the simulated resistors; a start finds the wiring that is not safe."""
    bench.chip.pull(DOOR, "up")
    bench.wait(lamp="on")
    bench.stop("KILL")
    assert (bench.chip.value(LAMP), bench.chip.value(HORN)) == (0, 1)
    bench.chip.pull(DOOR, "down")
    bench.start()
    assert not bench.wait(lamp="off")["lamp"]["warning"]
    bench.stop("KILL")
    bench.chip.pull(LAMP, "up")
    assert bench.chip.value(LAMP) == 1
    bench.start()
    warning = bench.wait(lamp="off")["lamp"]["warning"]
    assert "stood at on before this program took it" in warning, warning
    assert bench.chip.value(LAMP) == 0
    assert any(e.get("detail") == warning for e in bench.events("relay/lamp"))
    bench.chip.pull(LAMP, "down")


def test_the_rule_of_the_guide_on_lines_and_over_mqtt(bench):
    """A line of the chip, or a message at a broker, lights the lamp there for its two minutes; footage is kept, people are told."""
    machine, share = bench.machine, bench.machine.share
    rule = re.search(r"^rules:\n(?: .*\n)+", GUIDE.read_text(), re.M)[0]
    assert "between: [sunset, sunrise]" in rule and "flood: on, for: 2min" in rule
    midnight = (180 - 15 * time.gmtime().tm_hour) % 360 - 180  # the longitude where it is now

    def write(plugs):
        (share / "night.yaml").write_text(NIGHT.format(longitude=midnight, rule=rule, **plugs))

    def heard(topic):
        """What came under it at the broker, which is looked at from outside: asking the board takes seconds."""
        return [line[len(topic) + 1:] for line in (share / "heard").read_text().splitlines() if line.startswith(topic + " ")]

    def stand(door, flood):
        machine.wait(f"door {door}, flood {flood}", lambda: (heard("pigtail/input/door/state")[-1:], heard("pigtail/relay/flood/state")[-1:]) == ([door], [flood]), 30)

    def fired(times):
        """So often in all: in the log, and somebody was told."""
        def texts():
            return [json.loads(line)["text"] for line in (share / "told").read_text().splitlines()] if (share / "told").exists() else []
        machine.wait("what the rule did", lambda: texts() == ["Front door opened"] * times and
                     len([e for e in map(json.loads, heard("pigtail/event/rule/rule/night door")) if e["state"] == "fired"]) == times, 20)
        orders = [e for e in map(json.loads, heard("pigtail/event/command/relay/flood")) if e["actor"] == "rule/night door"]
        assert [(e["state"], e["detail"]) for e in orders] == [("on", "for 2min")] * times
    bench.stop()
    write(ON_GPIO)
    (share / "desk.py").write_text(DESK)
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x90:rate=2:duration=4", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", "2", share / "gate.mp4"],
                   check=True)
    (share / "broker").write_text("listener 1883 127.0.0.1\nallow_anonymous true\nuser root\n")
    bench.chip.run(f"""pull {DOOR} down
(exec setsid mosquitto -c /board/broker) </dev/null >/dev/null 2>&1 &
(exec setsid python3 /board/desk.py) </dev/null >/dev/null 2>&1 &
until mosquitto_sub -t none -E 2>/dev/null; do sleep 0.1; done
(exec setsid stdbuf -oL mosquitto_sub -v -t '#') </dev/null >/board/heard 2>&1 &""")
    bench.start(site="night.yaml")
    stand("inactive", "off")
    machine.wait("the camera", lambda: heard("pigtail/camera/gate/state")[-1:] == ["live"], 30)
    assert bench.chip.run(f"""pull {DOOR} up
n=0; while [ $(value {LAMP}) = 0 ] && [ $n -lt 500 ]; do n=$((n + 1)); sleep 0.01; done; value {LAMP}""").strip() == "1"
    stand("active", "on")
    fired(1)
    kept = machine.get("/api/keep")["kept"]
    assert [(k["camera"], k["who"]) for k in kept] == [("gate", "rule/night door")]
    # the same rule, its plugs at the broker
    write(ON_MQTT)
    machine.run("kill -HUP $(cat /state/pid); mosquitto_pub -r -t house/door -m OFF; mosquitto_pub -r -t house/flood -m OFF")
    stand("inactive", "off")
    machine.run("mosquitto_pub -r -t house/door -m ON")
    machine.wait("the order at the broker", lambda: heard("house/flood/set")[-1:] == ["ON"], 20)
    machine.run("mosquitto_pub -r -t house/flood -m ON")
    stand("active", "on")
    fired(2)
    assert bench.chip.value(LAMP) == 0  # made safe when it left the site file
    bench.stop()
