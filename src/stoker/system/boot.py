"""The first process of a machine, until it executes the keeper.

Each step is guarded: what goes wrong is said, and the next step comes. When even the keeper cannot
be executed there is a shell on the console, again and again.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable

from . import early, filesystems
from .children import output_of
from .console import CONSOLE, remark, say
from .modes import event_of, steps
from .programs import keeper_argv, program

__all__ = ["RUN", "main"]

RUN = "/run/stoker"
"""The runtime directory of the machine."""

STATE, LOGS = "/var/lib/stoker", "/var/log/stoker"
_CHOICES = ("repository.db", "repository.db-wal", "layer.json")  # what people chose, of STATE
_PREPARING = 120.0  # seconds that the definitions may take to be read


def main(arguments: list[str] | None = None) -> int:
    """Boot. Returns only where this is not the first process."""
    words = sys.argv[1:] if arguments is None else arguments
    if os.getpid() != 1:
        from .telling import init

        return init(words)
    # Nothing may end us, and no hotkey may be lost: signals wait for the keeper.
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    try:
        _boot(words)
    except BaseException as error:  # the first process does not end
        text = f"cannot boot: {type(error).__name__}: {error}"
        _try("log", lambda: say(text))
    _shells()
    return 1


def _boot(words: list[str]) -> None:
    begun = time.monotonic()
    _surroundings()
    _try("API mounts", filesystems.mount_api)
    _try("console", _console)
    event, unknown = event_of(words)
    say(f"system manager: {event or 'normal'} ({' '.join(words) or 'no words'})")
    if unknown:
        remark(f"not understood, and passed over: {' '.join(unknown)}")
    _try("host name", early.set_hostname)
    _try("cgroups", early.use_controllers)
    if early.kind() == "machine":
        _try("hotkeys", early.take_keys, quietly=True)
        _try("hardware clock", early.warp_clock)
        _try("file systems", filesystems.open_disks)
        _try("clock", lambda: early.set_clock((f"{LOGS}/stoker.log", f"{STATE}/repository.db")))
    _try("locale", lambda: os.environ.update(early.locale()))
    argv = _prepared(steps(event))
    remark(f"the keeper begins after {time.monotonic() - begun:.2f} s")
    os.execv(argv[0], argv)


def _surroundings() -> None:
    try:
        os.setsid()
    except PermissionError:
        pass  # we are the leader of one already
    os.chdir("/")
    os.umask(0o022)
    os.environ["PATH"] = early.PATH
    os.environ["LANG"] = "C.UTF-8"


def _try(what: str, step: Callable[[], Iterable[str] | object], *, quietly: bool = False) -> None:
    """One step; what it returns as lines, or raises, is said."""
    try:
        told = step()
        for line in told if isinstance(told, Iterable) else ():
            (remark if quietly else say)(f"{what}: {line}")
    except Exception as error:
        try:
            say(f"{what}: {error}")
        except Exception:  # memory is short, say: there is nobody left to be told
            pass


def _console() -> None:
    """The first three descriptors are the console; /dev/null where there is none."""
    for path in (CONSOLE, os.devnull):
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        except OSError:
            continue
        for target in (0, 1, 2):
            os.dup2(fd, target)
        if fd > 2:
            os.close(fd)
        return


def _prepared(events: Iterable[str]) -> list[str]:
    """Have the place written by a process of its own; returns the keeper's command."""
    directories = {RUN: 0o700, f"{RUN}/system": 0o700}
    for path, mode in directories.items():
        _try(path, lambda path=path, mode=mode: os.makedirs(path, mode, exist_ok=True))  # type: ignore[misc]
    _try("what was before", lambda: _emptied(f"{RUN}/system"))
    state, logs = _kept(STATE, f"{RUN}/state"), _kept(LOGS, f"{RUN}/logs")
    if state != STATE:  # what was chosen before counts nevertheless, if it can be read
        _try("choices", lambda: filesystems.carry(_CHOICES, STATE, state))
    argv = (*program("stoker.system.prepare"), RUN, state, logs, *events)
    try:
        found = json.loads(output_of(argv, _PREPARING))
        return [str(word) for word in found["keeper"]]
    except OSError as error:
        say(f"{argv[0]}: {error.strerror}")
    except (ValueError, KeyError, TypeError):
        say("the place of the machine could not be prepared; going on without definitions")
    return keeper_argv(RUN, f"{logs}/stoker.log", events)


def _emptied(folder: str) -> None:
    """What the director knew belongs to the life before, where /run outlives its machine: that of
    a container that is started again.
    """
    for name in os.listdir(folder):
        os.unlink(f"{folder}/{name}")


def _kept(path: str, instead: str) -> str:
    """Where something is kept: in its directory on disk, or in memory while that cannot be had."""
    point = filesystems.lacking(path) if early.kind() == "machine" else ""  # else: not our disks
    if not point and filesystems.writable(path):
        return path
    why = f"{point} is not mounted" if point else f"{path} cannot be written"
    say(f"{why}: what would be kept in {path} is lost at the end")
    return instead


def _shells() -> None:
    """For ever a shell on the console."""
    from .shell import shell_argv

    while True:
        begun = time.monotonic()
        try:
            pid = os.posix_spawn("/bin/sh", shell_argv(), os.environ, setsigmask=(), setsid=True)
            while os.wait()[0] != pid:
                pass
        except OSError:
            time.sleep(60.0)
        if time.monotonic() - begun < 1.0:
            time.sleep(1.0)  # there is no console for it
