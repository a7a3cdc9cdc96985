"""The root file system that all of them boot."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from vm import Kernel, Machine, fetch_kernel
from vm.full import NETWORK, PACKAGES, PASSWORD, UNITS, bootable, disk_of, installed, tree, write

__all__ = ["INITS", "Init", "Image", "make"]


class Init(NamedTuple):
    """One of them: the kernel's `init=`, and the command by which it ends the machine."""

    name: str
    program: str
    poweroff: str


INITS = (
    Init("stoker", "/usr/lib/stoker/init", "stoker system-control poweroff"),
    Init("systemd", "/lib/systemd/systemd", "systemctl poweroff"),
    Init("sysvinit", "/sbin/init", "/sbin/poweroff"),
)
APPEND = "root=/dev/nvme0n1 rootfstype=ext4 ro devtmpfs.mount=1 net.ifnames=0"
_OURS = "systemd-standalone-tmpfiles"  # systemd has its own
_PACKAGES = (
    *(one for one in PACKAGES if one != _OURS),
    *("systemd", "sysvinit-core", "orphan-sysvinit-scripts"),
)
_FILES = {
    "etc/hostname": "vm\n",
    "etc/hosts": "127.0.0.1 localhost vm\n",
    "etc/fstab": "/dev/nvme0n1 / ext4 errors=remount-ro 0 1\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",  # no first boot of systemd's
    "etc/network/interfaces": (
        "auto lo\niface lo inet loopback\n"
        "auto eth0\niface eth0 inet static\n  address 10.0.2.15/24\n  gateway 10.0.2.2\n"
    ),
    # Asked from outside: not by way of the loopback interface, which is all it listens to.
    "etc/postgresql/15/main/conf.d/outside.conf": "listen_addresses = '*'\n",
}
_SERIAL = "T0:2345:respawn:/sbin/getty -L ttyS0 115200 vt100\n"


class Image(NamedTuple):
    """The kernel, and for each init a disk that it has booted and ended once: nobody does then
    what is done at the first boot only.
    """

    kernel: Kernel
    disks: dict[str, Path]


def make(folder: Path, inits: tuple[Init, ...]) -> Image:
    """Make it in FOLDER, or take what is there already. Skips (pytest's way) where it cannot be."""
    kernel = fetch_kernel(folder / "kernel")
    fresh = folder / "disk"
    if not fresh.exists():
        root = tree(folder, _PACKAGES)
        write(root, _FILES)
        bootable(root, kernel)
        with (root / "etc/inittab").open("a") as file:
            file.write(_SERIAL)
        installed(root, UNITS)
        disk_of(root, fresh, "1200M")
    disks = {one.name: folder / f"disk-{one.name}" for one in inits}
    for init in inits:
        if not disks[init.name].exists():
            _settle(kernel, fresh, disks[init.name], init)
    return Image(kernel, disks)


def _settle(kernel: Kernel, fresh: Path, disk: Path, init: Init) -> None:
    """Boot once, log in, and have it end in order."""
    own = disk.with_suffix(".new")
    shutil.copyfile(fresh, own)
    append = f"{APPEND} init={init.program}"
    with Machine(
        kernel.image,
        disks=[own],
        append=append,
        memory=1024,
        processors=2,
        keep=True,
        extra=NETWORK,
    ) as machine:
        for wanted, typed in _login():
            machine.console.wait(wanted)
            machine.console.send(f"{typed}\n")
        machine.console.wait("# ")
        machine.console.send(f"{init.poweroff}\n")
        machine.wait_gone()
    own.rename(disk)


def _login() -> Iterator[tuple[str, str]]:
    yield "login: ", "root"
    yield "assword: ", PASSWORD
