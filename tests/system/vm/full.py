"""The full machine: a Debian root file system with real daemons on a disk of its own, whose init we
are. Nobody's systemd comes along: the packages bring their unit files, and we import them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from .keeping import kept
from .kernel import Kernel

__all__ = [
    *("NETWORK", "PACKAGES", "PASSWORD", "UNITS", "WEST", "ZONE"),
    *("bootable", "disk_of", "full", "installed", "run", "tree", "write"),
]

NETWORK = ("-netdev", "user,id=n,restrict=on", "-device", "virtio-net-pci,netdev=n")
"""A network card, with nobody behind it."""

PASSWORD = "boot"
"""Of root, and of ada, who has a service of her own."""

ZONE, WEST = "America/Bogota", 5 * 3600
"""Where the machine is, and the seconds by which its hardware's clock, which shows the time there,
is behind: a zone without summer time.
"""

PACKAGES = (
    *("python3", "udev", "kmod", "util-linux", "login", "iproute2", "ifupdown", "procps"),
    *("netbase", "systemd-standalone-tmpfiles", "dbus", "rsyslog", "cron", "openssh-server"),
    *("nginx-light", "postgresql"),
)
UNITS = (
    *("dbus.socket", "dbus.service", "rsyslog.service", "cron.service", "ssh.service"),
    *("nginx.service", "postgresql@15-main.service"),
)
_LEFT_OUT = ("doc", "man", "locale", "info", "lintian")
_FILES = {
    "etc/hostname": "vm\n",
    "etc/hosts": "127.0.0.1 localhost vm\n",
    "etc/fstab": (
        "/dev/nvme0n1 / ext4 errors=remount-ro 0 1\n"
        "LABEL=var /var ext4 defaults 0 2\n"
        "tmpfs /srv/quick tmpfs size=16m 0 0\n"
        "LABEL=absent /srv/absent ext4 nofail 0 2\n"
        "/swapfile none swap sw 0 0\n"
    ),
    "etc/network/interfaces": (
        "auto lo\niface lo inet loopback\n"
        "auto eth0\niface eth0 inet static\n  address 10.0.2.15/24\n  gateway 10.0.2.2\n"
    ),
    "etc/adjtime": "0.0 0 0.0\n0\nLOCAL\n",
    "etc/modules": "loop\n",
    "etc/sysctl.d/50-test.conf": "kernel.domainname = test.example\n",
    "etc/tmpfiles.d/test.conf": "d /run/made-by-tmpfiles 0750 root root -\n",
    "etc/profile.d/stoker.sh": (
        '[ -n "$XDG_RUNTIME_DIR" ] || [ ! -O "/run/user/$(id -u)" ] || '
        'export XDG_RUNTIME_DIR="/run/user/$(id -u)"\n'
    ),
    "home/ada/.config/stoker/services/hers.toml": 'exec_start = ["sleep", "infinity"]\n',
}
_SESSION = """\
session [success=1 default=ignore] pam_succeed_if.so quiet uid < 1000
session optional pam_exec.so quiet /usr/bin/stoker --system user session
"""
"""People have a manager of their own when they log in; root works with the machine's."""


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program of this machine. Raises AssertionError, with what it said, when it fails."""
    done = subprocess.run(
        [str(word) for word in words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def tree(folder: Path, packages: Iterable[str] = PACKAGES) -> Path:
    """Debian with these packages in FOLDER/root, from what is `kept` if it is there. Skips where
    it cannot be made.
    """
    for program in ("mmdebstrap", "mke2fs"):
        if shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
            pytest.skip(f"there is no {program} here")
    if sys.version_info[:2] != (3, 11):
        pytest.skip("Debian 12 has Python 3.11, and stoker runs by another one here")
    root, names = folder / "root", ",".join(packages)
    stock = kept(folder) / f"debian-{hashlib.sha256(names.encode()).hexdigest()[:12]}"
    if not stock.is_dir():
        fresh = stock.with_suffix(f".{os.getpid()}")
        _debian(fresh, names)
        try:
            fresh.rename(stock)
        except OSError:  # somebody else was faster
            if not stock.is_dir():
                raise
            shutil.rmtree(fresh)
    if stock.parent == folder:
        stock.rename(root)
    else:
        run("cp", "-a", "--reflink=auto", stock, root)
    return root


def _debian(root: Path, packages: str) -> None:
    """As a disk that nobody needs when the power fails: nothing waits until it is written."""
    options = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT]
    options += ["--dpkgopt=force-unsafe-io", "--aptopt=APT::Install-Recommends false"]
    run("mmdebstrap", "--mode=root", "--variant=minbase", "--skip=cleanup/apt",
        f"--include={packages}", *options, "bookworm", root)  # fmt: skip


def full(root: Path, kernel: Kernel, folder: Path) -> tuple[Path, Path]:
    """Make stoker the init of a tree, which is gone then, and two disks of it in FOLDER: all but
    /var, and /var.
    """
    write(root, _FILES)
    with (root / "etc/pam.d/common-session").open("a") as file:
        file.write(_SESSION)
    run("chroot", root, "sh", "-ec", "useradd -s /bin/bash ada; chown -R ada: /home/ada")
    _password(root, "ada")
    # Not zeros: those would become holes on the disk, and swapon(8) refuses a file with holes.
    run("dd", "if=/dev/urandom", f"of={root}/swapfile", "bs=1M", "count=16")
    run("chroot", root, "sh", "-c", "chmod 600 /swapfile; /sbin/mkswap /swapfile")
    (root / "etc/localtime").unlink(missing_ok=True)
    (root / "etc/localtime").symlink_to(f"/usr/share/zoneinfo/{ZONE}")
    bootable(root, kernel)
    installed(root, UNITS)
    _agent(root)
    var = folder / "var"
    (root / "var").rename(var)
    (root / "var").mkdir()
    return disk_of(root, folder / "disk", "900M"), disk_of(var, folder / "disk-var", "500M")


def write(root: Path, files: Mapping[str, str]) -> None:
    """These files in a root, by their path without the slash."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def bootable(root: Path, kernel: Kernel) -> None:
    """The kernel's modules, and a password for root."""
    modules = root / "usr/lib/modules" / kernel.release
    if not modules.is_dir():
        shutil.copytree(kernel.modules, modules, symlinks=True)
    run("chroot", root, "/sbin/depmod", kernel.release)
    _password(root, "root")


