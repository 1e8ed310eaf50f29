# SPDX-License-Identifier: Apache-2.0
"""A machine with a real kernel and a camera that its driver vivid makes, in QEMU: the host's own files are its root,
read-only, so that what was built here runs there. One boot runs one script; tests/board has cards in its slot and pulls them."""
import hashlib
import pathlib
import shutil
import subprocess
import tempfile

FOLDER = pathlib.Path("/var/tmp/pigtail-board")  # the kernel, fetched and unpacked once
MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay", "vivid", "vhci_hcd", "uvcvideo", "snd_aloop", "sdhci_pci", "mmc_block", "crc32c_generic", "ext4", "configfs"]
INIT = r"""#!/bin/busybox sh
B=/bin/busybox
$B mount -t proc p /proc; $B mount -t sysfs s /sys; $B mount -t devtmpfs d /dev
for m in virtio_pci 9pnet_virtio 9p overlay; do $B modprobe $m; done
O=trans=virtio,version=9p2000.L,msize=262144
$B mount -t 9p -o ro,cache=loose,$O root /ro
$B mount -t tmpfs t /rw; $B mkdir /rw/u /rw/w
$B mount -t overlay o -o lowerdir=/ro,upperdir=/rw/u,workdir=/rw/w /root
$B mkdir -p /root/board
$B mount -t 9p -o $O share /root/board
$B modprobe vivid n_devs=1 node_types=0x1 input_types=0x0
for m in uvcvideo vhci_hcd snd_aloop sdhci_pci mmc_block crc32c_generic ext4 configfs; do $B modprobe $m; done
for d in proc sys dev; do $B mount --move /$d /root/$d; done
$B mount -t tmpfs t /root/tmp; $B mount -t tmpfs t /root/run; $B mkdir /root/dev/shm; $B mount -t tmpfs t /root/dev/shm
$B ip link set lo up
$B chroot /root /bin/sh /board/script >/root/board/out 2>&1
echo $? >/root/board/status
$B sync; echo o >/root/proc/sysrq-trigger; $B sleep 30
"""


def missing():
    """Why there is no board here, or None."""
    for program in ("qemu-system-x86_64", "busybox", "cpio", "depmod", "modprobe"):
        if not shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            return f"{program} is not here"
    return None


def run(*command, **options):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, **options)


def prepare():
    """The kernel and the initramfs; returns their paths."""
    made_of = hashlib.sha256(repr([MODULES, INIT]).encode()).hexdigest()[:12]
    kernel, initrd = FOLDER / "vmlinuz", FOLDER / f"initrd-{made_of}"
    if initrd.exists() and kernel.exists():
        return kernel, initrd
    FOLDER.mkdir(parents=True, exist_ok=True)
    image = FOLDER / "image"
    if not image.exists():
        depends = run("apt-cache", "depends", "linux-image-amd64", text=True).stdout
        package = next(line.split()[1] for line in depends.splitlines() if "Depends: linux-image" in line)
        run("apt-get", "download", package, cwd=FOLDER)
        run("dpkg-deb", "-x", next(FOLDER.glob("linux-image*.deb")), FOLDER / "image.partial")
        (FOLDER / "image.partial").rename(image)
    version = next((image / "lib/modules").iterdir()).name
    shutil.copy(image / f"boot/vmlinuz-{version}", kernel)
    run("/sbin/depmod", "-b", image, version)
    root = pathlib.Path(tempfile.mkdtemp(prefix="root-", dir=FOLDER))
    for d in ("bin", "sbin", "proc", "sys", "dev", "ro", "rw", "root"):
        (root / d).mkdir(parents=True, exist_ok=True)
    shutil.copy(shutil.which("busybox"), root / "bin")
    for module in MODULES:
        shown = run("/sbin/modprobe", "-d", image, "-S", version, "--show-depends", module, text=True).stdout
        for line in shown.splitlines():
            if line.startswith("insmod"):
                path = pathlib.Path(line.split()[1])
                to = root / path.relative_to(image)
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, to)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(image / "lib/modules" / version / name, root / "lib/modules" / version)
    run("/sbin/depmod", "-b", root, version)
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    partial = root.with_suffix(".cpio")
    with partial.open("wb") as out:
        names = subprocess.run(["find", "."], cwd=root, check=True, capture_output=True).stdout
        subprocess.run(["cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet"], cwd=root, input=names, stdout=out, check=True)
    partial.rename(initrd)
    shutil.rmtree(root)
    return kernel, initrd


def command(share, script):
    """What runs a shell script on the board, its folder `share` is /board there."""
    kernel, initrd = prepare()
    (share / "script").write_text(script)
    return ["qemu-system-x86_64", "-M", "pc", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024", "-nodefaults", "-display", "none",
            "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append", "console=ttyS0 panic=-1 mitigations=off random.trust_cpu=on quiet",
            "-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap", "-device", "virtio-9p-pci,fsdev=root,mount_tag=root",
            "-fsdev", f"local,id=share,path={share},security_model=none", "-device", "virtio-9p-pci,fsdev=share,mount_tag=share",
            "-device", "virtio-rng-pci", "-serial", f"file:{share}/console"]


def boot(share, script, seconds=240):
    """One boot for one script. Returns (status, output)."""
    done = subprocess.run(command(share, script), capture_output=True, text=True, timeout=seconds)
    console = (share / "console").read_text(errors="replace")[-2000:] if (share / "console").exists() else ""
    assert (share / "status").exists(), done.stderr + console
    return int((share / "status").read_text()), (share / "out").read_text(errors="replace")
