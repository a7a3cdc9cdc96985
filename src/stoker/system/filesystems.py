"""The file systems that every program takes for granted, and the root file system's own state.

API mounts as nosh has them (nosh.md 6.4), with cgroup2 on /sys/fs/cgroup and /dev/shm as a mount. A
point where something is mounted already (by an initramfs, say) keeps it as it is.

What fsck(8) leaves errors on is not written to: the root file system then stays read-only, another
one is not mounted.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Generator, Iterable, Iterator
from typing import NamedTuple

from stoker.linux import files, machine, mounts

from .children import status_of

__all__ = ["API", "Api", "carry", "lacking", "mount_api", "mounted", "open_disks", "writable"]

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
_MOUNTING = 600.0  # seconds: a journal may be long, another machine may never answer
_MOST = 64 << 20  # bytes of a file that are carried into memory


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


def lacking(
    path: str,
    table: Iterable[mounts.Entry] | None = None,
    there: Collection[str] | None = None,
) -> str:
    """The mount point above a path that fstab has and where nothing is mounted; "" for none. What
    is written below it would be hidden as soon as something is mounted there.
    """
    now = {one.point for one in mounts.mounts()} if there is None else there
    for one in mounts.fstab() if table is None else table:
        above = one.point in _OURS and f"{path}/".startswith(one.point + "/")
        if above and "noauto" not in one.options and one.point not in now:
            return one.point
    return ""


def carry(names: Iterable[str], source: str, target: str) -> Iterator[str]:
    """Copy files that are there from one directory into another, which is made. Yields what goes
    wrong.
    """
    for name in names:
        try:
            with open(f"{source}/{name}", "rb") as file:
                data = file.read(_MOST + 1)
            if len(data) > _MOST:
                raise OSError(errno.EFBIG, "too large to be kept in memory")
            os.makedirs(target, 0o755, exist_ok=True)
            fd = os.open(f"{target}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(fd, "wb") as file:
                file.write(data)
        except FileNotFoundError:
            pass  # nothing was chosen yet, or it is where nothing is mounted
        except OSError as error:
            yield f"{source}/{name}: {error.strerror}"


def open_disks() -> Iterator[str]:
    """Check the root file system and make it writable, unless fstab has it otherwise; mount those
    that we keep our own state and logs on. Yields what is to be said.
    """
    table = {one.point: one for one in mounts.fstab()}
    root = mounted("/")
    entry = table.get("/")
    closed = root is not None and "ro" in root.options and root.kind not in _NEVER_WRITABLE
    if closed and (entry is None or "ro" not in entry.options):
        if entry is None or (yield from _sound(entry)):
            yield from _run("mount", "-o", "remount,rw", "/")
        else:
            yield "/ stays read-only"
    for point in _OURS:
        if point in table and "noauto" not in table[point].options and mounted(point) is None:
            if (yield from _sound(table[point])):
                yield from _run("mount", point)
            else:
                yield f"{point} is not mounted"


def _sound(entry: mounts.Entry) -> Generator[str, None, bool]:
    """Whether a file system may be written to, as far as fsck(8) knows."""
    said = (files.read("/proc/cmdline") or b"").split()
    if not entry.checked or b"fsck.mode=skip" in said:
        return True
    try:
        status = status_of(("fsck", "-a", "-T", entry.point))
    except FileNotFoundError:
        return True  # a machine without fsck(8) has no file system that needs it
    except OSError as error:
        yield f"fsck: {error.strerror}"
        return True
    if status in (0, _REPAIRED):
        return True
    if status > 0 and status & _REBOOT and not status & _LEFT:
        yield f"fsck {entry.point}: repaired; the machine is started anew"
        os.sync()
        machine.reboot(machine.RESTART)
    # Killed, misused, or there is no such device: it says nothing about the file system.
    left = status > 0 and bool(status & _LEFT)
    yield f"fsck {entry.point}: {'errors are left' if left else 'it failed'} (status {status})"
    return not left


def _run(*words: str) -> Iterator[str]:
    """mount(8); without that program a root file system is made writable all the same."""
    try:
        status = status_of(words, _MOUNTING)
    except OSError as error:
        if words[1] == "-o":
            machine.mount("", "/", "", machine.REMOUNT)
        else:
            yield f"{words[0]}: {error.strerror}"
        return
    if status:
        yield f"{' '.join(words)}: status {status}"