def _password(root: Path, name: str) -> None:
    """Hashed so that it is known at once: what makes that hard to guess takes seconds here."""
    run("chroot", root, "sh", "-ec", f"echo {name}:{PASSWORD} | chpasswd -c SHA256 -s 1000")


def installed(root: Path, units: Iterable[str]) -> None:
    """stoker in a root, with these units of systemd's as its services."""
    code = "import sys; from stoker.cli import main; sys.exit(main())"
    run(sys.executable, "-c", code, "system", "install", "--root", root)
    run("chroot", root, "/usr/bin/stoker", "import", "systemd", *units,
        "--to", "/etc/stoker/services")  # fmt: skip


def disk_of(tree: Path, image: Path, size: str) -> Path:
    """An ext4 file system of a tree, which is removed, in the file IMAGE."""
    run("mke2fs", "-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=1", "-m", "0",
        "-L", tree.name, "-d", tree, image, size)  # fmt: skip
    run("rm", "-rf", tree)
    return image


def _agent(root: Path) -> None:
    shutil.copy(Path(__file__).with_name("agent.py"), root / "usr/lib/agent.py")
    (root / "etc/stoker/services/agent.toml").write_text(
        'description = "runs commands for the tests"\n'
        'exec_start = ["/usr/bin/python3", "-IS", "/usr/lib/agent.py", "/dev/ttyS1"]\n'
    )
