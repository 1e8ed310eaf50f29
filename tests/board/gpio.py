# SPDX-License-Identifier: Apache-2.0
"""A GPIO chip on the board: the kernel's own gpio-sim, whose lines are pulled, read back and taken away from the other side. Debian's
kernel comes without it, so it is built from the kernel's source as it is; of its one helper, irq_sim, a call that modules may
not make is replaced by the one that they may."""
import re
import shutil
import subprocess

import board

PARTS = ["drivers/gpio/gpio-sim.c", "drivers/gpio/gpiolib.h", "kernel/irq/irq_sim.c"]
LIBRARY = """C=/sys/kernel/config/gpio-sim/bench
line() { echo /sys/devices/platform/$(cat $C/dev_name)/$(cat $C/bank0/chip_name)/sim_gpio$1; }
pull() { echo pull-$2 >$(line $1)/pull; }
value() { cat $(line $1)/value; }
"""


def fetch(package):
    """Unpacks a package of the board's own kernel beside it."""
    to = board.FOLDER / "unpacked"
    if not list(board.FOLDER.glob(f"{package}_*.deb")):
        board.run("apt-get", "download", package, cwd=board.FOLDER)
    board.run("dpkg-deb", "-x", next(board.FOLDER.glob(f"{package}_*.deb")), to)
    return to


def module():
    """The module for the board's kernel, built once."""
    board.prepare()
    version = next((board.FOLDER / "image/lib/modules").iterdir()).name
    made = board.FOLDER / f"gpio-sim-{version}.ko"
    if made.exists():
        return made
    series = ".".join(version.split(".")[:2])
    depends = board.run("apt-cache", "depends", f"linux-headers-{version}", text=True).stdout
    for package in [f"linux-headers-{version}", f"linux-source-{series}", *re.findall(r"Depends: (linux-(?:headers|kbuild)\S+)", depends)]:
        unpacked = fetch(package)
    headers = unpacked / f"usr/src/linux-headers-{version}"
    makefile = (headers / "Makefile").read_text()
    (headers / "Makefile").write_text(re.sub(r"include (?=/usr/src)", f"include {unpacked}", makefile))
    work = board.FOLDER / "gpio-sim"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    board.run("tar", "-xJf", unpacked / f"usr/src/linux-source-{series}.tar.xz", "-C", work, "--strip-components=3", "--occurrence=1",
              *(f"linux-source-{series}/{part}" for part in PARTS))
    irq_sim = work / "irq_sim.c"
    irq_sim.write_text(re.sub(r"handle_simple_irq\(irq_to_desc\((\w+)\)\)", r"generic_handle_irq(\1)", irq_sim.read_text()))
    (work / "Kbuild").write_text("obj-m := gpio_sim_board.o\ngpio_sim_board-y := gpio-sim.o irq_sim.o\n")
    board.run("make", "-C", headers, f"M={work}", "CC=gcc", "modules")
    shutil.copy(work / "gpio_sim_board.ko", made)
    return made


class Chip:
    """Eight lines labelled `bench` on a machine. names: of lines, by number; hogs: lines that somebody else holds."""

    def __init__(self, machine, names, hogs=None):
        self.machine = machine
        (machine.share / "gpio.sh").write_text(LIBRARY)
        named = "".join(f"mkdir $C/bank0/line{n}; echo {name} >$C/bank0/line{n}/name\n" for n, name in names.items())
        held = "".join(f"mkdir -p $C/bank0/line{n}/hog; echo {who} >$C/bank0/line{n}/hog/name; echo input >$C/bank0/line{n}/hog/direction\n"
                       for n, who in (hogs or {}).items())
        self.run(f"insmod {module()} && mount -t configfs none /sys/kernel/config\nmkdir -p $C/bank0 && echo 8 >$C/bank0/num_lines "
                 f"&& echo bench >$C/bank0/label\n{named}{held}echo 1 >$C/live")

    def run(self, script, **options):
        """What a script says that knows `pull LINE up|down` and `value LINE`."""
        return self.machine.run(". /board/gpio.sh\n" + script, **options)[1]

    def pull(self, line, to):
        self.run(f"pull {line} {to}")

    def value(self, line):
        return int(self.run(f"value {line}"))

    def plug(self, there):
        """The chip with its lines is put in, or pulled out while they are held."""
        self.run(f"echo {int(there)} >$C/live")
