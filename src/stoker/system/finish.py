"""The end of a machine, executed by its keeper in its own place: `finish RUN ACTION`.

Kill what is left, swap no more, unmount or make read-only, synchronise, then the power state.
Everything that is needed is loaded before the first file system goes. A container has neither disks
nor power: the process just ends. Of a bare pid namespace reboot(2) ends the first process alone,
which its parent sees as SIGHUP (a restart) or SIGINT.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable

from stoker.linux import machine, memory, mounts

from . import early, reason
from .console import say

__all__ = ["COMMANDS", "apart", "main", "swap_off_all", "unmount_all"]

COMMANDS = {
    "halt": machine.HALT,
    "poweroff": machine.POWER_OFF,
    "reboot": machine.RESTART,
    "powercycle": machine.RESTART,
}
"""Linux has no power cycle of its own: it is started anew (nosh.md 6.5)."""

_TERM_WAIT, _KILL_WAIT, _PATIENCE = 3.0, 5.0, 60.0  # seconds
_ROUNDS = 5
_KEPT = {"proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "rootfs"}
_IN_USE = {"/", "/dev", "/proc", "/sys", "/run", "/usr"}


def main(words: list[str]) -> int:
    """The program. Returns where there is no power to be switched."""
    run, action = words[0], words[1] if len(words) > 1 else "halt"
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    kind = early.kind()
    _guarded("processes", end_processes)
    apart("disks", lambda: _leave(run, action, disks=kind == "machine"))
    say(f"{action}: the end")
    if kind != "container":
        try:
            machine.reboot(COMMANDS.get(action, machine.HALT))
        except OSError as error:
            say(f"{action}: {error.strerror}")
    if os.getpid() == 1 and kind == "machine":
        while True:  # the first process does not end
            time.sleep(3600.0)
    return 0


def _leave(run: str, action: str, *, disks: bool) -> None:
    _guarded("reason", lambda: keep_reason(run, action))
    os.sync()
    if disks:
        _guarded("swap", lambda: _tell(swap_off_all()))
        _guarded("file systems", lambda: _tell(unmount_all()))
        os.sync()


def apart(
    what: str,
    step: Callable[[], object],
    patience: float = _PATIENCE,
    unwritten: Callable[[], int] = memory.unwritten,
) -> None:
    """Do it in a process of its own. A disk, or a server of file systems, that does not answer any
    more holds up for ever who waits for it: it is left to itself when nothing more has been written
    for PATIENCE seconds.
    """
    try:
        pid = os.fork()
    except OSError:
        _guarded(what, step)
        return
    if pid == 0:
        try:
            _guarded(what, step)
        finally:
            os._exit(0)
    least, end = unwritten(), time.monotonic() + patience
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        left, now = unwritten(), time.monotonic()
        if left < least:
            least, end = left, now + patience
        if now >= end:
            say(f"{what}: nothing was done for {patience:.0f} s; left as it is")
            return
        signal.sigtimedwait([signal.SIGCHLD], 0.05)


def _guarded(what: str, step: Callable[[], object]) -> None:
    try:
        step()
    except Exception as error:  # the machine ends whatever one step does
        say(f"{what}: {error}")


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        say(line)


def end_processes() -> None:
    """TERM to all, and KILL to who does not go."""
    if os.getpid() != 1:
        return  # "all" are everybody's then
    for number, wait in ((signal.SIGTERM, _TERM_WAIT), (signal.SIGKILL, _KILL_WAIT)):
        try:
            os.kill(-1, number)
        except ProcessLookupError:
            return
        if _reaped(wait):
            return


def _reaped(seconds: float) -> bool:
    """Whether all children, which is all there are for the first process, ended in time."""
    end = time.monotonic() + seconds
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return True
        if time.monotonic() >= end:
            return False
        signal.sigtimedwait([signal.SIGCHLD], 0.05)


def keep_reason(run: str, action: str) -> None:
    """What the next boot is told: why it ended, and that it ended in order. Raises OSError."""
    told = reason.read(run + reason.GOING)
    with open(f"{run}/place.json", encoding="utf-8") as file:
        import json

        state = json.load(file)["state"]
    reason.write(state + reason.LAST, {**told, "action": action, "clean": True, "at": time.time()})


def swap_off_all(
    swaps: Callable[[], list[str]] = mounts.swaps,
    swap_off: Callable[[str], object] = machine.swap_off,
) -> list[str]:
    """Swap no more: a file that is swapped to keeps its file system busy. Returns what is
    still swapped to, and why.
    """
    stays = []
    for path in swaps():
        try:
            swap_off(path)
        except OSError as error:
            stays.append(f"{path}: {error.strerror}")
    return stays


def unmount_all(
    table: Callable[[], list[mounts.Mount]] = mounts.mounts,
    unmount: Callable[[str], object] = machine.unmount,
    read_only: Callable[[str], object] = lambda point: machine.mount(
        "", point, "", machine.REMOUNT | machine.READ_ONLY
    ),
) -> list[str]:
    """Unmount everything that can be, the last first, and make the rest read-only. Returns what
    stays writable, and why.
    """
    busy: dict[str, str] = {}
    for _ in range(_ROUNDS):
        busy, before = {}, len(busy)
        for one in _to_go(table()):
            try:
                unmount(one.point)
            except OSError as error:
                busy[one.point] = error.strerror or "cannot be unmounted"
        if not busy or len(busy) == before:
            break
    stays = []
    for one in reversed(table()):
        if one.kind in _KEPT or one.kind == "tmpfs" or "ro" in one.options:
            continue
        try:
            read_only(one.point)
        except OSError as error:
            stays.append(f"{one.point} stays writable: {busy.get(one.point) or error.strerror}")
    return stays


def _to_go(table: list[mounts.Mount]) -> list[mounts.Mount]:
    return [
        one
        for one in reversed(table)
        if one.point not in _IN_USE and one.kind not in _KEPT and not _api(one.point)
    ]


def _api(point: str) -> bool:
    return point.startswith(("/dev/", "/proc/", "/sys/"))
