"""service-status and svstat: what a service is doing, for people (nosh.md 5.6)."""

from __future__ import annotations

import os

from stoker.errors import UsageError

from .bundles import Bundle, asked_for_help, complain, options
from .logging import local
from .supervised import CLASSES, End, Status, ago, is_supervised, read_status, when

__all__ = ["main", "svstat"]

WANTS = {"u": "want up", "d": "want down", "o": "once", "O": "once at most"}
ENDS = (" Started", "     Ran", "Restartd", " Stopped")
LINES = 5
_TAIL = 16_384  # bytes of a log that are looked at for its last lines
_NOBODY = Status(b"", 0.0, 0, False, "", None)
"""Of a directory that nobody supervises."""


def main(arguments: list[str]) -> int:
    """service-status: the long form."""
    return _run("service-status", arguments, long=True)


def svstat(arguments: list[str]) -> int:
    """svstat: a line each."""
    return _run("svstat", arguments, long=False)


def _run(program: str, arguments: list[str], *, long: bool) -> int:
    if asked_for_help(program, arguments, "[--long] [--log-lines COUNT] DIRECTORY…"):
        return 0
    words = list(arguments)
    switches = {"--long": "long", "--colour": "colour", "--color": "colour"}
    try:
        given = options(words, switches, {"--log-lines": "lines"})
        count = int(given.get("lines", LINES))
    except (UsageError, ValueError) as error:
        complain(program, error)
        return 1
    for directory in words:
        print("\n".join(show(Bundle(directory), long or "long" in given, count)))
    return 0


def show(bundle: Bundle, long: bool, count: int = LINES) -> list[str]:
    """The lines about one directory."""
    path = bundle.path
    try:
        status = read_status(bundle.supervise) if is_supervised(bundle.supervise) else _NOBODY
    except OSError as error:
        return [f"{path}: {error.strerror}"]
    if long:
        return [f"{path}: ", *(f"\t{line}" for line in _long(bundle, status)), *_log(bundle, count)]
    return [f"{path}: {_short(bundle, status)}"]


def word(bundle: Bundle, status: Status) -> str:
    """The state, where one that is ready when it has run is told by what it has done."""
    if not bundle.has("ready_after_run") or status.state is None:
        return status.word
    if status.state == 3:
        return "started" if status.pid else "ready"
    if status.state == 0 and len(status.ends) > 1 and status.ends[1].kind:
        return "done"
    return status.word


def _short(bundle: Bundle, status: Status | None) -> str:
    if status is None or status is _NOBODY:
        return _unknown(status)
    text = word(bundle, status)
    if status.pid:
        text += f" (pid {status.pid})"
    text += f" since {when(status.wall)}; {ago(status.wall)} ago"
    more = _action(status)
    enabled = not bundle.has("down")
    if status.state is None:
        up, words = status.up, ("down", "up")
    else:
        done = bundle.has("ready_after_run") and len(status.ends) > 1 and status.ends[1].kind
        up, words = status.state != 0 or bool(done), ("stopped", "started")
    if up != enabled:
        more.append(f"initially {words[enabled]}")
    return text + ("; " if more else "") + ", ".join(more) + "."


def _unknown(status: Status | None) -> str:
    return "loading" if status is None else "No supervisor is running"


def _action(status: Status) -> list[str]:
    """What is under way. Others than nosh leave the wish there when it has come true."""
    hidden = not status.ends and status.want == ("u" if status.up else "d")
    want = "" if hidden else WANTS.get(status.want, "")
    return [*(["paused"] if status.paused else []), *([want] if want else [])]


def _long(bundle: Bundle, status: Status | None) -> list[str]:
    if status is None or status is _NOBODY:
        lines = [f"State   : {_unknown(status)}"]
    else:
        since = f"since {when(status.wall)}; {ago(status.wall)} ago"
        lines = [f"State   : {word(bundle, status)} {since}"]
        lines += [f"Main PID: {status.pid}"] if status.pid else []
        lines += [f"Action  : {', '.join(more)}"] if (more := _action(status)) else []
        ends = zip(ENDS, status.ends, strict=False)
        lines += [f"{name}: {_end(end)}" for name, end in ends if end.kind]
    flags = {
        "remain": "run on empty",
        "ready_after_run": "ready after run",
        "use_hangup": "use SIGHUP",
        "no_kill_signal": "no SIGKILL",
    }
    config = ["disabled" if bundle.has("down") else "enabled"]
    config += [text for flag, text in flags.items() if bundle.has(flag)]
    return [*lines, f"Config  : {', '.join(config)}"]


def _end(end: End) -> str:
    at = f"at {when(end.wall)}; {ago(end.wall)} ago"
    if end.kind == 1:
        return f"exit {end.number} {at}"
    from stoker.model import signal_name

    text = f"{CLASSES.get(end.number, 'crash')} {end.number} {signal_name(end.number)}"
    return text + (" (core dumped) " if end.kind == 3 else " ") + at


def _log(bundle: Bundle, count: int) -> list[str]:
    """The last lines of its log, where it has one in the usual place."""
    path = f"{bundle.path}/log/main/current"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # it has none
        return []
    with open(fd, "rb") as file:
        file.seek(max(0, os.fstat(fd).st_size - _TAIL))
        lines = file.read(_TAIL).splitlines()[-count:] if count > 0 else []
    return [local(line).decode("utf-8", "backslashreplace") for line in lines]
