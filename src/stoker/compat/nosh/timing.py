"""timer-wait: wait until something is due, then become a program. What timers are converted to.

    timer-wait [--on-boot=SPAN] [--on-startup=SPAN] [--on-active=SPAN] [--on-unit-active=SPAN]
        [--on-unit-inactive=SPAN] [--on-calendar=EVENT] [--persistent] -- PROGRAM [ARGUMENT…]

What has happened so far stands in the times of three files of the directory that it runs in: of
`stamp-on-start` (the timer came up), `stamp-on-service` (it became the program) and
`stamp-on-restart` (the program ended). As nosh has it, with its `run` executed again and again.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from typing import NamedTuple

from stoker.errors import StokerError, UsageError
from stoker.formats import span

from .becoming import become
from .bundles import asked_for_help, complain
from .occasions import occasion

__all__ = ["Past", "due", "main"]

PROGRAM = "timer-wait"
START, SERVICE, RESTART = "stamp-on-start", "stamp-on-service", "stamp-on-restart"
_LONGEST = 600.0  # seconds between looks at the clock, which stands still while the machine sleeps
_COARSE = 5  # CLOCK_REALTIME_COARSE of Linux
_BARELY = 1.0  # seconds: the machine's start is reckoned anew each time, and not quite the same
_CANNOT = 111
_HELP = "[--persistent] --on-WHAT=WHEN… -- PROGRAM [ARGUMENT…]"


class Past(NamedTuple):
    """When something was, in Unix seconds; 0: never."""

    boot: float = 0.0
    start: float = 0.0
    service: float = 0.0
    restart: float = 0.0


def main(arguments: list[str]) -> int:
    """The command: it becomes the program. 1 and 111 when that cannot be."""
    if asked_for_help(PROGRAM, arguments, _HELP):
        return 0
    try:
        if "--" not in arguments or arguments[-1] == "--":
            raise UsageError("-- and a program are needed")
        border = arguments.index("--")
        given, persistent = _given(arguments[:border])
        due(given, persistent, _past(), _now())  # what cannot be read is told at once
        if not _when(START):  # nobody else has said so
            _touch(START)
    except (StokerError, OSError) as error:
        complain(PROGRAM, error)
        return 1
    words = arguments[border + 1 :]
    try:
        _wait(lambda: due(given, persistent, _past(), _now()))
        _touch(SERVICE)
        become(words)
    except OSError as error:
        complain(PROGRAM, f"{error.filename or words[0]}: {error.strerror}")
        return _CANNOT


def _given(words: list[str]) -> tuple[list[tuple[str, str]], bool]:
    found = []
    for word in words:
        name, sign, value = word.partition("=")
        if word != "--persistent" and (not sign or name.removeprefix("--on-") not in _KINDS):
            raise UsageError(f"{word}: unrecognized option")
        if sign:
            found.append((name.removeprefix("--on-"), value))
    if not found:
        raise UsageError("nothing is said of when")
    return found, "--persistent" in words


_KINDS = ("boot", "startup", "active", "unit-active", "unit-inactive", "calendar")


def due(given: list[tuple[str, str]], persistent: bool, past: Past, now: float) -> float | None:
    """The earliest of all moments, which may be past; None if there will be none. `persistent`:
    what the calendar had while nobody waited is due, too. Raises Failed.
    """
    found: list[float] = []
    for kind, value in given:
        if kind == "calendar":
            base = past.service if persistent and past.service else now
            moment = occasion(value).after(base)
            found += [] if moment is None else [moment]
        elif kind == "unit-active":
            found += [past.service + span(value)] if past.service else []
        elif kind == "unit-inactive":
            found += [past.restart + span(value)] if past.restart >= past.service > 0 else []
        else:
            begin, about = (past.start, 0.0) if kind == "active" else (past.boot, _BARELY)
            moment = begin + span(value)
            if past.service < max(moment - about, past.start):  # else it has been since
                found.append(moment)
    return min(found, default=None)


def _now() -> float:
    """By the clock that stamps files, which is up to a tick behind the other one: else what becomes
    due is stamped as of before that, and due again.
    """
    return time.clock_gettime(_COARSE)


def _past() -> Past:
    return Past(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME), *map(_when, _STAMPS))


_STAMPS = (START, SERVICE, RESTART)


def _when(name: str) -> float:
    try:
        return os.stat(name).st_mtime
    except FileNotFoundError:
        return 0.0


def _touch(name: str) -> None:
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
    os.utime(name)


def _wait(when: Callable[[], float | None]) -> None:
    """Until that moment, which is asked for anew when the clock was set."""
    from stoker.linux import clock

    changes = clock.ClockChanges()
    moment = when()
    while True:
        left = _LONGEST if moment is None else moment - _now()
        if left <= 0:
            break
        if select.select([changes.fd], [], [], min(left, _LONGEST))[0] and changes.read():
            moment = when()
    changes.close()
