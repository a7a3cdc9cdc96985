"""The file systems that every program takes for granted, and the root file system's own state.

API mounts as nosh has them (nosh.md 6.4), with cgroup2 on /sys/fs/cgroup and /dev/shm as a mount. A
point where something is mounted already keeps it; only the options of the mount itself are renewed.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

from stoker.linux import machine, mounts

__all__ = ["API", "Api", "mount_api", "mounted", "open_disks", "writable"]

_SAFE = machine.NOSUID | machine.NODEV | machine.NOEXEC
_DEVICES = machine.NOSUID | machine.STRICT_TIMES


class Api(NamedTuple):
    """One of them: where, of which kind, with which flags and data."""

    point: str
    kind: str
    flags: int
    data: str = ""


API = (
    Api("/proc", "proc", _SAFE),
    Api("/sys", "sysfs", _SAFE),
    Api("/dev", "devtmpfs", _DEVICES, "mode=0755,size=10M"),
    Api("/dev/pts", "devpts", _DEVICES | machine.NOEXEC, "ptmxmode=0666,mode=0620,gid=5"),
    Api("/dev/shm", "tmpfs", machine.NOSUID | machine.NODEV | machine.STRICT_TIMES, "mode=1777"),
    Api("/run", "tmpfs", machine.NOSUID | machine.NODEV | machine.STRICT_TIMES,
        "mode=0755,size=20%"),
    Api("/sys/fs/cgroup", "cgroup2", _SAFE, "nsdelegate"),
)  # fmt: skip
_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
          "stderr": "/proc/self/fd/2", "core": "/proc/kcore", "ptmx": "pts/ptmx"}  # fmt: skip
_NODES = {  # of a /dev that the kernel does not fill (Documentation/admin-guide/devices.txt)
    "null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9),
    "tty": (5, 0), "console": (5, 1), "kmsg": (1, 11),
}  # fmt: skip
_PRIVATE = {"console": 0o600, "kmsg": 0o644}
_OURS = ("/usr", "/var", "/var/lib", "/var/log")
"""Whatever of these has a file system of its own: state and logs of ours are below."""
_NEVER_WRITABLE = {"squashfs", "erofs", "iso9660", "cramfs"}
_TRIAL = 65536  # bytes: with less room nothing can be kept there
_REPAIRED, _REBOOT, _LEFT = 1, 2, 4  # bits of fsck(8)'s status


def mounted(point: str) -> mounts.Mount | None:
    """What is mounted there, the uppermost."""
    return next((one for one in reversed(mounts.mounts()) if one.point == point), None)


def mount_api() -> Iterator[str]:
    """Mount them all; yields what went wrong."""
    for one in API:
        try:
            _mount(one)
        except OSError as error:
            yield f"{one.point}: {error.strerror}"
    yield from _devices()


def _mount(one: Api) -> None:
    if one.kind == "cgroup2" and any(m.kind == "cgroup2" for m in mounts.mounts()):
        return
    if one.kind == "proc" and _own_proc():
        return
    if one.kind != "proc" and mounted(one.point):
        return
    try:
        os.mkdir(one.point, 0o755)
    except OSError:
        pass  # it is there; or cannot be made, which the mount itself will say
    try:
        machine.mount(one.kind, one.point, one.kind, one.flags, one.data)
    except OSError:
        if not one.data:
            raise
        machine.mount(one.kind, one.point, one.kind, one.flags)  # an option of newer kernels


def _own_proc() -> bool:
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False


def _devices() -> Iterator[str]:
    """What may be missing in /dev, where the kernel does not make it."""
    for name, target in _LINKS.items():
        try:
            if not os.path.lexists(f"/dev/{name}"):
                os.symlink(target, f"/dev/{name}")
        except OSError as error:
            yield f"/dev/{name}: {error.strerror}"
    for name, numbers in _NODES.items():
        try:
            if not os.path.lexists(f"/dev/{name}"):
                mode = _PRIVATE.get(name, 0o666)
                os.mknod(f"/dev/{name}", 0o020000 | mode, os.makedev(*numbers))
                os.chmod(f"/dev/{name}", mode)
        except OSError as error:
            yield f"/dev/{name}: {error.strerror}"


def writable(path: str) -> bool:
    """Whether a directory is there, or can be made, and takes files with something in them."""
    trial = f"{path}/.stoker-{os.getpid()}"
    try:
        os.makedirs(path, 0o755, exist_ok=True)
        try:
            with open(trial, "wb") as file:
                file.write(bytes(_TRIAL))
        finally:
            os.unlink(trial)
    except OSError:
        return False
    return True


def open_disks() -> Iterator[str]:
    """Check the root file system and make it writable, unless fstab has it otherwise; mount those
    that we keep our own state and logs on. Yields what is to be said.
    """
    table = {one.point: one for one in mounts.fstab()}
    root = mounted("/")
    entry = table.get("/")
    closed = root is not None and "ro" in root.options and root.kind not in _NEVER_WRITABLE
    if closed and (entry is None or "ro" not in entry.options):
        if entry is not None:
            yield from _check("/")
        yield from _run("mount", "-o", "remount,rw", "/")
    for point in _OURS:
        if point in table and "noauto" not in table[point].options and mounted(point) is None:
            yield from _check(point)
            yield from _run("mount", point)


def _check(point: str) -> Iterator[str]:
    status = _status("fsck", "-a", "-T", point)
    if status is None or status <= _REPAIRED:
        return
    if status & _REBOOT and not status & _LEFT:
        yield f"fsck {point}: repaired; the machine is started anew"
        os.sync()
        machine.reboot(machine.RESTART)
    yield f"fsck {point}: errors are left (status {status})"


def _run(*words: str) -> Iterator[str]:
    status = _status(*words)
    if status:
        yield f"{' '.join(words)}: status {status}"
    elif status is None and words[0] == "mount" and words[1:2] == ("-o",):
        machine.mount("", "/", "", machine.REMOUNT)  # a root without mount(8)


def _status(*words: str) -> int | None:
    """The exit status of a program; None when there is no such program."""
    try:
        return subprocess.run(words, stdin=subprocess.DEVNULL, check=False).returncode
    except FileNotFoundError:
        return None
