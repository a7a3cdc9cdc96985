"""The last lines of one instance's output, without starting a reader where that can be avoided.

A file in the usual shape (``TIME STREAM RUN TEXT``, as `stoker.recorder` documents it) is read from
its end, here. Whatever is not that simple (another mode, rotated files, a long line) is left to the
recorder's reader, which knows everything and takes its time.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from stoker.model import Place

__all__ = ["last_lines"]

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,+@:")
_BLOCK = 16384


def last_lines(place: Place, fmri: str, count: int) -> list[dict[str, Any]]:
    """Records {time, fmri, stream, run, text}, oldest first. Raises StokerError as `records`."""
    found = _quickly(place, fmri, count)
    if found is not None:
        return found
    from .recorded import records

    with records(place, {"do": "logs", "names": [fmri], "n": count}) as answer:
        return [one for one in answer if "text" in one]


def _quickly(place: Place, fmri: str, count: int) -> list[dict[str, Any]] | None:
    """The same, or None where it is not that simple."""
    folder = fmri.removeprefix("svc:/").removesuffix(":default")
    if not folder or folder[0] == "." or not _PLAIN.issuperset(folder):
        return None
    folder = f"{place.logs}/{folder}"
    try:
        whole = os.listdir(folder) == ["current"]
        fd = os.open(folder + "/current", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    except OSError:
        return None
    try:
        size = os.fstat(fd).st_size
        data = os.pread(fd, _BLOCK, max(0, size - _BLOCK))
    finally:
        os.close(fd)
    *lines, rest = data.split(b"\n")
    if size > len(data):
        lines, whole = lines[1:], False
    if rest or (len(lines) < count and not whole):
        return None
    found = [_record(fmri, line) for line in lines[-count:]]
    return None if None in found else [one for one in found if one is not None]


def _record(fmri: str, line: bytes) -> dict[str, Any] | None:
    parts = line.split(b" ", 3)
    if len(parts) < 4 or len(parts[0]) != 27 or parts[0][19:20] != b"." or not parts[2].isdigit():
        return None
    return {
        "time": parts[0].decode("ascii", "replace"),
        "fmri": fmri,
        "stream": parts[1].decode("ascii", "replace"),
        "run": int(parts[2]),
        "text": parts[3].decode("utf-8", "surrogateescape"),
    }
