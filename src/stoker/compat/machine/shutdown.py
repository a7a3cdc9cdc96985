"""shutdown: an end of the machine at a time, announced, and taken back.

The waiting is done by a process of its own, which the file RUN/system/shutdown names; `-c` ends it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import NamedTuple

from stoker.errors import Failed, Refused, StokerError, UsageError

__all__ = ["Order", "main", "moment", "understand", "warnings"]

_USAGE = """usage: shutdown [-h|-P|-H|-r|-k] [--no-wall] [TIME] [MESSAGE…]
       shutdown -c [--no-wall] [MESSAGE…]

TIME is now, +MINUTES or HH:MM; without one it is +1.

-h, -P, --poweroff  switch the power off (this is what happens anyway)
-H, --halt          stop, and leave the power on
-r, --reboot        start anew
-k                  only say so to everybody
-c                  take back what was ordered
"""
_ACTIONS = {"-h": "poweroff", "-P": "poweroff", "-p": "poweroff", "--poweroff": "poweroff",
            "-H": "halt", "--halt": "halt", "-r": "reboot", "--reboot": "reboot", "-k": "",
            "-c": "cancel"}  # fmt: skip
_BEFORE = (60, 30, 15, 10, 5, 2, 1)  # minutes at which people are told again


class Order(NamedTuple):
    """What was asked for: `action` "" says it only; `at` in seconds since 1970."""

    action: str
    at: float
    message: str
    quiet: bool


def main(arguments: list[str]) -> int:
    """The command; its exit status."""
    if arguments[:1] in (["--help"], ["-?"]) or arguments == ["-h"]:
        print(_USAGE, end="")  # -h alone: as sysvinit, which expects a time then
        return int(arguments == ["-h"])
    try:
        return _carry_out(understand(arguments, time.time()))
    except StokerError as error:
        print(f"shutdown: {error}", file=sys.stderr)
        return 1


def understand(arguments: list[str], now: float) -> Order:
    """What the words say. Raises UsageError."""
    action, quiet = "poweroff", False
    words = list(arguments)
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            break
        if word == "--no-wall":
            quiet = True
        elif word in ("-f", "-F", "-n", "-a"):
            continue  # of older inits: about fsck and accounts
        elif word == "-t":
            words[:1] = []  # seconds between signals: services have their own
        elif word in _ACTIONS:
            action = _ACTIONS[word]
        else:
            raise UsageError(f"{word!r} is not understood (see shutdown --help)")
    if action == "cancel":
        return Order(action, now, " ".join(words), quiet)
    at = moment(words.pop(0), now) if words else now + 60.0
    return Order(action, at, " ".join(words), quiet)


def moment(word: str, now: float) -> float:
    """now, +MINUTES, HH:MM (the next one), as seconds since 1970. Raises UsageError."""
    if word == "now":
        return now
    text = word.removeprefix("+")
    if text.isdecimal() and len(text) < 7:
        return now + 60.0 * int(text)
    hour, sign, minute = word.partition(":")
    if sign and hour.isdecimal() and minute.isdecimal() and int(hour) < 24 and int(minute) < 60:
        there = list(time.localtime(now))
        there[3:6] = [int(hour), int(minute), 0]
        there[8] = -1  # let the rules of summer time say
        for _ in range(2):
            at = time.mktime(tuple(there))  # type: ignore[arg-type]
            if at >= now:
                return at
            there[2] += 1
    raise UsageError(f"{word!r} is no time: now, +MINUTES or HH:MM")


def warnings(now: float, at: float) -> list[float]:
    """The moments between now and then at which people are told."""
    return [at - 60.0 * minutes for minutes in _BEFORE if at - 60.0 * minutes > now]


def _carry_out(order: Order) -> int:
    from stoker.system import is_first

    if not is_first():
        raise Refused("the machine has another system manager than stoker", hint="use its own")
    if os.geteuid() != 0:
        raise Refused("you may not shut this machine down", hint="as root")
    if order.action == "cancel":
        return _cancel(order)
    if not order.action:
        _say(order, _text(order))
        return 0
    _stop_waiting()
    if order.at <= time.time() + 1.0:
        return _now(order)
    print(f"{_text(order)} To take it back: shutdown -c")
    sys.stdout.flush()
    if os.fork() == 0:
        _wait_detached(order)
    return 0


def _text(order: Order) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(order.at))
    what = order.action or "shutdown"
    said = f" ({order.message})" if order.message else ""
    return f"The system goes down at {when}: {what}{said}."


def _say(order: Order, text: str) -> None:
    from stoker.system import wall

    if not order.quiet:
        wall(text)


def _now(order: Order) -> int:
    from stoker.system import tell

    _say(order, f"The system goes down now: {order.action}. {order.message}".strip())
    tell(order.action, order.message)
    return 0


def _file() -> str:
    from stoker.system import run_directory

    return f"{run_directory()}/system/shutdown"


def _wait_detached(order: Order) -> None:
    """In a child: wait, telling people, then end the machine; never returns."""
    status = 1
    try:
        os.setsid()
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        for target in (0, 1, 2):
            os.dup2(null, target)
        with open(_file(), "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        for at in [*warnings(time.time(), order.at), order.at]:
            _say(order, _text(order))
            while (left := at - time.time()) > 0:
                time.sleep(min(left, 60.0))  # a clock may be set meanwhile
        status = _now(order)
    finally:
        os._exit(status)


def _cancel(order: Order) -> int:
    if not _stop_waiting():
        raise Failed("no shutdown is ordered")
    _say(order, f"The shutdown is taken back. {order.message}".strip())
    return 0


def _stop_waiting() -> bool:
    """End a process that waits; whether there was one."""
    try:
        with open(_file(), encoding="ascii") as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            ours = b"shutdown" in file.read()
        os.unlink(_file())
        if ours:
            os.kill(pid, signal.SIGTERM)
        return ours
    except (OSError, ValueError):
        return False  # none, or it has ended
