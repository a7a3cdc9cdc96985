"""cyclog, tai64n and tai64nlocal: log directories and the labels of their lines.

cyclog is the recorder's own program for standard input, which takes this one's place: what writes a
service's log is one mechanism. tai64nlocal reads what either wrote, and multilog's logs.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator

from stoker.errors import UsageError
from stoker.model import tai_label, tai_text, tai_wall

from .bundles import asked_for_help, complain, options

__all__ = ["cyclog", "local", "tai64n", "tai64nlocal"]

_SIZES = {"--max-file-size": "size", "--max-total-size": "total", "--margin": "margin"}
_USAGE = "[--max-file-size BYTES] [--max-total-size BYTES] [--margin BYTES] DIRECTORY…"
_LABEL = 25  # characters
_BLOCK = 1 << 16
_TEMPORARY, _PERMANENT = 111, 100
"""Exit statuses for what cannot be read on, and what cannot be read at all."""


def cyclog(arguments: list[str]) -> int:  # noqa: RET503 - it does not come back
    """cyclog: becomes the recorder's program; 1 when it is not understood, or a directory cannot be
    used.
    """
    if asked_for_help("cyclog", arguments, _USAGE):
        return 0
    words = list(arguments)
    try:
        given = options(words, {}, _SIZES)
        size = max(4096, _number(given.get("size", "0xFFFFFF")))
        total = max(size, _number(given.get("total", "0x3FFFFFFF")))
        margin = min(8192, max(512, _number(given.get("margin", "512"))))
        if not words:
            raise UsageError("a directory is needed")
    except UsageError as error:
        complain("cyclog", error)
        return 1
    package = os.path.abspath(f"{__file__}/../../../..")
    text = (
        f"import sys; sys.path[:0] = {[package]!r}; "
        "from stoker.recorder import cycle_main; sys.exit(cycle_main())"
    )
    numbers = [str(size), str(total), str(margin)]
    os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", text, *numbers, *words])


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise UsageError(f"{text} is no number of bytes") from None


def tai64n(arguments: list[str]) -> int:
    """tai64n: puts a label before each line."""
    return _filter("tai64n", arguments, _labelled)


def tai64nlocal(arguments: list[str]) -> int:
    """tai64nlocal: makes local times of the labels that lines begin with."""
    return _filter("tai64nlocal", arguments, local)


def _filter(program: str, arguments: list[str], change: Callable[[bytes], bytes]) -> int:
    if asked_for_help(program, arguments, "[FILE…]"):
        return 0
    for path in arguments or ["-"]:
        try:
            fd = 0 if path == "-" else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            complain(program, f"{path}: {error.strerror}")
            return _PERMANENT
        try:
            for line in _lines(fd):
                sys.stdout.buffer.write(change(line))
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            complain(program, f"{path}: {error.strerror}")
            return _TEMPORARY
        finally:
            if fd:
                os.close(fd)
    return 0


def _lines(fd: int) -> Iterator[bytes]:
    """Whole lines as soon as they are there; the last one gets its end."""
    rest = b""
    while data := os.read(fd, _BLOCK):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line + b"\n"
        sys.stdout.buffer.flush()
    if rest:
        yield rest + b"\n"


def _labelled(line: bytes) -> bytes:
    return b"@" + tai_label(time.time_ns()).hex().encode("ascii") + b" " + line


def local(line: bytes) -> bytes:
    """A line with local time in place of the label it begins with; as it is where it has none."""
    label = tai_text(line)
    if label is None:
        return line
    second, rest = divmod(tai_wall(label), 1_000_000_000)
    try:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
    except (OverflowError, OSError, ValueError):  # a moment that has no date
        return line
    return f"{when}.{rest:09d}".encode("ascii") + line[_LABEL:]
