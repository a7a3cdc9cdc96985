"""Small things that are set once, when a machine begins: name, language, clock, cgroups, keys."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable

from stoker.linux import cgroup, machine

__all__ = [
    *("kind", "locale", "set_clock", "set_hostname", "take_keys", "use_controllers", "warp_clock"),
]

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LOCALES = ("/etc/locale.conf", "/etc/default/locale", "/etc/sysconfig/i18n",
            "/etc/sysconfig/language", "/etc/sysconf/i18n")  # fmt: skip


_RELEASED = 1_795_300_000  # seconds since the epoch: nobody runs this before (2026-11-21)
_FAR = 20 * 365.25 * 86_400
_FIRST = "pid:[4026531836]"  # the first pid namespace's inode (linux/proc_ns.h)


def kind() -> str:
    """What we are the first process of: "machine", "namespace" (of processes: somebody else has
    the disks, the clock and the keyboard), or "container" (and who made it says so).
    """
    if os.environ.get("container"):  # noqa: SIM112 (its name, in lower case)
        return "container"
    try:
        return "machine" if os.readlink("/proc/self/ns/pid") == _FIRST else "namespace"
    except OSError:
        return "namespace"  # nothing that is not certainly ours is touched


def set_hostname(path: str = "/etc/hostname") -> None:
    """Give the machine the name that the file has; without one it keeps what it has, if any."""
    name = ""
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.partition("#")[0].strip() for line in file]
        name = next((line for line in lines if line), "")
    except (OSError, ValueError):
        pass  # no file, or none that is text: as though it were empty
    if not name and socket.gethostname() in ("", "(none)"):
        name = "localhost"
    if name:
        socket.sethostname(name)


def locale(paths: tuple[str, ...] = _LOCALES, folder: str = "/etc/locale.d") -> dict[str, str]:
    """The variables of language, from the first file that can be read and a directory with one
    file for each variable.
    """
    found = {"LANG": "C.UTF-8"}
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
        except (OSError, ValueError):
            continue
        for line in lines:
            name, sign, value = line.strip().partition("=")
            if sign and _is_locale(name):
                found[name] = value.strip().strip("\"'")
        break
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        names = []
    for name in filter(_is_locale, names):
        try:
            with open(f"{folder}/{name}", encoding="utf-8") as file:
                found[name] = file.readline().rstrip("\n")
        except (OSError, ValueError):
            continue
    return found


def _is_locale(name: str) -> bool:
    return name in ("LANG", "LANGUAGE") or (name.startswith("LC_") and name.isascii())


def set_clock(
    stamps: tuple[str, ...],
    now: float | None = None,
    *,
    ours: str = __file__,
    set_time: object = None,
) -> float | None:
    """Without a clock that runs on when the power is off, time begins at least where it was when
    the first of these files that is there was written: the one that every boot writes is named
    first, so a clock that was once far ahead is not believed for ever. Nor is one that was more
    than twenty years ahead of the time at which the program `ours` was installed. Returns what it
    was set to, None if it was later already.
    """
    latest = next(filter(None, map(_written, stamps)), 0.0)
    if (time.time() if now is None else now) >= latest:
        return None
    if latest > max(_written(ours), _RELEASED) + _FAR:
        return None
    if callable(set_time):
        set_time(latest)
    else:
        time.clock_settime(time.CLOCK_REALTIME, latest)
    return latest


def _written(path: str) -> float:
    """When a file was written last; 0 when it is not there."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def warp_clock(
    adjusted: str = "/etc/adjtime",
    zone: str = "/etc/localtime",
    now: float | None = None,
    *,
    set_zone: Callable[[int], object] = machine.set_zone,
) -> int | None:
    """Where the hardware's clock shows local time (hwclock(8)), the kernel took that for UTC: put
    its time right. Before file systems are checked, which were written in a future else. Returns
    the minutes west of UTC, None for a clock that shows UTC. Raises OSError, ValueError.
    """
    try:
        with open(adjusted, encoding="utf-8") as file:
            if "LOCAL" not in file.read().split():
                return None
    except FileNotFoundError:
        return None
    from datetime import UTC, datetime, timedelta
    from zoneinfo import ZoneInfo

    with open(zone, "rb") as rules:
        here = ZoneInfo.from_file(rules)
    shown = datetime.fromtimestamp(time.time() if now is None else now, UTC).replace(tzinfo=here)
    west = -(shown.utcoffset() or timedelta()) // timedelta(minutes=1)
    set_zone(west)
    return west


def use_controllers() -> None:
    """Let what is below the root cgroup have limits. Raises OSError."""
    mount = cgroup.find_mount()
    if mount is not None:
        top = cgroup.Cgroup(mount.point)
        top.enable(top.controllers())


def take_keys(terminals: tuple[str, ...] = ("/dev/tty0", "/dev/console")) -> list[str]:
    """Ctrl-Alt-Del and Alt-Up become signals; returns what cannot be had. A container and a
    machine without a keyboard have neither.
    """
    wrong = []
    try:
        machine.reboot(machine.KEYS_OFF)
    except OSError as error:
        wrong.append(f"Ctrl-Alt-Del: {error.strerror}")
    why: str | None = "there is no terminal"
    for path in terminals:
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            why = error.strerror
            continue
        try:
            machine.alt_up_spawns(fd, signal.SIGWINCH)
        except OSError as error:
            why = error.strerror
        else:
            return wrong
        finally:
            os.close(fd)
    return [*wrong, f"Alt-Up: {why}"]
